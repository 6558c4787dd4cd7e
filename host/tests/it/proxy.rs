//! Proxy mode: another issuer's credential reaches the wallet byte for byte, or, where anything about it is wrong, not
//! at all.

use chancery::audit::Actor;
use chancery::issuance::configuration::Document;
use chancery_keys::{Algorithm, Signer as _, did};
use chancery_store::EventOutcome;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::app::TestApp;
use crate::judges::accepts;
use crate::upstream::{Upstream, VCT, any, x};
use crate::wallet::key;

#[tokio::test(flavor = "multi_thread")]
async fn the_other_issuers_credential_is_passed_on_and_recorded() {
    let (upstream, holder) = (Upstream::new(), key(Algorithm::Es256));
    let credential = upstream.sd_jwt(Some(&holder), |_| {}).await;
    let test = upstream.serve(upstream.document(), &[("good", any(), credential.clone())]).await;
    let answer = test.ask_about("issue:good", &holder).await;
    assert_eq!(answer.credentials(), [json!(credential)]);

    let events = test.events().await;
    let event = events.last().unwrap();
    assert_eq!((event.action.as_str(), event.outcome), ("credential.issue", EventOutcome::Succeeded));
    let plugin = test.app.sandbox.as_ref().unwrap().plugin("test-issuer").unwrap();
    assert_eq!(event.plugin_digest, plugin.sha256);
    assert_eq!(event.detail["upstream_issuer"], upstream.did);
    let external_id = format!("{:x}", Sha256::digest("upstream-good"));
    assert_eq!(event.detail["external_id_sha256"], external_id);
    assert!(!event.detail.to_string().contains("upstream-good"), "the other issuer's text may name a person");
    assert_eq!(event.detail["credential_sha256"], format!("{:x}", Sha256::digest(&credential)));
    assert!(!event.detail.to_string().contains("Ada"), "{event:?}");
    let record = test.app.store.find_credential("default", &event.object).await.unwrap().unwrap();
    assert_eq!(record.credential_type, VCT);
    assert_eq!(record.issue_date.get().timestamp(), 1_780_311_600);
    assert_eq!(record.expiration_date.unwrap().get().timestamp(), 1_811_847_600);
    assert_eq!(record.credential, None, "only the record is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_goes_on_byte_for_byte_and_an_independent_verifier_accepts_it() {
    let (upstream, holder) = (Upstream::new(), key(Algorithm::EdDsa));
    let credential = upstream.ldp_vc(&holder).await;
    // Nobody here would write it like this.
    let written = serde_json::to_string_pretty(&credential).unwrap().replace("Ada", "\\u0041da");
    let test = upstream.serve(upstream.ldp_document(), &[("good", x(&holder), written.clone())]).await;
    let token = test.token_for_subject("issue:good").await;
    let proof = test.proof(&holder, &test.nonce().await).sign(&holder).await;
    let body = json!({"credential_configuration_id": "Proxied", "proofs": {"jwt": [proof]}});
    let text = test.text_of("/openid4vci/credential", &token, &body).await;
    assert_eq!(text, format!(r#"{{"credentials":[{{"credential":{written}}}]}}"#));
    assert_eq!(test.issued().await, 1);
    let event = test.events().await.pop().unwrap();
    assert_eq!(event.detail["credential_sha256"], format!("{:x}", Sha256::digest(&written)));
    let record = test.app.store.find_credential("default", &event.object).await.unwrap().unwrap();
    assert_eq!(record.credential_type, "https://example.org/PersonCredential");

    let answered: Value = serde_json::from_str(&text).unwrap();
    let answered = answered["credentials"][0]["credential"].to_string();
    let arguments = ["--credential", "-", "--issuer", &upstream.did, "--cryptosuite", "eddsa-rdfc-2022"];
    accepts("verify-data-integrity.mjs", &arguments, &answered);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_gets_a_credential_of_its_own_by_a_request_of_its_own() {
    let (upstream, one, other) = (Upstream::new(), key(Algorithm::Es256), key(Algorithm::EdDsa));
    let of_one = upstream.sd_jwt(Some(&one), |_| {}).await;
    let of_other = upstream.sd_jwt(Some(&other), |_| {}).await;
    let credentials = [("good", x(&one), of_one.clone()), ("good", x(&other), of_other.clone())];
    let test = upstream.serve(upstream.document(), &credentials).await;
    let token = test.token_for_subject("issue:good").await;
    let answer = test.ask(&token, &[&other, &one]).await;
    assert_eq!(answer.credentials(), [json!(of_other), json!(of_one)]);
    let asked = test.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!([&asked[0][3], &asked[1][3]], [&x(&other), &x(&one)]);
    let request_id = answer.headers["x-request-id"].to_str().unwrap();
    assert_eq!([asked[0][1].as_str(), &asked[1][1]], [format!("{request_id}-1"), format!("{request_id}-2")]);
    assert_eq!(test.issued().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_a_credential_it_is_not_passed_on() {
    let (upstream, stranger) = (Upstream::new(), Upstream::new());
    let (holder, thief) = (key(Algorithm::Es256), key(Algorithm::Es256));
    let good = upstream.sd_jwt(Some(&holder), |_| {}).await;
    let (head, signature) = good.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let cases = [
        ("format:good", good.clone(), "wrong-format"),
        ("issue:stranger", stranger.sd_jwt(Some(&holder), |_| {}).await, "untrusted-issuer"),
        (
            "issue:claims-to-be",
            stranger.sd_jwt(Some(&holder), |claims| claims["iss"] = json!(upstream.did)).await,
            "bad-signature",
        ),
        ("issue:flipped", format!("{head}.{flipped}{}", &signature[1..]), "bad-signature"),
        ("issue:of-thief", upstream.sd_jwt(Some(&thief), |_| {}).await, "not-bound-to-holder"),
        ("issue:unbound", upstream.sd_jwt(None, |_| {}).await, "not-bound-to-holder"),
        ("issue:type", upstream.sd_jwt(Some(&holder), |claims| claims["vct"] = json!("urn:x")).await, "wrong-type"),
        (
            "issue:old",
            upstream.sd_jwt(Some(&holder), |claims| claims["exp"] = json!(1_780_000_000)).await,
            "not-valid-now",
        ),
        (
            "issue:early",
            upstream.sd_jwt(Some(&holder), |claims| drop(claims.insert("nbf".into(), json!(1_800_000_000)))).await,
            "not-valid-now",
        ),
        ("issue:garbage", "{\"credential\": \"Ada\"}".to_owned(), "malformed-credential"),
        ("issue:empty", String::new(), "malformed-credential"),
    ];
    let credentials: Vec<_> =
        cases.iter().map(|(subject, text, _)| (subject.split_once(':').unwrap().1, any(), text.clone())).collect();
    let test = upstream.serve(upstream.document(), &credentials).await;
    for (subject, _, reason) in &cases {
        test.ask_about(subject, &holder).await.is_error(502, "server_error", "is not passed on");
        let event = test.events().await.pop().unwrap();
        assert_eq!((event.outcome, event.reason.as_deref()), (EventOutcome::Failed, Some(*reason)), "{subject}");
    }
    assert_eq!(test.issued().await, 0);
    assert_eq!(test.ask_about("issue:good", &holder).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_ld_credential_is_judged_by_its_proof_and_its_whole_context() {
    let (upstream, holder) = (Upstream::new(), key(Algorithm::Es256));
    let good = upstream.ldp_vc(&holder).await;
    let change = |edit: &dyn Fn(&mut Value)| {
        let mut changed = good.clone();
        edit(&mut changed);
        changed.to_string()
    };
    let cases = [
        ("name", change(&|c| c["credentialSubject"]["https://schema.org/name"] = json!("Eve")), "bad-signature"),
        ("context", change(&|c| c["@context"] = json!([c["@context"][0], {"x": "urn:x"}])), "unexpected-context"),
        ("proof", change(&|c| drop(c.as_object_mut().unwrap().remove("proof"))), "malformed-credential"),
        ("twice", good.to_string().replacen('{', r#"{"issuer":"did:key:z6MkX","#, 1), "malformed-credential"),
    ];
    let credentials: Vec<_> = cases.iter().map(|(name, text, _)| (*name, any(), text.clone())).collect();
    let test = upstream.serve(upstream.ldp_document(), &credentials).await;
    for (name, _, reason) in &cases {
        test.ask_about(&format!("issue:{name}"), &holder).await.is_error(502, "server_error", "is not passed on");
        let event = test.events().await.pop().unwrap();
        assert_eq!(event.reason.as_deref(), Some(*reason), "{name}");
    }
    assert_eq!(test.issued().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_jwt_is_passed_on_too() {
    let (upstream, holder) = (Upstream::new(), key(Algorithm::Es256));
    let good = upstream.jwt_vc(&holder, "PersonCredential").await;
    let other = upstream.jwt_vc(&holder, "DogLicence").await;
    let test = upstream.serve(upstream.jwt_document(), &[("good", any(), good.clone()), ("other", any(), other)]).await;
    let metadata = test.get("/.well-known/openid-credential-issuer").await.body;
    let entry = &metadata["credential_configurations_supported"]["Proxied"];
    assert_eq!(entry["credential_definition"], json!({"type": ["VerifiableCredential", "PersonCredential"]}));
    assert_eq!(test.ask_about("issue:good", &holder).await.credentials(), [json!(good)]);
    test.ask_about("issue:other", &holder).await.is_error(502, "server_error", "is not passed on");
    assert_eq!(test.events().await.pop().unwrap().reason.as_deref(), Some("wrong-type"));

    let mut ours = upstream.jwt_document();
    for name in ["proxy", "mode", "plugin"] {
        ours.as_object_mut().unwrap().remove(name);
    }
    ours["template"] = json!({});
    ours["sample"] = json!({});
    refused(&test, ours, "format: credentials of jwt_vc_json are passed on only").await;
    refused(&test, edited(upstream.jwt_document(), "/proxy/context", json!(["x"])), "proxy.context: does not apply")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unbound_configuration_takes_unbound_credentials_only() {
    let (upstream, holder) = (Upstream::new(), key(Algorithm::Es256));
    let credentials = [
        ("unbound", String::new(), upstream.sd_jwt(None, |_| {}).await),
        ("bound", String::new(), upstream.sd_jwt(Some(&holder), |_| {}).await),
    ];
    let mut document = upstream.document();
    document["holder_binding"] = json!({"required": false});
    document["keep"] = json!("credential");
    let credentials = credentials.map(|(name, _, text)| (name, any(), text));
    let test = upstream.serve(document, &credentials).await;
    let body = json!({"credential_configuration_id": "Proxied"});
    let token = test.token_for_subject("issue:unbound").await;
    let answer = test.post_json("/openid4vci/credential", Some(&token), &body).await;
    assert_eq!(answer.credentials(), [json!(credentials[0].2)]);
    assert_eq!(test.asked()[0].len(), 3, "no key is told");
    let event = test.events().await.pop().unwrap();
    let record = test.app.store.find_credential("default", &event.object).await.unwrap().unwrap();
    assert!(!record.credential.unwrap().is_empty());

    let token = test.token_for_subject("issue:bound").await;
    let answer = test.post_json("/openid4vci/credential", Some(&token), &body).await;
    answer.is_error(502, "server_error", "is not passed on");
    assert_eq!(test.events().await.pop().unwrap().reason.as_deref(), Some("bound-to-a-key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_the_wallets_to_know_and_takes_nothing_from_it() {
    let (upstream, holder) = (Upstream::new(), key(Algorithm::Es256));
    let credential = upstream.sd_jwt(Some(&holder), |_| {}).await;
    let test = upstream.serve(upstream.document(), &[("good", any(), credential)]).await;
    let proof = test.proof(&holder, &test.nonce().await).sign(&holder).await;
    let token = test.token_for_subject("denied").await;
    let answer = test.request_of(&token, "Proxied", std::slice::from_ref(&proof)).await;
    answer.is_error(400, "credential_request_denied", "The other issuer refuses.");
    test.ask_about("issue:nothing", &holder).await.is_error(400, "credential_request_denied", "no such credential");
    assert_eq!(test.issued().await, 0);
    // The nonce was not used up; a second time it is.
    let token = test.token_for_subject("issue:good").await;
    assert_eq!(test.request_of(&token, "Proxied", std::slice::from_ref(&proof)).await.status, 200);
    test.request_of(&token, "Proxied", &[proof]).await.is_error(400, "invalid_nonce", "used before");
    assert_eq!(test.issued().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_may_carry_claims_for_the_other_issuer() {
    let (upstream, holder) = (Upstream::new(), key(Algorithm::Es256));
    let credential = upstream.sd_jwt(Some(&holder), |_| {}).await;
    let test = upstream.serve(upstream.document(), &[("good", any(), credential.clone())]).await;
    let offer = json!({"credential_configuration_ids": ["Proxied"], "claims": {"script": "issue:good"}});
    let offer = test.offer_of(offer).await;
    let token = test.token_for(&offer).await;
    assert_eq!(test.ask(&token, &[&holder]).await.credentials(), [json!(credential)]);
    assert_eq!(test.asked()[0][2], offer["offer_id"].as_str().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_says_what_wallets_need_and_nothing_of_the_other_issuers_keys() {
    let upstream = Upstream::new();
    let test = upstream.serve(upstream.document(), &[]).await;
    test.publish("default", "ProxiedLd", upstream.ldp_document()).await;
    let metadata = test.get("/.well-known/openid-credential-issuer").await.body;
    let url = metadata["credential_issuer"].as_str().unwrap();
    assert_eq!(metadata["deferred_credential_endpoint"], format!("{url}/openid4vci/deferred_credential"));
    let entry = &metadata["credential_configurations_supported"]["Proxied"];
    assert_eq!((&entry["format"], &entry["vct"]), (&json!("dc+sd-jwt"), &json!(VCT)));
    assert_eq!(entry["scope"], "person");
    assert!(entry["proof_types_supported"]["jwt"].is_object());
    let entry = &metadata["credential_configurations_supported"]["ProxiedLd"];
    assert_eq!(entry["credential_definition"]["type"][1], "https://example.org/PersonCredential");
    assert!(!metadata.to_string().contains(&upstream.did));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_never_be_verified_is_not_published() {
    let (upstream, test) = (Upstream::new(), TestApp::start().await);
    let jwk = json!({"kid": "k", "kty": "OKP", "crv": "Ed25519", "x": "AA"});
    let web = |keys: Value| json!([{"id": "https://issuer.example", "keys": keys}]);
    let multikey = did::did_key(key(Algorithm::EdDsa).public_key()).replace("did:key:", "");
    let edits = [
        ("proxy", Value::Null, "proxy: the mode proxy needs it"),
        ("plugin", Value::Null, "plugin: the mode proxy needs a plugin"),
        ("vct", Value::Null, "vct: must not be empty"),
        ("template", json!({"name": "x"}), "template.json: is for the mode issuer"),
        ("sample", json!({}), "sample.json: is for the mode issuer"),
        ("validity", json!("30d"), "validity: is for the mode issuer"),
        ("signing_algorithm", json!("ES256"), "signing_algorithm: is for the mode issuer"),
        ("claims", json!([{"path": ["name"], "disclosable": true}]), "claims[0].disclosable: is for the mode issuer"),
        ("mode", json!("issuer"), "proxy: is for the mode proxy"),
        ("deferred_lifetime", json!("10s"), "deferred_lifetime: must be 1m to"),
        ("deferred_lifetime", json!("365d"), "deferred_lifetime: must be 1m to"),
        ("/proxy/trusted_issuers", json!([]), "must name at least one issuer"),
        ("/proxy/trusted_issuers", json!([{"id": "https://issuer.example"}]), "needs at least one key"),
        ("/proxy/trusted_issuers", web(json!([jwk])), "proxy.trusted_issuers[0].keys[0]: "),
        ("/proxy/trusted_issuers", web(json!([{"multikey": multikey}])), "keys[0]: the key has no text member kid"),
        ("/proxy/trusted_issuers", json!([{"id": "did:key:zNone"}]), "proxy.trusted_issuers: "),
        ("/proxy/types", json!(["VerifiableCredential"]), "proxy.types: does not apply"),
        ("/proxy/context", json!(["https://example.org/x"]), "proxy.context: does not apply"),
    ];
    for (path, value, hint) in edits {
        refused(&test, edited(upstream.document(), path, value), hint).await;
    }
    for (path, value, hint) in [
        ("vct", json!("urn:x"), "vct: does not apply"),
        ("cryptosuite", json!("eddsa-rdfc-2022"), "cryptosuite: is for the mode issuer"),
        ("/proxy/types", json!(["PersonCredential"]), "proxy.types: must be VerifiableCredential"),
        ("/proxy/context", json!([]), "proxy.context: "),
        (
            "/proxy/context",
            json!(["https://www.w3.org/ns/credentials/v2", "https://example.org/unknown"]),
            "proxy.context[1]: must be the URL of a bundled context",
        ),
        (
            "/proxy/context",
            json!(["https://www.w3.org/ns/credentials/v2", {"x": "urn:x"}]),
            "proxy.context[1]: must be the URL",
        ),
    ] {
        refused(&test, edited(upstream.ldp_document(), path, value), hint).await;
    }
    let trusted = web(json!([{"kid": "k", "multikey": multikey}]));
    test.publish("default", "Proxied", edited(upstream.document(), "/proxy/trusted_issuers", trusted)).await;
}

fn edited(mut document: Value, path: &str, value: Value) -> Value {
    match path.strip_prefix("/proxy/") {
        Some(name) => document["proxy"][name] = value,
        None if value.is_null() => drop(document.as_object_mut().unwrap().remove(path)),
        None => document[path] = value,
    }
    document
}

async fn refused(test: &TestApp, document: Value, hint: &str) {
    let shown = document.to_string();
    let document: Document = serde_json::from_value(document).unwrap();
    let issuer = test.issuer("default");
    let published =
        test.app.issuance.publish_configurations(&issuer, &Actor::cli(), vec![("Proxied".to_owned(), document)]).await;
    let error = published.unwrap_err().to_string();
    assert!(error.contains(hint), "{error:?} does not say {hint:?}: {shown}");
}
