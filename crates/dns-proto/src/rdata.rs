//! Record data between text and wire form (RFC 1035 §3.3, RFC 3597 §5).
//!
//! The common types are read by the table of [`crate::message`]'s layouts; those with a
//! syntax of their own (keys, bitmaps, service parameters) by the `domain` crate.

mod bridge;
mod generic;
mod location;
mod present;
mod scan;

use thiserror::Error;

use crate::zone_file::Problem;
use crate::zone_file::tokens::{Tokenizer, Words};
use crate::{Name, RecordType};

pub use present::RdataText;
pub(crate) use scan::parse_seconds;

/// Why a text is not record data.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("column {column}: {problem}")]
pub struct RdataError {
    /// Column in octets, from 1.
    pub column: u32,
    /// What is wrong and what to do.
    pub problem: Problem,
}

/// A fault in the data of an entry: which word, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct RdataFault {
    /// Number of the word, from 0; past the last one when one is missing.
    pub(crate) word: usize,
    /// What is wrong.
    pub(crate) problem: Problem,
}

/// Reads record data as a master file writes them, such as `10 mail.example.com.`
///
/// Relative names are below `origin`. The result is wire form without compression.
///
/// # Errors
/// The first fault with its column.
pub fn parse_rdata(
    record_type: RecordType,
    text: &str,
    origin: &Name,
) -> Result<Vec<u8>, RdataError> {
    let mut tokens = Vec::new();
    // White space in front: the first word is data, not an owner.
    Tokenizer::new(text.as_bytes())
        .next_entry(&mut tokens)
        .map_err(|fault| RdataError { column: fault.column, problem: fault.problem })?;
    let words = Words { text: text.as_bytes(), tokens: &tokens };
    let mut data = Vec::new();
    scan_rdata(record_type, words, Some(origin), &mut data).map_err(|fault| {
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX - 1) + 1;
        let column = tokens.get(fault.word).map_or(end, |token| token.column);
        RdataError { column, problem: fault.problem }
    })?;
    Ok(data)
}

/// Reads the words of record data and appends their wire form to `out`.
pub(crate) fn scan_rdata(
    record_type: RecordType,
    words: Words<'_>,
    origin: Option<&Name>,
    out: &mut Vec<u8>,
) -> Result<(), RdataFault> {
    let start = out.len();
    if words.raw(0) == Some(b"\\#") {
        generic::scan(record_type, words, out)?;
    } else if bridge::is_bridged(record_type) {
        bridge::scan(record_type, words, origin, out)?;
    } else if record_type == RecordType::LOC {
        location::scan(words, out)?;
    } else {
        scan::scan(record_type, words, origin, out)?;
    }
    if out.len() - start > usize::from(u16::MAX) {
        return Err(RdataFault { word: 0, problem: Problem::DataTooLong });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
