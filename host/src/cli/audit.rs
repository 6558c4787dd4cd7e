use chancery_store::{AuditEvent, EventOutcome, MAX_EVENTS_PER_READ, StoreError, webhook_delivery};
use chrono::SecondsFormat;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Failure, print_json, print_line, with_causes};
use crate::app::{App, Migrate, Plugins};
use crate::audit::Actor;
use crate::audit::status::{self, DeliveryStatus, SinkState};
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
    /// How far the events are at each sink: audit plugins, and webhooks as `webhook:NAME`. Why one lags is in the log of the host that delivers to
    /// it, and in its GET /admin/v1/audit/sinks.
    #[command(after_help = "Examples:\n  chancery audit sinks\n  chancery audit sinks --json | jq '.[].lag'")]
    Sinks {
        #[arg(long)]
        json: bool,
    },
    /// Forget a sink whose plugin is gone for good: no event waits for it any more. Should it come back, it gets every
    /// event that is still kept; a webhook, whose dead letters go too, only what happens then.
    #[command(after_help = "Example:\n  chancery audit forget audit-file")]
    Forget { plugin: String },
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
    let app = App::open(config, Migrate::Check, Plugins::Leave).await?;
    match command {
        Command::Events(arguments) => events(&app, &arguments).await,
        Command::Sinks { json } => sinks(&app, json).await,
        Command::Forget { plugin } => forget(&app, &plugin).await,
    }
}

async fn events(app: &App, arguments: &Events) -> Result<(), Failure> {
    if app.issuers.get(&arguments.issuer).is_none() {
        return Err(Failure::Usage(format!("there is no issuer {}", arguments.issuer)));
    }
    let (mut after, mut left) = (arguments.after, arguments.limit.unwrap_or(u64::MAX));
    loop {
        let events = app.store.events(&arguments.issuer, after, MAX_EVENTS_PER_READ).await;
        let events = events.map_err(store_failed)?;
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

async fn sinks(app: &App, json: bool) -> Result<(), Failure> {
    let sinks = status::sinks(app.store.as_ref(), app.clock.timestamp()).await.map_err(store_failed)?;
    if json {
        return print_json(&sinks);
    }
    if sinks.is_empty() {
        print_line("no audit event was ever delivered to a plugin");
        return Ok(());
    }
    let width = sinks.iter().map(|sink| sink.plugin.chars().count()).max().unwrap_or(0).max("PLUGIN".len());
    print_line(&format!("{:<width$}  STATE       {:>10}  {:>10}", "PLUGIN", "DELIVERED", "LAG"));
    for DeliveryStatus { plugin, state, delivered, lag, .. } in sinks {
        print_line(&format!("{plugin:<width$}  {:<10}  {delivered:>10}  {lag:>10}", state.as_str()));
    }
    Ok(())
}

async fn forget(app: &App, plugin: &str) -> Result<(), Failure> {
    if app.config.audit.required.iter().any(|name| name == plugin) {
        return Err(Failure::Usage(format!("audit.required names {plugin}: take it out of there first")));
    }
    if app.config.webhooks.keys().any(|name| webhook_delivery(name) == plugin) {
        return Err(Failure::Usage(format!("the configuration has {plugin}: take it out of there first")));
    }
    let sinks = status::sinks(app.store.as_ref(), app.clock.timestamp()).await.map_err(store_failed)?;
    let sink = sinks.iter().find(|sink| sink.plugin == plugin);
    let sink = sink.ok_or_else(|| Failure::Usage(format!("no audit event was ever delivered to {plugin}")))?;
    if sink.state != SinkState::Idle {
        return Err(Failure::Failed(format!(
            "a host delivers to {plugin}: remove the plugin first, and wait half a minute if a host was killed"
        )));
    }
    let event = Actor::cli().did(DEFAULT_ISSUER, "audit.forget", plugin, app.clock.timestamp());
    let event = AuditEvent { detail: json!({"delivered": sink.delivered, "lag": sink.lag}), ..event };
    if app.store.forget_delivery(plugin, &event).await.map_err(store_failed)? {
        print_line(&format!("{plugin} is forgotten; {} events were not delivered to it", sink.lag));
    } else {
        return Err(Failure::Failed(format!("{plugin} was forgotten, or a host delivers to it, meanwhile")));
    }
    Ok(())
}

fn store_failed(error: StoreError) -> Failure {
    Failure::Failed(with_causes(&error))
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
