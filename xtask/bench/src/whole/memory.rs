//! Resident memory: before the first request, and after many credentials.

use std::{thread::sleep, time::Duration};

use tokio::runtime::Runtime;

use super::{Subject, credential::Prepared};
use crate::{
    Result,
    example::SD_JWT,
    http::Connection,
    load::each,
    measure::Effort,
    report::{Report, System},
    site::Site,
    wallet::Wallets,
};

const SETTLE: Duration = Duration::from_secs(1);
const CONNECTIONS: usize = 32;
/// Credentials for which nonces are fetched and proofs signed at a time: they must not get too old.
const STOCK: usize = 10_000;

/// On a host of its own, which has done nothing else.
pub(super) fn measure(
    report: &mut Report,
    runtime: &Runtime,
    effort: &Effort,
    site: &Site,
    wallets: &Wallets,
) -> Result<()> {
    let (server, _) = site.serve()?;
    sleep(SETTLE);
    let process = &server.target.process;
    let idle = process.resident()?;
    let subject = Subject { system: System::Chancery, target: &server.target, wallets, effort, site: Some(site) };
    let mut left = effort.issuances;
    while left > 0 {
        let stock = left.min(STOCK);
        let prepared = runtime.block_on(Prepared::new(&subject, SD_JWT, stock))?;
        let job = async |connection: &mut Connection, number: usize| prepared.issue(connection, number).await;
        runtime.block_on(each(&server.target, CONNECTIONS, stock, job))?;
        left -= stock;
    }
    report.memory(idle, effort.issuances, process.resident()?);
    Ok(())
}
