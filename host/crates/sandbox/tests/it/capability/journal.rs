use std::os::unix::fs::PermissionsExt;

use chancery_sandbox::Stage;
use serde_json::json;

use super::DATA;
use crate::support::{Host, built};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn appends_and_files_are_bounded() {
    let host = Host::narrow("hostile-data", DATA).await;
    let append = |bytes: usize| json!({"do": "append", "bytes": bytes});
    assert_eq!(
        host.step("hostile-data", append(MIB + 1)).await,
        format!("Unavailable(\"{} bytes at once, the limit is {MIB}\")", MIB + 1)
    );
    assert_eq!(host.step("hostile-data", json!({"do": "journal-size"})).await, "ok 0");
    for _ in 0..2 {
        assert_eq!(host.step("hostile-data", append(MIB)).await, "ok ()");
    }
    for bytes in [1, MIB] {
        assert_eq!(host.step("hostile-data", append(bytes)).await, format!("Full({})", 2 * MIB));
    }
    assert_eq!(host.step("hostile-data", json!({"do": "journal-size"})).await, format!("ok {}", 2 * MIB));
    // Nothing of what was refused is in the file.
    let dir = host.plugin_dir().join("audit");
    assert_eq!(std::fs::metadata(dir.join("audit.jsonl")).unwrap().len(), 2 << 20);
    assert_eq!(host.step("hostile-data", json!({"do": "rotate"})).await, "ok ()");
    assert_eq!(host.step("hostile-data", append(1)).await, "ok ()");
    // One file in use, one that was rotated, and nobody else reads them.
    let files: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(files.iter().all(|file| std::fs::metadata(file).unwrap().permissions().mode() & 0o777 == 0o600));
}

#[tokio::test]
async fn a_call_cannot_fill_the_disk() {
    let host = Host::narrow("hostile-data", &DATA.replace("\"2s\"", "\"20s\"")).await;
    let pair = [json!({"do": "append", "bytes": 1}), json!({"do": "rotate"})];
    let steps: Vec<_> = (0..100).flat_map(|_| pair.clone()).collect();
    let said = host.script("hostile-data", json!(steps)).await.unwrap().concat();
    assert!(said[..64].iter().all(|text| text == "ok ()"), "{said:?}");
    assert!(said[64..].iter().all(|text| text.contains("used up its 64 operations")), "{said:?}");
    // What was rotated, and nothing in use.
    let files = std::fs::read_dir(host.plugin_dir().join("audit")).unwrap().count();
    assert!((32..=33).contains(&files), "{files} files");
}

#[tokio::test]
async fn a_journal_that_leads_elsewhere_is_refused() {
    let host = Host::narrow("hostile-data", DATA).await;
    let file = host.plugin_dir().join("audit/audit.jsonl");
    let elsewhere = host.plugin_dir().join("elsewhere");
    std::fs::write(&elsewhere, "x").unwrap();
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    for step in [json!({"do": "append", "bytes": 5}), json!({"do": "journal-size"}), json!({"do": "rotate"})] {
        let said = host.step("hostile-data", step).await;
        assert!(said.starts_with("Unavailable("), "{said}");
    }
    assert_eq!(std::fs::read(&elsewhere).unwrap(), b"x");
    host.goes_on().await;
}

#[tokio::test]
async fn names_that_are_paths_are_rejected_with_the_grant() {
    for name in ["", "../audit.jsonl", "/etc/passwd", "a/b", ".hidden", "..", "a b", "a\\u0000b", &"x".repeat(129)] {
        let mut host = Host::new();
        host.put("p.wasm", built("hostile-data"));
        host.put("p.toml", DATA.replace("name = \"audit.jsonl\"", &format!("name = \"{name}\"")));
        host.start().await;
        let status = host.status("p");
        assert_eq!(status.failed_at, Some(Stage::Verified), "{name}: {status:?}");
        let reason = status.reason.unwrap();
        assert!(reason.contains("is not a plain file name"), "{name}: {reason}");
    }
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_is_a_rejection() {
    let mut host = Host::new();
    host.put("p.wasm", built("hostile-data"));
    host.put("p.toml", DATA);
    // A file where the directory ought to be.
    host.put("audit", "x");
    host.start().await;
    let status = host.status("p");
    assert_eq!(status.failed_at, Some(Stage::Linked), "{status:?}");
    let reason = status.reason.unwrap();
    assert!(reason.starts_with("grants.journal: cannot write "), "{reason}");
}
