//! The answering side.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Answer, ControlError, LINE_BYTES_MAX, folder, rights, socket_path};
use crate::namespace::sys;

/// Clients that are served at once; more wait to be accepted.
const CLIENTS_MAX: usize = 64;
/// Bytes taken from a client at once.
const READ_BYTES: usize = 16 * 1024;

/// A control socket that is open for clients. Its files go away with it.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    name: String,
    /// Held as long as we run: who has it may remove a stale socket.
    _lock: File,
}

/// Tries to get a lock whose file goes away again and again.
const LOCK_TRIES: usize = 100;
/// Files of the folder that are looked at for what killed processes left.
const ENTRIES_MAX: usize = 10_000;

impl Listener {
    /// Opens the control socket of a lab with this name. It may be opened
    /// before the process enters its namespaces.
    ///
    /// # Errors
    /// When a lab of that name runs, the name cannot be one, or the folder is
    /// not usable.
    pub fn open(name: &str) -> Result<Self, ControlError> {
        let folder = folder()?;
        let listener = Self::open_in(&folder, name)?;
        sweep(&folder);
        Ok(listener)
    }

    /// The same in a folder that the caller keeps for itself, such as that of a
    /// server's data.
    ///
    /// # Errors
    /// As [`Listener::open`].
    pub fn open_in(folder: &Path, name: &str) -> Result<Self, ControlError> {
        let path = socket_path(folder, name)?;
        let lock = lock(&path.with_extension("lock"))?;
        let lock = lock.ok_or_else(|| ControlError::Taken(name.to_owned()))?;
        // With the lock in hand, a socket that is there was left behind.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let socket = UnixListener::bind(&path)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, path, name: name.to_owned(), _lock: lock })
    }

    /// The name under which clients find this socket.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Answers clients until the returned future is dropped. `handler` gets
    /// each request, an object whose `do` is the verb, and says what the
    /// answer is or, in words for a person, why there is none. A client waits
    /// for itself alone.
    ///
    /// # Errors
    /// When accepting fails for good.
    pub async fn serve<F, A>(self, handler: F) -> io::Result<()>
    where
        F: Fn(Value) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Answer, String>> + Send + 'static,
    {
        let listener = tokio::net::UnixListener::from_std(self.socket.try_clone()?)?;
        let handler = Arc::new(handler);
        let places = Arc::new(Semaphore::new(CLIENTS_MAX));
        let mut clients = JoinSet::new();
        let (uid, _) = sys::who_am_i();
        loop {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            let (stream, _) = listener.accept().await?;
            while clients.try_join_next().is_some() {}
            // The superuser could become us in any case.
            let peer = sys::peer_user(stream.as_fd()).ok();
            if peer != Some(uid) && peer != Some(0) {
                tracing::info!("another user's request was refused");
                continue;
            }
            let handler = Arc::clone(&handler);
            clients.spawn(async move {
                let _place = place;
                if let Err(error) = answer_client(&stream, &*handler).await {
                    tracing::debug!(%error, "a control client went away");
                }
            });
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The lock is still ours, so the socket is too.
        remove(&self.path);
    }
}

/// The lock of this file, made where it is missing; none when somebody has it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    for _ in 0..LOCK_TRIES {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        if file.try_lock().is_err() {
            return Ok(None);
        }
        if is_at(&file, path) {
            return Ok(Some(file));
        }
        // Its owner removed the file between our opening and our locking.
    }
    Err(io::Error::other(format!("{} goes away again and again", path.display())))
}

/// Whether the path still leads to the file.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(held), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else {
        return false;
    };
    (held.dev(), held.ino()) == (there.dev(), there.ino())
}

/// Removes a socket and its lock. The caller has the lock.
fn remove(socket: &Path) {
    for path in [socket, &socket.with_extension("lock")] {
        if let Err(error) = fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(%error, path = %path.display(), "a control file stays behind");
        }
    }
}

/// Removes what killed processes left: the kernel has dropped their locks.
pub(super) fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(ENTRIES_MAX);
    let paths = entries.map(|entry| entry.path());
    for path in paths.filter(|path| path.extension().is_some_and(|end| end == "lock")) {
        let file = File::options().write(true).open(&path).ok();
        let lock = file.filter(|file| file.try_lock().is_ok() && is_at(file, &path));
        if lock.is_some() {
            remove(&path.with_extension("sock"));
        }
    }
}

async fn answer_client<F, A>(stream: &UnixStream, handler: &F) -> io::Result<()>
where
    F: Fn(Value) -> A,
    A: Future<Output = Result<Answer, String>>,
{
    let mut unread = Vec::new();
    while let Some(line) = read_line(stream, &mut unread).await? {
        let (value, descriptors) = match parse(&line) {
            Ok(request) => match handler(request).await {
                Ok(answer) => (json!({ "ok": answer.value }), answer.descriptors),
                Err(why) => (json!({ "error": why }), Vec::new()),
            },
            Err(why) => (json!({ "error": why }), Vec::new()),
        };
        let mut text = value.to_string().into_bytes();
        text.push(b'\n');
        let mut beside: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        let mut sent = 0;
        while let Some(rest) = text.get(sent..).filter(|rest| !rest.is_empty()) {
            let send = || rights::send(SockRef::from(stream), rest, &beside);
            sent += stream.async_io(Interest::WRITABLE, send).await?;
            beside.clear();
        }
    }
    Ok(())
}

fn parse(line: &[u8]) -> Result<Value, String> {
    let value: Value =
        serde_json::from_slice(line).map_err(|error| format!("not a request: {error}"))?;
    match value.get("do") {
        Some(Value::String(_)) => Ok(value),
        _ => Err("not a request: it has no verb in \"do\"".into()),
    }
}

/// The next line without its end; none at the end of the stream.
async fn read_line(stream: &UnixStream, unread: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    loop {
        if let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
            let rest = unread.split_off(end + 1);
            unread.pop();
            return Ok(Some(std::mem::replace(unread, rest)));
        }
        if unread.len() > LINE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a request without an end"));
        }
        stream.readable().await?;
        let mut chunk = [0; READ_BYTES];
        match stream.try_read(&mut chunk) {
            Ok(0) => return Ok(None),
            Ok(count) => unread.extend(chunk.iter().take(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
