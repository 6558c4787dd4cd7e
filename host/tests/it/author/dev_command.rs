//! `chancery plugin dev`: what an author sees between two saves.

use std::fs::File;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use super::project::Project;

/// A toolchain may be installed, and a component compiled, on a machine with much to do.
const PATIENCE: Duration = Duration::from_mins(5);

/// What is said when everything of one round is done.
const WATCHING: &str = "watching: ";

struct Session {
    child: Child,
    project: Project,
}

impl Session {
    fn start(project: Project) -> Self {
        let told = File::create(project.path.with_extension("told")).unwrap();
        let mut command = project.command(&["plugin", "dev"]);
        let child = command.stdout(told.try_clone().unwrap()).stderr(told).spawn().unwrap();
        Self { child, project }
    }

    /// What the rounds up to this one told, the last of them whole.
    #[track_caller]
    fn round(&mut self, number: usize) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = std::fs::read_to_string(self.project.path.with_extension("told")).unwrap();
            let mut ends = told.match_indices(WATCHING).map(|(at, _)| at);
            if let Some(end) = ends.nth(number - 1) {
                let start = told[..end].rfind(WATCHING).unwrap_or(0);
                return told[start..end].to_owned();
            }
            assert!(self.child.try_wait().unwrap().is_none(), "it ended: {told}");
            assert!(Instant::now() < deadline, "no round {number}: {told}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn each_save_is_built_and_tested() {
    let project = Project::provider("js");
    project.write("lib/word.js", "export {};\n");
    project.write("src/plugin.js", &format!("import \"../lib/word.js\";\n{}", project.read("src/plugin.js")));
    let mut session = Session::start(project);
    let first = session.round(1);
    assert!(first.contains("build/people.wasm") && first.contains("cases passed"), "{first}");

    session.project.replace("lib/word.js", "{}", "{");
    let broken = session.round(2);
    assert!(broken.contains("changed: lib/word.js") && broken.contains("lib/word.js:"), "{broken}");
    assert!(!broken.contains("passed"), "nothing old is tested: {broken}");

    session.project.replace("lib/word.js", "{", "{}");
    let mended = session.round(3);
    assert!(mended.contains("build/people.wasm") && mended.contains("cases passed"), "{mended}");

    session.project.replace("cases.toml", "Ada", "Bea");
    let unlike = session.round(4);
    assert!(unlike.contains("changed: cases.toml") && unlike.contains("FAILED"), "{unlike}");
    assert!(!unlike.contains("build/people.wasm"), "cases need no build: {unlike}");

    let compiled = session.project.path.join("build/cache/compiled");
    assert!(compiled.is_dir() && !compiled.join("releases").exists(), "nobody goes back to a former build");
}
