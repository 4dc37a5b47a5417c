//! Master files from disk.

use std::fs;
use std::path::{Path, PathBuf};

use capa7_dns_proto::zone_file::{ReadOptions, ZoneFile, ZoneFileErrors};

/// Why a zone cannot be read from disk.
#[derive(Debug, thiserror::Error)]
pub enum ZoneLoadError {
    /// The file itself.
    #[error("cannot read {}: {error}; check its name and who may read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Its content: one line per fault, each with file, line and column.
    #[error("{0}")]
    Faulty(#[from] ZoneFileErrors),
    /// No SOA record says which zone it is.
    #[error("{}: no SOA record: add one, its owner names the zone", path.display())]
    NoSoa {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a master file and what it includes; `$INCLUDE` paths are relative to
/// the first file's folder (RFC 1035 §5.1).
///
/// # Errors
/// [`ZoneLoadError`], with every faulty line.
pub fn read_zone_file(path: &Path) -> Result<ZoneFile, ZoneLoadError> {
    let text = fs::read(path)
        .map_err(|error| ZoneLoadError::Unreadable { path: path.to_owned(), error })?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let mut include = |name: &str| fs::read(folder.join(name)).map_err(|error| error.to_string());
    let name = path.to_string_lossy();
    let zone = ZoneFile::read(&name, &text, &ReadOptions::default(), &mut include)?;
    if zone.apex().is_none() {
        return Err(ZoneLoadError::NoSoa { path: path.to_owned() });
    }
    Ok(zone)
}
