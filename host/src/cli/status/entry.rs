use std::sync::Arc;

use chancery_store::Timestamp;
use chrono::SecondsFormat;
use clap::Args;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::audit::Actor;
use crate::cli::{Failure, eprintln_line, print_json, print_line, refused};
use crate::issuance::issuers::{DEFAULT_ISSUER, Issuer};
use crate::issuance::lifecycle::StatusRequest;

pub(super) const SET_HELP: &str = "\
The change is published when the command ends. A revocation is final; a suspension can be taken back with --off.

Examples:
  chancery status set http://localhost:8080/credentials/0b0f6c7e-… --purpose revocation --reason \"reported lost\"
  chancery status set 0b0f6c7e-6a0c-4b8e-9a55-3a1c7f0f6c11 --purpose suspension
  chancery status set 0b0f6c7e-6a0c-4b8e-9a55-3a1c7f0f6c11 --purpose suspension --off";

#[derive(Debug, Args)]
pub(in crate::cli) struct Set {
    /// The credential's id, or the UUID at its end.
    id: String,
    /// `revocation`, `suspension` or `refresh`; may be left out where the credential has one entry.
    #[arg(long)]
    purpose: Option<String>,
    /// It has the status no more.
    #[arg(long)]
    off: bool,
    /// Why, for the history.
    #[arg(long)]
    reason: Option<String>,
    /// The entry that is meant, to be sure: any other is refused.
    #[arg(long)]
    index: Option<i64>,
    #[arg(long, default_value = DEFAULT_ISSUER)]
    issuer: String,
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Which {
    /// The credential's id, or the UUID at its end.
    id: String,
    #[arg(long, default_value = DEFAULT_ISSUER)]
    issuer: String,
    #[arg(long)]
    json: bool,
}

pub(super) async fn set(app: &App, arguments: Set) -> Result<(), Failure> {
    let issuer = issuer(app, &arguments.issuer)?;
    let request = StatusRequest {
        credential_id: arguments.id,
        purpose: arguments.purpose,
        value: !arguments.off,
        list_url: None,
        index: arguments.index,
        reason: arguments.reason,
    };
    // Nobody else may be there who does it.
    let published = CancellationToken::new();
    let publishing = app.status.start(published.clone());
    let changed = app.issuance.set_status(&issuer, &Actor::cli(), request, None).await;
    published.cancel();
    let _ = publishing.await;
    let changed = changed.map_err(refused)?.value;
    if changed.reissued {
        eprintln_line("the credential was signed again: copies that holders have do not show the status");
    }
    if arguments.json {
        return print_json(&json!({
            "credential_id": changed.credential_id,
            "purpose": changed.purpose,
            "status": !arguments.off,
            "since": changed.since,
            "status_list": changed.list_url,
            "index": changed.index,
            "reissued": changed.reissued,
        }));
    }
    let what = entry(&changed.purpose, !arguments.off, changed.since);
    print_line(&format!("{}  {what}  {}#{}", changed.credential_id, changed.list_url, changed.index));
    Ok(())
}

pub(super) async fn show(app: &App, which: &Which) -> Result<(), Failure> {
    let issuer = issuer(app, &which.issuer)?;
    let entries = app.issuance.credential_statuses(&issuer, &which.id).await.map_err(refused)?;
    if which.json {
        let entries = entries.iter().map(|entry| {
            json!({
                "purpose": entry.slot.purpose,
                "status": entry.value,
                "since": entry.since,
                "status_list": entry.slot.url,
                "index": entry.slot.index,
            })
        });
        return print_json(&entries.collect::<Vec<_>>());
    }
    if entries.is_empty() {
        print_line("the credential has no status entry");
    }
    for one in entries {
        let what = entry(&one.slot.purpose, one.value, one.since);
        print_line(&format!("{what}  {}#{}", one.slot.url, one.slot.index));
    }
    Ok(())
}

pub(super) async fn history(app: &App, which: &Which) -> Result<(), Failure> {
    let issuer = issuer(app, &which.issuer)?;
    let changes = app.issuance.status_history(&issuer, &which.id).await.map_err(refused)?;
    if which.json {
        let changes = changes.iter().map(|change| {
            json!({
                "at": change.at,
                "purpose": change.purpose,
                "status": change.value,
                "actor": change.actor,
                "reason": change.reason,
            })
        });
        return print_json(&changes.collect::<Vec<_>>());
    }
    if changes.is_empty() {
        print_line("the credential's status was never changed");
    }
    for change in changes {
        let reason = change.reason.map(|reason| format!("  {reason:?}")).unwrap_or_default();
        print_line(&format!("{}  {}{reason}", entry(&change.purpose, change.value, change.at), change.actor));
    }
    Ok(())
}

fn issuer(app: &App, id: &str) -> Result<Arc<Issuer>, Failure> {
    app.issuers.get(id).ok_or_else(|| Failure::Usage(format!("there is no issuer {id}")))
}

fn entry(purpose: &str, value: bool, since: Timestamp) -> String {
    let value = if value { "set" } else { "not set" };
    format!("{purpose:<10}  {value:<7}  {}", since.get().to_rfc3339_opts(SecondsFormat::Secs, true))
}
