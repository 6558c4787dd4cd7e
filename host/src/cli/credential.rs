use std::io::{BufRead as _, stdin};

use chancery_store::StoredCredential;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Failure, eprintln_line, print_line, with_causes};
use crate::app::{App, Migrate, Plugins};
use crate::config::Config;
use crate::issuance::issuers::DEFAULT_ISSUER;

const SHOW_HELP: &str = "\
A record says of which type a credential is, which version of which configuration made it, and when; never whom it
is about. The exit code is 1 where an id has no record.

Examples:
  chancery credential show http://localhost:8080/credentials/0b0f6c7e-…
  chancery audit events --json --action credential.issue | jq -r .object | chancery credential show --json -";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the records of issued credentials.
    #[command(after_help = SHOW_HELP)]
    Show(Show),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// Credential ids, as audit events name them; `-` reads them from standard input, one a line.
    #[arg(required = true)]
    ids: Vec<String>,
    #[arg(long, default_value = DEFAULT_ISSUER)]
    issuer: String,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: Config, command: Command) -> Result<(), Failure> {
    let Command::Show(arguments) = command;
    let app = App::open(config, Migrate::Check, Plugins::Leave).await?;
    if app.issuers.get(&arguments.issuer).is_none() {
        return Err(Failure::Usage(format!("there is no issuer {}", arguments.issuer)));
    }
    let mut missing = 0_usize;
    let from_arguments = arguments.ids.iter().filter(|id| *id != "-").cloned().map(Ok);
    let from_input = arguments.ids.iter().any(|id| id == "-").then(|| stdin().lock().lines());
    for id in from_arguments.chain(from_input.into_iter().flatten()) {
        let id = id.map_err(|e| Failure::Failed(format!("standard input cannot be read: {e}")))?;
        let found = app.store.find_credential(&arguments.issuer, &id).await;
        match found.map_err(|e| Failure::Failed(with_causes(&e)))? {
            Some(record) if arguments.json => print_line(&object(&record).to_string()),
            Some(record) => print_line(&line(&record)),
            None => {
                missing += 1;
                eprintln_line(&format!("no record: {id}"));
            }
        }
    }
    if missing > 0 {
        return Err(Failure::Failed(format!("{missing} of the ids have no record")));
    }
    Ok(())
}

fn object(record: &StoredCredential) -> Value {
    json!({
        "credential_id": record.credential_id,
        "issuer": record.issuer_id,
        "configuration_id": record.configuration_id,
        "configuration_version": record.configuration_version,
        "credential_type": record.credential_type,
        "offer_id": record.offer_id,
        "issue_date": record.issue_date,
        "expiration_date": record.expiration_date,
        "kept": record.credential.is_some(),
        "created_time": record.created_time,
        "updated_time": record.updated_time,
    })
}

fn line(record: &StoredCredential) -> String {
    let until =
        record.expiration_date.map_or_else(|| "for ever".to_owned(), |end| format!("until {}", end.get().date_naive()));
    format!(
        "{}  {}@{}  issued {}, good {until}",
        record.credential_id,
        record.configuration_id,
        record.configuration_version,
        record.issue_date.get().date_naive(),
    )
}
