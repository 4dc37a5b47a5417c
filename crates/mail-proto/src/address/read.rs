//! Reading addresses and paths from the front of a text.

use super::{Address, AddressError};

/// A path as a client wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathText {
    /// `<>`.
    Null,
    /// `<Postmaster>`, without a domain (RFC 5321 §4.1.1.3).
    Postmaster,
    /// `<a@b>`, perhaps with a source route, which is ignored (RFC 5321 §F.2).
    Mailbox(Address),
}

/// Reads a path at the front of `text`; also returns what follows its `>`.
///
/// # Errors
/// When there is none.
pub fn read_path(text: &str) -> Result<(PathText, &str), AddressError> {
    path(text).map_err(|problem| AddressError { text: text.to_owned(), problem })
}

fn path(text: &str) -> Result<(PathText, &str), &'static str> {
    let inside = text.strip_prefix('<').ok_or("a path begins with <")?;
    if let Some(rest) = inside.strip_prefix('>') {
        return Ok((PathText::Null, rest));
    }
    if let Some((word, rest)) = inside.split_once('>')
        && word.eq_ignore_ascii_case("postmaster")
    {
        return Ok((PathText::Postmaster, rest));
    }
    let (address, rest) = mailbox(after_route(inside)?)?;
    let rest = rest.strip_prefix('>').ok_or("a path ends with >")?;
    Ok((PathText::Mailbox(address), rest))
}

/// Skips `@one,@two:` (RFC 5321 §4.1.1.3: it should be ignored).
fn after_route(text: &str) -> Result<&str, &'static str> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    let (route, rest) = text.split_once(':').ok_or("a source route ends with :")?;
    for hop in route.split(',') {
        let domain = hop.strip_prefix('@').ok_or("a source route has domains with @")?;
        super::domain_of(domain)?;
    }
    Ok(rest)
}

/// A mailbox at the front of a text, and what follows it.
pub(super) fn mailbox(text: &str) -> Result<(Address, &str), &'static str> {
    let (local, rest) = match text.strip_prefix('"') {
        Some(quoted) => quoted_string(quoted)?,
        None => dot_string(text)?,
    };
    let rest = rest.strip_prefix('@').ok_or("it has no @")?;
    let end = if rest.starts_with('[') {
        rest.find(']').map_or(rest.len(), |at| at + 1)
    } else {
        rest.find(|c: char| c.is_ascii() && !is_domain_character(c)).unwrap_or(rest.len())
    };
    let (domain, rest) = rest.split_at(end);
    let address = Address::new(&local, domain).map_err(|error| error.problem)?;
    Ok((address, rest))
}

/// RFC 5321 §4.1.2, `Dot-string`, with RFC 6531 §3.3.
fn dot_string(text: &str) -> Result<(String, &str), &'static str> {
    let end = text.find(|c| !is_atext(c) && c != '.').unwrap_or(text.len());
    let (local, rest) = text.split_at(end);
    if local.is_empty() {
        return Err("nothing stands before the @");
    }
    if !is_dot_string(local) {
        return Err("a dot stands where none may be; quotes allow it");
    }
    Ok((local.to_owned(), rest))
}

/// RFC 5321 §4.1.2, `Quoted-string`, after its first quote.
fn quoted_string(text: &str) -> Result<(String, &str), &'static str> {
    let mut local = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        let taken = match c {
            '"' => return Ok((local, text.get(at + 1..).unwrap_or_default())),
            '\\' => characters.next().map(|(_, quoted)| quoted).ok_or(UNENDED)?,
            other => other,
        };
        if taken.is_control() {
            return Err("a control character stands before the @");
        }
        local.push(taken);
    }
    Err(UNENDED)
}

const UNENDED: &str = "its quotes do not end";

pub(super) fn is_dot_string(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// RFC 5322 §3.2.3, `atext`, with everything beyond ASCII that is no control
/// character (RFC 6531 §3.3, RFC 6532 §3.2).
fn is_atext(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    }
    !c.is_control()
}

const fn is_domain_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}
