//! Mailboxes out to files of other programs and in again.
//!
//! ```text
//!   mbox, Maildir ──▶ import ──▶ store ──▶ export ──▶ mbox, Maildir
//!                     64 messages share a commit;
//!                     those that are there already are passed over
//! ```
//!
//! Both work on the store itself, through its locks: a server may run
//! meanwhile. All functions here wait for the disk.

mod export;
mod import;
mod intake;
mod maildir;
mod mbox;
mod source;

use std::io;
use std::path::{Path, PathBuf};

use capa7_mail_proto::archive::mbox::NotMbox;

use crate::store::StoreError;

pub use export::{ExportOptions, Format, export};
pub use import::{ImportOptions, import};

/// How far an import or export came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Messages that were copied.
    pub messages: u64,
    /// Messages that were there already.
    pub present: u64,
    /// Mailboxes that were looked at.
    pub folders: u64,
    /// What was not copied and why, one sentence each; 1,000 at most.
    pub skipped: Vec<String>,
    /// How many were not copied.
    pub skipped_count: u64,
    /// The last place that was reached: a file and a byte of it, or a mailbox.
    pub place: String,
}

/// Whether to go on; asked after each message.
pub type GoOn<'g> = &'g mut dyn FnMut(&Report) -> bool;

/// Why an import or export ended early. What was copied before stays.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file's or folder's.
    #[error("{}: {error}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// Not what it should be.
    #[error("{}: {error}; give a file in mbox format, or the folder of a Maildir", path.display())]
    NotMbox {
        /// Which file.
        path: PathBuf,
        /// Where.
        error: NotMbox,
    },
    /// Nothing to import.
    #[error(
        "{}: no mail here: it is neither an mbox (a file), nor a Maildir (a folder with cur, new \
         and tmp), nor a folder with files that end in .mbox", .0.display()
    )]
    Nothing(PathBuf),
    /// An export does not write over what is there.
    #[error("{} is there already: move it away, or export to another place", .0.display())]
    Exists(PathBuf),
    /// It was told to stop.
    #[error("stopped")]
    Stopped,
}

impl Report {
    pub(crate) fn skip(&mut self, text: String) {
        self.skipped_count += 1;
        if self.skipped.len() < SKIPPED_MAX {
            self.skipped.push(text);
        }
    }
}

/// The failure of a system call on `path`.
fn file_error(path: &Path) -> impl FnOnce(io::Error) -> ArchiveError {
    move |error| ArchiveError::File { path: path.to_owned(), error }
}

/// Sentences of what was skipped that are kept: more say nothing new.
const SKIPPED_MAX: usize = 1_000;
/// What is read at a time.
const READ_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests;
