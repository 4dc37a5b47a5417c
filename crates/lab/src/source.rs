//! Where worlds and scenarios are read from, and how their errors are told.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rust_embed::RustEmbed;
use serde::de::DeserializeOwned;

/// The worlds and scenarios that the binary carries.
#[derive(RustEmbed)]
#[folder = "../../labs/"]
#[exclude = "*.new"]
struct Carried;

/// A folder of text files: one that the binary carries, or one on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folder {
    /// Carried by the binary, by its path below `labs/`.
    Carried(String),
    /// On disk.
    Disk(PathBuf),
}

impl Folder {
    /// The text of a file in this folder.
    ///
    /// # Errors
    /// When there is no such file, it cannot be read, is larger than
    /// [`FILE_BYTES_MAX`] or is not UTF-8.
    pub fn read(&self, name: &str) -> Result<String, SourceError> {
        let shown = self.shown(name);
        let bytes = match self {
            Self::Carried(folder) => Carried::get(&format!("{folder}/{name}"))
                .map(|file| file.data.into_owned())
                .ok_or_else(|| SourceError::of_file(&shown, "there is no such file"))?,
            Self::Disk(folder) => {
                let path = folder.join(name);
                let length = std::fs::metadata(&path).map(|file| file.len());
                if length.as_ref().is_ok_and(|length| *length > FILE_BYTES_MAX) {
                    let problem = format!("the file is larger than {FILE_BYTES_MAX} bytes");
                    return Err(SourceError::of_file(&shown, problem));
                }
                std::fs::read(&path).map_err(|error| {
                    let problem = format!("{error}; check its name and who may read it");
                    SourceError::of_file(&shown, problem)
                })?
            }
        };
        String::from_utf8(bytes)
            .map_err(|_| SourceError::of_file(&shown, "the file is not UTF-8 text"))
    }

    /// Whether a file is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Carried(folder) => Carried::get(&format!("{folder}/{name}")).is_some(),
            Self::Disk(folder) => folder.join(name).is_file(),
        }
    }

    /// The names of the files directly in this folder, in their order; none
    /// when it cannot be read.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::Carried(folder) => {
                let prefix = format!("{folder}/");
                let below = Carried::iter();
                let inside = below.filter_map(|path| path.strip_prefix(&prefix).map(str::to_owned));
                inside.filter(|name| !name.contains('/')).collect()
            }
            Self::Disk(folder) => {
                let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
                let files = entries.filter(|entry| entry.path().is_file());
                files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
            }
        };
        names.sort();
        names
    }

    /// The name by which messages to people call a file of this folder.
    #[must_use]
    pub fn shown(&self, name: &str) -> String {
        match self {
            Self::Carried(folder) => format!("labs/{folder}/{name}"),
            Self::Disk(folder) => folder.join(name).display().to_string(),
        }
    }

    /// The folders that the binary carries directly below `labs/parent/`, in
    /// the order of their names.
    #[must_use]
    pub fn carried_below(parent: &str) -> Vec<String> {
        let prefix = format!("{parent}/");
        let mut names: Vec<String> = Carried::iter()
            .filter_map(|path| Some(path.strip_prefix(&prefix)?.split_once('/')?.0.to_owned()))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The folder that holds `file`, with the file's own name.
    #[must_use]
    pub fn of_file(file: &Path) -> (Self, String) {
        let folder = file.parent().unwrap_or_else(|| Path::new("")).to_path_buf();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (Self::Disk(folder), name)
    }
}

/// The largest file of a world or scenario that is read.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// What is wrong in a file, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError {
    /// The file, as the user named it.
    pub file: String,
    /// Line and column, from 1; none when the whole file is meant.
    pub position: Option<(usize, usize)>,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl SourceError {
    /// An error about a whole file.
    #[must_use]
    pub fn of_file(file: &str, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), position: None, problem: problem.into() }
    }

    /// An error about the byte where `span` begins in `text`.
    #[must_use]
    pub fn at(file: &str, text: &str, span: &Range<usize>, problem: impl Into<String>) -> Self {
        let position = Some(line_and_column(text, span.start));
        Self { file: file.to_owned(), position, problem: problem.into() }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some((line, column)) => {
                write!(out, "{}:{line}:{column}: {}", self.file, self.problem)
            }
            None => write!(out, "{}: {}", self.file, self.problem),
        }
    }
}

impl std::error::Error for SourceError {}

/// Line and column of a byte, both from 1; columns count characters.
fn line_and_column(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte.min(text.len())).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// Reads a TOML document into its structure.
///
/// # Errors
/// With line and column, when the text is not TOML or not of this structure.
pub fn parse_toml<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, SourceError> {
    toml::from_str(text).map_err(|error| {
        let problem = error.message().replace('\n', "; ");
        match error.span() {
            Some(span) => SourceError::at(file, text, &span, problem),
            None => SourceError::of_file(file, problem),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        assert_eq!(line_and_column("uno\nñandú x", 4 + "ñandú ".len()), (2, 7));
        assert_eq!(line_and_column("", 99), (1, 1));
    }

    #[test]
    fn an_unknown_field_is_told_with_its_place() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only its names matter")]
        struct Two {
            a: u8,
        }
        let error = parse_toml::<Two>("x.toml", "a = 1\n  c = 2\n").unwrap_err();
        assert_eq!(error.position, Some((2, 3)));
        assert!(error.to_string().starts_with("x.toml:2:3: unknown field `c`"), "{error}");
    }
}
