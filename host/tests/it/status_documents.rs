//! What verifiers fetch: the forms of a status list, their caching, former versions, files for a static host.

use std::io::Read as _;
use std::time::Duration;

use chancery::audit::Actor;
use chancery::http;
use chancery::issuance::issuers::DEFAULT_ISSUER;
use chancery_credential::status::{Purpose, token};
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::app::person_document;
use crate::lists::{
    BOTH, Publishing, allocate, beside, bit, change, check_proof, fetch, host, issue, list_credential, path, send,
    stored, token_value, verified,
};
use crate::server::Site;

#[tokio::test]
async fn a_list_is_published_in_every_form_before_it_is_referred_to() {
    let test = host(|config| config.status.capacity = 1 << 17).await;
    let slots = allocate(&test.app, &BOTH, 1).await.remove(0);
    assert_eq!([slots[0].purpose.as_str(), slots[1].purpose.as_str()], ["revocation", "suspension"]);
    assert_eq!((&slots[0].list_id, slots[0].index), (&slots[1].list_id, slots[1].index));
    assert_ne!(slots[0].url, slots[1].url);
    for slot in &slots {
        assert!(slot.url.starts_with("http://localhost:8080/credentials/status-list/"), "{slot:?}");
        let credential = list_credential(&test.app, &slot.url).await;
        check_proof(&test.app, &credential);
        assert_eq!(credential["id"], slot.url);
        assert_eq!(credential["issuer"], "did:web:localhost%3A8080");
        assert_eq!(credential["validFrom"], "2026-06-01T12:00:00Z");
        assert_eq!(credential["validUntil"], "2026-06-02T12:00:00Z");
        let subject = &credential["credentialSubject"];
        assert_eq!((&subject["statusPurpose"], &subject["ttl"]), (&slot.purpose.as_str().into(), &300_000.into()));
        assert!(!bit(&test.app, slot).await);

        let jwt = fetch(&test.app, &slot.url, &[("accept", "application/vc+jwt")]).await;
        let mut unsigned = credential.clone();
        unsigned.as_object_mut().unwrap().shift_remove("proof");
        assert_eq!(verified(&test.app, &jwt.text(), "vc+jwt"), unsigned);

        let older = list_credential(&test.app, &format!("{}?format=StatusList2021", slot.url)).await;
        check_proof(&test.app, &older);
        assert_eq!(older["type"][1], "StatusList2021Credential");
        assert_eq!(older["credentialSubject"]["statusPurpose"], slot.purpose);
    }
    assert_eq!(token_value(&test.app, &slots[0]).await, token::VALID);
    let fetched = fetch(&test.app, &slots[0].url, &[("accept", "application/statuslist+jwt")]).await;
    let claims = verified(&test.app, &fetched.text(), "statuslist+jwt");
    assert_eq!((&claims["iss"], &claims["sub"]), (&"http://localhost:8080".into(), &slots[0].url.as_str().into()));
    assert_eq!((&claims["ttl"], &claims["status_list"]["bits"]), (&300.into(), &2.into()));

    let opened = test.events().await.into_iter().filter(|event| event.action == "status_list.open");
    let opened: Vec<_> = opened.map(|event| (event.actor, event.object, event.detail)).collect();
    assert_eq!(opened.len(), 2, "{opened:?}");
    let of_ours = opened.iter().find(|(_, object, _)| *object == slots[0].url).unwrap();
    assert_eq!((of_ours.0.as_str(), &of_ours.2["capacity"]), ("system", &(1 << 17).into()));
    assert_eq!(of_ours.2["credentials"][1]["url"], slots[1].url);
}

#[tokio::test]
async fn every_host_serves_the_same_bytes_before_and_after_a_restart() {
    let test = host(|_| {}).await;
    let slots = issue(&test.app, "urn:a").await;
    let publishing = Publishing::start(&test.app);
    change(&test.app, "urn:a", &slots, Purpose::Revocation, true).await;
    publishing.stop().await;
    let restarted = beside(&test).await;
    for slot in &slots {
        for accept in ["application/vc", "application/vc+jwt", "application/statuslist+jwt"] {
            for coding in ["identity", "gzip"] {
                let headers = [("accept", accept), ("accept-encoding", coding)];
                let one = fetch(&test.app, &slot.url, &headers).await.lasting();
                let same = fetch(&restarted, &slot.url, &headers).await.lasting();
                let is_there = accept != "application/statuslist+jwt" || slot.purpose == "revocation";
                assert_eq!(one.status, if is_there { 200 } else { 406 });
                assert_eq!(one, same);
            }
        }
    }
    assert!(bit(&restarted, &slots[0]).await);
    // A host that starts has nothing to publish.
    let publishing = Publishing::start(&restarted);
    publishing.stop().await;
    assert_eq!(stored(&test.app, &slots[0].list_id).await.version, 2);
}

#[tokio::test]
async fn verifiers_get_the_form_that_they_ask_for() {
    let test = host(|_| {}).await;
    let slots = issue(&test.app, "urn:a").await;
    let (primary, second) = (&slots[0].url, &slots[1].url);
    let older = format!("{primary}?format=StatusList2021");
    for (url, accept, status, content_type) in [
        (primary, "*/*", 200, "application/vc"),
        (primary, "application/vc", 200, "application/vc"),
        (primary, "application/ld+json", 200, "application/ld+json"),
        (primary, "application/json, text/html;q=0.9", 200, "application/json"),
        (primary, "application/vc+jwt", 200, "application/vc+jwt"),
        (primary, "application/statuslist+jwt", 200, "application/statuslist+jwt"),
        (primary, "application/statuslist+jwt;q=0.2, application/vc+jwt;q=0.1", 200, "application/statuslist+jwt"),
        (primary, "text/html", 406, "application/problem+json"),
        (primary, "application/statuslist+cwt", 406, "application/problem+json"),
        (second, "application/vc+jwt", 200, "application/vc+jwt"),
        (second, "application/statuslist+jwt", 406, "application/problem+json"),
        (second, "application/statuslist+jwt, application/json;q=0.1", 200, "application/json"),
        (&older, "*/*", 200, "application/vc"),
        (&older, "application/json", 200, "application/json"),
        (&older, "application/vc+jwt", 406, "application/problem+json"),
        (&older, "application/statuslist+jwt", 406, "application/problem+json"),
    ] {
        let fetched = fetch(&test.app, url, &[("accept", accept)]).await;
        assert_eq!((fetched.status, fetched.field("content-type")), (status, content_type), "{url} {accept}");
        if status == 200 {
            assert_eq!(fetched.field("vary"), "accept, accept-encoding", "{url} {accept}");
            assert_eq!(fetched.field("cache-control"), "public, max-age=300");
            assert_eq!(fetched.body.starts_with(b"{"), !content_type.ends_with("jwt"), "{url} {accept}");
        } else {
            assert_eq!(fetched.json()["type"], "urn:chancery:problem:not-acceptable");
        }
    }
}

#[tokio::test]
async fn a_verifier_that_has_a_list_is_told_so() {
    let test = host(|_| {}).await;
    let slots = issue(&test.app, "urn:a").await;
    let url = &slots[0].url;
    let plain = fetch(&test.app, url, &[]).await;
    let packed = fetch(&test.app, url, &[("accept-encoding", "br, gzip;q=0.8")]).await;
    assert_eq!((plain.field("content-encoding"), packed.field("content-encoding")), ("", "gzip"));
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    let (tag, packed_tag) = (plain.field("etag"), packed.field("etag"));
    assert!(tag.starts_with('"') && packed_tag.ends_with("-gzip\"") && tag != packed_tag, "{tag} {packed_tag}");
    let weak = format!("W/{tag}");
    let several = format!("\"x\", {packed_tag}, \"y\"");
    for (condition, coding, status) in [
        (tag, "identity", 304),
        (tag, "gzip", 304),
        (packed_tag, "gzip", 304),
        (weak.as_str(), "identity", 304),
        (several.as_str(), "gzip", 304),
        ("*", "identity", 304),
        ("\"x\"", "identity", 200),
        ("", "identity", 200),
    ] {
        let headers = [("if-none-match", condition), ("accept-encoding", coding)];
        let fetched = fetch(&test.app, url, &headers).await;
        assert_eq!(fetched.status, status, "{condition} {coding}");
        assert_eq!(fetched.body.is_empty(), status == 304, "{condition} {coding}");
        assert_eq!(fetched.field("cache-control"), "public, max-age=300");
        assert!([tag, packed_tag].contains(&fetched.field("etag")), "{fetched:?}");
    }
    // The tag of one form is not that of another, nor that of the version before.
    let headers = [("if-none-match", tag), ("accept", "application/vc+jwt")];
    assert_eq!(fetch(&test.app, url, &headers).await.status, 200);
    let publishing = Publishing::start(&test.app);
    change(&test.app, "urn:a", &slots, Purpose::Revocation, true).await;
    publishing.stop().await;
    assert_eq!(fetch(&test.app, url, &[("if-none-match", tag)]).await.status, 200);

    let head = send(&http::router(test.app.http_state()), "HEAD", url, &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let origin = fetch(&test.app, url, &[("origin", "https://verifier.example")]).await;
    assert_eq!(origin.field("access-control-allow-origin"), "*");
    assert!(origin.field("access-control-expose-headers").contains("etag"));
}

#[tokio::test]
async fn former_versions_can_be_asked_for_as_long_as_they_are_kept() {
    let test = host(|config| config.status.keep_versions = Duration::from_hours(1)).await;
    let slots = issue(&test.app, "urn:a").await;
    let url = &slots[0].url;
    let first = fetch(&test.app, url, &[]).await.text();
    test.clock.advance(600);
    let publishing = Publishing::start(&test.app);
    change(&test.app, "urn:a", &slots, Purpose::Suspension, true).await;
    publishing.stop().await;
    let second = fetch(&test.app, url, &[]).await.text();
    assert_ne!(first, second);
    let at = async |query: &str| fetch(&test.app, &format!("{url}?{query}"), &[]).await;
    for (query, text) in [
        ("timestamp=2026-06-01T12:00:01Z", &first),
        ("timestamp=2026-06-01T14:05:00%2B02:00", &first),
        ("timestamp=2026-06-01T12:10:01Z", &second),
        ("timestamp=2027-01-01T00:00:00Z", &second),
        ("time=1780315300", &first),
        ("time=1780315801", &second),
    ] {
        let fetched = at(query).await;
        assert_eq!((fetched.status, &fetched.text()), (200, text), "{query}");
    }
    let too_early = at("timestamp=2026-06-01T11:59:59Z").await;
    assert_eq!(
        (too_early.status, &too_early.json()["type"]),
        (404, &"urn:chancery:problem:status-list-version-unknown".into())
    );
    for query in ["timestamp=yesterday", "timestamp=", "time=soon", "format=StatusList2022"] {
        let fetched = at(query).await;
        assert_eq!(
            (fetched.status, &fetched.json()["type"]),
            (400, &"urn:chancery:problem:invalid-request".into()),
            "{query}"
        );
    }
    // A later version takes the place of what is not kept any more.
    test.clock.advance(2 * 3_600);
    let publishing = Publishing::start(&test.app);
    change(&test.app, "urn:a", &slots, Purpose::Suspension, false).await;
    publishing.stop().await;
    assert_eq!(at("timestamp=2026-06-01T12:00:01Z").await.status, 404);
}

#[tokio::test]
async fn what_is_no_list_of_this_issuer_is_not_found() {
    let test = host(|_| {}).await;
    test.publish("ministry", "Person", person_document()).await;
    let slots = issue(&test.app, "urn:a").await;
    let (_, id) = slots[0].url.rsplit_once('/').unwrap();
    let list_id = &slots[0].list_id;
    for path in [
        "/credentials/status-list/x".to_owned(),
        "/credentials/status-list/0b0f6c7e-0000-4000-8000-000000000000".to_owned(),
        format!("/credentials/status-list/{}", id.to_uppercase()),
        format!("/credentials/status-list/{list_id}"),
        format!("/issuers/ministry/credentials/status-list/{id}"),
    ] {
        test.get(&path).await.is_problem(404, "unknown-status-list", "no such status list");
    }
    let (own, other) = (test.issuer(DEFAULT_ISSUER), test.issuer("ministry"));
    let status = &test.app.status;
    assert!(status.is_published(&own, &slots[0].url).await.unwrap());
    assert!(!status.is_published(&other, &slots[0].url).await.unwrap());
    assert!(!status.is_published(&own, &format!("http://elsewhere.example/{id}")).await.unwrap());
    assert!(!status.is_published(&own, "").await.unwrap());
    // The ministry's lists are at its own URLs, under its own DID.
    let theirs = status.allocate(&other, &BOTH, 1).await.unwrap().remove(0);
    assert!(theirs[0].url.starts_with("http://localhost:8080/issuers/ministry/credentials/status-list/"));
    let credential = list_credential(&test.app, &theirs[0].url).await;
    assert_eq!(credential["issuer"], "did:web:localhost%3A8080:issuers:ministry");
}

#[tokio::test]
async fn a_list_that_another_host_has_just_opened_is_found_at_once() {
    let test = host(|_| {}).await;
    let other = beside(&test).await;
    // This host does not look for news; only a verifier's question makes it.
    let slots = issue(&other, "urn:a").await;
    assert_eq!(fetch(&test.app, &slots[0].url, &[]).await.status, 200);
    let opened = other.status.open(&test.issuer(DEFAULT_ISSUER), &[Purpose::Revocation], &Actor::cli()).await.unwrap();
    assert_eq!(opened.len(), 1);
    assert_eq!(fetch(&test.app, &opened[0].url, &[]).await.status, 200);
    let refused = other.status.open(&test.issuer(DEFAULT_ISSUER), &[], &Actor::cli()).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn lists_are_exported_for_a_static_host() {
    let test = host(|_| {}).await;
    // The binary's clock is the system's.
    test.clock.advance((chrono::Utc::now() - test.app.clock.now()).num_seconds());
    let slots = issue(&test.app, "urn:a").await;
    let publishing = Publishing::start(&test.app);
    change(&test.app, "urn:a", &slots, Purpose::Revocation, true).await;
    publishing.stop().await;
    let site = Site { dir: tempfile::TempDir::new().unwrap(), url: String::new() };
    let data = test.app.config.data.dir.display();
    std::fs::write(site.path("chancery.toml"), format!("[data]\ndir = \"{data}\"\n")).unwrap();
    let out = site.path("www");
    let text = site.done(&["status", "export", out.to_str().unwrap()]);
    assert!(text.contains("files written to"), "{text}");
    let index: Value = serde_json::from_slice(&std::fs::read(out.join("status-lists.json")).unwrap()).unwrap();
    let index = index.as_array().unwrap();
    // Two lists of two purposes: three forms each, and one token a list.
    assert_eq!(index.len(), 2 * (2 * 3 + 1), "{index:#?}");
    for entry in index {
        let file = std::fs::read_to_string(out.join(entry["file"].as_str().unwrap())).unwrap();
        let url = entry["url"].as_str().unwrap();
        assert!(entry["file"].as_str().unwrap().starts_with(&format!("{}.", path(url).trim_start_matches('/'))));
        let url = entry["query"].as_str().map_or_else(|| url.to_owned(), |query| format!("{url}?{query}"));
        let fetched = fetch(&test.app, &url, &[("accept", entry["mediaType"].as_str().unwrap())]).await;
        assert_eq!((fetched.field("etag"), fetched.text()), (entry["etag"].as_str().unwrap(), file), "{entry}");
        assert_eq!(fetched.field("cache-control"), entry["cacheControl"]);
    }
    assert!(site.fails(&["status", "export", "x", "--issuer", "nobody"], 2).contains("no issuer nobody"));
}
