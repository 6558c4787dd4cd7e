//! `chancery plugin new`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use chancery_kit::Language;
use chancery_kit::new::{NewError, Want, create};
use chancery_kit::world::Kind;
use clap::Args;

use super::super::{Failure, print_line};

const HELP: &str = "\
A plugin is a data-provider (says what is known about a person), a vc-issuance (gets credentials from another issuer) or
an audit (takes audit events to where they are kept).

What it can want: http, sql, files, kv (a cache), secrets, reveal (reading secrets), sign, journal (audit plugins).

Examples:
  chancery plugin new farmer-registry --lang js --wants http,kv
  chancery plugin new land-office --lang python --kind vc-issuance
  chancery plugin new siem --lang rust --kind audit --wants http";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct Arguments {
    /// The project's folder, which must not exist or be empty. Its last part is the plugin's name.
    #[arg(value_name = "NAME")]
    path: PathBuf,
    /// rust, js, ts, python, c or go (experimental).
    #[arg(long, value_name = "LANGUAGE")]
    lang: Language,
    /// data-provider, vc-issuance or audit.
    #[arg(long, default_value = "data-provider")]
    kind: Kind,
    /// Capabilities that it asks for, separated by commas.
    #[arg(long, value_delimiter = ',')]
    wants: Vec<Want>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { path, lang, kind, wants } = arguments;
    let wants: BTreeSet<Want> = wants.iter().copied().collect();
    let project = create(path, *lang, *kind, &wants).map_err(|error| match error {
        NewError::File { .. } | NewError::Template { .. } => Failure::Failed(error.to_string()),
        error => Failure::Usage(error.to_string()),
    })?;
    print_line(&format!("{}: a {kind} plugin in {}. Next:", path.display(), project.language));
    if project.language == Language::Go {
        print_line("  (Go is experimental: sdk/go/README.md says why)");
    }
    print_line(&format!("  cd {}\n  chancery plugin build\n  chancery plugin test", path.display()));
    Ok(())
}
