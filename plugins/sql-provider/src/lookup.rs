//! Running the statements, and what their rows become.

use chancery_plugin_sdk::{
    Error, Map, Value as Json,
    sql::{Row, Rows, SqlError, Value},
    template::Scope,
};

use crate::{
    config::{Claim, Form, Lookup, Param, Rows as Wanted, Settings},
    values::{self, Found},
};

/// Runs one statement.
pub(crate) type Run<'a> = dyn FnMut(&str, &[Value]) -> Result<Rows, SqlError> + 'a;

/// What is known about a subject.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Known {
    pub(crate) claims: Map<String, Json>,
    /// Name, media type and bytes.
    pub(crate) attachments: Vec<(String, String, Vec<u8>)>,
}

/// Runs the statements in their order. A subject without a row in one that is not optional is not
/// known, and the later ones are not asked.
pub(crate) fn fetch(settings: &Settings, scope: &Scope, run: &mut Run<'_>) -> Result<Known, Error> {
    let mut known = Known::default();
    for lookup in &settings.lookups {
        let params = params(lookup, scope)?;
        let rows = run(&lookup.statement, &params).map_err(|error| named(error.into(), lookup))?;
        if rows.is_empty() && !lookup.optional {
            return Err(Error::not_found(settings.not_found.as_str()));
        }
        add(lookup, &rows, &mut known)?;
    }
    Ok(known)
}

fn params(lookup: &Lookup, scope: &Scope) -> Result<Vec<Value>, Error> {
    let param = |param: &Param| match param {
        Param::Constant(value) => Ok(values::parameter(value).unwrap_or(Value::Null)),
        Param::Call(placeholder) => match placeholder.resolve(scope)? {
            None => Ok(Value::Null),
            Some(value) => values::parameter(value).ok_or_else(|| {
                Error::invalid_request("The data source cannot look this subject up.")
                    .with_detail(format!("{} is neither text, number nor truth value", placeholder.path()))
            }),
        },
    };
    lookup.params.iter().map(param).collect()
}

fn add(lookup: &Lookup, rows: &Rows, known: &mut Known) -> Result<(), Error> {
    // Which of two columns of one name is meant would be chance.
    if let Some(twice) = (1..rows.columns.len()).find(|at| rows.columns[..*at].contains(&rows.columns[*at])) {
        return Err(unusable(lookup, &format!("the column {:?} stands twice: name it by `as`", rows.columns[twice])));
    }
    if lookup.rows == Wanted::One && (rows.len() > 1 || rows.truncated) {
        return Err(unusable(lookup, "there is more than one row; say rows = \"first\" or \"all\" if that is right"));
    }
    if lookup.rows == Wanted::All {
        // Half a list is worse than none.
        if rows.truncated {
            return Err(unusable(lookup, "there are more rows than max_rows allows"));
        }
        let items = rows.iter().map(|row| Ok(Json::Object(object(lookup, row)?.claims)));
        let items = items.collect::<Result<Vec<_>, Error>>()?;
        return insert(lookup, lookup.into.as_deref().unwrap_or_default(), Json::Array(items), known);
    }
    let Some(row) = rows.iter().next() else {
        return Ok(());
    };
    let found = object(lookup, row)?;
    known.attachments.extend(found.attachments);
    match &lookup.into {
        Some(into) => insert(lookup, into, Json::Object(found.claims), known),
        None => found.claims.into_iter().try_for_each(|(name, value)| insert(lookup, &name, value, known)),
    }
}

fn insert(lookup: &Lookup, name: &str, value: Json, known: &mut Known) -> Result<(), Error> {
    let taken = known.claims.contains_key(name) || known.attachments.iter().any(|(known, _, _)| known == name);
    if taken {
        return Err(unusable(lookup, &format!("the claim {name:?} has a source already")));
    }
    known.claims.insert(name.to_owned(), value);
    Ok(())
}

/// One row. What is NULL is left out.
fn object(lookup: &Lookup, row: Row<'_>) -> Result<Known, Error> {
    let mut known = Known::default();
    let mut put = |name: &str, column: &str, value: &Value, form: &Form| {
        let found =
            values::convert(value, form).map_err(|fault| unusable(lookup, &format!("column {column:?}: {fault}")))?;
        match (found, form) {
            (Found::Nothing, _) => {}
            (Found::Claim(claim), _) => drop(known.claims.insert(name.to_owned(), claim)),
            (Found::Bytes(bytes), Form::Attachment(media_type)) => {
                known.attachments.push((name.to_owned(), media_type.clone(), bytes));
            }
            (Found::Bytes(_), _) => {
                return Err(unusable(lookup, &format!("column {column:?}: bytes need a media_type")));
            }
        }
        Ok(())
    };
    match &lookup.claims {
        None => row.iter().try_for_each(|(column, value)| put(column, column, value, &Form::AsIs))?,
        Some(claims) => {
            for Claim { name, column, form } in claims {
                let value = row
                    .get(column)
                    .ok_or_else(|| unusable(lookup, &format!("the statement has no column {column:?}")))?;
                put(name, column, value, form)?;
            }
        }
    }
    Ok(known)
}

fn unusable(lookup: &Lookup, detail: &str) -> Error {
    named(Error::misconfigured("The data source is not set up correctly.").with_detail(detail), lookup)
}

/// With the statement's name, which an operator with several needs.
fn named(error: Error, lookup: &Lookup) -> Error {
    let detail = format!("statement {}: {}", lookup.statement, error.detail().unwrap_or_default());
    error.with_detail(detail)
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod tests;
