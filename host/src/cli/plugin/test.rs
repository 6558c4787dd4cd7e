//! `chancery plugin test`.

use std::io::IsTerminal as _;

use chancery_trial::{Colour, Recorder, case_text, run as run_cases, summary_text};
use clap::Args;
use serde_json::json;

use super::super::{Failure, print_json, print_line};
use super::trial::{Target, failure};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chancery plugin test
  chancery plugin test farmer-registry --case \"nobody\"
  chancery plugin test --component csv-provider.wasm --grant example.toml --cases cases.toml

Every call has a sandbox of its own, whatever the grant file says of instance.

Exit codes: 0 all cases passed, 1 a case failed, 2 a file is wrong.")]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// The results as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(Arguments { target, json }: Arguments) -> Result<(), Failure> {
    test(&target, &listening()?, json).await
}

/// Runs the cases, and tells of each.
pub(super) async fn test(target: &Target, recorder: &Recorder, json: bool) -> Result<(), Failure> {
    let files = target.cases()?;
    let setup = target.setup()?;
    let colour = colour();
    let mut reports = Vec::with_capacity(files.len());
    for file in &files {
        let tell = |case: &_| {
            if !json {
                print_line(case_text(case, colour).trim_end());
            }
        };
        let report = run_cases(&setup, file, target.case.as_deref(), recorder, tell).await.map_err(failure)?;
        if !json {
            print_line(&summary_text(&report, colour));
        }
        reports.push(report);
    }
    let (passed, failed): (usize, usize) =
        reports.iter().fold((0, 0), |(passed, failed), report| (passed + report.passed, failed + report.failed));
    if json {
        print_json(&json!({"passed": passed, "failed": failed, "files": reports}))?;
    }
    match failed {
        0 => Ok(()),
        1 => Err(Failure::Failed("1 case failed".to_owned())),
        _ => Err(Failure::Failed(format!("{failed} cases failed"))),
    }
}

/// Keeps what plugins log; nothing else of this process is logged.
pub(super) fn listening() -> Result<Recorder, Failure> {
    let recorder = Recorder::default();
    let installed = tracing::subscriber::set_global_default(recorder.clone());
    installed.map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(recorder)
}

/// Colours are for people at a terminal who did not ask for none (`NO_COLOR`).
fn colour() -> Colour {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if std::io::stdout().is_terminal() && !unwanted { Colour::On } else { Colour::Off }
}
