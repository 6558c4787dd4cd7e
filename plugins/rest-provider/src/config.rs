//! The operator's `[config]`.

use std::{collections::BTreeMap, time::Duration};

use chancery_plugin_sdk::{
    ConfigProblem, ErrorKind, Map, Value,
    quantity::Span,
    template::{self, Template, escape_pointer},
};
use serde::Deserialize;

use crate::url_template::UrlTemplate;

#[path = "schema.rs"]
mod schema;

pub(crate) use schema::schema;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);
const DEFAULT_ATTEMPTS: u32 = 3;
const MAX_ATTEMPTS: u32 = 5;
const DEFAULT_BACKOFF: Duration = Duration::from_millis(200);
const DEFAULT_PAGES: u32 = 5;
const MAX_PAGES: u32 = 50;
/// Belong to the connection, and so to the host.
const HOSTS_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "traceparent",
    "transfer-encoding",
    "upgrade",
];

/// As the operator writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    url: String,
    #[serde(default)]
    method: MethodName,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    timeout: Option<Span>,
    claims: Option<Map<String, Value>>,
    items: Option<String>,
    into: Option<String>,
    paging: Option<PagingSection>,
    #[serde(default)]
    retry: RetrySection,
    #[serde(default)]
    status: BTreeMap<String, StatusName>,
    cache: Option<CacheSection>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
enum MethodName {
    #[default]
    #[serde(rename = "GET")]
    Get,
    #[serde(rename = "POST")]
    Post,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PagingSection {
    next: Option<String>,
    #[serde(default)]
    link: bool,
    max_pages: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetrySection {
    attempts: Option<u32>,
    backoff: Option<Span>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StatusName {
    NotFound,
    Denied,
    InvalidRequest,
    Unavailable,
    Misconfigured,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CacheSection {
    ttl: Span,
}

/// As the plugin uses it.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) url: UrlTemplate,
    pub(crate) ask: Ask,
    pub(crate) headers: Vec<(String, String)>,
    /// For one request.
    pub(crate) timeout: Duration,
    /// Absent means that the answer's own members are the claims.
    pub(crate) claims: Option<Vec<Claim>>,
    /// Where the answer has its list, as a JSON pointer.
    pub(crate) items: Option<String>,
    /// The claim that the list becomes; absent means that it has to have one item.
    pub(crate) into: Option<String>,
    pub(crate) paging: Option<Paging>,
    pub(crate) attempts: u32,
    pub(crate) backoff: Duration,
    /// What statuses mean, where it is not the usual.
    pub(crate) statuses: BTreeMap<u16, ErrorKind>,
    /// How long answers are kept.
    pub(crate) ttl: Option<Duration>,
}

/// How the source is asked.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Get,
    /// With a JSON body or none.
    Post(Option<Template>),
}

/// One claim, and where the answer has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) name: String,
    pub(crate) pointer: String,
    pub(crate) required: bool,
}

/// How an answer names the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    /// A JSON pointer; absent means header `Link` with `rel="next"`.
    pub(crate) next: Option<String>,
    pub(crate) max_pages: u32,
}

impl Config {
    pub(crate) fn check(self) -> Result<Settings, Vec<ConfigProblem>> {
        let mut faults = Faults::default();
        let url = faults.take("/url", UrlTemplate::parse(&self.url));
        let ask = self.ask(&mut faults);
        let headers = self.headers(&mut faults);
        let claims = self.claims.as_ref().map(|claims| claims_of(claims, &mut faults));
        let items = self.items.clone().map(|items| faults.pointer("/items", items));
        if self.into.is_some() && items.is_none() {
            faults.add("/into", "needs `items`, the list that becomes this claim");
        }
        if self.into.as_deref() == Some("") {
            faults.add("/into", "must be the name of a claim");
        }
        let paging = self.paging(&mut faults);
        let retry = &self.retry;
        let attempts = faults.within("/retry/attempts", retry.attempts.unwrap_or(DEFAULT_ATTEMPTS), MAX_ATTEMPTS);
        let timeout = faults.time("/timeout", self.timeout, DEFAULT_TIMEOUT);
        let backoff = faults.time("/retry/backoff", retry.backoff, DEFAULT_BACKOFF);
        let ttl = self.cache.as_ref().map(|cache| faults.time("/cache/ttl", Some(cache.ttl), Duration::ZERO));
        let statuses = self.statuses(&mut faults);
        match url {
            Some(url) if faults.0.is_empty() => Ok(Settings {
                url,
                ask,
                headers,
                timeout,
                claims,
                items,
                into: self.into,
                paging,
                attempts,
                backoff,
                statuses,
                ttl,
            }),
            _ => Err(faults.0),
        }
    }

    fn ask(&self, faults: &mut Faults) -> Ask {
        match (&self.body, self.method) {
            (None, MethodName::Get) => Ask::Get,
            (None, MethodName::Post) => Ask::Post(None),
            (Some(_), MethodName::Get) => {
                faults.add("/body", "needs method = \"POST\"");
                Ask::Get
            }
            (Some(body), MethodName::Post) => {
                let template = Template::parse(body, template::REQUEST, "/body");
                Ask::Post(template.map_err(|problems| faults.0.extend(problems)).ok())
            }
        }
    }

    fn headers(&self, faults: &mut Faults) -> Vec<(String, String)> {
        for (name, value) in &self.headers {
            let path = format!("/headers/{}", escape_pointer(name));
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if name.is_empty() || !name.bytes().all(token) {
                faults.add(&path, "is not the name of a header");
            } else if HOSTS_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                faults.add(&path, "is set by the plugin or the host");
            } else if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                faults.add(&path, "has characters that a header cannot carry");
            }
        }
        self.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
    }

    fn paging(&self, faults: &mut Faults) -> Option<Paging> {
        let paging = self.paging.as_ref()?;
        if self.items.is_none() {
            faults.add("/paging", "needs `items`, the list that comes in pages");
        }
        if self.method == MethodName::Post {
            faults.add("/paging", "needs method = \"GET\"");
        }
        if paging.next.is_some() == paging.link {
            faults.add("/paging", "needs either `next`, a JSON pointer, or link = true");
        }
        let next = paging.next.clone().map(|next| faults.pointer("/paging/next", next));
        let max_pages = faults.within("/paging/max_pages", paging.max_pages.unwrap_or(DEFAULT_PAGES), MAX_PAGES);
        Some(Paging { next, max_pages })
    }

    fn statuses(&self, faults: &mut Faults) -> BTreeMap<u16, ErrorKind> {
        let mut statuses = BTreeMap::new();
        for (status, meaning) in &self.status {
            let kind = match meaning {
                StatusName::NotFound => ErrorKind::NotFound,
                StatusName::Denied => ErrorKind::Denied,
                StatusName::InvalidRequest => ErrorKind::InvalidRequest,
                StatusName::Unavailable => ErrorKind::Unavailable,
                StatusName::Misconfigured => ErrorKind::Misconfigured,
            };
            match status.parse::<u16>() {
                Ok(number @ 400..=599) => drop(statuses.insert(number, kind)),
                _ => faults.add(&format!("/status/{}", escape_pointer(status)), "must be a status from 400 to 599"),
            }
        }
        statuses
    }
}

fn claims_of(claims: &Map<String, Value>, faults: &mut Faults) -> Vec<Claim> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Long {
        pointer: String,
        #[serde(default)]
        required: bool,
    }

    if claims.is_empty() {
        faults.add("/claims", "must name at least one claim; leave it out to pass all on");
    }
    let mut found = Vec::new();
    for (name, source) in claims {
        let path = format!("/claims/{}", escape_pointer(name));
        let long = match source {
            Value::String(pointer) => Ok(Long { pointer: pointer.clone(), required: false }),
            other => Long::deserialize(other),
        };
        match long {
            _ if name.is_empty() => faults.add(&path, "the claim needs a name"),
            Ok(Long { pointer, required }) => {
                found.push(Claim { name: name.clone(), pointer: faults.pointer(&path, pointer), required });
            }
            Err(_) => faults.add(&path, "must be a JSON pointer, or { pointer = \"/…\", required = true }"),
        }
    }
    found
}

/// What is wrong so far.
#[derive(Default)]
struct Faults(Vec<ConfigProblem>);

impl Faults {
    fn add(&mut self, path: &str, message: impl Into<String>) {
        self.0.push(ConfigProblem::new(path, message));
    }

    fn take<T>(&mut self, path: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.add(path, message)).ok()
    }

    /// RFC 6901: empty, or `/` before each name, `~` only as `~0` and `~1`.
    fn pointer(&mut self, path: &str, pointer: String) -> String {
        let escapes = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if !escapes || !(pointer.is_empty() || pointer.starts_with('/')) {
            self.add(path, "must be a JSON pointer such as \"/address/city\"");
        }
        pointer
    }

    fn within(&mut self, path: &str, value: u32, most: u32) -> u32 {
        if !(1..=most).contains(&value) {
            self.add(path, format!("must be from 1 to {most}"));
        }
        value
    }

    fn time(&mut self, path: &str, value: Option<Span>, default: Duration) -> Duration {
        if value.is_some_and(|value| value.0.is_zero()) {
            self.add(path, "must be longer than nothing");
        }
        value.map_or(default, |value| value.0)
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
