//! `FETCH` (RFC 9051 §6.4.5, RFC 7162 §3.1.4).

use crate::imap::command::lexer::{Lexer, is_astring_char};
use crate::imap::command::parse::{Parse, message_set};
use crate::imap::command::{Command, Numbering};
use crate::imap::fetch::{FetchItemName, FetchRequest, Partial, Section, SectionText, Seen};
use crate::mailbox::ModSeq;

pub(super) fn fetch(lexer: &mut Lexer<'_>, numbering: Numbering) -> Parse<Command> {
    lexer.space()?;
    let messages = message_set(lexer)?;
    lexer.space()?;
    let items = if lexer.peek() == Some(b'(') {
        let start = lexer.clone();
        let items = lexer.list(item)?;
        if items.is_empty() || items.len() > ITEMS_MAX {
            return Err(start.expected("1 to 200 items").into());
        }
        items
    } else if let Some(items) = macro_items(lexer) {
        items
    } else {
        vec![item(lexer)?]
    };
    let mut request = FetchRequest { items, changed_since: None };
    if lexer.eat(b' ') {
        if !lexer.eat_word("(CHANGEDSINCE ") {
            return Err(lexer.expected("(CHANGEDSINCE").into());
        }
        request.changed_since = Some(ModSeq(lexer.number64()?));
        lexer.expect(b')', "a closing parenthesis")?;
    }
    Ok(Command::Fetch { messages, numbering, request })
}

/// The macros, which stand alone (RFC 9051 §6.4.5).
fn macro_items(lexer: &mut Lexer<'_>) -> Option<Vec<FetchItemName>> {
    use FetchItemName::{Body, Envelope, Flags, InternalDate, Size};
    let mut ahead = lexer.clone();
    let items = match ahead.keyword("an item").ok()?.as_str() {
        "ALL" => vec![Flags, InternalDate, Size, Envelope],
        "FAST" => vec![Flags, InternalDate, Size],
        "FULL" => vec![Flags, InternalDate, Size, Envelope, Body],
        _ => return None,
    };
    *lexer = ahead;
    Some(items)
}

fn item(lexer: &mut Lexer<'_>) -> Parse<FetchItemName> {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
    let start = lexer.clone();
    let name = lexer.take_while("an item", belongs)?.to_ascii_uppercase();
    let has_section = lexer.peek() == Some(b'[');
    Ok(match (name.as_slice(), has_section) {
        (b"ENVELOPE", false) => FetchItemName::Envelope,
        (b"FLAGS", false) => FetchItemName::Flags,
        (b"INTERNALDATE", false) => FetchItemName::InternalDate,
        (b"RFC822.SIZE", false) => FetchItemName::Size,
        (b"UID", false) => FetchItemName::Uid,
        (b"MODSEQ", false) => FetchItemName::ModSeq,
        (b"BODY", false) => FetchItemName::Body,
        (b"BODYSTRUCTURE", false) => FetchItemName::BodyStructure,
        (b"RFC822", false) => FetchItemName::Rfc822,
        (b"RFC822.HEADER", false) => FetchItemName::Rfc822Header,
        (b"RFC822.TEXT", false) => FetchItemName::Rfc822Text,
        (b"BODY", true) => body(lexer, Seen::Set)?,
        (b"BODY.PEEK", true) => body(lexer, Seen::Kept)?,
        (b"BINARY", true) => binary(lexer, Seen::Set)?,
        (b"BINARY.PEEK", true) => binary(lexer, Seen::Kept)?,
        (b"BINARY.SIZE", true) => FetchItemName::BinarySize { part: bracketed_part(lexer)? },
        _ => return Err(start.expected("a known item").into()),
    })
}

fn body(lexer: &mut Lexer<'_>, seen: Seen) -> Parse<FetchItemName> {
    let section = section(lexer)?;
    Ok(FetchItemName::Section { section, partial: partial(lexer)?, seen })
}

fn binary(lexer: &mut Lexer<'_>, seen: Seen) -> Parse<FetchItemName> {
    let part = bracketed_part(lexer)?;
    Ok(FetchItemName::Binary { part, partial: partial(lexer)?, seen })
}

/// `[1.2.HEADER.FIELDS (…)]` (RFC 9051 §9, `section`).
fn section(lexer: &mut Lexer<'_>) -> Parse<Section> {
    lexer.expect(b'[', "a section")?;
    let mut part = Vec::new();
    let mut has_text = lexer.peek() != Some(b']');
    while lexer.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        part.push(part_number(lexer, part.len())?);
        has_text = lexer.eat(b'.');
        if !has_text {
            break;
        }
    }
    let text = if has_text { section_text(lexer, !part.is_empty())? } else { SectionText::All };
    lexer.expect(b']', "a closing bracket")?;
    Ok(Section { part, text })
}

fn section_text(lexer: &mut Lexer<'_>, of_part: bool) -> Parse<SectionText> {
    let names = |lexer: &mut Lexer<'_>| {
        let start = lexer.clone();
        let names = lexer.list(Lexer::astring)?;
        // They are told again in the response: what needs quotes is no field's
        // name anyway (RFC 5322 §2.2).
        let is_name = |name: &Vec<u8>| {
            !name.is_empty() && name.iter().all(|byte| is_astring_char(*byte) && *byte != b':')
        };
        let are_names = !names.is_empty() && names.iter().all(is_name);
        if are_names { Ok(names) } else { Err(start.expected("names of fields")) }
    };
    if lexer.eat_word("HEADER.FIELDS.NOT ") {
        Ok(SectionText::HeaderFieldsNot(names(lexer)?))
    } else if lexer.eat_word("HEADER.FIELDS ") {
        Ok(SectionText::HeaderFields(names(lexer)?))
    } else if lexer.eat_word("HEADER") {
        Ok(SectionText::Header)
    } else if lexer.eat_word("TEXT") {
        Ok(SectionText::Text)
    } else if of_part && lexer.eat_word("MIME") {
        // Only a part has a MIME header of its own (RFC 9051 §6.4.5.1).
        Ok(SectionText::Mime)
    } else {
        Err(lexer.expected("HEADER, TEXT or a part").into())
    }
}

/// `[1.2]` (RFC 9051 §9, `section-binary`).
fn bracketed_part(lexer: &mut Lexer<'_>) -> Parse<Vec<u32>> {
    lexer.expect(b'[', "a section")?;
    let mut part = Vec::new();
    if lexer.peek() != Some(b']') {
        part.push(part_number(lexer, 0)?);
        while lexer.eat(b'.') {
            part.push(part_number(lexer, part.len())?);
        }
    }
    lexer.expect(b']', "a closing bracket")?;
    Ok(part)
}

fn part_number(lexer: &mut Lexer<'_>, depth: usize) -> Parse<u32> {
    let start = lexer.clone();
    let number = lexer.number()?;
    if number == 0 || depth >= PART_DEPTH_MAX {
        return Err(start.expected("a part's number").into());
    }
    Ok(number)
}

/// `<0.2048>`.
fn partial(lexer: &mut Lexer<'_>) -> Parse<Option<Partial>> {
    if !lexer.eat(b'<') {
        return Ok(None);
    }
    let first = lexer.number()?;
    lexer.expect(b'.', "a point")?;
    let start = lexer.clone();
    let count = lexer.number()?;
    if count == 0 {
        return Err(start.expected("a number of octets").into());
    }
    lexer.expect(b'>', "an angle bracket")?;
    Ok(Some(Partial { first, count }))
}

/// Items that one command may ask for.
const ITEMS_MAX: usize = 200;
/// Numbers in a part's path.
const PART_DEPTH_MAX: usize = 100;
