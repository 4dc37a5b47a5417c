//! Is all that is stored what was stored?

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use super::body::{file_name, id_of};
use super::{Account, StoreError};

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckDepth {
    /// The index, and whether each body has a file of its length.
    Index,
    /// Every byte of every body too.
    Contents,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// What is wrong; none in a sound store.
    pub problems: Vec<Problem>,
    /// Files of bodies that no message has: left over from a crash, or just
    /// being written. They do no harm; [`Account::sweep`] removes them.
    pub leftovers: Vec<PathBuf>,
    /// Messages that were looked at.
    pub messages: u64,
    /// Bodies that were looked at.
    pub bodies: u64,
}

/// Something that is not as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What, one sentence.
    pub text: String,
    /// What to do about it, one sentence.
    pub advice: &'static str,
}

impl CheckReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    fn add(&mut self, text: String, advice: &'static str) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { text, advice });
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}\n  {}", self.text, self.advice)
    }
}

impl Account {
    /// Compares index and files. The account may be in use meanwhile.
    ///
    /// # Errors
    /// When the index cannot be read at all, or the disk fails.
    pub fn check(&self, depth: CheckDepth) -> Result<CheckReport, StoreError> {
        let mut report = CheckReport::default();
        // The files before the index: a body that is delivered in between has
        // a row, and one that is expunged in between is asked for again.
        let files = self.body_files()?;
        let bodies = self.read(|index| {
            check_index(index, &mut report)?;
            bodies(index)
        })?;
        report.bodies = bodies.len() as u64;
        let known: BTreeSet<i64> = bodies.iter().map(|body| body.id).collect();
        let left_over = files.into_iter().filter(|id| !known.contains(id));
        report.leftovers = left_over.map(|id| self.bodies.path(id)).collect();
        for body in &bodies {
            if let Some(problem) = self.body_problem(body, depth)? {
                let name = file_name(body.id);
                report.add(format!("body {name} {problem}"), RESTORE_BODY);
            }
        }
        Ok(report)
    }

    /// Removes files of bodies that no message has, when they are older than
    /// `age`: younger ones may belong to messages that are just arriving, also
    /// in another program. Returns how many went.
    ///
    /// # Errors
    /// The disk's.
    pub fn sweep(&self, age: Duration) -> Result<usize, StoreError> {
        let files = self.body_files()?;
        let known: BTreeSet<i64> = self.read(bodies)?.into_iter().map(|body| body.id).collect();
        let now = Duration::from_secs(self.now().unsigned_abs());
        let mut old = Vec::new();
        for id in files.into_iter().filter(|id| !known.contains(id)) {
            let written = fs::metadata(self.bodies.path(id)).and_then(|file| file.modified());
            // A file that has gone meanwhile is no leftover.
            let Ok(written) = written else { continue };
            let written = written.duration_since(UNIX_EPOCH).unwrap_or_default();
            if now.saturating_sub(written) >= age {
                old.push(id);
            }
        }
        self.bodies.remove(&old);
        Ok(old.len())
    }

    fn body_files(&self) -> Result<Vec<i64>, StoreError> {
        let folder = self.bodies.folder();
        let failed = |error| StoreError::disk(folder, &error);
        let mut ids = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            ids.extend(name.to_str().and_then(id_of));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// What is wrong with a body's file, unless its last message has gone.
    fn body_problem(
        &self,
        body: &BodyRow,
        depth: CheckDepth,
    ) -> Result<Option<String>, StoreError> {
        let problem = match self.bodies.open(body.id) {
            Err(error) => Some(format!("cannot be opened: {error}")),
            Ok(file) => {
                let size = file.metadata().map_or(0, |file| file.len());
                if size != body.size {
                    Some(format!("has {size} bytes instead of {}", body.size))
                } else if depth == CheckDepth::Contents && hash_of(file) != Some(body.hash) {
                    Some("has other contents than were stored".to_owned())
                } else {
                    None
                }
            }
        };
        if problem.is_none() {
            return Ok(None);
        }
        let is_there = self.read(|index| {
            Ok(index.prepare_cached("SELECT 1 FROM bodies WHERE id = ?1")?.exists([body.id])?)
        })?;
        Ok(problem.filter(|_| is_there))
    }
}

struct BodyRow {
    id: i64,
    size: u64,
    hash: [u8; 32],
}

fn bodies(index: &Connection) -> Result<Vec<BodyRow>, StoreError> {
    let mut statement = index.prepare_cached("SELECT id, size, hash FROM bodies")?;
    let rows = statement.query_map([], |row| {
        let size: i64 = row.get(1)?;
        Ok(BodyRow { id: row.get(0)?, size: size.unsigned_abs(), hash: row.get(2)? })
    })?;
    rows.map(|row| row.map_err(Into::into)).collect()
}

fn hash_of(mut file: fs::File) -> Option<[u8; 32]> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; READ_BYTES]);
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some(hash.finalize().into()),
            count => hash.update(buffer.get(..count)?),
        }
    }
}

fn check_index(index: &Connection, report: &mut CheckReport) -> Result<(), StoreError> {
    let mut statement = index.prepare("PRAGMA quick_check")?;
    for line in statement.query_map([], |row| row.get::<_, String>(0))? {
        let line = line?;
        if line != "ok" {
            report.add(format!("index: {line}"), RESTORE_INDEX);
        }
    }
    report.messages = index
        .query_row("SELECT count(*) FROM messages", [], |row| row.get::<_, i64>(0))?
        .unsigned_abs();
    for (claim, advice, sql) in CLAIMS {
        let mut statement = index.prepare(sql)?;
        for what in statement.query_map([], |row| row.get::<_, String>(0))? {
            report.add(format!("{}: {claim}", what?), advice);
        }
    }
    Ok(())
}

const RESTORE_BODY: &str = "Restore the file from a backup, or expunge the messages that have it.";
const RESTORE_INDEX: &str =
    "Restore index.sqlite from a backup; the bodies are whole messages and can be imported.";
const COUNTS: &str = "Restore index.sqlite from a backup, or export and import the account.";

/// What would be false of a sound index: each query finds those that break it.
const CLAIMS: [(&str, &str, &str); 10] = [
    (
        "its counts are not those of its messages",
        COUNTS,
        "SELECT b.name FROM mailboxes b WHERE (b.messages, b.unseen, b.deleted, b.bytes) IS NOT (
             SELECT count(*),
                 coalesce(sum((' ' || flags || ' ') NOT LIKE '% \\Seen %'), 0),
                 coalesce(sum((' ' || flags || ' ') LIKE '% \\Deleted %'), 0),
                 coalesce(sum(size), 0) FROM messages m WHERE m.mailbox = b.id)",
    ),
    (
        "a UID is not below UIDNEXT",
        COUNTS,
        "SELECT DISTINCT b.name FROM mailboxes b
         JOIN (SELECT key, mailbox FROM messages UNION ALL SELECT key, mailbox FROM expunged) m
             ON m.mailbox = b.id WHERE (m.key & 4294967295) >= b.uidnext",
    ),
    (
        "a modseq is higher than HIGHESTMODSEQ",
        COUNTS,
        "SELECT DISTINCT b.name FROM mailboxes b
         JOIN (SELECT modseq, mailbox FROM messages
               UNION ALL SELECT modseq, mailbox FROM expunged) m
             ON m.mailbox = b.id WHERE m.modseq > b.highestmodseq",
    ),
    (
        "its modseq or UIDVALIDITY is ahead of the account's",
        COUNTS,
        "SELECT b.name FROM mailboxes b, account a
         WHERE b.highestmodseq > a.modseq OR b.uidvalidity >= a.uidvalidity_next",
    ),
    (
        "the message is in no mailbox, or under a key of another one",
        COUNTS,
        "SELECT 'message ' || m.key FROM messages m
         WHERE m.key >> 32 <> m.mailbox OR m.mailbox NOT IN (SELECT id FROM mailboxes)",
    ),
    (
        "the message is there and expunged",
        COUNTS,
        "SELECT 'message ' || key FROM messages WHERE key IN (SELECT key FROM expunged)",
    ),
    (
        "the message has no texts, or another length than headers and body",
        COUNTS,
        "SELECT 'message ' || m.key FROM messages m LEFT JOIN texts t ON t.key = m.key
         LEFT JOIN bodies b ON b.id = m.body
         WHERE m.size IS NOT length(t.headers) + b.size",
    ),
    (
        "texts of no message",
        COUNTS,
        "SELECT 'message ' || key FROM texts WHERE key NOT IN (SELECT key FROM messages)",
    ),
    (
        "the message's body is not in the index",
        RESTORE_BODY,
        "SELECT 'message ' || key FROM messages WHERE body NOT IN (SELECT id FROM bodies)",
    ),
    (
        "the number of the body's messages is wrong",
        COUNTS,
        "SELECT printf('body %016x', b.id) FROM bodies b
         LEFT JOIN (SELECT body, count(*) AS found FROM messages GROUP BY body) m ON m.body = b.id
         WHERE b.messages IS NOT m.found",
    ),
];

/// Problems that a report holds at most: more say nothing new.
const PROBLEMS_MAX: usize = 1_000;
const READ_BYTES: usize = 64 * 1024;
