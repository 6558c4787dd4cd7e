//! Expected texts, in which `*` stands for anything, `\*` for the star itself and `\\` for a backslash.

/// Whether `text` is what `pattern` describes: the same, but for what each `*` stands for.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let pieces = pieces(pattern);
    let [first, between @ .., last] = &pieces[..] else { return pieces.iter().all(|whole| whole == text) };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for piece in between {
        let Some(at) = rest.find(piece.as_str()) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last.as_str())
}

/// Whether only one text fits.
pub(crate) fn is_exact(pattern: &str) -> bool {
    pieces(pattern).len() == 1
}

/// The pattern that only `text` fits.
pub(crate) fn exactly(text: &str) -> String {
    text.replace('\\', "\\\\").replace('*', "\\*")
}

/// What stands before, between and after the stars.
fn pieces(pattern: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '*' => pieces.push(std::mem::take(&mut piece)),
            // Before anything else a backslash is one.
            '\\' => piece.push(letters.next_if(|next| matches!(next, '*' | '\\')).unwrap_or('\\')),
            letter => piece.push(letter),
        }
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text) in [
            ("", ""),
            ("a", "a"),
            ("*", ""),
            ("*", "a\nb"),
            ("a*", "a"),
            ("a*c", "abc"),
            ("a*c", "acbc"),
            ("*b*", "abc"),
            ("**", "a"),
            ("a*b*c", "a-bb-c"),
            ("é*", "éa"),
            ("*aab", "aaab"),
        ] {
            assert!(fits(pattern, text), "{pattern:?} {text:?}");
        }
        for (pattern, text) in
            [("", "a"), ("a", "ab"), ("a*", "ba"), ("*a", "ab"), ("a*a", "a"), ("a*b*c", "a-c-b"), ("A", "a")]
        {
            assert!(!fits(pattern, text), "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn a_backslash_takes_the_meaning_from_a_star_and_from_itself() {
        for (pattern, text) in [
            (r"\*", "*"),
            (r"a\*b*", "a*bc"),
            (r"*\*", "a*"),
            (r"\\", r"\"),
            (r"\\*", r"\a"),
            (r"\\\*", r"\*"),
            (r"a\b", r"a\b"),
            (r"a\", r"a\"),
        ] {
            assert!(fits(pattern, text), "{pattern:?} {text:?}");
        }
        for (pattern, text) in [(r"\*", "a"), (r"\*", r"\*"), (r"\\", r"\\"), (r"a\*b*", "axbc"), (r"\\\*", r"\a")] {
            assert!(!fits(pattern, text), "{pattern:?} {text:?}");
        }
        for text in ["", "*", r"\", r"\*\\**", "a"] {
            let pattern = exactly(text);
            assert!(fits(&pattern, text) && is_exact(&pattern), "{text:?} {pattern:?}");
        }
        assert!(!is_exact(r"\\*") && is_exact(r"\*"));
    }
}
