//! Running programs to their end: within a time, and together with all that they start.

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, SyncSender};
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
        Err(ToolsError::Failed { what: what.to_owned(), output: said(&output.stdout, &output.stderr) })
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
        let Followed { status, stdout, stderr } = self.follow(what, limit, command, |_| {})?;
        match status {
            Some(status) => Ok(Output { status, stdout, stderr }),
            None => Err(ToolsError::overdue(what, limit, said(&stdout, &stderr))),
        }
    }

    /// Starts a program, and has an eye on it until it ends or has to. `hear` gets what it writes to stderr, when it
    /// does.
    ///
    /// Its own end counts, and not that of its pipes, which others may hold: what it leaves behind ends with it, and
    /// what has left its group is waited for no longer than [`TRAILING`].
    pub(super) fn follow(
        &self,
        what: &str,
        limit: Duration,
        command: &mut Command,
        mut hear: impl FnMut(&[u8]),
    ) -> Result<Followed, ToolsError> {
        let failed = |program: &str| {
            let program = program.to_owned();
            move |source| ToolsError::Start { program, source }
        };
        let program = command.get_program().to_string_lossy().into_owned();
        let group = Group::open().map_err(failed(SHELL))?;
        let events = listen(group.start(command).map_err(failed(&program))?);
        let mut followed = Followed { status: None, stdout: Vec::new(), stderr: Vec::new() };
        let (started, mut mentioned) = (Instant::now(), Duration::ZERO);
        while followed.status.is_none() {
            let passed = started.elapsed();
            if passed >= limit {
                break;
            }
            let next = mentioned + self.limits.news;
            if passed >= next {
                self.say(&format!("still {what}, after {}", for_people(passed)));
                mentioned = passed;
                continue;
            }
            if let Ok(event) = events.recv_timeout(limit.min(next).saturating_sub(passed)) {
                followed.status = followed.take(event, &mut hear).map_err(failed(&program))?;
            }
        }
        drop(group);
        let end = Instant::now() + TRAILING;
        while let Some(left) = end.checked_duration_since(Instant::now())
            && let Ok(event) = events.recv_timeout(left)
        {
            followed.take(event, &mut hear).map_err(failed(&program))?;
        }
        Ok(followed)
    }
}

/// How a program came to its end.
pub(super) struct Followed {
    /// `None`: it did not by itself, and was ended at the limit.
    pub(super) status: Option<ExitStatus>,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// How long the end of a program's pipes is waited for, once it has ended with all of its group.
const TRAILING: Duration = Duration::from_secs(2);

/// What is kept of a pipe, in bytes: cargo's messages about hundreds of crates fit many times.
const MAX_KEPT: usize = 64 << 20;

/// Bytes that are read from a pipe at once, and how many such pieces wait to be taken.
const PIECE: usize = 16 << 10;
const WAITING: usize = 16;

enum Event {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    Ended(io::Result<ExitStatus>),
}

impl Followed {
    /// Answers how the program ended, where that is what happened.
    fn take(&mut self, event: Event, hear: &mut impl FnMut(&[u8])) -> io::Result<Option<ExitStatus>> {
        let (kept, piece) = match event {
            Event::Ended(status) => return status.map(Some),
            Event::Stdout(piece) => (&mut self.stdout, piece),
            Event::Stderr(piece) => {
                hear(&piece);
                (&mut self.stderr, piece)
            }
        };
        let room = MAX_KEPT.saturating_sub(kept.len());
        kept.extend_from_slice(&piece[..piece.len().min(room)]);
        Ok(None)
    }
}

/// What comes of a program: its pipes are read and its end is waited for on threads that may outlive the interest in them.
/// Nothing comes any more when all have ended.
fn listen(mut child: Child) -> Receiver<Event> {
    let (send, events) = mpsc::sync_channel(WAITING);
    if let Some(stdout) = child.stdout.take() {
        let send = send.clone();
        thread::spawn(move || pass_on(stdout, Event::Stdout, &send));
    }
    if let Some(stderr) = child.stderr.take() {
        let send = send.clone();
        thread::spawn(move || pass_on(stderr, Event::Stderr, &send));
    }
    // Nobody is told where nobody listens any more.
    thread::spawn(move || send.send(Event::Ended(child.wait())).ok());
    events
}

/// Reads a pipe to its end, or until nobody listens any more.
fn pass_on(mut pipe: impl Read, event: fn(Vec<u8>) -> Event, send: &SyncSender<Event>) {
    let mut piece = vec![0; PIECE];
    loop {
        match pipe.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(length) if length > 0 && send.send(event(piece[..length].to_vec())).is_ok() => {}
            _ => return,
        }
    }
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
fn said(stdout: &[u8], stderr: &[u8]) -> String {
    let both = [text(stdout), text(stderr)];
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

    /// Its own children hold its output open.
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

    #[test]
    fn what_a_program_leaves_behind_in_its_group_ends_with_it() {
        let tools = tools(Limits::default(), |_| {});
        let said = tools.run("the step", Limits::default().step, &mut shell("(while :; do sleep 1; done) & echo done"));
        assert_eq!(said.unwrap(), "done");
    }

    /// What has a session of its own is out of reach, and holds the output open: until the folder is gone.
    #[test]
    fn what_has_left_the_group_is_not_waited_for() {
        if super::super::find("setsid").is_none() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let there = dir.path().join("there");
        let leave = format!(
            "export THERE='{}'
             setsid sh -c 'touch \"$THERE\"; while [ -e \"$THERE\" ]; do sleep 0.1; done' &
             until [ -e \"$THERE\" ]; do sleep 0.01; done; echo said",
            there.display()
        );
        let tools = tools(Limits::default(), |_| {});
        assert_eq!(tools.run("the step", Limits::default().step, &mut shell(&leave)).unwrap(), "said");
        let stay = format!("{leave}; while :; do sleep 1; done");
        let error = tools.run("the step", Duration::from_secs(1), &mut shell(&stay)).unwrap_err().to_string();
        assert!(error.starts_with("the step was ended: it took longer than 1 s\nsaid\n"), "{error}");
    }

    /// More than a pipe holds, and more pieces than wait.
    #[test]
    fn all_that_a_program_says_is_heard() {
        let tools = tools(Limits::default(), |_| {});
        let script = "head -c 3000000 /dev/zero | tee /dev/stderr; echo end; echo end >&2; exit 3";
        let mut heard = 0;
        let mut command = shell(script);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let limit = Limits::default().step;
        let Followed { status, stdout, stderr } =
            tools.follow("it", limit, &mut command, |new| heard += new.len()).unwrap();
        assert_eq!(status.and_then(|status| status.code()), Some(3));
        assert_eq!([stdout.len(), stderr.len(), heard], [3_000_004; 3]);
        assert!(stdout.ends_with(b"end\n") && stderr.ends_with(b"end\n"));
    }

    #[test]
    fn no_more_than_the_limit_is_kept() {
        let mut followed = Followed { status: None, stdout: vec![0; MAX_KEPT - 1], stderr: Vec::new() };
        let status = followed.take(Event::Stdout(vec![1; 2]), &mut |_| panic!("it is not stderr")).unwrap();
        assert!(status.is_none());
        assert_eq!((followed.stdout.len(), followed.stdout.last()), (MAX_KEPT, Some(&1)));
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
