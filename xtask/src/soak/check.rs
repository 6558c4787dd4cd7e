//! Compares what clients know with what the host has recorded. Pure: no process, no network, no clock.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

use super::history::{Flow, History, Outcome};

/// Answers to a code and to a nonce that are spent.
pub(super) const SPENT_CODE: &str = "invalid_grant";
pub(super) const SPENT_NONCE: &str = "invalid_nonce";
pub(super) const SPENT_ASSERTION: &str = "invalid_client";

/// A line of `chancery audit events --json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Event {
    pub number: i64,
    #[serde(rename = "event_id")]
    pub id: String,
    pub action: String,
    pub object: String,
    pub outcome: String,
    pub reason: Option<String>,
    pub request_id: Option<String>,
    pub detail: Detail,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Detail {
    pub offer: Option<String>,
    pub configuration: Option<String>,
    pub credential_sha256: Option<String>,
}

impl Event {
    fn is(&self, action: &str) -> bool {
        self.action == action && self.outcome == "succeeded"
    }

    pub(super) fn is_issuance(&self) -> bool {
        self.is("credential.issue")
    }

    pub(super) fn is_deletion(&self) -> bool {
        self.is("credential.delete")
    }
}

/// A line of `chancery credential show --json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Record {
    #[serde(rename = "credential_id")]
    pub id: String,
    #[serde(rename = "configuration_id")]
    pub configuration: String,
    #[serde(rename = "offer_id")]
    pub offer: Option<String>,
}

/// What the host recorded of one offer.
#[derive(Default)]
struct Trail<'a> {
    created: usize,
    redeemed: usize,
    wrong_tx_codes: usize,
    /// By request.
    batches: BTreeMap<&'a str, Vec<&'a Event>>,
}

/// Everything that is wrong, a line each. `events` must be all that was recorded while `history` was made.
pub(super) fn check(history: &History, events: &[Event], tx_code_attempts: usize) -> Vec<String> {
    let mut wrong = history.violations.clone();
    wrong.extend(check_events(events));
    let mut trails = trails(events);
    for flow in &history.flows {
        let trail = trails.remove(flow.offer_id.as_str()).unwrap_or_default();
        let mut say = |what: String| wrong.push(format!("offer {} ({}): {what}", flow.offer_id, flow.configuration));
        if trail.created != 1 {
            say(format!("its making was acknowledged, and is recorded {} times", trail.created));
        }
        check_code(flow, &trail, tx_code_attempts, &mut say);
        check_credentials(flow, &trail, &mut say);
    }
    // What is left belongs to offers whose code no wallet ever had.
    if trails.values().map(|trail| trail.created).sum::<usize>() > history.lost_offers {
        wrong.push(format!("more offers are recorded than the {} whose answer was lost", history.lost_offers));
    }
    for (offer, trail) in trails {
        if trail.redeemed > 0 || !trail.batches.is_empty() {
            wrong.push(format!("offer {offer}: recorded as taken again, or by nobody"));
        }
    }
    wrong
}

/// Every issuance in the events has its record, unless they also tell of its deletion.
pub(super) fn check_records(events: &[Event], records: &[Record]) -> Vec<String> {
    let records: HashMap<&str, &Record> = records.iter().map(|record| (record.id.as_str(), record)).collect();
    let deleted: HashSet<&str> =
        events.iter().filter(|event| event.is_deletion()).map(|event| event.object.as_str()).collect();
    let mut wrong = Vec::new();
    for event in events.iter().filter(|event| event.is_issuance()) {
        match records.get(event.object.as_str()) {
            None if deleted.contains(event.object.as_str()) => {}
            Some(_) if deleted.contains(event.object.as_str()) => {
                wrong.push(format!("credential {}: its deletion is recorded, and so is the credential", event.object));
            }
            None => {
                wrong.push(format!("credential {}: its issue is recorded, and the credential is not", event.object));
            }
            Some(record) if record.offer != event.detail.offer => {
                wrong.push(format!("credential {}: record and event name different offers", event.object));
            }
            Some(record) if Some(&record.configuration) != event.detail.configuration.as_ref() => {
                wrong.push(format!("credential {}: record and event name different configurations", event.object));
            }
            Some(_) => {}
        }
    }
    wrong
}

/// What was read before is still there, unchanged.
pub(super) fn check_kept(before: &[Event], after: &[Event]) -> Vec<String> {
    let after: HashMap<i64, &Event> = after.iter().map(|event| (event.number, event)).collect();
    let gone = before.iter().filter(|event| after.get(&event.number) != Some(event));
    gone.map(|event| format!("event {} ({}) is gone or another one now", event.number, event.id)).collect()
}

fn check_events(events: &[Event]) -> Vec<String> {
    let mut wrong = Vec::new();
    for pair in events.windows(2) {
        if pair[0].number >= pair[1].number {
            wrong.push(format!("event {} comes after event {}", pair[1].number, pair[0].number));
        }
    }
    let (mut ids, mut credentials, mut hashes) = (HashSet::new(), HashSet::new(), HashSet::new());
    for event in events {
        if !ids.insert(&event.id) {
            wrong.push(format!("event {} is recorded twice", event.id));
        }
        if !event.is_issuance() {
            continue;
        }
        if !credentials.insert(&event.object) {
            wrong.push(format!("credential {} is recorded twice", event.object));
        }
        match &event.detail.credential_sha256 {
            Some(hash) if hashes.insert(hash) => {}
            Some(hash) => wrong.push(format!("the credential with SHA-256 {hash} is recorded twice")),
            None => wrong.push(format!("credential {}: its event has no credential_sha256", event.object)),
        }
    }
    wrong
}

fn trails(events: &[Event]) -> HashMap<&str, Trail<'_>> {
    let mut trails: HashMap<&str, Trail<'_>> = HashMap::new();
    for event in events {
        if event.is("offer.create") {
            trails.entry(&event.object).or_default().created += 1;
        } else if event.is("offer.redeem") {
            trails.entry(&event.object).or_default().redeemed += 1;
        } else if event.action == "offer.redeem" && event.reason.as_deref() == Some("tx-code-wrong") {
            trails.entry(&event.object).or_default().wrong_tx_codes += 1;
        } else if let (true, Some(offer)) = (event.is_issuance(), event.detail.offer.as_deref()) {
            // What has no offer was issued to a backend, which `check_lives` knows.
            let trail = trails.entry(offer).or_default();
            trail.batches.entry(event.request_id.as_deref().unwrap_or("none")).or_default().push(event);
        }
    }
    trails
}

fn check_code(flow: &Flow, trail: &Trail<'_>, tx_code_attempts: usize, say: &mut impl FnMut(String)) {
    let accepted = flow.redemptions.iter().filter(|redemption| redemption.is_accepted()).count();
    if accepted > 1 || trail.redeemed > 1 {
        say(format!("the code was accepted {accepted} times, and is recorded as taken {} times", trail.redeemed));
    }
    if accepted > trail.redeemed {
        say("the code was accepted, and that is not recorded".to_owned());
    }
    if flow.guesses.iter().any(Outcome::is_accepted) {
        say("a wrong transaction code was accepted".to_owned());
    }
    let counted = trail.wrong_tx_codes;
    if counted > tx_code_attempts || counted > flow.guesses.len() {
        say(format!(
            "{counted} wrong transaction codes are recorded, of {} tried and {tx_code_attempts} allowed",
            flow.guesses.len()
        ));
    }
    let refused = flow.refused_guesses();
    if counted < refused.min(tx_code_attempts) {
        say(format!("{refused} wrong transaction codes were refused, and {counted} are recorded"));
    }
    let dead = counted >= tx_code_attempts;
    if dead && (accepted > 0 || trail.redeemed > 0) {
        say(format!("the code was accepted after {counted} wrong transaction codes"));
    }
    let spent = match (dead, trail.redeemed) {
        (true, _) => Spent::Before,
        (false, 0) => Spent::Never,
        (false, _) => Spent::ByUs,
    };
    if let Some(error) = unexpected(&flow.redemptions, SPENT_CODE, spent) {
        say(format!("a good code was refused: {error}"));
    }
    for guess in &flow.guesses {
        if let Outcome::Refused(error) = guess
            && error != SPENT_CODE
        {
            say(format!("a wrong transaction code was answered {error}"));
        }
    }
}

fn check_credentials(flow: &Flow, trail: &Trail<'_>, say: &mut impl FnMut(String)) {
    for (request, batch) in &trail.batches {
        if batch.len() != flow.batch {
            say(format!("request {request} issues {} credentials, and {} are recorded", flow.batch, batch.len()));
        }
    }
    if trail.batches.len() > 1 {
        say(format!("one nonce gave credentials in {} requests", trail.batches.len()));
    }
    let accepted = flow.issuances.iter().filter_map(|issuance| match issuance {
        Outcome::Accepted(credentials) => Some(credentials),
        _ => None,
    });
    let acknowledged: Vec<_> = accepted.collect();
    if acknowledged.len() > 1 {
        say(format!("one nonce gave credentials {} times", acknowledged.len()));
    }
    let recorded: HashSet<&str> =
        trail.batches.values().flatten().filter_map(|event| event.detail.credential_sha256.as_deref()).collect();
    for credentials in &acknowledged {
        if credentials.len() != flow.batch {
            say(format!("{} credentials were answered to {} proofs", credentials.len(), flow.batch));
        }
        for hash in credentials.iter().filter(|hash| !recorded.contains(hash.as_str())) {
            say(format!("the acknowledged credential with SHA-256 {hash} is not recorded"));
        }
    }
    let spent = if trail.batches.is_empty() { Spent::Never } else { Spent::ByUs };
    if let Some(error) = unexpected(&flow.issuances, SPENT_NONCE, spent) {
        say(format!("a good credential request was refused: {error}"));
    }
    if flow.access_token.is_none() && !trail.batches.is_empty() {
        say("credentials were issued to nobody".to_owned());
    }
}

/// A refusal that should not have been: with another error than the one for what is spent, or of something that
/// no earlier request can have spent, or where nothing is recorded that did.
fn unexpected<T>(outcomes: &[Outcome<T>], error_when_spent: &str, spent: Spent) -> Option<String> {
    let mut tried = false;
    for outcome in outcomes {
        match outcome {
            Outcome::Refused(error) if error != error_when_spent => return Some(error.clone()),
            Outcome::Refused(error) if spent == Spent::Never => {
                return Some(format!("{error}, and nothing is recorded that spent it"));
            }
            Outcome::Refused(error) if spent == Spent::ByUs && !tried => {
                return Some(format!("{error} to the first request"));
            }
            Outcome::Refused(_) => {}
            Outcome::Accepted(_) | Outcome::Lost => tried = true,
        }
    }
    None
}

#[derive(PartialEq, Eq)]
enum Spent {
    Never,
    /// By one of the requests.
    ByUs,
    /// By wrong transaction codes, before any request.
    Before,
}
