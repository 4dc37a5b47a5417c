//! What can be asked of a message (RFC 9051 §6.4.5).

use std::fmt;

use crate::imap::store::{Octets, Wanted};
use crate::mailbox::ModSeq;

/// What a `FETCH` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchRequest {
    /// The items, macros resolved (RFC 9051 §6.4.5, `ALL`, `FAST`, `FULL`).
    pub items: Vec<FetchItemName>,
    /// Only messages changed after this (RFC 7162 §3.1.4.1).
    pub changed_since: Option<ModSeq>,
}

/// One item that a `FETCH` can ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchItemName {
    /// `ENVELOPE`.
    Envelope,
    /// `FLAGS`.
    Flags,
    /// `INTERNALDATE`.
    InternalDate,
    /// `RFC822.SIZE`.
    Size,
    /// `UID`.
    Uid,
    /// `MODSEQ` (RFC 7162 §3.1.4).
    ModSeq,
    /// `BODY`: the structure without extension data.
    Body,
    /// `BODYSTRUCTURE`.
    BodyStructure,
    /// `RFC822` (RFC 3501 §6.4.5).
    Rfc822,
    /// `RFC822.HEADER` (RFC 3501 §6.4.5).
    Rfc822Header,
    /// `RFC822.TEXT` (RFC 3501 §6.4.5).
    Rfc822Text,
    /// `BODY[…]`, `BODY.PEEK[…]`.
    Section {
        /// Which part.
        section: Section,
        /// Which octets of it.
        partial: Option<Partial>,
        /// Whether the message is seen by it.
        seen: Seen,
    },
    /// `BINARY[…]`, `BINARY.PEEK[…]`: without transfer encoding.
    Binary {
        /// The part's numbers.
        part: Vec<u32>,
        /// Which octets of it.
        partial: Option<Partial>,
        /// Whether the message is seen by it.
        seen: Seen,
    },
    /// `BINARY.SIZE[…]`.
    BinarySize {
        /// The part's numbers.
        part: Vec<u32>,
    },
}

/// Whether fetching sets `\Seen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It does.
    Set,
    /// `.PEEK`: it does not.
    Kept,
}

/// A part of a message (RFC 9051 §6.4.5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// The part's numbers; empty for the message itself.
    pub part: Vec<u32>,
    /// What of the part.
    pub text: SectionText,
}

/// What of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SectionText {
    /// All of it: `BODY[]`, `BODY[1.2]`.
    #[default]
    All,
    /// The header of a message.
    Header,
    /// The header fields with these names, as asked.
    HeaderFields(Vec<Vec<u8>>),
    /// The header fields with other names.
    HeaderFieldsNot(Vec<Vec<u8>>),
    /// The body of a message.
    Text,
    /// The header of a part.
    Mime,
}

/// Some octets of a text: `<0.2048>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// The first octet, counted from 0.
    pub first: u32,
    /// How many octets at most.
    pub count: u32,
}

impl FetchItemName {
    /// Whether fetching it sets `\Seen` (RFC 9051 §6.4.5).
    #[must_use]
    pub const fn sets_seen(&self) -> bool {
        match self {
            Self::Rfc822 | Self::Rfc822Text => true,
            Self::Section { seen, .. } | Self::Binary { seen, .. } => matches!(seen, Seen::Set),
            _ => false,
        }
    }

    /// What of the message is needed for it.
    #[must_use]
    pub const fn wanted(&self) -> Wanted {
        let octets = match self {
            Self::Flags | Self::InternalDate | Self::Size | Self::Uid | Self::ModSeq => {
                Octets::Unwanted
            }
            Self::Envelope | Self::BodyStructure => {
                return Wanted { octets: Octets::Unwanted, description: true };
            }
            Self::Rfc822Header => Octets::Header,
            Self::Section { section, .. } if section.part.is_empty() => match section.text {
                SectionText::Header
                | SectionText::HeaderFields(_)
                | SectionText::HeaderFieldsNot(_) => Octets::Header,
                SectionText::All | SectionText::Text | SectionText::Mime => Octets::Wanted,
            },
            _ => Octets::Wanted,
        };
        Wanted { octets, description: false }
    }
}

impl fmt::Display for Section {
    /// The section as it stands between the brackets.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, number) in self.part.iter().enumerate() {
            let dot = if index > 0 { "." } else { "" };
            write!(out, "{dot}{number}")?;
        }
        if self.text != SectionText::All && !self.part.is_empty() {
            out.write_str(".")?;
        }
        let fields = |out: &mut fmt::Formatter<'_>, name: &str, fields: &[Vec<u8>]| {
            write!(out, "{name} (")?;
            for (index, field) in fields.iter().enumerate() {
                let space = if index > 0 { " " } else { "" };
                write!(out, "{space}{}", String::from_utf8_lossy(field))?;
            }
            out.write_str(")")
        };
        match &self.text {
            SectionText::All => Ok(()),
            SectionText::Header => out.write_str("HEADER"),
            SectionText::HeaderFields(names) => fields(out, "HEADER.FIELDS", names),
            SectionText::HeaderFieldsNot(names) => fields(out, "HEADER.FIELDS.NOT", names),
            SectionText::Text => out.write_str("TEXT"),
            SectionText::Mime => out.write_str("MIME"),
        }
    }
}
