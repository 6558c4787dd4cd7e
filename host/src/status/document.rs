//! What verifiers are given: the signed forms of a list, ready to be sent.

use std::collections::BTreeMap;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A form in which a list is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Representation {
    /// `BitstringStatusListCredential` with a Data Integrity proof.
    DataIntegrity,
    /// The same as a JWT (VC-JOSE-COSE).
    VcJwt,
    /// IETF Token Status List: at the URL of the list's first purpose only, and for lists that tell of revocation or
    /// suspension.
    TokenStatusList,
    /// `StatusList2021Credential` with a Data Integrity proof.
    StatusList2021,
}

impl Representation {
    pub const ALL: [Self; 4] = [Self::DataIntegrity, Self::VcJwt, Self::TokenStatusList, Self::StatusList2021];

    /// Its name in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DataIntegrity => "data-integrity",
            Self::VcJwt => "vc+jwt",
            Self::TokenStatusList => "statuslist+jwt",
            Self::StatusList2021 => "status-list-2021",
        }
    }

    pub const fn media_type(self) -> &'static str {
        match self {
            Self::DataIntegrity | Self::StatusList2021 => "application/vc",
            Self::VcJwt => "application/vc+jwt",
            Self::TokenStatusList => "application/statuslist+jwt",
        }
    }
}

/// One form of a list. Every host that serves the same version has the same bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Document {
    pub body: Bytes,
    /// The body under gzip.
    pub gzip: Bytes,
    /// Strong entity tag of the body, with its quotes.
    pub etag: String,
    /// The one of `gzip`: other bytes need another tag.
    pub gzip_etag: String,
}

impl Document {
    /// Compresses: not for the threads that serve.
    pub(super) fn new(text: String) -> Self {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(&text));
        let body = Bytes::from(text);
        Self { gzip: gzip(&body), body, etag: format!("\"{hash}\""), gzip_etag: format!("\"{hash}-gzip\"") }
    }
}

/// The fast level: most of a list is base64 of what is compressed already, and better levels find no more in it.
fn gzip(body: &Bytes) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory does not fail.
    let compressed = encoder.write_all(body).and_then(|()| encoder.finish()).unwrap_or_default();
    Bytes::from(compressed)
}

/// The signed texts of a version as the store has them: by the last segment of the URL, then by form. Names that are
/// not known here are left alone: a newer release may have written them.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Texts(BTreeMap<String, BTreeMap<String, String>>);

impl Texts {
    pub(super) fn put(&mut self, url_id: &str, representation: Representation, text: String) {
        self.0.entry(url_id.to_owned()).or_default().insert(representation.as_str().to_owned(), text);
    }

    pub(super) fn take(&mut self, url_id: &str, representation: Representation) -> Option<String> {
        self.0.get_mut(url_id)?.remove(representation.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn equal_texts_have_equal_tags_and_each_coding_its_own() {
        let (one, same) = (Document::new("a list".to_owned()), Document::new("a list".to_owned()));
        assert_eq!(one, same);
        let other = Document::new("another list".to_owned());
        let tags = [&one.etag, &one.gzip_etag, &other.etag, &other.gzip_etag];
        for (index, tag) in tags.iter().enumerate() {
            assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 40, "{tag}");
            assert!(!tags[index + 1..].contains(tag), "{tag}");
        }
        let mut text = String::new();
        GzDecoder::new(&one.gzip[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, "a list");
    }

    #[test]
    fn texts_come_back_as_they_were_put_and_unknown_ones_do_no_harm() {
        let mut texts = Texts::default();
        for representation in Representation::ALL {
            texts.put("a", representation, format!("a {}", representation.as_str()));
        }
        let mut stored = serde_json::to_value(&texts).unwrap();
        stored["a"]["of a later release"] = "x".into();
        let mut read: Texts = serde_json::from_value(stored).unwrap();
        for representation in Representation::ALL {
            assert_eq!(read.take("a", representation).unwrap(), format!("a {}", representation.as_str()));
            assert_eq!(read.take("a", representation), None);
            assert_eq!(read.take("b", representation), None);
        }
    }
}
