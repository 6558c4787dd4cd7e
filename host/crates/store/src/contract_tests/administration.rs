use std::sync::Arc;

use serde_json::json;

use super::fixtures::*;
use super::{RACERS, TestDatabase, open_two, race};
use crate::{BootstrapRedemption, IssuerRecord, KeyState, Published, StoreError};

fn published(id: &str, version: i64, changed: bool) -> Published {
    Published { configuration_id: id.into(), version, changed }
}

pub(crate) async fn an_issuer_is_inserted_updated_and_left_alone(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    assert_eq!(store.issuers().await.unwrap(), [issuer("a")]);

    let later = IssuerRecord { created_at: at(9), updated_at: at(9), ..issuer("a") };
    assert!(!store.put_issuer(&later, &event("a", "issuer.put")).await.unwrap());
    assert_eq!(store.issuers().await.unwrap(), [issuer("a")]);
    assert_eq!(trail(&*store, "a").await.len(), 1, "an unchanged issuer leaves no event");

    let renamed = IssuerRecord { display: json!([]), ..later };
    assert!(store.put_issuer(&renamed, &event("a", "issuer.put")).await.unwrap());
    assert_eq!(store.issuers().await.unwrap(), [IssuerRecord { created_at: at(0), ..renamed }]);
    assert_eq!(trail(&*store, "a").await.len(), 2);
}

pub(crate) async fn a_new_issuer_comes_with_its_keys_or_not_at_all(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    let store = Arc::clone(&stores[0]);
    let keys = [key("a", "k1", 1), key("a", "k2", 1)];
    let raced = race(RACERS, |number| {
        let store = Arc::clone(&stores[number % 2]);
        let keys = [key("a", &format!("k{number}"), 1), key("a", &format!("l{number}"), 1)];
        async move { store.create_issuer(&issuer("a"), &keys, &event("a", "issuer.create")).await.unwrap() }
    });
    assert_eq!(raced.await.into_iter().filter(|created| *created).count(), 1);
    assert_eq!(store.keys("a").await.unwrap().len(), 2, "one racer's keys, all of them");
    assert_eq!(trail(&*store, "a").await.len(), 1);
    assert!(!store.create_issuer(&issuer("a"), &keys, &event("a", "issuer.create")).await.unwrap());
    let twins = [key("b", "k", 1), key("b", "k", 1)];
    let issuer_b = IssuerRecord { url: "https://b.example".into(), ..issuer("b") };
    let refused = store.create_issuer(&issuer_b, &twins, &event("b", "issuer.create")).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    assert_eq!(store.issuers().await.unwrap(), [issuer("a")], "an issuer without keys must never be seen");
}

pub(crate) async fn two_issuers_cannot_share_a_url(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    let twin = IssuerRecord { issuer_id: "b".into(), ..issuer("a") };
    let refused = store.put_issuer(&twin, &event("b", "issuer.put")).await;
    assert!(matches!(refused, Err(StoreError::Conflict("issuer url"))), "{refused:?}");
    assert_eq!(store.issuers().await.unwrap(), [issuer("a")]);
    assert!(trail(&*store, "b").await.is_empty());
}

pub(crate) async fn configurations_are_versioned_and_immutable(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    let publish = event("a", "configuration.publish");
    let first = [draft("farmer", json!({"vct": "f1"})), draft("land", json!({"vct": "l1"}))];
    let answer = store.publish_configurations("a", &first, &publish).await.unwrap();
    assert_eq!(answer, [published("farmer", 1, true), published("land", 1, true)]);

    let second = [draft("farmer", json!({"vct": "f2"})), draft("land", json!({"vct": "l1"}))];
    let answer = store.publish_configurations("a", &second, &publish).await.unwrap();
    assert_eq!(answer, [published("farmer", 2, true), published("land", 1, false)]);

    // Going back to an old content is a version of its own.
    let answer = store.publish_configurations("a", &first, &publish).await.unwrap();
    assert_eq!(answer, [published("farmer", 3, true), published("land", 1, false)]);

    let current = store.published_configurations("a").await.unwrap();
    let current: Vec<_> =
        current.iter().map(|one| (one.configuration_id.as_str(), one.version, &one.content)).collect();
    assert_eq!(current, [("farmer", 3, &json!({"vct": "f1"})), ("land", 1, &json!({"vct": "l1"}))]);

    let events = store.events("a", 1, 100).await.unwrap();
    let ids: Vec<_> = events.iter().map(|(_, event)| (event.event_id.as_str(), event.object.as_str())).collect();
    let expected = ["farmer@1", "land@1", "farmer@2", "farmer@3"];
    assert_eq!(ids.len(), expected.len());
    for ((event_id, object), expected) in ids.into_iter().zip(expected) {
        assert_eq!(object, expected);
        assert_eq!(event_id, format!("event-configuration.publish/{expected}"));
    }
}

pub(crate) async fn a_reordered_configuration_is_a_new_version(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    let publish = event("a", "configuration.publish");
    for (content, version) in [(r#"{"b":1,"a":2}"#, 1), (r#"{"a":2,"b":1}"#, 2)] {
        let content = serde_json::from_str(content).unwrap();
        let answer = store.publish_configurations("a", &[draft("farmer", content)], &publish).await.unwrap();
        assert_eq!(answer, [published("farmer", version, true)]);
    }
    let current = store.published_configurations("a").await.unwrap();
    assert_eq!(current[0].content.to_string(), r#"{"a":2,"b":1}"#, "the order of members is kept");
}

pub(crate) async fn publishing_is_all_or_nothing(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    let publish = event("a", "configuration.publish");
    let generation = store.generation().await.unwrap();
    let twice = [draft("farmer", json!(1)), draft("land", json!(1)), draft("farmer", json!(2))];
    let refused = store.publish_configurations("a", &twice, &publish).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    let refused = store.publish_configurations("nobody", &twice[..1], &publish).await;
    assert!(matches!(refused, Err(StoreError::UnknownIssuer)), "{refused:?}");
    assert!(store.published_configurations("a").await.unwrap().is_empty());
    assert_eq!(trail(&*store, "a").await, ["issuer.put unset succeeded"]);
    assert_eq!(store.generation().await.unwrap(), generation);
}

pub(crate) async fn racing_publishers_make_gapless_versions(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    let store = Arc::clone(&stores[0]);
    put_issuer(&*store, "a").await;
    let answers = race(RACERS, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            let draft = draft("farmer", json!({"number": number}));
            store.publish_configurations("a", &[draft], &event("a", "configuration.publish")).await.unwrap().remove(0)
        }
    })
    .await;
    let mut versions: Vec<_> = answers.iter().map(|answer| answer.version).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=i64::try_from(RACERS).unwrap()).collect::<Vec<_>>());
    assert_eq!(store.published_configurations("a").await.unwrap().len(), 1);
}

pub(crate) async fn issuers_do_not_see_each_others_configurations_and_keys(database: &impl TestDatabase) {
    let store = database.open().await;
    for id in ["a", "b"] {
        put_issuer(&*store, id).await;
        let publish = event(id, "configuration.publish");
        let answer = store.publish_configurations(id, &[draft("same", json!({"of": id}))], &publish).await.unwrap();
        assert_eq!(answer, [published("same", 1, true)]);
        store.insert_key(&key(id, "same", 0), &event(id, "key.create")).await.unwrap();
    }
    for id in ["a", "b"] {
        assert_eq!(store.published_configurations(id).await.unwrap()[0].content, json!({"of": id}));
        assert_eq!(store.keys(id).await.unwrap(), [key(id, "same", 0)]);
        assert_eq!(trail(&*store, id).await.len(), 3);
    }
}

pub(crate) async fn a_key_id_is_taken_once_in_an_issuer(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    let mut newer = key("a", "1-newer", 20);
    newer.state = KeyState::Retired;
    store.insert_key(&newer, &event("a", "key.create")).await.unwrap();
    store.insert_key(&key("a", "2-older", 10), &event("a", "key.create")).await.unwrap();
    let refused = store.insert_key(&key("a", "2-older", 30), &event("a", "key.create")).await;
    assert!(matches!(refused, Err(StoreError::Conflict("signing key"))), "{refused:?}");
    assert_eq!(store.keys("a").await.unwrap(), [key("a", "2-older", 10), newer], "oldest first");
    assert_eq!(trail(&*store, "a").await.len(), 3, "a refused key leaves no event");
}

pub(crate) async fn what_belongs_to_an_unknown_issuer_is_refused(database: &impl TestDatabase) {
    let store = database.open().await;
    let refused = store.insert_key(&key("nobody", "k", 0), &event("nobody", "key.create")).await;
    assert!(matches!(refused, Err(StoreError::UnknownIssuer)), "{refused:?}");
    let refused = store.insert_client(&client("nobody", "c"), &event("nobody", "client.create")).await;
    assert!(matches!(refused, Err(StoreError::UnknownIssuer)), "{refused:?}");
    assert!(trail(&*store, "nobody").await.is_empty());
}

pub(crate) async fn the_generation_grows_with_every_change_and_only_then(database: &impl TestDatabase) {
    let store = database.open().await;
    assert_eq!(store.generation().await.unwrap(), 0);
    let mut last = 0;
    let mut step = async |what: &str, grows: bool| {
        let now = store.generation().await.unwrap();
        assert_eq!(now > last, grows, "{what}: {last} to {now}");
        last = now;
    };
    put_issuer(&*store, "a").await;
    step("issuer", true).await;
    put_issuer(&*store, "b").await;
    step("another issuer", true).await;
    assert!(!store.put_issuer(&issuer("b"), &event("b", "issuer.put")).await.unwrap());
    step("the same issuer", false).await;
    store.insert_key(&key("b", "k", 0), &event("b", "key.create")).await.unwrap();
    step("key", true).await;
    store.insert_key(&key("b", "k", 0), &event("b", "key.create")).await.unwrap_err();
    step("refused key", false).await;
    for (content, grows) in [(1, true), (1, false), (2, true)] {
        let drafts = [draft("farmer", json!(content))];
        store.publish_configurations("a", &drafts, &event("a", "configuration.publish")).await.unwrap();
        step("configuration", grows).await;
    }
    store.insert_client(&client("a", "c"), &event("a", "client.create")).await.unwrap();
    step("client", false).await;
}

pub(crate) async fn a_client_id_is_taken_once(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    put_issuer(&*store, "b").await;
    assert_eq!(store.find_client("c").await.unwrap(), None);
    store.insert_client(&client("a", "c"), &event("a", "client.create")).await.unwrap();
    let refused = store.insert_client(&client("b", "c"), &event("b", "client.create")).await;
    assert!(matches!(refused, Err(StoreError::Conflict("client"))), "{refused:?}");
    assert_eq!(store.find_client("c").await.unwrap(), Some(client("a", "c")));
    assert_eq!(trail(&*store, "b").await, ["issuer.put unset succeeded"]);
}

pub(crate) async fn the_bootstrap_token_is_offered_once(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    assert!(store.offer_bootstrap("first", at(0), at(100)).await.unwrap());
    assert!(!store.offer_bootstrap("second", at(99), at(200)).await.unwrap());
    let redeemed = store.redeem_bootstrap("second", &client("a", "c"), at(1), &event("a", "client.create")).await;
    assert_eq!(redeemed.unwrap(), BootstrapRedemption::Refused);

    let another = Box::pin(async {
        // A client without any bootstrap token closes it as well.
        store.insert_client(&client("a", "c"), &event("a", "client.create")).await.unwrap();
        store.offer_bootstrap("third", at(500), at(600)).await.unwrap()
    });
    assert!(!another.await, "not even when the first one expired");
}

pub(crate) async fn an_expired_bootstrap_token_is_replaced(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    assert!(store.offer_bootstrap("first", at(0), at(100)).await.unwrap());
    assert!(store.offer_bootstrap("second", at(100), at(200)).await.unwrap());
    let attempt = async |token: &str, now: i64| {
        store.redeem_bootstrap(token, &client("a", "c"), at(now), &event("a", "client.create")).await.unwrap()
    };
    assert_eq!(attempt("first", 50).await, BootstrapRedemption::Refused);
    assert_eq!(attempt("second", 200).await, BootstrapRedemption::Refused, "it expired at this instant");
    assert_eq!(attempt("second", 199).await, BootstrapRedemption::Redeemed);
    assert!(!store.offer_bootstrap("third", at(300), at(400)).await.unwrap(), "a redeemed one is never replaced");
}

pub(crate) async fn the_bootstrap_token_is_redeemed_once(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    assert!(store.offer_bootstrap("token", at(0), at(100)).await.unwrap());
    let attempt = async |token: &str, id: &str| {
        store.redeem_bootstrap(token, &client("a", id), at(1), &event("a", "client.create")).await.unwrap()
    };
    assert_eq!(attempt("wrong", "c").await, BootstrapRedemption::Refused);
    assert_eq!(store.find_client("c").await.unwrap(), None);
    assert_eq!(attempt("token", "c").await, BootstrapRedemption::Redeemed);
    assert_eq!(attempt("token", "d").await, BootstrapRedemption::Refused);
    assert_eq!(store.find_client("c").await.unwrap(), Some(client("a", "c")));
    assert_eq!(store.find_client("d").await.unwrap(), None);
    assert_eq!(trail(&*store, "a").await, ["issuer.put unset succeeded", "client.create unset succeeded"]);
}

pub(crate) async fn the_bootstrap_token_is_dead_once_there_is_a_client(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    assert!(store.offer_bootstrap("token", at(0), at(100)).await.unwrap());
    let attempt = async |issuer_id: &str, id: &str| {
        store.redeem_bootstrap("token", &client(issuer_id, id), at(1), &event("a", "client.create")).await
    };
    let refused = attempt("nobody", "d").await;
    assert!(matches!(refused, Err(StoreError::UnknownIssuer)), "{refused:?}");
    store.insert_client(&client("a", "c"), &event("a", "client.create")).await.unwrap();
    for id in ["c", "d"] {
        assert_eq!(attempt("a", id).await.unwrap(), BootstrapRedemption::Refused);
    }
    assert_eq!(trail(&*store, "a").await.len(), 2, "none of them left an event");
}

pub(crate) async fn one_racer_redeems_the_bootstrap_token(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    let store = Arc::clone(&stores[0]);
    put_issuer(&*store, "a").await;
    assert!(store.offer_bootstrap("token", at(0), at(100)).await.unwrap());
    let answers = race(RACERS, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            let client = client("a", &format!("c{number}"));
            store.redeem_bootstrap("token", &client, at(1), &event("a", "client.create")).await.unwrap()
        }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| **answer == BootstrapRedemption::Redeemed).count(), 1);
    assert_eq!(trail(&*store, "a").await.len(), 2);
    let mut clients = 0;
    for number in 0..RACERS {
        clients += usize::from(store.find_client(&format!("c{number}")).await.unwrap().is_some());
    }
    assert_eq!(clients, 1);
}

pub(crate) async fn a_value_is_used_once(database: &impl TestDatabase) {
    let store = database.open().await;
    let fresh = async |issuer_id: &str, purpose: &str, hash: &str| {
        store.use_once(issuer_id, purpose, hash, at(60)).await.unwrap()
    };
    assert!(fresh("a", "client-assertion", "h").await);
    assert!(!fresh("a", "client-assertion", "h").await);
    assert!(fresh("a", "client-assertion", "i").await);
    assert!(fresh("a", "dpop", "h").await, "purposes are apart");
    assert!(fresh("b", "client-assertion", "h").await, "issuers are apart");
}

pub(crate) async fn one_racer_uses_a_value(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    let answers = race(RACERS, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move { store.use_once("a", "client-assertion", "h", at(60)).await.unwrap() }
    })
    .await;
    assert_eq!(answers.into_iter().filter(|fresh| *fresh).count(), 1);
}
