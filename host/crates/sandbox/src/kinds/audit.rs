//! Handing events to an audit plugin.

use std::collections::HashSet;

use crate::answer::Receipt;
use crate::bindings::audit::exports::chancery::plugin::audit as guest;
use crate::call::Budget;
use crate::error::CallError;
use crate::generation::{Generation, Kinds};
use crate::guest::Guest;
use crate::request::{AuditEvent, AuditOutcome};
use crate::text::{cut, escaped};

/// How much of a rejection's reason is kept.
const MAX_REASON: usize = 512;

impl Generation {
    /// Delivers a batch. The caller holds the permits.
    pub(crate) async fn deliver(&self, batch: Vec<AuditEvent>) -> Result<Receipt, CallError> {
        let Kinds::Audit(exports) = &self.kinds else { return Err(self.wrong_kind("audit")) };
        let ids: HashSet<String> = batch.iter().map(|event| event.id.clone()).collect();
        let batch: Vec<guest::Event> = batch.into_iter().map(to_guest).collect();
        let budget = Budget::of_call(&self.limits);
        let check = |receipt, _: &mut Guest| self.checked_receipt(receipt, &ids);
        self.ask(exports, budget.context(), &budget, |store, plugin| Box::pin(plugin.deliver(store, batch)), check)
            .await
    }

    /// A receipt for what was not in the batch would let a plugin wipe out events that it never got.
    fn checked_receipt(&self, receipt: guest::Receipt, ids: &HashSet<String>) -> Result<Receipt, String> {
        let mut seen = HashSet::new();
        let named = receipt.delivered.iter().chain(receipt.rejected.iter().map(|rejection| &rejection.id));
        for id in named {
            if !ids.contains(id) {
                return Err("the receipt names an event that was not in the batch".to_owned());
            }
            if !seen.insert(id.as_str()) {
                return Err("the receipt names an event twice".to_owned());
            }
        }
        let rejected = receipt.rejected.into_iter().map(|rejection| {
            let reason = escaped(cut(rejection.reason.trim(), MAX_REASON));
            (rejection.id, reason)
        });
        Ok(Receipt {
            rejected: rejected.collect(),
            delivered: receipt.delivered,
            plugin_sha256: self.identity.sha256.clone(),
        })
    }
}

fn to_guest(event: AuditEvent) -> guest::Event {
    guest::Event {
        id: event.id,
        sequence: event.sequence,
        at_unix_ms: event.at_unix_ms,
        issuer_id: event.issuer_id,
        action: event.action,
        outcome: match event.outcome {
            AuditOutcome::Succeeded => guest::Outcome::Succeeded,
            AuditOutcome::Denied => guest::Outcome::Denied,
            AuditOutcome::Failed => guest::Outcome::Failed,
        },
        actor: event.actor,
        object: event.object,
        request_id: event.request_id,
        detail: event.detail,
    }
}
