//! TLS settings.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, DEFAULT_VERSIONS, RootCertStore};

use crate::origin::Host;
use crate::policy::{ClientIdentity, HostTls};
use crate::roots::TrustRoots;

/// Whom to trust and who to be. Not printed: it holds a key, and each authority of the system.
#[derive(Clone)]
pub(crate) struct TlsSettings(Arc<ClientConfig>);

impl TlsSettings {
    pub(crate) fn connector(&self) -> TlsConnector {
        TlsConnector::from(Arc::clone(&self.0))
    }
}

impl fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsSettings")
    }
}

/// TLS that trusts `roots`, without a client certificate.
pub(crate) fn default_config(roots: &TrustRoots) -> Result<TlsSettings, String> {
    config(roots.store(), None)
}

/// TLS for one host. Where it names authorities, `roots` count for nothing.
pub(crate) fn host_config(host: &HostTls, roots: &TrustRoots) -> Result<TlsSettings, String> {
    let store = match &host.ca {
        Some(pem) => TrustRoots::from_pem(pem).map_err(|e| format!("ca: {e}"))?.store(),
        None if roots.is_empty() => return Err(NO_ROOTS.to_owned()),
        None => roots.store(),
    };
    config(store, host.identity.as_ref())
}

/// Why `https` can't work on a machine without certificate authorities.
pub(crate) const NO_ROOTS: &str =
    "the system lists no certificate authorities; install its ca-certificates or name a `ca` for the host";

/// The name that a host's certificate must be for.
pub(crate) fn server_name(host: &Host) -> Result<ServerName<'static>, String> {
    match host {
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|e| format!("{name}: {e}")),
        Host::V4(address) => Ok(ServerName::from(std::net::IpAddr::from(*address))),
        Host::V6(address) => Ok(ServerName::from(std::net::IpAddr::from(*address))),
    }
}

fn config(roots: Arc<RootCertStore>, identity: Option<&ClientIdentity>) -> Result<TlsSettings, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(DEFAULT_VERSIONS)
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = CertificateDer::pem_slice_iter(&identity.cert)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| format!("cert: {e}"))?;
            if chain.is_empty() {
                return Err("cert: no certificate in it".to_owned());
            }
            let key = PrivateKeyDer::from_pem_slice(identity.key.expose()).map_err(|e| format!("key: {e}"))?;
            builder.with_client_auth_cert(chain, key).map_err(|e| format!("cert and key: {e}"))?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsSettings(Arc::new(config)))
}
