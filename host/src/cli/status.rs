mod entry;
mod export;

use clap::Subcommand;

use super::Failure;
use crate::app::{App, Migrate, Plugins};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say what has become of a credential: revoke, suspend, reinstate.
    #[command(after_help = entry::SET_HELP)]
    Set(entry::Set),
    /// Print what is said of credentials now.
    #[command(after_help = "Example:\n  chancery status show http://localhost:8080/credentials/0b0f6c7e-…")]
    Show(entry::Which),
    /// Print every change of a credential's status, oldest first; also of one that was deleted.
    #[command(after_help = "Example:\n  chancery status history --json http://localhost:8080/credentials/0b0f6c7e-…")]
    History(entry::Which),
    /// Write every published status list as files, for a static host.
    #[command(after_help = export::HELP)]
    Export(export::Arguments),
}

pub(super) async fn run(config: Config, command: Command) -> Result<(), Failure> {
    let app = App::open(config, Migrate::Check, Plugins::Leave).await?;
    match command {
        Command::Set(arguments) => entry::set(&app, arguments).await,
        Command::Show(which) => entry::show(&app, &which).await,
        Command::History(which) => entry::history(&app, &which).await,
        Command::Export(arguments) => export::run(&app, &arguments).await,
    }
}
