//! Issuer mode: raw data about a subject.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    Error, Plugin, Request,
    bindings::{chancery, data_provider::exports::chancery::plugin::data_provider as contract},
};

/// Raw data about a subject, which the host turns into a credential and signs.
pub trait DataProvider: Plugin {
    /// Looks up the subject of the request. Read-only and repeatable: the host may ask again.
    ///
    /// # Errors
    /// An unknown subject is [`Error::not_found`]; see [`ErrorKind`](crate::ErrorKind) for the rest.
    fn fetch(&self, request: &Request) -> Result<Data, Error>;
}

/// What the source knows about a subject.
#[derive(Debug)]
pub struct Data {
    claims: String,
    attachments: Vec<chancery::plugin::types::Attachment>,
    valid_until: Option<u64>,
}

impl Data {
    /// Claims that are already JSON text, for a source that answers JSON: passed on as it is. The
    /// host refuses what is not one JSON object with unique names.
    pub fn from_json_text(claims: impl Into<String>) -> Self {
        Self { claims: claims.into(), attachments: Vec::new(), valid_until: None }
    }

    /// Claims from the plugin's own type, which must serialize to an object.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) when it does not serialize.
    pub fn from_serialize(claims: &impl Serialize) -> Result<Self, Error> {
        let text = serde_json::to_string(claims)
            .map_err(|error| Error::internal("The data cannot be passed on.").with_detail(error))?;
        Ok(Self::from_json_text(text))
    }

    /// Until when the source vouches for the data, in seconds since 1970-01-01T00:00:00Z. The
    /// credential's validity does not go beyond it.
    pub fn valid_until(mut self, unix_seconds: u64) -> Self {
        self.valid_until = Some(unix_seconds);
        self
    }

    /// A value too large for JSON (a photograph, a signature), as `data.<name>` for templates.
    /// `media_type` is an IANA media type such as `image/jpeg`.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) when the host's limit for one call
    /// (16 MiB by default) would be exceeded.
    pub fn attach(mut self, name: impl Into<String>, media_type: &str, bytes: &[u8]) -> Result<Self, Error> {
        use chancery::host::blobs::{Blob, BlobError};

        let blob = Blob::new(media_type);
        blob.append(bytes).map_err(|BlobError::TooLarge(limit)| {
            Error::internal("The data is too large.")
                .with_detail(format!("attachments of one call may hold {limit} bytes"))
        })?;
        self.attachments.push(chancery::plugin::types::Attachment { name: name.into(), content: blob });
        Ok(self)
    }
}

impl From<Map<String, Value>> for Data {
    fn from(claims: Map<String, Value>) -> Self {
        Self::from_json_text(Value::Object(claims).to_string())
    }
}

impl From<Data> for contract::Data {
    fn from(data: Data) -> Self {
        Self { claims: data.claims, attachments: data.attachments, valid_until: data.valid_until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_keep_their_order() {
        let mut claims = Map::new();
        claims.insert("z".into(), "1".into());
        claims.insert("a".into(), "\"}".into());
        assert_eq!(Data::from(claims).claims, r#"{"z":"1","a":"\"}"}"#);
    }
}
