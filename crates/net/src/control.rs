//! The control socket: how running programs find each other.
//!
//! A running lab or server listens on `FOLDER/NAME.sock`; the folder belongs to
//! its user alone (mode 0700) and the peer's user is checked again. Both sides
//! speak lines of JSON:
//!
//! ```text
//!  → {"do":"exec","as":"laptop"}
//!  ← {"ok":{…}}                  with descriptors beside it (SCM_RIGHTS)
//!  ← {"error":"there is no host named \"laptop\""}
//! ```
//! What the verbs mean is the business of whoever serves them. A long stream
//! of bytes (a live capture) travels through a descriptor of its own, which the
//! answer carries: see [`Answer::with_stream`].

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde_json::Value;

mod client;
mod rights;
mod server;

pub use client::Client;
pub use server::Listener;

use crate::namespace::sys;

/// The longest line of either side, in bytes.
pub const LINE_BYTES_MAX: usize = 1 << 20;
/// The longest name of a lab, in bytes; with folder and suffix it must fit
/// into the 108 bytes of a Unix socket's address.
pub const NAME_BYTES_MAX: usize = 40;
/// The name of a lab that was given none.
pub const DEFAULT_NAME: &str = "lab";

/// What goes wrong between a command and the lab that it asks.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nothing runs.
    #[error("no lab is running: start one with `capa7 lab`")]
    NothingRuns,
    /// Several run and none was named.
    #[error("several labs are running ({}): choose one with --name", .0.join(", "))]
    Several(Vec<String>),
    /// Another name was given than runs.
    #[error("no lab named {name:?} is running; running: {}", .running.join(", "))]
    NoSuchName {
        /// The name that was asked for.
        name: String,
        /// What does run.
        running: Vec<String>,
    },
    /// A lab of this name runs already.
    #[error("a lab named {0:?} is already running: choose another name with --name")]
    Taken(String),
    /// The name cannot be a file name.
    #[error("{0:?} is no name for a lab: use up to 40 letters, digits, `-`, `_` and `.`")]
    BadName(String),
    /// The folder is not ours alone.
    #[error("{} cannot hold control sockets: {reason}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The lab understood and refuses.
    #[error("{0}")]
    Refused(String),
    /// The lab answered something else than agreed.
    #[error("the lab gave an answer that is not understood: {0}")]
    BadAnswer(String),
    /// The line broke.
    #[error("the lab's control socket failed: {0}")]
    Broken(#[from] io::Error),
}

/// The answer to a request: a value, and descriptors beside it.
#[derive(Debug, Default)]
pub struct Answer {
    /// What is told.
    pub value: Value,
    /// What is handed over, at most four.
    pub descriptors: Vec<OwnedFd>,
}

impl Answer {
    /// An answer without descriptors.
    #[must_use]
    pub const fn new(value: Value) -> Self {
        Self { value, descriptors: Vec::new() }
    }

    /// An answer whose one descriptor is the reading end of a stream of bytes;
    /// the writing end is returned. When the reader goes away, writing fails.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn with_stream(value: Value) -> io::Result<(Self, tokio::net::unix::pipe::Sender)> {
        let (reader, writer) = io::pipe()?;
        let sender = tokio::net::unix::pipe::Sender::from_owned_fd(writer.into())?;
        Ok((Self { value, descriptors: vec![reader.into()] }, sender))
    }
}

/// The folder of this user's control sockets, made when it is missing:
/// `$XDG_RUNTIME_DIR/capa7`, else `/run/user/UID/capa7`, else a folder of the
/// user's own among the temporary files.
///
/// # Errors
/// When it cannot be made or somebody else could write to it.
pub fn folder() -> Result<PathBuf, ControlError> {
    let (uid, _) = sys::who_am_i();
    let given = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let usual = PathBuf::from(format!("/run/user/{uid}"));
    let parent = given.filter(|given| given.is_absolute() && is_own_folder(given, uid));
    let parent = parent.or_else(|| Some(usual).filter(|usual| is_own_folder(usual, uid)));
    let folder = parent.map_or_else(
        || std::env::temp_dir().join(format!("capa7-{uid}")),
        |parent| parent.join("capa7"),
    );
    private_folder(&folder, uid)?;
    Ok(folder)
}

/// The names of what runs now, in order.
///
/// # Errors
/// When the folder is not usable.
pub fn running() -> Result<Vec<String>, ControlError> {
    running_in(&folder()?)
}

fn running_in(folder: &Path) -> Result<Vec<String>, ControlError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)?.flatten() {
        let path = entry.path();
        let is_socket = path.extension().is_some_and(|extension| extension == "sock");
        let answers = || std::os::unix::net::UnixStream::connect(&path).is_ok();
        if let Some(name) = path.file_stem().and_then(|stem| stem.to_str())
            && is_socket
            && answers()
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn socket_path(folder: &Path, name: &str) -> Result<PathBuf, ControlError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let good = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && !name.starts_with('.')
        && name.bytes().all(allowed);
    if !good {
        return Err(ControlError::BadName(name.to_owned()));
    }
    Ok(folder.join(format!("{name}.sock")))
}

fn is_own_folder(path: &Path, uid: u32) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && meta.uid() == uid)
}

/// Makes a folder of mode 0700, or checks that the one there is such.
pub(crate) fn private_folder(folder: &Path, uid: u32) -> Result<(), ControlError> {
    let bad = |reason: String| ControlError::Folder { folder: folder.to_owned(), reason };
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(bad(error.to_string())),
    }
    let meta = fs::symlink_metadata(folder).map_err(|error| bad(error.to_string()))?;
    if !meta.is_dir() {
        return Err(bad("it is not a folder".into()));
    }
    if meta.uid() != uid {
        return Err(bad(format!("it belongs to user {}, not to {uid}", meta.uid())));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(bad("others may enter it: make its mode 0700".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
