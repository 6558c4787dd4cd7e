//! The examples that are projects of authors: built, tested and run as their documents say.

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use super::project::{chancery, done};
use crate::app::root;
use crate::examples::run_in;
use crate::judges::{accepts, judge, take};
use crate::platform::{Platform, says_what_the_source_knows};
use crate::server::{Site, copy};

/// Configuration, and the plugin behind it.
const LANGUAGES: [&str; 4] = ["PersonRust", "PersonTypeScript", "PersonPython", "PersonC"];

/// The README builds the four, holds them to one case file, and puts them into one host. Then four wallets of other
/// authors take the same person's credential from each, and a verifier of other authors finds the same in all.
#[test]
fn one_look_up_in_four_languages_gives_the_same_credential() {
    let site = Site::example("registry-lookup", &[]);
    run_in(&site, "examples/registry-lookup/README.md", &[], str::to_owned);

    let server = site.serve();
    server.until("the plugins serve", || server.get("/readyz").0 == 200);
    let person = |configuration: &str, subject: &str| -> Value {
        let taken = take(&site.offer_of(configuration, &["--subject", subject]), "link", &[]);
        let holder = taken["holderJwks"][0].to_string();
        let fixed = ["--credential", "-", "--holder-jwk", &holder, "--issuer-url", &site.url];
        let verdict = accepts("verify-sd-jwt-vc.mjs", &fixed, taken["credentials"][0].as_str().unwrap());
        let names = ["given_name", "family_name", "birthdate", "village", "picture", "parcels"];
        names.iter().map(|name| ((*name).to_owned(), verdict["claims"][*name].clone())).collect()
    };
    for (subject, parcels) in [("1001", 2), ("1002", 0)] {
        let [first, others @ ..] = LANGUAGES.map(|configuration| person(configuration, subject));
        assert_eq!(first["parcels"].as_array().unwrap().len(), parcels, "{first:#}");
        assert_eq!(first["picture"].is_string(), subject == "1001", "{first:#}");
        assert!(others.iter().all(|other| *other == first), "{subject}: {first:#} {others:#?}");
    }
    for configuration in LANGUAGES {
        for subject in ["1003", "nobody"] {
            let offer = site.offer_of(configuration, &["--subject", subject]);
            let link = offer["link"].as_str().unwrap();
            let (accepted, printed) = judge("wallet.mjs", &["--offer", link], "");
            assert!(!accepted, "{configuration}: {printed:#}");
        }
    }
}

/// The TypeScript proxy stands in for the Rust plugin in a whole host: another issuer, of Digital Bazaar's libraries,
/// signs at once or later, the host verifies, a wallet of other authors takes it, and a verifier accepts it.
#[test]
fn a_proxy_in_typescript_passes_real_credentials_on() {
    let (_dir, built) = build_and_test("issuer-proxy");
    let platform = Platform::start();
    std::fs::copy(built, platform.site.path("plugins/vc-api-issuer.wasm")).unwrap();
    let grant = platform.site.path("plugins/vc-api-issuer.toml");
    let text = std::fs::read_to_string(&grant).unwrap();
    let (before, _) = text.split_once("timeout = \"5s\"\nretry_after").unwrap();
    std::fs::write(&grant, before).unwrap();
    platform.site.apply();
    let server = platform.site.serve();
    server.until("all plugins serve", || server.get("/readyz").0 == 200);
    for configuration in ["MembershipCredential", "DiplomaCredential"] {
        let taken = platform.take(configuration, "1001");
        let polls = taken["polls"].as_u64().unwrap_or_default();
        assert_eq!(polls >= 2, configuration == "DiplomaCredential", "{taken:#}");
        says_what_the_source_knows(configuration, &platform.verify(configuration, &taken));
    }
    let listed = platform.site.done(&["plugin", "list"]);
    assert!(listed.lines().any(|line| line.starts_with("vc-api-issuer") && line.contains("0.1.0")), "{listed}");
}

/// Builds and tests a copy of an example: where the copy is, and the component.
fn build_and_test(example: &str) -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    copy(&root().join("examples").join(example), dir.path());
    for words in [&["plugin", "build"], &["plugin", "test"]] {
        done(&mut chancery(dir.path(), words));
    }
    let built = dir.path().join(format!("build/{example}.wasm"));
    (dir, built)
}
