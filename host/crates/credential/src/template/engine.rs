//! Expressions: what they may use, and their evaluation by minijinja.

use std::fmt;
use std::sync::LazyLock;

use minijinja::value::Value as Dynamic;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};

use super::text::{Token, tokens};
use super::{FUEL_PER_EXPRESSION, Problem, filters};

/// The one environment of all templates. It holds the listed filters and tests and nothing else: no
/// functions, no globals, no templates to include.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL_PER_EXPRESSION));
    filters::register(&mut environment);
    environment
});

/// A compiled expression.
pub(super) struct Expression {
    source: String,
    compiled: minijinja::Expression<'static, 'static>,
    /// The dotted names it reads, longest form, sorted: for naming what is missing.
    reads: Vec<String>,
}

impl Expression {
    /// Compiles an expression that may use the given variables.
    pub(super) fn compile(source: &str, max_len: usize, variables: &[&str]) -> Result<Self, String> {
        if source.is_empty() {
            return Err("the expression is empty".to_owned());
        }
        if source.len() > max_len {
            return Err(format!("the expression is longer than {max_len} bytes"));
        }
        check_vocabulary(&tokens(source)?)?;
        let compiled = ENVIRONMENT
            .compile_expression_owned(source.to_owned())
            .map_err(|error| format!("`{source}` is not an expression: {}", explain(&error)))?;
        for root in compiled.undeclared_variables(false) {
            if !variables.contains(&root.as_str()) {
                return Err(format!("unknown variable `{root}`; there are: {}", variables.join(", ")));
            }
        }
        let mut reads: Vec<String> = compiled.undeclared_variables(true).into_iter().collect();
        reads.sort_unstable();
        Ok(Self { source: source.to_owned(), compiled, reads })
    }

    /// The value, which may be undefined; an operation on something undefined is an error.
    pub(super) fn evaluate(&self, context: &Dynamic) -> Result<Dynamic, Problem> {
        self.compiled.eval(context.clone()).map_err(|error| match error.kind() {
            ErrorKind::UndefinedError => self.undefined(context),
            ErrorKind::OutOfFuel => Problem::Limit("an expression takes too many steps"),
            _ => self.failed(explain(&error)),
        })
    }

    pub(super) fn undefined(&self, context: &Dynamic) -> Problem {
        let missing: Vec<String> = self.reads.iter().filter_map(|name| missing_part(name, context)).collect();
        let missing = match missing[..] {
            [] => "a value in it does not exist".to_owned(),
            [ref one] => format!("there is no {one}"),
            _ => format!("there is no {}", missing.join(", no ")),
        };
        Problem::Undefined { expression: self.source.clone(), missing }
    }

    pub(super) fn failed(&self, problem: impl Into<String>) -> Problem {
        Problem::Failed { expression: self.source.clone(), problem: problem.into() }
    }

    /// The variables whose values it needs.
    pub(super) fn roots(&self) -> impl Iterator<Item = &str> {
        self.reads.iter().filter_map(|name| name.split('.').next())
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

/// Refuses, before any data is at hand, what the environment would only refuse when it runs.
fn check_vocabulary(tokens: &[Token<'_>]) -> Result<(), String> {
    let at = |index: usize| tokens.get(index).copied();
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).and_then(at);
        let next = at(index + 1);
        match (*token, next) {
            (Token::Symbol('*'), _) => {
                return Err("`*` is not available, because it also repeats text; write `| times(n)`".to_owned());
            }
            (Token::Symbol('<' | '>'), _) => {
                return Err("`<` and `>` are not available, because they also order text against numbers; write \
                            `is lt(n)`, `is le(n)`, `is gt(n)` or `is ge(n)`"
                    .to_owned());
            }
            (Token::Symbol('|'), Some(Token::Word(name))) if !filters::FILTERS.contains(&name) => {
                return Err(format!("unknown filter `{name}`; there are: {}", filters::FILTERS.join(", ")));
            }
            (Token::Word("is"), Some(Token::Word(word))) if before != Some(Token::Symbol('.')) => {
                let test = if word == "not" { at(index + 2) } else { next };
                if let Some(Token::Word(name)) = test
                    && !filters::TESTS.contains(&name)
                {
                    return Err(format!("unknown test `{name}`; there are: {}", filters::TESTS.join(", ")));
                }
            }
            (Token::Word(name), Some(Token::Symbol('('))) if is_call(name, index, tokens) => {
                return Err(format!("functions and methods, such as `{name}(…)`, are not available"));
            }
            (Token::Symbol(')' | ']'), Some(Token::Symbol('('))) => {
                return Err("a value cannot be called".to_owned());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether the word before a parenthesis is called: neither a filter, nor a test, nor an operator.
fn is_call(name: &str, index: usize, tokens: &[Token<'_>]) -> bool {
    let before = |steps: usize| index.checked_sub(steps).map(|index| tokens[index]);
    let is_keyword = matches!(name, "and" | "or" | "not" | "in" | "if" | "else" | "is");
    let is_argument_taker = match before(1) {
        Some(Token::Symbol('|') | Token::Word("is")) => true,
        Some(Token::Word("not")) => before(2) == Some(Token::Word("is")),
        _ => false,
    };
    let is_member = before(1) == Some(Token::Symbol('.'));
    is_member || !(is_keyword || is_argument_taker)
}

/// The first part of a dotted name that does not exist: `data.a` of `data.a.b`.
fn missing_part(name: &str, context: &Dynamic) -> Option<String> {
    let mut value = context.clone();
    let mut end = 0;
    for part in name.split('.') {
        end += part.len() + usize::from(end > 0);
        value = value.get_attr(part).ok()?;
        if value.is_undefined() {
            return Some(format!("`{}`", &name[..end]));
        }
    }
    None
}

/// minijinja's reason without line numbers (an expression is one line of a larger document).
fn explain(error: &minijinja::Error) -> String {
    match error.detail() {
        // Its only message that quotes operands, which may be personal data.
        Some(detail) if detail.starts_with("unable to calculate") => "the calculation has no result".to_owned(),
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}
