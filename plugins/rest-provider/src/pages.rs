//! All pages of an answer.

use chancery_plugin_sdk::{
    Error, Value,
    http::{Request, Response, Url},
    template::Scope,
};

use crate::{
    config::{Ask, Paging, Settings},
    exchange::{self, Outside},
};

/// The request for the first page.
pub(crate) fn first_request(settings: &Settings, scope: &Scope) -> Result<Request, Error> {
    let url = settings.url.render(scope)?;
    let request = match &settings.ask {
        Ask::Get => Request::get(url),
        Ask::Post(None) => Request::post(url),
        Ask::Post(Some(template)) => Request::post(url).json(&template.render(scope)?),
    };
    Ok(with_headers(request, settings))
}

/// Asks, and follows the pages to the last.
pub(crate) fn fetch(first: Request, settings: &Settings, outside: &mut impl Outside) -> Result<Vec<Value>, Error> {
    let mut pages = Vec::new();
    let mut seen = vec![first.url.clone()];
    let mut request = first;
    loop {
        let response = exchange::ask(&request, settings, outside)?;
        let page = response.json()?;
        let next = match &settings.paging {
            Some(paging) => next(paging, &request.url, &response, &page)?,
            None => None,
        };
        pages.push(page);
        let Some(url) = next else {
            return Ok(pages);
        };
        if seen.contains(&url) {
            return Err(unusable("the pages go round in a circle"));
        }
        // Half a list is worse than none.
        if settings.paging.as_ref().is_none_or(|paging| pages.len() as u64 >= paging.max_pages.into()) {
            return Err(unusable(&format!("there are more than {} pages (paging.max_pages)", pages.len())));
        }
        seen.push(url.clone());
        request = with_headers(Request::get(url), settings);
    }
}

fn with_headers(request: Request, settings: &Settings) -> Request {
    let request = settings.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    if settings.headers.iter().any(|(name, _)| name == "accept") {
        request
    } else {
        request.header("accept", "application/json")
    }
}

/// The next page's address, which must be at the same server: the answer is not to choose who gets
/// the headers.
fn next(paging: &Paging, from: &Url, response: &Response, page: &Value) -> Result<Option<Url>, Error> {
    let reference = match &paging.next {
        Some(pointer) => match page.pointer(pointer) {
            None | Some(Value::Null) => None,
            Some(Value::String(reference)) => Some(reference.as_str()).filter(|reference| !reference.is_empty()),
            Some(_) => return Err(unusable(&format!("the next page at {pointer} is no text"))),
        },
        None => response.headers.iter().find_map(|(name, value)| {
            let value = (name == "link").then(|| std::str::from_utf8(value).ok()).flatten()?;
            next_link(value)
        }),
    };
    let Some(reference) = reference else {
        return Ok(None);
    };
    let url = from.join(reference).map_err(|fault| unusable(&format!("the next page: {fault}")))?;
    if url.origin() != from.origin() {
        return Err(unusable(&format!("the next page is at another server, {}", url.origin())));
    }
    Ok(Some(url))
}

/// The target with `rel="next"` in a header `Link` (RFC 8288).
fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (target, after) = after.split_once('>')?;
        // Parameters go on to the comma before the next target, which may stand in quotes too.
        let end = after.match_indices(',').map(|(at, _)| at).find(|at| after[at + 1..].trim_start().starts_with('<'));
        let (parameters, later) = after.split_at(end.unwrap_or(after.len()));
        if parameters.split(';').any(is_next) {
            return Some(target);
        }
        rest = later;
    }
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    let value = value.trim().trim_matches('"');
    name.trim().eq_ignore_ascii_case("rel")
        && value.split_ascii_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
}

fn unusable(detail: &str) -> Error {
    Error::misconfigured("The data source cannot be used.").with_detail(detail)
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;
