//! The operator's `[config]`.

use chancery_plugin_sdk::{ConfigProblem, Value, json};
use serde::Deserialize;

/// As the operator writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    file: String,
    column: String,
    delimiter: Option<String>,
    columns: Option<Value>,
}

/// As the plugin uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The guest path of the granted file.
    pub(crate) file: String,
    /// The column that holds the subject ids.
    pub(crate) key: String,
    pub(crate) delimiter: u8,
    /// Claim and column; absent means every column under its own name.
    pub(crate) claims: Option<Vec<(String, String)>>,
}

impl Config {
    pub(crate) fn check(self) -> Result<Settings, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        for (path, value) in [("/file", &self.file), ("/column", &self.column)] {
            if value.is_empty() {
                problems.push(ConfigProblem::new(path, "must not be empty"));
            }
        }
        let delimiter = delimiter(self.delimiter.as_deref()).unwrap_or_else(|problem| {
            problems.push(problem);
            b','
        });
        let claims = self.columns.as_ref().map(|columns| claims(columns, &mut problems));
        if problems.is_empty() {
            Ok(Settings { file: self.file, key: self.column, delimiter, claims })
        } else {
            Err(problems)
        }
    }
}

impl Settings {
    /// The columns that the file must have, the key's first.
    pub(crate) fn needed(&self) -> Vec<&str> {
        let claims = self.claims.iter().flatten().map(|(_, column)| column.as_str());
        std::iter::once(self.key.as_str()).chain(claims).collect()
    }
}

/// A JSON Schema of [`Config`].
pub(crate) fn schema() -> Value {
    let text = json!({ "type": "string", "minLength": 1 });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["file", "column"],
        "additionalProperties": false,
        "properties": {
            "file": { "type": "string", "minLength": 1, "description": "the guest path of the granted CSV file" },
            "column": { "type": "string", "minLength": 1, "description": "the column that holds the subject ids" },
            "delimiter": { "type": "string", "minLength": 1, "maxLength": 1, "default": "," },
            "columns": {
                "description": "the columns to pass on: a list of names, or claim = column; all when absent",
                "oneOf": [
                    { "type": "array", "items": text, "minItems": 1, "uniqueItems": true },
                    { "type": "object", "additionalProperties": text, "minProperties": 1 },
                ],
            },
        },
    })
}

fn delimiter(text: Option<&str>) -> Result<u8, ConfigProblem> {
    match text.unwrap_or(",").as_bytes() {
        [byte @ (b'\t' | b' '..=b'~')] if *byte != b'"' => Ok(*byte),
        _ => Err(ConfigProblem::new("/delimiter", r#"must be one ASCII character such as "," ";" or "\t", no quote"#)),
    }
}

fn claims(columns: &Value, problems: &mut Vec<ConfigProblem>) -> Vec<(String, String)> {
    let pairs: Vec<(String, &Value)> = match columns {
        Value::Array(names) => names.iter().map(|name| (name.as_str().unwrap_or_default().to_owned(), name)).collect(),
        Value::Object(names) => names.iter().map(|(claim, column)| (claim.clone(), column)).collect(),
        _ => Vec::new(),
    };
    if pairs.is_empty() {
        problems.push(ConfigProblem::new("/columns", "must be a list of column names, or a table of claim = column"));
    }
    let mut found: Vec<(String, String)> = Vec::new();
    for (number, (claim, column)) in pairs.into_iter().enumerate() {
        let path = if columns.is_array() { format!("/columns/{number}") } else { pointer(&claim) };
        match column.as_str() {
            None | Some("") => problems.push(ConfigProblem::new(path, "must be the name of a column")),
            Some(_) if claim.is_empty() => problems.push(ConfigProblem::new(path, "the claim needs a name")),
            Some(_) if found.iter().any(|(known, _)| *known == claim) => {
                problems.push(ConfigProblem::new(path, "the column is listed twice"));
            }
            Some(column) => found.push((claim, column.to_owned())),
        }
    }
    found
}

fn pointer(claim: &str) -> String {
    format!("/columns/{}", claim.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(config: Value) -> Result<Settings, Vec<(String, String)>> {
        serde_json::from_value::<Config>(config)
            .unwrap()
            .check()
            .map_err(|problems| problems.into_iter().map(|problem| (problem.path, problem.message)).collect())
    }

    fn paths(config: Value) -> Vec<String> {
        check(config).unwrap_err().into_iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn the_short_form_is_enough() {
        let settings = check(json!({ "file": "/data/f.csv", "column": "id" })).unwrap();
        assert_eq!(settings, Settings { file: "/data/f.csv".into(), key: "id".into(), delimiter: b',', claims: None });
        assert_eq!(settings.needed(), ["id"]);
    }

    #[test]
    fn columns_are_listed_or_renamed() {
        let listed = check(json!({ "file": "f", "column": "id", "columns": ["name", "crops"] })).unwrap();
        assert_eq!(listed.needed(), ["id", "name", "crops"]);
        let renamed = json!({ "file": "f", "column": "id", "delimiter": "\t", "columns": { "fullName": "Full name" } });
        let renamed = check(renamed).unwrap();
        assert_eq!(renamed.delimiter, b'\t');
        assert_eq!(renamed.claims, Some(vec![("fullName".into(), "Full name".into())]));
    }

    #[test]
    fn all_faults_are_reported_at_once_by_path() {
        let config = json!({ "file": "", "column": "", "delimiter": ";;", "columns": { "a/b": "", "c": 1, "": "x" } });
        assert_eq!(paths(config), ["/file", "/column", "/delimiter", "/columns/a~1b", "/columns/c", "/columns/"]);
    }

    #[test]
    fn delimiters_that_cannot_work_are_refused() {
        for delimiter in ["", "\"", "\n", "\r", "é", "ab", "\u{0}"] {
            let config = json!({ "file": "f", "column": "id", "delimiter": delimiter });
            assert_eq!(paths(config), ["/delimiter"], "{delimiter:?}");
        }
    }

    #[test]
    fn column_lists_that_make_no_sense_are_refused() {
        for columns in [json!([]), json!({}), json!("name"), json!(7)] {
            assert_eq!(paths(json!({ "file": "f", "column": "id", "columns": columns })), ["/columns"]);
        }
        assert_eq!(
            paths(json!({ "file": "f", "column": "id", "columns": ["a", "a", 1] })),
            ["/columns/1", "/columns/2"]
        );
    }

    #[test]
    fn the_schema_names_what_the_type_knows() {
        let schema = schema();
        let known: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(known, ["file", "column", "delimiter", "columns"]);
        let unknown =
            serde_json::from_value::<Config>(json!({ "file": "f", "column": "c", "colums": [] })).unwrap_err();
        for name in known {
            assert!(unknown.to_string().contains(name.as_str()), "{unknown}");
        }
    }
}
