#![expect(clippy::needless_pass_by_value, reason = "`json!(…)` reads better without an ampersand")]

use serde_json::json;

use super::*;

#[path = "limits_tests.rs"]
mod limits;

fn variables() -> Variables {
    Variables {
        data: json!({
            "first": "Ada", "last": "Lovelace", "age": 36, "height": 1.65, "alive": false, "nothing": null,
            "born": "1815-12-10", "crops": ["rice", "wheat"], "address": {"zip": "1", "city": "London"},
            "plots": [{"id": "p1", "area": 2.5, "crops": ["rice"]}, {"id": "p2", "area": 1, "crops": []}],
            "big": u64::MAX, "secret": 777_123, "code": "F", "text_number": " 42 ",
        }),
        issuer: json!({"id": "did:web:issuer.example"}),
        credential: json!({"valid_from": "2026-01-02T03:04:05Z"}),
        request: json!({"locales": ["mr-IN", "hi"]}),
        localized: json!({"sex": {"F": "female"}, "title": {"en": "Farmer", "hi": "किसान"}}),
        ..Variables::default()
    }
}

fn render_with(template: &Value, variables: &Variables) -> Result<Value, TemplateError> {
    Template::from_json(template, Limits::default())?.render(variables)
}

fn render(template: Value) -> Value {
    render_with(&template, &variables()).unwrap()
}

/// Renders `{"x": "{{ expression }}"}`.
fn eval(expression: &str) -> Result<Value, TemplateError> {
    let rendered = render_with(&json!({"x": format!("{{{{ {expression} }}}}")}), &variables())?;
    Ok(rendered["x"].clone())
}

fn error(template: Value) -> String {
    render_with(&template, &variables()).unwrap_err().to_string()
}

#[test]
fn lone_expressions_keep_their_json_type() {
    let rendered = render(json!({
        "list": "{{ data.crops }}", "number": "{{data.age}}", "float": "{{ data.height }}", "flag": "{{ data.alive }}",
        "object": "{{ data.address }}", "null": "{{ data.nothing }}", "text": "{{ data.first }}", "big": "{{ data.big }}"
    }));
    let expected = json!({
        "list": ["rice", "wheat"], "number": 36, "float": 1.65, "flag": false,
        "object": {"zip": "1", "city": "London"}, "null": null, "text": "Ada", "big": u64::MAX
    });
    assert_eq!(rendered.to_string(), expected.to_string(), "order of members included");
}

#[test]
fn mixed_text_becomes_text() {
    assert_eq!(
        render(json!(["{{ data.first }} {{ data.last }}", " {{ data.age }}", "{{ data.height }}m, {{ data.alive }}"])),
        json!(["Ada Lovelace", " 36", "1.65m, false"])
    );
}

#[test]
fn fixed_parts_stay_as_they_are() {
    let fixed = json!({"@context": ["https://a"], "n": [1, 2.5, null, true, {}], "t": "no { braces } here"});
    assert_eq!(render(fixed.clone()), fixed);
}

#[test]
fn optional_members_are_left_out_where_something_is_undefined() {
    let rendered = render(json!({
        "a?": "{{ data.middle }}", "b?": "{{ data.person.middle }}", "c?": "{{ data.first }} {{ data.middle }}",
        "d?": "{{ data.first ~ data.middle }}", "e?": "{{ data.middle | upper }}", "f?": "{{ data.nothing }}",
        "g?": "{{ data.first }}", "h?": {"$for": "m in data.missing", "item": "{{ m }}"},
        "i?": {"$if": "data.missing", "then": 1, "else": 2}, "j?": {"$if": "data.alive", "then": 1},
        "k?": {"$if": "true", "then": "{{ data.middle }}"}
    }));
    assert_eq!(rendered, json!({"f": null, "g": "Ada"}));
}

#[test]
fn optional_covers_its_own_expression_only() {
    let inner = json!({"list?": {"$for": "plot in data.plots", "item": {"v": "{{ plot.missing }}"}}});
    assert_eq!(error(inner), "undefined value at $.list[0].v, in `plot.missing`: there is no `plot.missing`");
    let branch = json!({"list?": {"$if": "true", "then": {"v": "{{ data.missing }}"}}});
    assert!(error(branch).contains("$.list.v"));
}

#[test]
fn undefined_names_place_expression_and_what_is_missing() {
    assert_eq!(
        error(json!({"a": {"b": [1, "{{ data.person.name }}"]}})),
        "undefined value at $.a.b[1], in `data.person.name`: there is no `data.person`"
    );
    assert_eq!(
        error(json!({"odd name": "{{ data.first }}-{{ data.middle }}"})),
        "undefined value at $[\"odd name\"], in `data.middle`: there is no `data.middle`"
    );
    assert!(error(json!({"a": "{{ [data.x, data.y] }}"})).contains("no `data.x`, no `data.y`"));
    for expression in
        ["data.x | upper", "data.x ~ 'a'", "data.x.y or 1", "holder.did", "data.x | join(',')", "data.x is ge(1)"]
    {
        assert!(
            matches!(eval(expression), Err(TemplateError::Undefined { .. })),
            "{expression}: {:?}",
            eval(expression)
        );
    }
    assert!(matches!(eval("data.x if data.alive"), Err(TemplateError::Undefined { .. })));
}

#[test]
fn loops_nest_and_see_outer_variables() {
    let template = json!({"plots": {"$for": "plot in data.plots", "item": {
        "id": "{{ plot.id }}", "owner": "{{ data.last }}",
        "crops": {"$for": "crop in plot.crops", "item": "{{ plot.id }}:{{ crop }}"}
    }}});
    assert_eq!(
        render(template),
        json!({"plots": [
            {"id": "p1", "owner": "Lovelace", "crops": ["p1:rice"]},
            {"id": "p2", "owner": "Lovelace", "crops": []}
        ]})
    );
    for (expression, message) in
        [("data.first", "needs a list"), ("data.address", "needs a list"), ("data.nothing", "needs a list")]
    {
        assert!(error(json!({"$for": format!("x in {expression}"), "item": 1})).contains(message));
    }
}

#[test]
fn choices() {
    assert_eq!(
        render(json!({"$if": "data.age is ge(18)", "then": {"adult": true}, "else": "minor"})),
        json!({"adult": true})
    );
    assert_eq!(
        render(json!({"a": {"$if": "data.alive", "then": 1, "else": {"b": "{{ data.age }}"}}})),
        json!({"a": {"b": 36}})
    );
    assert_eq!(
        render(json!([{"$if": "data.alive", "then": 1}, 2, {"$if": "not data.alive", "then": 3}])),
        json!([2, 3])
    );
    assert!(error(json!({"a": {"$if": "data.alive", "then": 1}})).contains("at $.a: the `$if` chose nothing"));
    assert!(error(json!({"$if": "data.alive", "then": 1})).contains("left out"));
}

#[test]
fn data_is_never_structure_nor_template() {
    let hostile = [
        "{{ issuer.id }}",
        "{% for x in y %}",
        "\"}, \"admin\": true, {\"",
        "}}",
        "'}}{{'",
        "{\"$for\": \"x in y\"}",
        "\u{0000}\u{0007}\u{001b}[2J",
        "\\\"\\u0022",
        "<script>",
        "\u{202e}",
        "name?",
        "$if",
        "🦀{{",
    ];
    for text in hostile {
        let variables = Variables { data: json!({"x": text, "list": [text], "map": {text: text}}), ..variables() };
        let template = json!({
            "lone": "{{ data.x }}", "mixed": "<{{ data.x }}>", "list": {"$for": "i in data.list", "item": "{{ i }}"},
            "map": "{{ data.map }}", "up": "{{ data.x | trim }}", "if": {"$if": "data.x == data.list[0]", "then": "{{ data.x }}"}
        });
        let rendered = render_with(&template, &variables).unwrap();
        let expected = json!({
            "lone": text, "mixed": format!("<{text}>"), "list": [text], "map": {text: text}, "up": text.trim(), "if": text
        });
        assert_eq!(rendered, expected, "{text:?}");
    }
}

#[test]
fn only_expressions_compile() {
    for (text, message) in [
        ("{% if a %}x{% endif %}", "statements"),
        ("{# c #}", "comments"),
        ("{{ data.x", "without its `}}`"),
        ("{{ }}", "the expression is empty"),
        ("{{ data. }}", "is not an expression"),
        ("{{ data.x data.y }}", "is not an expression"),
        ("{{ dta.x }}", "unknown variable `dta`"),
        ("{{ loop.index }}", "unknown variable `loop`"),
        ("{{ data.x | uper }}", "unknown filter `uper`"),
        ("{{ data.x is odder }}", "unknown test `odder`"),
        ("{{ data.x is not odder(3) }}", "unknown test `odder`"),
        ("{{ range(9) }}", "`range(…)`, are not available"),
        ("{{ namespace(a=1) }}", "are not available"),
        ("{{ debug() }}", "are not available"),
        ("{{ data.items() }}", "are not available"),
        ("{{ data['a']() }}", "cannot be called"),
        ("{{ (data)() }}", "cannot be called"),
        ("{{ 'a' * 9 }}", "`| times(n)`"),
        ("{{ 9 ** 9 }}", "`| times(n)`"),
        ("{{ data.age >= 18 }}", "`is ge(n)`"),
        ("{{ data.age < 18 }}", "`is lt(n)`"),
        ("{{ range }}", "unknown variable `range`"),
        ("{{ data.x | safe }}", "unknown filter"),
        ("{{ data.x | format }}", "unknown filter"),
        ("{{ data.x | pprint }}", "unknown filter"),
        ("{{ data.x | indent }}", "unknown filter"),
        ("{{ data.x | tojson }}", "unknown filter"),
        ("{{ (((((( }}", "is not an expression"),
    ] {
        let compiled = Template::from_json(&json!({"a": [text]}), Limits::default()).unwrap_err().to_string();
        assert!(compiled.starts_with("template error at $.a[0]: ") && compiled.contains(message), "{text}: {compiled}");
    }
    let nested = format!("{{{{ {}1{} }}}}", "(".repeat(900), ")".repeat(900));
    assert!(Template::from_json(&json!(nested), Limits::default()).is_err());
}

#[test]
fn malformed_directives_and_members_are_refused() {
    for (template, message) in [
        (json!({"$for": "x in data.l"}), "$: `$for` needs an `item`"),
        (json!({"$for": "x in data.l", "item": 1, "extra": 1}), "$.extra: `$for` stands beside item only"),
        (json!({"$for": 1, "item": 1}), "$.$for: must be text"),
        (json!({"$for": "x of data.l", "item": 1}), "the form `name in expression`"),
        (json!({"$for": "x data.l", "item": 1}), "the form `name in expression`"),
        (json!({"$for": "x inside", "item": 1}), "the form `name in expression`"),
        (json!({"$for": "data in data.l", "item": 1}), "`data` is a variable already"),
        (json!({"$for": "if in data.l", "item": 1}), "not a plain name"),
        (json!({"$for": "x in {{ data.l }}", "item": 1}), "without braces"),
        (json!({"$for": "x in data.l", "item": {"$for": "x in data.l", "item": 1}}), "$.item.$for: `x` is a variable"),
        (json!({"a": {"$if": "data.l"}}), "$.a: `$if` needs a `then`"),
        (json!({"$if": "data.l", "then": 1, "otherwise": 1}), "stands beside then and else only"),
        (json!({"$fi": "data.l"}), "unknown directive"),
        (json!({"a?": 1}), "`?` is for members with an expression"),
        (json!({"a?": {"b": "{{ data.x }}"}}), "`?` is for members with an expression"),
        (json!({"a": 1, "a?": "{{ data.x }}"}), "named twice"),
        (json!({"{{ data.x }}": 1}), "names never come from data"),
        (json!({"a": {"$for": "x in data.l", "item": 1}, "b": "{{ x }}"}), "unknown variable `x`"),
    ] {
        let compiled = Template::from_json(&template, Limits::default()).unwrap_err().to_string();
        assert!(compiled.contains(message), "{template}: {compiled}");
    }
}

#[test]
fn text_is_parsed_strictly() {
    let compile = |text: &str| Template::compile(text, Limits::default()).map(|_| ()).unwrap_err().to_string();
    assert!(compile(r#"{"a": 1, "a": 2}"#).contains("names the same member twice"));
    assert!(compile("{").contains("ends too early"));
    assert!(compile(&"[".repeat(40)).contains("nested deeper than 32"));
    assert!(compile(&" ".repeat(300_000)).contains("longer than 262144 bytes"));
    assert!(Template::compile(r#"{"a": "{{ data.x }}"}"#, Limits::default()).is_ok());
}

#[test]
fn filters_do_what_they_say() {
    for (expression, expected) in [
        ("data.born | date('%d.%m.%Y')", json!("10.12.1815")),
        ("data.born | date", json!("1815-12-10")),
        ("'31/12/1999' | date('%Y', from='%d/%m/%Y')", json!("1999")),
        ("credential.valid_from | date('%H:%M')", json!("03:04")),
        ("'2026-01-02T03:04:05' | date('%Y%m%dT%H')", json!("20260102T03")),
        ("0 | date", json!("1970-01-01")),
        ("data.code | lookup(localized.sex)", json!("female")),
        ("'X' | lookup(localized.sex) | default('other')", json!("other")),
        ("localized.title | lang('EN-gb')", json!("Farmer")),
        ("localized.title | lang(request.locales, 'en')", json!("किसान")),
        ("localized.title | lang(request.locale, 'en')", json!("Farmer")),
        ("localized.title | lang('fr') | default(localized.title.en)", json!("Farmer")),
        ("data.text_number | int", json!(42)),
        ("2.0 | int", json!(2)),
        ("'2.50' | float", json!(2.5)),
        ("'Yes' | bool", json!(true)),
        ("data.age | string", json!("36")),
        ("data.height | times(2)", json!(3.3)),
        ("6 | times(7)", json!(42)),
        ("data.crops | join(', ')", json!("rice, wheat")),
        ("data.plots | map(attribute='id') | join", json!("p1p2")),
        ("'a-b' | replace('-', '+') | upper", json!("A+B")),
        ("'a,b' | split(',')", json!(["a", "b"])),
        ("data.crops | length", json!(2)),
        ("data.missing | default('none')", json!("none")),
        ("data.nothing | default('none', true)", json!("none")),
        ("'x' if data.alive else 'y'", json!("y")),
        ("data.first is defined and data.x is not defined", json!(true)),
        ("'rice' in data.crops and not data.alive", json!(true)),
        ("data.age is integer", json!(true)),
        ("data.text_number | int is ge(42)", json!(true)),
        ("data.age is not lt(36) and data.age is le(36.0) and 37 is gt(data.age)", json!(true)),
        ("data.born is lt('1900-01-01')", json!(true)),
        ("[1, 'a', {'k': data.age}]", json!([1, "a", {"k": 36}])),
        ("data.age + 1", json!(37)),
        ("(data.age - 1) // 2", json!(17)),
        ("'}}' ~ \"{{\" ~ '\\''", json!("}}{{'")),
        ("data['first'][0]", json!("A")),
    ] {
        assert_eq!(eval(expression), Ok(expected), "{expression}");
    }
}

#[test]
fn filters_refuse_without_quoting_data() {
    for expression in [
        "data.first | int",
        "data.first | float",
        "data.first | bool",
        "data.first | date",
        "data.first | times(2)",
        "data.born | date('%H')",
        "data.born | date('%Q')",
        "data.first | join(',')",
        "data.crops | string",
        "data.first | lookup(data.last)",
        "data.first | lang('en')",
        "data.first | round",
        "data.first + 1",
        "data.first | replace('', 'x')",
        "data.crops | upper | int",
        "'1e999' | float",
        "data.first | abs",
        "9223372036854775807 | times(2)",
        "data.first is lt(1)",
        "data.text_number is ge(18)",
        "-data.first",
        "data.first | date(frm='x')",
        "data.nothing | int",
        "data.address | sum",
        "data.secret // 0",
        "data.secret % 0",
        "data.secret - data.first",
        "data.first | map('upper') | join | int",
        "data.crops | map(data.first)",
        "data.crops[data.first:]",
    ] {
        let message = eval(expression).unwrap_err().to_string();
        assert!(message.starts_with("cannot evaluate `") && message.contains("at $.x: "), "{expression}: {message}");
        assert!(!message.contains("Ada") && !message.contains("Lovelace") && !message.contains("rice"), "{message}");
        assert!(!message.contains("777123"), "{message}");
    }
    assert!(error(json!("a {{ data.nothing }}")).contains("null, which has no place in text"));
    assert!(error(json!("a {{ data.crops }}")).contains("use `| join(…)`"));
    assert!(error(json!("a {{ data.address }}")).contains("an object, which has no place in text"));
}

#[test]
fn numbers_are_exact_or_refused() {
    for expression in ["data.big + 1", "1e308 + 1e308", "'inf' | float", "-9223372036854775807 - 10", "1 / 0"] {
        assert!(eval(expression).is_err(), "{expression}: {:?}", eval(expression));
    }
    assert_eq!(eval("9007199254740993"), Ok(json!(9_007_199_254_740_993_u64)));
    assert_eq!(eval("data.big - 1"), Ok(json!(u64::MAX - 1)));
}

#[test]
fn every_listed_filter_exists() {
    for name in FILTERS {
        let failed = eval(&format!("nothing_{name} | {name}")).unwrap_err().to_string();
        assert!(failed.contains("unknown variable"), "{name}: {failed}");
        let result = format!("{:?}", eval(&format!("data.first | {name}")));
        assert!(!result.contains("is unknown"), "{name}: {result}");
    }
    for name in filters::TESTS.into_iter().filter(|name| !["in", "ge", "gt", "le", "lt"].contains(name)) {
        assert!(matches!(eval(&format!("data.first is {name}")), Ok(Value::Bool(_))), "{name}");
    }
}

#[test]
fn templates_are_shared_between_threads_and_variables_print_nothing() {
    fn shareable<T: Send + Sync + 'static>() {}
    shareable::<Template>();
    assert_eq!(format!("{:?}", variables()), "Variables(redacted)");
}
