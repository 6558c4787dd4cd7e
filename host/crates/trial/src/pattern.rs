//! Expected texts, in which `*` stands for anything.

/// Whether `text` is what `pattern` describes: the same, but for what each `*` stands for.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
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
}
