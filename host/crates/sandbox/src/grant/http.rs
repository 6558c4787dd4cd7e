//! `[grants.http]`: outbound requests (`wasi:http/outgoing-handler`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::secrets::Text;
use super::{checked_name, within};
use crate::quantity::{MIB, Size, Span, show_duration, show_size};

/// What one list of the section may hold.
const MAX_ENTRIES: usize = 64;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_TIMEOUT: Duration = Duration::from_mins(1);
const DEFAULT_RESPONSE: u64 = 4 * MIB;
const MAX_RESPONSE: u64 = 32 * MIB;
const DEFAULT_REQUEST: u64 = MIB;
const MAX_REQUEST: u64 = 16 * MIB;

/// Where a plugin may send requests, and what the host does to them on their way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGrant {
    /// Origins, as the operator wrote them: the port judges their form.
    pub allow: Vec<String>,
    /// What addresses a name may resolve to.
    pub networks: Networks,
    /// For one request, from connecting to the last byte.
    pub timeout: Duration,
    /// Bytes of one response's body.
    pub response_max: u64,
    /// Bytes of one request's body.
    pub request_max: u64,
    /// Headers that the host adds and the plugin never sees.
    pub inject: Vec<InjectedHeader>,
    /// Certificates, by host.
    pub tls: Vec<TlsGrant>,
}

/// What addresses a name may resolve to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Networks {
    /// Addresses of the public network.
    Public,
    /// Any but the ones from which machines learn their credentials.
    Any,
    /// Public ones, and those in these blocks (CIDR).
    PublicAnd(Vec<String>),
}

/// A header that the host adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectedHeader {
    /// To requests for this host.
    pub host: String,
    /// Its name.
    pub header: String,
    /// Its value, with secrets by name.
    pub value: Text,
}

/// Certificates for one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsGrant {
    /// The host.
    pub host: String,
    /// A file of PEM certificates: trusted for this host in place of the public authorities.
    pub ca: Option<PathBuf>,
    /// A file with the client's certificate chain in PEM, and the secret that holds its key.
    pub client: Option<(PathBuf, String)>,
}

impl HttpGrant {
    /// The files that it names.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.tls.iter().flat_map(|tls| tls.ca.iter().chain(tls.client.iter().map(|(chain, _)| chain)))
    }

    pub(crate) fn summary(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.allow.iter().map(|origin| format!("http: {origin}")).collect();
        match &self.networks {
            Networks::Public => {}
            Networks::Any => lines.push("http: any network".to_owned()),
            Networks::PublicAnd(blocks) => lines.push(format!("http: networks public, {}", blocks.join(", "))),
        }
        lines.extend(self.inject.iter().map(|inject| format!("http: injects {} for {}", inject.header, inject.host)));
        lines.extend(self.tls.iter().map(|tls| format!("http: own certificates for {}", tls.host)));
        lines
    }
}

/// Outbound HTTP requests (`wasi:http/outgoing-handler`), sent by the host: to the origins named
/// here, at addresses that pass `networks`, without following redirects.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct HttpSection {
    /// Origins `scheme://host[:port]`, such as `"https://registry.example.gov"`. `*` may stand for
    /// the first label of a host: `"https://*.example.gov"`.
    allow: Vec<String>,
    /// What addresses a name may resolve to: `"public"` (default), `"any"`, or a list of address
    /// blocks allowed besides the public ones, such as `["10.1.0.0/16"]`. Addresses at which cloud
    /// machines get their credentials are always refused.
    #[serde(default)]
    networks: NetworksSection,
    /// For one request, from connecting to the last byte. Default 3s, at most 1m.
    timeout: Option<Span>,
    /// Bytes of one response's body. Default 4MiB, at most 32MiB.
    response_max: Option<Size>,
    /// Bytes of one request's body. Default 1MiB, at most 16MiB.
    request_max: Option<Size>,
    /// Headers that the host adds on the way out: the plugin neither sees nor sets them.
    #[serde(default)]
    inject: Vec<InjectSection>,
    /// Certificates for single hosts.
    #[serde(default)]
    tls: Vec<TlsSection>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
enum NetworksSection {
    Named(NamedNetworks),
    Blocks(Vec<String>),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum NamedNetworks {
    Public,
    Any,
}

impl Default for NetworksSection {
    fn default() -> Self {
        Self::Named(NamedNetworks::Public)
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct InjectSection {
    /// To requests for this host.
    host: String,
    /// The header's name.
    header: String,
    /// Its value. `{{secret:NAME}}` stands for a secret of the server's configuration.
    value: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct TlsSection {
    /// The host.
    host: String,
    /// A PEM file in the plugin directory, or an absolute path: only these authorities are trusted.
    ca: Option<PathBuf>,
    /// A PEM file with the client's certificate chain.
    cert: Option<PathBuf>,
    /// `"secret:NAME"`: the client certificate's private key, in PEM.
    key: Option<String>,
}

impl HttpSection {
    pub(super) fn checked(self, plugin_dir: &Path) -> Result<HttpGrant, String> {
        if self.allow.is_empty() {
            return Err("grants.http.allow is empty: name the origins, or leave [grants.http] out".to_owned());
        }
        for (key, count) in [("allow", self.allow.len()), ("inject", self.inject.len()), ("tls", self.tls.len())] {
            within(&format!("entries of grants.http.{key}"), count, 0, MAX_ENTRIES, |n| n.to_string())?;
        }
        let timeout = self.timeout.map_or(DEFAULT_TIMEOUT, |span| span.0);
        let least = Duration::from_millis(1);
        let size = |key: &str, asked: Option<Size>, default, most| {
            within(&format!("grants.http.{key}"), asked.map_or(default, |size| size.0), 1, most, show_size)
        };
        Ok(HttpGrant {
            networks: match self.networks {
                NetworksSection::Named(NamedNetworks::Public) => Networks::Public,
                NetworksSection::Named(NamedNetworks::Any) => Networks::Any,
                NetworksSection::Blocks(blocks) => Networks::PublicAnd(blocks),
            },
            timeout: within("grants.http.timeout", timeout, least, MAX_TIMEOUT, show_duration)?,
            response_max: size("response_max", self.response_max, DEFAULT_RESPONSE, MAX_RESPONSE)?,
            request_max: size("request_max", self.request_max, DEFAULT_REQUEST, MAX_REQUEST)?,
            inject: self.inject.into_iter().map(InjectSection::checked).collect::<Result<_, _>>()?,
            tls: self.tls.into_iter().map(|tls| tls.checked(plugin_dir)).collect::<Result<_, _>>()?,
            allow: self.allow,
        })
    }
}

impl InjectSection {
    fn checked(self) -> Result<InjectedHeader, String> {
        let value = Text::parse(&self.value).map_err(|error| format!("grants.http.inject: {error}"))?;
        Ok(InjectedHeader { host: self.host, header: self.header, value })
    }
}

impl TlsSection {
    fn checked(self, plugin_dir: &Path) -> Result<TlsGrant, String> {
        let client = match (self.cert, self.key) {
            (None, None) => None,
            (Some(cert), Some(key)) => {
                let name = key.strip_prefix("secret:").ok_or("grants.http.tls: key must be \"secret:NAME\"")?;
                checked_name("grants.http.tls.key", name)?;
                Some((plugin_dir.join(cert), name.to_owned()))
            }
            _ => return Err("grants.http.tls: cert and key belong together".to_owned()),
        };
        Ok(TlsGrant { host: self.host, ca: self.ca.map(|ca| plugin_dir.join(ca)), client })
    }
}
