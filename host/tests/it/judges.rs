//! Independent judges: a real wallet library takes credentials from the built binary, and libraries that we did
//! not write verify them. `host/tests/judges` holds the scripts.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::app::root;
use crate::server::Site;

fn judges() -> PathBuf {
    let dir = root().join("host/tests/judges");
    assert!(
        dir.join("node_modules/@digitalbazaar/vc-bitstring-status-list").is_dir(),
        "the judges are not installed: run `npm ci --prefix host/tests/judges` (`cargo xtask test` does)"
    );
    dir
}

/// Runs a script with the credential on its standard input; whether it accepted, and what it printed.
pub fn judge(script: &str, arguments: &[&str], input: &str) -> (bool, Value) {
    let mut child = Command::new("node")
        .arg(judges().join(script))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Node.js is needed: `cargo xtask test` installs it");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_ne!(output.status.code(), Some(2), "{script} was called wrongly: {err}");
    let printed = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{script}: {e}\n{out}{err}"));
    (output.status.success(), printed)
}

#[track_caller]
pub fn accepts(script: &str, arguments: &[&str], input: &str) -> Value {
    let (accepted, printed) = judge(script, arguments, input);
    assert!(accepted, "{script} {arguments:?} refuses: {printed:#}");
    printed
}

fn verify(site: &Site, credential: &str, more: &[&str]) -> (bool, Value) {
    let fixed = ["--credential", "-", "--issuer-url", &site.url];
    judge("verify-sd-jwt-vc.mjs", &[&fixed, more].concat(), credential)
}

pub fn take(offer: &Value, link: &str, more: &[&str]) -> Value {
    accepts("wallet.mjs", &[&["--offer", offer[link].as_str().unwrap()], more].concat(), "")
}

#[test]
fn a_wallet_takes_the_credential_and_verifiers_accept_it() {
    let site = Site::farmer();
    site.apply();
    let _server = site.serve();
    for (link, with_tx_code) in [("link", false), ("link_by_value", false), ("link", true), ("link_by_value", true)] {
        let subject = if with_tx_code { vec!["--subject", "1003", "--tx-code"] } else { vec!["--subject", "1003"] };
        let offer = site.offer(&subject);
        let tx_code = offer["tx_code"].as_str().map(|code| vec!["--tx-code", code]).unwrap_or_default();
        let taken = take(&offer, link, &tx_code);
        let credential = taken["credentials"][0].as_str().unwrap();
        let holder = taken["holderJwks"][0].to_string();
        let (accepted, verdict) = verify(&site, credential, &["--vct", "urn:example:farmer", "--holder-jwk", &holder]);
        assert!(accepted, "{verdict:#}");
        assert_eq!(verdict["claims"]["given_name"], "लक्ष्मी");
        assert_eq!(verdict["claims"]["address"]["locality"], "काशीपुर");
        assert_eq!(verdict["claims"]["crops"], serde_json::json!(["गेहूँ", "धान"]));
        assert_eq!(verdict["header"]["typ"], "dc+sd-jwt");
    }
}

#[test]
fn several_keys_of_both_kinds_get_a_credential_each() {
    let site = Site::farmer();
    site.apply();
    let _server = site.serve();
    for algorithm in ["ES256", "EdDSA"] {
        let offer = site.offer(&["--subject", "1005"]);
        let taken = take(&offer, "link", &["--keys", "3", "--alg", algorithm]);
        let credentials = taken["credentials"].as_array().unwrap();
        assert_eq!(credentials.len(), 3);
        for (credential, holder) in credentials.iter().zip(taken["holderJwks"].as_array().unwrap()) {
            let (accepted, verdict) =
                verify(&site, credential.as_str().unwrap(), &["--holder-jwk", &holder.to_string()]);
            assert!(accepted, "{verdict:#}");
        }
    }
}

#[test]
fn credentials_signed_with_eddsa_verify_too() {
    let site = Site::farmer();
    let file = site.path("config/FarmerCredential/configuration.toml");
    let text = std::fs::read_to_string(&file)
        .unwrap()
        .replace("signing_algorithm = \"ES256\"", "signing_algorithm = \"EdDSA\"");
    std::fs::write(&file, text).unwrap();
    site.apply();
    let _server = site.serve();
    let taken = take(&site.offer(&["--subject", "1004"]), "link", &[]);
    let (accepted, verdict) = verify(&site, taken["credentials"][0].as_str().unwrap(), &[]);
    assert!(accepted, "{verdict:#}");
    assert_eq!(verdict["header"]["alg"], "EdDSA");
    assert_eq!(verdict["claims"]["given_name"], "فاطمة");
}

#[test]
fn a_flipped_byte_fails() {
    let site = Site::farmer();
    site.apply();
    let _server = site.serve();
    let taken = take(&site.offer(&["--subject", "1001"]), "link", &[]);
    let credential = taken["credentials"][0].as_str().unwrap();
    assert!(verify(&site, credential, &[]).0);
    for (part, judges) in [
        ("payload", ["sd-jwt-vc", "jose"]),
        ("signature", ["sd-jwt-vc", "jose"]),
        // The signature does not cover the disclosure's text but its digest.
        ("disclosure", ["sd-jwt-vc", "structure"]),
    ] {
        let flipped = accepts("flip.mjs", &["--credential", "-", "--part", part], credential);
        let (accepted, verdict) = verify(&site, flipped["credential"].as_str().unwrap(), &[]);
        assert!(!accepted, "{part}: {verdict:#}");
        for judge in judges {
            assert_ne!(verdict["verdicts"][judge], "accepted", "{part}: {verdict:#}");
        }
    }
}

#[test]
fn a_holder_shows_one_claim_and_proves_the_key() {
    let site = Site::farmer();
    site.apply();
    let _server = site.serve();
    let taken = take(&site.offer(&["--subject", "1001"]), "link", &[]);
    let credential = taken["credentials"][0].as_str().unwrap();
    let holder = taken["holderPrivateJwks"][0].to_string();
    let fixed = ["--credential", "-", "--issuer-url", &site.url, "--holder-jwk", &holder];
    let shown = accepts("present.mjs", &[&fixed[..], &["--disclose", "given_name"]].concat(), credential);
    assert_eq!(shown["claims"]["given_name"], "Asha");
    assert!(shown["claims"].get("birthdate").is_none(), "{shown:#}");
}

#[test]
fn the_wallet_library_understands_our_refusals() {
    let site = Site::farmer();
    site.apply();
    let _server = site.serve();
    let offer = site.offer(&["--subject", "1001", "--tx-code"]);
    let (accepted, printed) =
        judge("wallet.mjs", &["--offer", offer["link"].as_str().unwrap(), "--tx-code", "000000000000"], "");
    assert!(!accepted);
    assert_eq!((&printed["step"], &printed["code"]), (&"token".into(), &"invalid_grant".into()), "{printed:#}");
    let offer = site.offer(&["--subject", "nobody"]);
    let (accepted, printed) = judge("wallet.mjs", &["--offer", offer["link"].as_str().unwrap()], "");
    assert!(!accepted);
    assert_eq!(
        (&printed["step"], &printed["code"]),
        (&"credential".into(), &"credential_request_denied".into()),
        "{printed:#}"
    );
}
