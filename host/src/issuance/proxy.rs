//! Mode `proxy`: ask another issuer for a credential for each key, verify what comes back, and pass it on as it is.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use chancery_credential::verify::{Verified, VerifyError};
use chancery_sandbox::{
    CallError, Holder, Issuance as Answered, IssuedCredential, PluginRequest, PollRequest, Sandbox,
};
use chancery_store::{StoredCredential, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Issuance;
use super::configuration::{Format, Upstream};
use super::credential::Credential;
use super::error::Error;
use super::making::replacement;
use super::patience::PAUSE;
use super::proof::HolderKey;
use super::subject::OfferSubject;
use super::work::{Call, Finished, Issued, Progress, Stage, Work};

impl Issuance {
    pub(super) async fn pass_on(
        &self,
        call: &Call<'_>,
        upstream: &Arc<Upstream>,
        work: &mut Work,
    ) -> Result<Progress, Error> {
        let mut waiting = None;
        for index in 0..work.parts.len() {
            waiting = waiting.max(self.go_on_with(call, upstream, work, index).await?);
        }
        // What has come is judged before anything else is waited for.
        let mut finished = Vec::with_capacity(work.parts.len());
        for part in &work.parts {
            let Stage::Issued(issued) = &part.stage else { continue };
            let verified = self.judged(call, upstream, &issued.body, part.holder.clone()).await?;
            finished.push(self.taken_over(call, work, issued, &verified)?);
        }
        Ok(waiting.map_or(Progress::Done(finished), Progress::Waiting))
    }

    /// Verifies what another issuer signed, away from the threads that serve requests: hostile input may cost much.
    async fn judged(
        &self,
        call: &Call<'_>,
        upstream: &Arc<Upstream>,
        body: &str,
        holder: Option<HolderKey>,
    ) -> Result<Verified, Error> {
        let broken = |cause: &str| Error::broken("the credential could not be verified", cause);
        let _turn = self.judging.acquire().await.map_err(|error| broken(&error.to_string()))?;
        let (upstream, body, now, skew) = (Arc::clone(upstream), body.to_owned(), call.now, self.limits.clock_skew);
        let judge = move || upstream.verify(body.as_bytes(), holder.as_ref(), now, skew);
        let verified = tokio::task::spawn_blocking(judge).await.map_err(|error| broken(&error.to_string()))?;
        verified.map_err(|error| Error::Rejected { reason: reason(&error), cause: error.into() })
    }

    /// Asks for one credential, or for what became of its ticket; `Some` where that has to be asked again.
    async fn go_on_with(
        &self,
        call: &Call<'_>,
        upstream: &Upstream,
        work: &mut Work,
        index: usize,
    ) -> Result<Option<Duration>, Error> {
        let stage = &work.parts[index].stage;
        if matches!(stage, Stage::Issued(_)) {
            return Ok(None);
        }
        if call.patience.is_over() {
            return Ok(Some(PAUSE));
        }
        let sandbox = self.sandbox.as_ref();
        let sandbox = sandbox.ok_or_else(|| Error::broken("nothing is issued here", "no plugins were started"))?;
        let answered = match stage {
            Stage::Ticket(token) => {
                let request_id = work.numbered(call.actor.request_id.as_deref().unwrap_or_default(), index);
                poll(sandbox, call, upstream, request_id, token).await?
            }
            Stage::Open | Stage::Issued(_) => issue(sandbox, call, upstream, work, index).await,
        };
        match answered {
            Ok(Answered::Issued(credential)) => {
                work.parts[index].stage = Stage::Issued(as_asked_for(credential, call.configuration.format())?);
                Ok(None)
            }
            Ok(Answered::Pending(ticket)) => {
                work.parts[index].stage = Stage::Ticket(B64.encode(&ticket.token));
                Ok(Some(ticket.retry_after))
            }
            Err(error) => call.patience.defers(&error).map(Some).ok_or_else(|| error.into()),
        }
    }

    fn taken_over(
        &self,
        call: &Call<'_>,
        work: &Work,
        issued: &Issued,
        verified: &Verified,
    ) -> Result<Finished, Error> {
        let (issuer, configuration) = (call.issuer, call.configuration);
        let credential = match configuration.format() {
            Format::DcSdJwt | Format::JwtVcJson => Credential::Text(issued.body.clone()),
            Format::LdpVc => Credential::Json(issued.body.clone()),
        };
        let (id, now) = (issuer.new_credential_id(), Timestamp::new(call.now));
        let mut event = call.actor.did(&issuer.id, "credential.issue", &id, now);
        event.plugin_digest = Some(issued.plugin_digest.clone());
        event.detail = json!({
            "configuration": configuration.id,
            "version": configuration.version,
            "format": configuration.format().as_str(),
            "upstream_issuer": verified.issuer,
            "key": verified.key_id,
            // Another issuer's text, which may name a person: whoever knows it finds the event by it.
            "external_id_sha256": issued.external_id.as_ref().map(|id| format!("{:x}", Sha256::digest(id))),
            "offer": work.offer_id,
            "credential_sha256": credential.sha256(),
        });
        let record = StoredCredential {
            credential: self.sealed_copy(call, &id, &credential)?,
            credential_id: id,
            issuer_id: issuer.id.clone(),
            configuration_id: configuration.id.clone(),
            configuration_version: configuration.version,
            credential_type: configuration.credential_type.clone(),
            format: configuration.format().as_str().to_owned(),
            subject_hash: work.person().map(|person| issuer.subject_hash(person)),
            superseded_by: None,
            delete_after: configuration.retention.map(|kept| Timestamp::new(call.now + kept)),
            status: Vec::new(),
            attributes: Vec::new(),
            offer_id: work.offer_id.clone(),
            issue_date: verified.valid_from.map_or(now, Timestamp::new),
            expiration_date: verified.valid_until.map(Timestamp::new),
            created_time: now,
            updated_time: now,
        };
        let replacement = replacement(call, &record);
        Ok(Finished { credential, record, event, replacement })
    }
}

async fn issue(
    sandbox: &Sandbox,
    call: &Call<'_>,
    upstream: &Upstream,
    work: &Work,
    index: usize,
) -> Result<Answered, CallError> {
    // Who brings claims has no subject but his grant: what the access token calls `sub`.
    let (subject_id, subject_claims) = match &work.subject {
        OfferSubject::Subject(subject) => (subject.clone(), json!({})),
        OfferSubject::Stored(_) => (String::new(), json!({})),
        OfferSubject::Claims(claims) => {
            (work.offer_id.clone().unwrap_or_else(|| work.request_id.clone()), Value::Object(claims.clone()))
        }
    };
    let request = PluginRequest {
        // The first request's, also where it is repeated later: so the other issuer knows it again.
        request_id: work.numbered(&work.request_id, index),
        issuer_id: call.issuer.id.clone(),
        configuration_id: call.configuration.id.clone(),
        format: call.configuration.format().as_str().to_owned(),
        subject_id,
        subject_claims,
        requested_claims: Vec::new(),
        locales: Vec::new(),
        settings: Value::Object(upstream.plugin.settings.clone()),
        context: json!({}),
    };
    let holder = work.parts[index].holder.as_ref().map_or_else(Holder::default, |key| Holder {
        id: Some(key.id()),
        proof_type: Some("jwt".to_owned()),
        public_key_jwk: Some(Value::Object(key.public_key.to_jwk())),
    });
    let plugin = &upstream.plugin.name;
    call.patience.ask(plugin, || sandbox.issue(plugin, request.clone(), holder.clone())).await
}

async fn poll(
    sandbox: &Sandbox,
    call: &Call<'_>,
    upstream: &Upstream,
    request_id: String,
    token: &str,
) -> Result<Result<Answered, CallError>, Error> {
    let request = PollRequest {
        request_id,
        issuer_id: call.issuer.id.clone(),
        configuration_id: call.configuration.id.clone(),
        settings: Value::Object(upstream.plugin.settings.clone()),
        token: B64.decode(token).map_err(|e| Error::broken("the request that was kept cannot be read", e))?,
        context: json!({}),
    };
    let plugin = &upstream.plugin.name;
    Ok(call.patience.ask(plugin, || sandbox.poll(plugin, request.clone())).await)
}

/// Takes what a plugin answered for what was asked for.
fn as_asked_for(credential: IssuedCredential, format: Format) -> Result<Issued, Error> {
    if credential.format != format.as_str() {
        let cause = format!("it is of the format {:?} instead of {}", credential.format, format.as_str());
        return Err(Error::Rejected { reason: "wrong-format", cause: cause.into() });
    }
    let body = String::from_utf8(credential.body)
        .map_err(|e| Error::Rejected { reason: "malformed-credential", cause: Box::new(e.utf8_error()) })?;
    Ok(Issued { body, external_id: credential.external_id, plugin_digest: credential.plugin_sha256 })
}

/// Stable codes for audit events.
fn reason(error: &VerifyError) -> &'static str {
    use VerifyError as E;
    match error {
        E::UntrustedIssuer(_) | E::IssuerMismatch => "untrusted-issuer",
        E::UnknownKey(_) | E::AlgorithmMismatch | E::BadSignature => "bad-signature",
        E::UnsupportedAlgorithm(_) | E::UnsupportedSuite(_) | E::ProofChain => "unsupported-signature",
        E::NotYetValid(_) | E::Expired(_) => "not-valid-now",
        E::WrongType(_) => "wrong-type",
        E::HolderMissing | E::HolderMismatch | E::SeveralSubjects => "not-bound-to-holder",
        E::HolderUnexpected => "bound-to-a-key",
        E::UnsupportedFormat(_) | E::WrongTokenType { .. } => "wrong-format",
        E::UnknownContext(_) | E::UnexpectedContext => "unexpected-context",
        E::TooLong { .. }
        | E::TooManyValues
        | E::TooManyProofs
        | E::Malformed(_)
        | E::Json(_)
        | E::SdJwt(_)
        | E::Model(_)
        | E::JsonLd(_)
        | E::Ambiguous(_)
        | E::NeverDisclosable(_) => "malformed-credential",
    }
}
