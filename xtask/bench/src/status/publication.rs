//! One change on a host that does nothing else, and without the wait for further changes: from the call to a list that
//! shows it. The list is of the usual size, and all of its documents are made and signed anew.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use chancery::{
    audit::Actor,
    config::Status,
    issuance::lifecycle::StatusRequest,
    status::{Lookup, Representation},
};
use tokio::{
    runtime::Runtime,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::host::{Host, PURPOSES};
use crate::{
    Result,
    measure::Effort,
    parts::store::{issuance, record},
    report::{Report, Scale},
};

/// Between two looks at the list: what the time is exact to.
const LOOK: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn measure(report: &mut Report, effort: &Effort, runtime: &Runtime, dir: &Path) -> Result<()> {
    let took = runtime.block_on(async {
        let status = Status { publish_interval: Duration::ZERO, ..Status::default() };
        let host = Host::open(dir, None, status).await?;
        let stop = CancellationToken::new();
        let publishing = host.app.status.start(stop.clone());
        let took = changes(&host, effort.start_ups).await?;
        stop.cancel();
        publishing.await?;
        host.store().close().await;
        Result::Ok(took)
    })?;
    let what = "change an entry: from the call to the published list, without the wait for others";
    report.scale(Scale::time("change", what, took, None));
    Ok(())
}

/// The median of so many.
async fn changes(host: &Host, times: usize) -> Result<Duration> {
    let entries = host.allocate(1).await?.pop().ok_or("no entry was given")?;
    let list = entries.first().and_then(|slot| slot.url.rsplit('/').next()).ok_or("no list was named")?.to_owned();
    let batch = issuance(host, 0, entries);
    let credential_id =
        batch.credentials.first().map(|credential| credential.credential_id.clone()).unwrap_or_default();
    record(host, &[batch]).await?;
    let mut took = Vec::new();
    for time in 0..times {
        let request = StatusRequest {
            credential_id: credential_id.clone(),
            purpose: PURPOSES.last().map(|purpose| purpose.as_str().to_owned()),
            value: time % 2 == 0,
            ..StatusRequest::default()
        };
        let before = etag(host, &list).await?;
        let from = Instant::now();
        host.app.issuance.set_status(&host.issuer, &Actor::cli(), request, None).await?;
        let published = async {
            while etag(host, &list).await? == before {
                sleep(LOOK).await;
            }
            Result::Ok(from.elapsed())
        };
        took.push(timeout(PATIENCE, published).await??);
    }
    took.sort_unstable();
    took.get(took.len() / 2).copied().ok_or_else(|| "nothing was measured".into())
}

async fn etag(host: &Host, list: &str) -> Result<String> {
    match host.app.status.document(&host.issuer, list, Representation::TokenStatusList, None).await? {
        Lookup::Found(document) => Ok(document.etag.clone()),
        other => Err(format!("the list is not published: {other:?}").into()),
    }
}
