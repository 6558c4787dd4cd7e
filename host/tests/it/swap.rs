//! The plugin is swapped, removed and told to look again while wallets take credentials from the built binary.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::load::{Load, claims, latency};
use crate::people::{PLUGIN, Registry, csv_provider, grant, people, subject, version_of};

const SWAPS: u64 = 50;

/// How often a wallet asks again while the plugin is gone: for half a minute at least.
const MAX_REFUSALS: u32 = 3_000;
/// The same behaviour under another digest: a custom section more.
fn csv_provider_rebuilt() -> Vec<u8> {
    [csv_provider(), b"\x00\x0a\x05buildtwo!".to_vec()].concat()
}

#[test]
fn fifty_swaps_under_load_fail_no_request_and_mix_no_generations() {
    let registry = Registry::open("");
    let load = registry.wallets();
    registry.until("wallets take credentials", || {
        load.all_at(0) && registry.office.plugin(PLUGIN)["calls"]["ok"].as_u64() > Some(100)
    });
    let quiet_until = Instant::now();
    let (mut newest, mut file) = (0, "people-0.csv".to_owned());
    let mut builds = [csv_provider_rebuilt(), csv_provider()].into_iter().cycle();
    let mut before = registry.office.plugin(PLUGIN);
    for swap in 1..=SWAPS {
        match swap % 3 {
            0 => registry.put("people.wasm", builds.next().unwrap()),
            1 => {
                newest = swap;
                registry.put(&file, people(newest));
            }
            _ => {
                newest = swap;
                file = format!("people-{newest}.csv");
                registry.put(&file, people(newest));
                registry.put("people.toml", grant(&file));
            }
        }
        let now = registry.settled(PLUGIN, |plugin| {
            plugin["stage"] == "active" && plugin["serving"]["generation"] != before["serving"]["generation"]
        });
        assert_eq!(swap % 3 == 0, now["sha256"] != before["sha256"], "swap {swap}: {now}");
        assert_eq!(now["serving"]["sha256"], now["sha256"]);
        registry.until("every wallet sees the new data", || load.all_at(newest));
        before = now;
    }
    let rounds = load.stop();
    let (quiet, swapping): (Vec<_>, Vec<_>) = rounds.iter().partition(|round| round.end < quiet_until);
    eprintln!("before the swaps: {}\nduring the swaps: {}", latency(quiet), latency(swapping));
    assert_eq!(registry.office.plugin(PLUGIN)["calls"], json!({"ok": rounds.len(), "failed": 0}));
}

#[test]
fn a_removed_plugin_drains_and_comes_back() {
    let registry = Registry::open("");
    let gone = Arc::new(AtomicBool::new(false));
    let seen_gone = Arc::clone(&gone);
    // 0: served; 1: served after it was gone, where it was refused with the very same request.
    let load = Load::start(&registry.office, 3, move |office, round| {
        let ask = office.prepare("Person", &subject(round));
        let mut refused = 0;
        loop {
            let (status, answer) = office.ask(&ask);
            if status == 200 {
                let version = version_of(&claims(&answer), &subject(round));
                return u64::from(refused > 0 || version > 0);
            }
            assert_eq!((status, &answer["error"]), (503, &json!("temporarily_unavailable")), "{answer}");
            assert!(seen_gone.load(Ordering::Acquire), "refused before it was removed: {answer}");
            refused += 1;
            assert!(refused < MAX_REFUSALS, "it does not come back");
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    registry.until("wallets take credentials", || {
        load.all_at(0) && registry.office.plugin(PLUGIN)["calls"]["ok"].as_u64() > Some(50)
    });
    gone.store(true, Ordering::Release);
    registry.remove("people.wasm");
    registry.until("it is gone", || registry.office.plugins().is_empty());
    assert_eq!(registry.server.get("/readyz").1["status"], "degraded");
    let refusal = registry.office.ask(&registry.office.prepare("Person", "1"));
    assert_eq!((refusal.0, &refusal.1["error"]), (503, &json!("temporarily_unavailable")), "{refusal:?}");

    registry.put("people-0.csv", people(1));
    registry.put("people.wasm", csv_provider());
    registry.until("every wallet is served again", || load.all_at(1));
    load.stop();
    assert_eq!(registry.server.get("/readyz").1["status"], "ready");
    assert_eq!(version_of(&registry.office.take("Person", "7"), "7"), 1);
    assert!(!registry.server.log().contains("panicked"), "{}", registry.server.log());
}

/// Each generation holds its files and what `prepare` made of them.
#[test]
fn superseded_generations_are_freed() {
    const WARM_UP: u64 = 5;
    const SWAPS: u64 = 25;
    let registry = Registry::open("");
    let filler = "x".repeat(8 << 10);
    let fillers: Vec<String> = (1_000..2_000).map(|id| format!("{id},0,{filler},0\n")).collect();
    let large = |version: u64| people(version) + &fillers.concat();
    let generation = large(0).len();
    let mut warm = 0;
    for version in 1..=SWAPS {
        registry.put("people-0.csv", large(version));
        let answer = registry.office.rescan();
        assert_eq!(answer["plugins"][0]["stage"], "active", "{answer}");
        assert_eq!(version_of(&registry.office.take("Person", "3"), "3"), version);
        if version == WARM_UP {
            warm = registry.server.resident();
        }
    }
    let (end, kept) = (registry.server.resident(), generation * usize::try_from(SWAPS - WARM_UP).unwrap());
    eprintln!("resident after {WARM_UP} swaps: {} MiB, after {SWAPS}: {} MiB", warm >> 20, end >> 20);
    assert!(end.saturating_sub(warm) < kept / 3, "{warm} bytes became {end}");
}

/// A granted file elsewhere is not watched; with the periodic look an hour away, only a word from outside helps.
#[test]
fn a_client_and_a_hangup_have_the_directory_read_again() {
    let registry = Registry::open("rescan = \"1h\"\n");
    let elsewhere: PathBuf = registry.site.path("elsewhere.csv");
    let publish = |version: u64| std::fs::write(&elsewhere, people(version)).unwrap();
    publish(1);
    registry.put("people.toml", grant(elsewhere.to_str().unwrap()));
    let version = || version_of(&registry.office.take("Person", "5"), "5");
    registry.until("the other file is served", || version() == 1);

    publish(2);
    let answer = registry.office.rescan();
    assert_eq!(answer["plugins"][0]["stage"], "active", "{answer}");
    assert_eq!(version(), 2, "the answer comes when the new data serves");

    publish(3);
    assert_eq!(version(), 2);
    let hangup = Command::new("kill").args(["-HUP", &registry.server.id().to_string()]).status();
    assert!(hangup.unwrap().success());
    registry.until("the hangup is heeded", || version() == 3);
}
