use std::sync::Arc;

use super::fixtures::*;
use super::{TestDatabase, open_two, race};
use crate::{PluginControl, Store};

async fn set(store: &dyn Store, control: &PluginControl) -> bool {
    store.set_plugin_control(control, &event("a", "plugin.control")).await.unwrap()
}

pub(crate) async fn a_control_is_set_changed_and_taken_back(database: &impl TestDatabase) {
    let store = database.open().await;
    assert_eq!(store.plugin_controls_generation().await.unwrap(), 0);
    let disabled = PluginControl { disabled: true, ..control("p") };
    let held = PluginControl {
        held_generation: Some("sha256:1".into()),
        held_from: Some("sha256:2".into()),
        changed_at: at(5),
        ..control("p")
    };
    let cleared = PluginControl { changed_at: at(6), changed_by: "cli".into(), ..control("p") };
    for (generation, control) in [(1, &disabled), (2, &held), (3, &cleared), (4, &disabled)] {
        let expected = std::slice::from_ref(control);
        assert!(set(&*store, control).await);
        assert_eq!(store.plugin_controls().await.unwrap(), expected);
        let again = PluginControl { changed_at: at(9), changed_by: "another".into(), ..control.clone() };
        assert!(!set(&*store, &again).await, "it says the same");
        assert_eq!(store.plugin_controls().await.unwrap(), expected);
        assert_eq!(store.plugin_controls_generation().await.unwrap(), generation);
        assert_eq!(i64::try_from(trail(&*store, "a").await.len()).unwrap(), generation, "an event a change");
    }
    let other = PluginControl { disabled: true, ..control("a") };
    assert!(set(&*store, &other).await);
    assert_eq!(store.plugin_controls().await.unwrap(), [other, disabled]);
    assert_eq!(store.plugin_controls_generation().await.unwrap(), 5);
    assert_eq!(store.generation().await.unwrap(), 0, "nothing is compiled anew for it");
}

pub(crate) async fn a_control_that_decides_nothing_is_not_written(database: &impl TestDatabase) {
    let store = database.open().await;
    assert!(!set(&*store, &control("p")).await);
    assert!(store.plugin_controls().await.unwrap().is_empty());
    assert_eq!(store.plugin_controls_generation().await.unwrap(), 0);
    assert!(trail(&*store, "a").await.is_empty());
}

pub(crate) async fn every_part_of_a_control_counts(database: &impl TestDatabase) {
    let store = database.open().await;
    let held = |generation: Option<&str>, from: Option<&str>| PluginControl {
        held_generation: generation.map(str::to_owned),
        held_from: from.map(str::to_owned),
        ..control("p")
    };
    for control in [
        held(Some("1"), None),
        held(Some("2"), None),
        held(Some("2"), Some("3")),
        held(Some("2"), Some("4")),
        held(None, Some("4")),
        PluginControl { disabled: true, ..held(None, Some("4")) },
        held(None, Some("4")),
        held(None, None),
    ] {
        assert!(set(&*store, &control).await, "{control:?}");
        assert_eq!(store.plugin_controls().await.unwrap(), [control]);
    }
}

pub(crate) async fn one_racer_changes_a_control(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    let disabled = PluginControl { disabled: true, ..control("p") };
    let answers = race(32, |number| {
        let (store, disabled) = (Arc::clone(&stores[number % 2]), disabled.clone());
        async move { set(&*store, &disabled).await }
    })
    .await;
    assert_eq!(answers.iter().filter(|changed| **changed).count(), 1);
    assert_eq!(stores[0].plugin_controls_generation().await.unwrap(), 1);
    assert_eq!(trail(&*stores[0], "a").await.len(), 1);
}
