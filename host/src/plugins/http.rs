//! Outbound HTTP of plugins: a grant becomes a policy of the process's one egress client.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chancery_egress::{Client, ClientIdentity, Egress, EgressError, HostTls, InjectedHeader, Networks, Policy, Secret};
use chancery_sandbox::ports::{HttpClient, HttpFault, HttpPort};
use chancery_sandbox::{HttpGrant, Networks as GrantedNetworks, TlsGrant};

use super::secrets::Secrets;

pub(super) struct Http {
    egress: Egress,
    secrets: Arc<Secrets>,
}

impl Http {
    pub(super) fn new(egress: Egress, secrets: Arc<Secrets>) -> Self {
        Self { egress, secrets }
    }

    fn policy(&self, grant: &HttpGrant) -> Result<Policy, String> {
        let inject = |header: &chancery_sandbox::InjectedHeader| {
            let value = header.value.fill(|name| self.secrets.read(name).map(|value| value.to_vec()))?;
            Ok(InjectedHeader { host: header.host.clone(), header: header.header.clone(), value: Secret::new(value) })
        };
        Ok(Policy {
            networks: match &grant.networks {
                GrantedNetworks::Public => Networks::Public,
                GrantedNetworks::Any => Networks::Any,
                GrantedNetworks::PublicAnd(blocks) => Networks::PublicAnd(blocks.clone()),
            },
            timeout: grant.timeout,
            connect_timeout: grant.timeout,
            request_max: grant.request_max,
            response_max: grant.response_max,
            inject: grant.inject.iter().map(inject).collect::<Result<_, String>>()?,
            tls: grant.tls.iter().map(|tls| self.tls(tls)).collect::<Result<_, _>>()?,
            ..Policy::new(&grant.allow)
        })
    }

    fn tls(&self, grant: &TlsGrant) -> Result<HostTls, String> {
        let read = |path: &std::path::PathBuf| {
            std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        let identity = |(cert, key): &(std::path::PathBuf, String)| {
            let key = Secret::new(self.secrets.read(key)?.to_vec());
            Ok::<_, String>(ClientIdentity { cert: read(cert)?, key })
        };
        Ok(HostTls {
            host: grant.host.clone(),
            ca: grant.ca.as_ref().map(read).transpose()?,
            identity: grant.client.as_ref().map(identity).transpose()?,
        })
    }
}

impl HttpPort for Http {
    fn open(&self, grant: &HttpGrant) -> Result<Arc<dyn HttpClient>, String> {
        let client = Client::new(&self.policy(grant)?, &self.egress).map_err(|error| error.to_string())?;
        Ok(Arc::new(Granted(client)))
    }
}

struct Granted(Client);

#[async_trait]
impl HttpClient for Granted {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpFault> {
        self.0.send(request).await.map_err(|error| {
            let said = || match error.detail() {
                "" => error.to_string(),
                detail => format!("{error}: {detail}"),
            };
            match &error {
                EgressError::Denied { .. } => HttpFault::Denied(said()),
                EgressError::Dns { .. } => HttpFault::Dns(said()),
                EgressError::Connect { .. } => HttpFault::Connect(said()),
                EgressError::ConnectTimeout { .. } => HttpFault::ConnectTimeout,
                EgressError::Timeout { .. } => HttpFault::Timeout,
                EgressError::Tls { .. } => HttpFault::Tls(said()),
                EgressError::RequestTooLarge { limit } => HttpFault::RequestTooLarge(*limit),
                EgressError::ResponseTooLarge { limit } => HttpFault::ResponseTooLarge(*limit),
                EgressError::Protocol { .. } => HttpFault::Protocol(said()),
                EgressError::Busy { .. } => HttpFault::Busy,
            }
        })
    }
}
