//! Who has a mailbox here, and what proves it.
//!
//! ```text
//!   address ──▶ resolve ──▶ account · unknown (550) · not ours (relay?)
//!   user, password ──▶ check_password ──▶ account     argon2id, few at once
//!   user ──▶ scram ──▶ salt, iterations, keys         derived when the password was set
//! ```

mod account_name;
mod book;
mod file;
mod secret;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use capa7_mail_proto::address::{Address, ReversePath};
use capa7_mail_proto::sasl::{Password, ScramCredentials};
use capa7_net::Host;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

pub use account_name::{AccountName, NotAnAccountName};
pub use book::{BookError, UserBook, UserRecord};
pub use file::{load_users, store_users};
pub use secret::{Secret, SecretError};

/// The users of one mail server. Cheap to clone; all clones see a reload.
#[derive(Clone, Debug)]
pub struct Users {
    now: Arc<RwLock<Now>>,
    turns: Arc<Semaphore>,
}

/// A book, and what answers for nobody.
#[derive(Clone)]
struct Now {
    book: Arc<UserBook>,
    decoys: [u8; 32],
}

impl Now {
    fn of(book: UserBook) -> Self {
        // The same after a restart, and unknown to who does not have the file.
        let mut digest = Sha256::new();
        for (name, record) in book.accounts() {
            digest.update(name.as_str());
            digest.update(record.secret.hash().unwrap_or_default());
        }
        Self { book: Arc::new(book), decoys: digest.finalize().into() }
    }
}

impl fmt::Debug for Now {
    /// Secrets do not get into logs by accident.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Now({:?})", self.book)
    }
}

/// Somebody who proved to be who they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Whose mailboxes.
    pub name: AccountName,
}

/// Why users cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsersError {
    /// A name that no account can have.
    #[error(transparent)]
    Name(#[from] NotAnAccountName),
    /// Two accounts for one address.
    #[error(transparent)]
    Book(#[from] BookError),
}

/// Where an address leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// To mailboxes here.
    Account(AccountName),
    /// Its domain is ours, but nobody has it (RFC 5321 §3.5.3: 550).
    Unknown,
    /// Its domain is served elsewhere.
    NotOurs,
}

impl Users {
    /// The users of a book.
    #[must_use]
    pub fn new(book: UserBook) -> Self {
        Self {
            now: Arc::new(RwLock::new(Now::of(book))),
            turns: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
        }
    }

    /// The users of a lab: each password is the part of the address before
    /// the `@`, and checking it costs nothing.
    ///
    /// # Errors
    /// For an address that cannot be an account's name, or comes twice.
    pub fn lab(domains: &[String], accounts: &[Address]) -> Result<Self, UsersError> {
        let mut book = UserBook::new(domains.to_vec());
        for address in accounts {
            let record = UserRecord::new(Secret::plain(address.local()));
            book.add(AccountName::of(address)?, record)?;
        }
        Ok(Self::new(book))
    }

    /// The book as it is now.
    #[must_use]
    pub fn book(&self) -> Arc<UserBook> {
        self.now().book
    }

    /// Takes another book; sessions that are open stay so.
    pub fn replace(&self, book: UserBook) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Now::of(book);
    }

    fn now(&self) -> Now {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether mail of this domain is kept here.
    #[must_use]
    pub fn is_our_domain(&self, domain: &str) -> bool {
        self.book().has_domain(domain)
    }

    /// Where an address leads.
    #[must_use]
    pub fn resolve(&self, address: &Address) -> Resolved {
        self.book().resolve(address)
    }

    /// Whether an account may name `from` as the sender of what it submits:
    /// an address that leads to it, or nobody (RFC 6409 §6.1).
    #[must_use]
    pub fn may_send_as(&self, account: &AccountName, from: &ReversePath) -> bool {
        match &from.0 {
            Some(address) => self.resolve(address) == Resolved::Account(account.clone()),
            None => true,
        }
    }

    /// The account of a user whose password is right. It takes as long for a
    /// user who does not exist, so that nobody learns who does.
    pub async fn check_password(
        &self,
        host: &Host,
        user: &str,
        password: &Password,
    ) -> Option<Account> {
        let book = self.book();
        let found = book.login(user);
        let secret = match found {
            Some((_, record)) => record.secret.clone(),
            None => book.decoy()?,
        };
        let is_right = if secret.is_costly() {
            let _turn = self.turns.acquire().await.ok()?;
            let password = password.clone();
            host.blocking(move || secret.verify(&password)).await
        } else {
            secret.verify(password)
        };
        let (name, _) = found?;
        is_right.then(|| Account { name: name.clone() })
    }

    /// What a proof by SCRAM is checked against: for a user who does not
    /// exist something that no password meets (RFC 5802 §9 leaves it to us).
    #[must_use]
    pub fn scram(&self, user: &str) -> ScramCredentials {
        let Now { book, decoys } = self.now();
        let own = book.login(user).and_then(|(_, record)| record.secret.scram());
        own.unwrap_or_else(|| ScramCredentials::decoy(&decoys, user))
    }

    /// The account of a user who proved the password by SCRAM.
    #[must_use]
    pub fn account(&self, user: &str) -> Option<Account> {
        let book = self.book();
        book.login(user).map(|(name, _)| Account { name: name.clone() })
    }
}

/// Password hashes that are computed at once: each takes 19 MiB and a core.
const HASHES_AT_ONCE: usize = 2;

#[cfg(test)]
mod tests;
