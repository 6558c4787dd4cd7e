//! The sandbox as this host sets it up, and its plugins in words.

use std::path::PathBuf;

use chancery_keys::Keyring;
use chancery_sandbox::{CompileMode, PluginStatus, Sandbox, SandboxOptions, Stage};

use crate::app::StartError;
use crate::config::Config;

/// The hidden subcommand in which a plugin is compiled, apart from the host.
pub const COMPILE_WORKER: &str = "compile-worker";

pub async fn start(config: &Config, keyring: &Keyring, program: PathBuf) -> Result<Sandbox, StartError> {
    let failed = |e: &(dyn std::error::Error + 'static)| StartError::because("the plugin sandbox cannot start", e);
    // No issuer is named "": the cache belongs to the host.
    let cache_key = keyring.derive_bytes("", "plugin compile cache").map_err(|e| failed(&e))?;
    let compile = CompileMode::Child { program, args: vec![COMPILE_WORKER.into()] };
    let mut options = SandboxOptions::new(&config.plugins.dir, config.cache_dir(), *cache_key, compile);
    options.max_instances = config.plugins.max_instances;
    options.rescan = config.plugins.rescan;
    Sandbox::start(options).await.map_err(|e| failed(&e))
}

/// All plugins as an operator reads them: a row each, and below it what keeps it from serving.
pub fn listing(plugins: &[PluginStatus]) -> String {
    const HEAD: [&str; 5] = ["PLUGIN", "STAGE", "VERSION", "KIND", "SHA-256"];
    let rows: Vec<[String; 5]> = plugins.iter().map(row).collect();
    let mut widths = HEAD.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = aligned(&HEAD, &widths);
    for (plugin, row) in plugins.iter().zip(&rows) {
        text.push_str(&aligned(row, &widths));
        push_why(&mut text, plugin);
    }
    text
}

fn push_why(text: &mut String, plugin: &PluginStatus) {
    let mut push = |indent: &str, lines: &str| {
        for line in lines.lines() {
            text.push_str(format!("{indent}{line}").trim_end());
            text.push('\n');
        }
    };
    if let Some(reason) = &plugin.reason {
        push("  ", reason);
    }
    if let Some(lines) = &plugin.missing_grants {
        push("  ", &format!("add to {}.toml:", plugin.name));
        push("    ", lines);
    }
    if let Some(former) = former(plugin) {
        push("  ", &former);
    }
}

fn row(plugin: &PluginStatus) -> [String; 5] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        plugin.name.clone(),
        stage(plugin),
        or_dash(plugin.version.clone()),
        or_dash(plugin.kind.map(|kind| kind.to_string())),
        or_dash(plugin.sha256.as_deref().map(|digest| shortened(digest).to_owned())),
    ]
}

fn aligned(cells: &[impl AsRef<str>], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{:<width$}", cell.as_ref()));
    let line = padded.collect::<Vec<_>>().join("  ");
    format!("{}\n", line.trim_end())
}

fn stage(plugin: &PluginStatus) -> String {
    match plugin.failed_at {
        Some(failed_at) => format!("{} at {failed_at}", plugin.stage),
        None => plugin.stage.to_string(),
    }
}

/// What answers in place of the newest generation, where that does not.
fn former(plugin: &PluginStatus) -> Option<String> {
    let serving = plugin.serving.as_ref().filter(|_| plugin.stage != Stage::Active)?;
    Some(format!("version {} ({}) goes on serving", serving.version, shortened(&serving.sha256)))
}

/// As much of a digest as people compare.
fn shortened(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use chancery_sandbox::{Calls, Kind, Serving};

    use super::*;

    fn plugin(name: &str, stage: Stage) -> PluginStatus {
        PluginStatus {
            name: name.to_owned(),
            kind: Some(Kind::DataProvider),
            stage,
            failed_at: None,
            reason: None,
            missing_grants: None,
            sha256: Some("ab".repeat(32)),
            version: None,
            summary: None,
            grants: Vec::new(),
            limits: None,
            serving: None,
            calls: Calls::default(),
        }
    }

    fn active() -> PluginStatus {
        let serving = Serving { generation: "g".to_owned(), sha256: "cd".repeat(32), version: "0.1.0".to_owned() };
        PluginStatus {
            version: Some("0.1.0".to_owned()),
            serving: Some(serving),
            ..plugin("csv-provider", Stage::Active)
        }
    }

    fn rejected() -> PluginStatus {
        let reason = "TOML parse error at line 1\n  |\n1 | [limits\n  |        ^\ninvalid table header";
        PluginStatus {
            name: "people".to_owned(),
            stage: Stage::Rejected,
            failed_at: Some(Stage::Verified),
            reason: Some(reason.to_owned()),
            sha256: None,
            version: None,
            ..active()
        }
    }

    fn pending() -> PluginStatus {
        PluginStatus {
            reason: Some("grants are missing".to_owned()),
            missing_grants: Some("[[grants.files]]\nhost = \"data.csv\"".to_owned()),
            ..plugin("sql", Stage::Pending)
        }
    }

    #[test]
    fn the_listing_is_aligned_and_says_why() {
        let expected = "\
PLUGIN        STAGE                 VERSION  KIND           SHA-256
csv-provider  active                0.1.0    data-provider  abababababab
people        rejected at verified  -        data-provider  -
  TOML parse error at line 1
    |
  1 | [limits
    |        ^
  invalid table header
  version 0.1.0 (cdcdcdcdcdcd) goes on serving
sql           pending               -        data-provider  abababababab
  grants are missing
  add to sql.toml:
    [[grants.files]]
    host = \"data.csv\"
";
        assert_eq!(listing(&[active(), rejected(), pending()]), expected);
    }
}
