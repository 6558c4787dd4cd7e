//! The command line: one file a subcommand.

mod audit;
mod check_config;
mod client;
mod config;
mod credential;
mod issue;
mod migrate;
mod offer;
mod plugin;
mod serve;
mod status;
mod webhook;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::StartError;
use crate::config::{Config, ConfigError, Log};
use crate::issuance::error::Error;
pub(crate) use crate::issuance::error::with_causes;
use crate::plugins::COMPILE_WORKER;
use crate::telemetry;

const EXAMPLES: &str = "\
Examples:
  chancery check-config
  chancery config apply config/
  chancery serve
  chancery offer create --configuration FarmerCredential --subject 1001

Exit codes: 0 done, 1 failed, 2 wrong configuration or arguments.";

#[derive(Debug, Parser)]
#[command(name = "chancery", version, about = "Issues verifiable credentials from data it does not own", after_help = EXAMPLES)]
struct Arguments {
    /// The configuration file.
    #[arg(long, short, global = true, default_value = "chancery.toml", env = "CHANCERY_CONFIG")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve wallets and the admin API.
    Serve,
    /// Check the configuration file and say what would be used.
    CheckConfig,
    /// Bring the database to this release's schema.
    Migrate,
    /// Credential configurations.
    #[command(subcommand)]
    Config(config::Command),
    /// Plugins: writing them, and those of the plugin directory.
    #[command(subcommand, after_help = plugin::HELP)]
    Plugin(plugin::Command),
    /// Credential offers.
    #[command(subcommand)]
    Offer(offer::Command),
    /// Service clients of the admin API.
    #[command(subcommand)]
    Client(client::Command),
    /// Issue a credential for each row of a file.
    #[command(after_help = issue::HELP)]
    Issue(issue::Arguments),
    /// Credentials that were issued.
    #[command(subcommand)]
    Credential(credential::Command),
    /// Statuses of credentials, and the lists that they are published in.
    #[command(subcommand)]
    Status(status::Command),
    /// The audit trail.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Webhooks: messages to an issuer's backend.
    #[command(subcommand)]
    Webhook(webhook::Command),
    #[command(name = COMPILE_WORKER, hide = true)]
    CompileWorker,
}

/// Why a subcommand ended badly.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    /// The caller's mistake: a wrong argument or file.
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Usage(_) => 2,
            Self::Start(_) | Self::Failed(_) => 1,
        }
    }
}

/// What a use case answers, for an operator.
pub(crate) fn refused(error: Error) -> Failure {
    match error {
        Error::InvalidRequest(_) | Error::UnknownConfiguration(_) | Error::ExpiryIsValidity => {
            Failure::Usage(error.to_string())
        }
        other => Failure::Failed(with_causes(&other)),
    }
}

pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    if let Command::CompileWorker = arguments.command {
        return chancery_sandbox::compile_worker();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(Err(Failure::Failed(format!("the runtime cannot start: {error}")))),
    };
    let result = runtime.block_on(dispatch(arguments));
    // Work that a caller has given up on must not hold the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    end(result)
}

fn end(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln_line(&format!("chancery: {failure}"));
            ExitCode::from(failure.code())
        }
    }
}

async fn dispatch(arguments: Arguments) -> Result<(), Failure> {
    let path = &arguments.config;
    match arguments.command {
        Command::Serve => serve::run(load(path, Quiet::No)?).await,
        Command::CheckConfig => check_config::run(path),
        Command::Migrate => migrate::run(load(path, Quiet::Yes)?).await,
        Command::Config(command) => config::run(load(path, Quiet::Yes)?, command).await,
        Command::Plugin(command) => plugin::run(path, command).await,
        Command::Offer(command) => offer::run(load(path, Quiet::Yes)?, command).await,
        Command::Client(command) => client::run(load(path, Quiet::Yes)?, command).await,
        Command::Issue(arguments) => issue::run(load(path, Quiet::Yes)?, arguments).await,
        Command::Credential(command) => credential::run(load(path, Quiet::Yes)?, command).await,
        Command::Status(command) => status::run(load(path, Quiet::Yes)?, command).await,
        Command::Audit(command) => audit::run(load(path, Quiet::Yes)?, command).await,
        Command::Webhook(command) => match webhook::run_alone(&command) {
            Some(done) => done,
            None => webhook::run(load(path, Quiet::Yes)?, command).await,
        },
        Command::CompileWorker => Ok(()),
    }
}

/// Whether the log holds only warnings: a subcommand that prints a result.
#[derive(PartialEq, Eq)]
enum Quiet {
    Yes,
    No,
}

fn load(path: &Path, quiet: Quiet) -> Result<Config, Failure> {
    let config = Config::load(path).map_err(|error| match error {
        ConfigError::Unreadable { path, source } if source.kind() == std::io::ErrorKind::NotFound => Failure::Usage(
            format!("there is no configuration file {} (name another one with --config FILE)", path.display()),
        ),
        other => other.into(),
    })?;
    let log = match quiet {
        Quiet::Yes => Log { filter: "warn".to_owned(), ..config.log.clone() },
        Quiet::No => config.log.clone(),
    };
    telemetry::start(&log).map_err(Failure::Usage)?;
    Ok(config)
}

/// A line of a subcommand's result. A reader that has gone ends the process quietly, as with any tool; a result
/// that cannot be written is a failure.
pub(crate) fn print_line(line: &str) {
    use std::io::{ErrorKind, Write as _};
    match writeln!(std::io::stdout(), "{line}") {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln_line(&format!("chancery: the result cannot be written: {error}"));
            std::process::exit(1);
        }
    }
}

pub(crate) fn eprintln_line(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}

pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Failure::Failed(e.to_string()))?;
    print_line(&text);
    Ok(())
}
