//! One step of a script, and what came of it in words.

use std::{fmt::Debug, time::Duration};

use chancery_plugin_sdk::{Value, journal, json, kv, log, secrets, sign, sql};
use serde::Deserialize;

/// What to do, and how often.
#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    #[serde(default = "once")]
    times: u32,
    #[serde(flatten)]
    action: Action,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
enum Action {
    KvGet {
        key: String,
    },
    KvPut {
        key: String,
        bytes: usize,
        ttl_ms: Option<u64>,
    },
    KvDelete {
        key: String,
    },
    Sql {
        statement: String,
        #[serde(default)]
        params: Vec<Value>,
    },
    /// Asks for a handle and shows all that it tells, in the log and on stderr too.
    Secret {
        name: String,
    },
    /// Asks for handles and keeps them all.
    HoardSecrets {
        name: String,
        handles: usize,
    },
    Reveal {
        name: String,
    },
    Jwt {
        key: String,
        bytes: usize,
    },
    DetachedJws {
        key: String,
        bytes: usize,
    },
    Mac {
        key: String,
        bytes: usize,
    },
    Append {
        bytes: usize,
    },
    JournalSize,
    Rotate,
}

fn once() -> u32 {
    1
}

impl Step {
    /// One text for each time.
    pub(crate) fn run(&self) -> Vec<String> {
        (0..self.times).map(|_| self.action.run()).collect()
    }
}

impl Action {
    fn run(&self) -> String {
        match self {
            Self::KvGet { key } => told(kv::get(key).map(|value| value.map(|bytes| bytes.len()))),
            Self::KvPut { key, bytes, ttl_ms } => {
                told(kv::put(key, &filled(*bytes), ttl_ms.map(Duration::from_millis)))
            }
            Self::KvDelete { key } => told(kv::delete(key)),
            Self::Sql { statement, params } => {
                let params: Vec<sql::Value> = params.iter().map(parameter).collect();
                told(sql::run(statement, &params))
            }
            Self::Secret { name } => {
                let secret = told(secrets::get(name).map(|secret| secret.name()));
                log::info("a secret", &[("secret", &secret)]);
                eprintln!("a secret: {secret}");
                secret
            }
            Self::HoardSecrets { name, handles } => {
                let hoard: Vec<_> = (0..*handles).map(|_| secrets::get(name)).collect();
                format!("{} handles", hoard.iter().filter(|handle| handle.is_ok()).count())
            }
            Self::Reveal { name } => {
                told(secrets::get(name).map(|secret| String::from_utf8_lossy(secret.reveal().expose()).into_owned()))
            }
            // The text is a JSON object of exactly this size.
            Self::Jwt { key, bytes } => {
                let frame = r#"{"a":""}"#.len();
                told(sign::jwt(key, &json!({ "a": "x".repeat(bytes.saturating_sub(frame)) })))
            }
            Self::DetachedJws { key, bytes } => told(sign::detached_jws(key, &filled(*bytes))),
            Self::Mac { key, bytes } => told(sign::mac(key, &filled(*bytes))),
            // One line: the host ends those that are cut off.
            Self::Append { bytes } => {
                let mut line = filled(*bytes);
                if let Some(last) = line.last_mut() {
                    *last = b'\n';
                }
                told(journal::append(&line))
            }
            Self::JournalSize => told(journal::size()),
            Self::Rotate => told(journal::rotate()),
        }
    }
}

fn told<T: Debug, E: Debug>(outcome: Result<T, E>) -> String {
    match outcome {
        Ok(value) => format!("ok {value:?}"),
        Err(error) => format!("{error:?}"),
    }
}

fn filled(bytes: usize) -> Vec<u8> {
    vec![b'x'; bytes]
}

fn parameter(value: &Value) -> sql::Value {
    match value {
        Value::Null => sql::Value::Null,
        Value::String(text) => sql::Value::Text(text.clone()),
        other => other.as_i64().map_or(sql::Value::Null, sql::Value::Int),
    }
}
