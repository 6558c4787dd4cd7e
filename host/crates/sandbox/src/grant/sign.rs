//! `[grants.sign]`: signatures with keys that stay in the host.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

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
    /// The header of a JWS besides `alg`.
    pub fn header(&self, key_id: &str) -> Map<String, Value> {
        let mut header = Map::new();
        header.insert("kid".to_owned(), json!(key_id));
        if let Some(typ) = &self.typ {
            header.insert("typ".to_owned(), json!(typ));
        }
        header
    }

    /// The claims of a JWT: the plugin's, with what the grant fixes and what the host always sets. `now` is in
    /// seconds since 1970. The error says what the plugin has to change.
    pub fn claims(&self, text: &str, now: i64, jti: &str) -> Result<Map<String, Value>, String> {
        let mut claims: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| format!("the claims are no JSON object: {error}"))?;
        let fixed = [("iss", &self.issuer), ("sub", &self.subject), ("aud", &self.audience)];
        for (name, value) in fixed.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            let before = claims.insert(name.to_owned(), json!(value));
            if before.is_some_and(|before| before != json!(value)) {
                return Err(format!("{name} is fixed by the grant, and the plugin sets another value"));
            }
        }
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(0);
        claims.insert("iat".to_owned(), json!(now));
        claims.insert("exp".to_owned(), json!(now.saturating_add(lifetime)));
        claims.insert("jti".to_owned(), json!(jti));
        Ok(claims)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_cannot_change_what_the_grant_fixes() {
        let section: SignSection = toml::from_str(
            "[keys.k]\npurpose = \"jwt\"\nsecret = \"s\"\nalgorithm = \"EdDSA\"\nsubject = \"me\"\nlifetime = \"90s\"",
        )
        .unwrap();
        let grant = section.checked().unwrap().remove("k").unwrap();
        let claims = grant.claims("{\"exp\": 9, \"iat\": 9, \"jti\": \"mine\", \"a\": 1}", 100, "j").unwrap();
        assert_eq!(Value::Object(claims), json!({"exp": 190, "iat": 100, "jti": "j", "a": 1, "sub": "me"}));
        assert!(grant.claims("{\"sub\": \"me\"}", 100, "j").is_ok());
        assert!(grant.claims("{\"sub\": \"you\"}", 100, "j").unwrap_err().contains("sub is fixed"));
        assert!(grant.claims("[]", 100, "j").unwrap_err().contains("no JSON object"));
    }
}
