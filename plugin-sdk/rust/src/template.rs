//! Requests to a source, written by the operator with placeholders for values of the call.
//!
//! In JSON a placeholder is the whole text value, `"{subject.id}"`, and becomes the JSON value
//! itself: a value never becomes part of a text, so data cannot change the structure. `{{` and `}}`
//! stand for single braces. `{subject.claims.email?}` is optional: where the call has no such value, the
//! member or item is left out.

use serde_json::{Map, Value, json};

use crate::{ConfigProblem, Error, Holder, PollRequest, Request};

/// Where placeholders may begin in calls about a subject. `settings` are those of the credential
/// configuration.
pub const REQUEST: &[&str] =
    &["subject.id", "subject.claims", "settings", "issuer.id", "configuration.id", "request.id"];
/// The same, and `holder.id`: the DID URL that the credential is bound to.
pub const ISSUANCE: &[&str] =
    &["subject.id", "subject.claims", "settings", "issuer.id", "configuration.id", "request.id", "holder.id"];

/// The values that placeholders stand for.
#[derive(Clone, Debug)]
pub struct Scope(Value);

impl Scope {
    pub fn of(request: &Request) -> Self {
        Self(json!({
            "subject": { "id": request.subject.id, "claims": request.subject.claims },
            "settings": request.settings,
            "issuer": { "id": request.issuer_id },
            "configuration": { "id": request.configuration_id },
            "request": { "id": request.request_id },
        }))
    }

    /// A poll knows neither subject nor holder.
    pub fn of_poll(request: &PollRequest) -> Self {
        Self(json!({
            "settings": request.settings,
            "issuer": { "id": request.issuer_id },
            "configuration": { "id": request.configuration_id },
            "request": { "id": request.request_id },
        }))
    }

    pub fn with_holder(mut self, holder: &Holder) -> Self {
        if let (Some(id), Value::Object(scope)) = (&holder.id, &mut self.0) {
            scope.insert("holder".to_owned(), json!({ "id": id }));
        }
        self
    }
}

/// One `{name.of.a.value}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    path: String,
    optional: bool,
}

impl Placeholder {
    /// The value; `None` where the call has none. A JSON null counts as none.
    pub fn find<'a>(&self, scope: &'a Scope) -> Option<&'a Value> {
        self.path.split('.').try_fold(&scope.0, |value, name| value.get(name)).filter(|value| !value.is_null())
    }

    /// The value; `None` where the call has none and the placeholder is optional.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest) where a value is missing.
    pub fn resolve<'a>(&self, scope: &'a Scope) -> Result<Option<&'a Value>, Error> {
        let value = self.find(scope);
        if value.is_none() && !self.optional {
            return Err(Error::invalid_request("A value that the data source needs is missing.")
                .with_detail(format!("the call has no {}", self.path)));
        }
        Ok(value)
    }

    /// Whether the call may do without it.
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// Without braces and question mark.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// A piece of a text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Value(Placeholder),
}

/// Splits a text at its placeholders, which must begin with one of `roots`. Neighbouring texts are
/// one part, and no text part is empty.
///
/// # Errors
/// What is wrong, for the operator.
pub fn split(text: &str, roots: &[&str]) -> Result<Vec<Part>, String> {
    let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            literal.push_str(brace);
            rest = after;
            continue;
        }
        let end = rest.find(['{', '}']).filter(|end| brace == "{" && rest[*end..].starts_with('}'));
        let Some(end) = end else {
            return Err(format!("a \"{brace}\" stands alone: write \"{brace}{brace}\" for the character itself"));
        };
        if !literal.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut literal)));
        }
        parts.push(Part::Value(placeholder(&rest[..end], roots)?));
        rest = &rest[end + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

fn placeholder(name: &str, roots: &[&str]) -> Result<Placeholder, String> {
    let (path, optional) = name.strip_suffix('?').map_or((name, false), |path| (path, true));
    let fits = |root: &&str| match path.strip_prefix(root) {
        Some("") => true,
        // Below an id there is nothing.
        Some(below) => below.starts_with('.') && !root.split('.').any(|name| name == "id"),
        None => false,
    };
    if path.split('.').any(|name| name.is_empty() || name.trim() != name) || !roots.iter().any(fits) {
        return Err(format!("{{{name}}} is not known: placeholders begin with {}", roots.join(", ")));
    }
    Ok(Placeholder { path: path.to_owned(), optional })
}

/// A JSON document with placeholders.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Node);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Constant(Value),
    Value(Placeholder),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Template {
    /// Checks a document; `path` is where it stands in what the operator wrote.
    ///
    /// # Errors
    /// All faults, each with its place.
    pub fn parse(document: &Value, roots: &[&str], path: &str) -> Result<Self, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let node = node(document, roots, path, &mut problems);
        if problems.is_empty() { Ok(Self(node)) } else { Err(problems) }
    }

    /// The document with the call's values.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest) where a value is missing.
    pub fn render(&self, scope: &Scope) -> Result<Value, Error> {
        Ok(render(&self.0, scope)?.unwrap_or(Value::Null))
    }
}

fn node(value: &Value, roots: &[&str], path: &str, problems: &mut Vec<ConfigProblem>) -> Node {
    match value {
        Value::String(text) => match split(text, roots) {
            Ok(mut parts) => match (parts.len(), parts.pop()) {
                (1, Some(Part::Value(placeholder))) => Node::Value(placeholder),
                (1, Some(Part::Text(text))) => Node::Constant(Value::String(text)),
                (0, _) => Node::Constant(Value::String(String::new())),
                _ => {
                    let message = "a placeholder has to be the whole text: nothing may stand beside it";
                    problems.push(ConfigProblem::new(path, message));
                    Node::Constant(Value::Null)
                }
            },
            Err(message) => {
                problems.push(ConfigProblem::new(path, message));
                Node::Constant(Value::Null)
            }
        },
        Value::Array(items) => Node::Array(
            items.iter().enumerate().map(|(at, item)| node(item, roots, &format!("{path}/{at}"), problems)).collect(),
        ),
        Value::Object(members) => Node::Object(
            members
                .iter()
                .map(|(name, member)| {
                    let path = format!("{path}/{}", escape_pointer(name));
                    (name.clone(), node(member, roots, &path, problems))
                })
                .collect(),
        ),
        constant => Node::Constant(constant.clone()),
    }
}

/// A member name as a JSON pointer writes it.
pub fn escape_pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn render(node: &Node, scope: &Scope) -> Result<Option<Value>, Error> {
    Ok(Some(match node {
        Node::Constant(value) => value.clone(),
        Node::Value(placeholder) => return Ok(placeholder.resolve(scope)?.cloned()),
        Node::Array(items) => {
            let mut array = Vec::with_capacity(items.len());
            for item in items {
                array.extend(render(item, scope)?);
            }
            Value::Array(array)
        }
        Node::Object(members) => {
            let mut object = Map::new();
            for (name, member) in members {
                if let Some(value) = render(member, scope)? {
                    object.insert(name.clone(), value);
                }
            }
            Value::Object(object)
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        let mut request = Request::about(r#"a","admin":true,"x":"{subject.claims.email}"#);
        request.subject.claims.insert("roles".into(), json!(["a", { "b": 1 }]));
        request.subject.claims.insert("nothing".into(), Value::Null);
        request.settings.insert("limit".into(), json!(7));
        Scope::of(&request)
    }

    fn render(document: &Value) -> Result<Value, Error> {
        Template::parse(document, REQUEST, "/body").unwrap().render(&scope())
    }

    #[test]
    fn values_keep_their_type_and_never_become_structure() {
        let rendered = render(&json!({
            "id": "{subject.id}", "roles": "{subject.claims.roles}", "limit": ["{settings.limit}", 1, null],
            "literal": "{{subject.id}}", "empty": "",
        }));
        assert_eq!(
            rendered.unwrap(),
            json!({
                "id": r#"a","admin":true,"x":"{subject.claims.email}"#, "roles": ["a", { "b": 1 }], "limit": [7, 1, null],
                "literal": "{subject.id}", "empty": "",
            })
        );
    }

    #[test]
    fn optional_values_are_left_out_and_others_are_missed() {
        let rendered = render(&json!({ "a": "{settings.x?}", "b": ["{subject.claims.nothing?}", 2] }));
        assert_eq!(rendered.unwrap(), json!({ "b": [2] }));
        for missing in ["{settings.x}", "{subject.claims.nothing}", "{settings.limit.deeper}"] {
            let error = render(&json!({ "a": missing })).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidRequest, "{missing}");
            assert!(!error.message().contains("settings"), "{error}");
        }
    }

    #[test]
    fn faults_are_named_by_their_place() {
        let document = json!({
            "a/b": "x {subject.id}", "c": [1, "{subject.idx}"], "d": "{holder.id}", "e": "{", "f": "a}", "g": "{subject.id.x}",
            "h": "{}", "i": "{ subject.id }", "j": "{settings..x}", "k": "{subject.id{}", "l": "{subject.id}{subject.id}",
        });
        let problems = Template::parse(&document, REQUEST, "/body").unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "/body/a~1b",
                "/body/c/1",
                "/body/d",
                "/body/e",
                "/body/f",
                "/body/g",
                "/body/h",
                "/body/i",
                "/body/j",
                "/body/k",
                "/body/l",
            ]
        );
        Template::parse(&json!("{holder.id}"), ISSUANCE, "").unwrap();
    }

    #[test]
    fn texts_are_split_at_placeholders() {
        let parts = split("/a{{b}}/{subject.id}é{settings.x?}", REQUEST).unwrap();
        let value = |path: &str, optional| Part::Value(Placeholder { path: path.into(), optional });
        let text = |text: &str| Part::Text(text.into());
        assert_eq!(parts, [text("/a{b}/"), value("subject.id", false), text("é"), value("settings.x", true)]);
        assert!(split("", REQUEST).unwrap().is_empty());
    }

    #[test]
    fn a_holder_is_known_where_there_is_one() {
        let template = Template::parse(&json!(["{holder.id?}"]), ISSUANCE, "").unwrap();
        let holder = Holder { id: Some("did:x".into()), ..Holder::default() };
        assert_eq!(template.render(&scope().with_holder(&holder)).unwrap(), json!(["did:x"]));
        assert_eq!(template.render(&scope().with_holder(&Holder::default())).unwrap(), json!([]));
    }
}
