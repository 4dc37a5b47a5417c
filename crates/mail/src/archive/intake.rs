//! Messages of one file or folder into one mailbox.

use capa7_mail_proto::mailbox::{Flags, MailboxName};

use super::{ArchiveError, Report};
use crate::store::{Account, Body, BodyWriter, NewMessage, Present, StoreError};

/// Takes messages for one mailbox.
pub(super) struct Intake<'i> {
    account: &'i Account,
    mailbox: MailboxName,
    octets_max: u64,
    /// What the mailbox held before.
    present: Present,
    batch: Vec<NewMessage>,
    batch_octets: u64,
}

/// One message while it is read.
pub(super) struct Arriving {
    body: BodyWriter,
    problem: Option<String>,
}

impl<'i> Intake<'i> {
    /// Makes the mailbox when it is missing.
    pub(super) fn new(
        account: &'i Account,
        mailbox: &MailboxName,
        octets_max: u64,
    ) -> Result<Self, StoreError> {
        if !account.mailbox(mailbox).is_ok_and(|found| found.is_selectable) {
            match account.create(mailbox, None) {
                // Somebody else made it just now.
                Ok(_) | Err(StoreError::Exists(_)) => account.subscribe(mailbox)?,
                Err(error) => return Err(error),
            }
        }
        let present = account.present(account.mailbox(mailbox)?.id)?;
        let (mailbox, batch) = (mailbox.clone(), Vec::new());
        Ok(Self { account, mailbox, octets_max, present, batch, batch_octets: 0 })
    }

    pub(super) fn begin(&self) -> Result<Arriving, StoreError> {
        Ok(Arriving { body: self.account.stage()?, problem: None })
    }

    /// Takes more of a message. One that cannot be kept is read to its end all
    /// the same.
    pub(super) fn write(&self, arriving: &mut Arriving, bytes: &[u8]) -> Result<(), StoreError> {
        if arriving.problem.is_some() {
            return Ok(());
        }
        if arriving.body.size() + bytes.len() as u64 > self.octets_max {
            let max = self.octets_max;
            arriving.problem = Some(format!(
                "is larger than {max} bytes; raise limits.message in the configuration to take it"
            ));
        } else if bytes.contains(&0) {
            // RFC 9051 §9, `literal`: no client could read it.
            arriving.problem =
                Some("holds a NUL byte, which no mail has; the file may be damaged".to_owned());
        } else {
            arriving.body.write(bytes)?;
        }
        Ok(())
    }

    /// A message is whole.
    pub(super) fn end(
        &mut self,
        arriving: Arriving,
        (flags, internal_date): (Flags, Option<i64>),
        report: &mut Report,
    ) -> Result<(), StoreError> {
        if let Some(problem) = arriving.problem {
            report.skip(format!("{}: the message {problem}", report.place));
            return Ok(());
        }
        let staged = arriving.body.finish()?;
        if self.present.take(self.account, &staged)? {
            report.present += 1;
            return Ok(());
        }
        self.batch_octets += staged.size();
        self.batch.push(NewMessage {
            body: Body::Staged(staged),
            headers: Vec::new(),
            flags,
            internal_date,
        });
        if self.batch.len() >= BATCH_MAX || self.batch_octets >= BATCH_OCTETS_MAX {
            self.flush(report)?;
        }
        Ok(())
    }

    /// Puts the last ones into the mailbox.
    pub(super) fn flush(&mut self, report: &mut Report) -> Result<(), StoreError> {
        self.batch_octets = 0;
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let count = batch.len() as u64;
        self.account.append(&self.mailbox, batch)?;
        report.messages += count;
        Ok(())
    }

    /// Ends early, with what was taken so far.
    pub(super) fn stop(&mut self, report: &mut Report) -> ArchiveError {
        match self.flush(report) {
            Ok(()) => ArchiveError::Stopped,
            Err(error) => error.into(),
        }
    }
}

/// Messages that share one commit, and their bytes.
const BATCH_MAX: usize = 64;
const BATCH_OCTETS_MAX: u64 = 8 << 20;
