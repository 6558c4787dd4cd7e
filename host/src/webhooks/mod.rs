//! Webhooks: what happens to an issuer's credentials, told to its backend in signed messages.
//!
//! A webhook follows the ordered audit events as an audit plugin does: nothing is written for it when something happens,
//! each message is sent at least once and in order, and no event is deleted that a webhook still has to get.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `message` | which events are told, and as what |
//! | `secrets`, `sender` | signatures; one request and what its answer means |
//! | `courier`, `lane` | one actor a webhook; when to go on after a failure |
//! | `board` | what operators see and decide |

pub mod board;
mod courier;
mod lane;
mod message;
pub mod secrets;
mod sender;

use std::sync::Arc;
use std::time::Duration;

use chancery_egress::{Egress, EgressOptions, SystemResolver, TrustRoots};
use chancery_keys::Entropy;
use chancery_store::{MAX_EVENTS_PER_READ, Store, webhook_delivery};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::courier::Courier;
use self::sender::Sender;
use crate::app::StartError;
use crate::audit::Delivery;
use crate::clock::Clock;
use crate::config::Config;

/// What the webhooks of one host are made from.
#[derive(Debug)]
pub struct Surroundings<'a> {
    pub config: &'a Config,
    pub store: &'a Arc<dyn Store>,
    pub delivery: &'a Delivery,
    pub clock: &'a Arc<dyn Clock>,
    pub entropy: &'a Arc<dyn Entropy>,
}

/// The webhooks of one host, ready to go.
pub struct Webhooks {
    couriers: Vec<Courier>,
    delivery: Delivery,
    holder: String,
    stop: CancellationToken,
}

/// Webhooks at work. Dropped, they end at once, and their leases run out.
#[derive(Debug)]
pub struct Running {
    names: Vec<String>,
    delivery: Delivery,
    holder: String,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Webhooks {
    /// Checks what each webhook needs, and makes the accounts of new ones: they are told what happens from now on.
    pub async fn open(surroundings: Surroundings<'_>) -> Result<Self, StartError> {
        let Surroundings { config, store, delivery, clock, entropy } = surroundings;
        let (holder, stop) = (Uuid::new_v4().to_string(), CancellationToken::new());
        let mut couriers = Vec::with_capacity(config.webhooks.len());
        if !config.webhooks.is_empty() {
            // Apart from that of the plugins, whose requests must not take the turns of these.
            let egress = Egress::new(&EgressOptions::default(), Arc::new(SystemResolver::new()), TrustRoots::system());
            order_the_past(store.as_ref()).await?;
            for (name, webhook) in &config.webhooks {
                let sender = Sender::new(webhook, &egress, Arc::clone(clock));
                let sender = sender.map_err(|reason| StartError(format!("webhooks.{name}: {reason}")))?;
                let opened = store.open_webhook(name, clock.timestamp()).await;
                if opened.map_err(|e| StartError::because("a webhook's account cannot be made", &e))? {
                    tracing::info!(webhook = name, "the webhook is new: it is told what happens from now on");
                }
                couriers.push(Courier {
                    name: name.clone(),
                    webhook: webhook.clone(),
                    account: delivery.account(&webhook_delivery(name), &holder),
                    delivery: delivery.clone(),
                    sender,
                    entropy: Arc::clone(entropy),
                    stop: stop.clone(),
                });
            }
        }
        Ok(Self { couriers, delivery: delivery.clone(), holder, stop })
    }

    /// Needs the delivery at work, which gives events their order.
    pub fn start(self) -> Running {
        let Self { couriers, delivery, holder, stop } = self;
        let names = couriers.iter().map(|courier| courier.account.name.clone()).collect();
        let mut tasks = JoinSet::new();
        for courier in couriers {
            tasks.spawn(courier.run());
        }
        Running { names, delivery, holder, stop, tasks }
    }
}

/// A new webhook begins after the last position: what has happened before must have one.
async fn order_the_past(store: &dyn Store) -> Result<(), StartError> {
    loop {
        let sequenced = store.sequence_events(MAX_EVENTS_PER_READ).await;
        if sequenced.map_err(|e| StartError::because("events cannot be put in order", &e))? == 0 {
            return Ok(());
        }
    }
}

impl Running {
    /// Lets every courier finish the message under way, at most for so long, and gives the leases up, so that another
    /// host can go on at once.
    pub async fn stop(mut self, within: Duration) {
        self.stop.cancel();
        let ended = async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(error = &error as &dyn std::error::Error, "a webhook's task crashed");
                }
            }
        };
        if tokio::time::timeout(within, ended).await.is_ok() {
            return;
        }
        tracing::warn!("a webhook's message was still under way: it will be sent again");
        self.tasks.abort_all();
        for name in &self.names {
            self.delivery.account(name, &self.holder).release().await;
        }
    }
}

impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhooks").field("couriers", &self.couriers.len()).finish_non_exhaustive()
    }
}
