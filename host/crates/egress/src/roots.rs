//! The certificate authorities that a process trusts.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// Certificate authorities. Read once: a change on disk takes effect at the next start.
#[derive(Clone)]
pub struct TrustRoots(Arc<RootCertStore>);

impl TrustRoots {
    /// Those that the system trusts. May be empty, as in a container image without certificates; a policy that needs
    /// them is refused then.
    pub fn system() -> Self {
        let mut store = RootCertStore::empty();
        // Some systems list certificates that rustls does not understand; the rest serves.
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self(Arc::new(store))
    }

    /// Exactly these.
    pub fn from_pem(pem: &[u8]) -> Result<Self, RootsError> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|e| RootsError::Pem(e.to_string()))?;
            store.add(certificate).map_err(|e| RootsError::Certificate(e.to_string()))?;
        }
        if store.is_empty() {
            return Err(RootsError::Empty);
        }
        Ok(Self(Arc::new(store)))
    }

    /// None at all.
    pub fn none() -> Self {
        Self(Arc::new(RootCertStore::empty()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn store(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for TrustRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustRoots({})", self.len())
    }
}

/// Why authorities can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// The text is not PEM.
    #[error("not PEM: {0}")]
    Pem(String),
    /// A certificate is broken.
    #[error("not a certificate of an authority: {0}")]
    Certificate(String),
    /// There is no certificate in it.
    #[error("no certificate in it")]
    Empty,
}
