//! A cursor over a message that never reads past its end.

use std::ops::Range;

use crate::message::ParseError;
use crate::message::layout::PartKind;
use crate::{Name, NameBuilder, NameError};

/// A position in a message; every read is checked and moves it.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'m> {
    message: &'m [u8],
    at: usize,
}

/// One part of a record's data: its octets, and its name when it is one.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// Where it is in the message.
    pub(crate) bytes: Range<usize>,
    /// The name, decompressed.
    pub(crate) name: Option<Name>,
}

impl<'m> Reader<'m> {
    /// A cursor at the start of a message.
    pub(crate) const fn new(message: &'m [u8]) -> Self {
        Self { message, at: 0 }
    }

    /// A cursor within a message.
    pub(crate) const fn new_at(message: &'m [u8], at: usize) -> Self {
        Self { message, at }
    }

    /// The offset of the next octet.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// Octets not read yet.
    pub(crate) const fn remaining(&self) -> usize {
        self.message.len().saturating_sub(self.at)
    }

    /// Octets that were read before.
    pub(crate) fn between(&self, bytes: Range<usize>) -> &'m [u8] {
        self.message.get(bytes).unwrap_or(&[])
    }

    /// The next `count` octets; `part` is named in the error.
    pub(crate) fn take(
        &mut self,
        count: usize,
        part: &'static str,
    ) -> Result<&'m [u8], ParseError> {
        let end = self.at.saturating_add(count);
        let taken = self
            .message
            .get(self.at..end)
            .ok_or(ParseError::Truncated { offset: self.message.len(), part })?;
        self.at = end;
        Ok(taken)
    }

    /// The next octet.
    pub(crate) fn u8(&mut self, part: &'static str) -> Result<u8, ParseError> {
        let taken = self.take(1, part)?;
        Ok(taken.first().copied().unwrap_or_default())
    }

    /// The next two octets as a number, the most significant first.
    pub(crate) fn u16(&mut self, part: &'static str) -> Result<u16, ParseError> {
        let taken = self.take(2, part)?;
        Ok(taken.iter().fold(0, |sum, octet| sum << 8 | u16::from(*octet)))
    }

    /// The next four octets as a number, the most significant first.
    pub(crate) fn u32(&mut self, part: &'static str) -> Result<u32, ParseError> {
        let taken = self.take(4, part)?;
        Ok(taken.iter().fold(0, |sum, octet| sum << 8 | u32::from(*octet)))
    }

    /// A name, compressed or not (RFC 1035 §4.1.4).
    ///
    /// A pointer must point in front of the labels that it ends, so that following pointers
    /// always comes to an end; [`POINTER_HOPS_MAX`] bounds the work besides.
    pub(crate) fn name(&mut self) -> Result<Name, ParseError> {
        let mut builder = NameBuilder::new();
        let start = self.at;
        let (mut segment, mut at) = (start, start);
        let (mut hops, mut end) = (0, None);
        let wrong = |error: NameError| ParseError::Name { offset: start, error };
        loop {
            let cut = ParseError::Truncated { offset: self.message.len(), part: "name" };
            let length = *self.message.get(at).ok_or(cut)?;
            match length {
                0 => break,
                1..=0x3f => {
                    let next = at + 1 + usize::from(length);
                    let label = self.message.get(at + 1..next).ok_or(cut)?;
                    builder.push_label(label).map_err(wrong)?;
                    at = next;
                }
                0xc0.. => {
                    let low = *self.message.get(at + 1).ok_or(cut)?;
                    let target = usize::from(length & 0x3f) << 8 | usize::from(low);
                    hops += 1;
                    if target >= segment {
                        return Err(ParseError::PointerForward { offset: at, target });
                    }
                    if hops > POINTER_HOPS_MAX {
                        return Err(ParseError::TooManyPointers { offset: start });
                    }
                    end.get_or_insert(at + 2);
                    (segment, at) = (target, target);
                }
                // RFC 6891 §5: the label types 01 and 10 are not in use.
                _ => return Err(ParseError::Name { offset: at, error: NameError::BadLabelType }),
            }
        }
        self.at = end.unwrap_or(at + 1);
        builder.finish().map_err(wrong)
    }

    /// One part of a record's data, which must end at `end` or before.
    pub(crate) fn piece(&mut self, kind: PartKind, end: usize) -> Result<Piece, ParseError> {
        let start = self.at;
        let mut name = None;
        match kind {
            PartKind::U8 => self.skip(1)?,
            PartKind::U16 | PartKind::TypeCode => self.skip(2)?,
            PartKind::U32 | PartKind::Seconds | PartKind::Ipv4 => self.skip(4)?,
            PartKind::Ipv6 => self.skip(16)?,
            PartKind::Name | PartKind::CompressibleName => name = Some(self.name()?),
            PartKind::Text | PartKind::LengthHex => {
                let length = self.u8(RDATA)?;
                self.skip(usize::from(length))?;
            }
            PartKind::Texts => {
                // RFC 1035 §3.3.14: one or more character strings.
                loop {
                    let length = self.u8(RDATA)?;
                    self.skip(usize::from(length))?;
                    if self.at >= end {
                        break;
                    }
                }
            }
            PartKind::Octets(count) => self.skip(count)?,
            PartKind::Hex
            | PartKind::Base64
            | PartKind::RestText
            | PartKind::TypeBitmap
            | PartKind::ServiceParameters => self.at = self.at.max(end),
        }
        if self.at > end {
            return Err(ParseError::Truncated { offset: end, part: RDATA });
        }
        Ok(Piece { bytes: start..self.at, name })
    }

    fn skip(&mut self, count: usize) -> Result<(), ParseError> {
        self.take(count, RDATA).map(|_| ())
    }
}

/// What a cut record's data is called in errors.
const RDATA: &str = "record data";

/// Most pointers followed for one name. A name has at most 127 labels, and a sensible writer
/// needs one pointer at the end of its own labels; each label behind a pointer of its own is
/// the most that RFC 1035 §4.1.4 lets happen.
pub(crate) const POINTER_HOPS_MAX: usize = 127;
