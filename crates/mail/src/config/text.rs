//! Reading TOML files, with the place of what is wrong.

use std::fmt;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// What is wrong in a file, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The file, as it was named.
    pub file: PathBuf,
    /// Line and column, from 1; none when the whole file is meant.
    pub position: Option<(usize, usize)>,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl FileError {
    /// An error about a whole file.
    #[must_use]
    pub fn of_file(file: &Path, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), position: None, problem: problem.into() }
    }

    /// An error about the byte where `span` begins in `text`.
    #[must_use]
    pub fn at(file: &Path, text: &str, span: &Range<usize>, problem: impl Into<String>) -> Self {
        let position = Some(line_and_column(text, span.start));
        Self { file: file.to_owned(), position, problem: problem.into() }
    }

    /// What the system says about a file, with what to do.
    #[must_use]
    pub fn of_system(file: &Path, error: &io::Error) -> Self {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => "check its name",
            io::ErrorKind::PermissionDenied => "check who may read and write it and its folder",
            io::ErrorKind::StorageFull => "make room on the disk",
            io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only: mount it for writing",
            _ => "check its name and who may read it",
        };
        Self::of_file(file, format!("{error}: {advice}"))
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match self.position {
            Some((line, column)) => write!(out, "{file}:{line}:{column}: {}", self.problem),
            None => write!(out, "{file}: {}", self.problem),
        }
    }
}

impl std::error::Error for FileError {}

/// Reads a text file of bounded size.
///
/// # Errors
/// When the system refuses, it is too large or no UTF-8.
pub fn read_text(file: &Path) -> Result<String, FileError> {
    let system = |error: io::Error| FileError::of_system(file, &error);
    let mut bytes = Vec::new();
    let source = std::fs::File::open(file).map_err(system)?;
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(system)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(FileError::of_file(file, "larger than 16 MiB: is it the right file?"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        FileError::of_file(file, format!("byte {at} is no UTF-8: save it as UTF-8"))
    })
}

/// Reads a TOML text into its structure.
///
/// # Errors
/// With line and column, when the text is not TOML or not of this structure.
pub fn parse_toml<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, FileError> {
    toml::from_str(text).map_err(|error| {
        let problem = error.message().replace('\n', "; ");
        match error.span() {
            Some(span) => FileError::at(file, text, &span, problem),
            None => FileError::of_file(file, problem),
        }
    })
}

/// Line and column of a byte, both from 1; columns count characters.
fn line_and_column(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte.min(text.len())).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    (line, before.get(line_start..).map_or(1, |rest| rest.chars().count() + 1))
}

/// Larger files are not read.
const FILE_BYTES_MAX: u64 = 16 << 20;
