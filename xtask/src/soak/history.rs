//! What the wallets know: each request with its answer, or that none came.

use super::lives::Place;

/// What became of a request, as its client knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome<T> {
    /// The whole answer is there, and it is the good one.
    Accepted(T),
    /// Answered with this error.
    Refused(String),
    /// No answer, half of one, or 503: the host may have done it or not.
    Lost,
}

impl<T> Outcome<T> {
    pub(super) fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }

    pub(super) fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// One offer and all that was done with it. A request whose answer was lost is sent again, the same to the byte;
/// after one that was answered, only probes are sent, which must be refused.
#[derive(Clone)]
pub(super) struct Flow {
    pub offer_id: String,
    pub configuration: String,
    pub code: String,
    pub tx_code: Option<String>,
    /// Wrong transaction codes that are to be refused before the right one is tried.
    pub wrong_tx_codes: usize,
    /// What became of wrong transaction codes.
    pub guesses: Vec<Outcome<()>>,
    /// What became of the code with the right transaction code.
    pub redemptions: Vec<Outcome<()>>,
    pub access_token: Option<String>,
    /// Key proofs, and so credentials, in the one credential request.
    pub batch: usize,
    /// Made once, with one nonce.
    pub proofs: Vec<String>,
    /// What became of the credential request: the SHA-256 of each credential.
    pub issuances: Vec<Outcome<Vec<String>>>,
    /// The entries of its credentials in status lists.
    pub entries: Vec<Place>,
}

impl Flow {
    pub(super) fn refused_guesses(&self) -> usize {
        self.guesses.iter().filter(|guess| guess.is_refused()).count()
    }

    /// The code was exchanged, or can't be any more.
    pub(super) fn code_is_spent(&self) -> bool {
        self.redemptions.iter().any(|redemption| *redemption != Outcome::Lost)
    }

    /// The nonce gave credentials, or can't any more.
    pub(super) fn nonce_is_spent(&self) -> bool {
        self.issuances.iter().any(|issuance| *issuance != Outcome::Lost)
    }

    pub(super) fn has_credentials(&self) -> bool {
        self.issuances.iter().any(Outcome::is_accepted)
    }

    /// Every request has an answer.
    pub(super) fn is_finished(&self) -> bool {
        self.code_is_spent() && (self.access_token.is_none() || self.nonce_is_spent())
    }

    pub(super) fn acknowledged(&self) -> usize {
        let accepted = self.issuances.iter().map(|issuance| match issuance {
            Outcome::Accepted(credentials) => credentials.len(),
            _ => 0,
        });
        accepted.sum()
    }
}

/// All that one thread, or all of them, did.
#[derive(Default)]
pub(super) struct History {
    pub flows: Vec<Flow>,
    /// Offers whose making was not answered: they may exist.
    pub lost_offers: usize,
    /// What an answer itself shows to be wrong.
    pub violations: Vec<String>,
}

impl History {
    pub(super) fn merge(&mut self, other: Self) {
        self.flows.extend(other.flows);
        self.lost_offers += other.lost_offers;
        self.violations.extend(other.violations);
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.flows.iter().map(Flow::acknowledged).sum()
    }

    /// Requests for tokens and credentials that got no answer, and how many of them had been carried out: the same
    /// request was refused afterwards.
    pub(super) fn lost_requests(&self) -> (usize, usize) {
        let (mut lost, mut done) = (0, 0);
        for flow in &self.flows {
            for (was_lost, was_done) in [fate(&flow.redemptions), fate(&flow.issuances)] {
                lost += usize::from(was_lost);
                done += usize::from(was_done);
            }
        }
        (lost, done)
    }
}

fn fate<T>(outcomes: &[Outcome<T>]) -> (bool, bool) {
    let lost = matches!(outcomes, [Outcome::Lost, ..]);
    (lost, lost && matches!(outcomes, [_, Outcome::Refused(_), ..]))
}
