//! Pages for people. No script, nothing from elsewhere but the logos that the issuer names.

use std::sync::LazyLock;

use axum::extract::{RawPathParams, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::SecondsFormat;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use qrcode::QrCode;
use qrcode::render::svg;
use serde_json::{Map, Value, json};

use super::AppState;
use super::error::ApiError;
use super::issuer::CurrentIssuer;
use crate::issuance::configuration::CredentialConfiguration;
use crate::issuance::issuers::Issuer;
use crate::issuance::offers::OpenOffer;

const STYLE: &str = include_str!("../../templates/style.css");
const STYLESHEET: &str = "/assets/style.css";
const SECURITY: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // The address of the page is as good as the offer.
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, text) in [
        ("offer.html", include_str!("../../templates/offer.html")),
        ("gone.html", include_str!("../../templates/gone.html")),
        ("docs.html", include_str!("../../templates/docs.html")),
    ] {
        // The test below renders each of them, so that a template that does not compile never gets this far.
        if let Err(error) = pages.add_template(name, text) {
            tracing::error!(name, error = &error as &dyn std::error::Error, "a page does not compile");
        }
    }
    pages
});

/// An offer as a person sees it: by whom, what, a QR code and a link for the wallet. Whoever knows the unguessable
/// URL may see it.
pub(super) async fn offer(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
    headers: HeaderMap,
    params: RawPathParams,
) -> Result<Response, ApiError> {
    let id = params.iter().find(|(name, _)| *name == "offer").map_or("", |(_, id)| id);
    let languages = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    match state.issuance.open_offer(&issuer, id).await.map_err(ApiError::admin)? {
        Some(offer) => page(StatusCode::OK, "offer.html", &offer_view(&issuer, &offer, languages)?),
        None => page(
            StatusCode::NOT_FOUND,
            "gone.html",
            &json!({"issuer": issuer_view(&issuer, languages), "stylesheet": STYLESHEET}),
        ),
    }
}

/// The style sheet of every page.
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css"), (header::CACHE_CONTROL, "public, max-age=3600")], STYLE).into_response()
}

pub(super) fn page(status: StatusCode, name: &str, view: &Value) -> Result<Response, ApiError> {
    let html = PAGES.get_template(name).and_then(|page| page.render(Serde(view)));
    let html = html.map_err(|error| internal(&error.to_string()))?;
    Ok((status, SECURITY, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response())
}

fn internal(cause: &str) -> ApiError {
    ApiError::admin(crate::issuance::error::Error::broken("the page cannot be shown", cause.to_owned()))
}

fn offer_view(issuer: &Issuer, offer: &OpenOffer, languages: &str) -> Result<Value, ApiError> {
    let code = QrCode::new(&offer.link).map_err(|e| internal(&e.to_string()))?;
    let credentials = offer.configuration_ids.iter().filter_map(|id| issuer.configurations.get(id));
    let expires_at = offer.expires_at.get();
    Ok(json!({
        "language": "en",
        "stylesheet": STYLESHEET,
        "issuer": issuer_view(issuer, languages),
        "credentials": credentials.map(|c| credential_view(c, languages)).collect::<Vec<_>>(),
        "qr": code.render::<svg::Color<'_>>().min_dimensions(240, 240).build(),
        "link": offer.link,
        "tx_code": offer.tx_code_hint.as_ref().map(|hint| json!({
            "length": hint.get("length"),
            "description": hint.get("description"),
        })),
        "expires_at": expires_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        "expires_text": expires_at.format("%Y-%m-%d %H:%M UTC").to_string(),
    }))
}

fn issuer_view(issuer: &Issuer, languages: &str) -> Value {
    let display = issuer.display.as_array().map(Vec::as_slice).unwrap_or_default();
    let display = localized(display.iter().filter_map(Value::as_object), languages);
    json!({"name": display.and_then(|d| d.get("name")).unwrap_or(&json!(issuer.url)), "logo": logo(display)})
}

fn credential_view(configuration: &CredentialConfiguration, languages: &str) -> Value {
    let document = &configuration.document;
    let display = localized(document.display.iter(), languages);
    let claims = document.claims.iter().filter_map(|claim| localized(claim.display.iter(), languages)?.get("name"));
    json!({
        "name": display.and_then(|d| d.get("name")).unwrap_or(&json!(configuration.id)),
        "description": display.and_then(|d| d.get("description")),
        "logo": logo(display),
        "claims": claims.collect::<Vec<_>>(),
    })
}

/// Only what a browser may load under the page's policy.
fn logo(display: Option<&Map<String, Value>>) -> Value {
    let logo = display.and_then(|d| d.get("logo"));
    let uri = logo.and_then(|l| l.get("uri")).and_then(Value::as_str);
    match uri.filter(|uri| uri.starts_with("https://") || uri.starts_with("data:image/")) {
        Some(uri) => json!({"uri": uri, "alt_text": logo.and_then(|l| l.get("alt_text")).unwrap_or(&json!(""))}),
        None => Value::Null,
    }
}

/// The entry in the reader's best language, else the first. Entries are `{…, locale}`.
fn localized<'a>(
    entries: impl Iterator<Item = &'a Map<String, Value>> + Clone,
    languages: &str,
) -> Option<&'a Map<String, Value>> {
    let locale = |entry: &Map<String, Value>| entry.get("locale").and_then(Value::as_str).unwrap_or("").to_lowercase();
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_owned();
    for wanted in preferred(languages) {
        let mut exact = entries.clone().filter(|e| locale(e) == wanted);
        let mut close = entries.clone().filter(|e| !locale(e).is_empty() && primary(&locale(e)) == primary(&wanted));
        if let Some(entry) = exact.next().or_else(|| close.next()) {
            return Some(entry);
        }
    }
    entries.clone().next()
}

/// Language tags of `Accept-Language`, the most wanted first (RFC 9110, 12.5.4).
fn preferred(header: &str) -> Vec<String> {
    let mut tags: Vec<(f32, String)> = header
        .split(',')
        .take(16)
        .filter_map(|item| {
            let (tag, quality) = item.split_once(";q=").unwrap_or((item, "1"));
            let quality: f32 = quality.trim().parse().ok()?;
            (quality > 0.0).then(|| (quality, tag.trim().to_lowercase()))
        })
        .collect();
    tags.sort_by(|a, b| b.0.total_cmp(&a.0));
    tags.into_iter().map(|(_, tag)| tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_come_in_the_readers_order() {
        assert_eq!(preferred("de;q=0.5, hi-IN, en;q=0.8, fr;q=0, xx;q=bad"), ["hi-in", "en", "de"]);
        let entry = |name: &str, locale: &str| json!({"name": name, "locale": locale}).as_object().cloned().unwrap();
        let entries = [entry("A", "en"), entry("B", "hi"), entry("C", "pt-BR")];
        for (languages, name) in
            [("hi-IN", "B"), ("pt", "C"), ("sw", "A"), ("", "A"), ("sw, en-GB;q=0.1, hi;q=0.05", "A")]
        {
            assert_eq!(localized(entries.iter(), languages).unwrap()["name"], name, "{languages}");
        }
    }

    #[test]
    fn pages_render_strictly_and_escape() {
        let nasty = "<script>\"'&{{ 7 * 7 }}";
        let credential = json!({"name": nasty, "description": nasty, "logo": {"uri": "data:image/x", "alt_text": nasty}, "claims": [nasty]});
        let view = json!({
            "language": "en", "stylesheet": STYLESHEET, "issuer": {"name": nasty, "logo": null}, "credentials": [credential],
            "qr": "<svg/>", "link": "openid-credential-offer://?x=%22", "tx_code": {"length": 6, "description": nasty},
            "expires_at": "t", "expires_text": "t",
        });
        let html = PAGES.get_template("offer.html").unwrap().render(Serde(&view)).unwrap();
        assert!(!html.contains("<script>") && html.contains("{{ 7 * 7 }}") && html.contains("<svg/>"), "{html}");
        let html = PAGES.get_template("gone.html").unwrap().render(Serde(&view)).unwrap();
        assert!(!html.contains("<script>"), "{html}");
    }
}
