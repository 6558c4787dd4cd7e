use std::path::{Path, PathBuf};

use chancery_keys::SystemEntropy;
use chrono::SecondsFormat;
use clap::{Args, Subcommand};

use super::{Failure, eprintln_line, print_json, print_line, with_causes};
use crate::app::{App, Migrate, Plugins};
use crate::audit::Actor;
use crate::config::Config;
use crate::webhooks::board::{BoardError, Letter, MAX_PAGE, Replay, WebhookStatus};
use crate::webhooks::secrets;

const REPLAY_HELP: &str = "\
A running host sends them within a second or two, beside what happens meanwhile, with the ids that they had.

Examples:
  chancery webhook replay registry-backend 0198c0de-0000-7000-8000-000000000001
  chancery webhook replay registry-backend --all";

const KEYGEN_HELP: &str = "\
The receiver needs the same text. To rotate a secret, add the new one as a second line of the file: messages are signed
by both then; give it to the receiver, and take the old line out. No restart is needed.

Example:
  chancery webhook keygen webhook.key";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// How far each webhook is, and how many messages were given up. Why one lags is in the log of the host that
    /// delivers to it, and in its GET /admin/v1/webhooks.
    #[command(
        after_help = "Examples:\n  chancery webhook list\n  chancery webhook list --json | jq '.[].dead_letters'"
    )]
    List {
        #[arg(long)]
        json: bool,
    },
    /// Print the messages that were given up, oldest first.
    #[command(after_help = "Examples:\n  chancery webhook dead registry-backend\n  \
                            chancery webhook dead registry-backend --json | jq .message")]
    Dead {
        webhook: String,
        /// All of each letter, message included, one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Have dead letters sent again.
    #[command(after_help = REPLAY_HELP)]
    Replay(ReplayArguments),
    /// Send messages again to a receiver that had answered 410 (gone).
    #[command(after_help = "Example:\n  chancery webhook resume registry-backend")]
    Resume { webhook: String },
    /// Make a secret that messages are signed with.
    #[command(after_help = KEYGEN_HELP)]
    Keygen {
        /// Where it goes (readable by you alone). Must not exist.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    webhook: String,
    /// The ids of their events.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    event_ids: Vec<String>,
    /// Every dead letter.
    #[arg(long)]
    all: bool,
}

/// The command that needs no host.
pub(super) fn run_alone(command: &Command) -> Option<Result<(), Failure>> {
    match command {
        Command::Keygen { file } => Some(keygen(file)),
        _ => None,
    }
}

pub(super) async fn run(config: Config, command: Command) -> Result<(), Failure> {
    let app = App::open(config, Migrate::Check, Plugins::Leave).await?;
    match command {
        Command::List { json } => list(&app, json).await,
        Command::Dead { webhook, json } => dead(&app, &webhook, json).await,
        Command::Replay(arguments) => replay(&app, arguments).await,
        Command::Resume { webhook } => resume(&app, &webhook).await,
        Command::Keygen { file } => keygen(&file),
    }
}

async fn list(app: &App, json: bool) -> Result<(), Failure> {
    let webhooks = app.webhook_board().list(None).await.map_err(failed)?;
    if json {
        return print_json(&webhooks);
    }
    if webhooks.is_empty() {
        print_line("no webhooks: the configuration has no [webhooks.NAME]");
        return Ok(());
    }
    let width = webhooks.iter().map(|one| one.webhook.len()).max().unwrap_or(0).max("WEBHOOK".len());
    print_line(&format!("{:<width$}  STATE       {:>8}  {:>8}  URL", "WEBHOOK", "LAG", "DEAD"));
    for WebhookStatus { webhook, url, state, lag, dead_letters, queued, pause_reason, .. } in webhooks {
        let dead = dead_letters + queued;
        print_line(&format!("{webhook:<width$}  {:<10}  {lag:>8}  {dead:>8}  {url}", state.as_str()));
        if let Some(reason) = pause_reason {
            print_line(&format!("{:width$}  {reason}; `chancery webhook resume {webhook}` goes on", ""));
        }
    }
    Ok(())
}

async fn dead(app: &App, webhook: &str, json: bool) -> Result<(), Failure> {
    let (board, mut after) = (app.webhook_board(), String::new());
    loop {
        let letters = board.dead_letters(None, webhook, &after, MAX_PAGE).await.map_err(failed)?;
        let Some(last) = letters.last() else { return Ok(()) };
        after.clone_from(&last.event_id);
        for letter in &letters {
            let text = if json { serde_json::to_string(letter) } else { Ok(line(letter)) };
            print_line(&text.map_err(|error| Failure::Failed(error.to_string()))?);
        }
    }
}

/// What an operator looks for first.
fn line(letter: &Letter) -> String {
    let at = letter.failed_at.get().to_rfc3339_opts(SecondsFormat::Secs, true);
    let queued = if letter.queued_at.is_some() { "  (queued)" } else { "" };
    let Letter { event_id, event_type, reason, attempts, .. } = letter;
    format!("{event_id}  {at}  {event_type:<26} {reason} (attempts: {attempts}){queued}")
}

async fn replay(app: &App, arguments: ReplayArguments) -> Result<(), Failure> {
    let ReplayArguments { webhook, event_ids, all } = arguments;
    let named = event_ids.len();
    let replay = Replay { event_ids, all };
    let queued = app.webhook_board().replay(None, &Actor::cli(), &webhook, &replay).await.map_err(failed)?;
    if !all && queued == 0 {
        return Err(Failure::Failed(format!(
            "none of {named} is a dead letter of {webhook} that is not queued already"
        )));
    }
    print_line(&format!("{webhook}: {queued} to be sent again"));
    Ok(())
}

async fn resume(app: &App, webhook: &str) -> Result<(), Failure> {
    let resumed = app.webhook_board().resume(None, &Actor::cli(), webhook).await.map_err(failed)?;
    print_line(&format!("{webhook}: {}", if resumed { "goes on" } else { "was not paused" }));
    Ok(())
}

fn keygen(file: &Path) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("{}: {error}", file.display()));
    let secret = secrets::generate(&SystemEntropy::new()).map_err(|e| failed(&e))?;
    let options = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let written = options.and_then(|mut file| writeln!(file, "{}", secret.as_str()).and_then(|()| file.sync_all()));
    written.map_err(|e| failed(&e))?;
    eprintln_line(&format!("{}: the secret; the receiver checks messages with the same text", file.display()));
    Ok(())
}

fn failed(error: BoardError) -> Failure {
    match error {
        BoardError::Unknown(_) | BoardError::Invalid(_) => Failure::Usage(error.to_string()),
        BoardError::Store(error) => Failure::Failed(with_causes(&error)),
    }
}
