//! What backends know: each credential that they had issued, and all that they asked for about it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::history::Outcome;

pub(super) const REVOCATION: &str = "revocation";
pub(super) const SUSPENSION: &str = "suspension";

/// A request under an idempotency key: the same to the byte, however often it is sent.
#[derive(Clone)]
pub(super) struct Request {
    pub key: String,
    pub body: Value,
}

/// One credential from its issuance to its end. It is one backend's alone, and requests about it come one after the
/// other; one whose answer was lost is sent again, under its key, before the next.
#[derive(Clone)]
pub(super) struct Life {
    pub request: Request,
    /// The id that the backend chose.
    pub chosen: Option<String>,
    pub issues: Vec<Outcome<Issued>>,
    /// Once it was read; it has them for life.
    pub entries: Vec<Entry>,
    pub changes: Vec<Change>,
    pub deletions: Vec<Outcome<()>>,
    /// As it was read last, after a restart.
    pub seen: Option<Seen>,
}

/// An answer to the request for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Issued {
    pub id: String,
    pub sha256: String,
    /// The entry that the credential itself names first.
    pub entry: Option<Place>,
    /// Whether the host says that it has answered so before.
    pub replayed: bool,
}

/// A status list's URL, and an index in it.
pub(super) type Place = (String, u64);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub purpose: String,
    pub list: String,
    pub index: u64,
}

#[derive(Clone)]
pub(super) struct Change {
    pub purpose: &'static str,
    pub value: bool,
    pub request: Request,
    pub outcomes: Vec<Outcome<()>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    There {
        sha256: String,
        /// What each purpose's entry says.
        says: BTreeMap<String, bool>,
    },
    /// 410.
    Gone,
    Refused(String),
}

/// Many credentials asked for at once.
#[derive(Clone)]
pub(super) struct Job {
    pub request: Request,
    pub items: usize,
    /// Its ids.
    pub creations: Vec<Outcome<String>>,
    /// Its credentials with their entries, once it is finished.
    pub issued: Option<Vec<(String, Vec<Entry>)>>,
}

/// Everything that backends did and know.
#[derive(Clone, Default)]
pub(super) struct Known {
    pub lives: Vec<Life>,
    pub jobs: Vec<Job>,
    /// What an answer itself shows to be wrong.
    pub violations: Vec<String>,
}

impl Life {
    pub(super) fn issued(&self) -> Option<&Issued> {
        self.issues.iter().find_map(accepted)
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.deletions.iter().any(|deletion| *deletion != Outcome::Lost)
    }

    /// Every request has an answer.
    pub(super) fn is_settled(&self) -> bool {
        self.issued().is_some()
            && self.changes.iter().all(Change::is_made)
            && (self.deletions.is_empty() || self.is_deleted())
    }

    /// What its entries say, once it is settled.
    pub(super) fn says(&self) -> BTreeMap<&'static str, bool> {
        self.course().0
    }

    /// How often what its entries say has changed.
    pub(super) fn turns(&self) -> usize {
        self.course().1
    }

    fn course(&self) -> (BTreeMap<&'static str, bool>, usize) {
        let mut says = BTreeMap::from([(REVOCATION, false), (SUSPENSION, false)]);
        let mut turns = 0;
        let deletion = self.is_deleted().then_some((REVOCATION, true));
        for (purpose, value) in self.changes.iter().map(|change| (change.purpose, change.value)).chain(deletion) {
            turns += usize::from(says.insert(purpose, value) != Some(value));
        }
        (says, turns)
    }
}

impl Change {
    pub(super) fn is_made(&self) -> bool {
        self.outcomes.iter().any(Outcome::is_accepted)
    }
}

impl Job {
    pub(super) fn id(&self) -> Option<&String> {
        self.creations.iter().find_map(accepted)
    }
}

impl Known {
    pub(super) fn merge(&mut self, other: Self) {
        self.lives.extend(other.lives);
        self.jobs.extend(other.jobs);
        self.violations.extend(other.violations);
    }

    /// Credentials, changes of a status, deletions and jobs that were acknowledged.
    pub(super) fn acknowledged(&self) -> [usize; 4] {
        let changes = self.lives.iter().flat_map(|life| &life.changes);
        [
            self.lives.iter().filter(|life| life.issued().is_some()).count(),
            changes.filter(|change| change.is_made()).count(),
            self.lives.iter().filter(|life| life.is_deleted()).count(),
            self.jobs.iter().filter(|job| job.issued.is_some()).count(),
        ]
    }
}

pub(super) fn accepted<T>(outcome: &Outcome<T>) -> Option<&T> {
    match outcome {
        Outcome::Accepted(answer) => Some(answer),
        Outcome::Refused(_) | Outcome::Lost => None,
    }
}
