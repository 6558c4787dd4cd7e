//! Between JSON and the engine's values.
//!
//! Our own conversion instead of serde's: numbers stay what they are or are refused, and nothing
//! but JSON comes out.

use minijinja::value::{Value as Dynamic, ValueKind};
use serde_json::{Map, Number, Value};

/// Deepest data that is handed to expressions; JSON readers stop there too.
const MAX_INPUT_DEPTH: usize = 128;

/// Why a value cannot be turned into JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ConversionError {
    Undefined,
    NumberRange,
    NotJson(&'static str),
    TooDeep,
    TooLarge,
}

/// What may still be made in one rendering.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) bytes: usize,
    pub(super) max_depth: usize,
}

impl Budget {
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), ConversionError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(ConversionError::TooLarge)?;
        Ok(())
    }
}

pub(super) fn to_engine(value: &Value) -> Result<Dynamic, ConversionError> {
    to_engine_at(value, 0)
}

/// Turns an expression's result into JSON. `depth` is where in the document it will stand.
pub(super) fn to_json(value: &Dynamic, budget: &mut Budget, depth: usize) -> Result<Value, ConversionError> {
    budget.take(1)?;
    match value.kind() {
        ValueKind::Undefined => Err(ConversionError::Undefined),
        ValueKind::None => Ok(Value::Null),
        ValueKind::Bool => Ok(Value::Bool(value.is_true())),
        ValueKind::Number => {
            budget.take(MAX_NUMBER_LEN)?;
            number(value).map(Value::Number)
        }
        ValueKind::String => {
            let text = value.as_str().ok_or(ConversionError::NotJson("text that is not UTF-8"))?;
            budget.take(text.len())?;
            Ok(Value::String(text.to_owned()))
        }
        ValueKind::Seq | ValueKind::Iterable => {
            check_depth(depth, budget)?;
            items(value)?.map(|item| to_json(&item, budget, depth + 1)).collect::<Result<_, _>>().map(Value::Array)
        }
        ValueKind::Map => {
            check_depth(depth, budget)?;
            let mut members = Map::new();
            for key in items(value)? {
                let name = key.as_str().ok_or(ConversionError::NotJson("a map with keys that are not text"))?;
                budget.take(name.len() + 1)?;
                let member = value.get_item(&key).map_err(|_| ConversionError::Undefined)?;
                members.insert(name.to_owned(), to_json(&member, budget, depth + 1)?);
            }
            Ok(Value::Object(members))
        }
        _ => Err(ConversionError::NotJson("a value that JSON has no form for")),
    }
}

/// Text for a place between other text: numbers as JSON writes them. Lists, objects and null have
/// none, because any spelling would be a surprise in a credential.
pub(super) fn to_text(value: &Dynamic) -> Result<String, ConversionError> {
    match value.kind() {
        ValueKind::Undefined => Err(ConversionError::Undefined),
        ValueKind::String => match value.as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(ConversionError::NotJson("text that is not UTF-8")),
        },
        ValueKind::Bool => Ok(value.is_true().to_string()),
        ValueKind::Number => number(value).map(|number| number.to_string()),
        ValueKind::None => Err(ConversionError::NotJson("null, which has no place in text; use `| default(…, true)`")),
        ValueKind::Seq | ValueKind::Iterable => {
            Err(ConversionError::NotJson("a list, which has no place in text; use `| join(…)`"))
        }
        _ => Err(ConversionError::NotJson("an object, which has no place in text")),
    }
}

const MAX_NUMBER_LEN: usize = 24;

fn to_engine_at(value: &Value, depth: usize) -> Result<Dynamic, ConversionError> {
    if depth > MAX_INPUT_DEPTH {
        return Err(ConversionError::TooDeep);
    }
    Ok(match value {
        Value::Null => Dynamic::from(()),
        Value::Bool(flag) => Dynamic::from(*flag),
        Value::String(text) => Dynamic::from(text.as_str()),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(signed), _, _) => Dynamic::from(signed),
            (_, Some(unsigned), _) => Dynamic::from(unsigned),
            (_, _, Some(float)) => Dynamic::from(float),
            _ => return Err(ConversionError::NumberRange),
        },
        Value::Array(items) => {
            let items = items.iter().map(|item| to_engine_at(item, depth + 1));
            Dynamic::from(items.collect::<Result<Vec<_>, _>>()?)
        }
        Value::Object(members) => {
            let pair = |(name, value): (&String, &Value)| Ok((name.clone(), to_engine_at(value, depth + 1)?));
            Dynamic::from_pairs(members.iter().map(pair).collect::<Result<Vec<_>, _>>()?)
        }
    })
}

fn number(value: &Dynamic) -> Result<Number, ConversionError> {
    if value.is_integer() {
        return i64::try_from(value.clone())
            .map(Number::from)
            .or_else(|_| u64::try_from(value.clone()).map(Number::from))
            .map_err(|_| ConversionError::NumberRange);
    }
    let float = f64::try_from(value.clone()).map_err(|_| ConversionError::NumberRange)?;
    Number::from_f64(float).ok_or(ConversionError::NumberRange)
}

fn items(value: &Dynamic) -> Result<impl Iterator<Item = Dynamic>, ConversionError> {
    value.try_iter().map_err(|_| ConversionError::NotJson("a value that cannot be listed"))
}

fn check_depth(depth: usize, budget: &Budget) -> Result<(), ConversionError> {
    if depth >= budget.max_depth { Err(ConversionError::TooDeep) } else { Ok(()) }
}
