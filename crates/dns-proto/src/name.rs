//! Domain names: absolute, uncompressed, compared without regard to case.
//!
//! ```text
//!   3  w  w  w  7  e  x  a  m  p  l  e  3  c  o  m  0
//!   |  \_____/  |  \_________________/  |  \_____/  |
//!   length      length octet of the     length      the root label
//!   octet       second label                        ends every name
//! ```

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// An absolute domain name in wire form (RFC 1035 §3.1), its case preserved.
///
/// Equality, order and hash ignore ASCII case (RFC 4343 §3); the order is the
/// canonical one (RFC 4034 §6.1), so that a name sorts just before everything below it.
/// Names of up to 30 octets are stored inline.
#[derive(Clone)]
pub struct Name {
    storage: Storage,
}

#[derive(Clone)]
enum Storage {
    Inline { length: u8, octets: [u8; INLINE_OCTETS_MAX] },
    Heap(Box<[u8]>),
}

/// Why octets or text are not a domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// A label has more than 63 octets (RFC 1035 §2.3.4).
    #[error("a label is longer than 63 octets; split it with a dot")]
    LabelTooLong,
    /// The wire form has more than 255 octets (RFC 1035 §2.3.4).
    #[error("the name is longer than 255 octets in wire form")]
    NameTooLong,
    /// Two dots in a row, or a dot at the start.
    #[error("an empty label; write one dot between labels and none in front")]
    EmptyLabel,
    /// The text is empty; the root is written as one dot.
    #[error("an empty name; the root is written as a single dot")]
    Empty,
    /// A backslash is not followed by a character or by three digits up to 255.
    #[error("a bad escape; write \\. for a dot in a label or \\DDD with three digits up to 255")]
    BadEscape,
    /// The wire form ends before the root label, or goes on after it.
    #[error("the wire form does not end with exactly one root label")]
    BadEnd,
    /// A length octet above 63: a compression pointer or an unassigned label type.
    #[error("a label type that is not an ordinary label")]
    BadLabelType,
}

impl Name {
    /// The root, a single empty label.
    pub const fn root() -> Self {
        Self { storage: Storage::Inline { length: 1, octets: [0; INLINE_OCTETS_MAX] } }
    }

    /// Parses presentation form with `\.` and `\DDD` escapes (RFC 1035 §5.1).
    ///
    /// The name is absolute with or without a dot at its end.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Self::parse_octets(text.as_bytes(), None)
    }

    /// Parses presentation form; without a dot at its end the name is below `origin`.
    ///
    /// # Errors
    /// The first rule that the text breaks; [`NameError::NameTooLong`] also for the sum.
    pub fn parse_relative(text: &str, origin: &Self) -> Result<Self, NameError> {
        Self::parse_octets(text.as_bytes(), Some(origin))
    }

    /// Like [`Name::parse_relative`] over octets, for files that are not UTF-8.
    pub(crate) fn parse_octets(text: &[u8], origin: Option<&Self>) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text == b"." {
            return Ok(Self::root());
        }
        let mut builder = NameBuilder::new();
        let mut at = 0;
        let mut open = false;
        while let Some(&octet) = text.get(at) {
            at += 1;
            match octet {
                b'.' if !open => return Err(NameError::EmptyLabel),
                b'.' => {
                    builder.end_label()?;
                    open = false;
                }
                b'\\' => {
                    let (value, used) = unescape(text.get(at..).unwrap_or(&[]))?;
                    builder.push_octet(value)?;
                    at += used;
                    open = true;
                }
                _ => {
                    builder.push_octet(octet)?;
                    open = true;
                }
            }
        }
        if open {
            builder.end_label()?;
            if let Some(origin) = origin {
                return builder.finish_with(origin);
            }
        }
        builder.finish()
    }

    /// Takes an uncompressed wire form that fills `octets` exactly.
    ///
    /// # Errors
    /// [`NameError::BadEnd`], [`NameError::BadLabelType`] or [`NameError::NameTooLong`].
    pub fn from_wire(octets: &[u8]) -> Result<Self, NameError> {
        let length = wire_length(octets)?;
        if length != octets.len() {
            return Err(NameError::BadEnd);
        }
        Ok(Self::from_valid(octets))
    }

    /// Takes the uncompressed name at the start of `octets`; its length is [`Name::wire_len`].
    ///
    /// # Errors
    /// As for [`Name::from_wire`], but octets may follow.
    pub fn from_wire_prefix(octets: &[u8]) -> Result<Self, NameError> {
        let length = wire_length(octets)?;
        Ok(Self::from_valid(octets.get(..length).ok_or(NameError::BadEnd)?))
    }

    fn from_valid(octets: &[u8]) -> Self {
        match u8::try_from(octets.len()) {
            Ok(length) if octets.len() <= INLINE_OCTETS_MAX => {
                let mut inline = [0; INLINE_OCTETS_MAX];
                inline[..octets.len()].copy_from_slice(octets);
                Self { storage: Storage::Inline { length, octets: inline } }
            }
            _ => Self { storage: Storage::Heap(octets.into()) },
        }
    }

    /// The uncompressed wire form, from the first length octet to the root label.
    pub fn as_wire(&self) -> &[u8] {
        match &self.storage {
            Storage::Inline { length, octets } => &octets[..usize::from(*length)],
            Storage::Heap(octets) => octets,
        }
    }

    /// Octets of the wire form, 1 for the root, at most 255.
    pub fn wire_len(&self) -> usize {
        self.as_wire().len()
    }

    /// The labels from the leftmost to the top one, without the root's empty label.
    pub fn labels(&self) -> Labels<'_> {
        Labels { rest: self.as_wire() }
    }

    /// Number of labels, the root's empty label not counted.
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.as_wire().len() == 1
    }

    /// Whether the leftmost label is a single asterisk (RFC 4592 §2.1.1).
    pub fn is_wildcard(&self) -> bool {
        self.as_wire().starts_with(b"\x01*")
    }

    /// The name without its leftmost label; none for the root.
    pub fn parent(&self) -> Option<Self> {
        let wire = self.as_wire();
        let first = usize::from(*wire.first()?);
        if first == 0 {
            return None;
        }
        wire.get(first + 1..).map(Self::from_valid)
    }

    /// This name, its parent, and so on up to the root.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        std::iter::successors(Some(self.clone()), Self::parent)
    }

    /// The rightmost `labels` labels; the whole name when it has no more than these.
    pub fn suffix(&self, labels: usize) -> Self {
        let skip = self.label_count().saturating_sub(labels);
        let mut rest = self.labels();
        for _ in 0..skip {
            rest.next();
        }
        Self::from_valid(rest.rest)
    }

    /// Whether this name is `other` or below it.
    pub fn is_subdomain_of(&self, other: &Self) -> bool {
        let (wire, suffix) = (self.as_wire(), other.as_wire());
        let Some(split) = wire.len().checked_sub(suffix.len()) else { return false };
        if !wire[split..].eq_ignore_ascii_case(suffix) {
            return false;
        }
        // Equal octets are a suffix of labels only when they start at a length octet.
        let mut at = 0;
        while at < split {
            at += usize::from(wire[at]) + 1;
        }
        at == split
    }

    /// The name one label below this one.
    ///
    /// # Errors
    /// When the label is empty or too long, or the name gets too long.
    pub fn child(&self, label: &[u8]) -> Result<Self, NameError> {
        if label.is_empty() {
            return Err(NameError::EmptyLabel);
        }
        let mut builder = NameBuilder::new();
        builder.push_label(label)?;
        builder.finish_with(self)
    }

    /// This name with its ancestor `from` replaced by `to`, as DNAME does (RFC 6672 §2.2).
    ///
    /// # Errors
    /// [`NameError::NameTooLong`]; [`NameError::BadEnd`] when this is not below `from`.
    pub fn rebase(&self, from: &Self, to: &Self) -> Result<Self, NameError> {
        if !self.is_subdomain_of(from) {
            return Err(NameError::BadEnd);
        }
        let mut builder = NameBuilder::new();
        for label in self.labels().take(self.label_count() - from.label_count()) {
            builder.push_label(label)?;
        }
        builder.finish_with(to)
    }

    /// The same name with ASCII letters in lower case.
    #[must_use]
    pub fn to_lowercase(&self) -> Self {
        let mut lower = self.clone();
        // Length octets are at most 63 and therefore never taken for letters.
        match &mut lower.storage {
            Storage::Inline { octets, .. } => octets.make_ascii_lowercase(),
            Storage::Heap(octets) => octets.make_ascii_lowercase(),
        }
        lower
    }
}

/// Reads a backslash escape that starts after the backslash: its value and length.
pub(crate) fn unescape(rest: &[u8]) -> Result<(u8, usize), NameError> {
    match rest {
        [a, b, c, ..] if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit() => {
            let value = u32::from(a - b'0') * 100 + u32::from(b - b'0') * 10 + u32::from(c - b'0');
            u8::try_from(value).map(|value| (value, 3)).map_err(|_| NameError::BadEscape)
        }
        [first, ..] if !first.is_ascii_digit() => Ok((*first, 1)),
        _ => Err(NameError::BadEscape),
    }
}

fn wire_length(octets: &[u8]) -> Result<usize, NameError> {
    let mut at = 0;
    loop {
        let label = usize::from(*octets.get(at).ok_or(NameError::BadEnd)?);
        at += label + 1;
        if label > LABEL_OCTETS_MAX {
            return Err(NameError::BadLabelType);
        }
        if at > NAME_OCTETS_MAX {
            return Err(NameError::NameTooLong);
        }
        if label == 0 {
            return Ok(at);
        }
    }
}

/// Builds a name from left to right without allocation until it is finished.
#[derive(Clone, Debug)]
pub struct NameBuilder {
    octets: [u8; NAME_OCTETS_MAX],
    length: usize,
    label_at: usize,
}

impl Default for NameBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl NameBuilder {
    /// An empty name.
    pub fn new() -> Self {
        Self { octets: [0; NAME_OCTETS_MAX], length: 1, label_at: 0 }
    }

    /// Appends a whole label.
    ///
    /// # Errors
    /// When the label is empty or too long, or the name gets too long.
    pub fn push_label(&mut self, label: &[u8]) -> Result<(), NameError> {
        if label.len() > LABEL_OCTETS_MAX {
            return Err(NameError::LabelTooLong);
        }
        let end = self.length + label.len();
        self.octets.get_mut(self.length..end).ok_or(NameError::NameTooLong)?.copy_from_slice(label);
        self.length = end;
        self.end_label()
    }

    fn push_octet(&mut self, octet: u8) -> Result<(), NameError> {
        if self.length - self.label_at > LABEL_OCTETS_MAX {
            return Err(NameError::LabelTooLong);
        }
        *self.octets.get_mut(self.length).ok_or(NameError::NameTooLong)? = octet;
        self.length += 1;
        Ok(())
    }

    fn end_label(&mut self) -> Result<(), NameError> {
        let label =
            u8::try_from(self.length - self.label_at - 1).map_err(|_| NameError::LabelTooLong)?;
        if label == 0 {
            return Err(NameError::EmptyLabel);
        }
        if self.length >= NAME_OCTETS_MAX {
            return Err(NameError::NameTooLong);
        }
        self.octets[self.label_at] = label;
        self.label_at = self.length;
        self.length += 1;
        Ok(())
    }

    /// Ends the name with the root label.
    ///
    /// # Errors
    /// None is expected after successful pushes.
    pub fn finish(self) -> Result<Name, NameError> {
        self.finish_with(&Name::root())
    }

    /// Ends the name with the labels of `origin`.
    ///
    /// # Errors
    /// [`NameError::NameTooLong`].
    pub fn finish_with(mut self, origin: &Name) -> Result<Name, NameError> {
        let end = self.label_at + origin.wire_len();
        self.octets
            .get_mut(self.label_at..end)
            .ok_or(NameError::NameTooLong)?
            .copy_from_slice(origin.as_wire());
        Ok(Name::from_valid(&self.octets[..end]))
    }
}

/// The labels of a name from left to right; see [`Name::labels`].
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(*self.rest.first()?);
        if length == 0 {
            return None;
        }
        let label = self.rest.get(1..=length)?;
        self.rest = self.rest.get(length + 1..)?;
        Some(label)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_wire().eq_ignore_ascii_case(other.as_wire())
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for octet in self.as_wire() {
            state.write_u8(octet.to_ascii_lowercase());
        }
    }
}

impl Ord for Name {
    /// Canonical order: labels from the right, as lower-case octet strings (RFC 4034 §6.1).
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut starts_a, mut starts_b) = ([0_u8; LABELS_MAX], [0_u8; LABELS_MAX]);
        let (wire_a, wire_b) = (self.as_wire(), other.as_wire());
        let count_a = label_starts(wire_a, &mut starts_a);
        let count_b = label_starts(wire_b, &mut starts_b);
        for back in 1..=count_a.min(count_b) {
            let label_a = label_at(wire_a, starts_a[count_a - back]);
            let label_b = label_at(wire_b, starts_b[count_b - back]);
            let order = label_a
                .iter()
                .map(u8::to_ascii_lowercase)
                .cmp(label_b.iter().map(u8::to_ascii_lowercase));
            if order != Ordering::Equal {
                return order;
            }
        }
        count_a.cmp(&count_b)
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Notes where each label of a valid wire form starts; the number of labels.
fn label_starts(wire: &[u8], starts: &mut [u8; LABELS_MAX]) -> usize {
    let (mut at, mut count) = (0_u8, 0);
    while wire[usize::from(at)] != 0 {
        starts[count] = at;
        count += 1;
        at += wire[usize::from(at)] + 1;
    }
    count
}

fn label_at(wire: &[u8], at: u8) -> &[u8] {
    let start = usize::from(at);
    &wire[start + 1..=start + usize::from(wire[start])]
}

impl fmt::Display for Name {
    /// Absolute presentation form; octets that a zone file would misread are escaped. The
    /// alternate form `{:#}` leaves out the dot at the end, as people write names in sentences.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_char('.');
        }
        for (index, label) in self.labels().enumerate() {
            if index > 0 {
                f.write_char('.')?;
            }
            for &octet in label {
                match octet {
                    b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                        write!(f, "\\{}", char::from(octet))?;
                    }
                    0x21..=0x7e => f.write_char(char::from(octet))?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
        }
        if f.alternate() { Ok(()) } else { f.write_char('.') }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Most octets of a label (RFC 1035 §2.3.4).
pub const LABEL_OCTETS_MAX: usize = 63;
/// Most octets of a name in wire form (RFC 1035 §2.3.4).
pub const NAME_OCTETS_MAX: usize = 255;
/// Most labels of a name: 127 labels of one octet each, and the root.
pub const LABELS_MAX: usize = 127;
/// Octets stored without allocation; with it a `Name` takes 32 octets.
const INLINE_OCTETS_MAX: usize = 30;

#[cfg(test)]
mod tests;
