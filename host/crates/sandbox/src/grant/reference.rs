//! The reference of the grant file, made from the types that read it.

use std::fmt::Write as _;

use schemars::schema_for;
use serde_json::{Map, Value};

use super::GrantFile;

/// Every table and key of a grant file, in Markdown.
pub fn grant_reference() -> String {
    let schema = schema_for!(GrantFile).to_value();
    let mut out = String::new();
    let definitions = schema.get("$defs").cloned().unwrap_or_default();
    let reference = Reference { definitions: &definitions };
    reference.table(&mut out, "", "", &schema);
    out
}

struct Reference<'a> {
    definitions: &'a Value,
}

impl Reference<'_> {
    /// One table: its description, a row a key, then the tables in it.
    fn table(&self, out: &mut String, path: &str, about: &str, schema: &Value) {
        let schema = self.resolved(schema);
        let nothing = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
        let (tables, keys): (Vec<_>, Vec<_>) = properties.iter().partition(|(_, key)| self.inner(key).is_some());
        if !path.is_empty() {
            let own = description(schema);
            let _ = writeln!(out, "### `{path}`\n\n{}\n", if own.is_empty() { about } else { &own });
        }
        if !keys.is_empty() {
            let required = schema.get("required").and_then(Value::as_array);
            let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|n| n == name));
            out.push_str("| key | type | |\n| --- | --- | --- |\n");
            for (name, key) in keys {
                let must = if is_required(name) { "**required** " } else { "" };
                let _ = writeln!(out, "| `{name}` | {} | {must}{} |", self.type_of(key), description(key));
            }
            out.push('\n');
        }
        for (name, key) in tables {
            let (suffix, inner) = self.inner(key).unwrap_or(("", key));
            let plain =
                if path.is_empty() { name.clone() } else { format!("{}.{name}", path.trim_matches(['[', ']'])) };
            let inner_path = match suffix {
                "[]" => format!("[[{plain}]]"),
                suffix => format!("[{plain}{suffix}]"),
            };
            let mut section = String::new();
            self.table(&mut section, &inner_path, &description(key), inner);
            out.push_str(&section);
        }
    }

    /// The table that a key holds, and how its name goes on: an array of tables, or tables by name.
    fn inner<'a>(&'a self, key: &'a Value) -> Option<(&'static str, &'a Value)> {
        let key = self.resolved(key);
        if key.get("properties").is_some() {
            return Some(("", key));
        }
        if let Some(items) =
            key.get("items").map(|items| self.resolved(items)).filter(|items| items.get("properties").is_some())
        {
            return Some(("[]", items));
        }
        let values = key.get("additionalProperties").map(|values| self.resolved(values))?;
        if values.get("properties").is_some() {
            Some((".NAME", values))
        } else {
            values.is_boolean().then_some(("", key))
        }
    }

    /// Follows references, and options to what they hold.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/")) {
            return self.definitions.get(name).map_or(schema, |found| self.resolved(found));
        }
        let options = schema.get("anyOf").and_then(Value::as_array);
        match options.map(Vec::as_slice) {
            Some([inner, nothing]) if nothing.get("type").is_some_and(|t| t == "null") => self.resolved(inner),
            _ => schema,
        }
    }

    fn type_of(&self, key: &Value) -> String {
        for schema in [key, self.resolved(key)] {
            let named = schema.get("$ref").or_else(|| schema.pointer("/anyOf/0/$ref")).and_then(Value::as_str);
            if let Some(name @ ("size" | "duration")) = named.and_then(|path| path.rsplit('/').next()) {
                return name.to_owned();
            }
        }
        let schema = self.resolved(key);
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            let values: Vec<String> = values.iter().filter_map(Value::as_str).map(|v| format!("`\"{v}\"`")).collect();
            return values.join(", ");
        }
        let of = schema.get("type").and_then(|t| t.as_str().or_else(|| t.get(0)?.as_str()));
        match of {
            Some("string") => "text",
            Some("integer") => "number",
            Some("boolean") => "`true` or `false`",
            Some("array") => "list",
            // Words, one by one or together with something else.
            _ if schema.get("oneOf").is_some() => "text",
            _ => "text or list",
        }
        .to_owned()
    }
}

/// On one line.
fn description(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_there() {
        let text = grant_reference();
        for table in [
            "[plugin]",
            "[warm]",
            "[limits]",
            "[[grants.files]]",
            "[grants.http]",
            "[[grants.http.inject]]",
            "[grants.sql.statements.NAME]",
            "[grants.kv]",
            "[grants.secrets]",
            "[grants.sign.keys.NAME]",
            "[grants.journal]",
            "[config]",
        ] {
            assert!(text.contains(&format!("### `{table}`\n")), "{table} is missing in:\n{text}");
        }
        assert!(text.contains("| `memory` | size | Linear memory of a sandbox,"), "{text}");
        assert!(text.contains("| `host` | text | **required** Where it is"), "{text}");
    }
}
