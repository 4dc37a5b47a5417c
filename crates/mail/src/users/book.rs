//! Domains, accounts and the addresses that lead to them.

use std::collections::BTreeMap;

use capa7_mail_proto::address::Address;

use super::{AccountName, Resolved, Secret};

/// All users of a server at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserBook {
    /// The domains whose mail is kept here, in lower case and ASCII form.
    domains: Vec<String>,
    accounts: BTreeMap<AccountName, UserRecord>,
    /// By domain: who gets what nobody else has.
    catch_all: BTreeMap<String, AccountName>,
    /// By main address and alias, in lower case.
    addresses: BTreeMap<String, AccountName>,
}

/// Why an account cannot be in a book.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// Somebody has the address.
    #[error("{address} leads to {account} already: choose another address")]
    Taken {
        /// The address.
        address: String,
        /// Whose it is.
        account: AccountName,
    },
    /// Nobody has the name.
    #[error("there is no account {0}: `capa7 mail user list` shows those there are")]
    NoSuchAccount(AccountName),
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// What proves that somebody is its owner.
    pub secret: Secret,
    /// Other addresses that lead to it.
    pub aliases: Vec<Address>,
}

impl UserRecord {
    /// An account without other addresses.
    #[must_use]
    pub const fn new(secret: Secret) -> Self {
        Self { secret, aliases: Vec::new() }
    }
}

impl UserBook {
    /// A book of these domains without accounts.
    #[must_use]
    pub fn new(domains: Vec<String>) -> Self {
        let domains = domains.iter().map(|domain| domain.to_ascii_lowercase()).collect();
        Self { domains, ..Self::default() }
    }

    /// The domains, in the order of the configuration.
    #[must_use]
    pub fn domains(&self) -> &[String] {
        &self.domains
    }

    /// The accounts in order.
    pub fn accounts(&self) -> impl Iterator<Item = (&AccountName, &UserRecord)> {
        self.accounts.iter()
    }

    /// By domain, who gets what nobody else has.
    pub fn catch_all(&self) -> impl Iterator<Item = (&str, &AccountName)> {
        self.catch_all.iter().map(|(domain, name)| (domain.as_str(), name))
    }

    /// Adds an account with its addresses.
    ///
    /// # Errors
    /// [`BookError::Taken`]; the book stays as it was.
    pub fn add(&mut self, name: AccountName, record: UserRecord) -> Result<(), BookError> {
        let mut addresses = vec![name.as_str().to_owned()];
        addresses.extend(record.aliases.iter().map(key));
        for address in &addresses {
            if let Some(account) = self.addresses.get(address) {
                let (address, account) = (address.clone(), account.clone());
                return Err(BookError::Taken { address, account });
            }
        }
        self.addresses.extend(addresses.into_iter().map(|address| (address, name.clone())));
        self.accounts.insert(name, record);
        Ok(())
    }

    /// One account.
    ///
    /// # Errors
    /// [`BookError::NoSuchAccount`].
    pub fn record(&self, name: &AccountName) -> Result<&UserRecord, BookError> {
        self.accounts.get(name).ok_or_else(|| BookError::NoSuchAccount(name.clone()))
    }

    /// Gives an account another password.
    ///
    /// # Errors
    /// [`BookError::NoSuchAccount`].
    pub fn set_secret(&mut self, name: &AccountName, secret: Secret) -> Result<(), BookError> {
        let none = || BookError::NoSuchAccount(name.clone());
        self.accounts.get_mut(name).ok_or_else(none)?.secret = secret;
        Ok(())
    }

    /// Says who gets what nobody else of a domain has.
    ///
    /// # Errors
    /// [`BookError::NoSuchAccount`].
    pub fn set_catch_all(&mut self, domain: &str, name: AccountName) -> Result<(), BookError> {
        if !self.accounts.contains_key(&name) {
            return Err(BookError::NoSuchAccount(name));
        }
        self.catch_all.insert(domain.to_ascii_lowercase(), name);
        Ok(())
    }

    /// Whether mail of this domain is kept here.
    #[must_use]
    pub fn has_domain(&self, domain: &str) -> bool {
        self.domains.iter().any(|own| own.eq_ignore_ascii_case(domain))
    }

    /// Where an address leads: an account, an alias, the same without what
    /// follows a `+`, the domain's catch-all.
    #[must_use]
    pub fn resolve(&self, address: &Address) -> Resolved {
        if !self.has_domain(address.domain()) {
            return Resolved::NotOurs;
        }
        let local = address.local().to_lowercase();
        let base = local.split_once('+').map_or(local.as_str(), |(base, _)| base);
        let found = self
            .addressed(&local, address.domain())
            .or_else(|| self.addressed(base, address.domain()))
            .or_else(|| self.postmaster(base, address.domain()))
            .or_else(|| self.catch_all.get(address.domain()).cloned());
        found.map_or(Resolved::Unknown, Resolved::Account)
    }

    /// Whose mailboxes a user of this name wants: the account's name, an
    /// alias, or the part before the `@` when the server has one domain.
    #[must_use]
    pub fn login(&self, user: &str) -> Option<(&AccountName, &UserRecord)> {
        let (local, domain) = match (user.rsplit_once('@'), self.domains.as_slice()) {
            (Some(parts), _) => parts,
            (None, [only]) => (user, only.as_str()),
            (None, _) => return None,
        };
        let name = self.addressed(&local.to_lowercase(), &domain.to_ascii_lowercase())?;
        self.accounts.get_key_value(&name)
    }

    /// What to check the password of nobody against, so that it takes as long.
    pub(super) fn decoy(&self) -> Option<Secret> {
        let is_costly = self.accounts.values().any(|record| record.secret.is_costly());
        is_costly.then(Secret::decoy)
    }

    fn addressed(&self, local: &str, domain: &str) -> Option<AccountName> {
        self.addresses.get(&format!("{local}@{domain}")).cloned()
    }

    /// RFC 5321 §4.5.1: every domain takes mail for its postmaster; where
    /// nobody is, it waits in mailboxes of that name until somebody sets
    /// their password.
    fn postmaster(&self, local: &str, domain: &str) -> Option<AccountName> {
        let elsewhere = || {
            let mut domains = self.domains.iter();
            domains.find_map(|other| self.addressed(POSTMASTER, other))
        };
        let own = || format!("{POSTMASTER}@{domain}").parse().ok();
        if local == POSTMASTER { elsewhere().or_else(own) } else { None }
    }
}

/// An address as the index has it. RFC 5321 §2.4: a host may treat its own
/// local parts without case.
fn key(address: &Address) -> String {
    format!("{}@{}", address.local().to_lowercase(), address.domain())
}

/// Reserved, in any case (RFC 5321 §4.5.1).
const POSTMASTER: &str = "postmaster";
