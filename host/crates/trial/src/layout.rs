//! A plugin directory for one plugin: copies of its files, so that nothing of the author's is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chancery_sandbox::{SandboxOptions, check_grant};
use tempfile::TempDir;
use toml::{Table, Value};

use crate::error::TrialError;
use crate::ports::{Statement, Statements};
use crate::setup::{Plugin, Setup};

/// Sandboxes at work at once: calls come one after the other.
const MAX_INSTANCES: u32 = 4;

/// Nothing changes in the directory while a sandbox runs.
const RESCAN: Duration = Duration::from_hours(1);
const DEBOUNCE: Duration = Duration::from_millis(1);

/// A plugin directory for one plugin. The grant file in it is the plugin's but for two things: paths are taken from
/// where the grant file is, and a journal is written to a directory of its own.
#[derive(Debug)]
pub struct Layout {
    dir: TempDir,
    name: String,
    grant: Table,
    journal: Option<Journal>,
}

/// Where a journal is written in place of the operator's.
#[derive(Debug, PartialEq, Eq)]
struct Journal {
    dir: PathBuf,
    name: String,
    /// Where the grant file has it.
    meant: PathBuf,
}

impl Layout {
    /// Lays the directory out. The error of a grant file names its lines as the author wrote them.
    pub fn new(plugin: &Plugin) -> Result<Self, TrialError> {
        let (text, base) = match &plugin.grant {
            Some(path) => {
                let real = fs::canonicalize(path).map_err(failed(path))?;
                let base = real.parent().unwrap_or(Path::new("/")).to_owned();
                (fs::read_to_string(&real).map_err(failed(path))?, base)
            }
            None => (String::new(), PathBuf::from("/")),
        };
        let wrong = |message: String| {
            let path = plugin.grant.clone().unwrap_or_default();
            TrialError::Grant { path, message: message.trim_end().to_owned() }
        };
        check_grant(&text, &base).map_err(wrong)?;
        let mut grant: Table = toml::from_str(&text).map_err(|error: toml::de::Error| wrong(error.to_string()))?;
        let dir = tempfile::Builder::new().prefix("chancery-trial-").tempdir();
        let dir = dir.map_err(failed(&std::env::temp_dir()))?;
        let component = dir.path().join(format!("{}.wasm", plugin.name));
        fs::copy(&plugin.component, component).map_err(failed(&plugin.component))?;
        let signature = PathBuf::from(format!("{}.sig", plugin.component.display()));
        if signature.is_file() {
            fs::copy(&signature, dir.path().join(format!("{}.wasm.sig", plugin.name))).map_err(failed(&signature))?;
        }
        let journal = moved(&mut grant, &base, &dir.path().join("journal"));
        let layout = Self { dir, name: plugin.name.clone(), grant, journal };
        layout.write_grant(None)?;
        Ok(layout)
    }

    /// Options of a sandbox over this directory, with nothing behind any capability.
    pub fn options(&self, setup: &Setup) -> SandboxOptions {
        let cache = &setup.cache;
        let mut options = SandboxOptions::new(self.dir.path(), &cache.dir, cache.key, setup.compile.clone());
        // Nobody goes back to a former release here.
        options.archive = false;
        options.max_instances = MAX_INSTANCES;
        options.rescan = RESCAN;
        options.debounce = DEBOUNCE;
        options
    }

    /// What a sandbox says about the plugin, with the author's paths in place of this directory's.
    pub fn as_written(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Some(journal) = &self.journal {
            text = text.replace(&journal.dir.display().to_string(), &journal.meant.display().to_string());
        }
        text.replace(&format!("{}/", self.dir.path().display()), "")
    }

    /// Changes a member of a section of the grant file, for the next [`write_grant`](Self::write_grant).
    pub(crate) fn set(&mut self, section: &str, key: &str, value: Value) {
        let table = self.grant.entry(section).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(table) = table {
            table.insert(key.to_owned(), value);
        }
    }

    /// Whether calls may find what an earlier one left in the plugin's memory.
    pub(crate) fn is_warm(&self) -> bool {
        let instance = self.grant.get("plugin").and_then(|plugin| plugin.get("instance"));
        instance.and_then(Value::as_str) == Some("warm")
    }

    /// Gives every call a sandbox of its own, whatever the grant file says.
    pub(crate) fn make_fresh(&mut self) {
        if let Some(Value::Table(plugin)) = self.grant.get_mut("plugin") {
            plugin.remove("instance");
        }
        self.grant.remove("warm");
    }

    /// Writes the grant file, with `config` in place of its own where there is one.
    pub(crate) fn write_grant(&self, config: Option<&Table>) -> Result<(), TrialError> {
        let mut grant = self.grant.clone();
        if let Some(config) = config {
            grant.insert("config".to_owned(), Value::Table(config.clone()));
        }
        let path = self.dir.path().join(format!("{}.toml", self.name));
        let text = toml::to_string(&grant)
            .map_err(|error| TrialError::Grant { path: path.clone(), message: error.to_string() })?;
        fs::write(&path, text).map_err(failed(&path))
    }

    /// The grant file's statements.
    pub(crate) fn statements(&self) -> Statements {
        statements(&self.grant)
    }

    /// Whether there is a journal.
    pub(crate) fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    #[cfg(test)]
    pub(crate) fn journal_dir(&self) -> Option<&Path> {
        self.journal.as_ref().map(|journal| &*journal.dir)
    }

    /// Empties the journal.
    pub(crate) fn clear_journal(&self) -> Result<(), TrialError> {
        self.journal_files()?.iter().try_for_each(|path| fs::remove_file(path).map_err(failed(path)))
    }

    /// The journal's lines, those of rotated files first.
    pub(crate) fn journal_lines(&self) -> Result<Vec<String>, TrialError> {
        let Some(Journal { name, .. }) = &self.journal else { return Ok(Vec::new()) };
        let mut files = self.journal_files()?;
        // Rotated files have their time in their names; the newest lines are in the file in use.
        files.sort_by_key(|path| (path.file_name().is_some_and(|file| file == name.as_str()), path.clone()));
        let mut lines = Vec::new();
        for path in files {
            let text = fs::read(&path).map_err(failed(&path))?;
            lines.extend(String::from_utf8_lossy(&text).lines().map(str::to_owned));
        }
        Ok(lines)
    }

    fn journal_files(&self) -> Result<Vec<PathBuf>, TrialError> {
        let Some(Journal { dir, .. }) = &self.journal else { return Ok(Vec::new()) };
        match fs::read_dir(dir) {
            Ok(entries) => entries.map(|entry| Ok(entry.map_err(failed(dir))?.path())).collect(),
            // The plugin was never loaded.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(failed(dir)(error)),
        }
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> TrialError {
    let path = path.to_owned();
    move |source| TrialError::File { path: path.clone(), source }
}

/// Makes paths of a grant file hold from another directory, and moves the journal. Answers where that is.
fn moved(grant: &mut Table, base: &Path, journal_dir: &Path) -> Option<Journal> {
    let absolute = |table: &mut Value, key: &str| {
        if let Some(Value::String(path)) = table.get_mut(key) {
            *path = base.join(&*path).display().to_string();
        }
    };
    let grants = grant.get_mut("grants")?;
    for file in grants.get_mut("files").and_then(Value::as_array_mut).into_iter().flatten() {
        absolute(file, "host");
    }
    let tls = grants.get_mut("http").and_then(|http| http.get_mut("tls")?.as_array_mut());
    for host in tls.into_iter().flatten() {
        absolute(host, "ca");
        absolute(host, "cert");
    }
    let journal = grants.get_mut("journal")?.as_table_mut()?;
    let name = journal.get("name")?.as_str()?.to_owned();
    let meant = journal.insert("dir".to_owned(), Value::String(journal_dir.display().to_string()))?;
    Some(Journal { dir: journal_dir.to_owned(), name, meant: base.join(meant.as_str()?) })
}

fn statements(grant: &Table) -> Statements {
    let found = grant.get("grants").and_then(|grants| grants.get("sql")?.get("statements")?.as_table());
    let statement = |(name, statement): (&String, &Value)| {
        let text = |key| Some(statement.get(key)?.as_str()?.to_owned());
        Some((name.clone(), Statement { database: text("database")?, text: text("text")? }))
    };
    found.into_iter().flatten().filter_map(statement).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_from_where_the_grant_file_is_and_the_journal_is_nowhere_real() {
        let mut grant: Table = toml::from_str(
            "[[grants.files]]\nhost = \"people.json\"\nguest = \"/people.json\"\n\
             [[grants.files]]\nhost = \"/srv/x.csv\"\nguest = \"/x\"\n\
             [grants.http]\nallow = [\"https://a\"]\ntls = [{ host = \"a\", ca = \"ca.pem\" }]\n\
             [grants.journal]\ndir = \"/var/log/audit\"\nname = \"a.jsonl\"\n\
             [grants.sql.statements.by_id]\ndatabase = \"d\"\ntext = \"select 1\"\n",
        )
        .unwrap();
        let journal = moved(&mut grant, Path::new("/project"), Path::new("/tmp/j"));
        let path = PathBuf::from;
        let expected = Journal { dir: path("/tmp/j"), name: "a.jsonl".to_owned(), meant: path("/var/log/audit") };
        assert_eq!(journal, Some(expected));
        let text = toml::to_string(&grant).unwrap();
        for part in ["/project/people.json", "\"/srv/x.csv\"", "/project/ca.pem", "dir = \"/tmp/j\""] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("/var/log"));
        let by_id = Statement { database: "d".to_owned(), text: "select 1".to_owned() };
        assert_eq!(statements(&grant), Statements::from([("by_id".to_owned(), by_id)]));
    }

    /// A plugin of nothing but its grant file.
    fn layout(dir: &Path, grant: &str) -> Result<Layout, TrialError> {
        let (component, path) = (dir.join("p.wasm"), dir.join("p.toml"));
        fs::write(&component, "").unwrap();
        fs::write(&path, grant).unwrap();
        Layout::new(&Plugin { name: "p".to_owned(), component, grant: Some(path) })
    }

    #[test]
    fn sandboxes_are_shared_only_where_that_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let warm = "[plugin]\ninstance = \"warm\"\nrequired = true\n[warm]\nmax_idle = 1\n";
        let mut layout = layout(dir.path(), warm).unwrap();
        assert!(layout.is_warm());
        layout.make_fresh();
        assert!(!layout.is_warm());
        layout.write_grant(None).unwrap();
        let written = fs::read_to_string(layout.dir.path().join("p.toml")).unwrap();
        assert_eq!(written, "[plugin]\nrequired = true\n");
        check_grant(&written, dir.path()).unwrap();
    }

    #[test]
    fn a_wrong_grant_file_is_named_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let error = layout(dir.path(), "\n[grants.htp]\n").unwrap_err().to_string();
        assert!(error.contains("p.toml: TOML parse error at line 2") && error.contains("htp"), "{error}");
    }
}
