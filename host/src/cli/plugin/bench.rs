//! `chancery plugin bench`.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use chancery_trial::{Effort, bench, measured_text};
use clap::Args;

use super::super::{Failure, print_json, print_line};
use super::test::listening;
use super::trial::{Target, failure};

/// Calls and time where nothing else is asked for.
const CALLS: usize = 1_000;
const TIME: Duration = Duration::from_secs(5);

/// The longest that calls are measured whose number was asked for.
const LONGEST: Duration = Duration::from_mins(5);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chancery plugin bench
  chancery plugin bench farmer-registry --calls 10000 --json

What is measured is the call of the first case that passes, with sources that answer at once, each in a sandbox of its
own; where the grant file says instance = \"warm\", calls that share sandboxes are measured as well.")]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// How many calls [default: 1000, or as many as fit into 5 s].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    calls: Option<u32>,
    /// The result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(Arguments { target, calls, json }: Arguments) -> Result<(), Failure> {
    let files = target.cases()?;
    let [file] = &files[..] else {
        return Err(Failure::Usage("bench takes one case file".to_owned()));
    };
    let setup = target.setup()?;
    let recorder = listening()?;
    let effort = match calls {
        Some(calls) => Effort { calls: usize::try_from(calls).unwrap_or(usize::MAX), time: LONGEST },
        None => Effort { calls: CALLS, time: TIME },
    };
    let terminal = std::io::stderr().is_terminal();
    let tell = |what: &str, done: usize, of: usize| {
        // Nobody reads what the plugin logs here; it must not pile up.
        recorder.take();
        if terminal {
            progress(&format!("{what} {}%", done * 100 / of.max(1)));
        }
    };
    let measured = bench(&setup, file, target.case.as_deref(), effort, tell).await;
    if terminal {
        progress("");
    }
    let measured = measured.map_err(failure)?;
    if json {
        return print_json(&measured);
    }
    print_line(measured_text(&measured).trim_end());
    Ok(())
}

/// One line that is written over and over.
fn progress(text: &str) {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush());
}
