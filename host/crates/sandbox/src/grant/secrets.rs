//! `[grants.secrets]`: secrets by name, and texts with secrets in them.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::checked_name;

const OPENING: &str = "{{secret:";
const CLOSING: &str = "}}";

/// Which secrets a plugin may name, and whether it may read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecretsGrant {
    pub(crate) names: BTreeSet<String>,
    pub(crate) reveal: bool,
}

impl SecretsGrant {
    pub(crate) fn summary(&self) -> Vec<String> {
        let revealed = if self.reveal { ", revealed to the plugin" } else { "" };
        self.names.iter().map(|name| format!("secrets: {name}{revealed}")).collect()
    }
}

/// Secrets that the plugin may hold handles to (`chancery:host/secrets`). Where they are kept stands
/// in the server's configuration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct SecretsSection {
    /// Their names in the server's configuration.
    names: Vec<String>,
    /// Whether the plugin may read their values (`chancery:host/reveal`). Each reading is an audit
    /// event (of an audit plugin, a log line). Default false.
    #[serde(default)]
    reveal: bool,
}

impl SecretsSection {
    pub(super) fn checked(self) -> Result<SecretsGrant, String> {
        for name in &self.names {
            checked_name("grants.secrets.names", name)?;
        }
        Ok(SecretsGrant { names: self.names.into_iter().collect(), reveal: self.reveal })
    }
}

/// A text that may have secrets in it, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Plain(String),
    Secret(String),
}

impl Text {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((plain, after)) = rest.split_once(OPENING) {
            let (name, after) = after.split_once(CLOSING).ok_or("{{secret:NAME}} is not closed")?;
            checked_name("a secret's name", name)?;
            parts.push(Part::Plain(plain.to_owned()));
            parts.push(Part::Secret(name.to_owned()));
            rest = after;
        }
        parts.push(Part::Plain(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The text with its secrets filled in; the error is `read`'s.
    pub fn fill<E>(&self, mut read: impl FnMut(&str) -> Result<Vec<u8>, E>) -> Result<Vec<u8>, E> {
        let mut filled = Vec::new();
        for part in &self.0 {
            match part {
                Part::Plain(text) => filled.extend_from_slice(text.as_bytes()),
                Part::Secret(name) => filled.extend(read(name)?),
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stand_anywhere_in_a_text() {
        let text = Text::parse("Bearer {{secret:a}}, {{secret:b}}!").unwrap();
        let filled = text.fill(|name| Ok::<_, ()>(name.repeat(2).into_bytes())).unwrap();
        assert_eq!(filled, b"Bearer aa, bb!");
        assert_eq!(text.fill(|name| Err::<Vec<u8>, _>(name.to_owned())), Err("a".to_owned()));
    }

    #[test]
    fn broken_texts_are_refused() {
        assert!(Text::parse("{{secret:a").is_err());
        assert!(Text::parse("{{secret:}}").is_err());
        assert!(Text::parse("{{secret:a b}}").is_err());
    }
}
