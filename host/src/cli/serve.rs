use std::sync::Arc;
use std::time::{Duration, Instant};

use chancery_sandbox::Sandbox;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Failure, eprintln_line};
use crate::app::{App, Migrate, Plugins};
use crate::audit::{self, Delivery};
use crate::config::Config;
use crate::http::{self, Drained};
use crate::issuance::Issuance;
use crate::issuance::issuers::{DEFAULT_ISSUER, Issuers};
use crate::issuance::lifecycle::Deletions;
use crate::plugins::controls;
use crate::webhooks::{self, Webhooks};

/// How often the store is asked whether another process changed issuers or configurations.
const REFRESH: Duration = Duration::from_millis(500);
/// What a batch of audit events gets to finish in any case.
const LAST_BATCH: Duration = Duration::from_secs(1);
/// What the publication of status lists gets to finish.
const LAST_PUBLICATIONS: Duration = Duration::from_secs(5);
/// What items of jobs that are under way get to finish; others go on with the rest.
const LAST_ITEMS: Duration = Duration::from_secs(5);
const HOUSEKEEPING: Duration = Duration::from_mins(1);
const HOUSEKEEPING_ROWS: u32 = 1_000;
/// What one turn of housekeeping takes at most where there is more to do than a round of it.
const HOUSEKEEPING_ROUNDS: usize = 200;
const HOUSEKEEPING_TIME: Duration = Duration::from_secs(20);

pub(super) async fn run(config: Config) -> Result<(), Failure> {
    let app = App::open(config, Migrate::Apply, Plugins::Run).await?;
    let webhooks = app.webhooks().await?;
    offer_bootstrap(&app).await?;
    let listen = app.config.server.listen;
    let listener =
        TcpListener::bind(listen).await.map_err(|e| Failure::Failed(format!("cannot listen on {listen}: {e}")))?;
    let stop = stop_on_signal()?;
    let hangups = signal(SignalKind::hangup()).map_err(cannot_watch)?;
    let background = [
        tokio::spawn(follow_changes(Arc::clone(&app.issuers), stop.clone())),
        tokio::spawn(follow_controls(Arc::clone(&app.store), app.sandbox.clone(), stop.clone())),
        tokio::spawn(rescan_on_hangup(app.sandbox.clone(), hangups)),
        tokio::spawn(housekeep(Housekeeping::of(&app), stop.clone())),
    ];
    let delivery = app.audit.as_ref().map(Delivery::start);
    let webhooks = webhooks.map(Webhooks::start);
    let drained_now = CancellationToken::new();
    let publishing = app.status.start(drained_now.clone());
    let jobs = app.jobs.start(stop.clone());
    let state = app.http_state();
    let readiness = Arc::clone(&state.readiness);
    let address = listener.local_addr().map_or_else(|_| listen.to_string(), |a| a.to_string());
    tracing::info!(address, issuer = app.config.server.public_url, "serving");

    let (asked, close, grace) = (stop.clone(), CancellationToken::new(), app.config.server.drain_grace);
    let closing = close.clone();
    tokio::spawn(async move {
        asked.cancelled().await;
        readiness.start_draining();
        tokio::time::sleep(grace).await;
        closing.cancel();
    });
    let closed = close.clone();
    let closed_at = tokio::spawn(async move {
        closed.cancelled().await;
        Instant::now()
    });
    let drained = http::serve(listener, http::router(state), &app.config.server, close).await;
    let _ = tokio::time::timeout(LAST_ITEMS, jobs).await;
    // What the last requests have changed; where it takes too long, another host or the next start publishes it.
    drained_now.cancel();
    let _ = tokio::time::timeout(LAST_PUBLICATIONS, publishing).await;
    // Before the sandbox: the batches under way need it. They share the time for draining with the requests.
    let used = closed_at.await.map_or(Duration::ZERO, |at| at.elapsed());
    stop_delivery(delivery, webhooks, app.config.server.drain_timeout.saturating_sub(used).max(LAST_BATCH)).await;
    if let Some(sandbox) = &app.sandbox {
        sandbox.shutdown().await;
    }
    for task in background {
        task.abort();
    }
    app.store.close().await;
    match drained {
        Drained::Wholly => {
            tracing::info!("drained and stopped");
            Ok(())
        }
        Drained::NotInTime => {
            Err(Failure::Failed("requests were still under way when server.drain_timeout ended".to_owned()))
        }
    }
}

async fn stop_delivery(delivery: Option<audit::Running>, webhooks: Option<webhooks::Running>, within: Duration) {
    let sinks = async {
        if let Some(delivery) = delivery {
            delivery.stop(within).await;
        }
    };
    let webhooks = async {
        if let Some(webhooks) = webhooks {
            webhooks.stop(within).await;
        }
    };
    tokio::join!(sinks, webhooks);
}

/// The first start prints a token that registers the first service client. It is shown here and never again.
async fn offer_bootstrap(app: &App) -> Result<(), Failure> {
    let Some(issuer) = app.issuers.get(DEFAULT_ISSUER) else { return Ok(()) };
    let offered = app.oauth.offer_bootstrap(&issuer).await;
    if let Some(token) = offered.map_err(|e| Failure::Failed(format!("no bootstrap token could be made: {e}")))? {
        eprintln_line(&format!("bootstrap token, good once and for 24 hours: {token}"));
        eprintln_line("  it registers the first service client: POST /admin/v1/bootstrap (see README.md, Admin API)");
    }
    Ok(())
}

/// SIGTERM or Ctrl-C starts the drain; a second one ends the process at once.
fn stop_on_signal() -> Result<CancellationToken, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot_watch)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_watch)?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        for attempt in 0.. {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            if attempt > 0 {
                std::process::exit(1);
            }
            tracing::info!("asked to stop: not ready any more, requests under way go on");
            token.cancel();
        }
    });
    Ok(stop)
}

fn cannot_watch(error: std::io::Error) -> Failure {
    Failure::Failed(format!("cannot watch for signals: {error}"))
}

/// SIGHUP has the plugin directory read again: for volumes that report no changes, and for plugins that failed.
async fn rescan_on_hangup(sandbox: Option<Sandbox>, mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        if let Some(sandbox) = &sandbox {
            tracing::info!("asked to read the plugin directory again");
            sandbox.rescan().await;
        }
    }
}

async fn follow_changes(issuers: Arc<Issuers>, stop: CancellationToken) {
    let mut failing = false;
    while !wait(&stop, REFRESH).await {
        match issuers.refresh().await {
            Ok(()) => failing = false,
            // Said once, not twice a second.
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(error = &error as &dyn std::error::Error, "the store's changes cannot be taken over");
            }
            Err(_) => {}
        }
    }
}

/// What is decided about plugins elsewhere: by another host, or on the command line.
async fn follow_controls(store: Arc<dyn chancery_store::Store>, sandbox: Option<Sandbox>, stop: CancellationToken) {
    let Some(sandbox) = sandbox else { return };
    let mut follower = controls::Follower::default();
    while !wait(&stop, REFRESH).await {
        // A store that does not answer is reported by those who need it more.
        if let Err(error) = follower.follow(store.as_ref(), &sandbox).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "decisions about plugins cannot be taken over");
        }
    }
}

/// What is deleted when its time is over.
struct Housekeeping {
    store: Arc<dyn chancery_store::Store>,
    issuance: Arc<Issuance>,
    issuers: Arc<Issuers>,
    clock: Arc<dyn crate::clock::Clock>,
}

impl Housekeeping {
    fn of(app: &App) -> Self {
        let (store, issuance) = (Arc::clone(&app.store), Arc::clone(&app.issuance));
        Self { store, issuance, issuers: Arc::clone(&app.issuers), clock: Arc::clone(&app.clock) }
    }

    /// Goes on while there is more, for a while: what comes in faster than a round a turn must not pile up.
    async fn turn(&self, stop: &CancellationToken) {
        let end = Instant::now() + HOUSEKEEPING_TIME;
        for _ in 0..HOUSEKEEPING_ROUNDS {
            let more = self.round().await;
            if !more || stop.is_cancelled() || Instant::now() >= end {
                return;
            }
        }
    }

    /// Whether there may be more to delete.
    async fn round(&self) -> bool {
        let expired = match self.store.delete_expired(self.clock.timestamp(), HOUSEKEEPING_ROWS).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "what had expired could not be deleted");
                0
            }
        };
        if expired > 0 {
            tracing::debug!(rows = expired, "deleted what had expired");
        }
        let outlived = match self.issuance.delete_outlived(&self.issuers.all()).await {
            Ok(deletions) => deletions,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "records whose retention is over could not be deleted");
                Deletions::default()
            }
        };
        if outlived.deleted > 0 {
            tracing::info!(deleted = outlived.deleted, "deleted records whose retention is over");
        }
        // The rows are limited by kind: as many as that of all kinds may be all of one.
        expired >= u64::from(HOUSEKEEPING_ROWS) || outlived.more
    }
}

async fn housekeep(housekeeping: Housekeeping, stop: CancellationToken) {
    while !wait(&stop, HOUSEKEEPING).await {
        housekeeping.turn(&stop).await;
    }
}

/// `true` when it is time to stop.
async fn wait(stop: &CancellationToken, time: Duration) -> bool {
    tokio::select! { () = stop.cancelled() => true, () = tokio::time::sleep(time) => false }
}
