//! Jobs: many credentials of one configuration, asked for at once. What each is made of is kept sealed until it is issued,
//! and an item is done in the transaction that records its credential: whoever dies leaves nothing half done and nothing
//! done twice.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `asking` | making a job, seeing how far it is, cancelling it |
//! | `input` | what a credential is made of, sealed |
//! | `worker` | working through one job, under a lease |
//! | `runner` | which jobs a host works on |

mod asking;
mod input;
mod runner;
mod worker;

use std::sync::Arc;

use chancery_keys::{Entropy, Keyring};
use chancery_store::{JobState, Store};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use asking::{Created, ItemPage, JobPage, NewJob};
pub use chancery_store::{JobItem, JobItemState, JobRecord};
pub use input::Input;
pub(crate) use runner::rest;
pub use worker::{End, Step};

use crate::clock::Clock;
use crate::config;
use crate::issuance::Issuance;
use crate::issuance::issuers::Issuers;

/// Jobs of all issuers.
pub struct Jobs {
    store: Arc<dyn Store>,
    issuance: Arc<Issuance>,
    issuers: Arc<Issuers>,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: config::Jobs,
    /// Turns for items, and for those that a plugin is asked for.
    turns: Arc<Semaphore>,
    asking: Arc<Semaphore>,
    /// Rings when a job was started here.
    bell: Notify,
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jobs").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Jobs {
    pub fn new(
        store: Arc<dyn Store>,
        issuance: Arc<Issuance>,
        issuers: Arc<Issuers>,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: config::Jobs,
    ) -> Self {
        let (turns, asking) = (Semaphore::new(settings.at_once), Semaphore::new(settings.asking_at_once));
        let (turns, asking) = (Arc::new(turns), Arc::new(asking));
        Self { store, issuance, issuers, keyring, clock, entropy, settings, turns, asking, bell: Notify::new() }
    }

    /// Starts what works on jobs. After `stop` it finishes the items under way, and ends.
    pub fn start(self: &Arc<Self>, stop: CancellationToken) -> JoinHandle<()> {
        tokio::spawn(runner::Runner::new(Arc::clone(self), stop).run())
    }
}

/// As the API and the command line write it.
pub fn state_name(state: JobState) -> &'static str {
    match state {
        JobState::Loading => "loading",
        JobState::Running => "running",
        JobState::Finished => "finished",
        JobState::Cancelled => "cancelled",
    }
}

pub fn item_state_name(state: JobItemState) -> &'static str {
    match state {
        JobItemState::Pending => "pending",
        JobItemState::Done => "done",
        JobItemState::Failed => "failed",
    }
}
