//! Clients and hosts that do the same thing at the same time: one of them does it, the others are told so, and the
//! lists say what the answers said.

use std::collections::HashSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::backend::{Backend, entry, unsigned, update};
use crate::server::{Server, Site};
use crate::status::{Database, site, until_published};

const CLIENTS: usize = 64;

/// A credential, as it was signed.
#[track_caller]
fn issue(site: &Site, backend: &Backend, id: &str) -> Value {
    let mut credential = unsigned();
    credential["issuer"] = json!(site.did());
    credential["id"] = json!(id);
    backend.issue_w3c(&credential)
}

fn index_of(credential: &Value) -> usize {
    entry(credential, "revocation")["statusListIndex"].as_str().unwrap().parse().unwrap()
}

fn list_of<'a>(credential: &'a Value, purpose: &str) -> &'a str {
    entry(credential, purpose)["statusListCredential"].as_str().unwrap()
}

/// What each of the clients gets, all of them asking at once; every second one at the second host.
fn race<T: Send>(backends: [&Backend; 2], ask: impl Fn(usize, &Backend) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(CLIENTS);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let (start, ask, backend) = (&start, &ask, backends[n % 2].clone());
                scope.spawn(move || {
                    start.wait();
                    ask(n, &backend)
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

fn on_each_database(test: impl Fn(&Site, &Server, [&Backend; 2])) {
    for database in [Database::Sqlite, Database::Postgres] {
        let site = site(database);
        let first = site.serve();
        let backend = Backend::register(&site, &first);
        // SQLite is for one host.
        let second = (database == Database::Postgres).then(|| site.serve_beside());
        let other = second.as_ref().map_or_else(|| backend.clone(), |second| backend.at(second));
        test(&site, &first, [&backend, &other]);
    }
}

#[test]
fn clients_that_revoke_suspend_reinstate_and_delete_one_credential_leave_it_whole() {
    on_each_database(|site, server, backends| {
        let [backend, other] = backends;
        let credential = issue(site, backend, "urn:example:contended");
        let bystander = issue(site, backend, "urn:example:bystander");
        let answers = race(backends, |n, backend| match n % 4 {
            0 => (n % 4, backend.status("urn:example:contended", "revocation", true).status),
            1 => (n % 4, backend.status("urn:example:contended", "suspension", n % 8 == 1).status),
            2 => (n % 4, backend.status("urn:example:contended", "revocation", false).status),
            _ => (n % 4, backend.delete("urn:example:contended").status),
        });
        let deleted = answers.iter().filter(|answer| **answer == (3, 200)).count();
        assert_eq!(deleted, 1, "one deletion: {answers:?}");
        for (kind, status) in &answers {
            let expected: &[u16] = match kind {
                // To take back what is not set is no change; what is set stays.
                2 => &[200, 409, 410],
                _ => &[200, 410],
            };
            assert!(expected.contains(status), "{kind} was answered {status}: {answers:?}");
        }
        // It is deleted, and so revoked for ever; nobody else's entry was touched.
        let revocations = list_of(&credential, "revocation");
        until_published(server, backend, revocations, &[index_of(&credential)]);
        until_published(server, other, revocations, &[index_of(&credential)]);
        let suspended = backend.set_indexes(list_of(&credential, "suspension"));
        assert!(suspended.is_empty() || suspended == [index_of(&credential)], "{suspended:?}");
        for asked in [backend, other] {
            assert_eq!(asked.delete("urn:example:contended").status, 410);
            assert_eq!(asked.status("urn:example:contended", "revocation", true).status, 410);
        }
        let is_shared = list_of(&bystander, "suspension") == list_of(&credential, "suspension");
        let mut expected = if is_shared { suspended } else { Vec::new() };
        expected.push(index_of(&bystander));
        backend.set_status("urn:example:bystander", "suspension", true);
        until_published(server, backend, list_of(&bystander, "suspension"), &expected);
    });
}

/// Of clients who set a status back and forth, the last one answered is the one who is right.
#[test]
fn the_list_says_at_last_what_the_host_says() {
    on_each_database(|site, server, backends| {
        let [backend, other] = backends;
        let credential = issue(site, backend, "urn:example:flickering");
        let answers =
            race(backends, |n, backend| backend.status("urn:example:flickering", "suspension", n % 2 == 0).status);
        assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
        let said = |backend: &Backend| {
            let read = backend.call("GET", "/credentials/urn%3Aexample%3Aflickering", &[], None);
            let status = read.body["status"].as_array().unwrap().clone();
            status.iter().find(|s| s["statusPurpose"] == "suspension").unwrap()["status"].as_bool().unwrap()
        };
        let is_suspended = said(backend);
        assert_eq!(said(other), is_suspended);
        let expected: &[usize] = if is_suspended { &[index_of(&credential)] } else { &[] };
        until_published(server, backend, list_of(&credential, "suspension"), expected);
        until_published(server, other, list_of(&credential, "suspension"), expected);
    });
}

#[test]
fn no_index_is_given_twice_by_two_hosts_and_over_a_kill() {
    const EACH: usize = 12;
    for database in [Database::Sqlite, Database::Postgres] {
        let site = site(database);
        let mut given = HashSet::new();
        // What a killed host had leased is lost, and is nobody else's.
        for round in 0..2 {
            let first = site.serve();
            let second = (database == Database::Postgres).then(|| site.serve_beside());
            let backend = if round == 0 { Backend::register(&site, &first) } else { Backend::sign_in(&site, &first) };
            let other = second.as_ref().map_or_else(|| backend.clone(), |second| backend.at(second));
            let entries = race([&backend, &other], |n, backend| {
                let issued = (0..EACH).map(|k| issue(&site, backend, &format!("urn:example:{round}-{n}-{k}")));
                issued.map(|c| (list_of(&c, "revocation").to_owned(), index_of(&c))).collect::<Vec<_>>()
            });
            for entry in entries.concat() {
                assert!(given.insert(entry.clone()), "{entry:?} was given twice");
            }
        }
        assert_eq!(given.len(), 2 * CLIENTS * EACH);
    }
}

#[test]
fn one_idempotency_key_makes_one_credential_however_many_ask() {
    on_each_database(|site, _, backends| {
        let mut credential = unsigned();
        credential["issuer"] = json!(site.did());
        credential["id"] = json!("urn:example:idempotent");
        let body = json!({"credential": credential});
        let acted = AtomicUsize::new(0);
        let answers = race(backends, |_, backend| {
            let reply = backend.call("POST", "/credentials/issue", &[("idempotency-key", "k-1")], Some(&body));
            assert_eq!(reply.status, 201, "{}", reply.text);
            acted.fetch_add(usize::from(!reply.headers.contains_key("idempotent-replayed")), Ordering::Relaxed);
            reply.text
        });
        assert_eq!(answers.iter().collect::<HashSet<_>>().len(), 1, "everybody gets the same");
        assert_eq!(acted.into_inner(), 1);
        let listed = backends[0].call("GET", "/credentials?limit=100", &[], None);
        assert_eq!(listed.body["credentials"].as_array().unwrap().len(), 1, "{}", listed.text);
    });
}

/// One id is issued once, and what is not recorded has no entry that could be revoked.
#[test]
fn one_id_is_issued_once_however_many_ask() {
    on_each_database(|site, _, backends| {
        let mut credential = unsigned();
        credential["issuer"] = json!(site.did());
        credential["id"] = json!("urn:example:once");
        let body = json!({"credential": credential});
        let answers = race(backends, |_, backend| backend.issue(&body).status);
        assert_eq!(answers.iter().filter(|status| **status == 201).count(), 1, "{answers:?}");
        assert!(answers.iter().all(|status| [201, 409].contains(status)), "{answers:?}");
    });
}

/// A request that names an entry which is not the credential's is refused, whichever part of it is wrong.
#[test]
fn an_entry_that_is_not_the_credentials_is_never_changed() {
    on_each_database(|site, server, [backend, _]| {
        let (mine, theirs) = (issue(site, backend, "urn:example:mine"), issue(site, backend, "urn:example:theirs"));
        let good = update(&mine, "revocation", true);
        let with = |changes: &[(&str, Value)]| {
            let mut body = good.clone();
            // Its id says the same once more; the others are to be looked at by themselves.
            body["credentialStatus"]["id"] = Value::Null;
            for (member, value) in changes {
                body["credentialStatus"][*member] = value.clone();
            }
            body
        };
        let of = |credential: &Value, purpose: &str, member: &str| entry(credential, purpose)[member].clone();
        let (index, list) = ("statusListIndex", "statusListCredential");
        let unknown = json!(list_of(&mine, "revocation").replace(|c: char| c.is_ascii_hexdigit(), "0"));
        for (body, statuses) in [
            (with(&[(index, of(&theirs, "revocation", index))]), vec![400, 409]),
            (
                with(&[(index, of(&theirs, "revocation", index)), ("id", of(&theirs, "revocation", "id"))]),
                vec![400, 409],
            ),
            (with(&[(index, json!(0))]), vec![400, 409]),
            (with(&[(index, json!(1 << 24))]), vec![400, 409]),
            (with(&[(index, json!(u64::MAX))]), vec![400, 409]),
            (with(&[(index, json!("99999999999999999999999"))]), vec![400, 409]),
            (with(&[("id", of(&theirs, "revocation", "id"))]), vec![400, 409]),
            // The other purpose's list, and the other purpose.
            (with(&[(list, of(&mine, "suspension", list))]), vec![400, 409]),
            (with(&[("statusPurpose", json!("suspension"))]), vec![400, 409]),
            (with(&[("statusPurpose", json!("refresh"))]), vec![400, 409]),
            (with(&[("statusPurpose", json!("colour"))]), vec![400, 409]),
            (with(&[("type", json!("PaperStatus"))]), vec![400, 409]),
            (with(&[(list, unknown)]), vec![404]),
            (with(&[(list, json!("https://other.example/lists/1"))]), vec![404]),
        ] {
            let reply = backend.call("POST", "/credentials/status", &[], Some(&body));
            assert!(statuses.contains(&reply.status), "{body}: {} {}", reply.status, reply.text);
        }
        // What is right works, and is then all that there is.
        let reply = backend.call("POST", "/credentials/status", &[], Some(&good));
        assert_eq!(reply.status, 200, "{}", reply.text);
        until_published(server, backend, list_of(&mine, "revocation"), &[index_of(&mine)]);
        for other in [list_of(&mine, "suspension"), list_of(&theirs, "suspension")] {
            assert_eq!(backend.set_indexes(other), Vec::<usize>::new());
        }
        if list_of(&theirs, "revocation") != list_of(&mine, "revocation") {
            assert_eq!(backend.set_indexes(list_of(&theirs, "revocation")), Vec::<usize>::new());
        }
    });
}
