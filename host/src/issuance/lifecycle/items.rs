use std::time::Duration;

use serde_json::json;

use super::issue::check_source;
use super::{DirectRequest, Item};
use crate::audit::Actor;
use crate::issuance::error::Error;
use crate::issuance::issuers::Issuer;
use crate::issuance::{Issuance, stopped};

impl Issuance {
    /// Whether credentials of the configuration can be issued without a wallet, in great number.
    pub fn check_bulk(&self, issuer: &Issuer, configuration_id: &str) -> Result<(), Error> {
        let document = &issuer.configuration(configuration_id)?.document;
        if document.holder_binding.required && !document.rebind {
            return Err(Error::InvalidRequest(format!(
                "credentials of {configuration_id} are bound to a key that the wallet proves: make offers, or allow fresh \
                 copies of stored ones (rebind)"
            )));
        }
        Ok(())
    }

    /// Whether a credential of the configuration can be made of data, or of a subject that somebody is asked for.
    pub fn check_item(
        &self,
        issuer: &Issuer,
        configuration_id: &str,
        has_data: bool,
        subject: Option<&str>,
    ) -> Result<(), Error> {
        check_source(issuer.configuration(configuration_id)?, has_data, subject)
    }

    /// Issues the credential of a job's item, which is done in the transaction that records it. `DoneBefore`: the item is
    /// not pending any more, or its job does not run. `within` is how long it may take.
    pub async fn issue_item(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        request: DirectRequest,
        item: Item,
        within: Duration,
    ) -> Result<(), Error> {
        self.try_to_issue(issuer, actor, request, None, Some(item), within).await.map(drop)
    }

    /// Ends an item that cannot be issued; `false` when it is not pending any more, or its job does not run.
    pub async fn fail_item(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        configuration_id: &str,
        item: &Item,
        error: &Error,
    ) -> Result<bool, Error> {
        let at = self.clock.timestamp();
        let mut event = stopped(actor, issuer, "credential.issue", configuration_id, at, error);
        event.detail = json!({"job": item.job_id, "item": item.number});
        let Item { job_id, number } = item;
        Ok(self.store.fail_job_item(&issuer.id, job_id, *number, &error.to_string(), &event).await?)
    }
}
