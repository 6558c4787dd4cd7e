//! The same binary on PostgreSQL: one database, two hosts.

use chancery_store::test_util::PostgresServer;

use crate::server::{Server, Site};
use crate::wallet::{PRE_AUTHORIZED, code};

fn site() -> Site {
    let database = PostgresServer::shared().expect("install the package postgresql").create_database().unwrap();
    let site = Site::farmer();
    let file = site.path("chancery.toml");
    let text = std::fs::read_to_string(&file).unwrap() + &format!("\n[store]\nurl = {database:?}\n");
    std::fs::write(&file, text).unwrap();
    site.apply();
    site
}

fn redeem(server: &Server, code: &str) -> u16 {
    server.post_form("/oauth/token", &[("grant_type", PRE_AUTHORIZED), ("pre-authorized_code", code)]).0
}

#[test]
fn a_code_taken_at_one_host_is_used_up_at_the_other() {
    let site = site();
    let (first, second) = (site.serve(), site.serve_beside());
    let offer = site.offer(&["--subject", "1001"]);
    assert_eq!(redeem(&first, code(&offer)), 200);
    assert_eq!(redeem(&second, code(&offer)), 400);
    assert_eq!(first.get("/.well-known/jwks.json"), second.get("/.well-known/jwks.json"));
}

#[test]
fn two_hosts_share_every_code_of_a_race() {
    let site = site();
    let (first, second) = (site.serve(), site.serve_beside());
    for subject in ["1001", "1002", "1003"] {
        let offer = site.offer(&["--subject", subject]);
        let taken: u16 = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..8)
                .map(|n| {
                    let (server, code) = (if n % 2 == 0 { &first } else { &second }, code(&offer));
                    scope.spawn(move || u16::from(redeem(server, code) == 200))
                })
                .collect();
            tries.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(taken, 1, "{subject}");
    }
}

#[test]
fn a_killed_host_leaves_the_database_whole() {
    let site = site();
    let offer = site.offer(&["--subject", "1001"]);
    let server = site.serve();
    assert_eq!(redeem(&server, code(&offer)), 200);
    drop(server);
    let server = site.serve();
    assert_eq!(redeem(&server, code(&offer)), 400);
    assert_eq!(server.get("/readyz").0, 200);
}
