//! Compares what backends know with what the host recorded and published. Pure, as `check`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{
    check::Event,
    history::Outcome,
    lives::{Entry, Job, Known, Life, Place, REVOCATION, Seen, accepted},
};

/// Bits that are set, of each list by its URL.
pub(super) type Bits = BTreeMap<String, BTreeSet<u64>>;

/// What the host recorded about one credential.
#[derive(Default)]
struct Trail<'a> {
    issued: Vec<&'a Event>,
    turns: usize,
    deletions: usize,
}

/// Everything that is wrong, a line each. All is settled, and `events` are all that ever were.
pub(super) fn check_lives(known: &Known, events: &[Event]) -> Vec<String> {
    let mut wrong = known.violations.clone();
    let mut trails = trails(events);
    for life in &known.lives {
        let name = life.issued().map_or(&*life.request.key, |issued| &issued.id);
        let mut say = |what: String| wrong.push(format!("credential {name}: {what}"));
        check_issues(life, &mut say);
        check_changes(life, &mut say);
        check_seen(life, &mut say);
        if let Some(issued) = life.issued() {
            let trail = trails.remove(issued.id.as_str()).unwrap_or_default();
            check_trail(life, &issued.sha256, &trail, &mut say);
        }
    }
    for job in &known.jobs {
        check_job(job, &mut trails, &mut wrong);
    }
    // What is left was issued without an offer and for nobody: a request that came twice acted twice.
    for (id, trail) in trails {
        let unexpected = trail.issued.iter().filter(|event| event.detail.offer.is_none()).count();
        if unexpected > 0 {
            wrong.push(format!("credential {id}: issued, and no request is known that it answers"));
        }
    }
    wrong
}

/// An index is one credential's, for ever: also when that is deleted.
pub(super) fn check_indexes(known: &Known, wallets: &[Place]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut holders: HashMap<(&str, u64), &str> = HashMap::new();
    let mut take = |list, index, holder| {
        if let Some(other) = holders.insert((list, index), holder) {
            wrong.push(format!("the entry {list}#{index} was given to {other} and to {holder}"));
        }
    };
    for (name, entries) in entries(known) {
        for entry in entries {
            take(&entry.list, entry.index, name);
        }
    }
    for (list, index) in wallets {
        take(list, *index, "a wallet's credential");
    }
    for (name, entries) in entries(known) {
        if entries.iter().any(|entry| entry.index != entries[0].index) {
            wrong.push(format!("credential {name}: its entries have different indexes"));
        }
    }
    wrong
}

/// The bits that acknowledged changes and deletions have set; lists without any are there too.
pub(super) fn expected_bits(known: &Known) -> Bits {
    let mut bits = Bits::new();
    for (_, entries) in entries(known) {
        for entry in entries {
            bits.entry(entry.list.clone()).or_default();
        }
    }
    for life in &known.lives {
        let says = life.says();
        for entry in life.entries.iter().filter(|entry| says.get(&*entry.purpose) == Some(&true)) {
            bits.entry(entry.list.clone()).or_default().insert(entry.index);
        }
    }
    bits
}

/// What is published is what was acknowledged, and no bit more.
pub(super) fn check_published(expected: &Bits, published: &Bits) -> Vec<String> {
    let mut wrong = Vec::new();
    for (list, expected) in expected {
        let Some(published) = published.get(list) else {
            wrong.push(format!("the list {list} is not published"));
            continue;
        };
        for index in expected.difference(published) {
            wrong.push(format!("{list}#{index} was acknowledged as set, and is not published so"));
        }
        for index in published.difference(expected) {
            wrong.push(format!("{list}#{index} is published as set, and nobody has set it, or it was cleared"));
        }
    }
    wrong
}

fn trails(events: &[Event]) -> HashMap<&str, Trail<'_>> {
    let mut trails: HashMap<&str, Trail<'_>> = HashMap::new();
    for event in events.iter().filter(|event| event.outcome == "succeeded") {
        let trail = trails.entry(event.object.as_str()).or_default();
        match event.action.as_str() {
            "credential.issue" => trail.issued.push(event),
            "credential.status" => trail.turns += 1,
            "credential.delete" => trail.deletions += 1,
            _ => {}
        }
    }
    trails
}

fn check_issues(life: &Life, say: &mut impl FnMut(String)) {
    let answers: Vec<_> = life.issues.iter().filter_map(accepted).collect();
    for issue in &life.issues {
        if let Outcome::Refused(error) = issue {
            say(format!("a good request for it was refused: {error}"));
        }
    }
    let Some((first, rest)) = answers.split_first() else {
        return say("it was never acknowledged".to_owned());
    };
    for again in rest {
        if (&again.id, &again.sha256) != (&first.id, &first.sha256) {
            say(format!("the same request was answered with {} the next time", again.id));
        } else if !again.replayed {
            say("the same request acted twice".to_owned());
        }
    }
    if first.replayed && life.issues.first().is_some_and(Outcome::is_accepted) {
        say("the first request is said to be a repetition".to_owned());
    }
    if life.chosen.as_ref().is_some_and(|chosen| *chosen != first.id) {
        say("it has another id than the chosen one".to_owned());
    }
    if let Some((list, index)) = &first.entry
        && !life.entries.iter().any(|entry| entry.list == *list && entry.index == *index)
    {
        say(format!("it names the entry {list}#{index}, and is recorded with another one"));
    }
}

fn check_changes(life: &Life, say: &mut impl FnMut(String)) {
    for (change, outcome) in life.changes.iter().flat_map(|change| change.outcomes.iter().map(move |o| (change, o))) {
        if let Outcome::Refused(error) = outcome {
            say(format!("setting its {} to {} was refused: {error}", change.purpose, change.value));
        }
    }
    if life.changes.iter().any(|change| !change.is_made()) {
        say("a change of its status was never acknowledged".to_owned());
    }
    let deleted = life.deletions.iter().filter(|deletion| deletion.is_accepted()).count();
    if deleted > 1 {
        say(format!("it was deleted {deleted} times"));
    }
    let mut tried = false;
    for deletion in &life.deletions {
        match deletion {
            Outcome::Refused(error) if error != GONE || !tried => say(format!("deleting it was refused: {error}")),
            _ => tried = true,
        }
    }
}

/// The error of whoever asks for what was deleted.
pub(super) const GONE: &str = "urn:chancery:problem:credential-deleted";

fn check_seen(life: &Life, say: &mut impl FnMut(String)) {
    match (&life.seen, life.is_deleted()) {
        (None, _) | (Some(Seen::Gone), true) => {}
        (Some(Seen::Gone), false) => say("it is gone, and nobody has deleted it".to_owned()),
        (Some(Seen::Refused(error)), _) => say(format!("it cannot be read: {error}")),
        (Some(Seen::There { .. }), true) => say("its deletion was acknowledged, and it is there".to_owned()),
        (Some(Seen::There { sha256, says }), false) => {
            if life.issued().is_some_and(|issued| issued.sha256 != *sha256) {
                say("what is stored is another credential than the acknowledged one".to_owned());
            }
            for (purpose, value) in life.says() {
                if says.get(purpose) != Some(&value) {
                    say(format!("its {purpose} was acknowledged as {value}, and is {:?}", says.get(purpose)));
                }
            }
        }
    }
}

fn check_trail(life: &Life, sha256: &str, trail: &Trail<'_>, say: &mut impl FnMut(String)) {
    match trail.issued.as_slice() {
        [event] if event.detail.credential_sha256.as_deref() == Some(sha256) => {}
        [_] => say("its event tells of another credential".to_owned()),
        events => say(format!("its issue was acknowledged, and is recorded {} times", events.len())),
    }
    if trail.turns != life.turns() {
        say(format!("its status has changed {} times, and {} changes are recorded", life.turns(), trail.turns));
    }
    if trail.deletions != usize::from(life.is_deleted()) {
        say(format!("{} deletions of it are recorded", trail.deletions));
    }
}

fn check_job(job: &Job, trails: &mut HashMap<&str, Trail<'_>>, wrong: &mut Vec<String>) {
    let name = job.id().unwrap_or(&job.request.key);
    let mut say = |what: String| wrong.push(format!("job {name}: {what}"));
    for creation in &job.creations {
        match creation {
            Outcome::Refused(error) => say(format!("it was refused: {error}")),
            Outcome::Accepted(id) if id != name => say(format!("the same request made the job {id} as well")),
            Outcome::Accepted(_) | Outcome::Lost => {}
        }
    }
    let Some(issued) = &job.issued else { return say("it was not finished".to_owned()) };
    let ids: HashSet<_> = issued.iter().map(|(id, _)| id.as_str()).collect();
    if ids.len() != job.items || issued.len() != job.items {
        say(format!("it has {} items, and {} credentials", job.items, ids.len()));
    }
    for id in ids {
        let recorded = trails.remove(id).map_or(0, |trail| trail.issued.len());
        if recorded != 1 {
            say(format!("the issue of its credential {id} is recorded {recorded} times"));
        }
    }
}

/// Who has which entries.
fn entries(known: &Known) -> impl Iterator<Item = (&str, &[Entry])> {
    let lives = known.lives.iter().map(|life| {
        let name = life.issued().map_or(life.request.key.as_str(), |issued| issued.id.as_str());
        (name, life.entries.as_slice())
    });
    let jobs = known.jobs.iter().filter_map(|job| job.issued.as_ref()).flatten();
    lives.chain(jobs.map(|(id, entries)| (id.as_str(), entries.as_slice())))
}

/// What one who looks at a list again and again must never see.
#[derive(Clone, Default)]
pub(super) struct Watch {
    last: BTreeMap<String, Look>,
}

/// A list as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    pub purpose: String,
    /// RFC 3339, in UTC and whole seconds: sorts as text.
    pub valid_from: String,
    pub bits: BTreeSet<u64>,
}

impl Watch {
    /// Answers what is wrong with it.
    pub(super) fn look(&mut self, list: &str, look: &Look) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(before) = self.last.get(list) {
            if look.valid_from < before.valid_from {
                wrong.push(format!("{list} went back from {} to {}", before.valid_from, look.valid_from));
            }
            if look.purpose == REVOCATION {
                let cleared = before.bits.difference(&look.bits);
                wrong.extend(cleared.map(|index| format!("{list}#{index} was revoked, and is not any more")));
            }
        }
        self.last.insert(list.to_owned(), look.clone());
        wrong
    }
}
