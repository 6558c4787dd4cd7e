//! Asking a VC issuer.

use std::time::Duration;

use serde_json::Map;

use crate::answer::{Issuance, IssuedCredential, Ticket, parse_object};
use crate::bindings::vc_issuance::exports::chancery::plugin::vc_issuance as guest;
use crate::call::Budget;
use crate::error::CallError;
use crate::generation::{Generation, Kinds};
use crate::guest::Guest;
use crate::request::{Holder, PluginRequest, PollRequest};

/// Part of the contract in `wit/`.
const MAX_TOKEN: usize = 16 << 10;

/// The longest that a ticket may put off the next question.
const MAX_RETRY: Duration = Duration::from_hours(24);

/// Lengths of what is kept in records.
const MAX_EXTERNAL_ID: usize = 1 << 10;
const MAX_METADATA: usize = 64 << 10;

impl Generation {
    /// Starts an issuance. The caller holds the permits.
    pub(crate) async fn issue(&self, request: PluginRequest, holder: Holder) -> Result<Issuance, CallError> {
        let Kinds::VcIssuance(exports) = &self.kinds else { return Err(self.wrong_kind("vc-issuance")) };
        let budget = Budget::of_call(&self.limits);
        let (context, request) = self.to_guest(&budget, request)?;
        let holder = guest::Holder {
            id: holder.id,
            proof_type: holder.proof_type,
            public_key_jwk: holder.public_key_jwk.map(|jwk| jwk.to_string()),
        };
        let check = |issuance, _: &mut Guest| self.checked_issuance(issuance);
        self.ask(exports, context, &budget, |store, plugin| Box::pin(plugin.issue(store, request, holder)), check).await
    }

    /// Continues a pending issuance. The caller holds the permits.
    pub(crate) async fn poll(&self, request: PollRequest) -> Result<Issuance, CallError> {
        let Kinds::VcIssuance(exports) = &self.kinds else { return Err(self.wrong_kind("vc-issuance")) };
        let budget = Budget::of_call(&self.limits);
        let mut context = budget.context();
        context.request_id.clone_from(&request.request_id);
        context.issuer_id.clone_from(&request.issuer_id);
        context.configuration_id.clone_from(&request.configuration_id);
        let request = guest::PollRequest {
            request_id: request.request_id,
            issuer_id: request.issuer_id,
            configuration_id: request.configuration_id,
            settings: self.object("settings", request.settings)?,
            token: request.token,
            context: self.object("context", request.context)?,
            budget_ms: self.budget_ms(),
        };
        let check = |issuance, _: &mut Guest| self.checked_issuance(issuance);
        self.ask(exports, context, &budget, |store, plugin| Box::pin(plugin.poll(store, request)), check).await
    }

    fn checked_issuance(&self, issuance: guest::Issuance) -> Result<Issuance, String> {
        let plugin_sha256 = self.identity.sha256.clone();
        match issuance {
            guest::Issuance::Pending(ticket) => {
                if ticket.token.len() > MAX_TOKEN {
                    return Err(format!("{} bytes of token, the limit is {MAX_TOKEN}", ticket.token.len()));
                }
                let retry_after = Duration::from_millis(ticket.retry_after_ms.into()).min(MAX_RETRY);
                Ok(Issuance::Pending(Ticket { token: ticket.token, retry_after, plugin_sha256 }))
            }
            guest::Issuance::Issued(credential) => {
                let within = |name: &str, bytes: usize, limit: usize| match bytes {
                    bytes if bytes > limit => Err(format!("{bytes} bytes of {name}, the limit is {limit}")),
                    _ => Ok(()),
                };
                let output = usize::try_from(self.limits.output).unwrap_or(usize::MAX);
                within("credential", credential.body.len(), output)?;
                within("metadata", credential.metadata.len(), MAX_METADATA)?;
                within("external-id", credential.external_id.as_ref().map_or(0, String::len), MAX_EXTERNAL_ID)?;
                let metadata = match credential.metadata.as_str() {
                    "" => Map::new(),
                    text => parse_object(text).map_err(|error| format!("metadata: {error}"))?,
                };
                Ok(Issuance::Issued(IssuedCredential {
                    format: credential.format,
                    body: credential.body,
                    external_id: credential.external_id,
                    metadata,
                    plugin_sha256,
                }))
            }
        }
    }
}
