//! Nothing that a template or its data says makes a rendering grow without bound.

use serde_json::json;

use super::*;

#[test]
fn output_is_bounded() {
    let limits = Limits { max_output_bytes: 1000, max_output_depth: 5, max_evaluations: 50, ..Limits::default() };
    let list: Vec<u32> = (0..40).collect();
    let deep = (0..20).fold(json!(1), |inner, _| json!([inner]));
    let data = json!({"list": list, "long": "x".repeat(600), "deep": deep});
    let variables = Variables { data, ..Variables::default() };
    let render = |template: Value| Template::from_json(&template, limits).unwrap().render(&variables);
    let limit = |template: Value| match render(template.clone()) {
        Err(TemplateError::Limit { path, limit }) => (path, limit),
        other => (format!("{template}: {other:?}"), "no limit"),
    };
    assert!(render(json!(["{{ data.long }}"])).is_ok());
    assert_eq!(limit(json!(["{{ data.long }}", "{{ data.long }}"])), ("$[1]".to_owned(), "too large"));
    assert_eq!(limit(json!(["{{ data.long }}{{ data.long }}"])), ("$[0]".to_owned(), "too large"));
    assert_eq!(limit(json!({"a": "{{ data.deep }}"})), ("$.a".to_owned(), "nested too deeply"));
    let fixed = "y".repeat(100);
    assert_eq!(limit(json!({"$for": "i in data.list", "item": fixed})).1, "too large");
    let empty =
        json!({"$for": "i in data.list", "item": {"$for": "j in data.list", "item": {"$if": "false", "then": 1}}});
    assert_eq!(limit(empty).1, "too many evaluations");
    let plain = json!({"$for": "i in data.list + data.list", "item": 1});
    assert_eq!(limit(plain), ("$".to_owned(), "too many evaluations"));
}

#[test]
fn text_cannot_be_blown_up() {
    let data = json!({"long": "x".repeat(1000), "list": vec!["y".repeat(1000); 2000]});
    let variables = Variables { data, ..Variables::default() };
    for expression in ["data.long | replace('x', data.long) | replace('x', data.long)", "data.list | join(data.long)"] {
        let failed = render_with(&json!(format!("{{{{ {expression} }}}}")), &variables).unwrap_err().to_string();
        assert!(failed.contains("too long"), "{failed}");
    }
}

#[test]
fn expressions_are_bounded() {
    let limits = Limits { max_expressions: 2, max_expression_len: 30, max_depth: 3, ..Limits::default() };
    let refuse = |template: Value| Template::from_json(&template, limits).map(|_| ()).unwrap_err().to_string();
    assert!(refuse(json!(["{{ 1 }}", "{{ 1 }}", "{{ 1 }}"])).contains("$[2]: more than 2 expressions"));
    assert!(refuse(json!(format!("{{{{ '{}' }}}}", "a".repeat(40)))).contains("longer than 30 bytes"));
    assert!(refuse(json!([[[[1]]]])).contains("nested deeper than 3"));
}

#[test]
fn deep_data_is_refused_not_overflowed() {
    let deep = (0..500).fold(json!(1), |inner, _| json!([inner]));
    let variables = Variables { data: deep, ..Variables::default() };
    let failed = render_with(&json!("{{ data }}"), &variables);
    assert_eq!(failed, Err(TemplateError::Limit { path: "$".to_owned(), limit: "nested too deeply" }));
    let counted = render_with(&json!("{{ data | length }}"), &variables);
    assert!(matches!(counted, Err(TemplateError::Limit { limit: "nested too deeply", .. })), "{counted:?}");
    // What nobody reads is not even looked at.
    assert_eq!(render_with(&json!("{{ 1 }}"), &variables), Ok(json!(1)));
}
