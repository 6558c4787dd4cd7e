//! Looks a person up by one column of a CSV file that the operator granted.
//!
//! `prepare` reads the file once, refuses it if anything in it is ambiguous, and leaves an index
//! behind; `fetch` reads a few bytes of the index and the one row.

mod config;
mod index;
mod records;

use chancery_plugin_sdk::{
    ConfigProblem, Data, DataProvider, Description, Error, Map, Plugin, Request, Value, describe, export_data_provider,
    files, log, prepared::Prepared,
};

use crate::{
    config::{Config, Settings},
    index::{Corrupt, Index, Row},
};

#[derive(Debug)]
struct CsvProvider {
    settings: Settings,
}

impl Plugin for CsvProvider {
    type Config = Config;

    fn description() -> Description {
        describe!("Looks a person up by one column of a CSV file.").with_config_schema(config::schema())
    }

    fn new(config: Config) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self { settings: config.check()? })
    }

    fn prepare(&self) -> Result<Vec<u8>, Error> {
        let Settings { file, delimiter, .. } = &self.settings;
        let built = index::build(&files::open(file)?, *delimiter, &self.settings.needed())
            .map_err(|fault| Error::misconfigured(format!("{file}: {fault}")))?;
        log::info("file indexed", &[("rows", &built.rows), ("columns", &built.columns.len())]);
        Ok(built.bytes)
    }

    fn health(&self) -> Result<(), Error> {
        files::open(&self.settings.file)?;
        let index = Index::open(&Prepared).map_err(corrupt)?;
        if index.rows() == 0 {
            log::warn("the file has no rows", &[("file", &self.settings.file)]);
        }
        Ok(())
    }
}

impl DataProvider for CsvProvider {
    fn fetch(&self, request: &Request) -> Result<Data, Error> {
        let file = files::open(&self.settings.file)?;
        let index = Index::open(&Prepared).map_err(corrupt)?;
        let row = index.find(&file, self.settings.delimiter, &request.subject.id).map_err(corrupt)?;
        let row = row.ok_or_else(|| Error::not_found("The data source does not know this subject."))?;
        Ok(claims(row, self.settings.claims.as_deref()).into())
    }
}

export_data_provider!(CsvProvider);

fn corrupt(Corrupt(what): Corrupt) -> Error {
    Error::internal("The data source cannot be read.").with_detail(what)
}

/// Every cell is a text. `wanted` are claim and column, in this order; absent means all.
fn claims(row: Row, wanted: Option<&[(String, String)]>) -> Map<String, Value> {
    let Some(wanted) = wanted else {
        return row.into_iter().map(|(column, cell)| (column, Value::from(cell))).collect();
    };
    let cell = |name: &str| row.iter().find(|(column, _)| column == name).map(|(_, cell)| cell.as_str());
    wanted.iter().filter_map(|(claim, column)| Some((claim.clone(), Value::from(cell(column)?)))).collect()
}

#[cfg(test)]
mod tests {
    use chancery_plugin_sdk::json;

    use super::*;

    fn row() -> Row {
        [("id", "1"), ("name", "Ada \"x\""), ("crops", "")].map(|(a, b)| (a.into(), b.into())).into()
    }

    #[test]
    fn all_columns_are_claims_unless_some_are_named() {
        let all = Value::Object(claims(row(), None));
        assert_eq!(all.to_string(), r#"{"id":"1","name":"Ada \"x\"","crops":""}"#);
        let wanted = [("crops".to_owned(), "crops".to_owned()), ("fullName".to_owned(), "name".to_owned())];
        let some = Value::Object(claims(row(), Some(&wanted)));
        assert_eq!(some, json!({ "crops": "", "fullName": "Ada \"x\"" }));
    }

    #[test]
    fn one_column_may_be_two_claims() {
        let wanted = ["a", "b"].map(|claim| (claim.to_owned(), "name".to_owned()));
        assert_eq!(claims(row(), Some(&wanted)).len(), 2);
    }
}
