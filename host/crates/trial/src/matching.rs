//! Which exchange of a case file answers a question, why none does, and the lines that would.

use bytes::Bytes;
use chancery_sandbox::ports::SqlValue;
use http::Request;
use serde_json::Value;

use crate::cases::{HttpExchange, HttpPattern, SqlExchange};
use crate::diff::differences;
use crate::pattern::{exactly, fits, is_exact};
use crate::sql_values;

/// An exchange of the case file.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    exchange: T,
    used: u32,
    /// How often it must happen; `None` for any number of times.
    times: Option<u32>,
}

/// What is stated of an exchange.
pub(crate) trait Stated: Clone {
    /// Whether a question alone can be meant: nothing that is stated holds a `*`.
    fn is_exact(&self) -> bool;
    /// The question as the case lists it.
    fn shown(&self) -> String;
}

/// A case's own exchanges and those that are there in every case, in the order in which they answer: those without `*`
/// first, and otherwise as they stand in the file.
pub(crate) fn listed<T: Stated>(own: &[T], times: impl Fn(&T) -> Option<u32>, always: &[T]) -> Vec<Listed<T>> {
    let own = own.iter().map(|exchange| (exchange, times(exchange)));
    let all = own.chain(always.iter().map(|exchange| (exchange, None)));
    let mut listed: Vec<Listed<T>> =
        all.map(|(exchange, times)| Listed { exchange: exchange.clone(), used: 0, times }).collect();
    listed.sort_by_key(|listed| !listed.exchange.is_exact());
    listed
}

/// The first exchange that fits. Otherwise why the closest one does not: `fit` answers `Err(None)` for one that is
/// about something else.
pub(crate) fn take<T: Stated>(
    listed: &mut [Listed<T>],
    fit: impl Fn(&T) -> Result<(), Option<String>>,
) -> Result<&T, Option<String>> {
    let mut closest = None;
    for (index, candidate) in listed.iter().enumerate() {
        match fit(&candidate.exchange) {
            Ok(()) if candidate.is_used_up() => {
                let times = candidate.times.unwrap_or_default();
                closest = Some(format!("what answers it was used {times} times already: raise its `times`"));
            }
            Ok(()) => {
                let found = &mut listed[index];
                found.used = found.used.saturating_add(1);
                return Ok(&found.exchange);
            }
            Err(reason) => closest = closest.or(reason.map(|reason| format!("the closest one differs: {reason}"))),
        }
    }
    Err(closest)
}

impl<T: Stated> Listed<T> {
    fn is_used_up(&self) -> bool {
        self.times.is_some_and(|times| self.used >= times)
    }

    /// What is told where it did not happen as often as it must.
    pub(crate) fn shortfall(&self) -> Option<String> {
        let times = self.times.filter(|times| self.used < *times)?;
        let shown = self.exchange.shown();
        Some(match (self.used, times) {
            (0, 1) => format!("{shown} did not happen"),
            (used, times) => format!("{shown} happened {used} times, not {times}"),
        })
    }
}

impl Stated for HttpExchange {
    fn is_exact(&self) -> bool {
        let HttpPattern { url, headers, body, .. } = &self.request;
        let texts = headers.values().chain(body);
        url.as_deref().is_some_and(is_exact)
            && texts.into_iter().all(|text| is_exact(text))
            && self.request.json().is_none_or(is_exact_json)
    }

    fn shown(&self) -> String {
        let pattern = &self.request;
        let method = pattern.method.as_deref().unwrap_or("*");
        let mut shown = format!("{method} {}", pattern.url.as_deref().unwrap_or("*"));
        for (name, value) in &pattern.headers {
            shown.push_str(&format!(", {name}: {value}"));
        }
        if let Some(json) = pattern.json() {
            shown.push_str(&format!(", {json}"));
        }
        if let Some(body) = &pattern.body {
            shown.push_str(&format!(", {body:?}"));
        }
        shown
    }
}

impl Stated for SqlExchange {
    fn is_exact(&self) -> bool {
        let is_exact = |value: &SqlValue| !matches!(value, SqlValue::Text(text) if !is_exact(text));
        self.params.as_ref().is_some_and(|params| params.iter().all(is_exact))
    }

    fn shown(&self) -> String {
        match &self.params {
            Some(params) => {
                let shown: Vec<String> = params.iter().map(sql_values::toml).collect();
                format!("the statement {} with [{}]", self.statement, shown.join(", "))
            }
            None => format!("the statement {}", self.statement),
        }
    }
}

fn is_exact_json(value: &Value) -> bool {
    match value {
        Value::String(text) => is_exact(text),
        Value::Array(items) => items.iter().all(is_exact_json),
        Value::Object(members) => members.values().all(is_exact_json),
        _ => true,
    }
}

/// Whether a request is what a case lists.
pub(crate) fn fits_request(pattern: &HttpPattern, request: &Request<Bytes>) -> Result<(), Option<String>> {
    let url = request.uri().to_string();
    let same_url = pattern.url.as_ref().is_none_or(|pattern| fits(pattern, &url));
    let method = pattern.method.as_deref();
    let same_method = method.is_none_or(|method| method.eq_ignore_ascii_case(request.method().as_str()));
    match (same_url, same_method) {
        (false, _) => return Err(None),
        (true, false) => {
            let (expected, got) = (method.unwrap_or_default(), request.method());
            return Err(Some(format!("method: expected {expected}, got {got}")));
        }
        (true, true) => {}
    }
    for (name, value) in &pattern.headers {
        let got = request.headers().get_all(name.as_str()).iter();
        let got: Vec<_> = got.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        if got.is_empty() {
            return Err(Some(format!("header {name}: expected {value:?}, and it is not there")));
        }
        let got = got.join(", ");
        if !fits(value, &got) {
            return Err(Some(format!("header {name}: expected {value:?}, got {got:?}")));
        }
    }
    fits_body(pattern, &String::from_utf8_lossy(request.body()))
}

fn fits_body(pattern: &HttpPattern, body: &str) -> Result<(), Option<String>> {
    if let Some(expected) = &pattern.body
        && !fits(expected, body)
    {
        return Err(Some(format!("body: expected {expected:?}, got {body:?}")));
    }
    let Some(expected) = pattern.json() else { return Ok(()) };
    let got: Value =
        serde_json::from_str(body).map_err(|error| Some(format!("body: expected JSON, got {body:?} ({error})")))?;
    match differences("body", expected, &got, &[]).into_iter().next() {
        None => Ok(()),
        Some(first) => {
            let show = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
            Err(Some(format!("{}: expected {}, got {}", first.at, show(first.expected), show(first.got))))
        }
    }
}

/// The line of a case file that lists this very request.
pub(crate) fn request_line(request: &Request<Bytes>) -> String {
    let url = toml::Value::from(exactly(&request.uri().to_string()));
    let mut stated = format!("method = \"{}\", url = {url}", request.method());
    if !request.body().is_empty() {
        let body = String::from_utf8_lossy(request.body());
        let (member, body) = match serde_json::from_str(&body) {
            Ok(json) => ("json", exactly_json(json).to_string()),
            Err(_) => ("body", exactly(&body)),
        };
        stated.push_str(&format!(", {member} = {}", toml::Value::from(body)));
    }
    format!("request = {{ {stated} }}")
}

/// The lines of a case file that list this very run of a statement.
pub(crate) fn run_lines(statement: &str, params: &[SqlValue]) -> String {
    let params: Vec<String> = params.iter().map(sql_values::exactly).collect();
    format!("statement = {}\nparams = [{}]", toml::Value::from(statement), params.join(", "))
}

fn exactly_json(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(exactly(&text)),
        Value::Array(items) => items.into_iter().map(exactly_json).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, exactly_json(value))).collect(),
        other => other,
    }
}
