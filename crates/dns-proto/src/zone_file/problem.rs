//! What can be wrong in a master file, each with what to do.

use std::fmt;

use thiserror::Error;

use crate::{Name, NameError, UnknownMnemonic};

/// A fault of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// A name breaks a rule.
    #[error("{0}")]
    Name(#[from] NameError),
    /// A type or class is not known.
    #[error("{0}")]
    Mnemonic(#[from] UnknownMnemonic),
    /// A relative name where no origin is known.
    #[error("a relative name, but no origin is known; put $ORIGIN before it or end it with a dot")]
    NoOrigin,
    /// A record without an owner at the start.
    #[error("the first record starts with white space but there is no owner to repeat; write one")]
    NoOwner,
    /// A record without a TTL where none can be assumed.
    #[error("no time to live; write one, or a $TTL line further up")]
    NoTtl,
    /// A TTL that is not a number with units, or above 2^31-1.
    #[error("`{0}` is not a time; write seconds up to 2147483647, or units like 1h30m")]
    BadTtl(String),
    /// A class other than IN.
    #[error("class {0}; only IN is served")]
    ForeignClass(String),
    /// A record type is missing.
    #[error("the line ends before a record type")]
    MissingType,
    /// A type that cannot be data of a zone.
    #[error("{0} is a type for questions and cannot be data of a zone")]
    MetaType(String),
    /// A word is missing.
    #[error("the line ends too early; {0} is missing")]
    MissingField(&'static str),
    /// A word is missing and has no better description.
    #[error("the line ends too early")]
    MissingWord,
    /// Words remain after the record.
    #[error("a word too many; quote text that has spaces, and check the record type")]
    ExtraWord,
    /// A word has a wrong form.
    #[error("`{word}` is not {expected}")]
    BadField {
        /// The word as written.
        word: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// Record data in generic form with a wrong length.
    #[error("\\# says {stated} octets but {found} follow; correct the number")]
    BadGenericLength {
        /// The length as written.
        stated: usize,
        /// Octets that follow.
        found: usize,
    },
    /// Data in generic form do not have the form of their type.
    #[error("the octets after \\# do not form a record of this type")]
    BadGenericData,
    /// A string of more than 255 octets.
    #[error("a string of more than 255 octets; split it into several quoted strings")]
    StringTooLong,
    /// Record data of more than 65,535 octets.
    #[error("record data of more than 65535 octets")]
    DataTooLong,
    /// What the `domain` crate says about record data.
    #[error("{0}")]
    RecordData(String),
    /// A parenthesis is not closed.
    #[error("a parenthesis that is never closed; add `)`")]
    UnclosedParenthesis,
    /// A parenthesis is closed that was not opened.
    #[error("a closing parenthesis without an opening one; remove it or escape it as \\)")]
    UnopenedParenthesis,
    /// Parentheses nested too deep.
    #[error("parentheses nested too deep")]
    TooManyParentheses,
    /// A quote is not closed on its line.
    #[error("a quote that is not closed on its line; add `\"` or write \\\" for a quote mark")]
    UnclosedQuote,
    /// A directive that is not known.
    #[error("`{0}` is not a directive; known are $ORIGIN, $TTL, $INCLUDE and $GENERATE")]
    UnknownDirective(String),
    /// A file cannot be included.
    #[error("cannot include `{path}`: {reason}")]
    Include {
        /// The path as written.
        path: String,
        /// Why.
        reason: String,
    },
    /// Files include each other too deep.
    #[error("$INCLUDE nested deeper than 16 files; does a file include itself?")]
    IncludeTooDeep,
    /// A range of `$GENERATE` has a wrong form.
    #[error("`{0}` is not a range; write start-stop or start-stop/step, with stop not below start")]
    BadRange(String),
    /// A range of `$GENERATE` makes too many records.
    #[error("the range makes {0} records; the most is {1}")]
    RangeTooLong(u64, u64),
    /// A modifier of `$GENERATE` has a wrong form.
    #[error("`{0}` is not a modifier; write ${{offset,width,base}} with base d, o, x, X, n or N")]
    BadModifier(String),
    /// A number of `$GENERATE` falls below zero.
    #[error("the number {0} is below zero; raise the offset")]
    NegativeNumber(i64),
    /// The file is too large.
    #[error("the file is larger than 1 GiB")]
    FileTooLarge,
    /// Too many included files.
    #[error("more than 65535 files")]
    TooManyFiles,
    /// The zone is too large.
    #[error("the zone has more than 1 GiB of record data")]
    TooMuchData,
    /// The zone has another name than asked for.
    #[error("the SOA record is at {found}, not at {wanted}; correct the owner or the origin")]
    WrongApex {
        /// The owner of the SOA record.
        found: Name,
        /// The zone that was asked for.
        wanted: Name,
    },
}

/// A fault of an entry and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneFileError {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in octets, from 1.
    pub column: u32,
    /// What is wrong and what to do.
    pub problem: Problem,
}

impl fmt::Display for ZoneFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.problem)
    }
}

impl std::error::Error for ZoneFileError {}

/// All faults that reading a file found, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneFileErrors(pub Vec<ZoneFileError>);

impl fmt::Display for ZoneFileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ZoneFileErrors {}
