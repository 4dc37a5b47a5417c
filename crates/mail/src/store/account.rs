//! One account: its index, its bodies, and those who watch it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use std::sync::Arc;

use capa7_mail_proto::mailbox::ModSeq;
use capa7_net::{Cause, Host};
use rusqlite::Connection;

use super::body::Bodies;
use super::commit::{Change, Committer, Effects, lock, sync_folder};
use super::disk::StoreDisk;
use super::watch::{News, NewsHeld, Seen};
use super::{StoreError, Sync, Watch, mailboxes, schema};
use crate::users::AccountName;

/// The mailboxes of one account. Sessions share it.
pub struct Account {
    name: AccountName,
    host: Host,
    index: PathBuf,
    sync: Sync,
    committer: Committer,
    readers: Mutex<Vec<Connection>>,
    pub(super) bodies: Bodies,
    news: Arc<News>,
    maildrop: Arc<AtomicBool>,
    /// The number of the note of the last change.
    cause: AtomicU64,
}

/// The right to be the only POP3 session of an account (RFC 1939 §4), until it
/// is dropped.
#[derive(Debug)]
pub struct MaildropLock(Arc<AtomicBool>);

impl Account {
    pub(super) fn open(
        host: &Host,
        name: &AccountName,
        folder: &Path,
        sync: Sync,
        disk: &Arc<StoreDisk>,
    ) -> Result<Self, StoreError> {
        let bodies = folder.join("bodies");
        if !bodies.is_dir() {
            fs::create_dir_all(&bodies).map_err(|error| StoreError::disk(&bodies, &error))?;
            if sync == Sync::Full {
                sync_folder(folder)?;
                folder.parent().map_or(Ok(()), sync_folder)?;
            }
        }
        let index = folder.join("index.sqlite");
        // RFC 3501 §2.3.1.1 suggests the date: larger than before, also when
        // the folder was lost and made again.
        let uid_validity = u32::try_from(host.wall_clock().secs()).unwrap_or(u32::MAX / 2).max(1);
        let writer = schema::open_writer(&index, sync, uid_validity)?;
        if sync == Sync::Full {
            sync_folder(folder)?;
        }
        let account = Self {
            name: name.clone(),
            host: host.clone(),
            committer: Committer::new(writer, &index, &bodies, sync),
            index,
            sync,
            readers: Mutex::default(),
            bodies: Bodies::new(bodies, sync, Box::new(host.rng()), disk),
            news: Arc::default(),
            maildrop: Arc::default(),
            cause: AtomicU64::new(0),
        };
        account.look_again()?;
        account.change(mailboxes::create_first_ones)?;
        Ok(account)
    }

    /// Whose mailboxes these are.
    #[must_use]
    pub const fn name(&self) -> &AccountName {
        &self.name
    }

    /// Tells of changes from now on, by whatever session.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.news.watch()
    }

    /// The modseq of the account's last change.
    #[must_use]
    pub fn modseq(&self) -> ModSeq {
        self.news.seen().modseq
    }

    /// Nobody is woken by changes from here on until the value is dropped: time
    /// to note what was changed and to say so with [`Account::set_cause`]. What
    /// is held longest is told with what is let go first.
    #[must_use]
    pub fn hold_news(&self) -> NewsHeld {
        News::hold(&self.news)
    }

    /// The account's state: nothing of it changed while this is equal.
    #[must_use]
    pub fn revision(&self) -> (ModSeq, u64) {
        let seen = self.news.latest();
        (seen.modseq, seen.names)
    }

    /// Says of which event the last change is the consequence: what sessions
    /// tell their clients of it is caused by that.
    pub fn set_cause(&self, cause: Cause) {
        self.cause.store(cause.0, Ordering::Relaxed);
    }

    /// The event of [`Account::set_cause`].
    #[must_use]
    pub fn cause(&self) -> Cause {
        Cause(self.cause.load(Ordering::Relaxed))
    }

    /// The right to be the only POP3 session; none while another has it
    /// (RFC 1939 §4). IMAP sessions are not kept out.
    #[must_use]
    pub fn lock_maildrop(&self) -> Option<MaildropLock> {
        let taken = self.maildrop.swap(true, Ordering::AcqRel);
        (!taken).then(|| MaildropLock(Arc::clone(&self.maildrop)))
    }

    /// Tells those who watch of what another program changed.
    pub(super) fn look_again(&self) -> Result<(), StoreError> {
        let modseq = self.read(|index| {
            let modseq: i64 = index.query_row("SELECT modseq FROM account", [], |r| r.get(0))?;
            Ok(ModSeq(modseq.unsigned_abs()))
        })?;
        self.settle(&Effects { modseq: Some(modseq), names: true, ..Effects::default() });
        Ok(())
    }

    /// Closes what is open of the index until somebody needs it: an idle
    /// session then costs little.
    pub fn rest(&self) {
        lock(&self.readers).clear();
        self.committer.rest();
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        i64::try_from(self.host.wall_clock().secs()).unwrap_or(i64::MAX)
    }

    /// Makes a change, durable when this returns.
    pub(super) fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Change<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self.committer.change(&|effects| self.settle(&effects), work);
        done.inspect_err(|error| self.bodies.disk.failed(error))
    }

    /// Looks at what is committed.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let kept = lock(&self.readers).pop();
        let reader = match kept {
            Some(reader) => reader,
            None => schema::open_reader(&self.index, self.sync)?,
        };
        // One transaction, so that several statements see one state.
        reader.prepare_cached("BEGIN")?.execute([])?;
        let seen = look(&reader);
        reader.prepare_cached("COMMIT")?.execute([])?;
        let mut readers = lock(&self.readers);
        if readers.len() < READERS_MAX {
            readers.push(reader);
        }
        drop(readers);
        seen
    }

    fn settle(&self, effects: &Effects) {
        self.bodies.remove(&effects.bodies_gone);
        if effects.modseq.is_some() || effects.names {
            let modseq = effects.modseq.unwrap_or_default();
            self.news.tell(Seen { modseq, names: u64::from(effects.names) });
        }
    }
}

impl Drop for MaildropLock {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Account({})", self.name.as_str())
    }
}

/// Connections for reading that are kept open per account.
const READERS_MAX: usize = 2;
