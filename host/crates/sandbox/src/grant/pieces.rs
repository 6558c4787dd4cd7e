//! What a grant file gives, piece by piece, to tell what a newer one takes away.

use std::collections::BTreeSet;

use super::{Grant, Networks};

/// One thing that a plugin may use: the capability, and its name there. Details, such as the text of
/// a statement, do not count: what is still named is still granted.
pub(crate) type Piece = (&'static str, String);

impl Grant {
    /// Everything that is granted.
    pub(crate) fn pieces(&self) -> BTreeSet<Piece> {
        let mut pieces = BTreeSet::new();
        pieces.extend(self.files.iter().map(|file| ("files", file.guest.clone())));
        if let Some(http) = &self.http {
            pieces.extend(http.allow.iter().map(|origin| ("http", origin.clone())));
            match &http.networks {
                Networks::Public => {}
                Networks::Any => pieces.extend([("networks", "any".to_owned())]),
                Networks::PublicAnd(blocks) => pieces.extend(blocks.iter().map(|block| ("networks", block.clone()))),
            }
        }
        for (name, statement) in &self.sql {
            pieces.insert(("sql", name.clone()));
            pieces.extend(statement.writes.then(|| ("sql writes", name.clone())));
        }
        pieces.extend(self.kv.iter().map(|_| ("kv", String::new())));
        if let Some(secrets) = &self.secrets {
            pieces.extend(secrets.names.iter().map(|name| ("secrets", name.clone())));
            pieces.extend(secrets.names.iter().filter(|_| secrets.reveal).map(|name| ("reveal", name.clone())));
        }
        pieces.extend(self.sign.keys().map(|name| ("sign", name.clone())));
        pieces.extend(
            self.journal.iter().map(|journal| ("journal", journal.dir.join(&journal.name).display().to_string())),
        );
        pieces
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::limits::Limits;

    fn pieces(text: &str) -> BTreeSet<Piece> {
        Grant::parse(text, Path::new("/plugins"), &Limits::ceilings()).unwrap().pieces()
    }

    #[test]
    fn each_capability_is_missed_when_it_goes() {
        let statement = "[grants.sql.statements.s]\ndatabase = \"d\"\ntext = \"select 1\"";
        let key = "[grants.sign.keys.k]\npurpose = \"mac\"\nsecret = \"s\"";
        for (wide, narrow) in [
            ("[[grants.files]]\nhost = \"a\"\nguest = \"/a\"", ""),
            ("[grants.http]\nallow = [\"https://a\", \"https://b\"]", "[grants.http]\nallow = [\"https://a\"]"),
            (
                "[grants.http]\nallow = [\"https://a\"]\nnetworks = [\"10.0.0.0/8\"]",
                "[grants.http]\nallow = [\"https://a\"]",
            ),
            (
                "[grants.http]\nallow = [\"https://a\"]\nnetworks = \"any\"",
                "[grants.http]\nallow = [\"https://a\"]\nnetworks = [\"10.0.0.0/8\"]",
            ),
            (statement, ""),
            (&format!("{statement}\nwrites = true"), statement),
            ("[grants.kv]", ""),
            ("[grants.secrets]\nnames = [\"a\", \"b\"]", "[grants.secrets]\nnames = [\"a\"]"),
            ("[grants.secrets]\nnames = [\"a\"]\nreveal = true", "[grants.secrets]\nnames = [\"a\"]"),
            (key, ""),
            ("[grants.journal]\ndir = \"d\"\nname = \"a\"", "[grants.journal]\ndir = \"e\"\nname = \"a\""),
        ] {
            assert!(!pieces(wide).is_subset(&pieces(narrow)), "{wide}");
        }
    }

    #[test]
    fn more_grants_and_other_details_take_nothing_away() {
        for (before, after) in [
            ("", "[grants.kv]"),
            ("[grants.kv]", "[grants.kv]\nentries = 1"),
            ("[grants.secrets]\nnames = [\"a\"]", "[grants.secrets]\nnames = [\"a\"]\nreveal = true"),
            ("[grants.http]\nallow = [\"https://a\"]", "[grants.http]\nallow = [\"https://a\"]\ntimeout = \"1s\""),
        ] {
            assert!(pieces(before).is_subset(&pieces(after)), "{after}");
        }
    }
}
