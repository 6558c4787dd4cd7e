//! `chancery plugin`: the author's kit, signatures, and the plugins of a host.

mod bench;
mod build;
mod check;
mod dev;
mod inspect;
mod kit;
mod new;
mod operate;
mod signing;
mod test;
mod trial;

use std::path::Path;

use chancery_sandbox::grant_reference;
use clap::Subcommand;

use super::{Failure, Quiet, load, print_line};
use crate::plugins::controls::Action;

/// Which command is for whom: clap lists them in one run.
pub(super) const HELP: &str = "\
Writing a plugin:  new, dev, build, test, bench, inspect
Shipping it:       keygen, sign, verify, check, grants
On a host:         list, disable, enable, rollback

Examples:
  chancery plugin new farmer-registry --lang js --wants http,kv
  cd farmer-registry && chancery plugin dev
  cp build/farmer-registry.wasm farmer-registry.toml /srv/chancery/plugins/";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a plugin project: source, world, grant file and cases, ready to build and test.
    New(new::Arguments),
    /// Build a project and run its cases, again at each save.
    Dev(dev::Arguments),
    /// Build a project's component.
    Build(build::Arguments),
    /// Run a project's cases in the real sandbox, with everything outside of it virtual.
    Test(test::Arguments),
    /// Measure a plugin: its size, and the time of loading it and of its calls.
    Bench(bench::Arguments),
    /// Say what a component is and wants, without running it.
    Inspect(inspect::Arguments),
    /// Make a key pair for signing plugins. Prints the public key for `plugins.trust.keys`.
    Keygen(signing::Keygen),
    /// Sign a plugin: writes NAME.wasm.sig beside it, for hosts whose trust is `signed`.
    Sign(signing::Sign),
    /// Check the signature beside a plugin, against the keys of the configuration or those given.
    Verify(signing::Verify),
    /// Say whether a plugin would load on this host with its grant file, and what is missing.
    Check(check::Arguments),
    /// Print the reference of the grant file, in Markdown.
    #[command(after_help = "Example:\n  chancery plugin grants | less")]
    Grants,
    /// Load every plugin of the directory as `serve` would, and say how far each one came.
    ///
    /// What a running host says, with its counts of calls, is at GET /admin/v1/plugins.
    #[command(after_help = "Examples:\n  chancery plugin list\n  chancery plugin list --json | jq '.[].stage'")]
    List {
        /// Everything: stages, reasons, missing grants, digests, grants, limits.
        #[arg(long)]
        json: bool,
    },
    /// Take a plugin out of service. Running hosts follow within a second.
    #[command(after_help = "Example:\n  chancery plugin disable farmer-registry")]
    Disable { plugin: String },
    /// Put a plugin, or its newest release after a rollback, back into service.
    #[command(after_help = "Example:\n  chancery plugin enable farmer-registry")]
    Enable { plugin: String },
    /// Go back to the release before the one that serves, until the plugin's files change.
    #[command(after_help = "Example:\n  chancery plugin rollback farmer-registry")]
    Rollback { plugin: String },
}

/// Most commands need no host: the configuration file is read by those that do.
pub(super) async fn run(config: &Path, command: Command) -> Result<(), Failure> {
    let load = || load(config, Quiet::Yes);
    match command {
        Command::New(arguments) => new::run(&arguments),
        Command::Dev(arguments) => dev::run(&arguments).await,
        Command::Build(arguments) => build::run(&arguments),
        Command::Test(arguments) => test::run(arguments).await,
        Command::Bench(arguments) => bench::run(arguments).await,
        Command::Inspect(arguments) => inspect::run(config, &arguments),
        Command::Keygen(arguments) => signing::keygen(&arguments),
        Command::Sign(arguments) => signing::sign(&arguments).await,
        Command::Verify(arguments) => signing::verify(config, &arguments),
        Command::Check(arguments) => check::run(config, arguments).await,
        Command::Grants => {
            print_line(grant_reference().trim_end());
            Ok(())
        }
        Command::List { json } => operate::list(load()?, json).await,
        Command::Disable { plugin } => operate::decide(load()?, &plugin, Action::Disable).await,
        Command::Enable { plugin } => operate::decide(load()?, &plugin, Action::Enable).await,
        Command::Rollback { plugin } => operate::decide(load()?, &plugin, Action::Rollback).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed_and_all_are_sorted_for_readers() {
        let mut commands = Command::augment_subcommands(clap::Command::new("plugin"));
        commands.build();
        commands.clone().debug_assert();
        let groups: Vec<&str> = HELP.lines().take(3).flat_map(|line| line.split([' ', ','])).collect();
        for command in commands.get_subcommands().filter(|command| command.get_name() != "help") {
            assert!(groups.contains(&command.get_name()), "{} is in no group of the help", command.get_name());
        }
    }
}
