use std::collections::BTreeSet;

use oxrdf::dataset::{CanonicalizationAlgorithm, CanonicalizationHashAlgorithm};
use oxrdf::{BlankNode, Dataset, GraphName, NamedNode, NamedOrBlankNode, Quad};
use serde_json::{Map, json};

use super::rdfc::{Statement, Term, TooHard, canonicalize};
use super::*;

const OWN: &str = "https://example.org/own/v1";

fn contexts() -> Contexts {
    let own = json!({"@context": {
        "Plot": "https://example.org/Plot",
        "plots": "https://example.org/plots",
        "area": "https://example.org/area",
        "weight": {"@id": "https://example.org/weight", "@type": "http://www.w3.org/2001/XMLSchema#double"},
        "site": {"@id": "https://example.org/site", "@type": "@id"},
        "kind": {"@id": "https://example.org/kind", "@type": "@vocab"},
        "steps": {"@id": "https://example.org/steps", "@container": "@list"},
        "title": {"@id": "https://example.org/title", "@container": "@language"},
        "raw": {"@id": "https://example.org/raw", "@type": "@json"},
        "Scoped": {"@id": "https://example.org/Scoped", "@context": {"inside": "https://example.org/inside"}},
    }});
    Contexts::with([(OWN, &own)]).unwrap()
}

/// A credential with these members in its subject.
fn credential(members: Value) -> Value {
    json!({
        "@context": [CREDENTIALS_V2, OWN],
        "type": ["VerifiableCredential"],
        "issuer": "did:web:issuer.example",
        "credentialSubject": members,
    })
}

fn quads(document: &Value) -> Result<String, JsonLdError> {
    to_canonical_quads(document, &contexts(), CanonicalHash::Sha256)
}

/// The object of the one statement with that predicate.
fn object(members: Value, predicate: &str) -> String {
    let quads = quads(&credential(members)).unwrap();
    let mark = format!("<https://example.org/{predicate}> ");
    let mut found = quads.lines().filter_map(|line| line.split_once(&mark));
    let (_, object) = found.next().unwrap_or_else(|| panic!("{quads}"));
    assert!(found.next().is_none(), "{quads}");
    object.strip_suffix(" .").unwrap().to_owned()
}

fn refused(document: &Value) -> String {
    quads(document).unwrap_err().to_string()
}

#[test]
fn what_no_context_defines_is_an_error_that_names_the_place() {
    for (members, expected) in [
        (json!({"secret": "x"}), "$.credentialSubject.secret: no context defines the term \"secret\""),
        (
            json!({"plots": [{"area": "1"}, {"area": "2", "colour": "red"}]}),
            "$.credentialSubject.plots[1].colour: no context defines the term \"colour\"",
        ),
        (
            json!({"plots": {"two words": 1}}),
            "$.credentialSubject.plots[\"two words\"]: no context defines the term \"two words\"",
        ),
        // Defined inside one type, and used outside it as well.
        (
            json!({"plots": [{"type": "Scoped", "inside": "1"}, {"inside": "2"}]}),
            "$.credentialSubject.plots[1].inside: no context defines the term \"inside\"",
        ),
        (json!({"type": "Farmer"}), "$.credentialSubject.type: no context defines the type or name \"Farmer\""),
        (
            json!({"plots": [{"type": ["Plot", "Field"]}]}),
            "$.credentialSubject.plots[0].type[1]: no context defines the type or name \"Field\"",
        ),
        (json!({"kind": "fallow"}), "$.credentialSubject.kind: no context defines the type or name \"fallow\""),
        (
            json!({"area": {"@value": "1", "@type": "hectare"}}),
            "$.credentialSubject.area.@type: no context defines the type or name \"hectare\"",
        ),
        // Nothing of these would show in a statement.
        (json!({"area": "1", "secret": null}), "$.credentialSubject.secret: no context defines the term \"secret\""),
        (json!({"area": "1", "secret": []}), "$.credentialSubject.secret: no context defines the term \"secret\""),
        (json!({"secret": {}}), "$.credentialSubject.secret: no context defines the term \"secret\""),
    ] {
        assert_eq!(refused(&credential(members)), expected);
    }
}

#[test]
fn iris_that_would_be_dropped_are_errors() {
    for members in [
        json!({"site": "farm"}),
        json!({"site": "../farm"}),
        json!({"site": ""}),
        json!({"site": "https://example.org/a b"}),
        json!({"site": "https://example.org/<a>"}),
        json!({"site": "@farm"}),
        json!({"site": {"id": "farm", "area": "1"}}),
        json!({"site": ["https://example.org/a", "farm"]}),
    ] {
        let error = refused(&credential(members.clone()));
        assert!(error.starts_with("$.credentialSubject.site"), "{members}: {error}");
        assert!(error.ends_with("must be an absolute IRI"), "{members}: {error}");
    }
    assert_eq!(object(json!({"site": "did:example:a?b=%20#c"}), "site"), "<did:example:a?b=%20#c>");
    assert_eq!(object(json!({"site": "https://example.org/a/../b"}), "site"), "<https://example.org/a/../b>");
    assert_eq!(object(json!({"area": "@alice"}), "area"), "\"@alice\"", "a text may look as it likes");
}

#[test]
fn members_that_carry_no_statement_are_refused() {
    for name in ["@graph", "@included", "@reverse", "@nest", "@index", "@context", "@unknown", "🌾"] {
        let mut members = Map::new();
        members.insert("area".to_owned(), json!("1"));
        members.insert(name.to_owned(), json!({}));
        let error = quads(&credential(json!({"plots": members}))).unwrap_err();
        assert_eq!(error, JsonLdError::Member { path: "$.credentialSubject.plots".to_owned(), name: name.to_owned() });
    }
    let error = refused(&credential(json!({"area": {"@value": "x", "@language": "no tag!"}})));
    assert_eq!(error, "$.credentialSubject.area.@language: not a language tag");
}

#[test]
fn directions_are_part_of_the_datatype() {
    let i18n = |text: &str, tag: &str| format!("\"{text}\"^^<https://www.w3.org/ns/i18n#{tag}>");
    for (value, expected) in [
        (json!({"@value": "HTML", "@language": "ar-EG", "@direction": "rtl"}), i18n("HTML", "ar-eg_rtl")),
        (json!({"@value": "Hof", "@direction": "ltr"}), i18n("Hof", "_ltr")),
        (json!({"@value": "@alice\n", "@direction": "rtl", "@language": "EN"}), i18n("@alice\\n", "en_rtl")),
        (json!([{"@value": "", "@direction": "ltr"}]), i18n("", "_ltr")),
    ] {
        assert_eq!(object(json!({"area": value}), "area"), expected);
    }
    let mut document = credential(json!({"steps": ["a", {"@value": "b", "@direction": "rtl"}]}));
    document["name"] =
        json!([{"@value": "Dog", "@language": "en"}, {"@value": "كلب", "@language": "ar", "@direction": "rtl"}]);
    // By Digital Bazaar's eddsa-rdfc-2022-cryptosuite.
    let expected = [
        "_:c14n0 <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://www.w3.org/2018/credentials#VerifiableCredential> .",
        "_:c14n0 <https://schema.org/name> \"Dog\"@en .",
        "_:c14n0 <https://schema.org/name> \"كلب\"^^<https://www.w3.org/ns/i18n#ar_rtl> .",
        "_:c14n0 <https://www.w3.org/2018/credentials#credentialSubject> _:c14n1 .",
        "_:c14n0 <https://www.w3.org/2018/credentials#issuer> <did:web:issuer.example> .",
        "_:c14n1 <https://example.org/steps> _:c14n2 .",
        "_:c14n2 <http://www.w3.org/1999/02/22-rdf-syntax-ns#first> \"a\" .",
        "_:c14n2 <http://www.w3.org/1999/02/22-rdf-syntax-ns#rest> _:c14n3 .",
        "_:c14n3 <http://www.w3.org/1999/02/22-rdf-syntax-ns#first> \"b\"^^<https://www.w3.org/ns/i18n#_rtl> .",
        "_:c14n3 <http://www.w3.org/1999/02/22-rdf-syntax-ns#rest> <http://www.w3.org/1999/02/22-rdf-syntax-ns#nil> .",
    ];
    assert_eq!(quads(&document).unwrap().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn directions_of_anything_else_are_refused() {
    let (member, language) = ("the member \"@direction\" cannot be used here", "not a language tag");
    for (members, hint) in [
        (json!({"area": {"@direction": "rtl"}}), member),
        (json!({"area": {"@value": "x", "@direction": "up"}}), member),
        (json!({"area": {"@value": "x", "@direction": null}}), member),
        (json!({"area": {"@value": "x", "@direction": ["rtl"]}}), member),
        (json!({"area": {"@value": 1, "@direction": "rtl"}}), member),
        (json!({"area": {"@value": "x", "@direction": "rtl", "@type": "Plot"}}), member),
        (json!({"area": {"@value": "x", "@direction": "rtl", "@index": "1"}}), member),
        (json!({"area": {"@value": "x", "@direction": "rtl", "area": "1"}}), member),
        (json!({"area": {"@value": "x", "@direction": "rtl", "@language": "no tag!"}}), language),
        (json!({"area": {"@value": "x", "@direction": "rtl", "@language": "a_b"}}), language),
        (json!({"area": {"@value": "x", "@direction": "rtl", "@language": ""}}), language),
        (json!({"area": {"@value": "x", "@direction": "rtl", "@language": null}}), language),
        // Neither is a text with a direction to a processor: a JSON literal, and languages with a text each.
        (json!({"raw": [{"a": {"@value": "x", "@direction": "rtl"}}]}), member),
        (json!({"title": {"@value": "x", "@direction": "rtl"}}), "$.credentialSubject.title"),
    ] {
        let error = refused(&credential(members.clone()));
        assert!(error.starts_with("$.credentialSubject.") && error.contains(hint), "{members}: {error}");
    }
    let error = quads(&credential(json!({"raw": [{"a": {"@value": "x", "@direction": "rtl"}}]}))).unwrap_err();
    let path = "$.credentialSubject.raw[0].a".to_owned();
    assert_eq!(error, JsonLdError::Member { path, name: "@direction".to_owned() });
    let text = json!({"@value": "\u{fffe}", "@direction": "rtl"});
    assert!(matches!(quads(&credential(json!({"area": text}))), Err(JsonLdError::Noncharacter { .. })));
}

#[test]
fn contexts_come_from_here_or_not_at_all() {
    let with = |context: Value| {
        let mut document = credential(json!({"id": "did:example:a"}));
        document["@context"] = context;
        quads(&document)
    };
    let url = "https://example.org/other".to_owned();
    let path = "$.@context[1]".to_owned();
    assert_eq!(with(json!([CREDENTIALS_V2, url])).unwrap_err(), JsonLdError::UnknownContext { path, url });
    for (context, hint) in [
        (json!([CREDENTIALS_V2, null]), "a context is a URL or an object"),
        (json!([CREDENTIALS_V2, [OWN]]), "a context is a URL or an object"),
        (json!([CREDENTIALS_V2, {"foo": true}]), "Term definition value"),
        (json!([CREDENTIALS_V2, {"secret": null}]), "null takes definitions away"),
        (json!([CREDENTIALS_V2, {"name": "https://example.org/name"}]), "protected"),
        (json!([CREDENTIALS_V2, {"@import": "https://example.org/other"}]), "neither bundled"),
        (
            json!([CREDENTIALS_V2, {"own": {"@id": "https://example.org/own", "@context": "https://example.org/other"}}]),
            "neither bundled",
        ),
    ] {
        let error = with(context.clone()).unwrap_err().to_string();
        assert!(error.contains(hint), "{context}: {error}");
    }
    assert!(with(json!([CREDENTIALS_V2, {"own": "https://example.org/own"}])).is_ok());
}

#[test]
fn numbers_are_what_every_processor_makes_of_them() {
    let xsd = |kind: &str, text: &str| format!("\"{text}\"^^<http://www.w3.org/2001/XMLSchema#{kind}>");
    for (number, kind, text) in [
        (json!(10.0), "integer", "10"),
        (json!(-0.0), "integer", "0"),
        (json!(9_007_199_254_740_991_i64), "integer", "9007199254740991"),
        (json!(1.5), "double", "1.5E0"),
        (json!(0.1), "double", "1.0E-1"),
        (json!(1e30), "double", "1.0E30"),
        (json!(true), "boolean", "true"),
    ] {
        assert_eq!(object(json!({"area": number}), "area"), xsd(kind, text));
    }
    assert_eq!(object(json!({"weight": 5}), "weight"), xsd("double", "5.0E0"));
    // Processors that read numbers as doubles, or write 16 digits, would see another value.
    for number in [json!(9_007_199_254_740_993_i64), json!(u64::MAX), json!(1e20), json!(0.1 + 0.2)] {
        assert_eq!(
            refused(&credential(json!({"area": number}))),
            "$.credentialSubject.area: JSON-LD would round this number; write it as text"
        );
    }
}

#[test]
fn nasty_text_is_escaped_as_rdfc_wants() {
    let text = "\t\u{8}\n\u{c}\r\"\\\u{1}\u{7f}\u{85}\u{2028}\u{202e}é字🌾\u{fffd}";
    let escaped = "\"\\t\\b\\n\\f\\r\\\"\\\\\\u0001\\u007F\u{85}\u{2028}\u{202e}é字🌾\u{fffd}\"";
    assert_eq!(object(json!({"area": text}), "area"), escaped);
    for text in ["\u{fffe}", "a\u{ffff}"] {
        let error = quads(&credential(json!({"area": text}))).unwrap_err();
        assert_eq!(error, JsonLdError::Noncharacter { path: "$.credentialSubject.area".to_owned() });
    }
    assert_eq!(object(json!({"title": {"DE-at": "Hof"}}), "title"), "\"Hof\"@de-at");
    assert_eq!(
        object(json!({"raw": {"b": [1, null], "a": "\u{1}é"}}), "raw"),
        "\"{\\\"a\\\":\\\"\\\\u0001é\\\",\\\"b\\\":[1,null]}\"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON>"
    );
}

#[test]
fn nulls_and_empty_lists_of_defined_terms_are_no_loss() {
    let plain = quads(&credential(json!({"area": "1"}))).unwrap();
    let document =
        credential(json!({"area": "1", "plots": [], "site": null, "steps": null, "kind": [], "title": null}));
    assert_eq!(quads(&document).unwrap(), plain);
}

#[test]
fn order_of_members_and_sets_does_not_matter_but_order_of_lists_does() {
    let of = |members| quads(&credential(members)).unwrap();
    assert_eq!(of(json!({"area": ["1", "2"], "kind": "Plot"})), of(json!({"kind": "Plot", "area": ["2", "1"]})));
    assert_ne!(of(json!({"steps": ["1", "2"]})), of(json!({"steps": ["2", "1"]})));
}

#[test]
fn statements_that_utf_16_would_sort_the_other_way_are_refused() {
    assert_eq!(quads(&credential(json!({"area": ["\u{feff}", "🌾"]}))).unwrap_err(), JsonLdError::Order);
    let inside = json!({"plots": [{"area": ["ａ", "🌾"]}]});
    assert_eq!(quads(&credential(inside)).unwrap_err(), JsonLdError::Order);
    // In a list each has a place of its own.
    assert!(quads(&credential(json!({"steps": ["ａ", "🌾"], "area": ["ａ", "é", "字"]}))).is_ok());
}

#[test]
fn work_and_size_are_bounded() {
    let plots = |count: usize| {
        credential(json!({"plots": (0..count).map(|n| json!({"area": n.to_string()})).collect::<Vec<_>>()}))
    };
    // The credential and its subject are blank nodes too.
    assert!(quads(&plots(MAX_BLANK_NODES - 2)).is_ok());
    assert_eq!(quads(&plots(MAX_BLANK_NODES - 1)).unwrap_err(), JsonLdError::TooManyBlankNodes);
    let many: Vec<String> = (0..=MAX_STATEMENTS).map(|n| n.to_string()).collect();
    assert_eq!(quads(&credential(json!({"area": many}))).unwrap_err(), JsonLdError::TooManyStatements);
    let long = "x".repeat(MAX_DOCUMENT_BYTES);
    assert_eq!(quads(&credential(json!({"area": long}))).unwrap_err(), JsonLdError::TooLong);
    let deep = (0..MAX_DEPTH).fold(json!({"area": "1"}), |inner, _| json!({"plots": inner}));
    assert!(matches!(quads(&credential(deep)), Err(JsonLdError::TooDeep { .. })));
    // Things that look alike are told apart by what they belong to.
    assert!(quads(&credential(json!({"plots": vec![json!({"area": "1", "plots": {"area": "2"}}); 20]}))).is_ok());
    // A long list of equal things takes more comparisons than verifiers are ready for.
    assert!(quads(&credential(json!({"steps": ["a", "a", "a"]}))).is_ok());
    assert_eq!(quads(&credential(json!({"steps": vec!["a"; 40]}))).unwrap_err(), JsonLdError::TooSymmetric);
}

/// A graph of blank nodes as (from, to) pairs.
fn graph(edges: &[(usize, usize)]) -> BTreeSet<Statement> {
    let edge = |&(from, to): &(usize, usize)| Statement {
        subject: Term::Blank(from),
        predicate: "<urn:p>".to_owned(),
        object: Term::Blank(to),
        graph: Term::Text(String::new()),
    };
    edges.iter().map(edge).collect()
}

#[test]
fn graphs_made_to_take_forever_are_refused_at_once() {
    let all: Vec<_> = (0..12).flat_map(|a| (0..12).filter(move |b| a != *b).map(move |b| (a, b))).collect();
    assert_eq!(canonicalize(&graph(&all), 12, CanonicalHash::Sha256), Err(TooHard::Symmetric));
    assert_eq!(canonicalize(&graph(&[]), MAX_BLANK_NODES + 1, CanonicalHash::Sha256), Err(TooHard::ManyBlankNodes));
}

/// Many small graphs, with names for some nodes, canonicalised by oxrdf and by us, under two numberings.
#[test]
fn another_implementation_gives_the_same_canonical_form() {
    let (mut compared, mut deep) = (0, 0);
    for seed in 1..4_000_u64 {
        let mut state = seed;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from((state >> 33) % below).unwrap()
        };
        let blanks = 1 + next(6);
        let edges: Vec<(usize, usize, usize)> =
            (0..=next(8)).map(|_| (next(blanks as u64), next(2), next(blanks as u64 + 2))).collect();
        let term = |n: usize, shift: usize| {
            if n < blanks { Term::Blank((n + shift) % blanks) } else { Term::Text(format!("<urn:o{n}>")) }
        };
        let ours = |shift: usize| {
            let statements: BTreeSet<Statement> = edges
                .iter()
                .map(|&(s, p, o)| Statement {
                    subject: term(s, shift),
                    predicate: format!("<urn:p{p}>"),
                    object: term(o, shift),
                    graph: Term::Text(String::new()),
                })
                .collect();
            canonicalize_used(&statements)
        };
        let Ok(canonical) = ours(0) else {
            deep += 1;
            continue;
        };
        assert_eq!(ours(1).unwrap(), canonical, "seed {seed}");
        assert_eq!(by_oxrdf(&edges, blanks), canonical, "seed {seed}");
        compared += 1;
    }
    assert!(compared > 3_000, "{compared} compared, {deep} refused");
}

/// Numbers the blank nodes that are used without gaps first.
fn canonicalize_used(statements: &BTreeSet<Statement>) -> Result<String, TooHard> {
    let mut numbers = std::collections::BTreeMap::new();
    let mut renumber = |term: &Term| match term {
        Term::Blank(blank) => {
            let next = numbers.len();
            Term::Blank(*numbers.entry(*blank).or_insert(next))
        }
        text @ Term::Text(_) => text.clone(),
    };
    let renumbered: BTreeSet<Statement> = statements
        .iter()
        .map(|s| Statement { subject: renumber(&s.subject), object: renumber(&s.object), ..s.clone() })
        .collect();
    canonicalize(&renumbered, numbers.len(), CanonicalHash::Sha256)
}

fn by_oxrdf(edges: &[(usize, usize, usize)], blanks: usize) -> String {
    let mut dataset = Dataset::new();
    let blank = |n: usize| BlankNode::new(format!("n{n}")).unwrap();
    for &(s, p, o) in edges {
        let object: oxrdf::Term =
            if o < blanks { blank(o).into() } else { NamedNode::new(format!("urn:o{o}")).unwrap().into() };
        let predicate = NamedNode::new(format!("urn:p{p}")).unwrap();
        dataset.insert(&Quad::new(NamedOrBlankNode::from(blank(s)), predicate, object, GraphName::DefaultGraph));
    }
    dataset.canonicalize(CanonicalizationAlgorithm::Rdfc10 { hash_algorithm: CanonicalizationHashAlgorithm::Sha256 });
    let mut lines: Vec<String> = dataset.iter().map(|quad| format!("{quad} .\n")).collect();
    lines.sort_unstable();
    lines.concat()
}
