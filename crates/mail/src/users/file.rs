//! The file of users.
//!
//! ```toml
//! [account."andrea@ucatolica.edu.co"]
//! password = "$argon2id$v=19$m=19456,t=2,p=1$…"
//! scram = "SCRAM-SHA-256$10000:…"
//! aliases = ["a.perez@ucatolica.edu.co", "postmaster@ucatolica.edu.co"]
//!
//! [catch_all]
//! "ucatolica.edu.co" = "andrea@ucatolica.edu.co"
//! ```

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use capa7_mail_proto::address::Address;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{AccountName, Secret, SecretError, UserBook, UserRecord};
use crate::config::{FileError, parse_toml, read_text};

/// The file as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsersFile {
    #[serde(default)]
    account: IndexMap<Spanned<String>, AccountEntry>,
    #[serde(default)]
    catch_all: IndexMap<Spanned<String>, Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountEntry {
    password: Spanned<String>,
    scram: Option<Spanned<String>>,
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
}

/// The same for writing.
#[derive(Debug, Serialize)]
struct UsersOut<'b> {
    account: IndexMap<&'b str, AccountOut<'b>>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    catch_all: IndexMap<&'b str, &'b str>,
}

#[derive(Debug, Serialize)]
struct AccountOut<'b> {
    password: &'b str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scram: Option<String>,
    #[serde(skip_serializing_if = "<[Address]>::is_empty")]
    aliases: &'b [Address],
}

/// Reads the users of `domains`. A file that does not exist has none.
///
/// # Errors
/// With the place of what is wrong and what to do.
pub fn load_users(file: &Path, domains: &[String]) -> Result<UserBook, FileError> {
    let text = match read_text(file) {
        Err(error) if !file.exists() && error.position.is_none() => String::new(),
        read => read?,
    };
    let entries: UsersFile = parse_toml(file, &text)?;
    let mut book = UserBook::new(domains.to_vec());
    for (name, entry) in &entries.account {
        let at = |span, problem: &dyn std::error::Error| {
            FileError::at(file, &text, &span, problem.to_string())
        };
        let account: AccountName =
            name.get_ref().parse().map_err(|error| at(name.span(), &error))?;
        check_domain(&book, account.domain())
            .map_err(|problem| FileError::at(file, &text, &name.span(), problem))?;
        let scram = entry.scram.as_ref();
        let secret = Secret::from_texts(
            entry.password.get_ref(),
            scram.map(|scram| scram.get_ref().as_str()),
        );
        let secret = secret.map_err(|error| match (&error, scram) {
            (SecretError::Scram, Some(scram)) => at(scram.span(), &error),
            _ => at(entry.password.span(), &error),
        })?;
        let mut record = UserRecord::new(secret);
        for alias in &entry.aliases {
            let address: Address =
                alias.get_ref().parse().map_err(|error| at(alias.span(), &error))?;
            check_domain(&book, address.domain())
                .map_err(|problem| FileError::at(file, &text, &alias.span(), problem))?;
            record.aliases.push(address);
        }
        book.add(account, record).map_err(|error| at(name.span(), &error))?;
    }
    for (domain, name) in &entries.catch_all {
        check_domain(&book, domain.get_ref())
            .map_err(|problem| FileError::at(file, &text, &domain.span(), problem))?;
        let wrong = |error: String| FileError::at(file, &text, &name.span(), error);
        let account = name.get_ref().parse::<AccountName>().map_err(|e| wrong(e.to_string()))?;
        book.set_catch_all(domain.get_ref(), account).map_err(|e| wrong(e.to_string()))?;
    }
    Ok(book)
}

/// Writes the users: beside the file first, then in its place, so that the
/// file is whole at every moment.
///
/// # Errors
/// When the system refuses; the old file is untouched then.
pub fn store_users(file: &Path, book: &UserBook) -> Result<(), FileError> {
    let wrong = |error: io::Error| FileError::of_system(file, &error);
    let text = write_text(book).map_err(|error| FileError::of_file(file, error.to_string()))?;
    let beside = file.with_extension("toml.new");
    // Whoever owned the file, such as the server's own user, keeps it.
    let before = fs::metadata(file).ok();
    let _old = fs::remove_file(&beside);
    let mut new = File::options()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(&beside)
        .map_err(wrong)?;
    let write = |new: &mut File| -> io::Result<()> {
        if let Some(before) = before {
            std::os::unix::fs::fchown(&*new, Some(before.uid()), Some(before.gid()))?;
            new.set_permissions(before.permissions())?;
        }
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&beside, file)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
    };
    write(&mut new).map_err(|error| {
        let _gone = fs::remove_file(&beside);
        wrong(error)
    })
}

fn write_text(book: &UserBook) -> Result<String, toml::ser::Error> {
    let account = book.accounts().filter_map(|(name, record)| {
        let password = record.secret.hash()?;
        Some((
            name.as_str(),
            AccountOut { password, scram: record.secret.scram_text(), aliases: &record.aliases },
        ))
    });
    let catch_all = book.catch_all().map(|(domain, name)| (domain, name.as_str()));
    let out = UsersOut { account: account.collect(), catch_all: catch_all.collect() };
    Ok(format!("{HEAD}\n{}", toml::to_string(&out)?))
}

fn check_domain(book: &UserBook, domain: &str) -> Result<(), String> {
    if book.has_domain(domain) {
        return Ok(());
    }
    let own = book.domains().join(", ");
    Err(format!("`{domain}` is no domain of this server ({own}): add it to `domains` of mail.toml"))
}

/// What the file begins with.
const HEAD: &str = "\
# The accounts of a mail server. `capa7 mail user add` and `passwd` write this
# file; after a change by hand tell the server with SIGHUP.
";
/// Nobody else may read hashes.
const FILE_MODE: u32 = 0o600;
