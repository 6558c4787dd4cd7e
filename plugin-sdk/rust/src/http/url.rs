//! Addresses, read strictly: what two readers could understand differently is refused.

use std::fmt;

/// An absolute `http` or `https` URL without user, fragment and dot segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    https: bool,
    /// In lower case; the port only where it is not the scheme's own.
    authority: String,
    /// Begins with a slash.
    path: String,
    query: Option<String>,
}

impl Url {
    /// Reads a URL. Characters outside of ASCII are percent-encoded by whoever writes it.
    ///
    /// # Errors
    /// What is wrong, for whoever wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("the URL must begin with https:// or http://")?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err("the URL must begin with https:// or http://".into()),
        };
        let (authority_text, path_and_query) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        if path.contains('#') || query.is_some_and(|query| query.contains('#')) {
            return Err("the URL must have no fragment (#…)".into());
        }
        let path = if path.is_empty() { "/" } else { path };
        check_characters(path, "/:@")?;
        check_characters(query.unwrap_or_default(), "/:@?")?;
        if path.split('/').any(is_dot_segment) {
            return Err("the URL's path must have no . or .. segments".into());
        }
        Ok(Self {
            https,
            authority: authority(authority_text, https)?,
            path: path.into(),
            query: query.map(Into::into),
        })
    }

    /// Resolves a reference as a browser would (RFC 3986, 5.2); a fragment is dropped.
    ///
    /// # Errors
    /// What is wrong with the reference.
    pub fn join(&self, reference: &str) -> Result<Self, String> {
        let reference = reference.split_once('#').map_or(reference, |(reference, _)| reference);
        let before_path = reference.split(['/', '?']).next().unwrap_or_default();
        if before_path.contains(':') {
            return Self::parse(reference);
        }
        if reference.starts_with("//") {
            return Self::parse(&format!("{}:{reference}", self.scheme()));
        }
        let (path, query) = match reference.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (reference, None),
        };
        let (path, query) = match path {
            "" => (self.path.clone(), query.or(self.query.as_deref())),
            absolute if absolute.starts_with('/') => (without_dot_segments(absolute), query),
            relative => {
                let directory = self.path.rfind('/').map_or("/", |slash| &self.path[..=slash]);
                (without_dot_segments(&format!("{directory}{relative}")), query)
            }
        };
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        Self::parse(&format!("{}{path}{query}", self.origin()))
    }

    pub fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// Host and, where it is not the scheme's own, port.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Scheme, host and port. Two URLs of one origin speak to the same server.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme(), self.authority)
    }

    pub fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.path_and_query())
    }
}

/// A value as one component of a URL: everything but letters, digits, `-`, `.`, `_` and `~` is
/// percent-encoded. A path segment that is `.` or `..` still means something else; see to that.
pub fn encode(value: &str) -> String {
    use fmt::Write;

    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A host, in lower case, and its port if it is not the scheme's own.
fn authority(text: &str, https: bool) -> Result<String, String> {
    if text.contains('@') {
        return Err("the URL must have no user or password".into());
    }
    let bracketed = text.starts_with('[').then(|| text.find(']')).flatten();
    let (host, port) = match bracketed {
        Some(end) => (&text[..=end], text[end + 1..].strip_prefix(':').or((end + 1 == text.len()).then_some(""))),
        None => {
            text.split_once(':').map_or((text, Some("")), |(host, port)| (host, Some(port).filter(|p| !p.is_empty())))
        }
    };
    let name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let address = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
    let valid = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inner) => !inner.is_empty() && inner.bytes().all(address),
        None => host.bytes().all(name) && host.bytes().any(|byte| byte.is_ascii_alphanumeric()),
    };
    if !valid {
        return Err("the URL's host is not valid".into());
    }
    let own_port = if https { 443 } else { 80 };
    let host = host.to_ascii_lowercase();
    match port {
        Some("") => Ok(host),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => match digits.parse::<u16>() {
            Ok(port) if port == own_port => Ok(host),
            Ok(port) if port > 0 => Ok(format!("{host}:{port}")),
            _ => Err("the URL's port is not valid".into()),
        },
        _ => Err("the URL's port is not valid".into()),
    }
}

/// Unreserved characters, sub-delimiters, whole percent-encodings, and `more`.
fn check_characters(text: &str, more: &str) -> Result<(), String> {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let fits = match byte {
            b'%' => bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
            byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte) || more.as_bytes().contains(byte),
        };
        if !fits {
            return Err(format!(
                "the URL has a character at a place where it must be percent-encoded: {:?}",
                char::from(*byte)
            ));
        }
    }
    Ok(())
}

/// `.` and `..` also when they are percent-encoded: many servers decode before they look.
fn is_dot_segment(segment: &str) -> bool {
    let decoded = segment.replace("%2e", ".").replace("%2E", ".");
    decoded == "." || decoded == ".."
}

/// RFC 3986, 5.2.4, for a path that begins with a slash.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (at, segment) in segments.iter().enumerate() {
        let last = at + 1 == segments.len();
        match *segment {
            "." | ".." => {
                if *segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> String {
        Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
    }

    #[test]
    fn urls_have_one_spelling() {
        for (text, spelled) in [
            ("HTTPS://Registry.Example", "https://registry.example/"),
            ("https://registry.example:443/a?b", "https://registry.example/a?b"),
            ("http://h:8080?x=/?:@", "http://h:8080/?x=/?:@"),
            ("http://[::1]:81/a%2Fb", "http://[::1]:81/a%2Fb"),
            ("http://127.0.0.1:00080/", "http://127.0.0.1/"),
            ("https://h/a//b;c=1,2", "https://h/a//b;c=1,2"),
        ] {
            assert_eq!(url(text), spelled);
        }
    }

    #[test]
    fn what_readers_could_disagree_about_is_refused() {
        for text in [
            "",
            "registry.example",
            "ftp://h/",
            "javascript://h/",
            "https://",
            "https:///a",
            "https://user@h/",
            "https://a:b@h/",
            "https://h:0/",
            "https://h:/",
            "https://h:65536/",
            "https://h:+80/",
            "https://h:80:80/",
            "https://[::1/",
            "https://[::1]x/",
            "https://[]/",
            "https://h\\@evil/",
            "https://h\u{e9}/",
            "https://h%2e/",
            "https://./",
            "https://h/a b",
            "https://h/\r\nx: y",
            "https://h/é",
            "https://h/%2",
            "https://h/%zz",
            "https://h/#a",
            "https://h/?a#b",
            "https://h#a",
            "https://h/../a",
            "https://h/a/.",
            "https://h/%2E%2e/a",
            "https://h/.%2e",
            "https://h/a\\b",
            "https://h/<a>",
            "https://h/?a=\"b\"",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn references_resolve_as_in_the_rfc() {
        let base = Url::parse("http://a/b/c/d;p?q").unwrap();
        for (reference, resolved) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g..", "http://a/b/c/g.."),
            ("./../g", "http://a/b/g"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("https://h/x", "https://h/x"),
        ] {
            assert_eq!(base.join(reference).unwrap().to_string(), resolved, "{reference}");
        }
        for bad in ["ftp://a/", "mailto:a", "//u@h/", "/%2e%2e/a", "a b", "x:y"] {
            assert!(base.join(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn origins_are_told_apart() {
        let origin = |text: &str| Url::parse(text).unwrap().origin();
        assert_eq!(origin("https://H:443/a"), origin("https://h/b"));
        for other in ["http://h/", "https://h:444/", "https://h.x/", "https://h./"] {
            assert_ne!(origin("https://h/"), origin(other), "{other}");
        }
    }

    #[test]
    fn a_component_cannot_end_itself() {
        assert_eq!(encode("a-b._~é/?#&=%\r\n "), "a-b._~%C3%A9%2F%3F%23%26%3D%25%0D%0A%20");
    }
}
