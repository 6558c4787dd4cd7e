//! One operation, described in a few lines. What the route table knows (path, mount, access) is not said again: the
//! answers that follow from it are added by `document`.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

/// Adds a type to the components, and answers the reference to it.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Value;

pub(super) const JSON: &str = "application/json";
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
pub(super) const HTML: &str = "text/html";
pub(super) const TEXT: &str = "text/plain";

/// The sections of the document, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Credentials,
    StatusLists,
    Wallets,
    Administration,
    Metadata,
    Host,
}

#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub id: &'static str,
    pub tag: Tag,
    pub summary: &'static str,
    pub text: &'static str,
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    pub answers: Vec<Answer>,
    pub refusals: Vec<Refusal>,
}

/// A parameter of path, query or header.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub name: &'static str,
    pub place: &'static str,
    pub required: bool,
    pub text: &'static str,
    pub schema: Value,
}

#[derive(Debug, Clone)]
pub(super) struct Body {
    pub media_type: &'static str,
    pub schema: SchemaOf,
    pub examples: Vec<(&'static str, Value)>,
}

/// What it answers when it does what was asked.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub status: u16,
    pub text: &'static str,
    /// Media types with what stands in them; none for an answer without a body.
    pub content: Vec<(&'static str, SchemaOf)>,
    pub headers: Vec<(&'static str, &'static str)>,
    pub links: Vec<Link>,
}

/// What may be asked next: the operation, its parameter (`path.NAME`), and where in this answer the value stands.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub operation: &'static str,
    pub parameter: &'static str,
    pub value: &'static str,
}

/// What it answers when it does not: a status, the code in the body, and when that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    pub code: String,
    pub text: String,
    /// Access tokens are refused in OAuth's words on every surface.
    pub oauth: bool,
}

pub(super) fn operation(tag: Tag, id: &'static str, summary: &'static str) -> Operation {
    let (parameters, answers, refusals) = (Vec::new(), Vec::new(), Vec::new());
    Operation { id, tag, summary, text: "", parameters, body: None, answers, refusals }
}

pub(super) fn schema_of<T: JsonSchema + ?Sized>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// What `check_id` takes: an id of an issuer, a configuration, a client or a plugin.
pub(super) fn id() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]*$"})
}

/// Text that is not JSON.
fn text_schema(_: &mut SchemaGenerator) -> Value {
    json!({"type": "string"})
}

impl Operation {
    /// What the summary leaves out.
    pub(super) fn text(mut self, text: &'static str) -> Self {
        self.text = text;
        self
    }

    pub(super) fn path(self, name: &'static str, text: &'static str, schema: Value) -> Self {
        self.parameter(Parameter { name, place: "path", required: true, text, schema })
    }

    pub(super) fn request_header(self, name: &'static str, text: &'static str) -> Self {
        self.parameter(Parameter { name, place: "header", required: false, text, schema: json!({"type": "string"}) })
    }

    pub(super) fn query(self, name: &'static str, text: &'static str, schema: Value) -> Self {
        self.parameter(Parameter { name, place: "query", required: false, text, schema })
    }

    /// It may be repeated safely: under one key it acts once.
    pub(super) fn idempotent(self) -> Self {
        let key = json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"});
        let text = "A repetition under the same key answers what the first one was answered";
        self.parameter(Parameter { name: "idempotency-key", place: "header", required: false, text, schema: key })
            .header("idempotent-replayed", "`true` where the answer is an earlier one")
            .refuses(400, "invalid-request", "the idempotency key is not one")
            .refuses(422, "idempotency-key-reused", "the key was used for another request")
    }

    /// The client may say what it has already.
    pub(super) fn conditional(self) -> Self {
        self.header("etag", "A strong validator")
            .header("cache-control", "For how long it may be kept")
            .request_header("if-none-match", "ETags that the client has")
            .answers_nothing(304, "The client has it already")
            .header("etag", "A strong validator")
    }

    fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    pub(super) fn body<T: JsonSchema>(self) -> Self {
        self.takes(JSON, schema_of::<T>)
    }

    pub(super) fn form<T: JsonSchema>(self) -> Self {
        self.takes(FORM, schema_of::<T>)
    }

    fn takes(mut self, media_type: &'static str, schema: SchemaOf) -> Self {
        self.body = Some(Body { media_type, schema, examples: Vec::new() });
        self
    }

    /// A body that is right where the host is set up for it.
    pub(super) fn example(mut self, name: &'static str, value: Value) -> Self {
        if let Some(body) = &mut self.body {
            body.examples.push((name, value));
        }
        self
    }

    pub(super) fn answers<T: JsonSchema>(self, status: u16, text: &'static str) -> Self {
        self.answers_as(status, JSON, schema_of::<T>, text)
    }

    pub(super) fn answers_text(self, status: u16, media_type: &'static str, text: &'static str) -> Self {
        self.answers_as(status, media_type, text_schema, text)
    }

    pub(super) fn answers_nothing(mut self, status: u16, text: &'static str) -> Self {
        self.answers.push(Answer { status, text, content: Vec::new(), headers: Vec::new(), links: Vec::new() });
        self
    }

    /// The same status in several media types is one answer.
    pub(super) fn answers_as(
        mut self,
        status: u16,
        media_type: &'static str,
        schema: SchemaOf,
        text: &'static str,
    ) -> Self {
        match self.answers.iter_mut().find(|answer| answer.status == status) {
            Some(answer) => answer.content.push((media_type, schema)),
            None => self.answers.push(Answer {
                status,
                text,
                content: vec![(media_type, schema)],
                headers: Vec::new(),
                links: Vec::new(),
            }),
        }
        self
    }

    /// A header of the answer that was described last.
    pub(super) fn header(mut self, name: &'static str, text: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.headers.push((name, text));
        }
        self
    }

    /// A link from the answer that was described last.
    pub(super) fn link(mut self, operation: &'static str, parameter: &'static str, value: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.links.push(Link { operation, parameter, value });
        }
        self
    }

    pub(super) fn refuses(mut self, status: u16, code: &str, text: &str) -> Self {
        self.refusals.push(Refusal { status, code: code.to_owned(), text: text.to_owned(), oauth: false });
        self
    }
}
