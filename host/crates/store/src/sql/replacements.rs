//! What becomes of a person's former credentials when a new one is issued.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::credentials::is_unrevoked;
use super::issuances::{MAX_ROWS_PER_INSERT, row_groups};
use super::status_changes::{EntryChange, HeldEntry};
use super::{Driver, Statement, Write};
use crate::contract::StoreError;
use crate::records::{AuditEvent, IssuanceBatch, Replacement};

pub(crate) const FIND_CURRENT: &str = "SELECT credential_id FROM issued_credentials \
    WHERE issuer_id = $1 AND subject_hash = $2 AND configuration_id = $3 AND superseded_by IS NULL";
const SUPERSEDE: &str = "UPDATE issued_credentials SET superseded_by = former.column3, \
    updated_time = CASE WHEN updated_time < former.column4 THEN former.column4 ELSE updated_time END FROM (VALUES";
const SUPERSEDE_TAIL: &str = ") AS former \
    WHERE issued_credentials.issuer_id = former.column1 AND issued_credentials.credential_id = former.column2";
const SUPERSEDE_COLUMNS: usize = 4;

/// A credential that another one takes the place of.
struct Former<'a> {
    issuer_id: &'a str,
    credential_id: String,
    replacement: &'a Replacement,
    event: AuditEvent,
}

impl<DB: Driver> Write<'_, DB> {
    /// Marks the former credentials of all batches as superseded, and revokes those that are to be. The batches'
    /// credentials are written already: those of later ones are not former ones of earlier ones.
    pub(super) async fn replace(&mut self, batches: &[&IssuanceBatch]) -> Result<(), StoreError> {
        if batches.iter().all(|batch| batch.replacements.is_empty()) {
            return Ok(());
        }
        self.lock_persons(batches).await?;
        let mut formers = BTreeMap::new();
        let replacing = batches.iter().enumerate().filter(|(_, batch)| !batch.replacements.is_empty());
        for (position, batch) in replacing {
            let new = batches.iter().skip(position).flat_map(|batch| &batch.credentials);
            let new: BTreeSet<_> = new.map(|new| (new.issuer_id.as_str(), new.credential_id.as_str())).collect();
            for replacement in &batch.replacements {
                self.find_formers(&batch.issuer_id, replacement, &new, &mut formers).await?;
            }
        }
        let formers: Vec<_> = formers.into_values().collect();
        let keys = formers.iter().map(|former| (former.issuer_id, former.credential_id.as_str()));
        let held = self.hold_entries(keys.collect()).await?;
        // Whoever was deleted meanwhile is not held, and nothing is written about him.
        let entries = |former: &Former<'_>| held.get(&(former.issuer_id.to_owned(), former.credential_id.clone()));
        let (mut revocations, mut events) = (Vec::new(), Vec::new());
        for former in &formers {
            let Some(entries) = entries(former) else { continue };
            let mut unrevoked = entries.iter().filter(|held| former.replacement.revoke && is_unrevoked(held));
            match unrevoked.next() {
                Some(held) => revocations.push(former.revoke(held.clone())),
                None => events.push(&former.event),
            }
        }
        self.supersede(&formers).await?;
        self.append_events(&events).await?;
        self.set_entries(&revocations).await
    }

    /// Until the transaction ends, nobody else replaces what these persons have: of two who issue for one person at
    /// once the second one waits, and then finds the credential of the first one. In one order, as all that is waited
    /// for.
    async fn lock_persons(&mut self, batches: &[&IssuanceBatch]) -> Result<(), StoreError> {
        let Some(lock) = DB::LOCK_TEXT else { return Ok(()) };
        let persons: BTreeSet<_> = batches
            .iter()
            .flat_map(|batch| batch.replacements.iter().map(|replacement| person(&batch.issuer_id, replacement)))
            .collect();
        for person in &persons {
            self.execute(Statement::new(lock).text(person)).await?;
        }
        Ok(())
    }

    /// Each former credential is replaced by the first one that finds it.
    async fn find_formers<'a>(
        &mut self,
        issuer_id: &'a str,
        replacement: &'a Replacement,
        new: &BTreeSet<(&str, &str)>,
        formers: &mut BTreeMap<(&'a str, String), Former<'a>>,
    ) -> Result<(), StoreError> {
        let find = Statement::new(FIND_CURRENT).text(issuer_id);
        let find = find.text(&replacement.subject_hash).text(&replacement.configuration_id);
        // Sorted here: asked for the order, SQLite would go through all credentials of the issuer in it.
        let rows = self.fetch(find).await?;
        let current: BTreeSet<_> = rows.iter().map(|row| row.text("credential_id")).collect::<Result<_, _>>()?;
        let former = current.into_iter().filter(|id| *id != replacement.by && !new.contains(&(issuer_id, id.as_str())));
        let mut number = 0;
        for credential_id in former {
            let Entry::Vacant(former) = formers.entry((issuer_id, credential_id.clone())) else { continue };
            number += 1;
            let event_id = format!("{}/{number}", replacement.event.event_id);
            let event = AuditEvent { event_id, object: credential_id.clone(), ..replacement.event.clone() };
            former.insert(Former { issuer_id, credential_id, replacement, event });
        }
        Ok(())
    }

    async fn supersede(&mut self, formers: &[Former<'_>]) -> Result<(), StoreError> {
        for rows in row_groups(formers, MAX_ROWS_PER_INSERT) {
            self.execute(supersede(rows)).await?;
        }
        Ok(())
    }
}

impl Former<'_> {
    fn revoke(&self, held: HeldEntry) -> EntryChange<'_> {
        EntryChange {
            held,
            value: true,
            at: self.replacement.at,
            actor: &self.replacement.actor,
            reason: self.event.reason.as_deref(),
            event: &self.event,
        }
    }
}

/// Names whom a replacement is about, for the lock.
fn person(issuer_id: &str, replacement: &Replacement) -> String {
    // None of them has a line break.
    [issuer_id, &replacement.configuration_id, &replacement.subject_hash].join("\n")
}

fn supersede<'q>(rows: &'q [Former<'q>]) -> Statement<'q> {
    rows.iter().fold(Statement::rows(SUPERSEDE, SUPERSEDE_COLUMNS, rows.len(), SUPERSEDE_TAIL), |supersede, former| {
        let supersede = supersede.text(former.issuer_id).text(&former.credential_id);
        supersede.text(&former.replacement.by).time(former.replacement.at)
    })
}
