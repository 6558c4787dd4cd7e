//! Looks a person up in the registry: their names, where they live, their land and their photo.

use chancery_plugin_sdk::sql::{self, Row, Value};
use chancery_plugin_sdk::{
    ConfigProblem, Data, DataProvider, Description, Error, Map, Plugin, Request, describe, export_data_provider, json,
    log,
};

/// Columns that become claims of the same name where the registry knows them.
const PERSON: [&str; 4] = ["given_name", "family_name", "birth_date", "village"];
const PARCEL: [&str; 3] = ["number", "hectares", "water"];

struct RegistryLookup;

impl Plugin for RegistryLookup {
    type Config = ();

    fn description() -> Description {
        describe!("Looks a person up in the registry.")
    }

    fn new((): ()) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self)
    }
}

impl DataProvider for RegistryLookup {
    fn fetch(&self, _: &Request) -> Result<Data, Error> {
        // No parameters: the host fills in whom the call is about.
        let people = sql::run("person_by_id", &[])?;
        let person = people.iter().next().ok_or_else(|| Error::not_found("The registry does not know this person."))?;
        if person.get("status") == Some(&Value::Text("closed".to_owned())) {
            return Err(Error::denied("This entry of the registry was closed."));
        }
        let parcels = sql::run("parcels_by_owner", &[])?;
        let mut claims = known(&person, &PERSON);
        claims.insert("parcels".to_owned(), parcels.iter().map(|parcel| known(&parcel, &PARCEL)).collect());
        log::info("looked up", &[("parcels", &parcels.len())]);

        let mut data = Data::from(claims);
        if let Some(Value::Int(seconds)) = person.get("valid_until") {
            data = data.valid_until(u64::try_from(*seconds).unwrap_or(0));
        }
        match person.get("photo") {
            Some(Value::Bytes(photo)) => data.attach("photo", "image/png", photo),
            _ => Ok(data),
        }
    }
}

/// The columns that are not NULL. Dates and decimals are texts.
fn known(row: &Row<'_>, columns: &[&str]) -> Map<String, chancery_plugin_sdk::Value> {
    let mut claims = Map::new();
    for column in columns {
        if let Some(Value::Text(text) | Value::Date(text) | Value::Numeric(text)) = row.get(column) {
            claims.insert((*column).to_owned(), json!(text));
        }
    }
    claims
}

export_data_provider!(RegistryLookup);
