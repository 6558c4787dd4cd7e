use std::io::{BufRead as _, stdin};
use std::sync::Arc;

use chancery_store::Timestamp;
use chrono::DateTime;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Failure, eprintln_line, print_line, refused};
use crate::app::{App, Migrate, Plugins};
use crate::audit::Actor;
use crate::config::Config;
use crate::issuance::error::{Error, NotFound};
use crate::issuance::issuers::{DEFAULT_ISSUER, Issuer};
use crate::issuance::lifecycle::{Found, Revoke, Search};

const SHOW_HELP: &str = "\
A record says of which type a credential is, which version of which configuration made it, and when; never whom it
is about. The exit code is 1 where an id has no record.

Examples:
  chancery credential show http://localhost:8080/credentials/0b0f6c7e-…
  chancery credential show --document 0b0f6c7e-6a0c-4b8e-9a55-3a1c7f0f6c11
  chancery audit events --json --action credential.issue | jq -r .object | chancery credential show --json -";
const LIST_HELP: &str = "\
Subjects and attributes are stored as keyed hashes: they are found by their exact value alone.

Examples:
  chancery credential list --limit 10
  chancery credential list --subject 1001 --json
  chancery credential list --configuration Membership --attribute member=4711 --status revocation
  chancery credential list --from 2026-01-01T00:00:00Z --until 2026-02-01T00:00:00Z";
const DELETE_HELP: &str = "\
The credential is revoked first, if it can be. Its id is never given again, and its status stays published.

Examples:
  chancery credential delete 0b0f6c7e-6a0c-4b8e-9a55-3a1c7f0f6c11
  chancery credential delete --no-revoke http://localhost:8080/credentials/0b0f6c7e-…";
const ERASE_HELP: &str = "\
Nothing is revoked by that: what status lists say stays as it is.

Example:
  chancery credential erase --subject 1001 --yes";
/// Records that are read at once.
const PER_READ: u32 = 100;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the records of issued credentials, the newest first.
    #[command(after_help = LIST_HELP)]
    List(List),
    /// Print the records of issued credentials.
    #[command(after_help = SHOW_HELP)]
    Show(Show),
    /// Delete a credential for good.
    #[command(after_help = DELETE_HELP)]
    Delete(Delete),
    /// Delete every record that is known to be about a person.
    #[command(after_help = ERASE_HELP)]
    Erase(Erase),
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[arg(long = "type")]
    credential_type: Option<String>,
    #[arg(long)]
    configuration: Option<String>,
    /// Whom they are about.
    #[arg(long)]
    subject: Option<String>,
    /// Only those that have it: `revocation`, `suspension` or `refresh`; may be given several times.
    #[arg(long = "status")]
    statuses: Vec<String>,
    /// An indexed claim, as NAME=VALUE; may be given several times.
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = attribute)]
    attributes: Vec<(String, String)>,
    /// Issued then or later (RFC 3339).
    #[arg(long, value_parser = moment)]
    from: Option<Timestamp>,
    /// Issued before then.
    #[arg(long, value_parser = moment)]
    until: Option<Timestamp>,
    /// At most so many.
    #[arg(long)]
    limit: Option<u64>,
    #[arg(long, default_value = DEFAULT_ISSUER)]
    issuer: String,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// Credential ids, as audit events name them, or the UUIDs at their ends; `-` reads them from standard input, one
    /// a line.
    #[arg(required = true)]
    ids: Vec<String>,
    /// The signed credential itself, as far as it is kept.
    #[arg(long, conflicts_with = "json")]
    document: bool,
    #[arg(long, default_value = DEFAULT_ISSUER)]
    issuer: String,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Delete {
    /// The credential's id, or the UUID at its end.
    id: String,
    /// Leave its status as it is.
    #[arg(long)]
    no_revoke: bool,
    #[arg(long, default_value = DEFAULT_ISSUER)]
    issuer: String,
}

#[derive(Debug, Args)]
pub(super) struct Erase {
    /// Whom the records are about.
    #[arg(long)]
    subject: String,
    /// It cannot be taken back.
    #[arg(long, required = true)]
    yes: bool,
    #[arg(long, default_value = DEFAULT_ISSUER)]
    issuer: String,
}

pub(super) async fn run(config: Config, command: Command) -> Result<(), Failure> {
    let app = App::open(config, Migrate::Check, Plugins::Leave).await?;
    match command {
        Command::List(arguments) => list(&app, arguments).await,
        Command::Show(arguments) => show(&app, &arguments).await,
        Command::Delete(arguments) => delete(&app, &arguments).await,
        Command::Erase(arguments) => erase(&app, &arguments).await,
    }
}

async fn list(app: &App, arguments: List) -> Result<(), Failure> {
    let issuer = issuer(app, &arguments.issuer)?;
    let (mut after, mut left) = (None, arguments.limit.unwrap_or(u64::MAX));
    while left > 0 {
        let search = Search {
            credential_type: arguments.credential_type.clone(),
            configuration_id: arguments.configuration.clone(),
            subject: arguments.subject.clone(),
            attributes: arguments.attributes.clone(),
            created_from: arguments.from,
            created_until: arguments.until,
            statuses: arguments.statuses.clone(),
            after,
            limit: u32::try_from(left).unwrap_or(PER_READ).min(PER_READ),
        };
        let page = app.issuance.find_credentials(&issuer, search).await.map_err(refused)?;
        for record in &page.found {
            print_line(&if arguments.json { object(record).to_string() } else { line(record) });
        }
        left = left.saturating_sub(u64::try_from(page.found.len()).unwrap_or(u64::MAX));
        after = match page.next {
            Some(next) => Some(next),
            None => return Ok(()),
        };
    }
    Ok(())
}

async fn show(app: &App, arguments: &Show) -> Result<(), Failure> {
    let issuer = issuer(app, &arguments.issuer)?;
    let mut missing = 0_usize;
    let from_arguments = arguments.ids.iter().filter(|id| *id != "-").cloned().map(Ok);
    let from_input = arguments.ids.iter().any(|id| id == "-").then(|| stdin().lock().lines());
    for id in from_arguments.chain(from_input.into_iter().flatten()) {
        let id = id.map_err(|e| Failure::Failed(format!("standard input cannot be read: {e}")))?;
        match shown(app, &issuer, &id, arguments).await {
            Ok(text) => print_line(&text),
            Err(Error::NotFound(NotFound::Credential)) => {
                missing += 1;
                eprintln_line(&format!("no record: {id}"));
            }
            Err(error @ (Error::NotFound(NotFound::Document) | Error::Deleted)) => {
                missing += 1;
                eprintln_line(&format!("{error}: {id}"));
            }
            Err(error) => return Err(refused(error)),
        }
    }
    if missing > 0 {
        let what = if arguments.document { "credential" } else { "record" };
        return Err(Failure::Failed(format!("{missing} of the ids have no {what}")));
    }
    Ok(())
}

async fn shown(app: &App, issuer: &Issuer, id: &str, arguments: &Show) -> Result<String, Error> {
    if arguments.document {
        let stored = app.issuance.stored_credential(issuer, id).await?;
        return Ok(stored.credential.as_str().to_owned());
    }
    let record = app.issuance.credential_record(issuer, id).await?;
    Ok(if arguments.json { object(&record).to_string() } else { line(&record) })
}

async fn delete(app: &App, arguments: &Delete) -> Result<(), Failure> {
    let issuer = issuer(app, &arguments.issuer)?;
    let revoke = if arguments.no_revoke { Revoke::No } else { Revoke::Yes };
    // Nobody else may be there who publishes the revocation.
    let published = CancellationToken::new();
    let publishing = app.status.start(published.clone());
    let deleted = app.issuance.delete_credential(&issuer, &Actor::cli(), &arguments.id, revoke).await;
    published.cancel();
    let _ = publishing.await;
    print_line(&format!("deleted  {}", deleted.map_err(refused)?));
    Ok(())
}

async fn erase(app: &App, arguments: &Erase) -> Result<(), Failure> {
    let issuer = issuer(app, &arguments.issuer)?;
    let erased = app.issuance.erase_subject(&issuer, &Actor::cli(), &arguments.subject).await.map_err(refused)?;
    print_line(&format!("{} records were deleted", erased.deleted));
    Ok(())
}

fn issuer(app: &App, id: &str) -> Result<Arc<Issuer>, Failure> {
    app.issuers.get(id).ok_or_else(|| Failure::Usage(format!("there is no issuer {id}")))
}

fn attribute(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| "write it as 2026-01-31T12:00:00Z")?;
    Ok(Timestamp::new(time.to_utc()))
}

fn object(record: &Found) -> Value {
    json!({
        "credential_id": record.credential_id,
        "issuer": record.issuer_id,
        "configuration_id": record.configuration_id,
        "configuration_version": record.configuration_version,
        "credential_type": record.credential_type,
        "format": record.format,
        "offer_id": record.offer_id,
        "issue_date": record.issue_date,
        "expiration_date": record.expiration_date,
        "kept": record.kept,
        "superseded_by": record.superseded_by,
        "created_time": record.created_time,
        "updated_time": record.updated_time,
    })
}

fn line(record: &Found) -> String {
    let until =
        record.expiration_date.map_or_else(|| "for ever".to_owned(), |end| format!("until {}", end.get().date_naive()));
    let superseded = if record.superseded_by.is_some() { ", superseded" } else { "" };
    format!(
        "{}  {}@{}  issued {}, good {until}{superseded}",
        record.credential_id,
        record.configuration_id,
        record.configuration_version,
        record.issue_date.get().date_naive(),
    )
}
