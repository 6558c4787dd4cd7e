//! A tester that we did not write: schemathesis makes requests from the OpenAPI document, right ones and wrong ones, and
//! holds what the built binary answers against it. `host/tests/schemathesis` says how.

use std::process::Command;

use serde_json::{Value, json};

use crate::app::root;
use crate::server::{Server, Site};
use crate::wallet::{PRE_AUTHORIZED, code};

/// Requests for each operation and phase. A longer run: `CHANCERY_SCHEMATHESIS_EXAMPLES=500`.
const EXAMPLES: u32 = 12;
/// The same requests each time; a longer run may set `CHANCERY_SCHEMATHESIS_SEED` too.
const SEED: u64 = 20_260_601;

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// A service client's token, for every scope there is.
fn client_token(site: &Site, server: &Server) -> String {
    let assertion = site.done(&["client", "assertion", "tester", "--key", "tester.pem"]);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.trim()),
    ];
    access_token(server.post_form("/oauth/token", &form))
}

fn wallet_token(site: &Site, server: &Server) -> String {
    let offer = site.offer(&["--subject", "1001"]);
    access_token(
        server.post_form("/oauth/token", &[("grant_type", PRE_AUTHORIZED), ("pre-authorized_code", code(&offer))]),
    )
}

/// The id of a status list.
fn status_list(server: &Server, token: &str) -> String {
    let (status, opened) = server.post("/vcalm/status-lists", Some(token), &json!({"statusPurpose": "revocation"}));
    assert_eq!(status, 201, "{opened}");
    opened["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

fn access_token((status, answer): (u16, Value)) -> String {
    assert_eq!(status, 200, "{answer}");
    answer["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn schemathesis_finds_no_server_error_and_no_answer_that_is_not_described() {
    let program = root().join("target/schemathesis/bin/schemathesis");
    assert!(program.is_file(), "schemathesis is not installed: `cargo xtask test` does it");
    let site = Site::farmer();
    site.apply();
    let scopes: Vec<&str> = chancery::oauth::scopes::SCOPES.iter().flat_map(|(name, _)| ["--scope", name]).collect();
    site.done(&[&["client", "create", "tester", "--new-key", "tester.pem"][..], &scopes].concat());
    let server = site.serve();
    let examples = setting("CHANCERY_SCHEMATHESIS_EXAMPLES", EXAMPLES).to_string();
    let seed = setting("CHANCERY_SCHEMATHESIS_SEED", SEED).to_string();
    let token = client_token(&site, &server);
    let settings = root().join("host/tests/schemathesis");
    let output = Command::new(program)
        .arg("--config-file")
        .arg(settings.join("schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", server.url), "--no-color", "--continue-on-failure"])
        .args(["--max-examples", &examples, "--seed", &seed, "--request-timeout", "60"])
        .env("CHANCERY_SCHEMATHESIS", settings)
        .env("CHANCERY_STATUS_LIST", status_list(&server, &token))
        .env("CHANCERY_CLIENT_TOKEN", token)
        .env("CHANCERY_WALLET_TOKEN", wallet_token(&site, &server))
        // It keeps what it found in the directory that it runs in.
        .current_dir(site.dir.path())
        .output()
        .unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}\n{errors}\nThe host's log:\n{}", server.log());
}
