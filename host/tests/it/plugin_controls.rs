//! What operators decide about plugins: disable, enable, roll back, reload, and which plugins they trust.

use std::path::Path;

use chancery::app::Plugins;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, built_plugin};
use crate::server::{Site, get};

const ALL: [&str; 2] = ["plugins:read", "plugins:write"];

/// A new release with the same component: another grant file.
fn release(test: &TestApp, memory: &str) {
    let grant = format!("[limits]\nmemory = \"{memory}\"\n");
    std::fs::write(test.app.config.plugins.dir.join("hostile.toml"), grant).unwrap();
}

async fn act(test: &TestApp, path: &str) -> Answer {
    let token = test.admin_token("default", &ALL).await;
    test.post_json(&format!("/admin/v1/plugins/{path}"), Some(&token), &json!({})).await
}

async fn with_hostile() -> TestApp {
    TestApp::start_with_plugin("hostile", "", &[]).await
}

#[tokio::test]
async fn a_disabled_plugin_serves_nobody_until_it_is_enabled() {
    let test = with_hostile().await;
    let disabled = act(&test, "hostile/disable").await;
    assert_eq!(disabled.status, 200, "{disabled:?}");
    assert_eq!((&disabled.body["stage"], &disabled.body["serving"]), (&json!("disabled"), &Value::Null));
    // Nothing but `enable` brings it back.
    act(&test, "rescan").await;
    release(&test, "32MiB");
    act(&test, "rescan").await;
    assert_eq!(test.app.sandbox.as_ref().unwrap().plugin("hostile").unwrap().stage.to_string(), "disabled");
    let enabled = act(&test, "hostile/enable").await;
    assert_eq!((&enabled.body["stage"], &enabled.body["limits"]["memory"]), (&json!("active"), &json!("32MiB")));
    let actions: Vec<String> = test.events().await.into_iter().map(|event| event.action).collect();
    assert!(actions.ends_with(&["plugin.disable".to_owned(), "plugin.enable".to_owned()]), "{actions:?}");
}

#[tokio::test]
async fn rollback_holds_the_former_release_until_the_files_change() {
    let test = with_hostile().await;
    act(&test, "hostile/rollback").await.is_problem(409, "nothing-to-go-back-to", "hostile");
    release(&test, "32MiB");
    act(&test, "rescan").await;
    let back = act(&test, "hostile/rollback").await;
    assert_eq!((&back.body["stage"], &back.body["limits"]["memory"]), (&json!("active"), &json!("64MiB")), "{back:?}");
    assert!(back.body["instead_of"].is_string());
    // It outlives a look at the same files, and ends with new ones.
    let still = act(&test, "hostile/reload").await;
    assert_eq!(still.body["limits"]["memory"], "64MiB");
    release(&test, "48MiB");
    let token = test.admin_token("default", &ALL).await;
    let plugins = test.post_json("/admin/v1/plugins/rescan", Some(&token), &json!({})).await;
    assert_eq!(plugins.body["plugins"][0]["limits"]["memory"], "48MiB");
    assert_eq!(plugins.body["plugins"][0]["instead_of"], Value::Null);
}

#[tokio::test]
async fn a_reload_makes_a_new_generation_of_the_same_files() {
    let test = with_hostile().await;
    let answer = act(&test, "hostile/reload").await;
    assert_eq!((answer.status.as_u16(), &answer.body["stage"]), (200, &json!("active")));
    assert!(test.events().await.iter().any(|event| event.action == "plugin.reload" && event.object == "hostile"));
}

#[tokio::test]
async fn what_is_not_there_or_not_theirs_is_refused() {
    let test = with_hostile().await;
    act(&test, "nobody/disable").await.is_problem(404, "not-found", "nobody");
    act(&test, "hostile/explode").await.is_problem(404, "not-found", "rollback");
    test.publish("ministry", "Person", crate::app::person_document()).await;
    let token = test.admin_token("ministry", &ALL).await;
    let path = "/issuers/ministry/admin/v1/plugins/hostile/disable";
    test.post_json(path, Some(&token), &json!({})).await.is_problem(403, "host-only", "default issuer");
    let reader = test.admin_token("default", &["plugins:read"]).await;
    let answer = test.post_json("/admin/v1/plugins/hostile/disable", Some(&reader), &json!({})).await;
    answer.is_error(403, "insufficient_scope", "plugins:write");
}

#[tokio::test]
async fn a_required_plugin_gates_readiness() {
    let test = TestApp::start_with_plugin("hostile", "[plugin]\nrequired = true\n", &[]).await;
    assert_eq!(test.get("/readyz").await.status, 200);
    act(&test, "hostile/disable").await;
    let answer = test.get("/readyz").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.body.to_string().contains("hostile"), "{answer:?}");
}

#[tokio::test]
async fn only_the_default_trust_runs_what_nobody_vouched_for() {
    let start = |require: &'static str, grant: String| async move {
        TestApp::start_with(Plugins::Run, move |config| {
            config.plugins.trust = serde_json::from_value(json!({"require": require})).unwrap();
            let dir = &config.plugins.dir;
            std::fs::write(dir.join("hostile.toml"), grant).unwrap();
            std::fs::copy(built_plugin("hostile"), dir.join("hostile.wasm")).unwrap();
        })
        .await
    };
    let unpinned = start("pinned", String::new()).await;
    let status = unpinned.app.sandbox.as_ref().unwrap().plugin("hostile").unwrap();
    assert_eq!(status.stage.to_string(), "rejected");
    // The message holds the very lines that pin it.
    let lines = status.reason.unwrap();
    let lines = &lines[lines.find("[plugin]").unwrap()..];
    let pinned = start("pinned", lines.to_owned()).await;
    assert_eq!(pinned.app.sandbox.as_ref().unwrap().plugin("hostile").unwrap().stage.to_string(), "active");
}

/// The files of a signed plugin in a site, and the site's configuration.
struct Signed {
    site: Site,
    public_key: String,
}

impl Signed {
    fn start() -> Self {
        let site = Site::farmer();
        let public_key = site.done(&["plugin", "keygen", "signing.pem"]).trim().to_owned();
        let file = site.path("chancery.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let trust = format!("\n[plugins.trust]\nrequire = \"signed\"\nkeys = [{public_key:?}]\n");
        std::fs::write(&file, text + &trust).unwrap();
        site.done(&["migrate"]);
        Self { site, public_key }
    }

    fn wasm(&self) -> std::path::PathBuf {
        self.site.path("plugins/csv-provider.wasm")
    }

    fn sign(&self) {
        self.site.done(&["plugin", "sign", "--key", "signing.pem", "plugins/csv-provider.wasm"]);
    }

    fn status(&self) -> Value {
        let list: Value = serde_json::from_str(&self.site.done(&["plugin", "list", "--json"])).unwrap();
        list[0].clone()
    }

    #[track_caller]
    fn is_refused(&self, says: &str) {
        let status = self.status();
        assert_eq!((&status["stage"], &status["failed_at"]), (&json!("rejected"), &json!("verified")), "{status}");
        assert!(status["reason"].as_str().unwrap().contains(says), "{status}");
    }
}

#[test]
fn a_host_that_wants_signatures_runs_signed_plugins_only() {
    let signed = Signed::start();
    signed.is_refused("there is no csv-provider.wasm.sig");
    signed.sign();
    let status = signed.status();
    assert_eq!((&status["stage"], &status["signer"]), (&json!("active"), &json!(signed.public_key)), "{status}");
    let verified = signed.site.done(&["plugin", "verify", "plugins/csv-provider.wasm"]);
    assert!(verified.contains(&signed.public_key), "{verified}");

    // One flipped bit in the name section changes nothing that the plugin does.
    let mut bytes = std::fs::read(signed.wasm()).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(signed.wasm(), &bytes).unwrap();
    signed.is_refused("for another file");
    let said = signed.site.fails(&["plugin", "verify", "plugins/csv-provider.wasm"], 1);
    assert!(said.contains("another file"), "{said}");

    // A stranger's signature over the right bytes.
    signed.site.done(&["plugin", "keygen", "stranger.pem"]);
    signed.site.done(&["plugin", "sign", "--key", "stranger.pem", "plugins/csv-provider.wasm"]);
    signed.is_refused("not among plugins.trust.keys");
}

#[test]
fn links_out_of_the_directory_are_refused_where_trust_is_asked_for() {
    let signed = Signed::start();
    signed.sign();
    let outside = signed.site.path("outside.wasm");
    std::fs::rename(signed.wasm(), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, signed.wasm()).unwrap();
    signed.is_refused("leads out of the plugin directory");
    // Inside it links are how deployment tools swap directories.
    std::fs::create_dir(signed.site.path("plugins/..data")).unwrap();
    std::fs::rename(&outside, signed.site.path("plugins/..data/csv-provider.wasm")).unwrap();
    std::fs::remove_file(signed.wasm()).unwrap();
    std::os::unix::fs::symlink(Path::new("..data/csv-provider.wasm"), signed.wasm()).unwrap();
    assert_eq!(signed.status()["stage"], "active");
}

#[test]
fn the_command_line_decides_for_running_hosts() {
    let site = Site::farmer();
    site.apply();
    let server = site.serve();
    let offer = site.offer(&["--subject", "1003"]);
    assert!(offer["credential_offer_uri"].is_string(), "{offer}");
    site.done(&["plugin", "disable", "csv-provider"]);
    server.until("the host follows", || get(&format!("{}/readyz", site.url)).1.to_string().contains("disabled"));
    site.done(&["plugin", "enable", "csv-provider"]);
    server.until("the host follows", || !get(&format!("{}/readyz", site.url)).1.to_string().contains("disabled"));
}
