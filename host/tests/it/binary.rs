//! The binary from outside: subcommands, exit codes, messages, starting, stopping, being killed.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::server::Site;
use crate::wallet::{PRE_AUTHORIZED, code};

#[test]
fn an_issuer_is_set_up_served_and_drained() {
    let site = Site::farmer();
    assert!(site.done(&["check-config"]).contains("is valid"));
    assert!(site.done(&["migrate"]).contains("schema"));
    assert!(site.done(&["config", "apply", "config/"]).contains("published  FarmerCredential version 1"));
    assert!(site.done(&["config", "apply", "config/"]).contains("unchanged  FarmerCredential version 1"));
    let listed = site.done(&["plugin", "list"]);
    assert!(listed.contains("csv-provider") && listed.contains("active"), "{listed}");
    let listed: Value = serde_json::from_str(&site.done(&["plugin", "list", "--json"])).unwrap();
    assert_eq!((&listed[0]["stage"], &listed[0]["kind"]), (&json!("active"), &json!("data-provider")));

    let mut server = site.serve();
    assert_eq!(server.get("/readyz").1, json!({"status": "ready", "reasons": []}));
    assert!(server.log().contains("bootstrap token"), "{}", server.log());
    let offer = site.offer(&["--subject", "1003", "--tx-code"]);
    let form = [
        ("grant_type", PRE_AUTHORIZED),
        ("pre-authorized_code", code(&offer)),
        ("tx_code", offer["tx_code"].as_str().unwrap()),
    ];
    let (status, token) = server.post_form("/oauth/token", &form);
    assert_eq!(status, 200, "{token}");
    server.terminate();
    assert_eq!(server.ended(), Some(0), "{}", server.log());
    assert!(server.log().contains("drained and stopped"), "{}", server.log());
}

#[test]
fn a_running_host_takes_over_what_config_apply_publishes() {
    let site = Site::farmer();
    let server = site.serve();
    let metadata = || server.get("/.well-known/openid-credential-issuer").1;
    assert_eq!(metadata()["credential_configurations_supported"], json!({}));
    site.apply();
    server.until("the configuration is served", || {
        metadata()["credential_configurations_supported"].get("FarmerCredential").is_some()
    });
    assert_eq!(metadata()["display"][0]["name"], "Department of Agriculture");
}

#[test]
fn a_service_client_signs_in_with_what_the_command_line_gives_it() {
    let site = Site::farmer();
    site.apply();
    site.done(&["client", "create", "enrolment", "--scope", "offers:create", "--new-key", "enrolment.pem"]);
    let mode = std::fs::metadata(site.path("enrolment.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let server = site.serve();
    assert!(!server.log().contains("bootstrap token"), "there is a client already");
    let assertion = site.done(&["client", "assertion", "enrolment", "--key", "enrolment.pem"]);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.trim()),
    ];
    let (status, answer) = server.post_form("/oauth/token", &form);
    assert_eq!(status, 200, "{answer}");
    let body = json!({"credential_configuration_ids": ["FarmerCredential"], "subject": "1001"});
    let (status, offer) = server.post("/admin/v1/offers", answer["access_token"].as_str(), &body);
    assert_eq!(status, 201, "{offer}");
}

#[test]
fn a_killed_host_starts_again_and_has_lost_nothing() {
    let site = Site::farmer();
    site.apply();
    let taken = site.offer(&["--subject", "1001"]);
    let open = site.offer(&["--subject", "1002"]);
    let form =
        |offer: &Value| [("grant_type", PRE_AUTHORIZED.to_owned()), ("pre-authorized_code", code(offer).to_owned())];
    let redeem = |server: &crate::server::Server, offer: &Value| {
        let form = form(offer);
        let pairs: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
        server.post_form("/oauth/token", &pairs).0
    };
    let server = site.serve();
    assert_eq!(redeem(&server, &taken), 200);
    let keys = server.get("/.well-known/jwks.json").1;
    // Dropping it is SIGKILL.
    drop(server);
    let server = site.serve();
    assert_eq!(server.get("/.well-known/jwks.json").1, keys);
    assert_eq!(redeem(&server, &taken), 400, "a code works once, whatever happens");
    assert_eq!(redeem(&server, &open), 200);
}

#[test]
fn wrong_set_ups_are_refused_in_words_that_help() {
    let site = Site::farmer();
    let wrong = |text: &str| std::fs::write(site.path("wrong.toml"), text).unwrap();
    let check = |hint: &str, code: i32| {
        let text = site.fails(&["--config", "wrong.toml", "check-config"], code);
        assert!(text.contains(hint), "{text}");
        assert!(!text.contains("panicked"), "{text}");
    };
    wrong("[server]\nport = 1\n");
    check("port", 2);
    wrong("[server]\npublic_url = \"http://issuer.example\"\n");
    check("https", 2);
    wrong("server = [");
    check("wrong.toml", 2);
    let text = site.fails(&["--config", "none.toml", "serve"], 2);
    assert!(text.contains("none.toml") && text.contains("--config"), "{text}");
    assert!(site.fails(&["nonsense"], 2).contains("unrecognized subcommand"));
    let text = site.fails(&["offer", "create", "--configuration", "FarmerCredential", "--subject", "1"], 1);
    assert!(text.contains("migrate"), "{text}");
    site.apply();
    let text = site.fails(&["offer", "create", "--configuration", "Farmer", "--subject", "1"], 2);
    assert!(text.contains("FarmerCredential"), "it names what there is: {text}");
    // A key-encryption key that does not belong to the store.
    std::fs::remove_file(site.path("data/kek")).unwrap();
    let text = site.fails(&["serve"], 1);
    assert!(text.contains("data/kek is missing"), "{text}");
    let foreign = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    std::fs::write(site.path("data/kek"), foreign).unwrap();
    std::fs::set_permissions(site.path("data/kek"), PermissionsExt::from_mode(0o644)).unwrap();
    let text = site.fails(&["serve"], 1);
    assert!(text.contains("chmod 600"), "{text}");
    std::fs::set_permissions(site.path("data/kek"), PermissionsExt::from_mode(0o600)).unwrap();
    let text = site.fails(&["serve"], 1);
    assert!(text.contains("cannot be opened") && text.contains("not in the keyring"), "the cause is said: {text}");
}

#[test]
fn configurations_that_are_wrong_publish_nothing() {
    let site = Site::farmer();
    let dir = site.path("config/FarmerCredential");
    let original = |name: &str| {
        std::fs::read_to_string(crate::app::root().join("examples/farmer/config/FarmerCredential").join(name)).unwrap()
    };
    let try_with = |name: &str, text: &str, hint: &str| {
        std::fs::write(dir.join(name), text).unwrap();
        let error = site.fails(&["config", "apply", "config/"], 2);
        assert!(error.contains(hint) && error.contains("FarmerCredential"), "{error}");
        std::fs::write(dir.join(name), original(name)).unwrap();
    };
    try_with("template.json", "{", "template.json");
    try_with("template.json", r#"{"a": 1, "a": 2}"#, "template.json");
    try_with("template.json", r#"{"farmer_id": "{{ data.farmer }}"}"#, "farmer_id");
    try_with("template.json", r#"{"farmer_id": "{{ data.farmer_id"}"#, "farmer_id");
    try_with("template.json", r#"{"farmer_id": "{% if x %}"}"#, "farmer_id");
    try_with("template.json", r#"{"iss": "https://evil.example"}"#, "iss");
    try_with("template.json", r#"{"farmer_id": "1"}"#, "given_name");
    try_with("template.json", "[]", "object");
    try_with("sample.json", "[]", "configuration.toml");
    let toml = original("configuration.toml");
    try_with("configuration.toml", &toml.replace("ES256", "RS256"), "RS256");
    try_with("configuration.toml", &toml.replace("dc+sd-jwt", "jwt"), "jwt");
    try_with("configuration.toml", &toml.replace("365d", "a year"), "validity");
    try_with("configuration.toml", &format!("colour = \"red\"\n{toml}"), "colour");
    try_with("configuration.toml", &toml.replace("[\"crops\"]", "[\"farmer_id\"]"), "twice");
    try_with("configuration.toml", &toml.replace("[\"crops\"]", "[\"iss\"]"), "iss");
    let error = site.fails(&["config", "apply", "plugins/"], 2);
    assert!(error.contains("configuration.toml"), "{error}");
    site.apply();
}

#[test]
fn help_has_examples_and_a_closed_pipe_is_no_error() {
    let site = Site::farmer();
    assert!(site.done(&["--help"]).contains("chancery offer create --configuration"));
    assert!(site.done(&["offer", "create", "--help"]).contains("Examples:"));
    assert!(site.done(&["client", "scopes"]).contains("offers:create"));
    let shell = format!("'{}' plugin list | true", crate::app::program().display());
    let output = std::process::Command::new("sh").args(["-c", &shell]).current_dir(site.dir.path()).output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}

#[test]
fn logs_are_json_where_asked_and_carry_request_ids_but_no_secrets() {
    let site = Site::farmer();
    site.apply();
    let file = site.path("chancery.toml");
    let text = std::fs::read_to_string(&file).unwrap() + "\n[log]\nformat = \"json\"\nfilter = \"debug\"\n";
    std::fs::write(&file, text).unwrap();
    let offer = site.offer(&["--subject", "1001"]);
    let server = site.serve();
    let form = [("grant_type", PRE_AUTHORIZED), ("pre-authorized_code", code(&offer))];
    let (_, token) = server.post_form("/oauth/token", &form);
    server.until("the request is logged", || server.log().contains("/oauth/token"));
    let log = server.log();
    for line in log.lines().filter(|l| l.starts_with('{')) {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(event["timestamp"].is_string() && event["level"].is_string(), "{line}");
    }
    let line = log.lines().find(|l| l.contains("/oauth/token")).unwrap();
    let event: Value = serde_json::from_str(line).unwrap();
    assert_eq!(event["span"]["id"].as_str().map(str::len), Some(32), "{line}");
    for secret in [code(&offer), token["access_token"].as_str().unwrap()] {
        assert!(!log.contains(secret), "the log holds a secret");
    }
}

#[test]
fn a_client_that_never_ends_its_request_is_let_go() {
    use std::io::{Read as _, Write as _};
    let site = Site::farmer();
    let file = site.path("chancery.toml");
    let text = std::fs::read_to_string(&file)
        .unwrap()
        .replace("[server]", "[server]\nheader_timeout = \"300ms\"\nmax_connections = 2");
    std::fs::write(&file, text).unwrap();
    let server = site.serve();
    let address = site.url.strip_prefix("http://").unwrap();
    let mut slow: Vec<_> = (0..6).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: ").unwrap();
    }
    server.until("somebody else is served", || server.get("/healthz").0 == 200);
    // All of them are let go of: reading ends.
    for stream in &mut slow {
        stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
    }
}

#[test]
fn a_changed_public_url_moves_every_issuer_and_stops_commands_that_still_have_the_old_one() {
    let site = Site::farmer();
    site.apply();
    site.done(&["config", "apply", "config/", "--issuer", "ministry"]);
    let file = site.path("chancery.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("public_url = \"http://localhost", "public_url = \"http://127.0.0.1")).unwrap();
    let offer = ["offer", "create", "--configuration", "FarmerCredential", "--subject", "1001"];
    let refused = site.fails(&offer, 1);
    assert!(refused.contains("chancery migrate"), "{refused}");
    site.done(&["migrate"]);
    assert!(site.done(&offer).contains("127.0.0.1"));
    let server = site.serve();
    let path = "/.well-known/openid-credential-issuer/issuers/ministry";
    let issuer = server.get(path).1["credential_issuer"].as_str().unwrap().to_owned();
    assert!(issuer.starts_with("http://127.0.0.1:") && issuer.ends_with("/issuers/ministry"), "{issuer}");
}

#[test]
fn an_invalid_configuration_leaves_no_issuer_behind() {
    let site = Site::farmer();
    site.apply();
    std::fs::write(site.path("config/FarmerCredential/template.json"), "{}").unwrap();
    site.fails(&["config", "apply", "config/", "--issuer", "halfmade"], 2);
    let text = site.fails(&["offer", "create", "--configuration", "X", "--subject", "1", "--issuer", "halfmade"], 2);
    assert!(text.contains("no issuer halfmade"), "{text}");
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let site = Site::farmer();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = site.command(&["check-config"]).stdout(full).stderr(std::process::Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn names_of_others_in_the_environment_are_left_alone_and_ours_count() {
    let site = Site::farmer();
    let output = site.command(&["check-config"]).env("CHANCERY_PORT", "tcp://10.0.0.1:80").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = site.command(&["check-config"]).env("CHANCERY_SERVER__LISTEN", "127.0.0.1:9").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("127.0.0.1:9"));
}

#[test]
fn requests_under_way_end_well_and_readiness_goes_first() {
    use std::io::{Read as _, Write as _};
    let site = Site::farmer();
    site.apply();
    let mut server = site.serve();
    let address = site.url.strip_prefix("http://").unwrap();
    // A request whose body is still to come when the host is asked to stop.
    let mut slow = std::net::TcpStream::connect(address).unwrap();
    let body = "grant_type=unknown";
    let head = format!(
        "POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    slow.write_all(head.as_bytes()).unwrap();
    server.until("the request is under way", || server.get("/readyz").0 == 200);
    server.terminate();
    server.until("readiness says so while requests are still taken", || server.get("/readyz").0 == 503);
    slow.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("unsupported_grant_type"), "{answer}");
    assert_eq!(server.ended(), Some(0), "{}", server.log());
}

#[test]
fn a_drain_ends_when_its_time_is_over() {
    use std::io::Write as _;
    let site = Site::farmer();
    let file = site.path("chancery.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("[server]", "[server]\ndrain_grace = \"0s\"\ndrain_timeout = \"200ms\""))
        .unwrap();
    let mut server = site.serve();
    let mut slow = std::net::TcpStream::connect(site.url.strip_prefix("http://").unwrap()).unwrap();
    slow.write_all(b"POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 9\r\n\r\n").unwrap();
    server.until("it is served", || server.get("/readyz").0 == 200);
    server.terminate();
    assert_eq!(server.ended(), Some(1));
    assert!(server.log().contains("drain_timeout"), "{}", server.log());
}
