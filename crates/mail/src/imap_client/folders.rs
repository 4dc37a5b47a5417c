//! The mailboxes of an account, with what they are for and how full they are.

use std::collections::BTreeMap;

use capa7_mail_proto::imap::client::ClientCommand;
use capa7_mail_proto::imap::command::StatusItem;
use capa7_mail_proto::imap::response::{ListEntry, Untagged};
use capa7_mail_proto::mailbox::SpecialUse;
use capa7_net::Cause;

use super::{ImapConnection, ImapError};

/// One mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its name, decoded.
    pub name: String,
    /// Between the levels of its name.
    pub separator: Option<char>,
    /// What it is for, told by the server or guessed from its name.
    pub special_use: Option<SpecialUse>,
    /// Whether it can be selected.
    pub selectable: bool,
    /// How many messages it has.
    pub messages: u64,
    /// How many of them lack `\Seen`.
    pub unseen: u64,
}

impl ImapConnection {
    /// All mailboxes: in one command where the server can (RFC 5819), else one
    /// by one.
    ///
    /// # Errors
    /// As [`ImapConnection::run`].
    pub async fn folders(&mut self, cause: Cause) -> Result<Vec<Folder>, ImapError> {
        let rev2 = self.machine().can("IMAP4rev2");
        let at_once = rev2 || self.machine().can("LIST-STATUS");
        let special_use = self.machine().can("SPECIAL-USE");
        let items = vec![StatusItem::Messages, StatusItem::Unseen];
        let status = if at_once { items.clone() } else { Vec::new() };
        let pattern = "*".to_owned();
        // Return options need the extended form (RFC 5258 §3).
        let extended = rev2 || self.machine().can("LIST-EXTENDED") || at_once;
        let special_use = special_use && extended;
        let done = self.run(ClientCommand::List { pattern, special_use, status }, cause).await?;
        let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let mut folders = Vec::new();
        for untagged in done.untagged {
            match untagged {
                Untagged::List(entry) if folders.len() < FOLDERS_MAX => folders.push(folder(entry)),
                Untagged::MailboxStatus { mailbox, items } => {
                    counts.insert(mailbox, count(&items));
                }
                _ => {}
            }
        }
        for folder in &mut folders {
            if !at_once && folder.selectable {
                let (mailbox, items) = (folder.name.clone(), items.clone());
                let done = self.run(ClientCommand::Status { mailbox, items }, cause).await;
                let Ok(done) = done else { continue };
                for untagged in done.untagged {
                    if let Untagged::MailboxStatus { mailbox, items } = untagged {
                        counts.insert(mailbox, count(&items));
                    }
                }
            }
            (folder.messages, folder.unseen) = counts.get(&folder.name).copied().unwrap_or((0, 0));
        }
        guess_uses(&mut folders);
        Ok(folders)
    }
}

fn count(items: &[(StatusItem, u64)]) -> (u64, u64) {
    let of = |wanted: StatusItem| items.iter().find(|(item, _)| *item == wanted).map_or(0, |i| i.1);
    (of(StatusItem::Messages), of(StatusItem::Unseen))
}

fn folder(entry: ListEntry) -> Folder {
    let has = |name: &str| entry.attributes.iter().any(|known| known.eq_ignore_ascii_case(name));
    let special_use = USES.into_iter().map(|(usage, _)| usage).find(|u| has(u.attribute()));
    // RFC 9051 §7.3.1.
    let selectable = !has("\\Noselect") && !has("\\NonExistent");
    let (name, separator) = (entry.name, entry.separator);
    Folder { name, separator, special_use, selectable, messages: 0, unseen: 0 }
}

/// Many servers have a folder for a use and do not say so.
fn guess_uses(folders: &mut [Folder]) {
    for (usage, names) in USES {
        if folders.iter().any(|folder| folder.special_use == Some(usage)) {
            continue;
        }
        let found = folders.iter_mut().find(|folder| {
            let last = folder.separator.and_then(|s| folder.name.rsplit(s).next());
            let last = last.unwrap_or(&folder.name);
            folder.special_use.is_none() && names.iter().any(|n| n.eq_ignore_ascii_case(last))
        });
        if let Some(folder) = found {
            folder.special_use = Some(usage);
        }
    }
}

const USES: [(SpecialUse, [&str; 3]); 5] = [
    (SpecialUse::Drafts, ["Drafts", "Draft", "Borradores"]),
    (SpecialUse::Sent, ["Sent", "Sent Items", "Enviados"]),
    (SpecialUse::Archive, ["Archive", "Archives", "Archivo"]),
    (SpecialUse::Junk, ["Junk", "Spam", "No deseados"]),
    (SpecialUse::Trash, ["Trash", "Deleted Items", "Papelera"]),
];
/// Mailboxes that are read.
const FOLDERS_MAX: usize = 2_000;
