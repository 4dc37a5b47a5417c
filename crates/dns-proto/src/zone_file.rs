//! Master files: the text form of a zone (RFC 1035 §5).
//!
//! Reading gives a [`ZoneFile`], a list of records that know their file, line and column.
//! [`ZoneFile::check`] looks for faults in it; [`crate::zone::Zone::compile`] makes it servable.

mod check;
mod generate;
mod problem;
mod reader;
pub(crate) mod tokens;

use std::fmt;
use std::sync::Arc;

use crate::{Name, RecordType};

pub use check::{Finding, Severity};
pub use problem::{Problem, ZoneFileError, ZoneFileErrors};
pub use reader::{IncludeLoader, ReadOptions};

/// The records of a zone in the order of its file.
#[derive(Clone, Debug, Default)]
pub struct ZoneFile {
    files: Vec<Arc<str>>,
    records: Vec<StoredRecord>,
    data: Vec<u8>,
}

#[derive(Clone, Debug)]
struct StoredRecord {
    owner: Name,
    ttl: u32,
    data_start: u32,
    line: u32,
    column: u32,
    record_type: RecordType,
    data_octets: u16,
    file: u16,
}

/// One record of a [`ZoneFile`].
#[derive(Clone, Copy, Debug)]
pub struct ZoneFileRecord<'a> {
    /// The owner, its case as written.
    pub owner: &'a Name,
    /// The type; the class is always IN.
    pub record_type: RecordType,
    /// Seconds to live.
    pub ttl: u32,
    /// The data in wire form, without compression.
    pub data: &'a [u8],
    /// Where it was written.
    pub position: Position<'a>,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position<'a> {
    /// The file's name as it was given or included.
    pub file: &'a str,
    /// Line, from 1.
    pub line: u32,
    /// Column in octets, from 1.
    pub column: u32,
}

impl fmt::Display for Position<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl ZoneFile {
    /// An empty list, for zones that a program makes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a master file.
    ///
    /// `name` stands in positions; `load` is asked for the text of each `$INCLUDE`.
    ///
    /// # Errors
    /// Every faulty entry up to [`ERRORS_MAX`], each with its place.
    pub fn read(
        name: &str,
        text: &[u8],
        options: &ReadOptions,
        load: &mut IncludeLoader<'_>,
    ) -> Result<Self, ZoneFileErrors> {
        reader::read(name, text, options, load)
    }

    /// Reads a master file that includes no others.
    ///
    /// # Errors
    /// As for [`ZoneFile::read`]; an `$INCLUDE` is one.
    pub fn read_text(name: &str, text: &str) -> Result<Self, ZoneFileErrors> {
        Self::read(name, text.as_bytes(), &ReadOptions::default(), &mut |_| {
            Err("this text cannot include files".to_owned())
        })
    }

    /// Appends a record that a program makes; its position is line 0 of "generated".
    ///
    /// # Errors
    /// [`Problem::TooMuchData`] when the zone gets too large.
    pub fn push(
        &mut self,
        owner: Name,
        record_type: RecordType,
        ttl: u32,
        data: &[u8],
    ) -> Result<(), Problem> {
        let file = self.file_index("generated")?;
        self.store(owner, record_type, ttl, data, Place { file, line: 0, column: 0 })
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The records in the order of the file.
    pub fn records(&self) -> impl ExactSizeIterator<Item = ZoneFileRecord<'_>> {
        self.records.iter().map(|stored| self.view(stored))
    }

    /// The record with this number in the order of the file.
    pub(crate) fn record(&self, number: u32) -> Option<ZoneFileRecord<'_>> {
        self.records.get(number as usize).map(|stored| self.view(stored))
    }

    /// The owner of the first SOA record, which is the zone's name.
    pub fn apex(&self) -> Option<&Name> {
        self.records
            .iter()
            .find(|stored| stored.record_type == RecordType::SOA)
            .map(|stored| &stored.owner)
    }

    /// Looks for faults; the findings are in the order of the file.
    pub fn check(&self) -> Vec<Finding> {
        check::check(self)
    }

    fn view<'a>(&'a self, stored: &'a StoredRecord) -> ZoneFileRecord<'a> {
        let start = stored.data_start as usize;
        ZoneFileRecord {
            owner: &stored.owner,
            record_type: stored.record_type,
            ttl: stored.ttl,
            data: &self.data[start..start + usize::from(stored.data_octets)],
            position: Position {
                file: self.files.get(usize::from(stored.file)).map_or("", |name| name),
                line: stored.line,
                column: stored.column,
            },
        }
    }

    fn file_index(&mut self, name: &str) -> Result<u16, Problem> {
        if let Some(index) = self.files.iter().position(|known| &**known == name) {
            return u16::try_from(index).map_err(|_| Problem::TooManyFiles);
        }
        let index = u16::try_from(self.files.len()).map_err(|_| Problem::TooManyFiles)?;
        self.files.push(name.into());
        Ok(index)
    }

    fn store(
        &mut self,
        owner: Name,
        record_type: RecordType,
        ttl: u32,
        data: &[u8],
        place: Place,
    ) -> Result<(), Problem> {
        let data_octets = u16::try_from(data.len()).map_err(|_| Problem::TooMuchData)?;
        let data_start = u32::try_from(self.data.len()).map_err(|_| Problem::TooMuchData)?;
        if self.data.len() + data.len() > ZONE_DATA_OCTETS_MAX {
            return Err(Problem::TooMuchData);
        }
        self.data.extend_from_slice(data);
        self.records.push(StoredRecord {
            owner,
            ttl,
            data_start,
            line: place.line,
            column: place.column,
            record_type,
            data_octets,
            file: place.file,
        });
        Ok(())
    }
}

/// A position whose file is a number.
#[derive(Clone, Copy, Debug)]
struct Place {
    file: u16,
    line: u32,
    column: u32,
}

/// Largest text of one file: offsets are 32-bit.
pub const FILE_OCTETS_MAX: usize = 1 << 30;
/// Most octets of record data in a zone: offsets are 32-bit.
pub const ZONE_DATA_OCTETS_MAX: usize = 1 << 30;
/// Deepest nesting of `$INCLUDE`.
pub const INCLUDE_DEPTH_MAX: usize = 16;
/// Errors after which reading stops.
pub const ERRORS_MAX: usize = 50;

#[cfg(test)]
mod tests;
