use async_trait::async_trait;

use super::{Driver, Operation, Row, SqlStore, Statement, Verdict, Write};
use crate::contract::{PluginControls, StoreError};
use crate::records::{AuditEvent, PluginControl};

const LIST: &str = "SELECT plugin, disabled, held_generation, held_from, changed_at, changed_by FROM plugin_controls \
    ORDER BY plugin";
// No row decides nothing, and one that decides nothing is written only over another. The second condition keeps an
// unchanged control from counting as changed.
const PUT: &str = "INSERT INTO plugin_controls \
    (plugin, disabled, held_generation, held_from, changed_at, changed_by, revision) \
    SELECT $1, $2, $3, $4, $5, $6, 1 WHERE $2 <> 0 OR $3 IS NOT NULL OR $4 IS NOT NULL \
    OR EXISTS (SELECT 1 FROM plugin_controls WHERE plugin = $1) \
    ON CONFLICT (plugin) DO UPDATE SET disabled = excluded.disabled, held_generation = excluded.held_generation, \
    held_from = excluded.held_from, changed_at = excluded.changed_at, changed_by = excluded.changed_by, \
    revision = plugin_controls.revision + 1 \
    WHERE plugin_controls.disabled <> excluded.disabled \
    OR plugin_controls.held_generation IS DISTINCT FROM excluded.held_generation \
    OR plugin_controls.held_from IS DISTINCT FROM excluded.held_from";
const GENERATION: &str = "SELECT CAST(COALESCE(SUM(revision), 0) AS BIGINT) AS generation FROM plugin_controls";

#[async_trait]
impl<DB: Driver> PluginControls for SqlStore<DB> {
    async fn plugin_controls(&self) -> Result<Vec<PluginControl>, StoreError> {
        self.read(Statement::new(LIST)).await?.iter().map(control).collect()
    }

    async fn set_plugin_control(&self, control: &PluginControl, event: &AuditEvent) -> Result<bool, StoreError> {
        self.write(Put { control: control.clone(), event: event.clone() }).await
    }

    async fn plugin_controls_generation(&self) -> Result<i64, StoreError> {
        let row = self.read_first(Statement::new(GENERATION)).await?;
        row.map_or(Ok(0), |row| row.integer("generation"))
    }
}

struct Put {
    control: PluginControl,
    event: AuditEvent,
}

impl Operation for Put {
    type Answer = bool;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<bool>, StoreError> {
        let PluginControl { plugin, disabled, held_generation, held_from, changed_at, changed_by } = &self.control;
        let put = Statement::new(PUT)
            .text(plugin)
            .integer(i64::from(*disabled))
            .optional_text(held_generation.as_deref())
            .optional_text(held_from.as_deref())
            .time(*changed_at)
            .text(changed_by);
        if write.execute(put).await? == 0 {
            return Ok(Verdict::Commit(false));
        }
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(true))
    }
}

fn control<DB: Driver>(row: &Row<DB>) -> Result<PluginControl, StoreError> {
    Ok(PluginControl {
        plugin: row.text("plugin")?,
        disabled: row.integer("disabled")? != 0,
        held_generation: row.optional_text("held_generation")?,
        held_from: row.optional_text("held_from")?,
        changed_at: row.time("changed_at")?,
        changed_by: row.text("changed_by")?,
    })
}
