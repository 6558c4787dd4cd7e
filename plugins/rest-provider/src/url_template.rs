//! Addresses with placeholders. A value can never become anything but one component of the path or
//! a part of the query: not another host, not another path, not another parameter.

use chancery_plugin_sdk::{
    Error, Value,
    http::{Url, encode},
    template::{self, Part, Scope},
};

/// Longer ones are refused by many servers.
const MAX_URL: usize = 8 * 1024;

/// A URL with placeholders in path and query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlTemplate {
    parts: Vec<(Part, Place)>,
    origin: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Path,
    Query,
}

impl UrlTemplate {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut place = Place::Path;
        let mut parts = Vec::new();
        // With every value as a single letter it has to be a URL.
        let mut sample = String::new();
        for part in template::split(text, template::REQUEST)? {
            match &part {
                Part::Text(text) => sample.push_str(text),
                Part::Value(_) if !has_path(&sample) => {
                    return Err("scheme, host and port must be fixed: placeholders may stand in path and query".into());
                }
                Part::Value(value) if place == Place::Path && value.is_optional() => {
                    return Err(format!("{{{}?}} cannot be optional in a path", value.path()));
                }
                Part::Value(_) => sample.push('x'),
            }
            let asks = matches!(&part, Part::Text(text) if text.contains('?'));
            parts.push((part, place));
            if asks {
                place = Place::Query;
            }
        }
        let origin = Url::parse(&sample)?.origin();
        Ok(Self { parts, origin })
    }

    pub(crate) fn render(&self, scope: &Scope) -> Result<Url, Error> {
        let mut text = String::new();
        for (part, place) in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Value(placeholder) => {
                    if let Some(value) = placeholder.resolve(scope)? {
                        let value = component(value, *place)
                            .map_err(|fault| unfit(&format!("{} {fault}", placeholder.path())))?;
                        text.push_str(&value);
                    }
                }
            }
        }
        if text.len() > MAX_URL {
            return Err(unfit("the URL would be too long"));
        }
        // Refuses path segments that have become `.` or `..`.
        let url = Url::parse(&text).map_err(|fault| unfit(&fault))?;
        if url.origin() != self.origin {
            return Err(unfit("the URL would have another origin"));
        }
        Ok(url)
    }
}

/// Whether scheme and authority are complete.
fn has_path(url: &str) -> bool {
    url.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?']))
}

fn component(value: &Value, place: Place) -> Result<String, &'static str> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return Err("is neither text nor number"),
    };
    if text.chars().any(char::is_control) {
        return Err("has control characters");
    }
    if place == Place::Path {
        if text.is_empty() {
            return Err("is empty");
        }
        // Encoded ones would be right, and yet some servers decode them before they route.
        if text.contains(['/', '\\']) {
            return Err("has slashes, which a path cannot carry: put it into the query");
        }
    }
    Ok(encode(&text))
}

fn unfit(detail: &str) -> Error {
    Error::invalid_request("The data source cannot be asked about this subject.").with_detail(detail)
}

#[cfg(test)]
mod tests {
    use chancery_plugin_sdk::{ErrorKind, Request, json};

    use super::*;

    fn scope(subject: &str) -> Scope {
        let mut request = Request::about(subject);
        request.settings.insert("y".into(), json!("a&b=c#d"));
        request.settings.insert("n".into(), json!(7));
        request.settings.insert("o".into(), json!({}));
        Scope::of(&request)
    }

    fn render(template: &str, subject: &str) -> Result<String, Error> {
        UrlTemplate::parse(template).unwrap().render(&scope(subject)).map(|url| url.to_string())
    }

    #[test]
    fn values_are_encoded_for_where_they_stand() {
        let template = "https://registry.example/v1/people/{subject.id}?x={settings.y}&n={settings.n}&z={settings.z?}";
        assert_eq!(
            render(template, "did:web:é?x=1#f&g%2F+ ").unwrap(),
            "https://registry.example/v1/people/did%3Aweb%3A%C3%A9%3Fx%3D1%23f%26g%252F%2B%20?x=a%26b%3Dc%23d&n=7&z="
        );
        assert_eq!(render("http://h:81?q={subject.id}", "a/../b\\").unwrap(), "http://h:81/?q=a%2F..%2Fb%5C");
        assert_eq!(render("http://h/a?b/{subject.id}", "/").unwrap(), "http://h/a?b/%2F");
    }

    #[test]
    fn values_never_change_path_or_host() {
        for subject in [
            ".",
            "..",
            "",
            "/",
            "a/b",
            "../x",
            "..\\x",
            "a\0b",
            "a\r\nx: y",
            "\u{7f}",
            "\u{85}",
            "//evil.example",
            "x/../../admin",
        ] {
            let error = render("https://h/people/{subject.id}", subject).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{subject:?}");
            assert!(!error.message().contains("people"), "{error}");
        }
        for (subject, path) in
            [("@evil.example", "%40evil.example"), (":80@e", "%3A80%40e"), ("%2e%2e", "%252e%252e"), ("...", "...")]
        {
            assert_eq!(render("https://h/{subject.id}/card", subject).unwrap(), format!("https://h/{path}/card"));
        }
        // Together with what stands beside it.
        assert!(render("https://h/.{subject.id}/x", ".").is_err());
        assert!(render("https://h/%2e{subject.id}/x", ".").is_err());
    }

    #[test]
    fn what_cannot_stand_in_a_url_is_refused() {
        assert!(render("https://h/{settings.o}", "x").is_err());
        assert!(render("https://h/?{subject.id}", &"x".repeat(MAX_URL)).is_err());
        assert_eq!(render("https://h/{settings.missing}", "x").unwrap_err().kind(), ErrorKind::InvalidRequest);
    }

    #[test]
    fn the_host_is_the_operators() {
        for template in [
            "https://{subject.id}/",
            "https://{settings.host}.example/",
            "https://h:{settings.n}/",
            "{settings.y}/a",
            "https://h{subject.id}",
            "//h/{subject.id}",
            "ftp://h/{subject.id}",
            "https://user@h/{subject.id}",
            "https://h/a#{subject.id}",
            "https://h/../{subject.id}",
            "https://h/{subject}",
            "https://h/{holder.id}",
            "https://h/{",
            "https://h/{settings.z?}",
            "https://h/a b/{subject.id}",
        ] {
            assert!(UrlTemplate::parse(template).is_err(), "{template}");
        }
    }
}
