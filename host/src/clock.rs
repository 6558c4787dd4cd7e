//! Time is a parameter: everything that needs it takes a `Clock`, so that tests can hold it still.

use std::fmt::Debug;

use chancery_store::Timestamp;
use chrono::{DateTime, Utc};

pub trait Clock: Send + Sync + Debug {
    fn now(&self) -> DateTime<Utc>;

    fn timestamp(&self) -> Timestamp {
        Timestamp::new(self.now())
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
        Utc::now()
    }
}
