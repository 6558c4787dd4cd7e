//! Trust: what is judged are the bytes that run, wherever they came from.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use chancery_sandbox::{PluginStatus, SignatureCheck, Stage, Trust};
use sha2::{Digest, Sha256};

use crate::minimal::{minimal, minimal_with};
use crate::support::{Host, request};

/// A plugin that says something else than [`minimal`].
fn other() -> Vec<u8> {
    minimal_with("(data (i32.const 256) \"{\\22name\\22:\\22Bea\\22}\")", "")
}

/// A signature is the digest after the signer's name.
fn signed_by(name: &str, wasm: &[u8]) -> Vec<u8> {
    [name.as_bytes(), b":", &Sha256::digest(wasm)].concat()
}

/// Trusts the signer `gov`. May put another file in place of the one that it judges.
#[derive(Default)]
struct Check {
    replacement: Mutex<Option<(PathBuf, Vec<u8>)>>,
}

impl SignatureCheck for Check {
    fn check(&self, component: &[u8], signature: &[u8]) -> Result<String, String> {
        if let Some((path, content)) = self.replacement.lock().unwrap().take() {
            fs::write(path, content).unwrap();
        }
        if signature != signed_by("gov", component) {
            let shown = String::from_utf8_lossy(&signature[..signature.len().min(16)]);
            return Err(format!("no trusted key made its signature {shown}"));
        }
        Ok("gov".to_owned())
    }
}

async fn started(host: &mut Host, trust: Trust) -> PluginStatus {
    let mut options = host.options();
    options.trust = trust;
    host.start_with(options).await;
    host.status("p")
}

fn signed() -> Trust {
    Trust::Signed(Arc::new(Check::default()))
}

fn pin(wasm: &[u8]) -> String {
    format!("[plugin]\nsha256 = \"{:x}\"", Sha256::digest(wasm))
}

fn refused(status: &PluginStatus, part: &str) {
    assert_eq!((status.stage, status.failed_at), (Stage::Rejected, Some(Stage::Verified)), "{status:?}");
    let reason = status.reason.as_deref().unwrap();
    assert!(reason.contains(part), "{reason}");
}

async fn name(host: &Host) -> String {
    let data = host.sandbox().fetch("p", request("x")).await.unwrap();
    data.claims["name"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn pinned_needs_the_pin_and_says_the_lines() {
    let mut host = Host::new();
    host.put("p.wasm", minimal());
    refused(&started(&mut host, Trust::Pinned).await, &pin(&minimal()));
    host.put("p.toml", pin(&other()));
    host.sandbox().rescan().await;
    refused(&host.status("p"), "pins ");
    host.put("p.toml", pin(&minimal()));
    host.sandbox().rescan().await;
    assert_eq!(name(&host).await, "Ada");
    // Another file does not get in, and the pinned one goes on.
    host.put("p.wasm", other());
    host.sandbox().rescan().await;
    refused(&host.status("p"), "pins ");
    assert_eq!(name(&host).await, "Ada");
}

#[tokio::test]
async fn signatures_that_are_missing_or_wrong_are_refused() {
    let wasm = minimal();
    let mut flipped = signed_by("gov", &wasm);
    *flipped.last_mut().unwrap() ^= 1;
    for (signature, part) in [
        (None, "signed plugins only, and there is no p.wasm.sig"),
        (Some(Vec::new()), "no trusted key"),
        (Some(flipped), "no trusted key"),
        (Some(signed_by("mallory", &wasm)), "no trusted key"),
        (Some(signed_by("gov", &other())), "no trusted key"),
        (Some(b"\x1b[2J\nplugin is active".to_vec()), "signature \\u{1b}[2J\\nplugin"),
        (Some(vec![0; (16 << 10) + 1]), "larger than 16KiB (signature)"),
    ] {
        let mut host = Host::new();
        host.put("p.wasm", &wasm);
        // A pin is no signature.
        host.put("p.toml", pin(&wasm));
        if let Some(signature) = signature {
            host.put("p.wasm.sig", signature);
        }
        refused(&started(&mut host, signed()).await, part);
    }
}

#[tokio::test]
async fn a_flipped_byte_in_the_component_is_refused() {
    let wasm = minimal();
    for position in [8, 40, wasm.len() / 2, wasm.len() - 1] {
        let mut flipped = wasm.clone();
        flipped[position] ^= 1;
        let mut host = Host::new();
        host.put("p.wasm", &flipped);
        host.put("p.wasm.sig", signed_by("gov", &wasm));
        refused(&started(&mut host, signed()).await, "no trusted key");
    }
}

#[tokio::test]
async fn a_signed_plugin_serves_and_shows_its_signer() {
    let mut host = Host::new();
    host.put("p.wasm", minimal());
    host.put("p.wasm.sig", signed_by("gov", &minimal()));
    let status = started(&mut host, signed()).await;
    assert_eq!((status.stage, status.signer.as_deref()), (Stage::Active, Some("gov")));
    assert_eq!(name(&host).await, "Ada");
}

#[tokio::test]
async fn the_bytes_that_were_judged_are_the_bytes_that_run() {
    let mut host = Host::new();
    host.put("p.wasm", minimal());
    host.put("p.wasm.sig", signed_by("gov", &minimal()));
    let check = Arc::new(Check::default());
    *check.replacement.lock().unwrap() = Some((host.plugin_dir().join("p.wasm"), other()));
    started(&mut host, Trust::Signed(check.clone())).await;
    assert!(check.replacement.lock().unwrap().is_none(), "the file was replaced while it was judged");
    assert_eq!(fs::read(host.plugin_dir().join("p.wasm")).unwrap(), other());
    assert_eq!(name(&host).await, "Ada");
    // What lies there now is judged for itself.
    host.sandbox().rescan().await;
    refused(&host.status("p"), "no trusted key");
    assert_eq!(name(&host).await, "Ada");
}

#[tokio::test]
async fn links_out_of_the_directory_are_followed_only_where_anything_goes() {
    for file in ["p.wasm", "p.toml", "p.wasm.sig"] {
        let mut host = Host::new();
        let elsewhere = tempfile::tempdir().unwrap();
        for (name, content) in
            [("p.wasm", minimal()), ("p.toml", pin(&minimal()).into()), ("p.wasm.sig", signed_by("gov", &minimal()))]
        {
            if name == file {
                fs::write(elsewhere.path().join(name), content).unwrap();
                symlink(elsewhere.path().join(name), host.plugin_dir().join(name)).unwrap();
            } else {
                host.put(name, content);
            }
        }
        for trust in [Trust::Pinned, signed()] {
            refused(&started(&mut host, trust).await, "is a link that leads out of the plugin directory");
        }
        assert_eq!(started(&mut host, Trust::Off).await.stage, Stage::Active, "{file}");
    }
}

#[tokio::test]
async fn links_inside_the_directory_are_how_whole_directories_are_swapped() {
    let mut host = Host::new();
    let release = host.plugin_dir().join("release-7");
    fs::create_dir(&release).unwrap();
    for (name, content) in
        [("p.wasm", minimal()), ("p.toml", pin(&minimal()).into()), ("p.wasm.sig", signed_by("gov", &minimal()))]
    {
        fs::write(release.join(name), content).unwrap();
        symlink(release.join(name), host.plugin_dir().join(name)).unwrap();
    }
    for trust in [Trust::Pinned, signed()] {
        assert_eq!(started(&mut host, trust).await.stage, Stage::Active);
    }
    // A link that leads nowhere is no file.
    fs::remove_file(release.join("p.wasm.sig")).unwrap();
    refused(&started(&mut host, signed()).await, "there is no p.wasm.sig");
}

#[tokio::test]
async fn an_earlier_release_is_judged_again() {
    let mut host = Host::new();
    host.put("p.wasm", minimal());
    let first = started(&mut host, Trust::Off).await.release.unwrap();
    host.put("p.wasm", other());
    host.sandbox().rescan().await;
    let second = host.status("p").release.unwrap();
    // Since then the server trusts signed plugins only; the newest one is signed, the earlier one is not.
    host.put("p.wasm.sig", signed_by("gov", &other()));
    let mut options = host.options();
    options.trust = signed();
    let held = Some(chancery_sandbox::Held { release: first, instead_of: second });
    options.controls.insert("p".to_owned(), chancery_sandbox::Control { held, ..Default::default() });
    host.start_with(options).await;
    refused(&host.status("p"), "there is no p.wasm.sig");
    assert!(!host.status("p").is_serving());
}
