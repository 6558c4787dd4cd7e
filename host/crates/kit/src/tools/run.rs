//! Running programs to their end: within a time, and together with all that they start.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Tools, ToolsError};

/// How long programs may take. What takes longer is ended, with all that it started.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Saying which version it is.
    pub question: Duration,
    /// A step that works on the author's files alone.
    pub step: Duration,
    /// What downloads something, or compiles more than the author's files.
    pub long: Duration,
    /// After so long, and again and again, a program that runs is mentioned.
    pub news: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            question: Duration::from_mins(1),
            step: Duration::from_mins(5),
            long: Duration::from_mins(20),
            news: Duration::from_secs(30),
        }
    }
}

impl Tools {
    /// Runs a program and answers what it wrote to stdout. `what` names the step for people.
    pub(crate) fn run(&self, what: &str, limit: Duration, command: &mut Command) -> Result<String, ToolsError> {
        let output = self.output(what, limit, command)?;
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        Err(ToolsError::Failed { what: what.to_owned(), output: said(&output) })
    }

    /// Runs a program to its end, whichever that is.
    pub(crate) fn output(&self, what: &str, limit: Duration, command: &mut Command) -> Result<Output, ToolsError> {
        self.finish(what, limit, command.stderr(Stdio::piped()))
    }

    /// The same of one that speaks to the author: its stderr is that of this process.
    pub(crate) fn shown(&self, what: &str, limit: Duration, command: &mut Command) -> Result<Output, ToolsError> {
        self.finish(what, limit, command.stderr(Stdio::inherit()))
    }

    fn finish(&self, what: &str, limit: Duration, command: &mut Command) -> Result<Output, ToolsError> {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
        match self.follow(what, limit, command, Child::wait_with_output)? {
            (output, Ended::ByItself) => Ok(output),
            (output, Ended::AtLimit) => Err(ToolsError::overdue(what, limit, said(&output))),
        }
    }

    /// Starts a program, and has an eye on it while `follow` waits for its end.
    pub(super) fn follow<T>(
        &self,
        what: &str,
        limit: Duration,
        command: &mut Command,
        follow: impl FnOnce(Child) -> io::Result<T>,
    ) -> Result<(T, Ended), ToolsError> {
        let failed = |program: &str| {
            let program = program.to_owned();
            move |source| ToolsError::Start { program, source }
        };
        let program = command.get_program().to_string_lossy().into_owned();
        let group = Group::open().map_err(failed(SHELL))?;
        let child = group.start(command).map_err(failed(&program))?;
        thread::scope(|scope| {
            let (running, over) = mpsc::channel();
            let watch = scope.spawn(move || {
                let ended = self.watch(what, limit, &over);
                drop(group);
                ended
            });
            let followed = follow(child);
            drop(running);
            let ended = watch.join().unwrap_or(Ended::AtLimit);
            Ok((followed.map_err(failed(&program))?, ended))
        })
    }

    /// Until the program has ended, or has to.
    fn watch(&self, what: &str, limit: Duration, over: &Receiver<()>) -> Ended {
        let started = Instant::now();
        loop {
            let left = limit.saturating_sub(started.elapsed());
            if over.recv_timeout(left.min(self.limits.news)) == Err(RecvTimeoutError::Disconnected) {
                return Ended::ByItself;
            }
            if started.elapsed() >= limit {
                return Ended::AtLimit;
            }
            self.say(&format!("still {what}, after {}", for_people(started.elapsed())));
        }
    }
}

/// How a program came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    ByItself,
    AtLimit,
}

const SHELL: &str = "/bin/sh";

/// Ends its process group, itself in it, when its input ends.
const LEADER: &str = "read -r _; kill -s KILL 0";

/// A process group for a program and what it starts. It ends when this is dropped, and with this process, however that
/// ends: its leader reads from a pipe whose other end is here.
struct Group {
    leader: Child,
}

impl Group {
    fn open() -> io::Result<Self> {
        let mut leader = Command::new(SHELL);
        leader.args(["-c", LEADER]).process_group(0);
        leader.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { leader: leader.spawn()? })
    }

    fn start(&self, command: &mut Command) -> io::Result<Child> {
        command.process_group(self.leader.id().cast_signed()).spawn()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.leader.stdin.take());
        // Only so that nothing is left of it.
        let _ = self.leader.wait();
    }
}

/// All that a program said.
fn said(output: &Output) -> String {
    let both = [text(&output.stdout), text(&output.stderr)];
    both.iter().map(String::as_str).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

/// `5 minutes`, `90 s`.
pub(super) fn for_people(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 120 && seconds.is_multiple_of(60) => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new(SHELL);
        command.args(["-c", script]);
        command
    }

    fn tools(limits: Limits, say: impl Fn(&str) + Send + Sync + 'static) -> Tools {
        Tools::new(Path::new("unused").to_owned(), Box::new(say)).with_limits(limits)
    }

    #[test]
    fn a_program_that_fails_is_quoted() {
        let tools = tools(Limits::default(), |_| {});
        let error = tools.run("the step", Limits::default().step, &mut shell("echo out; echo err >&2; exit 3"));
        assert_eq!(error.unwrap_err().to_string(), "the step failed\nout\nerr");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let tools = tools(Limits::default(), |_| {});
        let error = tools.run("the step", Limits::default().step, &mut Command::new("/no/such/program"));
        assert!(error.unwrap_err().to_string().starts_with("cannot run /no/such/program: "));
    }

    /// Its own children hold its output open: without their end this would not come to one either.
    #[test]
    fn what_takes_too_long_is_ended_with_all_that_it_started() {
        let tools = tools(Limits::default(), |_| {});
        let endless = "echo said; (while :; do sleep 1; done) & wait";
        let error = tools.run("counting", Duration::from_secs(1), &mut shell(endless)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "counting was ended: it took longer than 1 s\nsaid\nRun this again; where the machine has much to do, when \
             it has less"
        );
    }

    /// The program ends when it was mentioned, and not before.
    #[test]
    fn what_takes_long_is_mentioned() {
        let dir = tempfile::tempdir().unwrap();
        let mentioned = dir.path().join("mentioned");
        let script = format!("until [ -e '{}' ]; do sleep 0.01; done; echo done", mentioned.display());
        let limits = Limits { news: Duration::from_millis(1), ..Limits::default() };
        let tools = tools(limits, move |line| {
            assert!(line.starts_with("still counting, after "), "{line}");
            std::fs::write(&mentioned, "").unwrap();
        });
        assert_eq!(tools.run("counting", limits.step, &mut shell(&script)).unwrap(), "done");
    }

    #[test]
    fn times_are_for_people() {
        for (seconds, text) in [(0, "0 s"), (60, "60 s"), (90, "90 s"), (120, "2 minutes"), (1200, "20 minutes")] {
            assert_eq!(for_people(Duration::from_secs(seconds)), text);
        }
    }
}
