//! `SEARCH` (RFC 9051 §6.4.4, RFC 7162 §3.1.5).

use encoding_rs::{Encoding, UTF_8};

use crate::imap::command::Numbering;
use crate::imap::command::lexer::{Lexer, is_atom_char};
use crate::imap::command::parse::{CommandError, Parse, message_set};
use crate::imap::date::Date;
use crate::imap::search::{SearchCommand, SearchKey, SearchReturn};
use crate::mailbox::{Flag, ModSeq};

pub(super) fn search(lexer: &mut Lexer<'_>, numbering: Numbering) -> Parse<SearchCommand> {
    let mut returns = None;
    if lexer.eat_word(" RETURN ") {
        let asked = lexer.list(returned)?;
        // An empty list asks for all (RFC 9051 §6.4.4).
        returns = Some(if asked.is_empty() { vec![SearchReturn::All] } else { asked });
    }
    let mut charset = UTF_8;
    if lexer.eat_word(" CHARSET ") {
        let label = lexer.astring()?;
        // US-ASCII is a part of UTF-8; what is no ASCII is refused there.
        charset = Encoding::for_label(&label).ok_or(CommandError::Charset)?;
        if label.eq_ignore_ascii_case(b"US-ASCII") {
            charset = UTF_8;
        }
    }
    let mut keys = Keys { charset, left: KEYS_MAX };
    let mut all = Vec::new();
    lexer.space()?;
    loop {
        all.push(keys.key(lexer, 0)?);
        if !lexer.eat(b' ') {
            break;
        }
    }
    let key = match <[SearchKey; 1]>::try_from(all) {
        Ok([only]) => only,
        Err(all) => SearchKey::And(all),
    };
    Ok(SearchCommand { numbering, returns, key })
}

fn returned(lexer: &mut Lexer<'_>) -> Parse<SearchReturn> {
    Ok(match lexer.keyword("a return option")?.as_str() {
        "MIN" => SearchReturn::Min,
        "MAX" => SearchReturn::Max,
        "ALL" => SearchReturn::All,
        "COUNT" => SearchReturn::Count,
        "SAVE" => SearchReturn::Save,
        _ => return Err(lexer.expected("MIN, MAX, ALL, COUNT or SAVE").into()),
    })
}

/// Reads keys with the texts' charset, as long as there may be more.
struct Keys {
    charset: &'static Encoding,
    left: usize,
}

impl Keys {
    fn key(&mut self, lexer: &mut Lexer<'_>, depth: usize) -> Parse<SearchKey> {
        self.left = self.left.checked_sub(1).ok_or(CommandError::SearchTooComplex)?;
        if depth > DEPTH_MAX {
            return Err(CommandError::SearchTooComplex);
        }
        match lexer.peek() {
            Some(b'(') => {
                let start = lexer.clone();
                let keys = lexer.list(|lexer| self.key(lexer, depth + 1))?;
                if keys.is_empty() {
                    return Err(start.expected("a search key").into());
                }
                Ok(SearchKey::And(keys))
            }
            Some(b'$' | b'*' | b'0'..=b'9') => message_set(lexer).map(SearchKey::Numbers),
            _ => {
                let start = lexer.clone();
                let name = lexer.keyword("a search key")?;
                if let Some(key) = flag_key(&name) {
                    return Ok(key);
                }
                lexer.space().map_err(|_| start.expected("a known search key"))?;
                self.with_argument(&name, &start, lexer, depth)
            }
        }
    }

    fn with_argument(
        &mut self,
        name: &str,
        start: &Lexer<'_>,
        lexer: &mut Lexer<'_>,
        depth: usize,
    ) -> Parse<SearchKey> {
        Ok(match name {
            "NOT" => SearchKey::Not(Box::new(self.key(lexer, depth + 1)?)),
            "OR" => {
                let one = self.key(lexer, depth + 1)?;
                lexer.space()?;
                SearchKey::Or(Box::new(one), Box::new(self.key(lexer, depth + 1)?))
            }
            "UID" => SearchKey::Uids(message_set(lexer)?),
            "KEYWORD" => keyword(lexer)?,
            "UNKEYWORD" => SearchKey::Not(Box::new(keyword(lexer)?)),
            "BEFORE" => SearchKey::Before(date(lexer)?),
            "ON" => SearchKey::On(date(lexer)?),
            "SINCE" => SearchKey::Since(date(lexer)?),
            "SENTBEFORE" => SearchKey::SentBefore(date(lexer)?),
            "SENTON" => SearchKey::SentOn(date(lexer)?),
            "SENTSINCE" => SearchKey::SentSince(date(lexer)?),
            "LARGER" => SearchKey::Larger(lexer.number64()?),
            "SMALLER" => SearchKey::Smaller(lexer.number64()?),
            "BCC" | "CC" | "FROM" | "SUBJECT" | "TO" => {
                SearchKey::Header(name.to_ascii_lowercase(), self.text(lexer)?)
            }
            "HEADER" => {
                let field = self.text(lexer)?;
                lexer.space()?;
                SearchKey::Header(field, self.text(lexer)?)
            }
            "BODY" => SearchKey::Body(self.text(lexer)?),
            "TEXT" => SearchKey::Text(self.text(lexer)?),
            "MODSEQ" => mod_seq(lexer)?,
            _ => return Err(start.expected("a known search key").into()),
        })
    }

    /// A text, decoded from its charset.
    fn text(&self, lexer: &mut Lexer<'_>) -> Parse<String> {
        let start = lexer.clone();
        let octets = lexer.astring()?;
        let (text, had_errors) = self.charset.decode_without_bom_handling(&octets);
        if had_errors {
            return Err(start.expected("text in the search's charset").into());
        }
        Ok(text.into_owned())
    }
}

fn flag_key(name: &str) -> Option<SearchKey> {
    let flag = |name| SearchKey::Flag(Flag::system(name));
    let not = |name| SearchKey::Not(Box::new(flag(name)));
    Some(match name {
        "ALL" => SearchKey::All,
        "ANSWERED" => flag("\\Answered"),
        "DELETED" => flag("\\Deleted"),
        "DRAFT" => flag("\\Draft"),
        "FLAGGED" => flag("\\Flagged"),
        "SEEN" => flag("\\Seen"),
        "UNANSWERED" => not("\\Answered"),
        "UNDELETED" => not("\\Deleted"),
        "UNDRAFT" => not("\\Draft"),
        "UNFLAGGED" => not("\\Flagged"),
        "UNSEEN" => not("\\Seen"),
        // NEW is RECENT UNSEEN, OLD is NOT RECENT (RFC 3501 §6.4.4).
        "RECENT" | "NEW" => SearchKey::Recent,
        "OLD" => SearchKey::Not(Box::new(SearchKey::Recent)),
        _ => return None,
    })
}

fn keyword(lexer: &mut Lexer<'_>) -> Parse<SearchKey> {
    let start = lexer.clone();
    let backslash = if lexer.eat(b'\\') { "\\" } else { "" };
    let name = lexer.take_while("a keyword", is_atom_char)?;
    let name = format!("{backslash}{}", String::from_utf8_lossy(name));
    let flag = Flag::parse(&name).map_err(|_| start.expected("a keyword"))?;
    Ok(SearchKey::Flag(flag))
}

/// A day, with or without quotes.
fn date(lexer: &mut Lexer<'_>) -> Parse<Date> {
    let start = lexer.clone();
    let text = lexer.astring()?;
    let date = std::str::from_utf8(&text).ok().and_then(Date::parse);
    date.ok_or_else(|| start.expected("a date such as 1-Feb-1994").into())
}

/// `MODSEQ ["/flags/\\Seen" all] 620162338`: the modseq of single flags is not
/// kept, so the message's stands for it (RFC 7162 §3.1.5).
fn mod_seq(lexer: &mut Lexer<'_>) -> Parse<SearchKey> {
    if lexer.peek() == Some(b'"') {
        lexer.string()?;
        lexer.space()?;
        let kind = lexer.keyword("priv, shared or all")?;
        if !matches!(kind.as_str(), "PRIV" | "SHARED" | "ALL") {
            return Err(lexer.expected("priv, shared or all").into());
        }
        lexer.space()?;
    }
    Ok(SearchKey::ModSeq(ModSeq(lexer.number64()?)))
}

/// Keys that one search may have.
const KEYS_MAX: usize = 1_000;
/// How deep they may be nested.
const DEPTH_MAX: usize = 20;
