//! `chancery:host/sql`: statements of the grant file, with the parameters that the host fills.

use std::time::{Duration, Instant};

use crate::bindings::host::sql::{DatabaseError, Host, Rows, SqlError, Value};
use crate::grant::Parameter;
use crate::guest::{CallContext, Guest};

impl Host for Guest {
    async fn run(&mut self, statement: String, params: Vec<Value>) -> wasmtime::Result<Result<Rows, SqlError>> {
        let Some(granted) = self.world.capabilities.sql.get(&statement) else {
            let names = self.world.capabilities.sql.keys().cloned().collect();
            return Ok(Err(SqlError::UnknownStatement(names)));
        };
        let Some(left) = self.sql_runs_left.checked_sub(1) else {
            return Ok(Err(SqlError::Unavailable("the call has used up limits.sql_runs".to_owned())));
        };
        self.sql_runs_left = left;
        let params = match filled(&granted.params, params, &self.context) {
            Ok(params) => params,
            Err(error) => {
                let (plugin, request_id) = (&*self.world.plugin, &self.context.request_id);
                tracing::warn!(plugin, request_id, statement, ?error, "a statement's parameters cannot be filled");
                return Ok(Err(error));
            }
        };
        let within = granted.timeout.min(time_left(&self.context));
        Ok(self.cpu.during(granted.port.run(params, within)).await)
    }
}

/// All parameters in the order of the statement. The guest's own fill the places that are left to it.
fn filled(places: &[Parameter], own: Vec<Value>, call: &CallContext) -> Result<Vec<Value>, SqlError> {
    let wanted = places.iter().filter(|place| **place == Parameter::Plugin).count();
    let miscounted =
        || SqlError::BadParameter(format!("the plugin gives {} parameters, and {wanted} are left to it", own.len()));
    if own.len() != wanted {
        return Err(miscounted());
    }
    let mut own = own.iter();
    let fill = |place: &Parameter| match place {
        Parameter::Plugin => own.next().cloned().ok_or_else(miscounted),
        Parameter::SubjectId => text(&call.subject_id, "@subject.id"),
        Parameter::IssuerId => text(&call.issuer_id, "@issuer.id"),
        Parameter::ConfigurationId => text(&call.configuration_id, "@configuration.id"),
        Parameter::SubjectClaim(path) => claim(path, call),
    };
    places.iter().map(fill).collect()
}

fn text(value: &str, name: &str) -> Result<Value, SqlError> {
    if value.is_empty() {
        return Err(unfit(format!("{name} is not known in this call")));
    }
    Ok(Value::Text(value.to_owned()))
}

/// A claim that is missing is an error, never NULL: a condition on NULL may select other people.
fn claim(path: &[String], call: &CallContext) -> Result<Value, SqlError> {
    let name = || format!("@subject.claims.{}", path.join("."));
    let mut found = &*call.subject_claims;
    for member in path {
        let inner = found.get(member);
        found = inner.ok_or_else(|| unfit(format!("{} is not among the subject's claims", name())))?;
    }
    match found {
        serde_json::Value::String(text) => Ok(Value::Text(text.clone())),
        serde_json::Value::Bool(truth) => Ok(Value::Boolean(*truth)),
        serde_json::Value::Number(number) => {
            number.as_i64().map(Value::Int).ok_or_else(|| unfit(format!("{} is no whole number", name())))
        }
        _ => Err(unfit(format!("{} is neither text, whole number nor truth value", name()))),
    }
}

/// The call's data do not fit the statement: what a database calls a null value that is not allowed. Not the plugin's
/// fault, nor the operator's.
fn unfit(message: String) -> SqlError {
    SqlError::Database(DatabaseError { code: "22004".to_owned(), message })
}

fn time_left(call: &CallContext) -> Duration {
    call.deadline.saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> CallContext {
        CallContext {
            request_id: "r".to_owned(),
            issuer_id: "default".to_owned(),
            configuration_id: String::new(),
            subject_id: "1003".to_owned(),
            subject_claims: serde_json::json!({"email": "a@example.org", "address": {"zip": 12}, "list": []}).into(),
            traceparent: None,
            deadline: Instant::now(),
        }
    }

    fn fill(places: &[Parameter], own: Vec<Value>) -> Result<Vec<String>, String> {
        let filled = filled(places, own, &call()).map_err(|error| format!("{error:?}"));
        filled.map(|values| values.iter().map(|value| format!("{value:?}")).collect())
    }

    fn path(names: &[&str]) -> Parameter {
        Parameter::SubjectClaim(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn the_host_fills_its_places_and_the_guest_the_rest() {
        let places = [Parameter::Plugin, Parameter::SubjectId, path(&["address", "zip"]), Parameter::IssuerId];
        let filled = fill(&places, vec![Value::Int(1)]).unwrap();
        assert_eq!(filled, ["Value::Int(1)", "Value::Text(\"1003\")", "Value::Int(12)", "Value::Text(\"default\")"]);
    }

    #[test]
    fn a_guest_cannot_fill_the_hosts_places() {
        let error = fill(&[Parameter::SubjectId], vec![Value::Text("1004".to_owned())]).unwrap_err();
        assert!(error.contains("0 are left to it"), "{error}");
        assert!(fill(&[Parameter::Plugin], Vec::new()).is_err());
    }

    #[test]
    fn what_is_not_known_is_never_null() {
        for place in [Parameter::ConfigurationId, path(&["phone"]), path(&["list"]), path(&["email", "x"])] {
            assert!(fill(std::slice::from_ref(&place), Vec::new()).is_err(), "{place:?}");
        }
    }
}
