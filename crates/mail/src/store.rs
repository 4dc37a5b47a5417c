//! Mailboxes on the disk.
//!
//! ```text
//!   root/andrea@ucatolica.edu.co/index.sqlite    who, where, which flags
//!                                bodies/3f…a9    one immutable file per body
//! ```
//!
//! A message is what was added at its delivery (kept in the index) and its
//! body (a file that copies share). What is answered is on the disk: a body
//! before the row that names it, the row before the answer; many sessions share
//! the waiting (see `commit.rs`). UIDs, UIDVALIDITY and modseqs never go
//! backwards, whatever dies when.
//!
//! All functions here wait for the disk: call them within
//! [`Host::blocking`](capa7_net::Host::blocking).

mod account;
mod append;
mod body;
mod change;
mod check;
mod commit;
mod disk;
mod error;
mod expunge;
mod flags;
mod mailboxes;
mod present;
mod row;
mod schema;
mod transfer;
mod watch;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use capa7_net::Host;
use indexmap::IndexMap;

use crate::users::AccountName;

use disk::StoreDisk;

pub use account::{Account, MaildropLock};
pub use append::{Appended, Body, Delivery, DeliveryToken, NewMessage};
pub use body::{BodyWriter, MessageReader, StagedBody};
pub use change::Changes;
pub use check::{CheckDepth, CheckReport, Problem};
pub use error::StoreError;
pub use expunge::{Expunged, Which};
pub use flags::{FlagChange, FlagsChanged, UnchangedSince};
pub use mailboxes::{MAILBOXES_MAX, Mailbox, MailboxId};
pub use present::Present;
pub use row::{Row, Texts};
pub use transfer::Transferred;
pub use watch::{NewsHeld, Watch};

/// The mailboxes of all accounts of a server. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

/// How a store works.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// Whether it waits for the disk.
    pub sync: Sync,
    /// Accounts whose indexes are open at once; others are opened again when
    /// somebody needs them.
    pub accounts_open_max: usize,
}

/// What a power failure may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Nothing that was answered.
    Full,
    /// The last seconds: for labs, whose mail is worth nothing afterwards. A
    /// killed process loses nothing in this mode either.
    Off,
}

struct Shared {
    host: Host,
    root: PathBuf,
    options: StoreOptions,
    disk: Arc<StoreDisk>,
    /// The least lately used one first.
    accounts: Mutex<IndexMap<AccountName, Arc<Account>>>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { sync: Sync::Full, accounts_open_max: 256 }
    }
}

impl Store {
    /// Opens the store in the folder `root`, and makes the folder when it is
    /// missing. Names of files come from the host's randomness, dates from its
    /// clock.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(host: &Host, root: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        fs::create_dir_all(root).map_err(|error| StoreError::disk(root, &error))?;
        let shared = Shared {
            host: host.clone(),
            root: root.to_owned(),
            options,
            disk: Arc::new(StoreDisk::new(host, root)),
            accounts: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// An account's mailboxes; a new account gets INBOX and one mailbox per
    /// special use. All callers share one [`Account`].
    ///
    /// # Errors
    /// The disk's, or a damaged index.
    pub fn account(&self, name: &AccountName) -> Result<Arc<Account>, StoreError> {
        let Shared { host, root, options, disk, accounts } = &*self.shared;
        let mut accounts = commit::lock(accounts);
        if let Some(account) = accounts.shift_remove(name) {
            accounts.insert(name.clone(), Arc::clone(&account));
            return Ok(account);
        }
        let opened = Account::open(host, name, &root.join(name.as_str()), options.sync, disk);
        let account = Arc::new(opened.inspect_err(|error| disk.failed(error))?);
        accounts.insert(name.clone(), Arc::clone(&account));
        for _ in 0..RESTED_PER_OPENING {
            if accounts.len() <= options.accounts_open_max {
                break;
            }
            let Some((name, oldest)) = accounts.shift_remove_index(0) else { break };
            // Nobody but this table can hand it out, and the table is locked.
            if Arc::strong_count(&oldest) > 1 {
                oldest.rest();
                accounts.insert(name, oldest);
            }
        }
        Ok(account)
    }

    /// Another program changed an account's mailboxes: sessions that watch it look.
    ///
    /// # Errors
    /// The disk's.
    pub fn changed_elsewhere(&self, name: &AccountName) -> Result<(), StoreError> {
        let open = commit::lock(&self.shared.accounts).get(name).cloned();
        open.map_or(Ok(()), |account| account.look_again())
    }

    /// The accounts that have mailboxes here, in the order of their names.
    ///
    /// # Errors
    /// The disk's.
    pub fn accounts(&self) -> Result<Vec<AccountName>, StoreError> {
        let root = &self.shared.root;
        let failed = |error| StoreError::disk(root, &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(root).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            names.extend(name.to_str().and_then(|name| name.parse::<AccountName>().ok()));
        }
        names.sort();
        Ok(names)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Store({})", self.shared.root.display())
    }
}

/// Open accounts that are looked at when one more opens: more than one, so that
/// their number falls back to its bound.
const RESTED_PER_OPENING: usize = 2;

#[cfg(test)]
mod tests;
