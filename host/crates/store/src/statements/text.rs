//! What can be said about a statement's text before a database sees it.
//!
//! A statement reads or changes rows and does nothing else: one that began a transaction, attached a file or changed
//! a setting would spoil its connection for those that come after.

use super::error::StatementProblem;

/// Whose SQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Postgres,
    Sqlite,
    MySql,
}

const READING: [&str; 4] = ["SELECT", "WITH", "VALUES", "TABLE"];
const WRITING: [&str; 6] = ["INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "CALL"];

/// The first word is one of those that a statement may begin with.
pub(super) fn check(text: &str, syntax: Syntax, writes: bool) -> Result<(), StatementProblem> {
    if text.contains('\0') {
        return Err(StatementProblem::Text("the text has a NUL character"));
    }
    let word = first_word(text, syntax)?.to_ascii_uppercase();
    if word.is_empty() && text.trim().is_empty() {
        return Err(StatementProblem::Text("the text is empty"));
    }
    if READING.contains(&word.as_str()) || (writes && WRITING.contains(&word.as_str())) {
        return Ok(());
    }
    let mut allowed = READING.join(", ");
    if writes {
        allowed = format!("{allowed}, {}", WRITING.join(", "));
    } else if WRITING.contains(&word.as_str()) {
        allowed.push_str(" unless `writes = true`");
    }
    Err(StatementProblem::Keyword { found: word, allowed })
}

/// How many parameters SQLite will take, by its own lexical rules. The driver would run a second statement, and fill
/// what nobody bound with NULL: both are refused here.
pub(super) fn sqlite_parameters(text: &str) -> Result<usize, StatementProblem> {
    let mut rest = text;
    let (mut positional, mut numbered, mut ended) = (0, 0, false);
    while let Some(character) = rest.chars().next() {
        let token = token(rest);
        let (this, after) = rest.split_at(token.max(character.len_utf8()).min(rest.len()));
        rest = after;
        if character.is_ascii_whitespace() || this.starts_with("--") || this.starts_with("/*") {
            continue;
        }
        if character == ';' {
            ended = true;
            continue;
        }
        if ended {
            return Err(StatementProblem::Text("the text has more than one statement"));
        }
        match character {
            '?' if this.len() == 1 => positional += 1,
            '?' | '$' => numbered = numbered.max(number(&this[1..])?),
            ':' | '@' | '#' => return Err(StatementProblem::Text("parameters are written as $1 or ?")),
            _ => {}
        }
    }
    match (positional, numbered) {
        (count, 0) | (0, count) => Ok(count),
        _ => Err(StatementProblem::Text("parameters are written as $1 or as ?, not as both")),
    }
}

/// The word that is not a comment, without the brackets before it.
fn first_word(text: &str, syntax: Syntax) -> Result<&str, StatementProblem> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|character: char| character.is_ascii_whitespace() || character == '(');
        if rest.starts_with("--") || (syntax == Syntax::MySql && rest.starts_with('#')) {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if rest.starts_with("/*!") || rest.starts_with("/*M!") {
            return Err(StatementProblem::Text("the text begins with a comment that MySQL would run"));
        } else if rest.starts_with("/*") {
            let (comment, after) = rest[2..].split_once("*/").unwrap_or((&rest[2..], ""));
            if comment.contains("/*") {
                // PostgreSQL ends it elsewhere than the others do.
                return Err(StatementProblem::Text("the text begins with a comment in a comment"));
            }
            rest = after;
        } else {
            let end = rest.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(rest.len());
            return Ok(&rest[..end]);
        }
    }
}

/// Bytes of the token, quoted text or comment that `text` begins with; 0 or more than its length where it has no end.
fn token(text: &str) -> usize {
    let closed = |open: usize, end: &str| text[open..].find(end).map_or(text.len(), |found| open + found + end.len());
    match text.as_bytes() {
        // A doubled quote closes and opens again.
        [quote @ (b'\'' | b'"' | b'`'), ..] => closed(1, char::from(*quote).encode_utf8(&mut [0; 4])),
        [b'[', ..] => closed(1, "]"),
        [b'-', b'-', ..] => closed(2, "\n"),
        [b'/', b'*', ..] => closed(2, "*/"),
        [first, ..] if b"?$:@#".contains(first) || is_word(char::from(*first)) || !first.is_ascii() => {
            let width = text.chars().next().map_or(1, char::len_utf8);
            text[width..].find(|character| !is_word(character)).map_or(text.len(), |found| width + found)
        }
        _ => 1,
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '$' || !character.is_ascii()
}

fn number(digits: &str) -> Result<usize, StatementProblem> {
    match digits.parse() {
        Ok(number) if number > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        _ => Err(StatementProblem::Text("parameters are numbered from 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_reads_or_changes_rows() {
        for text in [
            "select 1",
            " \n(SELECT 1) union (select 2)",
            "-- who\n/* and why */ with a as (select 1) select * from a",
            "values (1)",
            "/*+ hint */select(1)",
        ] {
            for syntax in [Syntax::Postgres, Syntax::Sqlite, Syntax::MySql] {
                assert_eq!(check(text, syntax, false), Ok(()), "{text}");
                assert_eq!(check(text, syntax, true), Ok(()), "{text}");
            }
        }
        for text in
            ["insert into t values (1)", "Update t set a = 1", "delete from t", "replace into t values (1)", "call p()"]
        {
            assert!(matches!(check(text, Syntax::MySql, false), Err(StatementProblem::Keyword { .. })), "{text}");
            assert_eq!(check(text, Syntax::MySql, true), Ok(()), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_a_statement() {
        for text in [
            "",
            " ",
            "--",
            "/*",
            "/* /* */ select */ drop table t",
            ";",
            "begin",
            "commit",
            "rollback",
            "set x = 1",
            "pragma query_only = 0",
            "attach 'a' as b",
            "vacuum into 'x'",
            "copy t to stdout",
            "do $$ $$",
            "drop table t",
            "create table t (a int)",
            "explain select 1",
            "lock table t",
            "selects",
            "/*! set global x = 1 */",
            "/*M! set global x = 1 */",
            "select\0 1",
            "'select'",
        ] {
            for syntax in [Syntax::Postgres, Syntax::Sqlite, Syntax::MySql] {
                assert!(check(text, syntax, true).is_err(), "{text:?} {syntax:?}");
            }
        }
        assert_eq!(check("# why\nselect 1", Syntax::MySql, false), Ok(()));
        assert!(check("# why\nselect 1", Syntax::Postgres, false).is_err());
    }

    #[test]
    fn the_refusal_says_what_to_write() {
        let error = check("insert into t values (1)", Syntax::Postgres, false).unwrap_err().to_string();
        assert!(error.contains("INSERT") && error.contains("writes = true"), "{error}");
    }

    #[test]
    fn sqlite_parameters_are_counted_as_sqlite_counts_them() {
        for (text, count) in [
            ("select 1", 0),
            ("select ?, ?", 2),
            ("select $2, $1, $2", 2),
            ("select ?1, ?3", 3),
            ("select '?;', \"?\", `;`, [;?] -- ;?\n, /* ;? */ ?;", 1),
            ("select 'it''s ?', a$1, ü$2 from t ; -- done\n /* ; */ ;", 0),
            ("select '", 0),
            ("select /* ?", 0),
        ] {
            assert_eq!(sqlite_parameters(text), Ok(count), "{text}");
        }
        for text in [
            "select 1; select 2",
            "select ';'; delete from t",
            "select 1;\n--\ndrop table t",
            "select 1;;'",
            "select 1; ü",
            "select :name",
            "select @name",
            "select $name",
            "select $0",
            "select ?0",
            "select ?, $1",
            "select $1a",
            "select $99999999999999999999",
        ] {
            assert!(sqlite_parameters(text).is_err(), "{text}");
        }
    }
}
