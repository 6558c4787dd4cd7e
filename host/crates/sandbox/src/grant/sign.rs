//! `[grants.sign]`: signatures with keys that stay in the host.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{checked_name, within};
use crate::quantity::{Span, show_duration};

const MAX_KEYS: usize = 32;
const DEFAULT_LIFETIME: Duration = Duration::from_mins(1);
const MAX_LIFETIME: Duration = Duration::from_hours(1);

/// One key, for one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignGrant {
    /// The only thing that it signs.
    pub purpose: Purpose,
    /// The secret that holds the key.
    pub secret: String,
    /// JOSE name of the algorithm; absent for `mac`.
    pub algorithm: Option<String>,
    /// `kid` of the header.
    pub kid: Option<String>,
    /// `typ` of the header.
    pub typ: Option<String>,
    /// `iss`, fixed by the operator.
    pub issuer: Option<String>,
    /// `sub`, fixed by the operator.
    pub subject: Option<String>,
    /// `aud`, fixed by the operator.
    pub audience: Option<String>,
    /// From `iat` to `exp`.
    pub lifetime: Duration,
}

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Purpose {
    /// JWTs, such as client assertions.
    Jwt,
    /// Compact JWS with detached payload.
    DetachedJws,
    /// HMAC-SHA-256 of messages.
    Mac,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jwt => "jwt",
            Self::DetachedJws => "detached-jws",
            Self::Mac => "mac",
        })
    }
}

impl SignGrant {
    pub(crate) fn summary(&self, name: &str) -> String {
        format!("sign: {name} for {}", self.purpose)
    }
}

/// Keys that the plugin may have used by name (`chancery:host/sign`). They never enter it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct SignSection {
    /// The keys by name.
    keys: BTreeMap<String, KeySection>,
}

/// One key; `NAME` is what the plugin calls it by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct KeySection {
    /// The only thing that it signs: `"jwt"`, `"detached-jws"` or `"mac"`.
    purpose: Purpose,
    /// The secret of the server's configuration that holds it: the bytes of a MAC key (at least 16), or
    /// a private key in PEM (PKCS #8).
    secret: String,
    /// `"ES256"` or `"EdDSA"`. Not for `mac`.
    algorithm: Option<String>,
    /// `kid` of the header. Not for `mac`.
    kid: Option<String>,
    /// `typ` of the header (`jwt` only).
    typ: Option<String>,
    /// `iss`, which the plugin cannot set then (`jwt` only).
    issuer: Option<String>,
    /// `sub`, which the plugin cannot set then (`jwt` only).
    subject: Option<String>,
    /// `aud`, which the plugin cannot set then (`jwt` only).
    audience: Option<String>,
    /// From `iat` to `exp` (`jwt` only). Default 1m, at most 60m.
    lifetime: Option<Span>,
}

impl SignSection {
    pub(super) fn checked(self) -> Result<BTreeMap<String, SignGrant>, String> {
        within("entries of grants.sign.keys", self.keys.len(), 1, MAX_KEYS, |n| n.to_string())?;
        let check = |(name, section): (String, KeySection)| {
            checked_name("grants.sign.keys", &name)?;
            let key = section.checked().map_err(|error| format!("grants.sign.keys.{name}: {error}"))?;
            Ok((name, key))
        };
        self.keys.into_iter().map(check).collect()
    }
}

impl KeySection {
    fn checked(self) -> Result<SignGrant, String> {
        checked_name("secret", &self.secret)?;
        let for_jws = [("algorithm", self.algorithm.is_some()), ("kid", self.kid.is_some())];
        let for_jwt = [
            ("typ", self.typ.is_some()),
            ("issuer", self.issuer.is_some()),
            ("subject", self.subject.is_some()),
            ("audience", self.audience.is_some()),
            ("lifetime", self.lifetime.is_some()),
        ];
        let out_of_place = match self.purpose {
            Purpose::Jwt => None,
            Purpose::DetachedJws => for_jwt.iter().find(|(_, is_there)| *is_there),
            Purpose::Mac => for_jws.iter().chain(&for_jwt).find(|(_, is_there)| *is_there),
        };
        if let Some((key, _)) = out_of_place {
            return Err(format!("{key} does not belong to purpose {}", self.purpose));
        }
        if self.purpose != Purpose::Mac && !matches!(self.algorithm.as_deref(), Some("ES256" | "EdDSA")) {
            return Err("algorithm must be \"ES256\" or \"EdDSA\"".to_owned());
        }
        let lifetime = self.lifetime.map_or(DEFAULT_LIFETIME, |span| span.0);
        let least = Duration::from_secs(1);
        Ok(SignGrant {
            lifetime: within("lifetime", lifetime, least, MAX_LIFETIME, show_duration)?,
            purpose: self.purpose,
            secret: self.secret,
            algorithm: self.algorithm,
            kid: self.kid,
            typ: self.typ,
            issuer: self.issuer,
            subject: self.subject,
            audience: self.audience,
        })
    }
}
