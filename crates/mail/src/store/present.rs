//! Which messages a mailbox holds, by what they say.

use std::collections::BTreeMap;
use std::io::Read as _;

use capa7_mail_proto::mailbox::Uid;
use sha2::{Digest as _, Sha256};

use super::{Account, MailboxId, MessageReader, StagedBody, StoreError};

/// The messages that a mailbox held at one moment. Each is found once.
#[derive(Debug)]
pub struct Present {
    mailbox: MailboxId,
    by_size: BTreeMap<u64, Alike>,
}

/// Messages of one length.
#[derive(Debug)]
enum Alike {
    /// Not yet read.
    Unread(Vec<Uid>),
    /// How many there are of each hash.
    Read(BTreeMap<[u8; 32], u64>),
}

impl Account {
    /// The messages that a mailbox holds now.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`], the disk's.
    pub fn present(&self, mailbox: MailboxId) -> Result<Present, StoreError> {
        let mut by_size: BTreeMap<u64, Alike> = BTreeMap::new();
        let mut next = Some(1);
        while let Some(first) = next {
            let rows = self.rows(mailbox, first..=u32::MAX, ROWS_MAX)?;
            next = rows.last().and_then(|row| row.uid.get().checked_add(1));
            for row in rows {
                let alike = by_size.entry(row.size).or_insert_with(|| Alike::Unread(Vec::new()));
                if let Alike::Unread(uids) = alike {
                    uids.push(row.uid);
                }
            }
        }
        Ok(Present { mailbox, by_size })
    }
}

impl Present {
    /// Whether a message that says just this is there; it then counts as found.
    /// Only messages of the same length are read, each once.
    ///
    /// # Errors
    /// The disk's.
    pub fn take(&mut self, account: &Account, body: &StagedBody) -> Result<bool, StoreError> {
        let Some(alike) = self.by_size.get_mut(&body.size()) else { return Ok(false) };
        if let Alike::Unread(uids) = alike {
            let mut hashes = BTreeMap::new();
            for uid in uids {
                match account.open_message(self.mailbox, *uid) {
                    Ok(message) => *hashes.entry(hash(message)?).or_insert(0) += 1,
                    // Gone meanwhile, or lost.
                    Err(StoreError::NoMessage(_) | StoreError::Disk(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            *alike = Alike::Read(hashes);
        }
        let Alike::Read(hashes) = alike else { return Ok(false) };
        Ok(match hashes.get_mut(&body.hash) {
            Some(count @ 1..) => {
                *count -= 1;
                true
            }
            _ => false,
        })
    }
}

fn hash(mut message: MessageReader) -> Result<[u8; 32], StoreError> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; READ_BYTES]);
    loop {
        let count = message
            .read(&mut buffer)
            .map_err(|error| StoreError::Disk(format!("a body cannot be read: {error}")))?;
        if count == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(buffer.get(..count).unwrap_or_default());
    }
}

const ROWS_MAX: usize = 1_000;
const READ_BYTES: usize = 64 * 1024;
