//! Random sequences: of small numbers, which `resolve` takes for ids, indexes and times. What is large is boxed: the
//! strategies hold each other, and would overflow the stack of a test.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Turns of one sequence at most.
const MAX_TURNS: usize = 40;
/// Seconds of [`at`](super::super::fixtures::at). Clocks of hosts differ, and step back: no order in them.
const TIMES: i64 = 40;

#[derive(Debug, Clone)]
pub(super) enum Turn {
    /// On that host.
    One(usize, Step),
    /// At once, on a host each.
    Race(Step, Step),
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Record(Vec<Batch>),
    Update(Vec<Update>),
    Delete { issuer: u8, target: u8, revoke: bool, at: i64 },
    SignAgain { issuer: u8, target: u8, is_stale: bool, entry: Entry, at: i64 },
    Lease { issuer: u8, list: u8, count: i64, at: i64 },
    Publish { issuer: u8, list: u8, ahead: i64, revision: Revision, at: i64, window: u64, keep_from: i64 },
    Open { issuer: u8, list: u8, most_open: u32, at: i64 },
    Search(Search),
    Expire { at: i64 },
}

#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub issuer: u8,
    pub credentials: Vec<Issued>,
    pub nonces: Vec<u8>,
    pub reply: Option<Key>,
    /// Of the person's former credentials: whether they are revoked.
    pub replaces: Option<bool>,
}

#[derive(Debug, Clone)]
pub(super) struct Issued {
    /// One that the client chose; else the host makes a new one.
    pub chosen: Option<u8>,
    pub entry: Entry,
    pub person: Option<u8>,
    pub configuration: u8,
    pub attributes: [Option<u8>; 2],
    pub retention: Option<i64>,
    pub is_kept: bool,
    pub at: i64,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Entry {
    None,
    /// Of an index that was leased and not used.
    New(u8),
    /// Another credential's.
    Taken(u8),
}

#[derive(Debug, Clone)]
pub(super) struct Update {
    pub issuer: u8,
    pub target: u8,
    pub purpose: u8,
    pub value: bool,
    pub expected: Expected,
    pub reply: Option<Key>,
    pub at: i64,
}

/// The entry that the caller names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expected {
    Any,
    Right,
    WrongUrl,
    WrongIndex,
    /// Of another credential.
    Foreign(u8),
}

/// An idempotency key of a client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub client: u8,
    pub key: u8,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Revision {
    Newest,
    Published,
    Beyond,
    Before,
}

#[derive(Debug, Clone)]
pub(super) struct Search {
    pub issuer: u8,
    pub person: Option<u8>,
    pub configuration: Option<u8>,
    pub attributes: [Option<u8>; 2],
    pub purposes: [bool; 2],
    pub from: Option<i64>,
    pub until: Option<i64>,
    pub after: Option<u8>,
    pub limit: u32,
}

impl Step {
    /// Makes it about that credential, as far as it is about one.
    fn aim(&mut self, at: u8, which: u8) {
        match self {
            Self::Update(updates) => {
                for update in updates {
                    (update.issuer, update.target) = (at, which);
                }
            }
            Self::Delete { issuer, target, .. } | Self::SignAgain { issuer, target, .. } => {
                (*issuer, *target) = (at, which);
            }
            Self::Record(_)
            | Self::Lease { .. }
            | Self::Publish { .. }
            | Self::Open { .. }
            | Self::Search(_)
            | Self::Expire { .. } => {}
        }
    }
}

pub(super) fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let one = (0..2_usize, step()).prop_map(|(host, step)| Turn::One(host, step));
    let race = (racing(), racing(), option::of((issuer(), target()))).prop_map(|(mut one, mut other, same)| {
        if let Some((issuer, target)) = same {
            one.aim(issuer, target);
            other.aim(issuer, target);
        }
        Turn::Race(one, other)
    });
    vec(prop_oneof![4 => one, 1 => race], 1..MAX_TURNS)
}

fn step() -> BoxedStrategy<Step> {
    prop_oneof![
        20 => racing(),
        1 => at().prop_map(|at| Step::Expire { at }),
    ]
    .boxed()
}

fn racing() -> BoxedStrategy<Step> {
    prop_oneof![
        8 => vec(batch(), 1..4).prop_map(Step::Record),
        8 => (vec(update(), 1..4), any::<bool>()).prop_map(|(updates, same)| Step::Update(aligned(updates, same))),
        4 => (issuer(), target(), any::<bool>(), at())
            .prop_map(|(issuer, target, revoke, at)| Step::Delete { issuer, target, revoke, at }),
        2 => (issuer(), target(), rarely(), entry(), at())
            .prop_map(|(issuer, target, is_stale, entry, at)| Step::SignAgain { issuer, target, is_stale, entry, at }),
        2 => (issuer(), 0..3_u8, -1..9_i64, at())
            .prop_map(|(issuer, list, count, at)| Step::Lease { issuer, list, count, at }),
        3 => publish(),
        1 => (issuer(), 0..3_u8, 0..3_u32, at())
            .prop_map(|(issuer, list, most_open, at)| Step::Open { issuer, list, most_open, at }),
        3 => search().prop_map(Step::Search),
    ]
    .boxed()
}

fn batch() -> BoxedStrategy<Batch> {
    let credentials = prop_oneof![1 => vec(issued(), 0..1), 8 => vec(issued(), 1..2), 2 => vec(issued(), 2..4)];
    (issuer(), credentials, vec(0..6_u8, 0..2), option::weighted(0.3, key()), option::weighted(0.5, any::<bool>()))
        .prop_map(|(issuer, credentials, nonces, reply, replaces)| Batch {
            issuer,
            credentials,
            nonces,
            reply,
            replaces,
        })
        .boxed()
}

fn issued() -> BoxedStrategy<Issued> {
    let configuration = prop_oneof![4 => Just(0_u8), 1 => Just(1)];
    let identity = (option::weighted(0.4, 0..8_u8), entry(), option::weighted(0.8, 0..2_u8), configuration);
    let rest = (attributes(), option::weighted(0.2, at()), any::<bool>(), at());
    (identity, rest)
        .prop_map(|((chosen, entry, person, configuration), (attributes, retention, is_kept, at))| Issued {
            chosen,
            entry,
            person,
            configuration,
            attributes,
            retention,
            is_kept,
            at,
        })
        .boxed()
}

fn update() -> BoxedStrategy<Update> {
    let expected = prop_oneof![
        6 => Just(Expected::Any),
        2 => Just(Expected::Right),
        1 => Just(Expected::WrongUrl),
        1 => Just(Expected::WrongIndex),
        2 => target().prop_map(Expected::Foreign),
    ];
    (issuer(), target(), 0..3_u8, any::<bool>(), expected, option::weighted(0.3, key()), at())
        .prop_map(|(issuer, target, purpose, value, expected, reply, at)| Update {
            issuer,
            target,
            purpose,
            value,
            expected,
            reply,
            at,
        })
        .boxed()
}

/// All about one entry, when they are to be the same.
fn aligned(mut updates: Vec<Update>, same: bool) -> Vec<Update> {
    let Some((first, rest)) = updates.split_first_mut().filter(|_| same) else { return updates };
    for update in rest {
        (update.issuer, update.target, update.purpose) = (first.issuer, first.target, first.purpose);
    }
    updates
}

fn publish() -> BoxedStrategy<Step> {
    let ahead = prop_oneof![8 => Just(1_i64), 1 => Just(0), 1 => Just(2)];
    let revision = prop_oneof![
        4 => Just(Revision::Newest),
        1 => Just(Revision::Published),
        1 => Just(Revision::Beyond),
        1 => Just(Revision::Before),
    ];
    (issuer(), 0..3_u8, ahead, revision, at(), 0..15_u64, at())
        .prop_map(|(issuer, list, ahead, revision, at, window, keep_from)| Step::Publish {
            issuer,
            list,
            ahead,
            revision,
            at,
            window,
            keep_from,
        })
        .boxed()
}

fn search() -> BoxedStrategy<Search> {
    let what = (issuer(), option::of(0..2_u8), option::of(0..2_u8), attributes());
    let which = (option::weighted(0.3, at()), option::weighted(0.3, at()), option::weighted(0.3, target()));
    let limit = prop_oneof![Just(500_u32), 0..4_u32];
    (what, [rarely(), rarely()], which, limit)
        .prop_map(|((issuer, person, configuration, attributes), purposes, (from, until, after), limit)| Search {
            issuer,
            person,
            configuration,
            attributes,
            purposes,
            from,
            until,
            after,
            limit,
        })
        .boxed()
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        2 => Just(Entry::None),
        7 => (0..3_u8).prop_map(Entry::New),
        1 => target().prop_map(Entry::Taken),
    ]
}

fn attributes() -> impl Strategy<Value = [Option<u8>; 2]> {
    [option::weighted(0.3, 0..2_u8), option::weighted(0.3, 0..2_u8)]
}

fn key() -> impl Strategy<Value = Key> {
    (0..2_u8, 0..3_u8).prop_map(|(client, key)| Key { client, key })
}

/// Mostly the first one; the other one has the same ids, which must not be mixed up.
fn issuer() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0_u8), 1 => Just(1)]
}

fn target() -> impl Strategy<Value = u8> {
    any::<u8>()
}

fn rarely() -> impl Strategy<Value = bool> {
    prop_oneof![3 => Just(false), 1 => Just(true)]
}

fn at() -> impl Strategy<Value = i64> {
    0..TIMES
}
