use chancery_store::{CredentialQuery, FoundCredential, StatusEntry, StoredCredential, Timestamp};
use uuid::Uuid;

use crate::issuance::Issuance;
use crate::issuance::configuration::Format;
use crate::issuance::credential::{Credential, kept};
use crate::issuance::error::{Error, NotFound};
use crate::issuance::issuers::Issuer;

/// A credential as it is stored.
#[derive(Debug)]
pub struct Stored {
    pub record: StoredCredential,
    pub credential: Credential,
    /// What is said of it now, by purpose.
    pub statuses: Vec<StatusEntry>,
}

/// Which credentials are wanted: those that fit everything that is set.
#[derive(Debug, Default)]
pub struct Search {
    pub credential_type: Option<String>,
    pub configuration_id: Option<String>,
    /// Whom they are about.
    pub subject: Option<String>,
    /// Indexed claims by name and value.
    pub attributes: Vec<(String, String)>,
    pub created_from: Option<Timestamp>,
    pub created_until: Option<Timestamp>,
    /// Purposes whose entry is set.
    pub statuses: Vec<String>,
    /// The `next` of the page before.
    pub after: Option<String>,
    pub limit: u32,
}

#[derive(Debug)]
pub struct Page {
    pub found: Vec<Found>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// A record, without the credential.
pub type Found = FoundCredential;

impl Issuer {
    /// The id that a name in a path or a request means: a bare UUID is short for one of ours.
    pub fn credential_id(&self, name: &str) -> String {
        match Uuid::try_parse(name) {
            Ok(uuid) if name.len() == 36 => format!("{}/credentials/{uuid}", self.url),
            _ => name.to_owned(),
        }
    }
}

impl Issuance {
    /// The signed credential of that name.
    pub async fn stored_credential(&self, issuer: &Issuer, name: &str) -> Result<Stored, Error> {
        let record = self.record_of(issuer, &issuer.credential_id(name)).await?;
        let credential = self.open_credential(issuer, &record)?;
        let statuses = self.statuses_of(issuer, &record.credential_id).await?;
        Ok(Stored { record, credential, statuses })
    }

    /// The record of a credential, also where the credential itself is not kept.
    pub async fn credential_record(&self, issuer: &Issuer, name: &str) -> Result<Found, Error> {
        self.record_of(issuer, &issuer.credential_id(name)).await.map(Found::from)
    }

    /// What is said of a credential now, by purpose.
    pub async fn credential_statuses(&self, issuer: &Issuer, name: &str) -> Result<Vec<StatusEntry>, Error> {
        let record = self.credential_record(issuer, name).await?;
        self.statuses_of(issuer, &record.credential_id).await
    }

    /// The newest first, a page at a time.
    pub async fn find_credentials(&self, issuer: &Issuer, search: Search) -> Result<Page, Error> {
        let limit = search.limit;
        let attributes = search.attributes.into_iter();
        let query = CredentialQuery {
            issuer_id: issuer.id.clone(),
            credential_type: search.credential_type,
            configuration_id: search.configuration_id,
            subject_hash: search.subject.as_deref().map(|subject| issuer.subject_hash(subject)),
            attributes: attributes
                .map(|(name, value)| {
                    let hash = issuer.attribute_hash(&name, &value.into());
                    (name, hash)
                })
                .collect(),
            created_from: search.created_from,
            created_until: search.created_until,
            statuses: search.statuses,
            after: search.after.as_deref().map(cursor).transpose()?,
            limit: limit + 1,
        };
        let mut found = self.store.find_credentials(&query).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| cursor_after(last.created_time, &last.credential_id));
        Ok(Page { found, next })
    }

    async fn statuses_of(&self, issuer: &Issuer, id: &str) -> Result<Vec<StatusEntry>, Error> {
        let mut statuses = self.store.status_entries(&issuer.id, id).await?;
        statuses.sort_by(|a, b| a.slot.purpose.cmp(&b.slot.purpose));
        Ok(statuses)
    }

    pub(super) async fn record_of(&self, issuer: &Issuer, id: &str) -> Result<StoredCredential, Error> {
        if let Some(record) = self.store.find_credential(&issuer.id, id).await? {
            return Ok(record);
        }
        let was_deleted = self.store.is_deleted(&issuer.id, &issuer.credential_hash(id)).await?;
        Err(if was_deleted { Error::Deleted } else { Error::NotFound(NotFound::Credential) })
    }

    pub(in crate::issuance) fn open_credential(
        &self,
        issuer: &Issuer,
        record: &StoredCredential,
    ) -> Result<Credential, Error> {
        let sealed = record.credential.as_ref().ok_or(Error::NotFound(NotFound::Document))?;
        let unreadable = |cause: String| Error::broken("the credential cannot be read", cause);
        let text =
            self.keyring.open(&kept(issuer, &record.credential_id), sealed).map_err(|e| unreadable(e.to_string()))?;
        let text = std::str::from_utf8(&text).map_err(|e| unreadable(e.to_string()))?.to_owned();
        Ok(if record.format == Format::LdpVc.as_str() { Credential::Json(text) } else { Credential::Text(text) })
    }
}

/// Where a page ends, in one word: the time and the id of the last one on it.
pub(crate) fn cursor_after(created: Timestamp, id: &str) -> String {
    format!("{}_{id}", created.get().timestamp_micros())
}

pub(crate) fn cursor(text: &str) -> Result<(Timestamp, String), Error> {
    let parts = text
        .split_once('_')
        .and_then(|(micros, id)| Some((chrono::DateTime::from_timestamp_micros(micros.parse().ok()?)?, id.to_owned())));
    let (time, id) =
        parts.ok_or_else(|| Error::InvalidRequest("after must be the next of a former page".to_owned()))?;
    Ok((Timestamp::new(time), id))
}
