//! The load: wallets that take offers whole, and after a restart go on where they were cut off and try to use
//! again what was used before.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use chancery_keys::SoftwareKey;
use serde_json::{Value, json};

use super::{
    answers::sha256,
    check::SPENT_ASSERTION,
    client::{Signing, new_key},
    history::{Flow, History, Outcome},
    http::{Answer, Http},
    lists,
    random::Random,
    site::{CLAIMS_CONFIGURATION, Issuer, TX_CODE_ATTEMPTS},
};

const PRE_AUTHORIZED: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";
/// Flows of one thread between two kills, so that a long pause between kills stays bounded.
const MAX_FLOWS: usize = 5_000;
const MAX_BATCH: usize = 3;
/// The service client signs in anew for one flow in so many.
const SIGN_IN_EVERY: u64 = 8;
/// After a restart, each thread uses so many proofs again, and so many codes from before the restart before.
const PROOFS_USED_AGAIN: usize = 6;
const OLD_CODES_USED_AGAIN: usize = 2;

type Failure = Box<dyn Error + Send + Sync>;

/// One thread's wallet, and the service client that makes its offers.
pub(super) struct Wallet {
    name: usize,
    issuer: Arc<Issuer>,
    http: Http,
    signing: Signing,
    keys: Vec<SoftwareKey>,
    random: Random,
    client_token: Option<String>,
    assertions: Vec<(String, Outcome<()>)>,
    assertions_made: u64,
    old_codes: Vec<(String, Option<String>)>,
}

/// A request was not answered: under load that is the kill, afterwards it is an error.
struct Cut(String);

enum Stop {
    Cut(Cut),
    Failed(String),
}

impl From<Cut> for Stop {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

impl From<Box<dyn Error>> for Stop {
    fn from(error: Box<dyn Error>) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Wallet {
    pub(super) fn new(name: usize, issuer: Arc<Issuer>, random: Random) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            name,
            http: Http::new(issuer.port),
            issuer,
            signing: Signing::new()?,
            keys: (0..MAX_BATCH).map(|_| new_key()).collect::<Result<_, _>>()?,
            random,
            client_token: None,
            assertions: Vec::new(),
            assertions_made: 0,
            old_codes: Vec::new(),
        })
    }

    /// Takes one offer after the other until the host stops answering, or `stop`.
    pub(super) fn load(&mut self, stop: &AtomicBool) -> Result<History, Failure> {
        let mut history = History::default();
        self.client_token = None;
        while !stop.load(Ordering::Relaxed) && history.flows.len() < MAX_FLOWS {
            match self.offer_and_take(&mut history) {
                Ok(()) => {}
                Err(Stop::Cut(_)) => break,
                Err(Stop::Failed(why)) => return Err(why.into()),
            }
        }
        Ok(history)
    }

    /// Finishes what was cut off, and then uses codes, proofs and client assertions again.
    pub(super) fn settle(&mut self, history: &mut History) -> Result<(), Failure> {
        match self.try_settle(history) {
            Ok(()) => Ok(()),
            Err(Stop::Cut(Cut(why))) => Err(format!("a host that was not killed did not answer: {why}").into()),
            Err(Stop::Failed(why)) => Err(why.into()),
        }
    }

    fn try_settle(&mut self, history: &mut History) -> Result<(), Stop> {
        for flow in history.flows.iter_mut().filter(|flow| !flow.is_finished()) {
            self.take(flow)?;
        }
        for flow in &mut history.flows {
            self.redeem(flow)?;
        }
        let issued: Vec<usize> =
            (0..history.flows.len()).filter(|index| history.flows[*index].has_credentials()).collect();
        for _ in 0..PROOFS_USED_AGAIN.min(issued.len()) {
            let index = issued[self.random.index(issued.len())];
            self.request_credentials(&mut history.flows[index])?;
        }
        self.use_old_codes_again(history)?;
        self.use_assertions_again(history)?;
        for flow in &mut history.flows {
            if flow.code_is_spent() {
                self.old_codes.push((flow.code.clone(), flow.tx_code.clone()));
            }
            flow.proofs = Vec::new();
        }
        Ok(())
    }

    fn offer_and_take(&mut self, history: &mut History) -> Result<(), Stop> {
        let token = self.client_token(history)?;
        let flow = self.offer(&token, history)?;
        history.flows.push(flow);
        let Some(flow) = history.flows.last_mut() else { return Ok(()) };
        self.take(flow)
    }

    fn offer(&mut self, token: &str, history: &mut History) -> Result<Flow, Stop> {
        let configurations = &self.issuer.configurations;
        let configuration = configurations[self.random.index(configurations.len())].clone();
        let mut wanted = json!({"credential_configuration_ids": [configuration]});
        if configuration == CLAIMS_CONFIGURATION {
            wanted["claims"] = json!({"name": format!("Person {}", self.random.below(1_000_000))});
        } else {
            wanted["subject"] = json!(self.issuer.subjects[self.random.index(self.issuer.subjects.len())]);
        }
        let with_tx_code = self.random.one_in(3);
        if with_tx_code {
            wanted["tx_code"] = json!({"length": 6});
        }
        // Most people type the right transaction code, some only the second time, and some are guessing.
        let wrong_tx_codes = match (with_tx_code, self.random.below(4)) {
            (true, 0) => TX_CODE_ATTEMPTS + 1,
            (true, 1) => 1,
            _ => 0,
        };
        let offer = match self.http.post_json("/admin/v1/offers", token, &wanted) {
            Answer::Received { status: 201, body } => body,
            Answer::Received { status, body } => return Err(Stop::Failed(format!("no offer: {status} {body}"))),
            Answer::Lost(why) => {
                history.lost_offers += 1;
                return Err(Cut(why).into());
            }
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let code = text(&offer["credential_offer"]["grants"][PRE_AUTHORIZED]["pre-authorized_code"]);
        let (Some(offer_id), Some(code)) = (text(&offer["offer_id"]), code) else {
            return Err(Stop::Failed(format!("an offer without id or code: {offer}")));
        };
        Ok(Flow {
            offer_id,
            configuration,
            code,
            tx_code: text(&offer["tx_code"]),
            wrong_tx_codes,
            guesses: Vec::new(),
            redemptions: Vec::new(),
            access_token: None,
            batch: 1 + self.random.index(MAX_BATCH),
            proofs: Vec::new(),
            issuances: Vec::new(),
            entries: Vec::new(),
        })
    }

    /// Goes on from wherever the flow is.
    fn take(&mut self, flow: &mut Flow) -> Result<(), Stop> {
        while flow.refused_guesses() < flow.wrong_tx_codes && !flow.code_is_spent() {
            let wrong = wrong_tx_code(flow.tx_code.as_deref().unwrap_or_default());
            let (outcome, _, cut) = self.token_request(&flow.code, Some(&wrong));
            flow.guesses.push(outcome);
            cut?;
        }
        if !flow.code_is_spent() {
            self.redeem(flow)?;
        }
        if flow.access_token.is_none() || flow.nonce_is_spent() {
            return Ok(());
        }
        if flow.proofs.is_empty() {
            let nonce = match self.http.post("/openid4vci/nonce") {
                Answer::Received { status: 200, body } => body["c_nonce"].as_str().unwrap_or_default().to_owned(),
                Answer::Received { status, body } => return Err(Stop::Failed(format!("no nonce: {status} {body}"))),
                Answer::Lost(why) => return Err(Cut(why).into()),
            };
            let proof = |key| self.signing.proof(key, &self.issuer.url, &nonce);
            flow.proofs = self.keys.iter().take(flow.batch).map(proof).collect::<Result<_, _>>()?;
        }
        self.request_credentials(flow)
    }

    fn redeem(&self, flow: &mut Flow) -> Result<(), Stop> {
        let (outcome, token, cut) = self.token_request(&flow.code, flow.tx_code.as_deref());
        flow.redemptions.push(outcome);
        if flow.access_token.is_none() {
            flow.access_token = token;
        }
        Ok(cut?)
    }

    fn token_request(&self, code: &str, tx_code: Option<&str>) -> (Outcome<()>, Option<String>, Result<(), Cut>) {
        let mut form = vec![("grant_type", PRE_AUTHORIZED), ("pre-authorized_code", code)];
        form.extend(tx_code.map(|tx_code| ("tx_code", tx_code)));
        match self.http.post_form("/oauth/token", &form) {
            Answer::Received { status: 200, body } => {
                (Outcome::Accepted(()), body["access_token"].as_str().map(str::to_owned), Ok(()))
            }
            Answer::Received { status, body } => (Outcome::Refused(error_code(status, &body)), None, Ok(())),
            Answer::Lost(why) => (Outcome::Lost, None, Err(Cut(why))),
        }
    }

    fn request_credentials(&self, flow: &mut Flow) -> Result<(), Stop> {
        let request = json!({"credential_configuration_id": flow.configuration, "proofs": {"jwt": flow.proofs}});
        let token = flow.access_token.as_deref().unwrap_or_default();
        let (outcome, cut) = match self.http.post_json("/openid4vci/credential", token, &request) {
            Answer::Received { status: 200, body } => {
                let credentials = body["credentials"].as_array().into_iter().flatten();
                flow.entries.extend(credentials.filter_map(|one| lists::named_by(&one["credential"])));
                (Outcome::Accepted(hashes(&body)), Ok(()))
            }
            Answer::Received { status, body } => (Outcome::Refused(error_code(status, &body)), Ok(())),
            Answer::Lost(why) => (Outcome::Lost, Err(Cut(why))),
        };
        flow.issuances.push(outcome);
        Ok(cut?)
    }

    fn use_old_codes_again(&mut self, history: &mut History) -> Result<(), Stop> {
        for _ in 0..OLD_CODES_USED_AGAIN.min(self.old_codes.len()) {
            let (code, tx_code) = &self.old_codes[self.random.index(self.old_codes.len())];
            let (outcome, _, cut) = self.token_request(code, tx_code.as_deref());
            cut?;
            if outcome.is_accepted() {
                history.violations.push("a code that was spent before an earlier restart was accepted".to_owned());
            }
        }
        Ok(())
    }

    fn client_token(&mut self, history: &mut History) -> Result<String, Stop> {
        if let Some(token) = self.client_token.as_ref().filter(|_| !self.random.one_in(SIGN_IN_EVERY)) {
            return Ok(token.clone());
        }
        self.assertions_made += 1;
        let jti = format!("{}-{}", self.name, self.assertions_made);
        let assertion = self.signing.assertion(&self.issuer.client_key, &self.issuer.url, &jti)?;
        let (outcome, token, cut) = self.sign_in(&assertion);
        if let Outcome::Refused(error) = &outcome {
            history.violations.push(format!("a new client assertion was refused: {error}"));
        }
        self.assertions.push((assertion, outcome));
        cut?;
        let token = token.ok_or_else(|| Stop::Failed("the service client cannot sign in".to_owned()))?;
        self.client_token = Some(token.clone());
        Ok(token)
    }

    /// One that was accepted must be refused; one whose answer was lost may be accepted once.
    fn use_assertions_again(&mut self, history: &mut History) -> Result<(), Stop> {
        for (assertion, before) in std::mem::take(&mut self.assertions) {
            let mut spent = before.is_accepted();
            for _ in 0..2 {
                let (outcome, _, cut) = self.sign_in(&assertion);
                cut?;
                match outcome {
                    Outcome::Accepted(()) if spent => {
                        history.violations.push("a client assertion was accepted twice".to_owned());
                    }
                    Outcome::Refused(error) if error != SPENT_ASSERTION => {
                        history.violations.push(format!("a used client assertion was answered {error}"));
                    }
                    _ => {}
                }
                spent = true;
            }
        }
        Ok(())
    }

    fn sign_in(&self, assertion: &str) -> (Outcome<()>, Option<String>, Result<(), Cut>) {
        match self.http.sign_in(assertion) {
            Answer::Received { status: 200, body } => {
                (Outcome::Accepted(()), body["access_token"].as_str().map(str::to_owned), Ok(()))
            }
            Answer::Received { status, body } => (Outcome::Refused(error_code(status, &body)), None, Ok(())),
            Answer::Lost(why) => (Outcome::Lost, None, Err(Cut(why))),
        }
    }
}

/// What the audit event calls `credential_sha256`.
fn hashes(answer: &Value) -> Vec<String> {
    let credentials = answer["credentials"].as_array().into_iter().flatten();
    credentials.map(|one| sha256(&one["credential"])).collect()
}

fn error_code(status: u16, body: &Value) -> String {
    body["error"].as_str().map_or_else(|| format!("{status} {body}"), str::to_owned)
}

/// Another first digit.
fn wrong_tx_code(right: &str) -> String {
    let first = right.bytes().next().unwrap_or(b'0');
    let other = char::from(b'0' + (first.wrapping_sub(b'0') + 1) % 10);
    format!("{other}{}", right.get(1..).unwrap_or_default())
}
