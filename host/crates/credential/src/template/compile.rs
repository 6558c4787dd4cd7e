//! From document to nodes: structure is fixed here, expressions are compiled, errors name the place.

use serde_json::{Map, Value};

use super::engine::Expression;
use super::text::{Piece, split};
use super::{Failure, Limits, Problem, Step, TemplateError, Variables};

/// A place of a compiled template.
#[derive(Debug)]
pub(super) enum Node {
    /// Nothing to evaluate at or below this place.
    Static(Value),
    /// `"{{ expression }}"` alone: its value.
    Value(Expression),
    /// Text with expressions in it.
    Text(Vec<TextPart>),
    Object(Vec<Member>),
    Array(Vec<Node>),
    For {
        variable: String,
        list: Expression,
        item: Box<Node>,
    },
    If {
        condition: Expression,
        then: Box<Node>,
        otherwise: Option<Box<Node>>,
    },
}

#[derive(Debug)]
pub(super) enum TextPart {
    Literal(String),
    Expression(Expression),
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// Left out where something in its expression is undefined.
    pub(super) optional: bool,
    pub(super) node: Node,
}

/// Compiles a document; names the variables that its expressions read.
pub(super) fn compile(document: &Value, limits: &Limits) -> Result<(Node, Vec<&'static str>), TemplateError> {
    let mut compiler = Compiler { limits, expressions: 0, variables: Variables::NAMES.to_vec(), reads: Vec::new() };
    let root = compiler.node(document, 0)?;
    Ok((root, compiler.reads))
}

struct Compiler<'d> {
    limits: &'d Limits,
    expressions: usize,
    /// What expressions at the present place may name: the variables and those of enclosing loops.
    variables: Vec<&'d str>,
    reads: Vec<&'static str>,
}

impl<'d> Compiler<'d> {
    fn node(&mut self, value: &'d Value, depth: usize) -> Result<Node, Failure> {
        if depth > self.limits.max_depth {
            return Err(invalid(format!("nested deeper than {} levels", self.limits.max_depth)));
        }
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => self.array(items, depth),
            Value::Object(members) if members.contains_key("$for") => self.for_directive(members, depth),
            Value::Object(members) if members.contains_key("$if") => self.if_directive(members, depth),
            Value::Object(members) => self.object(members, depth),
            plain => Ok(Node::Static(plain.clone())),
        }
    }

    fn text(&mut self, text: &str) -> Result<Node, Failure> {
        let pieces = split(text).map_err(invalid)?;
        if let [Piece::Expression(source)] = &pieces[..] {
            return self.expression(source).map(Node::Value);
        }
        if pieces.iter().all(|piece| matches!(piece, Piece::Literal(_))) {
            return Ok(Node::Static(Value::String(text.to_owned())));
        }
        let part = |piece| match piece {
            Piece::Literal(text) => Ok(TextPart::Literal(text)),
            Piece::Expression(source) => self.expression(&source).map(TextPart::Expression),
        };
        pieces.into_iter().map(part).collect::<Result<_, _>>().map(Node::Text)
    }

    fn array(&mut self, items: &'d [Value], depth: usize) -> Result<Node, Failure> {
        let mut nodes = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            nodes.push(self.node(item, depth + 1).map_err(|failure| failure.below(Step::Index(index)))?);
        }
        let plain = |node: &Node| match node {
            Node::Static(value) => Some(value.clone()),
            _ => None,
        };
        Ok(match nodes.iter().map(plain).collect() {
            Some(values) => Node::Static(Value::Array(values)),
            None => Node::Array(nodes),
        })
    }

    fn object(&mut self, members: &'d Map<String, Value>, depth: usize) -> Result<Node, Failure> {
        let mut compiled: Vec<Member> = Vec::with_capacity(members.len());
        for (spelling, value) in members {
            let member = self.member(spelling, value, depth).map_err(|failure| failure.member(spelling))?;
            // `name` and `name?` are two spellings of one member.
            if member.optional && members.contains_key(&member.name) {
                return Err(invalid("the member is named twice, with and without `?`").member(spelling));
            }
            compiled.push(member);
        }
        let plain = |member: &Member| match &member.node {
            Node::Static(value) => Some((member.name.clone(), value.clone())),
            _ => None,
        };
        Ok(match compiled.iter().map(plain).collect() {
            Some(values) => Node::Static(Value::Object(values)),
            None => Node::Object(compiled),
        })
    }

    fn member(&mut self, spelling: &str, value: &'d Value, depth: usize) -> Result<Member, Failure> {
        if spelling.starts_with('$') {
            return Err(invalid("unknown directive; there are `$for` with `item`, and `$if` with `then` and `else`"));
        }
        if ["{{", "}}", "{%", "{#"].iter().any(|mark| spelling.contains(mark)) {
            return Err(invalid("a member's name cannot hold an expression; names never come from data"));
        }
        let (name, optional) = match spelling.strip_suffix('?') {
            Some(name) => (name, true),
            None => (spelling, false),
        };
        let node = self.node(value, depth + 1)?;
        if optional && !matches!(node, Node::Value(_) | Node::Text(_) | Node::For { .. } | Node::If { .. }) {
            return Err(invalid("`?` is for members with an expression, a `$for` or an `$if` as their value"));
        }
        Ok(Member { name: name.to_owned(), optional, node })
    }

    fn for_directive(&mut self, members: &'d Map<String, Value>, depth: usize) -> Result<Node, Failure> {
        let head = directive(members, "$for", &["item"])?;
        let item = members.get("item").ok_or_else(|| invalid("`$for` needs an `item`"))?;
        let (variable, list) = self.loop_head(head).map_err(|failure| failure.member("$for"))?;
        self.variables.push(variable);
        let node = self.node(item, depth + 1).map_err(|failure| failure.member("item"));
        self.variables.pop();
        Ok(Node::For { variable: variable.to_owned(), list, item: Box::new(node?) })
    }

    fn if_directive(&mut self, members: &'d Map<String, Value>, depth: usize) -> Result<Node, Failure> {
        let head = directive(members, "$if", &["then", "else"])?;
        let condition = self.directive_expression(head).map_err(|failure| failure.member("$if"))?;
        let then = members.get("then").ok_or_else(|| invalid("`$if` needs a `then`"))?;
        let mut branch = |value: &'d Value, name: &str| {
            self.node(value, depth + 1).map(Box::new).map_err(|failure| failure.member(name))
        };
        let then = branch(then, "then")?;
        let otherwise = members.get("else").map(|value| branch(value, "else")).transpose()?;
        Ok(Node::If { condition, then, otherwise })
    }

    /// Reads `plot in data.plots`.
    fn loop_head(&mut self, head: &'d str) -> Result<(&'d str, Expression), Failure> {
        let shape = || invalid("`$for` has the form `name in expression`");
        let (variable, rest) = head.trim_start().split_once(char::is_whitespace).ok_or_else(shape)?;
        let source = rest.trim_start().strip_prefix("in").ok_or_else(shape)?;
        if !source.starts_with(|c: char| c.is_whitespace() || matches!(c, '(' | '[')) {
            return Err(shape());
        }
        let mut letters = variable.chars();
        let is_name = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name || KEYWORDS.contains(&variable) {
            return Err(invalid("the loop variable is not a plain name"));
        }
        if self.variables.contains(&variable) {
            return Err(invalid(format!("`{variable}` is a variable already; choose another name")));
        }
        Ok((variable, self.directive_expression(source)?))
    }

    fn directive_expression(&mut self, source: &str) -> Result<Expression, Failure> {
        if source.trim_start().starts_with("{{") {
            return Err(invalid("directives take the expression without braces"));
        }
        self.expression(source.trim())
    }

    fn expression(&mut self, source: &str) -> Result<Expression, Failure> {
        self.expressions += 1;
        if self.expressions > self.limits.max_expressions {
            return Err(invalid(format!("more than {} expressions", self.limits.max_expressions)));
        }
        let compiled = Expression::compile(source, self.limits.max_expression_len, &self.variables).map_err(invalid)?;
        for root in compiled.roots() {
            let known = Variables::NAMES.into_iter().find(|name| *name == root);
            self.reads.extend(known.filter(|name| !self.reads.contains(name)));
        }
        Ok(compiled)
    }
}

/// Words that the engine reads as something else than a name.
const KEYWORDS: [&str; 14] =
    ["true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else", "loop"];

/// The text of a directive, after a check that nothing else stands beside it.
fn directive<'d>(members: &'d Map<String, Value>, name: &str, others: &[&str]) -> Result<&'d str, Failure> {
    let known = |member: &String| member == name || others.contains(&member.as_str());
    if let Some(stranger) = members.keys().find(|member| !known(member)) {
        return Err(invalid(format!("`{name}` stands beside {} only", others.join(" and "))).member(stranger));
    }
    members.get(name).and_then(Value::as_str).ok_or_else(|| invalid("must be text").member(name))
}

fn invalid(problem: impl Into<String>) -> Failure {
    Problem::Invalid(problem.into()).into()
}
