//! The operator's `[config]`.

use chancery_plugin_sdk::{
    ConfigProblem, Map, Value, json,
    template::{self, Part, Placeholder, escape_pointer},
};
use serde::Deserialize;

/// The host's own limit for statements in one call is 16 unless the operator raises it.
const MAX_LOOKUPS: usize = 64;

const DEFAULT_NOT_FOUND: &str = "The data source does not know this subject.";
/// What the host shows of a message.
const MAX_MESSAGE: usize = 512;

/// As the operator writes it: one statement, or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    statement: Option<String>,
    params: Option<Vec<Value>>,
    rows: Option<Rows>,
    into: Option<String>,
    claims: Option<Map<String, Value>>,
    lookups: Option<Vec<LookupSection>>,
    not_found: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LookupSection {
    statement: String,
    #[serde(default)]
    params: Vec<Value>,
    rows: Option<Rows>,
    into: Option<String>,
    claims: Option<Map<String, Value>>,
    #[serde(default)]
    optional: bool,
}

/// As the plugin uses it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) lookups: Vec<Lookup>,
    /// What the holder is told of a subject without a row.
    pub(crate) not_found: String,
}

/// One statement, and what becomes of its rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lookup {
    pub(crate) statement: String,
    pub(crate) params: Vec<Param>,
    pub(crate) rows: Rows,
    /// The claim that holds the row or the rows; absent means that the columns are claims themselves.
    pub(crate) into: Option<String>,
    /// Absent means every column under its own name.
    pub(crate) claims: Option<Vec<Claim>>,
    /// Whether the subject may have no row here.
    pub(crate) optional: bool,
}

/// How many rows a subject has.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rows {
    /// One; more are a fault of the statement or of the data.
    #[default]
    One,
    /// Any number; the first counts.
    First,
    /// Any number, all of which become an array.
    All,
}

/// A parameter that the grant leaves to the plugin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Param {
    Constant(Value),
    Call(Placeholder),
}

/// One claim, and the column it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) name: String,
    pub(crate) column: String,
    pub(crate) form: Form,
}

/// What a value becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// What it is in the database.
    AsIs,
    Text,
    Integer,
    Number,
    Boolean,
    /// JSON in a text or JSON column, or the part of it at a JSON pointer.
    Json(String),
    /// Bytes beside the claims, of this media type.
    Attachment(String),
}

impl Config {
    pub(crate) fn check(self) -> Result<Settings, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let not_found = self.not_found.clone().unwrap_or_else(|| DEFAULT_NOT_FOUND.to_owned());
        if not_found.is_empty() || not_found.len() > MAX_MESSAGE {
            problems
                .push(ConfigProblem::new("/not_found", format!("must be a sentence of at most {MAX_MESSAGE} bytes")));
        }
        let lookups: Vec<Lookup> = self
            .sections(&mut problems)
            .into_iter()
            .map(|(path, section)| {
                let mut found = Vec::new();
                let lookup = section.check(&mut found);
                problems.extend(found.into_iter().map(|problem| problem.under(&path)));
                lookup
            })
            .collect();
        if lookups.iter().all(|lookup| lookup.optional) && !lookups.is_empty() {
            problems.push(ConfigProblem::new(
                "/lookups",
                "one must not be optional: it tells whether the subject is known",
            ));
        }
        clashes(&lookups, &mut problems);
        if problems.is_empty() { Ok(Settings { lookups, not_found }) } else { Err(problems) }
    }

    /// The lookups, each with its place.
    fn sections(self, problems: &mut Vec<ConfigProblem>) -> Vec<(String, LookupSection)> {
        let single = [self.params.is_some(), self.rows.is_some(), self.into.is_some(), self.claims.is_some()];
        match (self.statement, self.lookups) {
            (Some(statement), None) => {
                let params = self.params.unwrap_or_default();
                let section = LookupSection {
                    statement,
                    params,
                    rows: self.rows,
                    into: self.into,
                    claims: self.claims,
                    optional: false,
                };
                vec![(String::new(), section)]
            }
            (None, Some(lookups)) if !single.contains(&true) => {
                if lookups.is_empty() || lookups.len() > MAX_LOOKUPS {
                    problems.push(ConfigProblem::new("/lookups", format!("must have 1 to {MAX_LOOKUPS} entries")));
                }
                lookups.into_iter().enumerate().map(|(at, section)| (format!("/lookups/{at}"), section)).collect()
            }
            (None, Some(_)) => {
                let message = "params, rows, into and claims belong into each entry of `lookups`";
                problems.push(ConfigProblem::new("/lookups", message));
                Vec::new()
            }
            (None, None) => {
                problems.push(ConfigProblem::new("", "needs `statement`, or `lookups` for several"));
                Vec::new()
            }
            (Some(_), Some(_)) => {
                problems.push(ConfigProblem::new("/lookups", "stands beside `statement`: one of them is enough"));
                Vec::new()
            }
        }
    }
}

impl LookupSection {
    fn check(self, problems: &mut Vec<ConfigProblem>) -> Lookup {
        if self.statement.is_empty() {
            problems.push(ConfigProblem::new("/statement", "must name a statement of [grants.sql.statements]"));
        }
        let rows = self.rows.unwrap_or_default();
        match &self.into {
            None if rows == Rows::All => {
                problems
                    .push(ConfigProblem::new("/into", "is needed with rows = \"all\": the claim that gets the array"));
            }
            Some(into) if into.is_empty() => problems.push(ConfigProblem::new("/into", "must be the name of a claim")),
            _ => {}
        }
        let params = self.params.iter().enumerate().filter_map(|(at, param)| {
            param_of(param).map_err(|message| problems.push(ConfigProblem::new(format!("/params/{at}"), message))).ok()
        });
        let params = params.collect();
        let claims = self.claims.as_ref().map(|claims| claims_of(claims, rows, self.into.is_some(), problems));
        Lookup { statement: self.statement, params, rows, into: self.into, claims, optional: self.optional }
    }
}

fn param_of(value: &Value) -> Result<Param, String> {
    match value {
        Value::String(text) => {
            let mut parts = template::split(text, template::REQUEST)?;
            match (parts.len(), parts.pop()) {
                (0, _) => Ok(Param::Constant(Value::from(""))),
                (1, Some(Part::Text(text))) => Ok(Param::Constant(Value::String(text))),
                (1, Some(Part::Value(placeholder))) => Ok(Param::Call(placeholder)),
                _ => Err("a placeholder has to be the whole text: nothing may stand beside it".into()),
            }
        }
        Value::Array(_) | Value::Object(_) | Value::Null => Err("must be a text, a number or a truth value".into()),
        constant => Ok(Param::Constant(constant.clone())),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimSection {
    column: String,
    #[serde(rename = "as")]
    form: Option<FormName>,
    pointer: Option<String>,
    media_type: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FormName {
    Text,
    Integer,
    Number,
    Boolean,
    Json,
}

fn claims_of(claims: &Map<String, Value>, rows: Rows, nested: bool, problems: &mut Vec<ConfigProblem>) -> Vec<Claim> {
    let mut found = Vec::new();
    if claims.is_empty() {
        problems
            .push(ConfigProblem::new("/claims", "must name at least one claim; leave it out to pass all columns on"));
    }
    for (name, source) in claims {
        match claim(name, source) {
            Ok(claim) if matches!(claim.form, Form::Attachment(_)) && (nested || rows == Rows::All) => {
                let message = "an attachment cannot stand inside of another claim (`into`)";
                problems.push(ConfigProblem::new(format!("/claims/{}", escape_pointer(name)), message));
            }
            Ok(claim) => found.push(claim),
            Err(message) => problems.push(ConfigProblem::new(format!("/claims/{}", escape_pointer(name)), message)),
        }
    }
    found
}

fn claim(name: &str, source: &Value) -> Result<Claim, &'static str> {
    let section = match source {
        Value::String(column) => ClaimSection { column: column.clone(), form: None, pointer: None, media_type: None },
        other => ClaimSection::deserialize(other).map_err(
            |_| "must be a column, or { column, as = \"text|integer|number|boolean|json\", pointer, media_type }",
        )?,
    };
    if name.is_empty() || section.column.is_empty() {
        return Err("claim and column need a name");
    }
    let form = match (section.form, section.pointer, section.media_type) {
        (None, None, None) => Form::AsIs,
        (Some(FormName::Text), None, None) => Form::Text,
        (Some(FormName::Integer), None, None) => Form::Integer,
        (Some(FormName::Number), None, None) => Form::Number,
        (Some(FormName::Boolean), None, None) => Form::Boolean,
        (Some(FormName::Json), None, None) => Form::Json(String::new()),
        (None | Some(FormName::Json), Some(pointer), None) if is_pointer(&pointer) => Form::Json(pointer),
        (None, None, Some(media_type)) if is_media_type(&media_type) => Form::Attachment(media_type),
        (None | Some(FormName::Json), Some(_), None) => {
            return Err("pointer must be a JSON pointer such as \"/address/city\"");
        }
        (None, None, Some(_)) => return Err("media_type must be one such as \"image/jpeg\""),
        _ => return Err("as, pointer and media_type do not go together"),
    };
    Ok(Claim { name: name.to_owned(), column: section.column, form })
}

fn is_pointer(text: &str) -> bool {
    (text.is_empty() || text.starts_with('/')) && text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}

fn is_media_type(text: &str) -> bool {
    let token =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b));
    text.len() <= 255 && text.split_once('/').is_some_and(|(kind, name)| token(kind) && token(name))
}

/// Two lookups for one claim would mean that one of them is lost.
fn clashes(lookups: &[Lookup], problems: &mut Vec<ConfigProblem>) {
    let mut seen: Vec<&str> = Vec::new();
    for (at, lookup) in lookups.iter().enumerate() {
        let own = lookup.claims.iter().flatten().filter(|_| lookup.into.is_none()).map(|claim| claim.name.as_str());
        for name in own.chain(lookup.into.as_deref()) {
            if seen.contains(&name) {
                problems.push(ConfigProblem::new(
                    format!("/lookups/{at}"),
                    format!("the claim {name:?} has a source already"),
                ));
            }
            seen.push(name);
        }
    }
}

/// A JSON Schema of [`Config`].
pub(crate) fn schema() -> Value {
    let name = json!({ "type": "string", "minLength": 1 });
    let params = json!({
        "type": "array",
        "items": { "type": ["string", "number", "boolean"] },
        "description": "for the parameters that the grant leaves to the plugin; \"{settings.x}\" is a value of the call",
    });
    let claims = json!({
        "type": "object",
        "minProperties": 1,
        "description": "claim = column; every column when absent",
        "additionalProperties": { "oneOf": [name, {
            "type": "object",
            "required": ["column"],
            "additionalProperties": false,
            "properties": {
                "column": name,
                "as": { "enum": ["text", "integer", "number", "boolean", "json"] },
                "pointer": { "type": "string", "description": "into a JSON column" },
                "media_type": { "type": "string", "description": "makes an attachment of a column of bytes" },
            },
        }] },
    });
    let rows = json!({ "enum": ["one", "first", "all"], "default": "one" });
    let into = json!({ "type": "string", "minLength": 1, "description": "the claim that holds row or rows" });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "oneOf": [{ "required": ["statement"] }, { "required": ["lookups"] }],
        "properties": {
            "statement": name, "params": params, "rows": rows, "into": into, "claims": claims,
            "lookups": { "type": "array", "minItems": 1, "maxItems": MAX_LOOKUPS, "items": {
                "type": "object",
                "required": ["statement"],
                "additionalProperties": false,
                "properties": {
                    "statement": name, "params": params, "rows": rows, "into": into, "claims": claims,
                    "optional": { "type": "boolean", "default": false, "description": "the subject may have no row" },
                },
            } },
            "not_found": { "type": "string", "minLength": 1, "maxLength": MAX_MESSAGE },
        },
    })
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
