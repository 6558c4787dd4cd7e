//! Text from guests and their files, made safe for logs and people.

use std::ops::RangeInclusive;

/// Text of an untrusted file on a line of a terminal. Nothing in it steers the terminal, begins a line or
/// turns the direction of reading; it ends after `most` bytes.
pub fn printable(text: &str, most: usize) -> String {
    let shown = cut(text, most);
    let mut out = String::with_capacity(shown.len());
    for c in shown.chars() {
        if c.is_control() || MISLEADING.iter().any(|range| range.contains(&c)) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    if shown.len() < text.len() {
        out.push('…');
    }
    out
}

/// What separates lines and what changes the direction of reading.
const MISLEADING: [RangeInclusive<char>; 5] = [
    '\u{61c}'..='\u{61c}',
    '\u{200e}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2066}'..='\u{2069}',
    '\u{feff}'..='\u{feff}',
];

/// Control characters would let a guest forge log lines or steer a terminal.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// At most `bytes` of a text, ending with a whole character.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_cannot_be_forged() {
        assert_eq!(escaped("a\nb\u{1b}[2J é"), "a\\nb\\u{1b}[2J é");
    }

    #[test]
    fn what_is_printed_stays_on_its_line() {
        assert_eq!(printable("a\n\u{1b}[2J\u{9b}1m é", 64), "a\\u{a}\\u{1b}[2J\\u{9b}1m é");
        assert_eq!(printable("by \u{202e}eno\u{2069}\u{2028}", 64), "by \\u{202e}eno\\u{2069}\\u{2028}");
        assert_eq!(printable("abc", 3), "abc");
        assert_eq!(printable("abé", 3), "ab…");
    }

    #[test]
    fn cuts_keep_characters_whole() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("", 3), "");
    }
}
