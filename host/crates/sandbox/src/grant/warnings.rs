//! What in a grant file an operator should mean before giving it.

use std::path::Path;

use super::{Grant, HttpGrant, Networks, Parameter, StatementGrant};
use crate::limits::Limits;
use crate::quantity::{show_duration, show_size};
use crate::status::Kind;

/// A limit from this share of the ceiling on is worth a second look.
const NEAR_NUMERATOR: u32 = 4;
const NEAR_DENOMINATOR: u32 = 5;

/// What is allowed by a grant file and easily given by mistake, one sentence each. Empty for a file that is not
/// right as a whole: [`check_grant`](crate::check_grant) says why. `kind` is the plugin's, where it is known.
pub fn grant_warnings(text: &str, plugin_dir: &Path, ceilings: &Limits, kind: Option<Kind>) -> Vec<String> {
    let Ok(grant) = Grant::parse(text, plugin_dir, ceilings) else { return Vec::new() };
    let mut warnings = Vec::new();
    // Audit plugins are called about events, not about a subject.
    let about_somebody = kind != Some(Kind::Audit);
    for (name, statement) in &grant.sql {
        if about_somebody && is_free_to_choose(statement) {
            warnings.push(format!(
                "grants.sql.statements.{name}: the plugin chooses the person itself: its parameters are \"plugin\" and \
                 none is bound to the call; bind one, as in params = [\"@subject.id\"]"
            ));
        }
        if statement.writes {
            warnings.push(format!("grants.sql.statements.{name}: writes = true: the plugin may change data"));
        }
    }
    if grant.secrets.as_ref().is_some_and(|secrets| secrets.reveal) {
        warnings.push(
            "grants.secrets: reveal = true: the plugin reads the values, and what it reads it can leak; \
             grants.http.inject and grants.sign use secrets without showing them"
                .to_owned(),
        );
    }
    warnings.extend(grant.http.iter().flat_map(of_http));
    warnings.extend(of_limits(&grant.limits, ceilings));
    warnings
}

fn is_free_to_choose(statement: &StatementGrant) -> bool {
    let bound = |place: &Parameter| matches!(place, Parameter::SubjectId | Parameter::SubjectClaim(_));
    statement.params.contains(&Parameter::Plugin) && !statement.params.iter().any(bound)
}

fn of_http(http: &HttpGrant) -> Vec<String> {
    let plain = http.allow.iter().filter(|origin| origin.to_ascii_lowercase().starts_with("http://"));
    let mut warnings: Vec<String> = plain
        .map(|origin| format!("grants.http.allow: {origin} is not encrypted: anybody on the way reads it"))
        .collect();
    match &http.networks {
        Networks::Public => {}
        Networks::Any => warnings.push(
            "grants.http.networks = \"any\": the plugin reaches hosts of the internal network; list the blocks that it \
             needs"
                .to_owned(),
        ),
        Networks::PublicAnd(blocks) => warnings.push(format!(
            "grants.http.networks: the plugin reaches internal addresses: {}",
            blocks.join(", ")
        )),
    }
    warnings
}

fn of_limits(limits: &Limits, ceilings: &Limits) -> Vec<String> {
    let mut warnings = Vec::new();
    let near =
        |value: u128, ceiling: u128| value * u128::from(NEAR_DENOMINATOR) >= ceiling * u128::from(NEAR_NUMERATOR);
    if near(limits.memory.into(), ceilings.memory.into()) {
        let (memory, ceiling) = (show_size(limits.memory), show_size(ceilings.memory));
        warnings.push(format!("limits.memory = {memory} is near the server's ceiling of {ceiling}"));
    }
    if near(limits.cpu.as_nanos(), ceilings.cpu.as_nanos()) {
        let (cpu, ceiling) = (show_duration(limits.cpu), show_duration(ceilings.cpu));
        warnings.push(format!("limits.cpu = {cpu} is near the server's ceiling of {ceiling}"));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(text: &str, kind: Kind) -> Vec<String> {
        grant_warnings(text, Path::new("/plugins"), &Limits::ceilings(), Some(kind))
    }

    fn statement(params: &str) -> String {
        format!("[grants.sql.statements.by_id]\ndatabase = \"d\"\ntext = \"select 1\"\nparams = {params}")
    }

    #[test]
    fn a_statement_whose_person_the_plugin_chooses_is_named() {
        let free = warnings(&statement("[\"plugin\"]"), Kind::DataProvider);
        assert_eq!(free.len(), 1);
        assert!(free[0].contains("by_id: the plugin chooses the person itself"), "{free:?}");
        // The issuer is no person.
        assert_eq!(warnings(&statement("[\"plugin\", \"@issuer.id\"]"), Kind::VcIssuance).len(), 1);
        for bound in ["[]", "[\"@subject.id\"]", "[\"plugin\", \"@subject.claims.email\"]", "[\"@configuration.id\"]"] {
            assert!(warnings(&statement(bound), Kind::DataProvider).is_empty(), "{bound}");
        }
        assert!(warnings(&statement("[\"plugin\"]"), Kind::Audit).is_empty());
    }

    #[test]
    fn each_wide_grant_is_named() {
        for (text, part) in [
            (&*format!("{}\nwrites = true", statement("[]")), "may change data"),
            ("[grants.secrets]\nnames = [\"a\"]\nreveal = true", "reveal = true"),
            ("[grants.http]\nallow = [\"HTTP://a.example\"]", "HTTP://a.example is not encrypted"),
            ("[grants.http]\nallow = [\"https://a.example\"]\nnetworks = \"any\"", "networks = \"any\""),
            ("[grants.http]\nallow = [\"https://a.example\"]\nnetworks = [\"10.0.0.0/8\"]", "addresses: 10.0.0.0/8"),
            ("[limits]\nmemory = \"500MiB\"", "limits.memory = 500MiB is near the server's ceiling of 512MiB"),
            ("[limits]\ncpu = \"4s\"", "limits.cpu = 4s is near the server's ceiling of 5s"),
        ] {
            let found = warnings(text, Kind::DataProvider);
            assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:?}");
        }
    }

    #[test]
    fn narrow_grants_and_broken_files_give_no_warning() {
        for text in [
            "",
            "[grants.http]\nallow = [\"https://a.example\"]\nnetworks = \"public\"",
            "[grants.secrets]\nnames = [\"a\"]",
            "[limits]\nmemory = \"128MiB\"\ncpu = \"3s\"",
            "[grants.http]\nallow = 1",
        ] {
            assert_eq!(warnings(text, Kind::DataProvider), Vec::<String>::new(), "{text}");
        }
    }
}
