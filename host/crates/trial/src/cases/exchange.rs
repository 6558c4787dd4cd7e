//! What stands in for sources: HTTP servers and databases.

use std::collections::BTreeMap;

use chancery_sandbox::ports::{DatabaseError, HttpFault, SqlError, SqlValue};
use serde::Deserialize;
use serde_json::Value;

use super::scalars::{Bytes, Cell, Json, from_base64};

/// One HTTP request and what comes back.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawHttp")]
pub struct HttpExchange {
    /// What the request must be like.
    pub request: HttpPattern,
    /// What comes back.
    pub answer: Result<HttpAnswer, Fault>,
    /// How often it happens.
    pub times: u32,
}

/// What a request must be like. What is left out is not compared.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpPattern {
    /// The method.
    pub method: Option<String>,
    /// The whole URL; `*` stands for anything.
    pub url: Option<String>,
    /// Headers by name, in any case; `*` stands for anything.
    pub headers: BTreeMap<String, String>,
    /// The body as JSON.
    pub json: Option<Json>,
    /// The body as text; `*` stands for anything.
    pub body: Option<String>,
}

/// A response.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    Denied,
    Dns,
    Connect,
    ConnectTimeout,
    Timeout,
    Tls,
    RequestTooLarge,
    ResponseTooLarge,
    Protocol,
    Busy,
}

/// One run of a statement and what comes back.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawSql")]
pub struct SqlExchange {
    /// The statement's name in the grant file.
    pub statement: String,
    /// All parameters, those that the host fills included; not compared where they are left out.
    pub params: Option<Vec<SqlValue>>,
    /// What comes back.
    pub answer: Result<SqlAnswer, SqlError>,
    /// How often it happens.
    pub times: u32,
}

/// Rows.
#[derive(Clone, Debug)]
pub struct SqlAnswer {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<SqlValue>>,
}

impl Fault {
    /// As case files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect-timeout",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::RequestTooLarge => "request-too-large",
            Self::ResponseTooLarge => "response-too-large",
            Self::Protocol => "protocol",
            Self::Busy => "busy",
        }
    }

    /// As the sandbox has it.
    pub fn to_port(self) -> HttpFault {
        let said = || "as the case file says".to_owned();
        match self {
            Self::Denied => HttpFault::Denied(said()),
            Self::Dns => HttpFault::Dns(said()),
            Self::Connect => HttpFault::Connect(said()),
            Self::ConnectTimeout => HttpFault::ConnectTimeout,
            Self::Timeout => HttpFault::Timeout,
            Self::Tls => HttpFault::Tls(said()),
            Self::RequestTooLarge => HttpFault::RequestTooLarge(0),
            Self::ResponseTooLarge => HttpFault::ResponseTooLarge(0),
            Self::Protocol => HttpFault::Protocol(said()),
            Self::Busy => HttpFault::Busy,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHttp {
    request: HttpPattern,
    response: Option<RawAnswer>,
    fault: Option<Fault>,
    #[serde(default = "once")]
    times: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAnswer {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    json: Option<Json>,
    body: Option<Bytes>,
    body_base64: Option<String>,
}

fn once() -> u32 {
    1
}

fn ok() -> u16 {
    200
}

impl TryFrom<RawHttp> for HttpExchange {
    type Error = String;

    fn try_from(raw: RawHttp) -> Result<Self, String> {
        let RawHttp { request, response, fault, times } = raw;
        if request.json.is_some() && request.body.is_some() {
            return Err("request has json and body: one of them says what the body is".to_owned());
        }
        let answer = match (response, fault) {
            (Some(response), None) => Ok(response.checked()?),
            (None, Some(fault)) => Err(fault),
            _ => return Err("an exchange has either a response or a fault".to_owned()),
        };
        Ok(Self { request, answer, times: at_least_once(times)? })
    }
}

fn at_least_once(times: u32) -> Result<u32, String> {
    if times == 0 {
        return Err(
            "times = 0: leave out what must not happen; everything that is not listed fails the case".to_owned()
        );
    }
    Ok(times)
}

impl RawAnswer {
    fn checked(self) -> Result<HttpAnswer, String> {
        let Self { status, mut headers, json, body, body_base64 } = self;
        if !(100..=999).contains(&status) {
            return Err(format!("response.status = {status} is no HTTP status"));
        }
        for (name, value) in &headers {
            let fits = http::HeaderName::try_from(name).is_ok() && http::HeaderValue::try_from(value).is_ok();
            if !fits {
                return Err(format!("response.headers: {name:?} = {value:?} is no HTTP header"));
            }
        }
        let body = match (json, body, body_base64) {
            (Some(Json(value)), None, None) => {
                if !headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
                    headers.insert("content-type".to_owned(), "application/json".to_owned());
                }
                value.to_string().into_bytes()
            }
            (None, Some(Bytes(bytes)), None) => bytes,
            (None, None, Some(text)) => from_base64(&text).map_err(|error| format!("response.body_base64: {error}"))?,
            (None, None, None) => Vec::new(),
            _ => return Err("response has one of json, body and body_base64".to_owned()),
        };
        Ok(HttpAnswer { status, headers, body })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSql {
    statement: String,
    params: Option<Vec<Cell>>,
    /// The columns' order; where it is left out, that of the alphabet.
    columns: Option<Vec<String>>,
    rows: Option<Vec<BTreeMap<String, Cell>>>,
    error: Option<toml::Value>,
    #[serde(default = "once")]
    times: u32,
}

impl TryFrom<RawSql> for SqlExchange {
    type Error = String;

    fn try_from(raw: RawSql) -> Result<Self, String> {
        let RawSql { statement, params, columns, rows, error, times } = raw;
        let answer = match (rows, error) {
            (Some(rows), None) => Ok(in_columns(columns, rows)?),
            (None, Some(error)) => Err(sql_error(error)?),
            _ => return Err("a statement has either rows (none: rows = []) or an error".to_owned()),
        };
        let params = params.map(|params| params.into_iter().map(|Cell(value)| value).collect());
        Ok(Self { statement, params, answer, times: at_least_once(times)? })
    }
}

fn in_columns(columns: Option<Vec<String>>, rows: Vec<BTreeMap<String, Cell>>) -> Result<SqlAnswer, String> {
    let named = || {
        let mut names: Vec<String> = rows.iter().flat_map(BTreeMap::keys).cloned().collect();
        names.sort();
        names.dedup();
        names
    };
    let columns = columns.unwrap_or_else(named);
    let unknown = rows.iter().flat_map(BTreeMap::keys).find(|name| !columns.contains(name));
    if let Some(name) = unknown {
        return Err(format!("rows: {name} is not among columns"));
    }
    let in_order = |row: BTreeMap<String, Cell>| {
        columns.iter().map(|name| row.get(name).map_or(SqlValue::Null, |Cell(value)| value.clone())).collect()
    };
    let rows = rows.into_iter().map(in_order).collect();
    Ok(SqlAnswer { columns, rows })
}

const SQL_ERRORS: &str = "\"timeout\", { unavailable = \"…\" }, { too-large = 1048576 } or { database = { code = \"…\", \
                          message = \"…\" } }";

fn sql_error(error: toml::Value) -> Result<SqlError, String> {
    let wrong = || format!("error is one of {SQL_ERRORS}");
    let table = match error {
        toml::Value::String(name) if name == "timeout" => return Ok(SqlError::Timeout),
        toml::Value::String(name) if name == "unavailable" => {
            return Ok(SqlError::Unavailable("as the case file says".to_owned()));
        }
        toml::Value::Table(table) if table.len() == 1 => table,
        _ => return Err(wrong()),
    };
    let (name, value) = table.into_iter().next().ok_or_else(wrong)?;
    match (name.as_str(), value) {
        ("unavailable", toml::Value::String(reason)) => Ok(SqlError::Unavailable(reason)),
        ("too-large", toml::Value::Integer(limit)) => u64::try_from(limit).map(SqlError::TooLarge).map_err(|_| wrong()),
        ("database", toml::Value::Table(said)) => {
            let text = |name: &str| said.get(name).and_then(toml::Value::as_str).map(str::to_owned);
            let known = said.keys().all(|name| ["code", "message"].contains(&name.as_str()));
            let code = text("code").filter(|_| known).ok_or_else(wrong)?;
            Ok(SqlError::Database(DatabaseError { code, message: text("message").unwrap_or_default() }))
        }
        _ => Err(wrong()),
    }
}

impl HttpPattern {
    /// The body as JSON, where that is what must fit.
    pub fn json(&self) -> Option<&Value> {
        self.json.as_ref().map(|Json(value)| value)
    }
}
