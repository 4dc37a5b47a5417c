//! Words and entries of a master file (RFC 1035 §5.1).
//!
//! ```text
//!   www  IN  TXT  ( "two words"   ; a comment
//!                   key="a b" )
//!   ^    ^   ^      ^           ^ each word keeps its line and column
//! ```
//!
//! An entry is a line, or several lines within parentheses. Words are slices of the file:
//! escapes and quotes stay until the word's reader takes them off.

use crate::name::unescape;
use crate::{Name, NameError};

use super::Problem;

/// A word of an entry: where it stands in the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    start: u32,
    end: u32,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// What stands at the start of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Indent {
    /// The first word starts the line: it is an owner or a directive.
    None,
    /// White space: the owner is that of the entry before.
    Space,
}

/// A fault in the text, at a line and a column.
#[derive(Debug)]
pub(crate) struct TokenError {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) problem: Problem,
}

/// Cuts a text into entries, one at a time.
#[derive(Debug)]
pub(crate) struct Tokenizer<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
    line_start: usize,
}

impl<'a> Tokenizer<'a> {
    /// Starts at the first line; the caller has checked [`super::FILE_OCTETS_MAX`].
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, line: 1, line_start: 0 }
    }

    /// Fills `tokens` with the words of the next entry that has any; none at the end.
    pub(crate) fn next_entry(
        &mut self,
        tokens: &mut Vec<Token>,
    ) -> Result<Option<Indent>, TokenError> {
        tokens.clear();
        let mut open: Vec<(u32, u32)> = Vec::new();
        let mut indent = self.indent();
        while let Some(&octet) = self.text.get(self.at) {
            match octet {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b';' => self.skip_comment(),
                b'\n' => {
                    self.end_line();
                    if open.is_empty() {
                        if !tokens.is_empty() {
                            return Ok(Some(indent));
                        }
                        indent = self.indent();
                    }
                }
                b'(' => {
                    open.push((self.line, self.column()));
                    if open.len() > PARENTHESES_MAX {
                        return Err(self.fault(Problem::TooManyParentheses));
                    }
                    self.at += 1;
                }
                b')' => {
                    if open.pop().is_none() {
                        return Err(self.fault(Problem::UnopenedParenthesis));
                    }
                    self.at += 1;
                }
                _ => tokens.push(self.word()?),
            }
        }
        if let Some((line, column)) = open.pop() {
            return Err(TokenError { line, column, problem: Problem::UnclosedParenthesis });
        }
        Ok((!tokens.is_empty()).then_some(indent))
    }

    /// Leaves the entry in which an error was found: goes to the next line.
    pub(crate) fn recover(&mut self) {
        while let Some(&octet) = self.text.get(self.at) {
            if octet == b'\n' {
                self.end_line();
                return;
            }
            self.at += 1;
        }
    }

    fn indent(&self) -> Indent {
        match self.text.get(self.at) {
            Some(b' ' | b'\t') => Indent::Space,
            _ => Indent::None,
        }
    }

    fn end_line(&mut self) {
        self.at += 1;
        self.line = self.line.saturating_add(1);
        self.line_start = self.at;
    }

    fn skip_comment(&mut self) {
        while self.text.get(self.at).is_some_and(|&octet| octet != b'\n') {
            self.at += 1;
        }
    }

    fn column(&self) -> u32 {
        u32::try_from(self.at - self.line_start).unwrap_or(u32::MAX - 1) + 1
    }

    fn fault(&self, problem: Problem) -> TokenError {
        TokenError { line: self.line, column: self.column(), problem }
    }

    /// One word. A word that starts with a quote ends with its closing quote; a quote
    /// further in (`alpn="h2,h3"`) lets the word have spaces (RFC 9460 §2.1).
    fn word(&mut self) -> Result<Token, TokenError> {
        let (start, column) = (self.at, self.column());
        let starts_quoted = self.text.get(start) == Some(&b'"');
        let mut quoted = false;
        while let Some(&octet) = self.text.get(self.at) {
            match octet {
                b'\\' => self.at += 1,
                b'"' => {
                    quoted = !quoted;
                    if !quoted && starts_quoted {
                        self.at += 1;
                        break;
                    }
                }
                b'\n' if quoted => break,
                _ if quoted => {}
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' => break,
                _ => {}
            }
            // A backslash must not take the end of the line into the word.
            if self.text.get(self.at) != Some(&b'\n') {
                self.at += 1;
            }
        }
        self.at = self.at.min(self.text.len());
        let whole = !quoted || (starts_quoted && self.ends_quoted(start));
        if !whole {
            return Err(TokenError { line: self.line, column, problem: Problem::UnclosedQuote });
        }
        Ok(Token { start: offset(start), end: offset(self.at), line: self.line, column })
    }

    fn ends_quoted(&self, start: usize) -> bool {
        self.at > start + 1 && self.text.get(self.at - 1) == Some(&b'"')
    }
}

/// The words of an entry with the text that they are slices of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) tokens: &'a [Token],
}

impl<'a> Words<'a> {
    /// The word as it stands in the file.
    pub(crate) fn raw(&self, index: usize) -> Option<&'a [u8]> {
        let token = self.tokens.get(index)?;
        self.text.get(token.start as usize..token.end as usize)
    }

    /// The words from `index` on.
    pub(crate) fn from(&self, index: usize) -> Self {
        Self { text: self.text, tokens: self.tokens.get(index..).unwrap_or(&[]) }
    }

    /// The word as text, when it has no escapes that matter: mnemonics and numbers.
    pub(crate) fn text(&self, index: usize) -> Option<&'a str> {
        std::str::from_utf8(self.raw(index)?).ok()
    }

    /// Appends the octets of a word, its quotes and escapes taken off.
    pub(crate) fn octets(&self, index: usize, out: &mut Vec<u8>) -> Result<(), Problem> {
        for symbol in Symbols::new(self.raw(index).ok_or(Problem::MissingWord)?) {
            out.push(symbol?.octet);
        }
        Ok(())
    }

    /// Reads a word as a name, relative to `origin`; `@` is the origin.
    pub(crate) fn name(&self, index: usize, origin: Option<&Name>) -> Result<Name, Problem> {
        let raw = self.raw(index).ok_or(Problem::MissingWord)?;
        if raw == b"@" {
            return origin.cloned().ok_or(Problem::NoOrigin);
        }
        if let Some(origin) = origin {
            return Ok(Name::parse_octets(raw, Some(origin))?);
        }
        let name = Name::parse_octets(raw, None)?;
        if ends_with_dot(raw) { Ok(name) } else { Err(Problem::NoOrigin) }
    }
}

/// Whether a name is absolute: its last octet is a dot that is not escaped.
fn ends_with_dot(raw: &[u8]) -> bool {
    let Some((b'.', front)) = raw.split_last() else { return false };
    front.iter().rev().take_while(|&&octet| octet == b'\\').count() % 2 == 0
}

/// An octet of a word and whether it was escaped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Symbol {
    pub(crate) octet: u8,
    pub(crate) escaped: bool,
}

/// The octets of a raw word without its quotes.
#[derive(Clone, Debug)]
pub(crate) struct Symbols<'a> {
    rest: &'a [u8],
}

impl<'a> Symbols<'a> {
    /// Reads `raw` as it stands in a file.
    pub(crate) fn new(raw: &'a [u8]) -> Self {
        Self { rest: raw }
    }
}

impl Iterator for Symbols<'_> {
    type Item = Result<Symbol, NameError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&octet, rest) = self.rest.split_first()?;
            self.rest = rest;
            match octet {
                b'"' => {}
                b'\\' => {
                    return Some(unescape(rest).map(|(octet, used)| {
                        self.rest = rest.get(used..).unwrap_or(&[]);
                        Symbol { octet, escaped: true }
                    }));
                }
                _ => return Some(Ok(Symbol { octet, escaped: false })),
            }
        }
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Deepest nesting of parentheses; real files have one.
const PARENTHESES_MAX: usize = 32;
