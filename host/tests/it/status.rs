//! The life of a credential as verifiers see it: libraries that we did not write fetch the status lists over HTTP from
//! the built binary and say what the credential is worth.

use std::collections::BTreeSet;

use chancery::app::Plugins;
use chancery::issuance::issuers::DEFAULT_ISSUER;
use chancery_credential::jsonld::{CREDENTIALS_V1, CREDENTIALS_V2};
use chancery_store::test_util::PostgresServer;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::backend::{Backend, encoded, entry, keep_credentials, person_ld, unsigned, unsigned_with_id};
use crate::judges::{accepts, judge, take};
use crate::server::{Server, Site};

const FARMER_CONTEXT: &str = "https://agriculture.example/contexts/farmer/v1";

/// The farmers' site, whose credentials have entries, on one of the databases.
pub fn site(database: Database) -> Site {
    let site = Site::farmer();
    keep_credentials(&site);
    if database == Database::Postgres {
        let url = PostgresServer::shared().expect("install the package postgresql").create_database().unwrap();
        let file = site.path("chancery.toml");
        let text = std::fs::read_to_string(&file).unwrap() + &format!("\n[store]\nurl = {url:?}\n");
        std::fs::write(&file, text).unwrap();
    }
    site.apply();
    site
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// A script that knows the credential, and gets further arguments: whether it accepts, and what it prints.
type Judge<'a> = Box<dyn Fn(&[&str]) -> (bool, Value) + 'a>;

/// A credential of ours, by what its host and its verifiers know it by.
struct Subject<'a> {
    id: String,
    /// Where each purpose's list is, and the index in both.
    lists: [String; 2],
    index: usize,
    judge: Judge<'a>,
}

impl<'a> Subject<'a> {
    fn json_ld(site: &'a Site, credential: &Value, id: &str) -> Self {
        let list = |purpose| entry(credential, purpose)["statusListCredential"].as_str().unwrap().to_owned();
        let text = credential.to_string();
        let context =
            format!("{FARMER_CONTEXT}={}", site.path("config/FarmerCredentialLd/contexts/farmer-v1.json").display());
        let judge = move |more: &[&str]| {
            let fixed = ["--credential", "-", "--issuer-url", &site.url, "--context", &context];
            judge("check-bitstring-status.mjs", &[&fixed, more].concat(), &text)
        };
        let index: usize = entry(credential, "revocation")["statusListIndex"].as_str().unwrap().parse().unwrap();
        assert_eq!(entry(credential, "suspension")["statusListIndex"], index.to_string(), "one index in every list");
        Self { id: id.to_owned(), lists: [list("revocation"), list("suspension")], index, judge: Box::new(judge) }
    }

    fn sd_jwt(site: &'a Site, backend: &Backend, credential: &str) -> Self {
        let claims = crate::wallet::claims_of(credential);
        let reference = &claims["status"]["status_list"];
        let uri = reference["uri"].as_str().unwrap().to_owned();
        // It carries no id; its host knows it by the entry, and tells those who may read.
        let reply = backend.call("GET", "/credentials?configuration_id=FarmerCredential", &[], None);
        let id = reply.body["credentials"][0]["credentialId"].as_str().unwrap().to_owned();
        let read = backend.call("GET", &format!("/credentials/{}", encoded(&id)), &[], None).body;
        assert_eq!(read["credential"], credential, "one has been issued, so it is this one");
        let list = |purpose: &str| {
            let status = read["status"].as_array().unwrap().iter().find(|s| s["statusPurpose"] == purpose).unwrap();
            assert_eq!(status["statusListIndex"], reference["idx"]);
            status["statusListCredentialUrl"].as_str().unwrap().to_owned()
        };
        let lists = [list("revocation"), list("suspension")];
        assert_eq!(lists[0], uri, "the reference is to the first purpose's list");
        let text = credential.to_owned();
        let judge = move |more: &[&str]| {
            let fixed = ["--credential", "-", "--issuer-url", &site.url];
            judge("check-token-status.mjs", &[&fixed, more].concat(), &text)
        };
        let index = usize::try_from(reference["idx"].as_u64().unwrap()).unwrap();
        Self { id, lists, index, judge: Box::new(judge) }
    }

    /// What the libraries say is (revoked, suspended).
    #[track_caller]
    fn is(&self, revoked: bool, suspended: bool, more: &[&str]) {
        let (accepted, verdict) = (self.judge)(more);
        assert!(accepted && verdict["verified"] == true, "{verdict:#}");
        assert_eq!(verdict["index"], self.index, "{verdict:#}");
        // A Token Status List has one number for both: revoked wins.
        let number = if revoked { 1 } else { 2 * u8::from(suspended) };
        if let Some(statuses) = verdict["statuses"].as_array() {
            let said: BTreeSet<_> =
                statuses.iter().map(|s| (s["purpose"].as_str().unwrap(), s["value"].as_bool().unwrap())).collect();
            assert_eq!(said, BTreeSet::from([("revocation", revoked), ("suspension", suspended)]), "{verdict:#}");
            assert_eq!(verdict["token"], number, "{verdict:#}");
        } else {
            assert_eq!(verdict["status"], number, "{verdict:#}");
        }
    }
}

/// Waits until this host publishes exactly these indexes in the list.
#[track_caller]
pub fn until_published(server: &Server, backend: &Backend, url: &str, indexes: &[usize]) {
    let mut sorted = indexes.to_vec();
    sorted.sort_unstable();
    server.until(&format!("{url} holds {sorted:?}"), || backend.set_indexes(url) == sorted);
}

/// From issuance to the end, with a verifier's verdict at each station.
fn lives(server: &Server, backend: &Backend, subject: &Subject<'_>) {
    let published = |revoked: bool, suspended: bool| {
        for (list, is_set) in subject.lists.iter().zip([revoked, suspended]) {
            let indexes: &[usize] = if is_set { &[subject.index] } else { &[] };
            until_published(server, backend, list, indexes);
        }
    };
    subject.is(false, false, &["--tamper"]);
    backend.set_status(&subject.id, "suspension", true);
    published(false, true);
    subject.is(false, true, &["--tamper"]);
    backend.set_status(&subject.id, "suspension", false);
    published(false, false);
    subject.is(false, false, &[]);
    backend.set_status(&subject.id, "revocation", true);
    published(true, false);
    subject.is(true, false, &["--tamper"]);
    assert_eq!(backend.status(&subject.id, "revocation", false).status, 409, "for ever");
    backend.set_status(&subject.id, "suspension", true);
    published(true, true);
    subject.is(true, true, &[]);
    let reply = backend.delete(&subject.id);
    assert_eq!(reply.status, 200, "{}", reply.text);
    subject.is(true, true, &[]);
}

#[test]
fn digital_bazaar_follows_a_credential_of_the_vc_api_through_its_life() {
    let site = site(Database::Sqlite);
    let server = site.serve();
    let backend = Backend::register(&site, &server);
    let mut credential = unsigned_with_id("urn:uuid:5a1c7d2e-0b3f-4c8e-9f55-2f0f8a1f9a77");
    credential["issuer"] = json!(site.did());
    let signed = backend.issue_w3c(&credential);
    lives(&server, &backend, &Subject::json_ld(&site, &signed, credential["id"].as_str().unwrap()));
}

#[test]
fn digital_bazaar_follows_a_wallets_credential_through_its_life() {
    let site = site(Database::Sqlite);
    let server = site.serve();
    let backend = Backend::register(&site, &server);
    let taken = take(&site.offer_of("FarmerCredentialLd", &["--subject", "1003"]), "link", &[]);
    let credential = &taken["credentials"][0];
    lives(&server, &backend, &Subject::json_ld(&site, credential, credential["id"].as_str().unwrap()));
}

#[test]
fn sd_jwt_follows_a_wallets_credential_through_its_life() {
    let site = site(Database::Sqlite);
    let server = site.serve();
    let backend = Backend::register(&site, &server);
    let taken = take(&site.offer(&["--subject", "1003"]), "link", &[]);
    let credential = taken["credentials"][0].as_str().unwrap();
    lives(&server, &backend, &Subject::sd_jwt(&site, &backend, credential));
    // The credential itself is what it was: whoever asks for its signature alone is told so.
    accepts("verify-sd-jwt-vc.mjs", &["--credential", "-", "--issuer-url", &site.url], credential);
}

/// A credential that was deleted without being revoked stays valid for those who have it.
#[test]
fn a_deletion_revokes_unless_it_is_told_not_to() {
    let site = site(Database::Sqlite);
    let server = site.serve();
    let backend = Backend::register(&site, &server);
    let mut unsigned = unsigned();
    unsigned["issuer"] = json!(site.did());
    for (query, revokes) in [("?revoke=false", false), ("", true)] {
        let id = format!("urn:example:{revokes}");
        unsigned["id"] = json!(id);
        let signed = backend.issue_w3c(&unsigned);
        let subject = Subject::json_ld(&site, &signed, &id);
        let reply = backend.call("DELETE", &format!("/credentials/{}{query}", encoded(&id)), &[], None);
        assert_eq!(reply.status, 200, "{}", reply.text);
        let expected: &[usize] = if revokes { &[subject.index] } else { &[] };
        until_published(&server, &backend, &subject.lists[0], expected);
        subject.is(revokes, false, &[]);
    }
}

#[test]
fn every_host_publishes_the_same_lists() {
    let site = site(Database::Postgres);
    let (first, second) = (site.serve(), site.serve_beside());
    let backend = Backend::register(&site, &first);
    let other = backend.at(&second);
    let mut credential = unsigned_with_id("urn:example:shared");
    credential["issuer"] = json!(site.did());
    let signed = backend.issue_w3c(&credential);
    let subject = Subject::json_ld(&site, &signed, "urn:example:shared");
    subject.is(false, false, &["--host", &second.url]);
    // A change at either is seen at both.
    for (host, value) in [(&backend, true), (&other, false), (&other, true)] {
        host.set_status(&subject.id, "suspension", value);
        let expected: &[usize] = if value { &[subject.index] } else { &[] };
        until_published(&first, &backend, &subject.lists[1], expected);
        until_published(&second, &other, &subject.lists[1], expected);
        subject.is(false, value, &["--host", &first.url]);
        subject.is(false, value, &["--host", &second.url]);
    }
    for url in &subject.lists {
        let (mine, theirs) = (backend.list(url), other.list(url));
        assert_eq!(mine.text, theirs.text, "the same bytes");
        assert_eq!(mine.headers["etag"], theirs.headers["etag"]);
    }
}

/// A credential of either data model may have entries, if its contexts define them.
#[tokio::test]
async fn entries_need_terms_in_the_context() {
    let test = TestApp::start_with(Plugins::Leave, |_| {}).await;
    let status_context = "https://www.w3.org/ns/credentials/status/v1";
    for (contexts, is_published) in [
        (json!([CREDENTIALS_V1, "https://example.org/person/v1"]), false),
        (json!([CREDENTIALS_V1, status_context, "https://example.org/person/v1"]), true),
        (json!([CREDENTIALS_V2, "https://example.org/person/v1"]), true),
    ] {
        let mut document = person_ld(&["revocation"]);
        document["template"]["@context"] = contexts.clone();
        let published = test.try_publish(DEFAULT_ISSUER, "PersonLd", document).await;
        match published {
            Ok(()) => assert!(is_published, "{contexts}"),
            Err(refusal) => assert!(!is_published && refusal.contains(status_context), "{contexts}: {refusal}"),
        }
        if is_published {
            let credential = test.issue_person().await["credential"].clone();
            let status = &credential["credentialStatus"];
            let (list, index) = (status["statusListCredential"].as_str(), status["statusListIndex"].as_str());
            assert_eq!(status["id"], format!("{}#{}", list.unwrap(), index.unwrap()));
        }
    }
}
