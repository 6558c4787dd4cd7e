//! Writes audit events to files that the operator granted, one JSON object a line.

mod config;
mod writer;

use chancery_plugin_sdk::{
    AuditSink, ConfigProblem, Description, Error, Event, Plugin, Receipt, clock, describe, export_audit_sink,
    journal::{self, JournalError},
};

use crate::{
    config::{Config, Rotation},
    writer::Journal,
};

#[derive(Debug)]
struct AuditFile {
    rotation: Rotation,
}

impl Plugin for AuditFile {
    type Config = Config;

    fn description() -> Description {
        describe!("Writes audit events to files, one JSON object a line.").with_config_schema(config::schema())
    }

    fn new(config: Config) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self { rotation: config.check()? })
    }

    fn health(&self) -> Result<(), Error> {
        journal::size().map(drop).map_err(Error::from)
    }
}

impl AuditSink for AuditFile {
    fn deliver(&self, batch: &[Event]) -> Result<Receipt, Error> {
        writer::deliver(batch, &self.rotation, &mut HostJournal, clock::unix_ms(clock::now()))
    }
}

export_audit_sink!(AuditFile);

/// The granted file.
struct HostJournal;

impl Journal for HostJournal {
    fn append(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        journal::append(bytes)
    }

    fn size(&self) -> Result<u64, JournalError> {
        journal::size()
    }

    fn begun_at(&self) -> Result<Option<u64>, JournalError> {
        journal::begun_at()
    }

    fn rotate(&mut self) -> Result<(), JournalError> {
        journal::rotate()
    }
}
