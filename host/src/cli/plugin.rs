use clap::Subcommand;

use super::{Failure, print_json, print_line};
use crate::app::{App, Migrate, Plugins};
use crate::config::Config;
use crate::plugins::listing;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Load every plugin of the directory as `serve` would, and say how far each one came. What a running host
    /// says, with its counts of calls, is at GET /admin/v1/plugins.
    #[command(after_help = "Examples:\n  chancery plugin list\n  chancery plugin list --json | jq '.[].stage'")]
    List {
        /// Everything: stages, reasons, missing grants, digests, grants, limits.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(config: Config, command: Command) -> Result<(), Failure> {
    let Command::List { json } = command;
    let dir = config.plugins.dir.clone();
    let app = App::open(config, Migrate::Check, Plugins::Run).await?;
    let Some(sandbox) = &app.sandbox else { return Ok(()) };
    let plugins = sandbox.plugins();
    if json {
        return print_json(&plugins);
    }
    if plugins.is_empty() {
        print_line(&format!("no plugins in {}: drop NAME.wasm and its grant file NAME.toml there", dir.display()));
    } else {
        print_line(listing(&plugins).trim_end());
    }
    Ok(())
}
