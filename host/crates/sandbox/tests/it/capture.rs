//! What the sandbox logs.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};

/// The fields of one event as texts.
pub(crate) type Line = HashMap<String, String>;

/// Events by target.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<(String, Line)>>>);

impl Captured {
    /// Captures what this thread logs, until the guard is dropped.
    pub(crate) fn here(&self) -> DefaultGuard {
        // Whoever comes first to a place that logs decides for all threads whether anybody listens
        // there. So somebody listens everywhere.
        static EVERYWHERE: Once = Once::new();
        EVERYWHERE.call_once(|| tracing::subscriber::set_global_default(Self::default()).unwrap());
        tracing::subscriber::set_default(self.clone())
    }

    pub(crate) fn about(&self, target: &str) -> Vec<Line> {
        let lines = self.0.lock().unwrap();
        let wanted = lines.iter().filter(|(t, _)| t == target);
        wanted.map(|(_, line)| line.clone()).collect()
    }
}

impl Subscriber for Captured {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "plugin" || metadata.target().starts_with("chancery_sandbox")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Fields(Line::new());
        event.record(&mut line);
        let target = event.metadata().target().to_owned();
        self.0.lock().unwrap().push((target, line.0));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields(Line);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}
