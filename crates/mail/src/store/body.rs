//! Bodies: immutable files with random names.
//!
//! A body is written under its final name. What makes it part of the store is
//! the row that names it, so no rename is needed; a file without a row is left
//! over from a crash and does no harm until it is swept.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rand::RngCore;
use sha2::{Digest as _, Sha256};

use super::commit::lock;
use super::disk::StoreDisk;
use super::{StoreError, Sync};

/// The folder of an account's bodies.
pub(super) struct Bodies {
    folder: PathBuf,
    sync: Sync,
    pub(super) disk: Arc<StoreDisk>,
    names: Mutex<Box<dyn RngCore + Send>>,
}

/// A body that is on the disk, but in no mailbox yet. Dropped without being
/// appended, its file goes.
#[derive(Debug)]
pub struct StagedBody {
    pub(super) id: i64,
    pub(super) hash: [u8; 32],
    size: u64,
    path: PathBuf,
    is_kept: bool,
}

/// Takes a body as it arrives.
pub struct BodyWriter {
    file: File,
    disk: Arc<StoreDisk>,
    staged: StagedBody,
    hash: Sha256,
    sync: Sync,
}

impl Bodies {
    pub(super) fn new(
        folder: PathBuf,
        sync: Sync,
        names: Box<dyn RngCore + Send>,
        disk: &Arc<StoreDisk>,
    ) -> Self {
        Self { folder, sync, disk: Arc::clone(disk), names: Mutex::new(names) }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn path(&self, id: i64) -> PathBuf {
        self.folder.join(file_name(id))
    }

    /// Begins a body.
    pub(super) fn begin(&self) -> Result<BodyWriter, StoreError> {
        loop {
            let id = (lock(&self.names).next_u64() >> 1).cast_signed();
            let path = self.path(id);
            match File::create_new(&path) {
                Ok(file) => {
                    let staged = StagedBody { id, hash: [0; 32], size: 0, path, is_kept: false };
                    let (disk, hash) = (Arc::clone(&self.disk), Sha256::new());
                    return Ok(BodyWriter { file, disk, staged, hash, sync: self.sync });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    let error = StoreError::disk(&path, &error);
                    self.disk.failed(&error);
                    return Err(error);
                }
            }
        }
    }

    /// Opens a body of a message.
    pub(super) fn open(&self, id: i64) -> Result<File, StoreError> {
        let path = self.path(id);
        File::open(&path).map_err(|error| StoreError::disk(&path, &error))
    }

    /// Removes bodies that no message has. What cannot be removed is swept
    /// later.
    pub(super) fn remove(&self, ids: &[i64]) {
        for id in ids {
            let path = self.path(*id);
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "cannot remove a body");
            }
        }
    }
}

impl BodyWriter {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.hash.update(bytes);
        self.staged.size += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|error| self.failed(&error))
    }

    /// Bytes so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.staged.size
    }

    /// Makes the bytes last.
    ///
    /// # Errors
    /// The disk's.
    pub fn finish(mut self) -> Result<StagedBody, StoreError> {
        if self.sync == Sync::Full {
            let synced = self.file.sync_data();
            synced.map_err(|error| self.failed(&error))?;
        }
        self.staged.hash = self.hash.finalize().into();
        Ok(self.staged)
    }

    fn failed(&self, error: &io::Error) -> StoreError {
        let error = StoreError::disk(&self.staged.path, error);
        self.disk.failed(&error);
        error
    }
}

impl StagedBody {
    /// Its length in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// All that it says.
    pub(super) fn read_all(&self) -> Result<Vec<u8>, StoreError> {
        fs::read(&self.path).map_err(|error| StoreError::disk(&self.path, &error))
    }

    /// From now on a row names the file.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for StagedBody {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nothing refers to it: at worst it stays until the next sweep.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A message as it is read: the headers added at delivery, then the body.
#[derive(Debug)]
pub struct MessageReader {
    headers: Vec<u8>,
    body: File,
    size: u64,
    at: u64,
}

impl MessageReader {
    pub(super) const fn new(headers: Vec<u8>, body: File, size: u64) -> Self {
        Self { headers, body, size, at: 0 }
    }

    /// Length of the whole message in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The bytes from `offset` on, at most `count` and fewer at the end.
    ///
    /// # Errors
    /// The disk's; [`StoreError::Damaged`] when the file is shorter than it was.
    pub fn read_range(&self, offset: u64, count: usize) -> Result<Vec<u8>, StoreError> {
        let rest = self.size.saturating_sub(offset);
        let count = usize::try_from(rest).unwrap_or(usize::MAX).min(count);
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX).min(self.headers.len());
        let headers = self.headers.get(skipped..).unwrap_or_default();
        let mut bytes = headers.get(..count).unwrap_or(headers).to_vec();
        let (begin, from) = (bytes.len(), offset.saturating_sub(self.headers.len() as u64));
        bytes.resize(count, 0);
        let body = bytes.get_mut(begin..).unwrap_or_default();
        self.body.read_exact_at(body, from).map_err(|error| read_error(&error))?;
        Ok(bytes)
    }

    /// The whole message.
    ///
    /// # Errors
    /// As [`MessageReader::read_range`].
    pub fn read_all(&self) -> Result<Vec<u8>, StoreError> {
        self.read_range(0, usize::MAX)
    }
}

impl io::Read for MessageReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let skipped = usize::try_from(self.at).unwrap_or(usize::MAX);
        let count = match self.headers.get(skipped..) {
            Some(mut headers @ [_, ..]) => io::Read::read(&mut headers, to)?,
            _ => {
                self.body.seek(SeekFrom::Start(self.at - self.headers.len() as u64))?;
                io::Read::read(&mut self.body, to)?
            }
        };
        self.at += count as u64;
        Ok(count)
    }
}

fn read_error(error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            StoreError::Damaged("a body is shorter than it was".to_owned())
        }
        _ => StoreError::Disk(format!("a body cannot be read: {error}")),
    }
}

/// The name of a body's file: 16 hexadecimal digits.
pub(super) fn file_name(id: i64) -> String {
    format!("{:016x}", id.cast_unsigned())
}

/// The body that a file's name stands for.
pub(super) fn id_of(file_name: &str) -> Option<i64> {
    let id = u64::from_str_radix(file_name, 16).ok()?;
    (file_name.len() == 16).then(|| id.cast_signed())
}

impl fmt::Debug for BodyWriter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "BodyWriter({})", self.staged.path.display())
    }
}

impl fmt::Debug for Bodies {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Bodies({})", self.folder.display())
    }
}
