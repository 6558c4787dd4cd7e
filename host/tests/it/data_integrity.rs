//! JSON-LD credentials with Data Integrity proofs: what may be published, what a wallet gets, and what Digital
//! Bazaar's verifier says of it.

use std::path::Path;

use chancery::audit::Actor;
use chancery::issuance::configuration::Document;
use chancery::issuance::issuers::DEFAULT_ISSUER;
use chancery_credential::data_integrity::Secured;
use chancery_credential::jsonld::{CREDENTIALS_V1, CREDENTIALS_V2, Contexts, DATA_INTEGRITY_V2};
use chancery_keys::{Algorithm, PublicKey, Signer as _, SoftwareKey, did};
use serde_json::{Map, Value, json};

use crate::app::{TestApp, root};
use crate::judges::{accepts, judge, take};
use crate::server::Site;
use crate::wallet::key;

const DID: &str = "did:web:localhost%3A8080";
const FARMER_CONTEXT: &str = "https://agriculture.example/contexts/farmer/v1";

/// A credential about a person; offers carry the claims.
fn person(base: &str, cryptosuite: &str) -> Value {
    json!({
        "format": "ldp_vc",
        "cryptosuite": cryptosuite,
        "validity": "30d",
        "claims": [{"path": ["credentialSubject", "fullName"], "mandatory": true}],
        "contexts": {"https://example.org/person/v1": {"@context": {
            "PersonCredential": "https://example.org/PersonCredential",
            "fullName": "https://schema.org/name",
            "extra": "https://example.org/extra",
        }}},
        "template": {
            "@context": [base, "https://example.org/person/v1"],
            "type": ["VerifiableCredential", "PersonCredential"],
            "credentialSubject": {"fullName": "{{ data.name }}", "extra?": "{{ data.extra }}"},
        },
        "sample": {"name": "Ada"},
    })
}

async fn publish(test: &TestApp, document: Value) -> Result<(), String> {
    let document: Document = serde_json::from_value(document).map_err(|e| e.to_string())?;
    let documents = vec![("PersonLd".to_owned(), document)];
    let issuer = test.issuer(DEFAULT_ISSUER);
    let published = test.app.issuance.publish_configurations(&issuer, &Actor::cli(), documents).await;
    test.app.issuers.refresh().await.unwrap();
    published.map(drop).map_err(|e| e.to_string())
}

#[tokio::test]
async fn a_wallet_gets_an_object_that_is_signed_and_bound_to_its_key() {
    for (base, cryptosuite, algorithm) in
        [(CREDENTIALS_V2, "eddsa-rdfc-2022", Algorithm::EdDsa), (CREDENTIALS_V1, "ecdsa-rdfc-2019", Algorithm::Es256)]
    {
        let test = TestApp::start().await;
        let document = person(base, cryptosuite);
        publish(&test, document.clone()).await.unwrap();
        let metadata = test.get("/.well-known/openid-credential-issuer").await.body;
        let entry = &metadata["credential_configurations_supported"]["PersonLd"];
        assert_eq!(entry["format"], "ldp_vc");
        assert_eq!(entry["credential_signing_alg_values_supported"], json!([cryptosuite]));
        assert_eq!(entry["credential_definition"]["type"], json!(["VerifiableCredential", "PersonCredential"]));
        assert!(entry.get("vct").is_none());

        let offer = json!({"credential_configuration_ids": ["PersonLd"], "claims": {"name": "Ada"}});
        let token = test.token_for(&test.offer_of(offer).await).await;
        let holder = key(Algorithm::Es256);
        let proof = test.proof(&holder, &test.nonce().await).sign(&holder).await;
        let answer = test.request_of(&token, "PersonLd", &[proof]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let credential = &answer.body["credentials"][0]["credential"];
        assert_eq!(credential["@context"], entry["credential_definition"]["@context"]);
        assert_eq!(credential["issuer"], DID);
        assert_eq!(credential["credentialSubject"]["id"], did::did_jwk(holder.public_key()));
        let (from, until) =
            if base == CREDENTIALS_V2 { ("validFrom", "validUntil") } else { ("issuanceDate", "expirationDate") };
        assert_eq!(credential[from], "2026-06-01T12:00:00Z");
        assert_eq!(credential[until], "2026-07-01T12:00:00Z");

        let contexts = document["contexts"].as_object().unwrap();
        let contexts = Contexts::with(contexts.iter().map(|(url, context)| (url.as_str(), context))).unwrap();
        let secured = Secured::parse(credential.as_object().unwrap(), &contexts).unwrap();
        let published = test.get("/.well-known/did.json").await.body;
        let methods = published["verificationMethod"].as_array().unwrap();
        let method = methods.iter().find(|m| m["id"] == secured.verification_method).unwrap();
        let signer = PublicKey::from_multikey(method["publicKeyMultibase"].as_str().unwrap()).unwrap();
        assert_eq!(signer.algorithm(), algorithm);
        signer.verify(&secured.signing_input, &secured.signature).unwrap();
        let id = credential["id"].as_str().unwrap();
        let stored = test.app.store.find_credential(DEFAULT_ISSUER, id).await.unwrap().unwrap();
        assert_eq!(stored.credential_type, "PersonCredential");
    }
}

#[tokio::test]
async fn what_would_not_verify_is_not_published() {
    let test = TestApp::start().await;
    let edits: [(&str, Value, &str); 18] = [
        (
            "/template/credentialSubject/nickname",
            json!("x"),
            "$.credentialSubject.nickname: no context defines the term \"nickname\"",
        ),
        (
            "/template/credentialSubject/type",
            json!("Human"),
            "$.credentialSubject.type: no context defines the type or name \"Human\"",
        ),
        ("/template/@context", json!(["https://example.org/person/v1", CREDENTIALS_V2]), "begins with"),
        (
            "/template/@context",
            json!([CREDENTIALS_V2, "https://example.org/unknown"]),
            "https://example.org/unknown is neither bundled",
        ),
        ("/contexts/https:~1~1example.org~1person~1v1/@context/name", json!("https://example.org/name"), "protected"),
        ("/contexts/https:~1~1example.org~1person~1v1/@context/extra", Value::Null, "null takes definitions away"),
        ("/contexts/https:~1~1www.w3.org~1ns~1credentials~1v2", json!({"@context": {}}), "bundled already"),
        ("/template/type", json!(["PersonCredential"]), "VerifiableCredential"),
        ("/template/credentialSubject", json!([{"fullName": "x"}]), "bound to a key"),
        ("/template/issuer", json!("did:web:other.example"), "{{ issuer.did }}"),
        ("/template/id", json!("urn:uuid:0"), "{{ credential.id }}"),
        ("/template/validFrom", json!("2020-01-01T00:00:00Z"), "{{ credential.valid_from }}"),
        ("/template/issuanceDate", json!("2020-01-01T00:00:00Z"), "another version"),
        ("/template/proof", json!({}), "added when the credential is signed"),
        ("/vct", json!("urn:example:person"), "vct: does not apply to the format ldp_vc"),
        ("/claims/0/disclosable", json!(true), "claims[0].disclosable: does not apply to the format ldp_vc"),
        ("/cryptosuite", json!("bbs-2023"), "eddsa-rdfc-2022, ecdsa-rdfc-2019"),
        ("/signing_algorithm", json!("ES256"), "eddsa-rdfc-2022 signs with EdDSA"),
    ];
    for (pointer, value, hint) in edits {
        let mut document = person(CREDENTIALS_V2, "eddsa-rdfc-2022");
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let name = name.replace("~1", "/");
        let parent = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.insert(name, value);
        let refusal = publish(&test, document).await.unwrap_err();
        assert!(refusal.contains(hint), "{pointer}: {refusal}");
    }
    let mut sd_jwt = crate::app::person_document();
    sd_jwt["cryptosuite"] = json!("eddsa-rdfc-2022");
    assert!(publish(&test, sd_jwt).await.unwrap_err().contains("cryptosuite: does not apply to the format dc+sd-jwt"));
}

/// The template writes whole JSON values; what data brings in must be as well defined as the rest.
#[tokio::test]
async fn data_that_would_not_be_signed_whole_is_not_issued() {
    let test = TestApp::start().await;
    publish(&test, person(CREDENTIALS_V2, "eddsa-rdfc-2022")).await.unwrap();
    for (extra, is_issued) in [
        (json!({"fullName": "nested"}), true),
        (json!({"secret": "x"}), false),
        (json!({"type": "Unknown"}), false),
        (json!({"id": "not an iri"}), false),
        (json!({"@context": null}), false),
        (json!({"@graph": []}), false),
        (json!(0.1 + 0.2), false),
        (json!((0..70).map(|n| json!({"fullName": n.to_string()})).collect::<Vec<_>>()), false),
    ] {
        let offer = json!({"credential_configuration_ids": ["PersonLd"], "claims": {"name": "Ada", "extra": extra}});
        let token = test.token_for(&test.offer_of(offer).await).await;
        let answer = test.request_of(&token, "PersonLd", &[test.good_proof().await]).await;
        assert_eq!(answer.status == 200, is_issued, "{extra}: {answer:?}");
        if !is_issued {
            assert!(!answer.body.to_string().contains("secret"), "{answer:?}");
        }
    }
    assert_eq!(test.issued().await, 1);
}

fn verify_ld(site: &Site, credential: &Value, more: &[&str]) -> (bool, Value) {
    let context =
        format!("{FARMER_CONTEXT}={}", site.path("config/FarmerCredentialLd/contexts/farmer-v1.json").display());
    let fixed = ["--credential", "-", "--issuer-url", &site.url, "--context", &context];
    judge("verify-data-integrity.mjs", &[&fixed, more].concat(), &credential.to_string())
}

/// A variant of the example's configuration.
fn variant(site: &Site, id: &str, cryptosuite: &str, change: impl FnOnce(&mut Value)) {
    let (from, to) = (site.path("config/FarmerCredentialLd"), site.path(&format!("config/{id}")));
    std::fs::create_dir_all(to.join("contexts")).unwrap();
    for file in ["sample.json", "contexts/farmer-v1.json"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    let text = std::fs::read_to_string(from.join("configuration.toml")).unwrap();
    std::fs::write(to.join("configuration.toml"), text.replace("eddsa-rdfc-2022", cryptosuite)).unwrap();
    let mut template: Value =
        serde_json::from_str(&std::fs::read_to_string(from.join("template.json")).unwrap()).unwrap();
    change(&mut template);
    std::fs::write(to.join("template.json"), template.to_string()).unwrap();
}

fn take_one(site: &Site, id: &str, of: &[&str]) -> Value {
    let offer = site.done(&[&["offer", "create", "--configuration", id, "--json"], of].concat());
    take(&serde_json::from_str(&offer).unwrap(), "link", &[])
}

#[test]
fn digital_bazaar_verifies_both_suites_on_both_data_models() {
    let site = Site::farmer();
    let to_1_1 = |template: &mut Value| {
        template["@context"][0] = json!(CREDENTIALS_V1);
        // That of the newer model defines the status entries, which the example has, by itself.
        template["@context"].as_array_mut().unwrap().insert(1, json!("https://www.w3.org/ns/credentials/status/v1"));
        template.as_object_mut().unwrap().remove("issuer");
    };
    variant(&site, "Ecdsa20", "ecdsa-rdfc-2019", |_| {});
    variant(&site, "Eddsa11", "eddsa-rdfc-2022", to_1_1);
    variant(&site, "Ecdsa11", "ecdsa-rdfc-2019", to_1_1);
    site.apply();
    let _server = site.serve();
    for (id, suite) in [
        ("FarmerCredentialLd", "eddsa-rdfc-2022"),
        ("Ecdsa20", "ecdsa-rdfc-2019"),
        ("Eddsa11", "eddsa-rdfc-2022"),
        ("Ecdsa11", "ecdsa-rdfc-2019"),
    ] {
        let taken = take_one(&site, id, &["--subject", "1003"]);
        let credential = &taken["credentials"][0];
        let holder = taken["holderJwks"][0].to_string();
        let (accepted, verdict) =
            verify_ld(&site, credential, &["--cryptosuite", suite, "--holder-jwk", &holder, "--tamper"]);
        assert!(accepted, "{id}: {verdict:#}");
        assert_eq!(credential["credentialSubject"]["givenName"], "लक्ष्मी");
        assert!(verdict["tampered"].as_u64().unwrap() > 50, "every member was changed: {}", verdict["tampered"]);
        let has_own = credential["@context"].as_array().unwrap().iter().any(|c| c == DATA_INTEGRITY_V2);
        assert_eq!(has_own, id.ends_with("11"));
    }
}

#[test]
fn nasty_text_and_odd_json_verify_too() {
    let site = Site::farmer();
    variant(&site, "Nasty", "eddsa-rdfc-2022", |template| {
        *template = json!({
            "@context": [CREDENTIALS_V2, {
                "text": "https://example.org/text",
                "raw": {"@id": "https://example.org/raw", "@type": "@json"},
                "part": "https://example.org/part",
                "sites": {"@id": "https://example.org/sites", "@type": "@id"},
                "steps": {"@id": "https://example.org/steps", "@container": "@list"},
                "said": {"@id": "https://example.org/said", "@container": "@language"},
            }],
            "type": "VerifiableCredential",
            "credentialSubject": {
                "text": "{{ data.text }}", "raw": "{{ data.raw }}", "part": "{{ data.part }}",
                "sites": "{{ data.sites }}", "steps": "{{ data.steps }}", "said": "{{ data.said }}",
            },
        });
    });
    let directory = site.path("config/Nasty");
    let configuration = "format = \"ldp_vc\"\ncryptosuite = \"eddsa-rdfc-2022\"\n";
    std::fs::write(directory.join("configuration.toml"), configuration).unwrap();
    let controls: String = ('\u{0}'..='\u{a0}').collect();
    let claims = json!({
        "text": [
            controls, "\"quoted\" \\ 'and' <tags> &amp;", "\u{202e}right\u{2066}to\u{2069}left\u{200f}", "👩🏽‍🌾🌾🏳️‍🌈", "b\u{feff}om\u{fffd}\u{10ffff}",
            "हिन्दी தமிழ் বাংলা ไทย 中文 日本語 한국어 עברית العربية ქართული ᏣᎳᎩ ⴰⵎⴰⵣⵉⵖ", "é vs é", "", " ", "\u{2028}\u{2029}\u{85}", "@alice", "_:b0", "{{ data.text }}",
        ],
        "raw": {"z": [1, 1.5, 1e-30, 1e-7, 123_456_789.125, true, null, "\u{1}\u{7f}é🌾\"\\"], "a": {}, "B": [], "é": {"b": 1, "a": 2}, "": 0},
        "part": [{"text": "same"}, {"text": "same"}, {"text": "same", "part": {"text": "deep"}}, {"text": 10.0}, {"text": 1.5}, {"text": -7}, {"text": false}],
        "sites": ["https://example.org/a/../b?c=%20#d", "did:example:a", "urn:uuid:0", "https://münchen.example/straße"],
        "steps": ["b", "a", "b", 1, {"text": "in a list"}],
        "said": {"en": "hello", "HI-IN": "नमस्ते", "ar": ["مرحبا", "أهلا"]},
    });
    for (file, content) in [("sample.json", &claims), ("claims.json", &claims)] {
        std::fs::write(directory.join(file), content.to_string()).unwrap();
    }
    site.apply();
    let _server = site.serve();
    let taken = take_one(&site, "Nasty", &["--claims", "config/Nasty/claims.json"]);
    let credential = &taken["credentials"][0];
    assert_eq!(credential["credentialSubject"]["text"], claims["text"]);
    let (accepted, verdict) = verify_ld(&site, credential, &[]);
    assert!(accepted, "{verdict:#}");
    // What a JSON literal or a list holds is signed member by member as well.
    for pointer in [
        "/credentialSubject/text/0",
        "/credentialSubject/raw/é/a",
        "/credentialSubject/steps/1",
        "/credentialSubject/said/en",
    ] {
        let mut changed = credential.clone();
        *changed.pointer_mut(pointer).unwrap() = json!("changed");
        assert!(!verify_ld(&site, &changed, &[]).0, "{pointer}");
    }
    accepts("verify-data-integrity.mjs", &["--credential", "-", "--issuer-url", &site.url], &credential.to_string());
}

#[test]
fn config_apply_names_the_member_that_no_context_defines() {
    let site = Site::farmer();
    variant(&site, "Broken", "eddsa-rdfc-2022", |template| {
        template["credentialSubject"]["address"]["postcode"] = json!("{{ data.village }}");
    });
    let text = site.fails(&["config", "apply", "config/"], 2);
    assert!(text.contains("Broken") && text.contains("$.credentialSubject.address.postcode"), "{text}");
    std::fs::remove_file(site.path("config/Broken/contexts/farmer-v1.json")).unwrap();
    assert!(site.fails(&["config", "apply", "config/"], 2).contains("contexts/farmer-v1.json"));
}

/// The official vectors lie beside the repository; where they do not, there is nothing to compare with.
#[tokio::test]
async fn signatures_of_the_official_vectors_are_reproduced_or_verified() {
    let vectors = root().join("../shared/vectors");
    if !vectors.is_dir() {
        eprintln!("skipped: {} is not there", vectors.display());
        return;
    }
    let read =
        |path: &Path| -> Map<String, Value> { serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap() };
    let examples = json!({"@context": {"@vocab": "https://www.w3.org/ns/credentials/examples#"}});
    let contexts = Contexts::with([("https://www.w3.org/ns/credentials/examples/v2", &examples)]).unwrap();
    for (signed, keys) in [
        ("vc-di-eddsa/eddsa-rdfc-2022/signedDataInt.json", "vc-di-eddsa/keyPair.json"),
        ("vc-di-ecdsa/ecdsa-rdfc-2019-p256/signedECDSAP256.json", "vc-di-ecdsa/p256KeyPair.json"),
    ] {
        let (signed, keys) = (read(&vectors.join(signed)), read(&vectors.join(keys)));
        let secured = Secured::parse(&signed, &contexts).unwrap();
        let public = PublicKey::from_multikey(keys["publicKeyMultibase"].as_str().unwrap()).unwrap();
        public.verify(&secured.signing_input, &secured.signature).unwrap();
        let mut changed = signed.clone();
        changed["credentialSubject"]["alumniOf"] = json!("Another School");
        let changed = Secured::parse(&changed, &contexts).unwrap();
        assert!(public.verify(&changed.signing_input, &changed.signature).is_err());
        if public.algorithm() == Algorithm::EdDsa {
            // Ed25519 is deterministic: the same key makes the same signature.
            let secret = ed25519_pkcs8(keys["privateKeyMultibase"].as_str().unwrap());
            let signer = SoftwareKey::from_pkcs8(Algorithm::EdDsa, &secret).unwrap();
            assert_eq!(signer.sign(&secured.signing_input).await.unwrap(), secured.signature);
        }
    }
}

/// PKCS#8 of an Ed25519 seed in its multikey form: base58btc of the multicodec prefix 0x8026 and 32 bytes.
fn ed25519_pkcs8(multikey: &str) -> Vec<u8> {
    const ALPHABET: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes = [0_u8; 34];
    for digit in multikey.strip_prefix('z').unwrap().chars() {
        let mut carry = ALPHABET.find(digit).unwrap();
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = u8::try_from(carry % 256).unwrap();
            carry /= 256;
        }
    }
    let seed = bytes.strip_prefix(&[0x80, 0x26]).unwrap();
    [b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", seed].concat()
}
