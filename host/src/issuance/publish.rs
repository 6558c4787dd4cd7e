//! Publishing credential configurations.

use chancery_store::{ConfigurationDraft, Published, StoreError};

use super::Issuance;
use super::configuration::{CredentialConfiguration, Document, Problem};
use super::formats::IssuerIdentity;
use super::issuers::Issuer;
use crate::audit::Actor;

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error("{configuration_id}: {problem}")]
    Invalid { configuration_id: String, problem: Problem },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Issuance {
    /// Publishes all of them or, where one is wrong, none.
    pub async fn publish_configurations(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        documents: Vec<(String, Document)>,
    ) -> Result<Vec<Published>, PublishError> {
        let now = self.clock.timestamp();
        let identity = IssuerIdentity { url: issuer.url.clone(), did: issuer.did.clone() };
        let mut drafts = Vec::with_capacity(documents.len());
        for (configuration_id, document) in documents {
            let invalid = |problem| PublishError::Invalid { configuration_id: configuration_id.clone(), problem };
            let content = serde_json::to_value(&document)
                .map_err(|e| invalid(Problem { path: "document".to_owned(), message: e.to_string() }))?;
            CredentialConfiguration::compile(&configuration_id, 0, document, &identity).map_err(invalid)?;
            drafts.push(ConfigurationDraft { configuration_id, content, created_at: now });
        }
        let event = actor.did(&issuer.id, "configuration.publish", "", now);
        Ok(self.store.publish_configurations(&issuer.id, &drafts, &event).await?)
    }
}
