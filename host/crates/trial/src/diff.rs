//! Where two JSON values differ.

use serde::Serialize;
use serde_json::Value;

use crate::pattern::fits;

/// Differences of one comparison that are told.
const MAX_DIFFERENCES: usize = 50;

/// One place where what came is not what was expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where: a member of `expect`, and within JSON a pointer behind it, such as `claims/address/zip`.
    pub at: String,
    /// What was expected; absent where nothing was.
    pub expected: Option<String>,
    /// What came; absent where nothing did.
    pub got: Option<String>,
}

impl Difference {
    /// Two texts that differ.
    pub fn new(at: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { at: at.into(), expected: Some(expected.into()), got: Some(got.into()) }
    }

    /// Something that is not there.
    pub fn missing(at: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { at: at.into(), expected: Some(expected.into()), got: None }
    }

    /// Something that nobody expected.
    pub fn surplus(at: impl Into<String>, got: impl Into<String>) -> Self {
        Self { at: at.into(), expected: None, got: Some(got.into()) }
    }
}

/// Where `got` is not what `expected` describes. `ignore` holds JSON pointers that are not compared.
pub(crate) fn differences(root: &str, expected: &Value, got: &Value, ignore: &[String]) -> Vec<Difference> {
    let mut found = Found { root, ignore, differences: Vec::new() };
    found.compare(&mut String::new(), expected, got);
    found.differences
}

struct Found<'a> {
    root: &'a str,
    ignore: &'a [String],
    differences: Vec<Difference>,
}

impl Found<'_> {
    fn compare(&mut self, pointer: &mut String, expected: &Value, got: &Value) {
        if self.ignore.contains(pointer) {
            return;
        }
        match (expected, got) {
            (Value::String(pattern), _) if pattern == "*" => {}
            (Value::String(pattern), Value::String(text)) => {
                if !fits(pattern, text) {
                    self.note(pointer, Some(expected), Some(got));
                }
            }
            (Value::Object(expected), Value::Object(got)) => {
                for (name, value) in expected {
                    self.within(pointer, name, Some(value), got.get(name));
                }
                for (name, value) in got.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                    self.within(pointer, name, None, Some(value));
                }
            }
            (Value::Array(expected), Value::Array(got)) => {
                for index in 0..expected.len().max(got.len()) {
                    self.within(pointer, &index.to_string(), expected.get(index), got.get(index));
                }
            }
            (expected, got) if expected == got => {}
            (expected, got) => self.note(pointer, Some(expected), Some(got)),
        }
    }

    fn within(&mut self, pointer: &mut String, name: &str, expected: Option<&Value>, got: Option<&Value>) {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        match (expected, got) {
            (Some(expected), Some(got)) => self.compare(pointer, expected, got),
            (expected, got) if !self.ignore.contains(pointer) => self.note(pointer, expected, got),
            _ => {}
        }
        pointer.truncate(length);
    }

    fn note(&mut self, pointer: &str, expected: Option<&Value>, got: Option<&Value>) {
        if self.differences.len() < MAX_DIFFERENCES {
            self.differences.push(Difference {
                at: format!("{}{pointer}", self.root),
                expected: expected.map(Value::to_string),
                got: got.map(Value::to_string),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(expected: &Value, got: &Value, ignore: &[&str]) -> Vec<String> {
        let ignore: Vec<String> = ignore.iter().map(|&pointer| pointer.to_owned()).collect();
        let show = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let found = differences("claims", expected, got, &ignore).into_iter();
        found.map(|d| format!("{} {} {}", d.at, show(d.expected), show(d.got))).collect()
    }

    #[test]
    fn each_difference_has_its_place() {
        let expected = json!({"a": 1, "b": {"c": [1, 2], "d/~": "x"}, "gone": true, "n": null});
        let got = json!({"n": null, "b": {"c": [1, 3, 4], "d/~": "y"}, "a": 1, "new": {}});
        assert_eq!(
            told(&expected, &got, &[]),
            [
                "claims/b/c/1 2 3",
                "claims/b/c/2 - 4",
                "claims/b/d~1~0 \"x\" \"y\"",
                "claims/gone true -",
                "claims/new - {}"
            ]
        );
        assert_eq!(told(&expected, &got, &["/b", "/gone", "/new"]), Vec::<String>::new());
    }

    #[test]
    fn types_count_and_stars_stand_for_anything() {
        assert_eq!(told(&json!({"a": 1}), &json!({"a": "1"}), &[]), ["claims/a 1 \"1\""]);
        assert_eq!(told(&json!({"a": 1}), &json!({"a": 1.0}), &[]).len(), 1);
        assert_eq!(told(&json!({}), &json!([]), &[]), ["claims {} []"]);
        assert!(told(&json!({"a": "*", "b": "x*z"}), &json!({"a": [1], "b": "xyz"}), &[]).is_empty());
        // A star is no pattern for what is not there.
        assert_eq!(told(&json!({"a": "*"}), &json!({}), &[]), ["claims/a \"*\" -"]);
        assert_eq!(told(&json!("b*"), &json!(1), &[]), ["claims \"b*\" 1"]);
        assert!(told(&json!("\\*"), &json!("*"), &[]).is_empty());
        assert_eq!(told(&json!(["\\*", "\\*"]), &json!(["a", 1]), &[]).len(), 2, "only a bare star is any value");
        assert_eq!(told(&json!("\\*"), &json!("\\*"), &[]).len(), 1);
    }

    #[test]
    fn the_list_ends() {
        let got: Vec<u32> = (0..200).collect();
        assert_eq!(told(&json!([]), &json!(got), &[]).len(), MAX_DIFFERENCES);
    }
}
