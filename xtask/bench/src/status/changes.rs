//! Changes of status over HTTP at a steady rate, and how long it takes until verifiers can see them: one of them fetches
//! the lists all the time, and keeps what it was given and when.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use futures_util::future::{try_join, try_join_all};
use hyper::body::Bytes;
use serde_json::json;
use tokio::{
    runtime::Builder,
    time::{sleep, sleep_until},
};

use super::{
    reading,
    token::{Entry, STATUS_LIST_TOKEN, is_revoked, values},
};
use crate::{
    Arguments, Result,
    example::{SD_JWT, subject},
    http::{Connection, text},
    load::{Target, connect, each},
    measure::{Effort, Figures, Stopwatch},
    report::{Publications, Report, System},
    site::Site,
};

/// Changes that are to be made a second. A machine that does not manage them makes as many as it can.
const PER_SECOND: u32 = 1_000;
const CONNECTIONS: usize = 32;
/// Between two looks at the lists: what the time is exact to.
const LOOK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn measure(
    report: &mut Report,
    effort: &Effort,
    arguments: &Arguments,
    people: &Path,
    dir: &Path,
) -> Result<()> {
    // One thread for the load, the rest of the machine for the server.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let example = arguments.root.join("examples/farmer");
    let site = Site::new(dir, &arguments.chancery, &example, &arguments.plugin, people)?;
    let (server, _) = site.serve()?;
    runtime.block_on(async {
        let backend = Backend { target: &server.target, token: site.client_token().await? };
        let [before, measured] = [effort.warm_up, effort.measure].map(changes_in);
        let (issued, credentials) = backend.issue(before + measured).await?;
        report.whole("issue", "issue endpoint, SD-JWT VC, kept", System::Chancery, CONNECTIONS, issued);
        let (before, measured) = credentials.split_at(before);
        backend.revoke(before).await?;
        let (figures, changes, seen) = backend.revoke_and_watch(measured).await?;
        report.whole("status", "status endpoint, a revocation", System::Chancery, CONNECTIONS, figures);
        report.publications(publications(measured, &changes, &seen)?);
        let list = measured.first().map(|credential| credential.entry.list.clone()).ok_or("nothing was issued")?;
        reading::measure(report, effort, &server.target, &list).await
    })
}

fn changes_in(time: Duration) -> usize {
    // Some thousands.
    usize::try_from(time.as_millis() * u128::from(PER_SECOND) / 1_000).unwrap_or(0).max(1)
}

struct Backend<'a> {
    target: &'a Target,
    token: String,
}

struct Credential {
    id: String,
    entry: Entry,
}

/// One change that was acknowledged.
#[derive(Debug, Clone, Copy)]
struct Change {
    number: usize,
    /// Since it was due: a host that falls behind is not spared.
    took: Duration,
    acknowledged: Instant,
}

/// A list as it was given from then on.
struct Seen {
    at: Instant,
    token: Bytes,
}

type SeenLists = BTreeMap<String, Vec<Seen>>;

impl Backend<'_> {
    async fn issue(&self, count: usize) -> Result<(Figures, Vec<Credential>)> {
        let (credentials, times) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let watch = Stopwatch::start(&self.target.process)?;
        each(self.target, CONNECTIONS, count, async |connection, number| {
            let request = json!({"credential_configuration_id": SD_JWT, "subject": subject(number)});
            let from = Instant::now();
            let answer = connection.post("/credentials/issue", Some(&self.token), request.to_string().into()).await?;
            times.borrow_mut().push(from.elapsed());
            credentials.borrow_mut().push(answer);
            Ok(())
        })
        .await?;
        let figures = watch.stop(times.into_inner())?;
        let read = |answer: &Bytes| -> Result<Credential> {
            let entry = Entry::of_sd_jwt(&text(answer, "/credential")?, &self.target.url)?;
            Ok(Credential { id: text(answer, "/credentialId")?, entry })
        };
        Ok((figures, credentials.into_inner().iter().map(read).collect::<Result<_>>()?))
    }

    /// Each one when it is due, or as soon as a connection is free.
    async fn revoke(&self, credentials: &[Credential]) -> Result<Vec<Change>> {
        let mut connections = connect(self.target, CONNECTIONS).await?;
        let (next, start) = (Cell::new(0), Instant::now());
        let workers = connections.iter_mut().map(async |connection| -> Result<Vec<Change>> {
            let mut changes = Vec::new();
            loop {
                let number = next.get();
                let Some(credential) = credentials.get(number) else { return Ok(changes) };
                next.set(number + 1);
                let due = start + Duration::from_secs(1) * u32::try_from(number)? / PER_SECOND;
                sleep_until(due.into()).await;
                self.revoke_one(connection, credential).await?;
                let acknowledged = Instant::now();
                changes.push(Change { number, took: acknowledged - due, acknowledged });
            }
        });
        Ok(try_join_all(workers).await?.concat())
    }

    async fn revoke_one(&self, connection: &mut Connection, credential: &Credential) -> Result<()> {
        let request = json!({
            "credentialId": credential.id,
            "credentialStatus": {"statusPurpose": "revocation"},
            "status": true,
        });
        connection.post("/credentials/status", Some(&self.token), request.to_string().into()).await.map(drop)
    }

    async fn revoke_and_watch(&self, credentials: &[Credential]) -> Result<(Figures, Vec<Change>, SeenLists)> {
        let done = Cell::new(false);
        let revoke = async {
            let watch = Stopwatch::start(&self.target.process)?;
            let changes = self.revoke(credentials).await?;
            let figures = watch.stop(changes.iter().map(|change| change.took).collect())?;
            done.set(true);
            Ok((figures, changes))
        };
        let ((figures, changes), seen) = try_join(revoke, self.watch(credentials, &done)).await?;
        Ok((figures, changes, seen))
    }

    /// Fetches the credentials' lists until all has been done and can be seen. Nothing is decoded before that.
    async fn watch(&self, credentials: &[Credential], done: &Cell<bool>) -> Result<SeenLists> {
        let mut connection = Connection::open(self.target.address).await?;
        let mut seen = SeenLists::new();
        for Credential { entry, .. } in credentials {
            seen.entry(entry.list.clone()).or_default();
        }
        let mut done_since = None;
        loop {
            // Before the lists are fetched: what was done then may be seen in them.
            let is_done = done.get();
            for (list, seen) in &mut seen {
                let token = connection.get(list, STATUS_LIST_TOKEN).await?;
                if seen.last().is_none_or(|last| last.token != token) {
                    seen.push(Seen { at: Instant::now(), token });
                }
            }
            if is_done && all_revoked(credentials, &seen)? {
                return Ok(seen);
            }
            if is_done && done_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                return Err("changes were acknowledged, and not published".into());
            }
            sleep(LOOK).await;
        }
    }
}

fn all_revoked(credentials: &[Credential], seen: &SeenLists) -> Result<bool> {
    for (list, seen) in seen {
        let Some(last) = seen.last() else { return Ok(false) };
        let values = values(&last.token)?;
        let mut of_list = credentials.iter().map(|credential| &credential.entry).filter(|entry| entry.list == *list);
        if !of_list.all(|entry| is_revoked(&values, entry.index)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// From each acknowledgement to the first list that showed the change.
fn publications(credentials: &[Credential], changes: &[Change], seen: &SeenLists) -> Result<Publications> {
    let mut waits = Vec::with_capacity(changes.len());
    for (list, seen) in seen {
        let mut hidden: Vec<(u32, Instant)> = Vec::new();
        for change in changes {
            let entry = credentials.get(change.number).map(|credential| &credential.entry);
            hidden.extend(entry.filter(|entry| entry.list == *list).map(|entry| (entry.index, change.acknowledged)));
        }
        for Seen { at, token } in seen {
            let values = values(token)?;
            let shown = hidden.extract_if(.., |(index, _)| is_revoked(&values, *index));
            // It may be seen before the answer has come.
            waits.extend(shown.map(|(_, acknowledged)| at.saturating_duration_since(acknowledged)));
        }
    }
    let first = changes.iter().map(|change| change.acknowledged).min();
    let last = changes.iter().map(|change| change.acknowledged).max();
    let elapsed = last.zip(first).map_or(Duration::ZERO, |(last, first)| last - first);
    // What was there before the first change is no version of theirs.
    let versions = seen.values().map(|seen| seen.len().saturating_sub(1)).sum();
    Publications::new(PER_SECOND, elapsed, versions, waits)
}
