//! What is outside of the plugin while a case runs: what answers, what was asked, what is left over.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chancery_sandbox::ports::{HttpFault, SqlError, SqlValue};
use chrono::{DateTime, Utc};
use http::Request;
use serde::Serialize;
use serde_json::Value;

use crate::cases::{Case, Common, HttpAnswer, HttpExchange, HttpPattern, SqlAnswer, SqlExchange};
use crate::diff::differences;
use crate::pattern::fits;
use crate::sql_values;

/// Before the names of a case's tables.
const IN_CASE: &str = "case.";

/// Questions without an answer that are told.
const MAX_TOLD: usize = 20;

/// What all virtual ports stand on. One case at a time.
#[derive(Debug, Default)]
pub(crate) struct Stage(Mutex<Scene>);

/// What is there for one case, or while a plugin is loaded.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    clock: DateTime<Utc>,
    http: Vec<Listed<HttpExchange>>,
    sql: Vec<Listed<SqlExchange>>,
    kv: BTreeMap<String, Vec<u8>>,
    unanswered: Vec<Unanswered>,
    notes: Vec<String>,
    /// Where in the case file an answer would stand: in the case, or in what all have in common.
    place: &'static str,
    /// Counts the identifiers that were drawn, so that they are the same in every run.
    drawn: u64,
}

/// An exchange of the case file.
#[derive(Debug)]
struct Listed<T> {
    exchange: T,
    used: u32,
    /// How often it must happen; `None` for any number of times.
    times: Option<u32>,
}

/// Something that the plugin asked and that the case file has no answer to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unanswered {
    /// What was asked.
    pub asked: String,
    /// Why nothing that is listed answers it.
    pub reason: String,
    /// Lines for the case file that would.
    pub lines: String,
}

/// What came of a scene.
#[derive(Debug, Default)]
pub(crate) struct Played {
    pub(crate) unanswered: Vec<Unanswered>,
    /// Exchanges that did not happen as often as they must.
    pub(crate) unused: Vec<String>,
    pub(crate) kv: BTreeMap<String, Vec<u8>>,
    pub(crate) notes: Vec<String>,
}

impl Scene {
    /// While the plugin is loaded for cases that are about something else.
    pub(crate) fn loading(common: &Common) -> Self {
        Self {
            clock: common.clock,
            http: listed(&common.http, |_| None),
            sql: listed(&common.sql, |_| None),
            kv: bytes(&common.kv),
            place: "",
            ..Self::default()
        }
    }

    /// For one case. What it lists comes before what is there in every case.
    pub(crate) fn of(case: &Case, common: &Common) -> Self {
        let always = Self::loading(common);
        let mut http = listed(&case.http, |exchange| Some(exchange.times));
        let mut sql = listed(&case.sql, |exchange| Some(exchange.times));
        http.extend(always.http);
        sql.extend(always.sql);
        Self { clock: case.clock, http, sql, kv: bytes(&case.kv), place: IN_CASE, ..Self::default() }
    }

    /// For a case that is repeated many times.
    pub(crate) fn repeated(case: &Case, common: &Common) -> Self {
        let mut scene = Self::of(case, common);
        scene.http.iter_mut().for_each(|listed| listed.times = None);
        scene.sql.iter_mut().for_each(|listed| listed.times = None);
        scene
    }
}

fn listed<T: Clone>(exchanges: &[T], times: impl Fn(&T) -> Option<u32>) -> Vec<Listed<T>> {
    exchanges.iter().map(|exchange| Listed { exchange: exchange.clone(), used: 0, times: times(exchange) }).collect()
}

fn bytes(kv: &BTreeMap<String, String>) -> BTreeMap<String, Vec<u8>> {
    kv.iter().map(|(key, value)| (key.clone(), value.clone().into_bytes())).collect()
}

impl Stage {
    /// Sets another scene.
    pub(crate) fn set(&self, scene: Scene) {
        *self.scene() = scene;
    }

    /// Ends the scene.
    pub(crate) fn end(&self) -> Played {
        let scene = std::mem::take(&mut *self.scene());
        let http = scene.http.iter().filter_map(|listed| listed.shortfall(|exchange| shown_pattern(&exchange.request)));
        let sql = scene.sql.iter().filter_map(|listed| listed.shortfall(shown_run));
        Played { unused: http.chain(sql).collect(), unanswered: scene.unanswered, kv: scene.kv, notes: scene.notes }
    }

    pub(crate) fn clock(&self) -> DateTime<Utc> {
        self.scene().clock
    }

    /// The number of an identifier, counted from 1 on in each scene.
    pub(crate) fn draw(&self) -> u64 {
        let mut scene = self.scene();
        scene.drawn += 1;
        scene.drawn
    }

    /// Something that a failed case is better understood by.
    pub(crate) fn note(&self, note: String) {
        let mut scene = self.scene();
        if scene.notes.len() < MAX_TOLD {
            scene.notes.push(note);
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.scene().kv.get(key).cloned()
    }

    pub(crate) fn put(&self, key: &str, value: Vec<u8>) {
        self.scene().kv.insert(key.to_owned(), value);
    }

    pub(crate) fn remove(&self, key: &str) {
        self.scene().kv.remove(key);
    }

    /// Answers a request that passed the grant.
    pub(crate) fn answer(&self, request: &Request<Bytes>) -> Result<HttpAnswer, HttpFault> {
        let mut scene = self.scene();
        let taken = take(&mut scene.http, |exchange| mismatch(&exchange.request, request));
        match taken {
            Ok(exchange) => exchange.answer.clone().map_err(crate::cases::Fault::to_port),
            Err(reason) => {
                let asked = format!("{} {}", request.method(), request.uri());
                let table = format!("[[{}http]]", scene.place);
                scene.unanswered(asked, reason, &table, &http_lines(request));
                Err(HttpFault::Connect("the case file has no answer".to_owned()))
            }
        }
    }

    /// Runs a statement that the grant file has under one of these names.
    pub(crate) fn run(&self, names: &[String], params: &[SqlValue]) -> Result<SqlAnswer, SqlError> {
        let mut scene = self.scene();
        let taken = take(&mut scene.sql, |exchange| {
            if !names.contains(&exchange.statement) {
                return Err(None);
            }
            let expected = exchange.params.as_deref();
            let differs = expected.and_then(|expected| sql_values::mismatch(expected, params));
            differs.map_or(Ok(()), |difference| Err(Some(difference)))
        });
        match taken {
            Ok(exchange) => exchange.answer.clone(),
            Err(reason) => {
                let name = names.first().map_or("?", String::as_str);
                let shown: Vec<String> = params.iter().map(sql_values::toml).collect();
                let shown = shown.join(", ");
                let lines = format!("statement = {}\nparams = [{shown}]\nrows = []", toml::Value::from(name));
                let table = format!("[[{}sql]]", scene.place);
                let asked = format!("the statement {name} with [{shown}]");
                scene.unanswered(asked, reason, &table, &lines);
                Err(SqlError::Unavailable("the case file has no answer".to_owned()))
            }
        }
    }

    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scene {
    fn unanswered(&mut self, asked: String, reason: Option<String>, table: &str, lines: &str) {
        let reason = reason.unwrap_or_else(|| format!("no {table} answers it"));
        let unanswered = Unanswered { asked, reason, lines: format!("{table}\n{lines}") };
        if self.unanswered.len() < MAX_TOLD && !self.unanswered.contains(&unanswered) {
            self.unanswered.push(unanswered);
        }
    }
}

impl<T> Listed<T> {
    fn is_used_up(&self) -> bool {
        self.times.is_some_and(|times| self.used >= times)
    }

    /// What is told where it did not happen as often as it must.
    fn shortfall(&self, show: impl Fn(&T) -> String) -> Option<String> {
        let times = self.times.filter(|times| self.used < *times)?;
        let shown = show(&self.exchange);
        Some(match (self.used, times) {
            (0, 1) => format!("{shown} did not happen"),
            (used, times) => format!("{shown} happened {used} times, not {times}"),
        })
    }
}

/// The first exchange that fits. Otherwise why the closest one does not: `fit` answers `Err(None)` for one that is
/// about something else.
fn take<T>(listed: &mut [Listed<T>], fit: impl Fn(&T) -> Result<(), Option<String>>) -> Result<&T, Option<String>> {
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

fn mismatch(pattern: &HttpPattern, request: &Request<Bytes>) -> Result<(), Option<String>> {
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
        let got: Vec<String> = request
            .headers()
            .get_all(name.as_str())
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        if got.is_empty() {
            return Err(Some(format!("header {name}: expected {value:?}, and it is not there")));
        }
        let got = got.join(", ");
        if !fits(value, &got) {
            return Err(Some(format!("header {name}: expected {value:?}, got {got:?}")));
        }
    }
    let body = String::from_utf8_lossy(request.body());
    if let Some(expected) = &pattern.body
        && !fits(expected, &body)
    {
        return Err(Some(format!("body: expected {expected:?}, got {body:?}")));
    }
    let Some(expected) = pattern.json() else { return Ok(()) };
    let got: Value =
        serde_json::from_str(&body).map_err(|error| Some(format!("body: expected JSON, got {body:?} ({error})")))?;
    match differences("body", expected, &got, &[]).into_iter().next() {
        None => Ok(()),
        Some(first) => {
            let show = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
            Err(Some(format!("{}: expected {}, got {}", first.at, show(first.expected), show(first.got))))
        }
    }
}

fn http_lines(request: &Request<Bytes>) -> String {
    let mut stated =
        format!("method = \"{}\", url = {}", request.method(), toml::Value::from(request.uri().to_string()));
    if !request.body().is_empty() {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let member = if serde_json::from_str::<Value>(&body).is_ok() { "json" } else { "body" };
        stated.push_str(&format!(", {member} = {}", toml::Value::from(body)));
    }
    format!("request = {{ {stated} }}\nresponse = {{ status = 200, json = {{}} }}")
}

/// A request as the case lists it.
fn shown_pattern(pattern: &HttpPattern) -> String {
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

fn shown_run(exchange: &SqlExchange) -> String {
    match &exchange.params {
        Some(params) => {
            let shown: Vec<String> = params.iter().map(sql_values::toml).collect();
            format!("the statement {} with [{}]", exchange.statement, shown.join(", "))
        }
        None => format!("the statement {}", exchange.statement),
    }
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
