//! Tries a plugin: the real sandbox, with its real limits and grants, and everything outside of it virtual.
//!
//! What is asked, what stands in for sources, and what must come of it stands in a case file. A plugin is loaded from a
//! directory of its own, in which its grant file is the author's but for two things: paths in it are taken from where
//! it is, and a journal is written to a temporary directory.
//!
//! * `cases` – the case file, and what is said about one that is wrong
//! * `setup`, `layout`, `site` – the plugin, and the directory and sandbox it is tried in
//! * `stage`, `matching`, `space`, `ports` – what is outside: what answers, what was asked, what is left over
//! * `run`, `judge`, `diff`, `pattern` – from a case to where it differs from what it expects
//! * `bench` – how long things take
//! * `recorder`, `report` – what plugins log, and what is told

mod bench;
pub mod cases;
mod diff;
mod error;
mod judge;
mod layout;
mod matching;
mod pattern;
mod ports;
mod recorder;
mod report;
mod run;
mod setup;
mod site;
mod space;
mod sql_values;
mod stage;

pub use bench::{Effort, Measured, Times, bench, measured_text};
pub use cases::{CaseFile, CaseFileError};
pub use diff::Difference;
pub use error::TrialError;
pub use layout::Layout;
pub use recorder::{LogLine, Recorder};
pub use report::{Colour, case_text, summary_text};
pub use run::{CaseReport, Report, run};
pub use setup::{Cache, Plugin, Setup};
pub use site::LoadFailure;
pub use stage::{Refused, Unanswered};
