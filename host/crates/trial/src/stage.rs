//! What is outside of the plugin while a case runs: what answers, what was asked, what is left over.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chancery_sandbox::ports::{HttpFault, SqlError, SqlValue};
use chrono::{DateTime, Utc};
use http::Request;
use serde::Serialize;

use crate::cases::{Case, Common, Fault, HttpAnswer, HttpExchange, SqlAnswer, SqlExchange};
use crate::matching::{Listed, fits_request, listed, request_line, run_lines, take};
use crate::space::Space;
use crate::sql_values;

/// Before the names of a case's tables.
const IN_CASE: &str = "case.";

/// Questions without an answer, refusals, and notes that are told, each.
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
    kv: Space,
    unanswered: Vec<Unanswered>,
    refused: Vec<Refused>,
    notes: Vec<String>,
    /// Where in the case file an answer would stand: in the case, or in what all have in common.
    place: &'static str,
    /// Counts the identifiers that were drawn, so that they are the same in every run.
    drawn: u64,
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

/// A request that the grant file does not let out, and that the case does not list as refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// What was asked.
    pub asked: String,
    /// Why it does not leave.
    pub reason: String,
    /// Lines for the grant file that would let it out; absent where none do.
    pub grant: Option<String>,
    /// Lines for the case file that list it as refused.
    pub lines: String,
}

/// What came of a scene.
#[derive(Debug, Default)]
pub(crate) struct Played {
    pub(crate) unanswered: Vec<Unanswered>,
    pub(crate) refused: Vec<Refused>,
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
            http: listed(&[], |_| None, &common.http),
            sql: listed(&[], |_| None, &common.sql),
            kv: Space::holding(&common.kv),
            place: "",
            ..Self::default()
        }
    }

    /// For one case: what it lists, and what is there in every case.
    pub(crate) fn of(case: &Case, common: &Common) -> Self {
        Self {
            clock: case.clock,
            http: listed(&case.http, |exchange| Some(exchange.times), &common.http),
            sql: listed(&case.sql, |exchange| Some(exchange.times), &common.sql),
            kv: Space::holding(&case.kv),
            place: IN_CASE,
            ..Self::default()
        }
    }

    /// For a case that is repeated many times.
    pub(crate) fn repeated(case: &Case, common: &Common) -> Self {
        Self {
            http: listed(&case.http, |_| None, &common.http),
            sql: listed(&case.sql, |_| None, &common.sql),
            ..Self::of(case, common)
        }
    }

    fn unanswered(&mut self, asked: String, reason: Option<String>, table: &str, lines: &str) {
        let reason = reason.unwrap_or_else(|| format!("no {table} answers it"));
        tell(&mut self.unanswered, Unanswered { asked, reason, lines: format!("{table}\n{lines}") });
    }
}

/// Says something once, and not endlessly.
fn tell<T: PartialEq>(told: &mut Vec<T>, new: T) {
    if told.len() < MAX_TOLD && !told.contains(&new) {
        told.push(new);
    }
}

impl Played {
    /// With what was asked before it, while the plugin was loaded for it. What is left over is the case's alone.
    pub(crate) fn after(self, loading: Self) -> Self {
        let Self { mut unanswered, mut refused, mut notes, .. } = loading;
        unanswered.extend(self.unanswered);
        refused.extend(self.refused);
        notes.extend(self.notes);
        Self { unanswered, refused, notes, ..self }
    }
}

impl Stage {
    /// Sets another scene.
    pub(crate) fn set(&self, scene: Scene) {
        *self.scene() = scene;
    }

    /// Ends the scene.
    pub(crate) fn end(&self) -> Played {
        let scene = std::mem::take(&mut *self.scene());
        let unused = scene.http.iter().filter_map(Listed::shortfall);
        Played {
            unused: unused.chain(scene.sql.iter().filter_map(Listed::shortfall)).collect(),
            unanswered: scene.unanswered,
            refused: scene.refused,
            kv: scene.kv.into_values(),
            notes: scene.notes,
        }
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
        tell(&mut self.scene().notes, note);
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.scene().kv.get(key).map(<[u8]>::to_vec)
    }

    pub(crate) fn put(&self, key: &str, value: Vec<u8>, ttl: Duration, entries: usize) {
        let mut scene = self.scene();
        for gone in scene.kv.put(key, value, ttl, entries) {
            let limits = format!("grants.kv.entries = {entries}, and 16 MiB of values");
            let note = format!("the cache is full: {gone} made room for {key} ({limits})");
            tell(&mut scene.notes, note);
        }
    }

    pub(crate) fn remove(&self, key: &str) {
        self.scene().kv.remove(key);
    }

    /// Answers a request that passed the grant.
    pub(crate) fn answer(&self, request: &Request<Bytes>) -> Result<HttpAnswer, HttpFault> {
        let mut scene = self.scene();
        let taken = take(&mut scene.http, |exchange| fits_request(&exchange.request, request));
        match taken {
            Ok(exchange) => exchange.answer.clone().map_err(Fault::to_port),
            Err(reason) => {
                let lines = format!("{}\nresponse = {{ status = 200, json = {{}} }}", request_line(request));
                let table = format!("[[{}http]]", scene.place);
                scene.unanswered(asked(request), reason, &table, &lines);
                Err(HttpFault::Connect("the case file has no answer".to_owned()))
            }
        }
    }

    /// A request that the grant file does not let out. A case that lists it with this fault expects just that.
    /// `grant` are lines that would let it out.
    pub(crate) fn refuse(&self, request: &Request<Bytes>, fault: Fault, reason: String, grant: Option<String>) {
        let mut scene = self.scene();
        let expected = take(&mut scene.http, |exchange| match &exchange.answer {
            Err(listed) if *listed == fault => fits_request(&exchange.request, request),
            _ => Err(None),
        });
        if expected.is_ok() {
            return;
        }
        let lines = format!("[[{}http]]\n{}\nfault = \"{}\"", scene.place, request_line(request), fault.name());
        tell(&mut scene.refused, Refused { asked: asked(request), reason, grant, lines });
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
                let asked = format!("the statement {name} with [{}]", shown.join(", "));
                let table = format!("[[{}sql]]", scene.place);
                scene.unanswered(asked, reason, &table, &format!("{}\nrows = []", run_lines(name, params)));
                Err(SqlError::Unavailable("the case file has no answer".to_owned()))
            }
        }
    }

    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn asked(request: &Request<Bytes>) -> String {
    format!("{} {}", request.method(), request.uri())
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
