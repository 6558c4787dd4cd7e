//! `chancery plugin check`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chancery_sandbox::{Limits, PluginStatus, Stage, grant_warnings};
use chancery_trial::{Layout, LogLine, Plugin};
use clap::Args;
use serde_json::json;

use super::super::{Failure, eprintln_line, print_json, print_line};
use super::kit::project;
use super::test::listening;
use super::trial::{built, failure, of_component, setup};
use crate::config::{Config, ConfigError};
use crate::plugins;

/// The configuration file that is read where none is named, and that need not be there.
const USUAL: &str = "chancery.toml";

/// The stages that a plugin goes through.
const STAGES: [Stage; 6] =
    [Stage::Verified, Stage::Compiled, Stage::Linked, Stage::Configured, Stage::Probed, Stage::Active];

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chancery plugin check farmer-registry.wasm
  chancery --config /etc/chancery/chancery.toml plugin check farmer-registry --json

The plugin is loaded as this host would, with its databases, secrets and trust: what it asks of its sources while it
is loaded really leaves. Nothing is written to the host's store or to a granted journal, and no value of a secret is
given to the plugin.

Exit codes: 0 it loads, 1 it does not, 2 wrong configuration or arguments.")]
pub(in crate::cli) struct Arguments {
    /// The component, or its project.
    #[arg(default_value = ".")]
    file: PathBuf,
    /// Its grant file [default: NAME.toml beside the component, or the project's].
    #[arg(long, value_name = "FILE")]
    grant: Option<PathBuf>,
    /// Everything as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Path, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { file, grant, json } = arguments;
    let plugin = if file.is_dir() {
        let project = project(&file)?;
        let own = project.grant();
        let grant = grant.or_else(|| Some(own).filter(|grant| grant.is_file()));
        Plugin { name: project.name.clone(), component: built(&project)?, grant }
    } else {
        of_component(&file, grant.as_deref())?
    };
    let host = host(config)?;
    let text = match &plugin.grant {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?
        }
        None => String::new(),
    };
    let recorder = listening()?;
    let setup = setup(plugin, None)?;
    let layout = Layout::new(&setup.plugin).map_err(failure)?;
    let host_or_default = host.clone().unwrap_or_default();
    let sandbox = plugins::rehearse(&host_or_default, layout.options(&setup)).await?;
    let status = sandbox.plugin(&setup.plugin.name);
    let mut status = status.ok_or_else(|| Failure::Failed("the plugin's file is gone".to_owned()))?;
    status.reason = status.reason.map(|reason| layout.as_written(&reason));
    status.grants.iter_mut().for_each(|grant| *grant = layout.as_written(grant));
    let mut warnings = grant_warnings(&text, Path::new("/"), &Limits::ceilings(), status.kind);
    warnings.extend(recorder.take().iter().filter(|line| line.by_host).map(LogLine::text));
    let loads = status.stage == Stage::Active;
    if json {
        let used = host.is_some().then(|| config.display().to_string());
        print_json(&json!({"loads": loads, "configuration": used, "warnings": warnings, "plugin": status}))?;
    } else {
        if host.is_none() {
            eprintln_line(&format!(
                "note: there is no configuration file {}: the defaults are used, without secrets and databases",
                config.display()
            ));
        }
        print_line(told(&status, &warnings).trim_end());
    }
    if loads { Ok(()) } else { Err(Failure::Failed(format!("{} does not load", status.name))) }
}

/// This host's configuration; `None` where no file is named and none is in the usual place.
fn host(config: &Path) -> Result<Option<Config>, Failure> {
    match Config::load(config) {
        Ok(host) => Ok(Some(host)),
        Err(ConfigError::Unreadable { source, .. }) if source.kind() == ErrorKind::NotFound => {
            if config == Path::new(USUAL) {
                return Ok(None);
            }
            Err(Failure::Usage(format!(
                "there is no configuration file {}: name this host's with --config FILE, or leave --config out where \
                 there is none",
                config.display()
            )))
        }
        Err(error) => Err(error.into()),
    }
}

/// Stage by stage.
fn told(status: &PluginStatus, warnings: &[String]) -> String {
    let mut text = status.name.clone();
    let facts = [
        status.version.clone(),
        status.kind.map(|kind| kind.to_string()),
        status.contract.map(|contract| format!("contract {contract}")),
        status.signer.as_ref().map(|signer| format!("signed by {signer}")),
        status.sha256.as_ref().map(|digest| format!("sha256 {digest}")),
    ];
    facts.into_iter().flatten().for_each(|fact| text.push_str(&format!("  {fact}")));
    text.push('\n');
    // What is pending lacks grants to be linked.
    let failed_at = status.failed_at.or((status.stage == Stage::Pending).then_some(Stage::Linked));
    for stage in STAGES {
        if failed_at.is_some_and(|failed_at| stage > failed_at) {
            break;
        }
        let word = if failed_at == Some(stage) { "FAILED" } else { "ok" };
        text.push_str(&format!("  {:<12}{word}\n", stage.to_string()));
    }
    let mut push = |lines: &str| lines.lines().for_each(|line| text.push_str(&format!("    {line}\n")));
    if let Some(reason) = &status.reason {
        push(reason);
    }
    if let Some(lines) = &status.missing_grants {
        push(&format!("add to {}.toml:", status.name));
        lines.lines().for_each(|line| push(&format!("  {line}")));
    }
    for grant in &status.grants {
        text.push_str(&format!("grants   {grant}\n"));
    }
    for warning in warnings {
        text.push_str(&format!("warning  {warning}\n"));
    }
    text
}
