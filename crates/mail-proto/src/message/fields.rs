//! The fields of a header, as they stand (RFC 5322 §2.2).

use std::borrow::Cow;
use std::ops::Range;

/// One field of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Where it stands in the header, with its line ends.
    pub range: Range<usize>,
    /// What is before the colon, without spaces (RFC 5322 §4.5); empty for a
    /// line that is no field.
    pub name: &'a [u8],
    /// What is after the colon, folded as it is, without the last line end.
    pub value: &'a [u8],
}

/// The fields of a header, one after the other.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    header: &'a [u8],
    at: usize,
}

/// The fields of a header. It ends at its first empty line or where `header`
/// does; a folded field is one (RFC 5322 §2.2.3). Lines end with LF, with or
/// without CR.
#[must_use]
pub const fn fields(header: &[u8]) -> Fields<'_> {
    Fields { header, at: 0 }
}

/// The value of the first field of that name.
#[must_use]
pub fn first<'a>(header: &'a [u8], name: &str) -> Option<&'a [u8]> {
    fields(header).find(|field| field.is(name)).map(|field| field.value)
}

/// A value in one line: the line ends of its folds and the spaces around it are
/// taken away (RFC 5322 §2.2.3).
#[must_use]
pub fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    let value = value.trim_ascii();
    if !value.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return Cow::Borrowed(value);
    }
    let mut unfolded = Vec::with_capacity(value.len());
    for line in value.split(|byte| *byte == b'\n') {
        unfolded.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
    }
    Cow::Owned(unfolded)
}

impl Field<'_> {
    /// Whether it has that name, in any case (RFC 5322 §1.2.2).
    #[must_use]
    pub const fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let start = self.at;
        let mut end = line_end(self.header, start)?;
        if is_empty_line(self.header.get(start..end)?) {
            return None;
        }
        while matches!(self.header.get(end), Some(b' ' | b'\t')) {
            let Some(next) = line_end(self.header, end) else { break };
            end = next;
        }
        self.at = end;
        let text = without_line_end(self.header.get(start..end)?);
        let (name, value) = match text.iter().position(|byte| matches!(byte, b':' | b'\n')) {
            Some(colon) if text.get(colon) == Some(&b':') => {
                (text.get(..colon)?.trim_ascii(), text.get(colon + 1..)?)
            }
            _ => (&text[..0], text),
        };
        Some(Field { range: start..end, name, value })
    }
}

/// Where the line that begins at `start` ends, behind its LF; none at the end.
pub(super) fn line_end(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
    let long = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
    Some(start + long)
}

/// Whether a line has nothing but its end.
pub(super) const fn is_empty_line(line: &[u8]) -> bool {
    matches!(line, b"\r\n" | b"\n")
}

/// A line without its LF or CR LF.
pub(super) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
