use chancery_store::{AuditEvent, EventOutcome, MAX_EVENTS_PER_READ};
use chrono::SecondsFormat;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Failure, print_line, with_causes};
use crate::app::{App, Migrate, Plugins};
use crate::config::Config;
use crate::issuance::issuers::DEFAULT_ISSUER;

const EVENTS_HELP: &str = "\
An event is written in the same transaction as what it tells of. Numbers grow and are never given twice, but some
may be missing. To follow the trail, ask again with the last number that you have.

Examples:
  chancery audit events
  chancery audit events --json --after 1200 | jq 'select(.outcome != \"succeeded\")'
  chancery audit events --action credential.issue --limit 10";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print audit events, oldest first.
    #[command(after_help = EVENTS_HELP)]
    Events(Events),
}

#[derive(Debug, Args)]
pub(super) struct Events {
    /// Only events with a greater number.
    #[arg(long, default_value_t = 0)]
    after: i64,
    /// At most so many.
    #[arg(long)]
    limit: Option<u64>,
    /// Only events of this action, such as `credential.issue`; may be given several times.
    #[arg(long = "action")]
    actions: Vec<String>,
    #[arg(long, default_value = DEFAULT_ISSUER)]
    issuer: String,
    /// All of each event, one JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: Config, command: Command) -> Result<(), Failure> {
    let Command::Events(arguments) = command;
    let app = App::open(config, Migrate::Check, Plugins::Leave).await?;
    if app.issuers.get(&arguments.issuer).is_none() {
        return Err(Failure::Usage(format!("there is no issuer {}", arguments.issuer)));
    }
    let (mut after, mut left) = (arguments.after, arguments.limit.unwrap_or(u64::MAX));
    loop {
        let events = app.store.events(&arguments.issuer, after, MAX_EVENTS_PER_READ).await;
        let events = events.map_err(|e| Failure::Failed(with_causes(&e)))?;
        let Some((last, _)) = events.last() else { return Ok(()) };
        after = *last;
        for (number, event) in &events {
            if !arguments.actions.is_empty() && !arguments.actions.contains(&event.action) {
                continue;
            }
            if left == 0 {
                return Ok(());
            }
            left -= 1;
            print_line(&if arguments.json { object(*number, event).to_string() } else { line(*number, event) });
        }
    }
}

fn object(number: i64, event: &AuditEvent) -> Value {
    json!({
        "number": number,
        "event_id": event.event_id,
        "issuer": event.issuer_id,
        "at": event.at,
        "actor": event.actor,
        "action": event.action,
        "object": event.object,
        "outcome": event.outcome,
        "reason": event.reason,
        "request_id": event.request_id,
        "plugin_digest": event.plugin_digest,
        "detail": event.detail,
    })
}

/// What an operator looks for first.
fn line(number: i64, event: &AuditEvent) -> String {
    let at = event.at.get().to_rfc3339_opts(SecondsFormat::Millis, true);
    let outcome = match event.outcome {
        EventOutcome::Succeeded => String::new(),
        EventOutcome::Refused => format!("  refused: {}", event.reason.as_deref().unwrap_or("no reason given")),
        EventOutcome::Failed => format!("  failed: {}", event.reason.as_deref().unwrap_or("no reason given")),
    };
    format!("{number:>8}  {at}  {:<18} {:<20} {}{outcome}", event.action, event.actor, event.object)
}
