//! What is left of deleted credentials: that they were, and which entries they had.

use serde_json::{Value, json};

use super::{Driver, Row, Statement, Write, unavailable};
use crate::contract::StoreError;
use crate::records::{Deletion, StatusSlot};

const INSERT: &str =
    "INSERT INTO credential_tombstones (issuer_id, credential_hash, slots, deleted_at) VALUES ($1, $2, $3, $4)";
const FIND: &str = "SELECT slots FROM credential_tombstones WHERE issuer_id = $1 AND credential_hash = $2";

/// Finds the tombstone, which is read with [`slots`].
pub(super) fn find<'q>(issuer_id: &'q str, credential_hash: &'q str) -> Statement<'q> {
    Statement::new(FIND).text(issuer_id).text(credential_hash)
}

pub(super) fn slots<DB: Driver>(row: &Row<DB>) -> Result<Vec<StatusSlot>, StoreError> {
    let Value::Array(slots) = row.json("slots")? else { return Err(malformed()) };
    slots.iter().map(|slot| parse_slot(slot).ok_or_else(malformed)).collect()
}

impl<DB: Driver> Write<'_, DB> {
    /// `Conflict` when there is one.
    pub(super) async fn insert_tombstone(
        &mut self,
        deletion: &Deletion,
        slots: &[StatusSlot],
    ) -> Result<(), StoreError> {
        let slots = slots.iter().map(slot_json).collect();
        let insert = Statement::new(INSERT)
            .text(&deletion.issuer_id)
            .text(&deletion.credential_hash)
            .json(&Value::Array(slots))
            .time(deletion.at)
            .creates("deleted credential");
        self.execute(insert).await.map(drop)
    }
}

fn slot_json(slot: &StatusSlot) -> Value {
    json!({"list_id": slot.list_id, "purpose": slot.purpose, "url": slot.url, "index": slot.index})
}

fn parse_slot(slot: &Value) -> Option<StatusSlot> {
    let text = |name| slot.get(name)?.as_str().map(str::to_owned);
    Some(StatusSlot {
        list_id: text("list_id")?,
        purpose: text("purpose")?,
        url: text("url")?,
        index: slot.get("index")?.as_i64()?,
    })
}

fn malformed() -> StoreError {
    unavailable("the entries of a deleted credential are malformed")
}
