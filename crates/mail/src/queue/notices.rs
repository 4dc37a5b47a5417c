//! The notifications that follow from a settlement, as messages of the queue.

use capa7_mail_proto::address::{Address, ReversePath};
use capa7_mail_proto::envelope::{BodyKind, Returns};
use capa7_mail_proto::queue::{Change, Moment, Notice, Report, Reported, Settlement};
use capa7_mail_proto::smtp::client::Reason;
use capa7_net::Cause;

use super::rows::{GivenRecipient, Imported, ImportedRecipient, Location, Stored, Wishes};
use super::shared::Shared;
use super::{QueueId, notes};

/// What the sender is told; it goes into the rows together with what it tells.
pub(super) fn write(
    shared: &Shared,
    stored: &Stored,
    recipients: &[GivenRecipient],
    settlement: &Settlement,
    causes: &[(u32, Cause)],
    now: Moment,
) -> Vec<Imported> {
    let Some(sender) = &stored.from.0 else { return Vec::new() };
    // A body that cannot be read keeps nobody from being told.
    let message = shared.body(stored).unwrap_or_default();
    let mut written = Vec::new();
    for notice in &settlement.notices {
        let id = shared.next_id(now);
        let reported = reported(notice, recipients, settlement);
        if reported.is_empty() {
            continue;
        }
        let report = Report {
            kind: notice.kind,
            reporter: &shared.config.name,
            id: QueueId(id).to_string(),
            to: sender,
            now,
            arrived: stored.accepted,
            until: stored.accepted.plus(shared.config.schedule.expire_after),
            envelope_id: stored.wishes.envelope_id.as_deref(),
            returns: stored.wishes.returns,
            recipients: reported,
            message: &message,
        };
        let body = report.write();
        let first = notice.indexes.first();
        let because = causes.iter().find(|(index, _)| Some(index) == first);
        let cause = because.map_or(settlement.cause, |(_, cause)| *cause);
        written.push(message_of(shared, id, sender, body, now, cause));
    }
    written
}

fn reported(
    notice: &Notice,
    recipients: &[GivenRecipient],
    settlement: &Settlement,
) -> Vec<Reported> {
    let of_notice = settlement.changes.iter().filter(|(index, _)| notice.indexes.contains(index));
    let mut reported = Vec::new();
    for (index, change) in of_notice {
        let reason = match change {
            Change::Delivered(reply) => Reason::Said(reply.clone()),
            Change::Deferred { reason, .. } | Change::Bounced { reason, .. } => reason.clone(),
        };
        let Some(given) = recipients.iter().find(|given| given.index == *index) else { continue };
        reported.push(Reported {
            address: given.address.clone(),
            original: given.original.clone(),
            host: settlement.host.clone(),
            reason,
        });
    }
    reported
}

fn message_of(
    shared: &Shared,
    id: u64,
    to: &Address,
    body: Vec<u8>,
    now: Moment,
    cause: Cause,
) -> Imported {
    let recipient = ImportedRecipient {
        index: 0,
        address: to.clone(),
        destination: shared.destination_of(to),
        notify: None,
        original: None,
        cause: notes::queued(&shared.host, QueueId(id), to, cause),
    };
    let kind = if body.is_ascii() { BodyKind::SevenBit } else { BodyKind::EightBit };
    let smtputf8 = !to.to_string().is_ascii();
    Imported {
        id,
        accepted: now,
        // RFC 5321 §4.5.5: from nobody, so that nothing is told about it.
        from: ReversePath(None),
        wishes: Wishes { body: kind, smtputf8, returns: Returns::Unsaid, envelope_id: None },
        octets: crate::spool::octets(body.len()),
        location: Location::Row(body),
        recipients: vec![recipient],
    }
}
