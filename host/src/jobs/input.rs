use chancery_keys::{Entropy, Keyring, SealContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::issuance::error::Error;

/// What one credential is made of: at least one of the two.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The data itself, as a data provider would answer it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Map<String, Value>>,
    /// Whom it is about. Without `data` the configuration's plugin is asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// Without what is personal.
impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Input(…)")
    }
}

/// An item, which its input is sealed for: put at another place it does not open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub issuer_id: &'a str,
    pub job_id: &'a str,
    pub number: i64,
}

impl Input {
    pub(super) fn seal(&self, place: Place<'_>, keyring: &Keyring, entropy: &dyn Entropy) -> Result<Vec<u8>, Error> {
        let failed = |cause: String| Error::broken("what the credential is made of cannot be kept", cause);
        let text = Zeroizing::new(serde_json::to_vec(self).map_err(|e| failed(e.to_string()))?);
        place.with(|context| keyring.seal(context, &text, entropy)).map_err(|e| failed(e.to_string()))
    }

    pub(super) fn open(place: Place<'_>, sealed: &[u8], keyring: &Keyring) -> Result<Self, Error> {
        let unreadable = |cause: String| Error::broken("what the credential is made of cannot be read", cause);
        let text = place.with(|context| keyring.open(context, sealed)).map_err(|e| unreadable(e.to_string()))?;
        // Its errors may quote what they stand in.
        serde_json::from_slice(&text).map_err(|e| unreadable(format!("not JSON, in line {}", e.line())))
    }
}

impl Place<'_> {
    fn with<T>(&self, act: impl FnOnce(&SealContext<'_>) -> T) -> T {
        let row = format!("{}/{}", self.job_id, self.number);
        act(&SealContext { issuer: self.issuer_id, table: "job_items", column: "sealed_input", row: &row })
    }
}

#[cfg(test)]
mod tests {
    use chancery_keys::{KeyEncryptionKey, SystemEntropy};
    use serde_json::json;

    use super::*;

    #[test]
    fn an_input_opens_where_it_was_sealed_and_nowhere_else() {
        let entropy = SystemEntropy::new();
        let keyring = Keyring::new(KeyEncryptionKey::generate(&entropy).unwrap(), Vec::new());
        let place = Place { issuer_id: "a", job_id: "j", number: 1 };
        let input: Input = serde_json::from_value(json!({"data": {"name": "Ada"}, "subject": "1"})).unwrap();
        let sealed = input.seal(place, &keyring, &entropy).unwrap();
        assert!(!sealed.windows(3).any(|part| part == b"Ada"));
        assert_eq!(Input::open(place, &sealed, &keyring).unwrap(), input);
        for other in [Place { issuer_id: "b", ..place }, Place { job_id: "k", ..place }, Place { number: 2, ..place }] {
            let error = Input::open(other, &sealed, &keyring).unwrap_err();
            assert!(!error.to_string().contains("Ada"), "{error}");
        }
        assert!(!format!("{input:?}").contains("Ada"));
    }
}
