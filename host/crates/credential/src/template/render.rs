//! Evaluating a compiled template.

use minijinja::value::{Value as Dynamic, ValueKind};
use serde_json::{Map, Value};

use super::compile::{Member, Node, TextPart};
use super::engine::Expression;
use super::value::{Budget, ConversionError, to_engine, to_json, to_text};
use super::{Failure, Limits, Problem, Step, TemplateError, Variables};

/// Renders `root`, whose expressions read the variables named in `reads`.
pub(super) fn render(
    root: &Node,
    reads: &[&'static str],
    variables: &Variables,
    limits: &Limits,
) -> Result<Value, TemplateError> {
    let mut renderer = Renderer {
        evaluations: limits.max_evaluations,
        budget: Budget { bytes: limits.max_output_bytes, max_depth: limits.max_output_depth },
    };
    let scope = Scope::new(reads, variables)?;
    let value = renderer.node(root, &scope, 0, false)?;
    value.ok_or_else(|| Failure::from(Problem::Invalid("the whole template was left out".to_owned())).into())
}

/// The variables at some place.
struct Scope {
    names: Vec<(String, Dynamic)>,
    context: Dynamic,
}

impl Scope {
    /// Converts those variables only that the template reads.
    fn new(reads: &[&'static str], variables: &Variables) -> Result<Self, Failure> {
        let mut names = Vec::with_capacity(reads.len());
        for name in reads {
            let value = variables.get(name).unwrap_or(&Value::Null);
            let value = to_engine(value).map_err(|error| limit_or(&error, || invalid_input(name)))?;
            names.push(((*name).to_owned(), value));
        }
        Ok(Self::with(names))
    }

    fn with(names: Vec<(String, Dynamic)>) -> Self {
        let context = Dynamic::from_pairs(names.clone());
        Self { names, context }
    }

    fn inside_loop(&self, variable: &str, item: Dynamic) -> Self {
        let mut names = self.names.clone();
        names.push((variable.to_owned(), item));
        Self::with(names)
    }
}

struct Renderer {
    evaluations: usize,
    budget: Budget,
}

impl Renderer {
    /// Renders one place; `None` means that it is left out. With `optional`, an undefined value in the
    /// expression of this very place leaves it out.
    fn node(&mut self, node: &Node, scope: &Scope, depth: usize, optional: bool) -> Result<Option<Value>, Failure> {
        let rendered = match node {
            Node::Static(value) => self.fixed(value, depth),
            Node::Value(expression) => self.value(expression, scope, depth),
            Node::Text(parts) => self.text(parts, scope),
            Node::Object(members) => self.object(members, scope, depth),
            Node::Array(items) => self.array(items, scope, depth),
            Node::For { variable, list, item } => {
                return self.repeat(variable, list, item, scope, depth, optional);
            }
            Node::If { condition, then, otherwise } => {
                let condition = match self.evaluate(condition, scope) {
                    Err(failure) if optional && failure.is_undefined() => return Ok(None),
                    other => other?.is_true(),
                };
                let branch = if condition { Some(then) } else { otherwise.as_ref() };
                return branch.map_or(Ok(None), |branch| self.node(branch, scope, depth, optional));
            }
        };
        match rendered {
            Err(failure) if optional && failure.is_undefined() && failure.steps.is_empty() => Ok(None),
            other => other.map(Some),
        }
    }

    fn fixed(&mut self, value: &Value, depth: usize) -> Result<Value, Failure> {
        // Loops may repeat fixed parts; they count like everything else.
        charge(value, &mut self.budget, depth).map_err(|error| limit_or(&error, || invalid_input("template")))?;
        Ok(value.clone())
    }

    fn value(&mut self, expression: &Expression, scope: &Scope, depth: usize) -> Result<Value, Failure> {
        let value = self.evaluate(expression, scope)?;
        to_json(&value, &mut self.budget, depth).map_err(|error| explain(&error, expression, scope))
    }

    fn text(&mut self, parts: &[TextPart], scope: &Scope) -> Result<Value, Failure> {
        let mut text = String::new();
        for part in parts {
            let start = text.len();
            let owner = match part {
                TextPart::Literal(literal) => {
                    text.push_str(literal);
                    None
                }
                TextPart::Expression(expression) => {
                    let value = self.evaluate(expression, scope)?;
                    text.push_str(&to_text(&value).map_err(|error| explain(&error, expression, scope))?);
                    Some(expression)
                }
            };
            self.budget.take(text.len() - start).map_err(|error| match owner {
                Some(expression) => explain(&error, expression, scope),
                None => limit_or(&error, || invalid_input("template")),
            })?;
        }
        Ok(Value::String(text))
    }

    fn object(&mut self, members: &[Member], scope: &Scope, depth: usize) -> Result<Value, Failure> {
        let mut object = Map::with_capacity(members.len());
        for Member { name, optional, node } in members {
            let value = self.node(node, scope, depth + 1, *optional).map_err(|failure| failure.member(name))?;
            match value {
                Some(value) => {
                    let room = self.budget.take(name.len() + 1);
                    room.map_err(|error| limit_or(&error, || invalid_input("template")).member(name))?;
                    object.insert(name.clone(), value);
                }
                None if *optional => {}
                // Only an `$if` without `else` gets here.
                None => {
                    let problem = "the `$if` chose nothing; give it an `else`, or the member a `?`";
                    return Err(Failure::from(Problem::Invalid(problem.to_owned())).member(name));
                }
            }
        }
        Ok(Value::Object(object))
    }

    /// An item that chooses nothing (an `$if` without `else`) is no item.
    fn array(&mut self, items: &[Node], scope: &Scope, depth: usize) -> Result<Value, Failure> {
        let mut array = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let value =
                self.node(item, scope, depth + 1, false).map_err(|failure| failure.below(Step::Index(index)))?;
            array.extend(value);
        }
        Ok(Value::Array(array))
    }

    fn repeat(
        &mut self,
        variable: &str,
        list: &Expression,
        item: &Node,
        scope: &Scope,
        depth: usize,
        optional: bool,
    ) -> Result<Option<Value>, Failure> {
        let items = match self.evaluate(list, scope) {
            Err(failure) if optional && failure.is_undefined() => return Ok(None),
            other => other?,
        };
        if !matches!(items.kind(), ValueKind::Seq | ValueKind::Iterable) {
            return Err(list.failed("`$for` needs a list").into());
        }
        let mut array = Vec::new();
        for (index, value) in items.try_iter().map_err(|_| list.failed("the list cannot be read"))?.enumerate() {
            self.count()?;
            let scope = scope.inside_loop(variable, value);
            let value =
                self.node(item, &scope, depth + 1, false).map_err(|failure| failure.below(Step::Index(index)))?;
            array.extend(value);
        }
        Ok(Some(Value::Array(array)))
    }

    /// A value that is defined.
    fn evaluate(&mut self, expression: &Expression, scope: &Scope) -> Result<Dynamic, Failure> {
        self.count()?;
        let value = expression.evaluate(&scope.context)?;
        if value.is_undefined() {
            return Err(expression.undefined(&scope.context).into());
        }
        Ok(value)
    }

    fn count(&mut self) -> Result<(), Failure> {
        self.evaluations = self.evaluations.checked_sub(1).ok_or(Problem::Limit("too many evaluations"))?;
        Ok(())
    }
}

fn explain(error: &ConversionError, expression: &Expression, scope: &Scope) -> Failure {
    match error {
        ConversionError::Undefined => expression.undefined(&scope.context).into(),
        ConversionError::NotJson(what) => expression.failed(format!("it gives {what}")).into(),
        ConversionError::NumberRange => {
            expression.failed("the number fits neither 64 bits nor a finite float; keep such numbers as text").into()
        }
        ConversionError::TooDeep | ConversionError::TooLarge => limit_or(error, || expression.failed("too large")),
    }
}

fn limit_or(error: &ConversionError, otherwise: impl FnOnce() -> Problem) -> Failure {
    match error {
        ConversionError::TooDeep => Problem::Limit("nested too deeply"),
        ConversionError::TooLarge => Problem::Limit("too large"),
        _ => otherwise(),
    }
    .into()
}

fn invalid_input(name: &str) -> Problem {
    Problem::Invalid(format!("`{name}` holds a number beyond 64 bits"))
}

/// Counts a fixed value against the budget.
fn charge(value: &Value, budget: &mut Budget, depth: usize) -> Result<(), ConversionError> {
    if depth > budget.max_depth {
        return Err(ConversionError::TooDeep);
    }
    match value {
        Value::String(text) => budget.take(text.len() + 1),
        Value::Array(items) => {
            budget.take(1)?;
            items.iter().try_for_each(|item| charge(item, budget, depth + 1))
        }
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            budget.take(name.len() + 1)?;
            charge(value, budget, depth + 1)
        }),
        _ => budget.take(1),
    }
}
