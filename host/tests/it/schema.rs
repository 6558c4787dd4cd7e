//! JSON Schema 2020-12 as far as the OpenAPI document uses it. A keyword that is not known here fails the test, so
//! that nothing stays unchecked.

use serde_json::Value;

/// What is wrong with a value: a line each, with the place. `$ref`s are followed from `root`.
pub fn violations(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Checker { root, found: &mut found }.check(schema, value, "");
    found
}

struct Checker<'a> {
    root: &'a Value,
    found: &'a mut Vec<String>,
}

impl Checker<'_> {
    fn check(&mut self, schema: &Value, value: &Value, at: &str) {
        match schema {
            Value::Bool(true) => {}
            Value::Bool(false) => self.wrong(at, "is not allowed here"),
            Value::Object(keywords) => {
                for (keyword, argument) in keywords {
                    self.keyword(schema, keyword, argument, value, at);
                }
            }
            _ => panic!("{schema} is no schema"),
        }
    }

    fn keyword(&mut self, schema: &Value, keyword: &str, argument: &Value, value: &Value, at: &str) {
        match keyword {
            "$ref" => {
                let pointer = argument.as_str().unwrap().strip_prefix('#').expect("a reference into the document");
                let target = self.root.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not there")).clone();
                self.check(&target, value, at);
            }
            "type" => self.kind(argument, value, at),
            "const" if argument != value => self.wrong(at, &format!("{value} is not {argument}")),
            "enum" if !argument.as_array().unwrap().contains(value) => {
                self.wrong(at, &format!("{value} is not among {argument}"));
            }
            "properties" | "required" | "additionalProperties" => self.members(schema, keyword, argument, value, at),
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.check(argument, item, &format!("{at}/{i}"));
                }
            }
            "minItems" | "maxItems" | "minLength" | "maxLength" | "minimum" | "maximum" => {
                self.size(keyword, argument, value, at);
            }
            "format" => self.format(argument.as_str().unwrap(), value, at),
            "allOf" => {
                for one in argument.as_array().unwrap() {
                    self.check(one, value, at);
                }
            }
            "oneOf" | "anyOf" => {
                let fits = |one: &&Value| violations(self.root, one, value).is_empty();
                let count = argument.as_array().unwrap().iter().filter(fits).count();
                if count == 0 || keyword == "oneOf" && count > 1 {
                    self.wrong(at, &format!("{value} fits {count} of {keyword}: {argument}"));
                }
            }
            "const" | "enum" | "description" | "title" | "default" | "examples" | "pattern" => {}
            other => panic!("the keyword {other} is not known here"),
        }
    }

    fn members(&mut self, schema: &Value, keyword: &str, argument: &Value, value: &Value, at: &str) {
        let Some(members) = value.as_object() else { return };
        match keyword {
            "required" => {
                for name in argument.as_array().unwrap().iter().map(|name| name.as_str().unwrap()) {
                    if !members.contains_key(name) {
                        self.wrong(at, &format!("{name} is missing"));
                    }
                }
            }
            "properties" => {
                for (name, schema) in argument.as_object().unwrap() {
                    if let Some(member) = members.get(name) {
                        self.check(schema, member, &format!("{at}/{name}"));
                    }
                }
            }
            _ => {
                let known = |name: &str| schema["properties"].get(name).is_some();
                for (name, member) in members.iter().filter(|(name, _)| !known(name)) {
                    self.check(argument, member, &format!("{at}/{name}"));
                }
            }
        }
    }

    fn kind(&mut self, kinds: &Value, value: &Value, at: &str) {
        let is = |kind: &str| match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            other => panic!("{other} is no type"),
        };
        let kinds = kinds.as_array().cloned().unwrap_or_else(|| vec![kinds.clone()]);
        if !kinds.iter().any(|kind| is(kind.as_str().unwrap())) {
            self.wrong(at, &format!("{value} is none of {kinds:?}"));
        }
    }

    fn size(&mut self, keyword: &str, limit: &Value, value: &Value, at: &str) {
        let count = |size: usize| f64::from(u32::try_from(size).unwrap());
        let size = match (&keyword[3..], value) {
            ("Items", Value::Array(items)) => count(items.len()),
            ("Length", Value::String(text)) => count(text.chars().count()),
            ("imum", Value::Number(number)) => number.as_f64().unwrap(),
            _ => return,
        };
        let limit = limit.as_f64().unwrap();
        if keyword.starts_with("min") && size < limit || keyword.starts_with("max") && size > limit {
            self.wrong(at, &format!("{value} breaks {keyword} {limit}"));
        }
    }

    /// Formats of numbers are hints for generators.
    fn format(&mut self, format: &str, value: &Value, at: &str) {
        let Some(text) = value.as_str() else { return };
        let fits = match format {
            "date-time" => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
            "uri" => url::Url::parse(text).is_ok(),
            "uuid" => uuid::Uuid::parse_str(text).is_ok(),
            other => panic!("the format {other} is not known here"),
        };
        if !fits {
            self.wrong(at, &format!("{value} is no {format}"));
        }
    }

    fn wrong(&mut self, at: &str, what: &str) {
        self.found.push(format!("{}: {what}", if at.is_empty() { "/" } else { at }));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::violations;

    #[test]
    fn every_keyword_bites() {
        let root = json!({"a": {"type": "string"}});
        for (schema, good, bad) in [
            (json!({"$ref": "#/a"}), json!("x"), json!(1)),
            (json!({"type": ["integer", "null"]}), json!(null), json!(1.5)),
            (json!({"const": 1}), json!(1), json!(2)),
            (json!({"enum": [1, 2]}), json!(2), json!(3)),
            (json!({"required": ["a"]}), json!({"a": 1}), json!({})),
            (json!({"properties": {"a": {"type": "null"}}}), json!({"b": 1}), json!({"a": 1})),
            (json!({"properties": {"a": true}, "additionalProperties": false}), json!({"a": 1}), json!({"b": 1})),
            (json!({"items": {"type": "string"}}), json!(["a"]), json!(["a", 1])),
            (json!({"minItems": 1}), json!([1]), json!([])),
            (json!({"maxLength": 2}), json!("éé"), json!("ééé")),
            (json!({"minimum": 4}), json!(4), json!(3)),
            (json!({"format": "date-time"}), json!("2026-01-01T00:00:00Z"), json!("yesterday")),
            (json!({"allOf": [{"type": "integer"}, {"minimum": 1}]}), json!(1), json!(0)),
            (json!({"anyOf": [{"type": "null"}, {"maximum": 2}]}), json!(null), json!(3)),
            (json!({"oneOf": [{"minimum": 1}, {"maximum": 2}]}), json!(0), json!(1)),
        ] {
            assert!(violations(&root, &schema, &good).is_empty(), "{schema} {good}");
            assert_eq!(violations(&root, &schema, &bad).len(), 1, "{schema} {bad}");
        }
    }
}
