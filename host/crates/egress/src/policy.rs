//! What one client may do, as plain data, and why such data is refused.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

/// What a [`Client`](crate::Client) may reach, how, and how much. Checked as a whole by
/// [`Client::new`](crate::Client::new).
#[derive(Clone, Debug)]
pub struct Policy {
    /// Origins: `scheme://host[:port]` with `https` or `http`. The first label of a name may be `*`, which stands for
    /// exactly one label; at least two labels must follow.
    pub allow: Vec<String>,
    /// Addresses that an allowed name may lead to.
    pub networks: Networks,
    /// Time for one connection: resolving, connecting, TLS.
    pub connect_timeout: Duration,
    /// Time for a whole request, from its turn to the last byte of the response.
    pub timeout: Duration,
    /// Bytes of a request's body.
    pub request_max: u64,
    /// Bytes of a response's body.
    pub response_max: u64,
    /// Requests of this client that run at once.
    pub concurrency: u32,
    /// How long a request may wait for its turn.
    pub queue_wait: Duration,
    /// Connections of this client that are kept open for the next request.
    pub idle: u32,
    /// How long they are kept.
    pub idle_timeout: Duration,
    /// Headers that the host adds.
    pub inject: Vec<InjectedHeader>,
    /// Whom to trust, and who to be, for single hosts.
    pub tls: Vec<HostTls>,
}

impl Policy {
    /// A policy for these origins, at public addresses, with default limits.
    pub fn new<T: Into<String>>(allow: impl IntoIterator<Item = T>) -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            allow: allow.into_iter().map(Into::into).collect(),
            networks: Networks::Public,
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(3),
            request_max: MIB,
            response_max: 4 * MIB,
            concurrency: 32,
            queue_wait: Duration::from_millis(500),
            idle: 8,
            idle_timeout: Duration::from_secs(30),
            inject: Vec::new(),
            tls: Vec::new(),
        }
    }
}

/// Addresses that an allowed name may lead to. The metadata services of cloud providers are refused under each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Networks {
    /// Only addresses that are reachable from everywhere.
    Public,
    /// All addresses.
    Any,
    /// Public ones and these networks, such as `10.1.0.0/16` or `fd12:3456::/32`.
    PublicAnd(Vec<String>),
}

/// A header that the host adds to each request for a host. The sender neither sees nor sets it. A host that returns the
/// headers it got, as debugging services do, gives it away.
#[derive(Clone, Debug)]
pub struct InjectedHeader {
    /// `host`, `host:port` or `*.host`, as in the allow-list without its scheme.
    pub host: String,
    /// The header's name.
    pub header: String,
    /// Its value.
    pub value: Secret,
}

/// TLS for one host.
#[derive(Clone, Debug)]
pub struct HostTls {
    /// `host`, `host:port` or `*.host`, as in the allow-list without its scheme.
    pub host: String,
    /// PEM certificates of the only authorities to trust for this host; without them, those of the process.
    pub ca: Option<Vec<u8>>,
    /// What to show when the host asks for a client certificate.
    pub identity: Option<ClientIdentity>,
}

/// A client certificate and its key.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    /// PEM certificates, the client's own first.
    pub cert: Vec<u8>,
    /// The PEM private key: PKCS#8, PKCS#1 or SEC1.
    pub key: Secret,
}

/// Bytes that are wiped when dropped and never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why a policy is refused. Written for the operator; holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// An entry of the allow-list, or the list as a whole.
    #[error("allow: {entry:?}: {problem}")]
    Allow {
        /// The entry as it was written.
        entry: String,
        /// What is wrong, and what to write.
        problem: String,
    },
    /// One of the networks.
    #[error("networks: {entry:?}: {problem}")]
    Network {
        /// The entry as it was written.
        entry: String,
        /// What is wrong, and what to write.
        problem: String,
    },
    /// An injected header.
    #[error("inject: {header:?} for {host:?}: {problem}")]
    Inject {
        /// The host as it was written.
        host: String,
        /// The header's name as it was written.
        header: String,
        /// What is wrong.
        problem: String,
    },
    /// The TLS settings of a host.
    #[error("tls: {host:?}: {problem}")]
    Tls {
        /// The host as it was written.
        host: String,
        /// What is wrong.
        problem: String,
    },
    /// A limit.
    #[error("{name}: {problem}")]
    Limit {
        /// The member of [`Policy`] or the list that is too long.
        name: &'static str,
        /// What is wrong.
        problem: String,
    },
}
