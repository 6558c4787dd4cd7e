//! Reading text values and expressions: where an expression starts and ends, and what it may hold.

/// A part of a text value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(String),
    Expression(String),
}

/// A token of an expression, as far as the checks need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Word(&'a str),
    Text,
    Symbol(char),
}

/// Splits a text value into literal text and expressions. Braces inside the text literals of an
/// expression, and those of a map, do not end it.
pub(super) fn split(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        push_literal(&mut pieces, &rest[..start])?;
        let inner = &rest[start + 2..];
        let end = expression_end(inner)?;
        let expression = &inner[..end];
        if expression.starts_with(['-', '+']) || expression.ends_with(['-', '+']) {
            return Err("white space control is not available; put a space after `{{` and before `}}`".to_owned());
        }
        pieces.push(Piece::Expression(expression.trim().to_owned()));
        rest = &inner[end + 2..];
    }
    push_literal(&mut pieces, rest)?;
    Ok(pieces)
}

/// The tokens of an expression, white space dropped.
pub(super) fn tokens(expression: &str) -> Result<Vec<Token<'_>>, String> {
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' => {
                tokens.push(Token::Text);
                text_literal_len(rest)?
            }
            c if is_word(c) => {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                tokens.push(Token::Word(&rest[..length]));
                length
            }
            c => {
                tokens.push(Token::Symbol(c));
                c.len_utf8()
            }
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn push_literal(pieces: &mut Vec<Piece>, text: &str) -> Result<(), String> {
    for (mark, name) in [("{%", "statements"), ("{#", "comments")] {
        if text.contains(mark) {
            return Err(format!("{name} (`{mark}`) are not available in templates, only `{{{{ expressions }}}}`"));
        }
    }
    if text.contains("}}") {
        return Err("`}}` stands without its `{{`".to_owned());
    }
    if !text.is_empty() {
        pieces.push(Piece::Literal(text.to_owned()));
    }
    Ok(())
}

/// Where the `}}` of an expression stands that starts at the beginning of `text`.
fn expression_end(text: &str) -> Result<usize, String> {
    let mut open = 0usize;
    let mut position = 0;
    while let Some(c) = text[position..].chars().next() {
        match c {
            '"' | '\'' => {
                position += text_literal_len(&text[position..])?;
                continue;
            }
            '{' => open += 1,
            '}' if open > 0 => open -= 1,
            '}' if text[position..].starts_with("}}") => return Ok(position),
            _ => {}
        }
        position += c.len_utf8();
    }
    Err("`{{` stands without its `}}`".to_owned())
}

/// Length of the text literal that `text` starts with, both quotes included.
fn text_literal_len(text: &str) -> Result<usize, String> {
    let mut chars = text.char_indices();
    let Some((_, quote)) = chars.next() else { return Ok(0) };
    while let Some((position, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == quote {
            return Ok(position + quote.len_utf8());
        }
    }
    Err("a text literal is not closed".to_owned())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Piece {
        Piece::Literal(text.to_owned())
    }

    fn expression(text: &str) -> Piece {
        Piece::Expression(text.to_owned())
    }

    #[test]
    fn text_and_expressions_are_told_apart() {
        assert_eq!(split("plain { text }").unwrap(), [literal("plain { text }")]);
        assert_eq!(split("").unwrap(), []);
        assert_eq!(split("{{a}}").unwrap(), [expression("a")]);
        assert_eq!(split("ü{{ a }}é{{b}}").unwrap(), [literal("ü"), expression("a"), literal("é"), expression("b")]);
    }

    #[test]
    fn braces_inside_an_expression_do_not_end_it() {
        for inner in ["'}}'", r#""}}""#, r#""\"}}""#, r"'\'}}'", "{'a': {'b': 1}}", "{'}': '{{'}.x", "'{%' ~ '{#'"] {
            assert_eq!(split(&format!("{{{{ {inner} }}}}")).unwrap(), [expression(inner)], "{inner}");
        }
        assert_eq!(split("{{ {'a':{}}}}").unwrap(), [expression("{'a':{}}")]);
    }

    #[test]
    fn statements_comments_and_stray_marks_are_refused() {
        for (text, part) in [
            ("{% if x %}", "statements"),
            ("{{ a }}{%x%}", "statements"),
            ("{# c #}", "comments"),
            ("a }} b", "without its `{{`"),
            ("{{ a", "without its `}}`"),
            ("{{ a }", "without its `}}`"),
            ("{{ 'a }}", "not closed"),
            (r"{{ 'a\' }}", "not closed"),
            ("{{- a }}", "white space control"),
            ("{{ a -}}", "white space control"),
        ] {
            assert!(split(text).unwrap_err().contains(part), "{text}");
        }
    }

    #[test]
    fn tokens_skip_what_text_literals_hold() {
        use Token::{Symbol, Text, Word};
        assert_eq!(
            tokens("a.b|join('*') ~ \"x|y\"").unwrap(),
            [
                Word("a"),
                Symbol('.'),
                Word("b"),
                Symbol('|'),
                Word("join"),
                Symbol('('),
                Text,
                Symbol(')'),
                Symbol('~'),
                Text
            ]
        );
        assert_eq!(tokens(" ü2 \n").unwrap(), [Word("ü2")]);
    }
}
