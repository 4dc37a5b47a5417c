//! Names of mailboxes as names of folders and files: none leads elsewhere.
//!
//! ```text
//!   mailbox          Maildir++        a file of an mbox export
//!   INBOX            (the root)       INBOX.mbox
//!   Archive/2024     .Archive.2024    Archive/2024.mbox
//!   Müll             .M&APw-ll        Müll.mbox
//!   ../a.b           .\2e\2e.a\2eb    \2e\2e/a\2eb.mbox
//! ```
//!
//! Maildir++ and Dovecot write modified UTF-7 (RFC 3501 §5.1.3). What would be
//! read as a separator is `\` and two hexadecimal digits, which is how
//! Dovecot's listescape writes it too.

use crate::mailbox::{MailboxName, MailboxNameError, SEPARATOR};
use crate::utf7;

/// The folder of a mailbox below the root of a Maildir++; none for INBOX, which
/// is the root itself.
#[must_use]
pub fn maildir_folder(name: &MailboxName) -> Option<String> {
    if name.is_inbox() {
        return None;
    }
    let levels = name.as_str().split(SEPARATOR);
    Some(levels.map(|level| format!(".{}", utf7::encode(&escaped(level)))).collect())
}

/// The mailbox of a Maildir++ folder, whose name begins with a dot. UTF-8 is
/// understood where it is no modified UTF-7.
///
/// # Errors
/// When it stands for no name of a mailbox.
pub fn of_maildir_folder(folder: &str) -> Result<MailboxName, MailboxNameError> {
    let levels = folder.strip_prefix('.').unwrap_or(folder).split('.');
    let decoded = levels.map(|level| {
        let level = utf7::decode(level.as_bytes()).unwrap_or_else(|_| level.to_owned());
        unescaped(&level)
    });
    joined(decoded)
}

/// The path of a mailbox's mbox below the folder of an export, level by level;
/// the last one is the file's name.
#[must_use]
pub fn mbox_path(name: &MailboxName) -> Vec<String> {
    let mut levels: Vec<String> = name.as_str().split(SEPARATOR).map(escaped).collect();
    if let Some(last) = levels.last_mut() {
        last.push_str(MBOX);
    }
    levels
}

/// The mailbox of an mbox at a path below the folder of an export.
///
/// # Errors
/// When it stands for no name of a mailbox.
pub fn of_mbox_path(levels: &[String]) -> Result<MailboxName, MailboxNameError> {
    let (last, above) = levels.split_last().map_or(("", &[][..]), |(l, a)| (l.as_str(), a));
    let last = last.strip_suffix(MBOX).unwrap_or(last);
    joined(above.iter().map(String::as_str).chain([last]).map(unescaped))
}

/// A level cannot hide a separator: the name would be another one.
fn joined(levels: impl Iterator<Item = String>) -> Result<MailboxName, MailboxNameError> {
    let levels: Vec<String> = levels.collect();
    let name = levels.join("/");
    if levels.iter().any(|level| level.contains(SEPARATOR)) {
        let problem = "is no mailbox name: a level holds a slash";
        return Err(MailboxNameError { text: name, problem });
    }
    MailboxName::parse(&name)
}

/// A level without dots, slashes and NUL: `.` and `..` are none.
fn escaped(level: &str) -> String {
    let mut out = String::with_capacity(level.len());
    for c in level.chars() {
        match c {
            '.' | '/' | '\\' | '\0' => out.push_str(&format!("\\{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let code = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(code @ 0..0x80) => {
                out.push(char::from(code));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// What names of mbox files end with.
pub const MBOX: &str = ".mbox";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(mailbox: &str, folder: &str, path: &str) {
        let name = MailboxName::parse(mailbox).unwrap();
        assert_eq!(maildir_folder(&name).unwrap_or_default(), folder);
        assert_eq!(mbox_path(&name).join("/"), path);
    }

    #[test]
    fn mailboxes_have_folders_that_others_know() {
        check("INBOX", "", "INBOX.mbox");
        check("Archive/2024", ".Archive.2024", "Archive/2024.mbox");
        check("Müll & co", ".M&APw-ll &- co", "Müll & co.mbox");
        assert_eq!(of_maildir_folder(".Entwürfe").unwrap().as_str(), "Entwürfe");
    }

    // Goal: a name that would leave the folder stays in it.
    #[test]
    fn no_name_leads_out_of_its_folder() {
        check("../x", ".\\2e\\2e.x", "\\2e\\2e/x.mbox");
        check("./~/a\\b", ".\\2e.~.a\\5cb", "\\2e/~/a\\5cb.mbox");
        assert!(of_maildir_folder(".a\\2fb").is_err());
        assert!(of_maildir_folder("..a").is_err());
        assert!(of_maildir_folder(".a\\00b").is_err());
    }

    proptest! {
        #[test]
        fn names_come_back(text in "[a-zA-Z.\\\\~&é /😀2e-]{1,30}") {
            let Ok(name) = MailboxName::parse(&text) else { return Ok(()) };
            let folder = maildir_folder(&name);
            prop_assert!(folder.as_ref().is_none_or(|folder| !folder.contains('/')));
            if let Some(folder) = folder {
                prop_assert_eq!(of_maildir_folder(&folder).unwrap(), name.clone());
            }
            prop_assert_eq!(of_mbox_path(&mbox_path(&name)).unwrap(), name);
        }
    }
}
