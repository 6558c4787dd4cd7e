//! Notices changes in the plugin directory. Only a hint: the periodic look finds what is missed.

use std::path::Path;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::Sender;

/// Watches until the result is dropped. `None`, with a warning, where the system offers no watching.
pub(crate) fn watch(dir: &Path, changed: Sender<()>) -> Option<RecommendedWatcher> {
    let handler = move |event: notify::Result<Event>| {
        if event.as_ref().map_or(true, matters) {
            // A full channel says the same thing already.
            let _ = changed.try_send(());
        }
    };
    let watcher = notify::recommended_watcher(handler).and_then(|mut watcher| {
        watcher.watch(dir, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    watcher
        .inspect_err(|error| {
            let dir = dir.display();
            tracing::warn!(%dir, %error, "changes are found by periodic looks only");
        })
        .ok()
}

/// Reading is no change, and our own reading must not wake us.
fn matters(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}
