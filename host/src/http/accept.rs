//! What a client would like to be answered (RFC 9110, 12.5).

use axum::http::{HeaderMap, HeaderName, header};

/// The media type that the client likes best among those offered, which stand in the order that we prefer. `None`: it
/// takes none of them.
pub(super) fn media_type<'a>(headers: &HeaderMap, offered: &[&'a str]) -> Option<&'a str> {
    let Some(accept) = joined(headers, &header::ACCEPT) else { return offered.first().copied() };
    let ranges: Vec<(&str, u16)> = accept.split(',').filter_map(item).collect();
    let mut best: Option<(&'a str, u16)> = None;
    for media_type in offered {
        // The most specific range decides, whatever others say.
        let applies = ranges.iter().filter_map(|(range, q)| Some((specificity(range, media_type)?, *q)));
        let Some((_, q)) = applies.max_by_key(|(specificity, _)| *specificity) else { continue };
        if q > 0 && best.is_none_or(|(_, best)| q > best) {
            best = Some((media_type, q));
        }
    }
    best.map(|(media_type, _)| media_type)
}

/// Whether a body may be sent under gzip, and that is liked no less than leaving it as it is.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let Some(accept) = joined(headers, &header::ACCEPT_ENCODING) else { return false };
    let codings: Vec<(&str, u16)> = accept.split(',').filter_map(item).collect();
    let weight = |names: &[&str]| {
        codings.iter().find(|(coding, _)| names.iter().any(|name| coding.eq_ignore_ascii_case(name))).map(|(_, q)| *q)
    };
    let gzip = weight(&["gzip", "x-gzip"]).or_else(|| weight(&["*"])).unwrap_or(0);
    gzip > 0 && gzip >= weight(&["identity"]).unwrap_or(0)
}

/// Whether one of the entity tags in `If-None-Match` is this one, by the weak comparison (RFC 9110, 13.1.2).
pub(super) fn matches_none(headers: &HeaderMap, etag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    // Our tags hold no comma, so one that is split at a comma is not ours.
    joined(headers, &header::IF_NONE_MATCH)
        .is_some_and(|tags| tags.trim() == "*" || tags.split(',').any(|tag| opaque(tag) == etag))
}

/// Fields of one name are one list. What is no text counts as empty.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).peekable();
    values.peek()?;
    Some(values.collect::<Vec<_>>().join(","))
}

/// A range or coding and its weight in thousandths; parameters other than `q` do not matter to us.
fn item(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let weight = parts.find_map(|parameter| parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q=")));
    weight.map_or(Some((name, 1_000)), |weight| Some((name, thousandths(weight)?)))
}

/// `0`, `1`, `0.5`, `0.125`, `1.000` (RFC 9110, 12.4.2).
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1_000),
        _ => None,
    }
}

/// How closely a range names the media type; `None`: not at all.
fn specificity(range: &str, media_type: &str) -> Option<u8> {
    let (kind, subtype) = range.split_once('/')?;
    let (own_kind, own_subtype) = media_type.split_once('/')?;
    if kind == "*" {
        return (subtype == "*").then_some(0);
    }
    if !kind.eq_ignore_ascii_case(own_kind) {
        return None;
    }
    if subtype == "*" {
        return Some(1);
    }
    subtype.eq_ignore_ascii_case(own_subtype).then_some(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: [&str; 4] =
        ["application/vc", "application/json", "application/vc+jwt", "application/statuslist+jwt"];

    fn headers(name: HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_best_liked_type_is_chosen_and_the_closest_range_decides() {
        let (vc, json, jwt, token) = (Some(OFFERED[0]), Some(OFFERED[1]), Some(OFFERED[2]), Some(OFFERED[3]));
        for (accept, chosen) in [
            ("*/*", vc),
            ("application/*", vc),
            ("application/json", json),
            ("Application/VC+JWT", jwt),
            ("application/statuslist+jwt, */*", vc),
            ("application/statuslist+jwt, */*;q=0.1", token),
            ("application/vc+jwt;q=0.5, application/statuslist+jwt;q=0.9", token),
            ("application/vc+jwt;q=0.500, application/statuslist+jwt;q=0.499", jwt),
            ("application/json;q=1.000, application/vc;q=0.999", json),
            ("application/vc;q=0, application/*", json),
            ("application/vc;q=0, */*;q=0.1", json),
            ("text/html, application/xhtml+xml, */*;q=0.8", vc),
            ("application/vc;profile=\"x\";q=0.2, application/json;q=0.1", vc),
            (" application/json ;q=0.3", json),
            ("text/html", None),
            ("application/vc;q=0", None),
            ("application/vc+ld+json", None),
            ("*/json", None),
            ("application", None),
            ("", None),
            // A weight that is none makes the range none.
            ("application/vc;q=2, application/json", json),
            ("application/vc;q=1.001, application/json", json),
            ("application/vc;q=0.1234, application/json", json),
            ("application/vc;q=-1, application/json", json),
            ("application/vc;q=, application/json", json),
        ] {
            assert_eq!(media_type(&headers(header::ACCEPT, &[accept]), &OFFERED), chosen, "{accept:?}");
        }
        assert_eq!(media_type(&HeaderMap::new(), &OFFERED), vc);
        assert_eq!(media_type(&headers(header::ACCEPT, &["text/html", "application/json"]), &OFFERED), json);
        assert_eq!(media_type(&HeaderMap::new(), &[]), None);
    }

    #[test]
    fn gzip_is_for_those_who_ask_for_it() {
        for (accept, takes) in [
            ("gzip", true),
            ("x-gzip", true),
            ("GZIP;q=0.1", true),
            ("br, gzip;q=0.5", true),
            ("*", true),
            ("gzip, identity", true),
            ("gzip;q=0", false),
            ("*, gzip;q=0", false),
            ("identity, gzip;q=0.5", false),
            ("br", false),
            ("", false),
            ("gzip;q=x", false),
        ] {
            assert_eq!(takes_gzip(&headers(header::ACCEPT_ENCODING, &[accept])), takes, "{accept:?}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn entity_tags_are_compared_weakly() {
        for (tags, matches) in [
            (&["\"a\""][..], true),
            (&["W/\"a\""], true),
            (&["*"], true),
            (&["\"b\", \"a\""], true),
            (&["\"b\"", "\"a\""], true),
            (&["\"b\""], false),
            (&["a"], false),
            (&["\"a-gzip\""], false),
            (&["\"b\", *"], false),
            (&[""], false),
        ] {
            assert_eq!(matches_none(&headers(header::IF_NONE_MATCH, tags), "\"a\""), matches, "{tags:?}");
        }
        assert!(!matches_none(&HeaderMap::new(), "\"a\""));
    }
}
