//! The folder of long messages that arrive.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The folder; what a dead process left in it was answered by nobody and is
/// removed when it is opened.
#[derive(Debug)]
pub(crate) struct Incoming {
    folder: PathBuf,
    next: AtomicU64,
}

/// One message's file; dropping it removes the file unless it was kept.
#[derive(Debug)]
pub(crate) struct IncomingFile {
    path: PathBuf,
    file: File,
    is_kept: bool,
}

impl Incoming {
    /// Opens the folder, empty.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(Self { folder, next: AtomicU64::new(1) })
    }

    pub(crate) fn create(&self) -> io::Result<IncomingFile> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(number.to_string());
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        Ok(IncomingFile { path, file, is_kept: false })
    }
}

impl IncomingFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Its first octets.
    pub(crate) fn head(&self, octets_max: usize) -> io::Result<Vec<u8>> {
        let mut head = vec![0; octets_max];
        let mut filled = 0;
        while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let count = self.file.read_at(rest, super::octets(filled))?;
            if count == 0 {
                break;
            }
            filled += count;
        }
        head.truncate(filled);
        Ok(head)
    }

    /// Makes the bytes durable and moves the file to where it stays. The
    /// folder that it moves to is the caller's to sync.
    pub(crate) fn keep(mut self, at: &Path, sync: super::Sync) -> io::Result<()> {
        if sync == super::Sync::Full {
            self.file.sync_all()?;
        }
        fs::rename(&self.path, at)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for IncomingFile {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nobody was told that it is kept; the next start removes it too.
            let _ = fs::remove_file(&self.path);
        }
    }
}
