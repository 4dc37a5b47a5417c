//! The words and signs of a filter.

use super::parse::FilterError;
use super::{Operator, problem};

/// A word or sign with the column where it begins, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) column: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    And,
    Or,
    Not,
    Operator(Operator),
    /// A bare word.
    Word(String),
    /// A word in quotes.
    Quoted(String),
}

/// Longest filter that is read.
const FILTER_CHARS_MAX: usize = 4096;

/// Two-character signs first, so that `<=` is not read as `<`.
const SIGNS: [(&str, Kind); 15] = [
    ("&&", Kind::And),
    ("||", Kind::Or),
    ("==", Kind::Operator(Operator::Equal)),
    ("!=", Kind::Operator(Operator::NotEqual)),
    ("!~", Kind::Operator(Operator::ContainsNot)),
    ("<=", Kind::Operator(Operator::AtMost)),
    (">=", Kind::Operator(Operator::AtLeast)),
    ("(", Kind::Open),
    (")", Kind::Close),
    ("!", Kind::Not),
    ("~", Kind::Operator(Operator::Contains)),
    ("<", Kind::Operator(Operator::Less)),
    (">", Kind::Operator(Operator::Greater)),
    ("=", Kind::Operator(Operator::Equal)),
    ("¬", Kind::Not),
];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    if text.chars().count() > FILTER_CHARS_MAX {
        let en = format!("the filter is longer than {FILTER_CHARS_MAX} characters");
        let es = format!("el filtro tiene más de {FILTER_CHARS_MAX} caracteres");
        return Err(FilterError::new(FILTER_CHARS_MAX, problem(en, es)));
    }
    let mut tokens = Vec::new();
    let (mut rest, mut column) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let (kind, length) = if first.is_whitespace() {
            (None, first.len_utf8())
        } else if first == '"' {
            let (word, length) = quoted(rest, column)?;
            (Some(Kind::Quoted(word)), length)
        } else if let Some((sign, kind)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            (Some(kind.clone()), sign.len())
        } else {
            let length = rest.find(ends_word).unwrap_or(rest.len());
            if length == 0 {
                let en = format!("`{first}` has no meaning here");
                return Err(FilterError::new(
                    column,
                    problem(en, format!("`{first}` no significa nada aquí")),
                ));
            }
            (Some(word(&rest[..length])), length)
        };
        if let Some(kind) = kind {
            tokens.push(Token { column, kind });
        }
        column += rest[..length].chars().count();
        rest = &rest[length..];
    }
    Ok(tokens)
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || "()!~<>=&|\"¬".contains(c)
}

fn word(text: &str) -> Kind {
    match text {
        "and" => Kind::And,
        "or" => Kind::Or,
        "not" => Kind::Not,
        _ => Kind::Word(text.to_owned()),
    }
}

/// The text between quotes, where `\"` and `\\` stand for `"` and `\`; and
/// the length with the quotes.
fn quoted(text: &str, column: usize) -> Result<(String, usize), FilterError> {
    let mut word = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => {
                word.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Ok((word, at + 1)),
            c => word.push(c),
        }
    }
    let (en, es) = ("these quotes are not closed", "estas comillas no se cierran");
    Err(FilterError::new(column, problem(en, es)))
}
