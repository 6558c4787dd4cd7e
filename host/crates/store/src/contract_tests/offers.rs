use std::sync::Arc;

use super::fixtures::*;
use super::{RACERS, TestDatabase, open_two, race};
use crate::{OfferRecord, RedeemOffer, Redemption, Store, StoreError};

async fn create(store: &dyn Store, offer: &OfferRecord) {
    store.create_offer(offer, &event(&offer.issuer_id, "offer.create")).await.unwrap();
}

async fn attempt(store: &dyn Store, redeem: &RedeemOffer) -> Redemption {
    let (success, refused) = (event(&redeem.issuer_id, "offer.redeem"), refusal(&redeem.issuer_id, "offer.redeem"));
    store.redeem_offer(redeem, &success, &refused).await.unwrap()
}

async fn last_event(store: &dyn Store, issuer_id: &str) -> String {
    trail(store, issuer_id).await.pop().unwrap()
}

pub(crate) async fn an_offer_reads_as_it_was_written(database: &impl TestDatabase) {
    let store = database.open().await;
    let plain = offer("a", "plain", "1");
    let with_tx_code = offer_with_tx_code("a", "with", "2");
    for offer in [&plain, &with_tx_code] {
        create(&*store, offer).await;
        assert_eq!(store.find_offer("a", &offer.offer_id).await.unwrap().as_ref(), Some(offer));
    }
    assert_eq!(store.find_offer("a", "other").await.unwrap(), None);
    assert_eq!(trail(&*store, "a").await.len(), 2);
}

pub(crate) async fn an_offer_id_and_a_code_are_taken_once_in_an_issuer(database: &impl TestDatabase) {
    let store = database.open().await;
    create(&*store, &offer("a", "one", "1")).await;
    for twin in [offer("a", "one", "2"), offer("a", "two", "1")] {
        let refused = store.create_offer(&twin, &event("a", "offer.create")).await;
        assert!(matches!(refused, Err(StoreError::Conflict("offer"))), "{refused:?}");
    }
    assert_eq!(trail(&*store, "a").await.len(), 1);
    create(&*store, &offer("b", "one", "1")).await;
}

pub(crate) async fn a_code_is_redeemed_once(database: &impl TestDatabase) {
    let store = database.open().await;
    create(&*store, &offer("a", "plain", "1")).await;
    let redeemed = OfferRecord { redeemed_at: Some(at(10)), ..offer("a", "plain", "1") };
    assert_eq!(attempt(&*store, &redeem("a", "1", None)).await, Redemption::Redeemed(Box::new(redeemed.clone())));
    assert_eq!(last_event(&*store, "a").await, "offer.redeem plain succeeded");
    assert_eq!(store.find_offer("a", "plain").await.unwrap(), Some(redeemed.clone()));

    assert_eq!(attempt(&*store, &redeem("a", "1", None)).await, Redemption::AlreadyUsed);
    assert_eq!(last_event(&*store, "a").await, "offer.redeem plain refused code-already-used");
    assert_eq!(store.find_offer("a", "plain").await.unwrap(), Some(redeemed));
}

pub(crate) async fn an_unknown_code_is_refused(database: &impl TestDatabase) {
    let store = database.open().await;
    create(&*store, &offer("a", "plain", "1")).await;
    for tx_code in [None, Some("any")] {
        assert_eq!(attempt(&*store, &redeem("a", "2", tx_code)).await, Redemption::UnknownCode);
        assert!(!trail(&*store, "a").await.iter().any(|event| event.contains("redeem")), "guesses leave no rows");
    }
}

pub(crate) async fn picking_what_is_not_offered_costs_nothing(database: &impl TestDatabase) {
    let store = database.open().await;
    create(&*store, &offer("a", "plain", "1")).await;
    let before = trail(&*store, "a").await.len();
    for wanted in [vec![], vec!["nothing".to_owned()]] {
        let picky = RedeemOffer { wanted: Some(wanted), ..redeem("a", "1", None) };
        assert_eq!(attempt(&*store, &picky).await, Redemption::NothingWanted);
    }
    assert_eq!(trail(&*store, "a").await.len(), before);
    let mut wanted = offer("a", "plain", "1").configuration_ids;
    wanted.push("more".to_owned());
    let right = RedeemOffer { wanted: Some(wanted), ..redeem("a", "1", None) };
    assert!(matches!(attempt(&*store, &right).await, Redemption::Redeemed(_)));
}

pub(crate) async fn an_offer_expires_at_its_instant(database: &impl TestDatabase) {
    let store = database.open().await;
    create(&*store, &offer_with_tx_code("a", "plain", "1")).await;
    for (now, tx_code) in [(at(100), "right"), (at(100), "wrong"), (at(101), "right")] {
        let late = RedeemOffer { now, ..redeem("a", "1", Some(tx_code)) };
        assert_eq!(attempt(&*store, &late).await, Redemption::Expired);
        assert_eq!(last_event(&*store, "a").await, "offer.redeem plain refused code-expired");
    }
    let in_time = RedeemOffer { now: micros(99_999_999), ..redeem("a", "1", Some("right")) };
    let redemption = attempt(&*store, &in_time).await;
    assert!(matches!(&redemption, Redemption::Redeemed(offer) if offer.tx_attempts_left == 3), "{redemption:?}");
}

pub(crate) async fn a_wrong_tx_code_costs_one_attempt(database: &impl TestDatabase) {
    let store = database.open().await;
    for id in ["survives", "dies"] {
        create(&*store, &offer_with_tx_code("a", id, id)).await;
    }
    let wrong = |id: &str| redeem("a", id, Some("wrong"));
    for left in [2, 1] {
        assert_eq!(attempt(&*store, &wrong("survives")).await, Redemption::TxCodeWrong { attempts_left: left });
        assert_eq!(last_event(&*store, "a").await, "offer.redeem survives refused tx-code-wrong");
    }
    let redemption = attempt(&*store, &redeem("a", "survives", Some("right"))).await;
    assert!(matches!(&redemption, Redemption::Redeemed(offer) if offer.tx_attempts_left == 1), "{redemption:?}");

    for left in [2, 1, 0] {
        assert_eq!(attempt(&*store, &wrong("dies")).await, Redemption::TxCodeWrong { attempts_left: left });
    }
    for tx_code in [Some("wrong"), Some("right"), None] {
        assert_eq!(attempt(&*store, &redeem("a", "dies", tx_code)).await, Redemption::TxCodeAttemptsUsedUp);
        assert_eq!(last_event(&*store, "a").await, "offer.redeem dies refused tx-code-attempts-used-up");
    }
    let dead = store.find_offer("a", "dies").await.unwrap().unwrap();
    assert_eq!((dead.tx_attempts_left, dead.redeemed_at), (0, None));
}

pub(crate) async fn a_missing_or_unexpected_tx_code_costs_nothing(database: &impl TestDatabase) {
    let store = database.open().await;
    // No transaction code is asked for, so that no attempts are left does not matter.
    let plain = OfferRecord { tx_attempts_left: 0, ..offer("a", "plain", "1") };
    let with_tx_code = offer_with_tx_code("a", "with", "2");
    create(&*store, &plain).await;
    create(&*store, &with_tx_code).await;
    for _ in 0..5 {
        assert_eq!(attempt(&*store, &redeem("a", "1", Some("any"))).await, Redemption::TxCodeUnexpected);
        assert_eq!(last_event(&*store, "a").await, "offer.redeem plain refused tx-code-unexpected");
        assert_eq!(attempt(&*store, &redeem("a", "2", None)).await, Redemption::TxCodeMissing);
        assert_eq!(last_event(&*store, "a").await, "offer.redeem with refused tx-code-missing");
    }
    assert_eq!(store.find_offer("a", "plain").await.unwrap(), Some(plain));
    assert_eq!(store.find_offer("a", "with").await.unwrap(), Some(with_tx_code));
    assert!(matches!(attempt(&*store, &redeem("a", "1", None)).await, Redemption::Redeemed(_)));
    assert!(matches!(attempt(&*store, &redeem("a", "2", Some("right"))).await, Redemption::Redeemed(_)));
}

pub(crate) async fn a_redeemed_code_says_so_before_all_else(database: &impl TestDatabase) {
    let store = database.open().await;
    create(&*store, &offer_with_tx_code("a", "with", "1")).await;
    assert!(matches!(attempt(&*store, &redeem("a", "1", Some("right"))).await, Redemption::Redeemed(_)));
    for tx_code in [Some("right"), Some("wrong"), None] {
        let later = RedeemOffer { now: at(1000), ..redeem("a", "1", tx_code) };
        assert_eq!(attempt(&*store, &later).await, Redemption::AlreadyUsed);
    }
    assert_eq!(store.find_offer("a", "with").await.unwrap().unwrap().tx_attempts_left, 3);
}

pub(crate) async fn offers_of_two_issuers_are_apart(database: &impl TestDatabase) {
    let store = database.open().await;
    for id in ["a", "b"] {
        create(&*store, &offer(id, "same", "same")).await;
    }
    create(&*store, &offer("b", "only", "only")).await;
    assert_eq!(attempt(&*store, &redeem("a", "only", None)).await, Redemption::UnknownCode);
    assert_eq!(store.find_offer("a", "only").await.unwrap(), None);
    assert!(matches!(attempt(&*store, &redeem("a", "same", None)).await, Redemption::Redeemed(_)));
    assert_eq!(store.find_offer("b", "same").await.unwrap(), Some(offer("b", "same", "same")));
    assert!(matches!(attempt(&*store, &redeem("b", "same", None)).await, Redemption::Redeemed(_)));
}

pub(crate) async fn one_racer_redeems_a_code(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    let store = Arc::clone(&stores[0]);
    create(&*store, &offer_with_tx_code("a", "with", "1")).await;
    let answers = race(RACERS, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move { attempt(&*store, &redeem("a", "1", Some("right"))).await }
    })
    .await;
    let winners = answers.iter().filter(|answer| matches!(answer, Redemption::Redeemed(_))).count();
    let refused = answers.iter().filter(|answer| **answer == Redemption::AlreadyUsed).count();
    assert_eq!((winners, refused), (1, RACERS - 1));
    let trail = trail(&*store, "a").await;
    assert_eq!(trail.iter().filter(|line| line.ends_with("with succeeded") && line.contains("redeem")).count(), 1);
    assert_eq!(trail.len(), 1 + RACERS, "each attempt left one event");
}

pub(crate) async fn racing_guesses_never_exceed_the_attempts(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    let store = Arc::clone(&stores[0]);
    create(&*store, &offer_with_tx_code("a", "with", "1")).await;
    let answers = race(RACERS, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move { attempt(&*store, &redeem("a", "1", Some(&format!("guess{number}")))).await }
    })
    .await;
    let mut left: Vec<_> = answers
        .iter()
        .filter_map(|answer| match answer {
            Redemption::TxCodeWrong { attempts_left } => Some(*attempts_left),
            _ => None,
        })
        .collect();
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2], "three guesses were judged, the rest was not");
    let used_up = answers.iter().filter(|answer| **answer == Redemption::TxCodeAttemptsUsedUp).count();
    assert_eq!(used_up, RACERS - 3);
    assert_eq!(attempt(&*store, &redeem("a", "1", Some("right"))).await, Redemption::TxCodeAttemptsUsedUp);
}
