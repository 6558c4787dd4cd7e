//! From a document to its statements, by oxjsonld, with nothing lost on the way.
//!
//! oxjsonld drops what it cannot map. So the document is expanded with two marks in place: a context before all
//! others whose `@vocab` takes in every undefined name, and a base that takes in every relative IRI; and in oxjsonld's
//! lenient mode, which lets malformed IRIs and language tags through instead of dropping them, to be checked here.
//! Where no mark shows, the marks had no effect, and the statements are the document's.

use std::collections::{BTreeSet, HashMap};

use oxjsonld::{JsonLdParser, JsonLdRemoteDocument};
use oxrdf::{GraphName, Literal, NamedNode, NamedOrBlankNode, Quad, Term as RdfTerm};
use serde_json::{Map, Value, json};

use super::document::{child, has_keyword_form};
use super::rdfc::{Statement, Term};
use super::{Contexts, JsonLdError, MAX_DOCUMENT_BYTES, MAX_STATEMENTS};

/// `.invalid` never resolves, and nobody names things by it.
const UNDEFINED: &str = "https://undefined.invalid/#";
const RELATIVE: &str = "https://relative.invalid/";
/// The datatype that stands for a direction until it is known to be one: see [`mark_directions`].
const DIRECTED: &str = "https://directed.invalid/#";
/// Datatypes of texts with a base direction, as common verifiers make them (`i18n-datatype` of JSON-LD 1.1).
const I18N: &str = "https://www.w3.org/ns/i18n#";
/// What may stand wherever a value may: it is an IRI, and a text.
const FILLER: &str = "urn:x-present";

/// The statements, and how many blank nodes they have. For the place that an error is about, at most `probes` are tried.
pub(super) fn statements(
    document: &Value,
    contexts: &Contexts,
    probes: usize,
) -> Result<(BTreeSet<Statement>, usize), JsonLdError> {
    let expansion = expand(document, contexts)?;
    if let Some(error) = expansion.error {
        return Err(error);
    }
    if let Some(loss) = expansion.losses.first() {
        return Err(locate(document, contexts, loss, expansion.losses.len(), probes));
    }
    // Empty lists, nulls and texts like keywords make no statement, so that a mark would not show.
    let mut filled = document.clone();
    if fill(&mut filled, true) {
        // What else is wrong with the filled copy is not wrong with the document.
        let losses = expand(&filled, contexts)?.losses;
        if let Some(loss) = losses.first() {
            return Err(locate(&filled, contexts, loss, losses.len(), probes));
        }
    }
    Ok((expansion.statements, expansion.blanks.len()))
}

#[derive(Default)]
struct Expansion {
    statements: BTreeSet<Statement>,
    blanks: HashMap<String, usize>,
    losses: Vec<Loss>,
    error: Option<JsonLdError>,
}

/// Something that would be missing from the signed statements.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Loss {
    Term(String),
    Name(String),
    Iri(String),
    Language(String),
    Direction,
}

fn expand(document: &Value, contexts: &Contexts) -> Result<Expansion, JsonLdError> {
    let text = marked(document).to_string();
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(JsonLdError::TooLong);
    }
    let parser = JsonLdParser::new().lenient().with_base_iri(RELATIVE);
    let parser = parser.map_err(|e| JsonLdError::Processing(e.to_string()))?;
    let contexts = contexts.clone();
    let quads = parser.for_slice(&text).with_load_document_callback(move |url, _| match contexts.get(url) {
        Some(context) => Ok(JsonLdRemoteDocument { document: context.to_vec(), document_url: url.to_owned() }),
        None => Err(format!("{url} is neither bundled nor given with the configuration").into()),
    });
    let mut expansion = Expansion::default();
    for quad in quads {
        match quad {
            Ok(quad) => expansion.add(quad),
            Err(error) => {
                expansion.error.get_or_insert(JsonLdError::Processing(error.to_string()));
            }
        }
        if expansion.statements.len() > MAX_STATEMENTS {
            return Err(JsonLdError::TooManyStatements);
        }
    }
    Ok(expansion)
}

/// The document with the mark for undefined names before its own contexts, and marked directions.
fn marked(document: &Value) -> Value {
    let Value::Object(members) = document else { return document.clone() };
    let mut contexts = vec![json!({"@vocab": UNDEFINED})];
    match members.get("@context") {
        Some(Value::Array(own)) => contexts.extend(own.iter().cloned()),
        own => contexts.extend(own.cloned()),
    }
    let mut marked = Map::from_iter([("@context".to_owned(), Value::Array(contexts))]);
    marked.extend(members.iter().filter(|(name, _)| *name != "@context").map(|(n, v)| (n.clone(), v.clone())));
    marked.iter_mut().filter(|(name, _)| *name != "@context").for_each(|(_, value)| mark_directions(value));
    Value::Object(marked)
}

/// oxjsonld drops directions. So texts with one get a datatype instead, which shows where it is taken for something
/// else: inside JSON literals and maps.
fn mark_directions(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mark_directions),
        Value::Object(members) => {
            let Some(direction) = members.shift_remove("@direction") else {
                return members.values_mut().for_each(mark_directions);
            };
            let language = members.shift_remove("@language");
            let language = language.as_ref().and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
            let datatype = format!("{DIRECTED}{language}_{}", direction.as_str().unwrap_or_default());
            members.insert("@type".to_owned(), json!(datatype));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

impl Expansion {
    fn add(&mut self, quad: Quad) {
        let predicate = self.iri(&quad.predicate, Loss::Term);
        let subject = self.node(quad.subject);
        let object = match quad.object {
            RdfTerm::NamedNode(node) => Term::Text(self.iri(&node, Loss::Name)),
            RdfTerm::BlankNode(node) => self.blank(node.as_str()),
            RdfTerm::Literal(literal) => Term::Text(self.literal(literal)),
        };
        let graph = match quad.graph_name {
            GraphName::NamedNode(node) => Term::Text(self.iri(&node, Loss::Name)),
            GraphName::BlankNode(node) => self.blank(node.as_str()),
            GraphName::DefaultGraph => Term::Text(String::new()),
        };
        self.statements.insert(Statement { subject, predicate, object, graph });
    }

    fn node(&mut self, node: NamedOrBlankNode) -> Term {
        match node {
            NamedOrBlankNode::NamedNode(node) => Term::Text(self.iri(&node, Loss::Name)),
            NamedOrBlankNode::BlankNode(node) => self.blank(node.as_str()),
        }
    }

    fn blank(&mut self, label: &str) -> Term {
        let next = self.blanks.len();
        Term::Blank(*self.blanks.entry(label.to_owned()).or_insert(next))
    }

    fn iri(&mut self, node: &NamedNode, undefined: fn(String) -> Loss) -> String {
        let iri = node.as_str();
        if let Some(name) = iri.strip_prefix(UNDEFINED) {
            self.losses.push(undefined(name.to_owned()));
        } else if let Some(relative) = iri.strip_prefix(RELATIVE) {
            self.losses.push(Loss::Iri(relative.to_owned()));
        } else if iri.contains(DIRECTED) {
            self.losses.push(Loss::Direction);
        } else if NamedNode::new(iri).is_err() {
            self.losses.push(Loss::Iri(iri.to_owned()));
        }
        node.to_string()
    }

    fn literal(&mut self, literal: Literal) -> String {
        if literal.value().contains(DIRECTED) {
            self.losses.push(Loss::Direction);
        }
        if let Some(direction) = literal.datatype().as_str().strip_prefix(DIRECTED) {
            let language = direction.rsplit_once('_').map(|(language, _)| language).unwrap_or_default();
            if !language.is_empty() && Literal::new_language_tagged_literal("", language).is_err() {
                self.losses.push(Loss::Language(language.to_owned()));
            }
            let datatype = NamedNode::new_unchecked(format!("{I18N}{direction}"));
            return Literal::new_typed_literal(literal.value(), datatype).to_string();
        }
        let Some(language) = literal.language() else {
            self.iri(&literal.datatype().into_owned(), Loss::Name);
            return literal.to_string();
        };
        // Made anew: the lenient one has neither checked the tag nor put it into lower case, as processors do.
        let Ok(checked) = Literal::new_language_tagged_literal(literal.value(), language) else {
            self.losses.push(Loss::Language(language.to_owned()));
            return String::new();
        };
        checked.to_string()
    }
}

/// Puts values where a member has none, and spoils texts that look like keywords, which are dropped where an IRI is
/// expected. Whether there was anything to do.
fn fill(value: &mut Value, is_root: bool) -> bool {
    match value {
        Value::Null => {
            *value = json!(FILLER);
            true
        }
        Value::Array(items) if items.is_empty() => {
            *value = json!(FILLER);
            true
        }
        Value::String(text) if has_keyword_form(text) && text != "@json" => {
            text.replace_range(0..1, "%40");
            true
        }
        Value::Array(items) => items.iter_mut().fold(false, |any, item| fill(item, false) | any),
        Value::Object(members) => members
            .iter_mut()
            .filter(|(name, _)| !(is_root && *name == "@context"))
            .fold(false, |any, (_, value)| fill(value, false) | any),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The error for a loss. Its place is the one without which there is less to lose; trying costs an expansion each,
/// which is well spent on whoever has to find the mistake.
fn locate(document: &Value, contexts: &Contexts, loss: &Loss, losses: usize, probes: usize) -> JsonLdError {
    let mut places = Vec::new();
    collect(document, loss, "$", "", &mut places);
    let found = places.iter().take(probes).find(|(_, pointer)| {
        let mut without = document.clone();
        remove(&mut without, pointer);
        expand(&without, contexts).is_ok_and(|expansion| expansion.losses.len() < losses)
    });
    let path = found.or(places.first()).map_or_else(|| "$".to_owned(), |(path, _)| path.clone());
    match loss {
        Loss::Term(term) => JsonLdError::UndefinedTerm { path, term: term.clone() },
        Loss::Name(name) => JsonLdError::UndefinedName { path, name: name.clone() },
        Loss::Iri(_) => JsonLdError::NotAnIri { path },
        Loss::Language(_) => JsonLdError::Language { path },
        Loss::Direction => JsonLdError::Member { path, name: "@direction".to_owned() },
    }
}

/// Paths and JSON pointers of the places that a loss may be about: members of that name, or texts.
fn collect(value: &Value, loss: &Loss, path: &str, pointer: &str, places: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            if *loss == Loss::Direction && members.contains_key("@direction") {
                places.push((path.to_owned(), format!("{pointer}/@direction")));
            }
            for (name, value) in members.iter().filter(|(name, _)| !(pointer.is_empty() && *name == "@context")) {
                let path = child(path, name);
                let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                let may_be = match loss {
                    Loss::Term(term) => term == name,
                    // Of a map from languages to texts.
                    Loss::Language(tag) => tag.eq_ignore_ascii_case(name),
                    Loss::Name(_) | Loss::Iri(_) | Loss::Direction => false,
                };
                if may_be {
                    places.push((path.clone(), pointer.clone()));
                }
                collect(value, loss, &path, &pointer, places);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, loss, &format!("{path}[{index}]"), &format!("{pointer}/{index}"), places);
            }
        }
        Value::String(text) => {
            let may_be = match loss {
                Loss::Term(_) | Loss::Direction => false,
                Loss::Name(name) => text == name,
                // Resolving may have changed it.
                Loss::Iri(_) => true,
                Loss::Language(tag) => text.eq_ignore_ascii_case(tag),
            };
            if may_be {
                places.push((path.to_owned(), pointer.to_owned()));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn remove(document: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    let last = last.replace("~1", "/").replace("~0", "~");
    match document.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.shift_remove(&last)),
        Some(Value::Array(items)) => {
            if let Ok(index) = last.parse::<usize>()
                && index < items.len()
            {
                items.remove(index);
            }
        }
        _ => {}
    }
}
