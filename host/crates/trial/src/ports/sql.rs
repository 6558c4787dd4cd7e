//! SQL: the grant's statements, answered by the case file.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chancery_sandbox::StatementGrant;
use chancery_sandbox::ports::{Rows, SqlError, SqlPort, SqlStatement, SqlValue};

use super::Statements;
use crate::stage::Stage;

pub(super) struct Sql {
    pub(super) stage: Arc<Stage>,
    pub(super) statements: Statements,
}

struct Granted {
    stage: Arc<Stage>,
    /// Those in the grant file that have this very text.
    names: Vec<String>,
    max_rows: usize,
}

#[async_trait]
impl SqlPort for Sql {
    async fn open(&self, grant: &StatementGrant) -> Result<Arc<dyn SqlStatement>, String> {
        let same = self.statements.iter().filter(|(_, one)| one.database == grant.database && one.text == grant.text);
        Ok(Arc::new(Granted {
            stage: Arc::clone(&self.stage),
            names: same.map(|(name, _)| name.clone()).collect(),
            max_rows: usize::try_from(grant.max_rows).unwrap_or(usize::MAX),
        }))
    }
}

#[async_trait]
impl SqlStatement for Granted {
    async fn run(&self, params: Vec<SqlValue>, _: Duration) -> Result<Rows, SqlError> {
        let mut answer = self.stage.run(&self.names, &params)?;
        let truncated = answer.rows.len() > self.max_rows;
        answer.rows.truncate(self.max_rows);
        Ok(Rows { columns: answer.columns, rows: answer.rows, truncated })
    }
}
