//! Following a guide word for word: files that it shows are written, its commands are run in one shell's place, and what
//! it says they print is what they print.
//!
//! * A ```` ```console ```` block holds commands (`$ `) and their output. `…` stands for anything, and times and sizes
//!   may differ.
//! * Any other block after a line that ends with `` `path`: `` is that file's whole content; a ```` ```diff ```` block is
//!   a change to it.
//! * `chancery serve &` stays in the background until the guide ends.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::project::{chancery, texts};
use crate::app::{program, root};
use crate::server::{Server, free_port};

/// The port that guides use.
const PORT: &str = ":8080";

/// One thing that a reader does.
#[derive(Debug, PartialEq)]
enum Step {
    Run { command: String, shown: Vec<String> },
    Write { file: String, text: String },
    Change { file: String, diff: String },
}

/// Follows a guide from an empty directory.
pub fn follow(document: &str) {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let port = format!(":{}", free_port());
    let steps = steps(&text.replace(PORT, &port));
    assert!(steps.iter().any(|step| matches!(step, Step::Run { .. })), "{document} has no commands");
    let mut reader = Reader::new(port);
    for step in steps {
        match step {
            Step::Run { command, shown } => reader.run(document, &command, &shown),
            Step::Write { file, text } => {
                let path = reader.here.join(&file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            Step::Change { file, diff } => {
                let path = reader.here.join(&file);
                let before =
                    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {file}: {error}"));
                std::fs::write(
                    path,
                    changed(&before, &diff).unwrap_or_else(|error| panic!("{document}: {file}: {error}")),
                )
                .unwrap();
            }
        }
    }
}

/// Somebody at a shell.
struct Reader {
    dir: TempDir,
    here: PathBuf,
    port: String,
    server: Option<Server>,
}

impl Reader {
    fn new(port: String) -> Self {
        let dir = TempDir::new().unwrap();
        let here = dir.path().to_owned();
        Self { dir, here, port, server: None }
    }

    fn run(&mut self, document: &str, command: &str, shown: &[String]) {
        if command.starts_with("chancery serve") {
            let mut serve = chancery(&self.here, &["serve"]);
            serve.env_remove("CARGO_TARGET_DIR");
            self.server = Some(Server::start(serve, &format!("http://localhost{}", self.port)));
            return;
        }
        // A shell's place outlives the command, and so do its own files here.
        let place = self.dir.path().join(".place");
        let script = format!("{command}\npwd > '{}'", place.display());
        let template = chancery(&self.here, &[]);
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &script]).current_dir(&self.here).stdin(Stdio::null());
        shell.envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let path = std::env::var("PATH").unwrap_or_default();
        shell.env("PATH", format!("{}:{path}", program().parent().unwrap().display()));
        let (status, out, err) = texts(&shell.output().unwrap());
        let expected = !shown.iter().any(|line| line.contains("FAILED") || line.starts_with("chancery: "));
        assert_eq!(status == Some(0), expected, "{document}: {command}\n{out}{err}");
        let printed: Vec<&str> = err.lines().chain(out.lines()).collect();
        for line in shown.iter().filter(|line| !line.trim().is_empty()) {
            assert!(
                printed.iter().any(|found| is(line, found)),
                "{document}: {command} does not print {line:?}:\n{out}{err}"
            );
        }
        if let Ok(place) = std::fs::read_to_string(&place) {
            self.here = PathBuf::from(place.trim_end());
        }
    }
}

/// What a guide tells its reader to do, in order.
fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut file = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            if !line.trim().is_empty() {
                file = named(line);
            }
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match (language, file.take()) {
            ("console", _) => commands(&block, &mut steps),
            ("diff", Some(file)) => steps.push(Step::Change { file, diff: joined(&block) }),
            (_, Some(file)) => steps.push(Step::Write { file, text: joined(&block) }),
            (_, None) => {}
        }
    }
    steps
}

/// The file that a line such as ``Then change `src/plugin.js`:`` announces.
fn named(line: &str) -> Option<String> {
    let (_, file) = line.trim_end().strip_suffix("`:")?.rsplit_once('`')?;
    Some(file.to_owned())
}

fn commands(block: &[&str], steps: &mut Vec<Step>) {
    for line in block {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step::Run { command: command.to_owned(), shown: Vec::new() }),
            (None, Some(Step::Run { command, .. })) if command.ends_with('\\') => {
                command.push('\n');
                command.push_str(line);
            }
            (None, Some(Step::Run { shown, .. })) => shown.push((*line).to_owned()),
            (None, _) => panic!("output without a command: {line}"),
        }
    }
}

fn joined(block: &[&str]) -> String {
    block.iter().flat_map(|line| [line, "\n"]).collect()
}

/// The text after a change whose lines begin with ` `, `-` or `+`.
fn changed(text: &str, diff: &str) -> Result<String, String> {
    let side = |other: char| -> String {
        let lines = diff.lines().filter(|line| !line.starts_with(other));
        lines.flat_map(|line| [line.get(1..).unwrap_or_default(), "\n"]).collect()
    };
    let (before, after) = (side('+'), side('-'));
    match text.matches(&before).count() {
        1 => Ok(text.replacen(&before, &after, 1)),
        found => Err(format!("these lines are there {found} times:\n{before}\nin\n{text}")),
    }
}

/// Whether a line is what a guide says it is.
fn is(shown: &str, line: &str) -> bool {
    let (shown, line) = (measureless(shown), measureless(line));
    let parts: Vec<&str> = shown.split('…').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return shown == line };
    let inner = line.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
    let found = inner.and_then(|inner| {
        middle.iter().try_fold(inner, |rest, part| rest.find(part).map(|at| &rest[at + part.len()..]))
    });
    found.is_some()
}

/// A line whose times and sizes are the same on every machine.
fn measureless(line: &str) -> String {
    const UNITS: [&str; 8] = ["µs", "ms", "s", "min", "B", "KiB", "MiB", "%"];
    let mut words: Vec<&str> = Vec::new();
    for word in line.split_whitespace() {
        let (word, end) = word.strip_suffix([',', ')', ';']).map_or((word, ""), |bare| (bare, &word[bare.len()..]));
        let number = |text: &str| text.parse::<f64>().is_ok();
        let measured = UNITS.iter().any(|unit| word.strip_suffix(unit).is_some_and(number));
        if measured {
            words.push("#");
        } else if UNITS.contains(&word) && words.last().is_some_and(|last| number(last.trim_start_matches('('))) {
            words.pop();
            words.push("#");
        } else {
            words.push(word);
        }
        if !end.is_empty() {
            words.push(end);
        }
    }
    words.join(" ")
}

#[test]
fn a_guide_is_read_as_its_reader_reads_it() {
    let guide = "\
Text.

```console
$ chancery plugin new a \\
    --lang js
a: a plugin
$ cd a
```

Change `src/a.js`:

```js
one
two
```

```js
only shown
```

And then `src/a.js`:

```diff
 one
-two
+three
```
";
    let run = |command: &str, shown: &[&str]| Step::Run {
        command: command.to_owned(),
        shown: shown.iter().map(|line| (*line).to_owned()).collect(),
    };
    let file = || "src/a.js".to_owned();
    let expected = [
        run("chancery plugin new a \\\n    --lang js", &["a: a plugin"]),
        run("cd a", &[]),
        Step::Write { file: file(), text: "one\ntwo\n".to_owned() },
        Step::Change { file: file(), diff: " one\n-two\n+three\n".to_owned() },
    ];
    assert_eq!(steps(guide), expected);
    assert_eq!(changed("zero\none\ntwo\nfour\n", " one\n-two\n+three\n").unwrap(), "zero\none\nthree\nfour\n");
    assert!(changed("nothing of it\n", " one\n-two\n").is_err());
    assert!(changed("one\none\n", "-one\n").unwrap_err().contains("2 times"));
}

#[test]
fn lines_are_compared_without_what_differs_between_machines() {
    for (shown, line) in [
        ("ok", "ok"),
        ("build/a.wasm  1.6 MiB  data-provider", "build/a.wasm  1.7 MiB  data-provider"),
        ("ok   somebody (12 ms)", "ok   somebody (3.5 ms)"),
        ("2 cases, 12ms", "2 cases, 900ms"),
        ("sha256 …", "sha256 00ff"),
        ("a … b … c", "a 1 b 2 c"),
    ] {
        assert!(is(shown, line), "{shown} is {line}");
    }
    for (shown, line) in [
        ("ok", "ok and more"),
        ("2 cases", "3 cases"),
        ("a … b", "a 1 b 2"),
        ("1.6 MiB", "1.6 other"),
        ("wants http", "wants http, kv"),
    ] {
        assert!(!is(shown, line), "{shown} is not {line}");
    }
}
