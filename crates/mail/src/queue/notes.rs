//! What the queue says of itself. Kinds and fields are a contract with the page.

use capa7_mail_proto::address::Address;
use capa7_mail_proto::envelope::Envelope;
use capa7_mail_proto::queue::{Change, Settlement, Untold};
use capa7_mail_proto::smtp::reply::Reply;
use capa7_net::{Cause, Causes, Host, Note, Room};

use super::QueueId;
use super::local::LOCAL;

fn say(host: &Host, note: Note, causes: impl Into<Causes>) -> Cause {
    let causes = causes.into();
    let first = causes.first;
    let number = host.note(note.because(causes));
    // Without a record what follows hangs on the same cause.
    if number.is_some() { number } else { first }
}

pub(super) fn accepted(
    host: &Host,
    id: QueueId,
    envelope: &Envelope,
    octets: u64,
    cause: Cause,
) -> Cause {
    if !host.is_recorded() {
        return cause;
    }
    let recipients: Vec<String> =
        envelope.recipients.iter().map(|recipient| recipient.path.0.to_string()).collect();
    let note = Note::new(Room::Mail, "accepted", "the message is on the disk, so 250 is true")
        .with("id", id.to_string())
        .with("from", envelope.from.to_string())
        .with("recipients", recipients)
        .with("bytes", octets);
    say(host, note, cause)
}

pub(super) fn queued(host: &Host, id: QueueId, recipient: &Address, cause: Cause) -> Cause {
    if !host.is_recorded() {
        return cause;
    }
    let note = Note::new(Room::Mail, "queued", "the message waits for its turn");
    say(host, about(note, id, recipient), cause)
}

pub(super) fn delivering(
    host: &Host,
    id: QueueId,
    recipient: &Address,
    (to, attempt): (&str, u32),
    causes: Causes,
) -> Cause {
    let note = Note::new(Room::Mail, "delivering", "its turn has come");
    let note = about(note, id, recipient).with("host", to).with("attempt", attempt);
    say(host, note, causes)
}

/// What became of one recipient.
pub(super) fn settled(
    host: &Host,
    recipient: &Address,
    change: &Change,
    settlement: &Settlement,
    now: capa7_mail_proto::queue::Moment,
) -> Cause {
    let id = QueueId(settlement.message.0);
    let to = settlement.host.as_deref().unwrap_or(LOCAL);
    let note = match change {
        Change::Delivered(reply) => {
            return delivered(host, id, recipient, to, reply, settlement.cause);
        }
        Change::Deferred { reason, next, .. } => {
            let note = Note::new(Room::Mail, "deferred", "not this time: it is tried again");
            about(note, id, recipient)
                .with("reason", reason.reply().to_string())
                .with("next_s", next.since(now).as_secs())
        }
        Change::Bounced { reason, untold } => {
            let why = match untold {
                None => "it cannot arrive, and the sender is told",
                Some(Untold::NobodySent) => {
                    "it cannot arrive; it is a notification, and about those nobody is told"
                }
                Some(Untold::Unwanted) => "it cannot arrive; the sender does not want to know",
            };
            let note = Note::new(Room::Mail, "bounced", why);
            about(note, id, recipient).with("reason", reason.reply().to_string())
        }
    };
    say(host, note, settlement.cause)
}

pub(super) fn delivered(
    host: &Host,
    id: QueueId,
    recipient: &Address,
    to: &str,
    reply: &Reply,
    cause: Cause,
) -> Cause {
    let note = Note::new(Room::Mail, "delivered", "the next hop has the message");
    let note = about(note, id, recipient).with("host", to).with("reply", reply.to_string());
    say(host, note, cause)
}

pub(super) fn delayed(host: &Host, id: QueueId, recipient: &Address, cause: Cause) -> Cause {
    let note = Note::new(Room::Mail, "delayed", "it takes long: the sender is told once");
    say(host, about(note, id, recipient), cause)
}

fn about(note: Note, id: QueueId, recipient: &Address) -> Note {
    note.with("id", id.to_string()).with("recipient", recipient.to_string())
}
