//! Origins, and the patterns that allow them.
//!
//! One parser reads the allow-list and the requests, and what it returns is what is judged, resolved, connected to and
//! written into `host`: there are no two readings of one URL.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;
use url::Url;

/// Scheme, host and port of a URL, normalised: equal origins are equal values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) scheme: Scheme,
    pub(crate) host: Host,
    pub(crate) port: u16,
}

impl Origin {
    /// The origin of an absolute URL. The error is a public reason.
    pub(crate) fn of(uri: &Uri) -> Result<Self, &'static str> {
        match (uri.scheme_str(), uri.authority()) {
            (Some(scheme), Some(authority)) => Self::parse(&format!("{scheme}://{authority}")),
            _ => Err("the URL is not absolute"),
        }
    }

    /// Reads `scheme://host[:port]`.
    fn parse(text: &str) -> Result<Self, &'static str> {
        // The URL parser drops some of these silently.
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("white space or a control character");
        }
        let (scheme, authority) = text.split_once("://").ok_or("no scheme: begin with `https://`")?;
        let scheme = Scheme::parse(scheme)?;
        if authority.contains(['/', '\\', '?', '#']) {
            return Err("something follows the host: end after host and port");
        }
        if authority.contains('@') {
            return Err("a user name in the URL");
        }
        let url = Url::parse(&format!("{scheme}://{authority}/")).map_err(|_| "the host or port is malformed")?;
        let host = match url.host() {
            Some(url::Host::Domain(name)) => Host::Name(checked_name(name)?),
            Some(url::Host::Ipv4(address)) => Host::V4(address),
            Some(url::Host::Ipv6(v6)) if v6.to_ipv4_mapped().is_some() => {
                return Err("an IPv4 address written as IPv6: write the IPv4 address itself");
            }
            Some(url::Host::Ipv6(address)) => Host::V6(address),
            None => return Err("no host"),
        };
        match url.port_or_known_default() {
            Some(port) if port != 0 => Ok(Self { scheme, host, port }),
            _ => Err("port 0"),
        }
    }

    /// `host[:port]`, without the scheme's own port.
    pub(crate) fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority())
    }
}

/// Letters, digits, hyphens and underscores in labels of proper length. A trailing dot is refused: it is the same host
/// to the name service and another one to a certificate.
fn checked_name(name: &str) -> Result<String, &'static str> {
    if name.ends_with('.') {
        return Err("a dot at the end of the host: leave it out");
    }
    let fits = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if name.len() > 253 || !name.split('.').all(fits) {
        return Err("the host is malformed");
    }
    Ok(name.to_owned())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text.to_ascii_lowercase().as_str() {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            _ => Err("only `https` and `http` are served"),
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Host {
    Name(String),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl Host {
    /// The address, where the URL names one.
    pub(crate) fn literal(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some((*address).into()),
            Self::V6(address) => Some((*address).into()),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => write!(f, "{address}"),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// A host, or all names with one more label in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostPattern {
    Exact(Host),
    LabelBefore(String),
}

impl HostPattern {
    pub(crate) fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(own), _) => own == host,
            (Self::LabelBefore(rest), Host::Name(name)) => name.split_once('.').is_some_and(|(_, tail)| tail == rest),
            (Self::LabelBefore(_), Host::V4(_) | Host::V6(_)) => false,
        }
    }

    /// Whether some host matches both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Exact(host)) => self.matches(host),
            (Self::Exact(host), _) => other.matches(host),
            (Self::LabelBefore(one), Self::LabelBefore(two)) => one == two,
        }
    }
}

/// An entry of the allow-list.
#[derive(Clone, Debug)]
pub(crate) struct AllowEntry {
    pub(crate) scheme: Scheme,
    pub(crate) host: HostPattern,
    pub(crate) port: u16,
}

impl AllowEntry {
    /// Reads `scheme://host[:port]`, where `*` may be the first label. The error says what to write.
    pub(crate) fn parse(entry: &str) -> Result<Self, String> {
        const EXAMPLE: &str = "write `https://registry.example.gov` or `https://*.example.gov`";
        if entry.chars().all(|c| matches!(c, '*' | '.')) {
            return Err(format!("this would allow every host; {EXAMPLE}"));
        }
        let advise = |problem: &str| format!("{problem}; {EXAMPLE}");
        let (scheme, authority) =
            entry.split_once("://").ok_or_else(|| format!("no scheme; write `https://{entry}`"))?;
        let (wild, rest) = match authority.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, authority),
        };
        if rest.contains('*') {
            return Err(advise("`*` may only be the whole first label of a name"));
        }
        let origin = Origin::parse(&format!("{scheme}://{rest}")).map_err(advise)?;
        let host = match origin.host {
            host if !wild => HostPattern::Exact(host),
            Host::Name(name) if name.contains('.') => HostPattern::LabelBefore(name),
            _ => return Err(advise("at least two labels must follow `*`")),
        };
        Ok(Self { scheme: origin.scheme, host, port: origin.port })
    }

    pub(crate) fn matches(&self, origin: &Origin) -> bool {
        self.scheme == origin.scheme && self.port == origin.port && self.host.matches(&origin.host)
    }
}

/// Which hosts an injected header or a TLS setting is for.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    host: HostPattern,
    /// None: every port.
    port: Option<u16>,
}

impl Target {
    /// Reads `host`, `host:port` or `*.host`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            return Err("write the host alone, without a scheme".to_owned());
        }
        let entry = AllowEntry::parse(&format!("https://{text}"))?;
        // `[::1]` has colons and no port.
        let has_port = text.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        Ok(Self { host: entry.host, port: has_port.then_some(entry.port) })
    }

    pub(crate) fn matches(&self, origin: &Origin) -> bool {
        self.port.is_none_or(|port| port == origin.port) && self.host.matches(&origin.host)
    }

    /// Whether it is for something that `entry` allows.
    pub(crate) fn concerns(&self, entry: &AllowEntry) -> bool {
        self.port.is_none_or(|port| port == entry.port) && self.host.overlaps(&entry.host)
    }

    /// Whether some origin is a target of both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let same_port = matches!((self.port, other.port), (Some(a), Some(b)) if a != b);
        !same_port && self.host.overlaps(&other.host)
    }
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
