use super::TestDatabase;
use super::credentials::{issue, with_status};
use super::fixtures::*;
use crate::{CredentialQuery, FoundCredential, MAX_CREDENTIALS_PER_READ, Store, StoredCredential, Timestamp};

pub(super) fn query() -> CredentialQuery {
    CredentialQuery { issuer_id: "a".into(), limit: 100, ..CredentialQuery::default() }
}

pub(super) async fn found(store: &dyn Store, query: &CredentialQuery) -> Vec<String> {
    let found = store.find_credentials(query).await.unwrap();
    found.into_iter().map(|credential| credential.credential_id).collect()
}

/// Where the next page begins.
fn last(page: &[FoundCredential]) -> Option<(Timestamp, String)> {
    page.last().map(|last| (last.created_time, last.credential_id.clone()))
}

pub(crate) async fn credentials_are_found_newest_first_in_pages(database: &impl TestDatabase) {
    let store = database.open().await;
    // Several of one instant, so that a page ends between them.
    let created = |number: usize| StoredCredential {
        created_time: at((number / 4).try_into().unwrap()),
        credential: (!number.is_multiple_of(3)).then(|| vec![9]),
        ..credential("a", &format!("c{number:02}"))
    };
    issue(&*store, (0..30).map(created).collect()).await;
    issue(&*store, vec![credential("b", "other")]).await;
    let (mut read, mut page) = (Vec::new(), CredentialQuery { limit: 7, ..query() });
    loop {
        let found = store.find_credentials(&page).await.unwrap();
        assert!(found.len() <= 7);
        page.after = last(&found);
        if found.is_empty() {
            break;
        }
        read.extend(found);
    }
    assert_eq!(read, (0..30).rev().map(created).map(FoundCredential::from).collect::<Vec<_>>());
    assert_eq!(found(&*store, &CredentialQuery { limit: 0, ..query() }).await, [""; 0]);
}

pub(crate) async fn one_read_has_its_limit(database: &impl TestDatabase) {
    let store = database.open().await;
    let most = usize::try_from(MAX_CREDENTIALS_PER_READ).unwrap();
    issue(&*store, (0..=most).map(|number| credential("a", &number.to_string())).collect()).await;
    assert_eq!(found(&*store, &CredentialQuery { limit: u32::MAX, ..query() }).await.len(), most);
}

/// Each of them differs from `plain` in one thing.
fn various() -> Vec<StoredCredential> {
    let attribute = |name: &str, value: &str| (name.to_owned(), hash_of(value));
    vec![
        StoredCredential { created_time: at(11), ..credential("a", "plain") },
        StoredCredential { created_time: at(12), credential_type: "Diploma".into(), ..credential("a", "typed") },
        StoredCredential { created_time: at(13), configuration_id: "d".into(), ..credential("a", "configured") },
        StoredCredential { created_time: at(14), subject_hash: Some(hash_of("ann")), ..credential("a", "known") },
        StoredCredential {
            created_time: at(15),
            attributes: vec![attribute("name", "ann"), attribute("town", "x")],
            ..credential("a", "named")
        },
        StoredCredential { created_time: at(16), attributes: vec![attribute("name", "x")], ..credential("a", "both") },
    ]
}

pub(crate) async fn credentials_are_found_by_what_they_are(database: &impl TestDatabase) {
    let store = &*database.open().await;
    issue(store, various()).await;
    issue(store, various().into_iter().map(|one| StoredCredential { issuer_id: "b".into(), ..one }).collect()).await;
    let by = |attributes: &[(&str, &str)]| CredentialQuery {
        attributes: attributes.iter().map(|(name, value)| ((*name).into(), hash_of(value))).collect(),
        ..query()
    };
    let (typed, subject) = (Some("Diploma".to_owned()), Some(hash_of("ann")));
    for (query, expected) in [
        (query(), &["both", "named", "known", "configured", "typed", "plain"][..]),
        (CredentialQuery { credential_type: typed.clone(), ..query() }, &["typed"]),
        (CredentialQuery { configuration_id: Some("d".into()), ..query() }, &["configured"]),
        (CredentialQuery { subject_hash: subject.clone(), ..query() }, &["known"]),
        (CredentialQuery { subject_hash: Some("ann".into()), ..query() }, &[]),
        (CredentialQuery { created_from: Some(at(15)), ..query() }, &["both", "named"]),
        (CredentialQuery { created_until: Some(at(12)), ..query() }, &["plain"]),
        (
            CredentialQuery { created_from: Some(at(12)), created_until: Some(at(14)), ..query() },
            &["configured", "typed"],
        ),
        (by(&[("name", "ann")]), &["named"]),
        (by(&[("name", "x")]), &["both"]),
        (by(&[("town", "x")]), &["named"]),
        (by(&[("name", "ann"), ("town", "x")]), &["named"]),
        (by(&[("name", "x"), ("town", "x")]), &[]),
        (by(&[("town", "ann")]), &[]),
        (CredentialQuery { credential_type: typed, subject_hash: subject, ..query() }, &[]),
    ] {
        assert_eq!(found(store, &query).await, expected, "{query:?}");
    }
    let everything = CredentialQuery {
        credential_type: Some("https://example.org/farmer".into()),
        configuration_id: Some("farmer".into()),
        created_from: Some(at(0)),
        created_until: Some(at(100)),
        after: Some((at(16), "both".into())),
        limit: 1,
        ..by(&[("name", "ann"), ("town", "x")])
    };
    assert_eq!(found(store, &everything).await, ["named"]);
}

pub(crate) async fn credentials_are_found_by_what_their_entries_say(database: &impl TestDatabase) {
    let store = &*database.open().await;
    put_issuer(store, "a").await;
    let list = status_list("a", "l", &["revocation", "suspension"]);
    open_list(store, &list).await;
    issue(store, (0..4).map(|number| with_status(&number.to_string(), slots(&list, number))).collect()).await;
    let updates = [("1", "revocation"), ("2", "suspension"), ("3", "revocation"), ("3", "suspension")];
    let updates = updates.map(|(id, purpose)| status_update("a", id, purpose, true));
    store.update_statuses(&updates).await.unwrap();
    store.update_statuses(&[status_update("a", "2", "suspension", false)]).await.unwrap();
    for (statuses, expected) in [
        (&["revocation"][..], &["3", "1"][..]),
        (&["suspension"], &["3"]),
        (&["suspension", "revocation"], &["3"]),
        (&["message"], &[]),
        (&[], &["3", "2", "1", "0"]),
    ] {
        let statuses = statuses.iter().map(|purpose| (*purpose).to_owned()).collect();
        let query = CredentialQuery { statuses, ..query() };
        assert_eq!(found(store, &query).await, expected, "{query:?}, and never a status list");
    }
}
