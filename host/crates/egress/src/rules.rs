//! A checked policy, and what it makes of a request.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Request, Uri, Version};
use http_body_util::Full;

use crate::address::AddressRules;
use crate::error::EgressError;
use crate::headers;
use crate::origin::{AllowEntry, HostPattern, Origin, Scheme, Target};
use crate::policy::{HostTls, InjectedHeader, Policy, PolicyError};
use crate::roots::TrustRoots;
use crate::tls::{self, TlsSettings};

/// A [`Policy`] whose every part has been understood.
#[derive(Debug)]
pub(crate) struct Rules {
    allow: Vec<AllowEntry>,
    pub(crate) addresses: AddressRules,
    inject: Vec<Injection>,
    tls: Vec<(Target, TlsSettings)>,
    default_tls: Option<TlsSettings>,
    pub(crate) request_max: u64,
    pub(crate) response_max: u64,
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
}

/// A request that may leave, ready to be written to a connection.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) origin: Origin,
    pub(crate) request: Request<Full<Bytes>>,
}

#[derive(Debug)]
struct Injection {
    target: Target,
    name: HeaderName,
    /// Marked sensitive: its `Debug` hides it.
    value: HeaderValue,
}

/// Bytes of path and query.
const MAX_PATH_BYTES: usize = 8 << 10;
/// Entries of `allow`, `inject` and `tls`, each.
const MAX_ENTRIES: usize = 256;

impl Rules {
    pub(crate) fn new(policy: &Policy, roots: &TrustRoots) -> Result<Self, PolicyError> {
        let rules = Self::without_tls(policy)?;
        let tls = parse_tls(&policy.tls, &rules.allow, roots)?;
        let default_tls = default_tls(policy, &rules.allow, &tls, roots)?;
        Ok(Self { tls, default_tls, ..rules })
    }

    /// For requests that are judged and never sent.
    pub(crate) fn without_tls(policy: &Policy) -> Result<Self, PolicyError> {
        check_limits(policy)?;
        let addresses = AddressRules::new(&policy.networks)?;
        let allow = parse_allow(&policy.allow, &addresses)?;
        let inject = parse_inject(&policy.inject, &allow)?;
        Ok(Self {
            allow,
            addresses,
            inject,
            tls: Vec::new(),
            default_tls: None,
            request_max: policy.request_max,
            response_max: policy.response_max,
            connect_timeout: policy.connect_timeout,
            timeout: policy.timeout,
        })
    }

    /// Judges everything about a request that can be judged before its name is resolved, and adds the host's headers.
    pub(crate) fn admit(&self, request: Request<Bytes>) -> Result<Outgoing, EgressError> {
        let (parts, body) = request.into_parts();
        let origin = Origin::of(&parts.uri).map_err(EgressError::denied)?;
        if !self.allow.iter().any(|entry| entry.matches(&origin)) {
            return Err(EgressError::denied(format!("{origin} is not on the allow-list")));
        }
        // CONNECT asks for a tunnel; the others would return the injected headers to the sender.
        if matches!(parts.method.as_str(), "CONNECT" | "TRACE" | "TRACK") {
            return Err(EgressError::denied(format!("the method {}", parts.method)));
        }
        headers::check_request(&parts.headers).map_err(EgressError::denied)?;
        if exceeds(body.len(), self.request_max) {
            return Err(EgressError::RequestTooLarge { limit: self.request_max });
        }
        let mut outgoing = Request::new(Full::new(body));
        *outgoing.method_mut() = parts.method;
        *outgoing.uri_mut() = origin_form(&parts.uri)?;
        *outgoing.version_mut() = Version::HTTP_11;
        *outgoing.headers_mut() = self.complete(&origin, parts.headers)?;
        Ok(Outgoing { origin, request: outgoing })
    }

    /// The TLS settings for an origin.
    pub(crate) fn tls(&self, origin: &Origin) -> Option<TlsSettings> {
        let own = self.tls.iter().find(|(target, _)| target.matches(origin)).map(|(_, config)| config);
        own.or(self.default_tls.as_ref()).cloned()
    }

    fn complete(&self, origin: &Origin, mut headers: HeaderMap) -> Result<HeaderMap, EgressError> {
        for injection in self.inject.iter().filter(|i| i.target.matches(origin)) {
            if headers.contains_key(&injection.name) {
                return Err(EgressError::denied(format!("the header {} is set by the host", injection.name)));
            }
            headers.insert(injection.name.clone(), injection.value.clone());
        }
        let authority = HeaderValue::try_from(origin.authority());
        headers.insert(HOST, authority.map_err(|_| EgressError::denied("the host is malformed"))?);
        Ok(headers)
    }
}

/// Whether so many bytes are more than `limit`.
pub(crate) fn exceeds(size: usize, limit: u64) -> bool {
    u64::try_from(size).map_or(true, |size| size > limit)
}

/// Path and query as the sender wrote them.
fn origin_form(uri: &Uri) -> Result<Uri, EgressError> {
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    if path.len() > MAX_PATH_BYTES {
        return Err(EgressError::denied(format!("path and query of more than {MAX_PATH_BYTES} bytes")));
    }
    let text = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Uri::try_from(text).map_err(|_| EgressError::denied("the path is malformed"))
}

fn check_limits(policy: &Policy) -> Result<(), PolicyError> {
    for (name, count) in [("allow", policy.allow.len()), ("inject", policy.inject.len()), ("tls", policy.tls.len())] {
        if count > MAX_ENTRIES {
            let problem = format!("{count} entries; {MAX_ENTRIES} are allowed");
            return Err(PolicyError::Limit { name, problem });
        }
    }
    let zero = [
        ("connect_timeout", policy.connect_timeout.is_zero()),
        ("timeout", policy.timeout.is_zero()),
        ("concurrency", policy.concurrency == 0),
    ];
    match zero.into_iter().find(|(_, is_zero)| *is_zero) {
        Some((name, _)) => Err(PolicyError::Limit { name, problem: "must not be zero".to_owned() }),
        None => Ok(()),
    }
}

fn parse_allow(entries: &[String], addresses: &AddressRules) -> Result<Vec<AllowEntry>, PolicyError> {
    if entries.is_empty() {
        return Err(PolicyError::Limit { name: "allow", problem: "names no origin".to_owned() });
    }
    let parse = |entry: &String| {
        let refuse = |problem| PolicyError::Allow { entry: entry.clone(), problem };
        let parsed = AllowEntry::parse(entry).map_err(refuse)?;
        // Better said now than at each request.
        if let HostPattern::Exact(host) = &parsed.host
            && let Some(address) = host.literal()
        {
            let verdict = addresses.admit(address);
            verdict.map_err(|what| refuse(format!("{what}, which `networks` does not admit")))?;
        }
        Ok(parsed)
    };
    entries.iter().map(parse).collect()
}

fn parse_inject(headers: &[InjectedHeader], allow: &[AllowEntry]) -> Result<Vec<Injection>, PolicyError> {
    let mut found: Vec<Injection> = Vec::new();
    for header in headers {
        let injection = parse_injection(header, allow, &found).map_err(|problem| PolicyError::Inject {
            host: header.host.clone(),
            header: header.header.clone(),
            problem,
        })?;
        found.push(injection);
    }
    Ok(found)
}

fn parse_injection(header: &InjectedHeader, allow: &[AllowEntry], found: &[Injection]) -> Result<Injection, String> {
    let target = Target::parse(&header.host)?;
    let entries: Vec<&AllowEntry> = allow.iter().filter(|entry| target.concerns(entry)).collect();
    if entries.is_empty() {
        return Err("`allow` does not name this host".to_owned());
    }
    // The sender picks the scheme: it could have the value sent in the clear.
    if entries.iter().any(|e| e.scheme == Scheme::Http) && entries.iter().any(|e| e.scheme == Scheme::Https) {
        return Err("`allow` names the host with both https and http: leave http out, or name one port".to_owned());
    }
    let name = HeaderName::from_bytes(header.header.as_bytes()).map_err(|_| "not a header's name".to_owned())?;
    if headers::is_reserved(&name) {
        return Err("this header is the host's own".to_owned());
    }
    if found.iter().any(|other| other.name == name && other.target.overlaps(&target)) {
        return Err("set twice for one host".to_owned());
    }
    let value = HeaderValue::from_bytes(header.value.expose());
    let mut value = value.map_err(|_| "the value has a character that headers can't carry".to_owned())?;
    value.set_sensitive(true);
    Ok(Injection { target, name, value })
}

fn parse_tls(
    hosts: &[HostTls],
    allow: &[AllowEntry],
    roots: &TrustRoots,
) -> Result<Vec<(Target, TlsSettings)>, PolicyError> {
    let mut found: Vec<(Target, TlsSettings)> = Vec::new();
    for host in hosts {
        let refuse = |problem| PolicyError::Tls { host: host.host.clone(), problem };
        let target = Target::parse(&host.host).map_err(refuse)?;
        if !allow.iter().any(|entry| entry.scheme == Scheme::Https && target.concerns(entry)) {
            return Err(refuse("`allow` does not name this host with https".to_owned()));
        }
        if found.iter().any(|(other, _)| other.overlaps(&target)) {
            return Err(refuse("set twice for one host".to_owned()));
        }
        found.push((target, tls::host_config(host, roots).map_err(refuse)?));
    }
    Ok(found)
}

/// TLS for hosts without settings of their own; refused where such a host would find no authority to trust.
fn default_tls(
    policy: &Policy,
    allow: &[AllowEntry],
    own: &[(Target, TlsSettings)],
    roots: &TrustRoots,
) -> Result<Option<TlsSettings>, PolicyError> {
    let needs =
        |entry: &AllowEntry| entry.scheme == Scheme::Https && !own.iter().any(|(target, _)| target.concerns(entry));
    let Some(entry) = policy.allow.iter().zip(allow).find(|(_, parsed)| needs(parsed)).map(|(text, _)| text) else {
        // A wildcard may still reach hosts beside those with settings.
        return Ok(tls::default_config(roots).ok());
    };
    let refuse = |problem: String| PolicyError::Allow { entry: entry.clone(), problem };
    if roots.is_empty() {
        return Err(refuse(tls::NO_ROOTS.to_owned()));
    }
    tls::default_config(roots).map(Some).map_err(refuse)
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
