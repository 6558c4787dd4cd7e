//! The credential endpoint alone: nonces are fetched and key proofs signed before the clock runs.

use std::cell::RefCell;

use hyper::body::Bytes;
use tokio::runtime::Runtime;

use super::{
    CONNECTIONS, Subject,
    flow::{access_token, credential_request, require_credential},
};
use crate::{
    Result,
    example::SD_JWT,
    http::{Connection, text},
    load::{drive, each},
    report::Report,
};

/// Proofs a second that are made ahead, for one connection and for many. A server that is faster ends early, and is
/// measured over what it did.
const PROOFS_PER_SECOND: [f64; 2] = [3_000.0, 8_000.0];
/// Connections to fetch nonces over.
const FETCHERS: usize = 32;

pub(super) fn measure(
    report: &mut Report,
    runtime: &Runtime,
    subject: &Subject<'_>,
    configuration: &str,
) -> Result<()> {
    let id = if configuration == SD_JWT { "credential" } else { "credential-ld" };
    let what = format!("credential endpoint, {}", if configuration == SD_JWT { "SD-JWT VC" } else { "Data Integrity" });
    let seconds = (subject.effort.warm_up + subject.effort.measure).as_secs_f64();
    for (connections, rate) in CONNECTIONS.into_iter().zip(PROOFS_PER_SECOND) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
        let stock = (rate * seconds) as usize;
        let prepared = runtime.block_on(Prepared::new(subject, configuration, stock))?;
        let job = async |connection: &mut Connection, number: usize| prepared.issue(connection, number).await;
        let figures = runtime.block_on(drive(subject.target, subject.effort, connections, stock, job))?;
        report.whole(id, &what, subject.system, connections, figures);
    }
    Ok(())
}

/// An access token, and requests that are ready to be sent.
pub(super) struct Prepared {
    token: String,
    requests: Vec<Bytes>,
}

impl Prepared {
    /// All credentials of one stock go to one offer: an access token may ask as often as it likes.
    pub(super) async fn new(subject: &Subject<'_>, configuration: &str, stock: usize) -> Result<Self> {
        let mut connection = Connection::open(subject.target.address).await?;
        let admin = subject.admin_token().await?;
        let token = access_token(&mut connection, admin.as_deref(), configuration, 0).await?;
        let nonces = RefCell::new(Vec::with_capacity(stock));
        each(subject.target, FETCHERS, stock, async |connection, _| {
            let answer = connection.post("/openid4vci/nonce", None, Bytes::new()).await?;
            nonces.borrow_mut().push(text(&answer, "/c_nonce")?);
            Ok(())
        })
        .await?;
        let mut requests = Vec::with_capacity(stock);
        for (number, nonce) in nonces.into_inner().iter().enumerate() {
            let proof = subject.wallets.proof(number, &subject.target.url, nonce).await?;
            requests.push(credential_request(configuration, &proof));
        }
        Ok(Self { token, requests })
    }

    pub(super) async fn issue(&self, connection: &mut Connection, number: usize) -> Result<()> {
        let request = self.requests.get(number).ok_or("the prepared requests are used up")?;
        let answer = connection.post("/openid4vci/credential", Some(&self.token), request.clone()).await?;
        require_credential(&answer)
    }
}
