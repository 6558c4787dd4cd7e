//! SQL: the grant's statements, answered by the case file.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chancery_sandbox::StatementGrant;
use chancery_sandbox::ports::{Rows, SqlError, SqlPort, SqlStatement, SqlValue};

use super::Statements;
use crate::sql_values::size;
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
    max_bytes: u64,
}

#[async_trait]
impl SqlPort for Sql {
    async fn open(&self, grant: &StatementGrant) -> Result<Arc<dyn SqlStatement>, String> {
        let same = self.statements.iter().filter(|(_, one)| one.database == grant.database && one.text == grant.text);
        Ok(Arc::new(Granted {
            stage: Arc::clone(&self.stage),
            names: same.map(|(name, _)| name.clone()).collect(),
            max_rows: usize::try_from(grant.max_rows).unwrap_or(usize::MAX),
            max_bytes: grant.max_bytes,
        }))
    }
}

#[async_trait]
impl SqlStatement for Granted {
    /// Rows are cut before bytes are counted, as databases of hosts do it.
    async fn run(&self, params: Vec<SqlValue>, _: Duration) -> Result<Rows, SqlError> {
        let mut answer = self.stage.run(&self.names, &params)?;
        let truncated = answer.rows.len() > self.max_rows;
        answer.rows.truncate(self.max_rows);
        let bytes = answer.rows.iter().flatten().map(size).fold(0, u64::saturating_add);
        if bytes > self.max_bytes {
            let name = self.names.first().map_or("?", String::as_str);
            self.stage.note(format!("the rows of {name} are larger than its max_bytes: {bytes} of {}", self.max_bytes));
            return Err(SqlError::TooLarge(self.max_bytes));
        }
        Ok(Rows { columns: answer.columns, rows: answer.rows, truncated })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cases::CaseFile;
    use crate::stage::Scene;

    #[tokio::test]
    async fn rows_are_cut_and_bytes_are_counted_as_a_host_does_it() {
        let text = "[[case]]\nname = \"x\"\nexpect = { claims = {} }\n[[case.sql]]\nstatement = \"s\"\n\
                    rows = [{ a = \"12345678\", b = 1 }, { a = \"12345678\", b = 1 }]\ntimes = 3\n";
        let file = CaseFile::parse(Path::new("cases.toml"), text).unwrap();
        let stage = Arc::new(Stage::default());
        stage.set(Scene::of(&file.cases[0], &file.common));
        let run = async |max_rows: usize, max_bytes: u64| {
            let granted = Granted { stage: Arc::clone(&stage), names: vec!["s".to_owned()], max_rows, max_bytes };
            granted.run(Vec::new(), Duration::ZERO).await
        };
        // 8 for each value, and the text's own.
        assert_eq!(run(2, 48).await.unwrap().rows.len(), 2);
        assert!(matches!(run(2, 47).await, Err(SqlError::TooLarge(47))));
        assert!(run(1, 24).await.unwrap().truncated);
        assert_eq!(stage.end().notes, ["the rows of s are larger than its max_bytes: 48 of 47"]);
    }
}
