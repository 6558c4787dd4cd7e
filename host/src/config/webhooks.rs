//! `[webhooks.NAME]`: receivers of events at an issuer's backend.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::duration;
use crate::issuance::issuers::DEFAULT_ISSUER;

pub type Webhooks = BTreeMap<String, Webhook>;

const MAX_WEBHOOKS: usize = 64;
const MAX_NAME: usize = 64;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where messages are posted: `https`, and `http` only where `networks` admits more than public addresses.
    #[serde(with = "text")]
    pub url: Url,
    /// A file with the secret that messages are signed with, `whsec_…` as `chancery webhook keygen` makes it. One more a
    /// line: messages carry a signature by each.
    pub secret_file: PathBuf,
    /// What is told. Default: everything.
    #[serde(default = "EventType::all")]
    pub events: Vec<EventType>,
    /// Whose events.
    #[serde(default = "default_issuer")]
    pub issuer: String,
    /// What addresses the URL's name may resolve to.
    #[serde(default)]
    pub networks: Networks,
    /// Certificates (PEM) of the only authorities to trust for it. Default: the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// For one message, from connecting to the last byte of the answer.
    #[serde(default = "default_timeout", with = "duration")]
    pub timeout: Duration,
    /// How often a message is sent that is not answered, or with 5xx, before it becomes a dead letter.
    #[serde(default = "default_attempts")]
    pub attempts: u32,
    /// The longest wait between two attempts, unless the receiver asks for more. The first is a second; it doubles.
    #[serde(default = "default_max_backoff", with = "duration")]
    pub max_backoff: Duration,
    /// How long dead letters stay in the database.
    #[serde(default = "default_keep", with = "duration")]
    pub keep: Duration,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EventType {
    #[serde(rename = "credential.issued")]
    CredentialIssued,
    /// Refused or failed.
    #[serde(rename = "credential.failed")]
    CredentialFailed,
    #[serde(rename = "credential.status_changed")]
    CredentialStatusChanged,
    #[serde(rename = "credential.deleted")]
    CredentialDeleted,
    #[serde(rename = "offer.used")]
    OfferUsed,
}

/// `"public"`, `"any"`, or address blocks beside the public ones, such as `["10.1.0.0/16"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Networks {
    Named(NamedNetworks),
    PublicAnd(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamedNetworks {
    /// Addresses that are reachable from everywhere.
    Public,
    /// Any but the ones from which machines learn their credentials.
    Any,
}

impl Default for Networks {
    fn default() -> Self {
        Self::Named(NamedNetworks::Public)
    }
}

impl EventType {
    fn all() -> Vec<Self> {
        use EventType::{CredentialDeleted, CredentialFailed, CredentialIssued, CredentialStatusChanged, OfferUsed};
        vec![CredentialIssued, CredentialFailed, CredentialStatusChanged, CredentialDeleted, OfferUsed]
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::CredentialIssued => "credential.issued",
            Self::CredentialFailed => "credential.failed",
            Self::CredentialStatusChanged => "credential.status_changed",
            Self::CredentialDeleted => "credential.deleted",
            Self::OfferUsed => "offer.used",
        }
    }
}

impl Webhook {
    fn check(&self, name: &str) -> Result<(), String> {
        let wrong = |key: &str, why: &str| Err(format!("webhooks.{name}.{key} {why}"));
        let is_public = self.networks == Networks::default();
        match self.url.scheme() {
            "https" => {}
            "http" if !is_public => {}
            "http" => return wrong("url", "must be https, unless networks admits more than public addresses"),
            _ => return wrong("url", "must be https"),
        }
        if !self.url.username().is_empty() || self.url.password().is_some() || self.url.fragment().is_some() {
            return wrong("url", "must have no user and no fragment");
        }
        if self.events.is_empty() {
            return wrong("events", "names nothing");
        }
        if (1..self.events.len()).any(|i| self.events[..i].contains(&self.events[i])) {
            return wrong("events", "names one event twice");
        }
        let (second, minute, day) = (Duration::from_secs(1), Duration::from_mins(1), Duration::from_hours(24));
        for (key, value, least, most) in [
            ("timeout", self.timeout, second / 10, minute),
            ("max_backoff", self.max_backoff, second / 10, day),
            ("keep", self.keep, 60 * minute, 3650 * day),
        ] {
            if !(least..=most).contains(&value) {
                let [least, most, value] = [least, most, value].map(duration::format);
                return wrong(key, &format!("must be {least} to {most}, but is {value}"));
            }
        }
        if !(1..=1_000).contains(&self.attempts) {
            return wrong("attempts", &format!("must be 1 to 1000, but is {}", self.attempts));
        }
        Ok(())
    }
}

/// Relative paths are taken from the configuration file's directory.
pub(super) fn resolve(webhooks: &mut Webhooks, base: &Path) {
    for webhook in webhooks.values_mut() {
        webhook.secret_file = base.join(&webhook.secret_file);
        webhook.ca_file = webhook.ca_file.take().map(|file| base.join(file));
    }
}

pub(super) fn check(webhooks: &Webhooks) -> Result<(), String> {
    if webhooks.len() > MAX_WEBHOOKS {
        return Err(format!("there are {} webhooks; {MAX_WEBHOOKS} are allowed", webhooks.len()));
    }
    for (name, webhook) in webhooks {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if name.is_empty() || name.len() > MAX_NAME || !plain {
            return Err(format!("webhooks.{name:?}: a name has 1 to {MAX_NAME} letters, digits, `-` and `_`"));
        }
        webhook.check(name)?;
    }
    Ok(())
}

/// A URL as text.
mod text {
    use serde::{Deserialize as _, Deserializer, Serializer, de};
    use url::Url;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
        let text = String::deserialize(deserializer)?;
        Url::parse(&text).map_err(|error| de::Error::custom(format!("{text:?} is no absolute URL: {error}")))
    }

    pub(super) fn serialize<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(url.as_str())
    }
}

fn default_issuer() -> String {
    DEFAULT_ISSUER.to_owned()
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

fn default_attempts() -> u32 {
    30
}

fn default_max_backoff() -> Duration {
    Duration::from_mins(10)
}

fn default_keep() -> Duration {
    Duration::from_hours(30 * 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(more: &str) -> Result<Webhook, String> {
        let text = format!("secret_file = \"hook.key\"\n{more}\n");
        let webhook: Webhook = toml::from_str(&text).map_err(|e| e.to_string())?;
        webhook.check("w").map(|()| webhook)
    }

    #[test]
    fn a_webhook_needs_a_url_and_a_secret_and_has_defaults() {
        let webhook = parse("url = \"https://backend.example/hooks?tenant=1\"").unwrap();
        assert_eq!((webhook.issuer.as_str(), webhook.attempts), ("default", 30));
        assert_eq!((webhook.events.len(), webhook.networks), (5, Networks::Named(NamedNetworks::Public)));
        assert!(parse("").unwrap_err().contains("url"));
        assert!(
            toml::from_str::<Webhook>("url = \"https://x.example\"").unwrap_err().to_string().contains("secret_file")
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (more, hint) in [
            ("url = \"http://backend.example/\"", "must be https"),
            ("url = \"ftp://backend.example/\"\nnetworks = \"any\"", "must be https"),
            ("url = \"backend.example\"", "URL"),
            ("url = \"https://user:x@backend.example/\"", "no user"),
            ("url = \"https://backend.example/#x\"", "no fragment"),
            ("url = \"https://b.example\"\nevents = []", "names nothing"),
            ("url = \"https://b.example\"\nevents = [\"offer.used\", \"offer.used\"]", "twice"),
            ("url = \"https://b.example\"\nevents = [\"token.issued\"]", "token.issued"),
            ("url = \"https://b.example\"\nattempts = 0", "attempts must be 1"),
            ("url = \"https://b.example\"\ntimeout = \"2m\"", "timeout must be"),
            ("url = \"https://b.example\"\nkeep = \"1m\"", "keep must be"),
            ("url = \"https://b.example\"\nmax_backoff = \"0s\"", "max_backoff must be"),
            ("url = \"https://b.example\"\nnetworks = \"private\"", "networks"),
            ("url = \"https://b.example\"\ncolour = 1", "colour"),
        ] {
            let error = parse(more).unwrap_err();
            assert!(error.contains(hint), "{more}: {error}");
        }
        for networks in ["\"any\"", "[\"10.0.0.0/8\"]"] {
            parse(&format!("url = \"http://10.0.0.1/\"\nnetworks = {networks}")).unwrap();
        }
    }

    #[test]
    fn names_are_plain() {
        let webhook = parse("url = \"https://b.example\"").unwrap();
        let named = |name: &str| check(&Webhooks::from([(name.to_owned(), webhook.clone())]));
        named("registry-backend_2").unwrap();
        for name in ["", "a:b", "a/b", "a b", "ä", &"x".repeat(65)] {
            assert!(named(name).unwrap_err().contains("a name has"), "{name}");
        }
        let many = (0..65).map(|number| (number.to_string(), webhook.clone())).collect();
        assert!(check(&many).unwrap_err().contains("64 are allowed"));
    }
}
