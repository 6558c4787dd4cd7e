//! `[config]` as the JSON that the plugin gets.

use serde_json::Value;

pub(super) fn to_json_object(table: toml::Table) -> Result<serde_json::Map<String, Value>, String> {
    let member = |(key, value)| {
        let value = to_json(value).map_err(|e| format!("config.{key}: {e}"))?;
        Ok((key, value))
    };
    table.into_iter().map(member).collect()
}

fn to_json(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        // TOML dates have no counterpart in JSON; their text form is unambiguous.
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Float(number) => {
            serde_json::Number::from_f64(number).ok_or_else(|| format!("{number} is not a JSON number"))?.into()
        }
        toml::Value::Array(items) => items.into_iter().map(to_json).collect::<Result<_, _>>().map(Value::Array)?,
        toml::Value::Table(table) => to_json_object(table).map(Value::Object)?,
    })
}
