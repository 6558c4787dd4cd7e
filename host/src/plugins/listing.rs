//! Plugins in words, for `chancery plugin list`.

use chancery_sandbox::{PluginStatus, Stage};

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
    use chancery_sandbox::{BreakerState, Calls, Instance, Kind, Serving};

    use super::*;

    fn plugin(name: &str, stage: Stage) -> PluginStatus {
        PluginStatus {
            name: name.to_owned(),
            kind: Some(Kind::DataProvider),
            contract: None,
            stage,
            failed_at: None,
            reason: None,
            missing_grants: None,
            sha256: Some("ab".repeat(32)),
            release: None,
            instead_of: None,
            signer: None,
            required: false,
            version: None,
            summary: None,
            grants: Vec::new(),
            limits: None,
            instance: Instance::default(),
            idle: 0,
            serving: None,
            former: Vec::new(),
            breaker: BreakerState::Closed,
            retry_after_ms: None,
            calls: Calls::default(),
        }
    }

    fn active() -> PluginStatus {
        let serving = Serving {
            generation: "g".to_owned(),
            release: "r".to_owned(),
            sha256: "cd".repeat(32),
            version: "0.1.0".to_owned(),
        };
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
