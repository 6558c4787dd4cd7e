//! JSON templates: data in, claims out.
//!
//! A template is a JSON document whose text values may hold expressions (minijinja's, without
//! statements). Its structure is fixed when it is compiled, so data can never add, remove or rename
//! a member, and is never itself read as a template:
//!
//! | in the template | gives |
//! | --- | --- |
//! | `"{{ data.crops }}"` | the JSON value itself: list, number, object, text |
//! | `"{{ data.first }} {{ data.last }}"` | text |
//! | `"name?": "{{ data.name }}"` | the member, or nothing where something in it is undefined |
//! | `{"$for": "plot in data.plots", "item": …}` | a list, one item for each plot |
//! | `{"$if": "data.age is ge(18)", "then": …, "else": …}` | one of two; without `else` possibly nothing |
//! | anything else | itself |
//!
//! What is undefined without a `?` is an error that names the place. The variables are those of
//! [`Variables`]; the filters are listed in [`FILTERS`].
//!
//! Two of the engine's operators are refused. `*` also repeats text, so that one short expression over
//! hostile data could fill the memory: numbers are multiplied with `times`. `<` and its kin also order
//! text against numbers, so that `"7" >= 18` holds: the tests `lt`, `le`, `gt` and `ge` refuse that.

mod compile;
mod engine;
mod filters;
mod render;
mod text;
mod value;

use std::fmt;

use serde_json::Value;

use crate::claim_path::is_plain_name;
use crate::json::{JsonError, JsonLimits, parse_strict};

pub use filters::FILTERS;

/// Steps that one expression may take in the engine.
pub const FUEL_PER_EXPRESSION: u64 = 10_000;
/// Longest text that a filter makes.
pub const MAX_TEXT_LEN: usize = 1024 * 1024;

/// Bounds of a template and of what it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the template's own text.
    pub max_source_bytes: usize,
    /// Nesting of the template.
    pub max_depth: usize,
    pub max_expressions: usize,
    pub max_expression_len: usize,
    /// Size of what is rendered, counted roughly as its JSON text.
    pub max_output_bytes: usize,
    /// Nesting of what is rendered.
    pub max_output_depth: usize,
    /// Expressions evaluated and loop items made in one rendering.
    pub max_evaluations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_source_bytes: 256 * 1024,
            max_depth: 32,
            max_expressions: 2_000,
            max_expression_len: 2_048,
            max_output_bytes: 1024 * 1024,
            max_output_depth: 48,
            max_evaluations: 50_000,
        }
    }
}

/// What expressions can name. Absent ones are null.
#[derive(Clone, Default, PartialEq)]
pub struct Variables {
    /// What the data provider, the offer or the API call brought.
    pub data: Value,
    pub issuer: Value,
    pub holder: Value,
    /// `id`, `valid_from`, `valid_until`.
    pub credential: Value,
    pub status: Value,
    pub request: Value,
    /// Maps of localized text and code tables of the configuration.
    pub localized: Value,
}

/// A compiled template: made once, rendered by any number of threads.
#[derive(Debug)]
pub struct Template {
    root: compile::Node,
    /// The variables that its expressions read; others are not even converted.
    reads: Vec<&'static str>,
    limits: Limits,
}

/// A template was refused, or rendering failed. The texts are for operators: they quote the template,
/// never the data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("the template is not acceptable JSON: {0}")]
    Document(#[from] JsonError),
    #[error("template error at {path}: {problem}")]
    Invalid { path: String, problem: String },
    #[error("undefined value at {path}, in `{expression}`: {missing}")]
    Undefined { path: String, expression: String, missing: String },
    #[error("cannot evaluate `{expression}` at {path}: {problem}")]
    Failed { path: String, expression: String, problem: String },
    #[error("the rendered document exceeds a limit at {path}: {limit}")]
    Limit { path: String, limit: &'static str },
}

impl Template {
    /// Compiles a template from its text. Duplicate members are refused.
    pub fn compile(source: &str, limits: Limits) -> Result<Self, TemplateError> {
        let bounds = JsonLimits { max_bytes: limits.max_source_bytes, max_depth: limits.max_depth };
        Self::from_json(&parse_strict(source, &bounds)?, limits)
    }

    /// Compiles a template that was parsed already, by a reader that refuses duplicate members.
    pub fn from_json(document: &Value, limits: Limits) -> Result<Self, TemplateError> {
        let (root, reads) = compile::compile(document, &limits)?;
        Ok(Self { root, reads, limits })
    }

    /// Evaluates every expression over the variables.
    pub fn render(&self, variables: &Variables) -> Result<Value, TemplateError> {
        render::render(&self.root, &self.reads, variables, &self.limits)
    }
}

impl Variables {
    /// The names that expressions may use.
    pub const NAMES: [&'static str; 7] = ["data", "issuer", "holder", "credential", "status", "request", "localized"];

    fn get(&self, name: &str) -> Option<&Value> {
        match name {
            "data" => Some(&self.data),
            "issuer" => Some(&self.issuer),
            "holder" => Some(&self.holder),
            "credential" => Some(&self.credential),
            "status" => Some(&self.status),
            "request" => Some(&self.request),
            "localized" => Some(&self.localized),
            _ => None,
        }
    }
}

impl fmt::Debug for Variables {
    /// They are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variables(redacted)")
    }
}

/// A step of the path that an error names.
#[derive(Clone, Debug)]
enum Step {
    Member(String),
    Index(usize),
}

/// An error on its way up: each container adds its step, the top makes the path.
#[derive(Debug)]
struct Failure {
    steps: Vec<Step>,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Invalid(String),
    Undefined { expression: String, missing: String },
    Failed { expression: String, problem: String },
    Limit(&'static str),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { steps: Vec::new(), problem }
    }
}

impl Failure {
    fn below(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    fn member(self, name: &str) -> Self {
        self.below(Step::Member(name.to_owned()))
    }

    fn is_undefined(&self) -> bool {
        matches!(self.problem, Problem::Undefined { .. })
    }
}

impl From<Failure> for TemplateError {
    fn from(failure: Failure) -> Self {
        let path = failure.steps.iter().rev().fold("$".to_owned(), |path, step| match step {
            Step::Index(index) => format!("{path}[{index}]"),
            Step::Member(name) if is_plain_name(name) => format!("{path}.{name}"),
            Step::Member(name) => format!("{path}[{name:?}]"),
        });
        match failure.problem {
            Problem::Invalid(problem) => Self::Invalid { path, problem },
            Problem::Undefined { expression, missing } => Self::Undefined { path, expression, missing },
            Problem::Failed { expression, problem } => Self::Failed { path, expression, problem },
            Problem::Limit(limit) => Self::Limit { path, limit },
        }
    }
}

#[cfg(test)]
mod tests;
