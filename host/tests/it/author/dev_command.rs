//! `chancery plugin dev`: what an author sees between two saves.

use std::fs::{self, File};
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
            let told = fs::read_to_string(self.project.path.with_extension("told")).unwrap();
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

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.project.path.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
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
    let mut session = Session::start(Project::provider("js"));
    let first = session.round(1);
    assert!(first.contains("build/people.wasm") && first.contains("cases passed"), "{first}");

    session.edit("src/plugin.js", "import {", "import {{");
    let broken = session.round(2);
    assert!(broken.contains("changed: src/plugin.js") && broken.contains("src/plugin.js:"), "{broken}");
    assert!(!broken.contains("passed"), "nothing old is tested: {broken}");

    session.edit("src/plugin.js", "import {{", "import {");
    let mended = session.round(3);
    assert!(mended.contains("build/people.wasm") && mended.contains("cases passed"), "{mended}");

    session.edit("cases.toml", "Ada", "Bea");
    let unlike = session.round(4);
    assert!(unlike.contains("changed: cases.toml") && unlike.contains("FAILED"), "{unlike}");
    assert!(!unlike.contains("build/people.wasm"), "cases need no build: {unlike}");
}
