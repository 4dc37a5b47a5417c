//! What follows from an outcome: delivered, deferred or bounced, and who is told.

use capa7_dissect::Cause;

use crate::smtp::client::{Outcome, Reason};
use crate::smtp::reply::Reply;

use super::{Durability, MessageId, Moment, Row, Schedule, Success};

/// What became of some recipients of one message, to be written down as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The message.
    pub message: MessageId,
    /// By recipient.
    pub changes: Vec<(u32, Change)>,
    /// What the sender is told (RFC 3464).
    pub notices: Vec<Notice>,
    /// The server that said so, when one did.
    pub host: Option<String>,
    /// What a crash of the machine may take of it; notices last in any case.
    pub durability: Durability,
    /// Because of what.
    pub cause: Cause,
}

/// What becomes of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It goes: the next hop has the message.
    Delivered(Reply),
    /// It stays.
    Deferred {
        /// Why.
        reason: Reason,
        /// The next attempt.
        next: Moment,
        /// Whether it counts as late from here on.
        is_late: bool,
    },
    /// It goes: the message cannot arrive.
    Bounced {
        /// Why.
        reason: Reason,
        /// Why nobody is told, when nobody is.
        untold: Option<Untold>,
    },
}

/// Why the sender is not told of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untold {
    /// There is none: the message is itself a notification (RFC 5321 §4.5.5).
    NobodySent,
    /// It does not want to know (RFC 3461 §4.1).
    Unwanted,
}

/// One notification to the message's sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it says.
    pub kind: NoticeKind,
    /// Of whom.
    pub indexes: Vec<u32>,
}

/// What a notification says (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeKind {
    /// It cannot arrive.
    Failed,
    /// It takes long.
    Delayed,
    /// It is in the mailbox.
    Delivered,
    /// It went on to a server that tells nothing more.
    Relayed,
}

/// What follows for one row, whose next attempt was planned when this one began.
pub(super) fn judge(
    schedule: &Schedule,
    (row, planned): (&Row, Moment),
    outcome: Outcome,
    success: Success,
    now: Moment,
) -> (Change, Option<NoticeKind>) {
    match outcome {
        Outcome::Delivered(reply) => {
            let wanted = !row.from_nobody && row.notify.is_some_and(|notify| notify.success);
            let kind = match success {
                // RFC 3461 §5.2.1: the next server tells.
                Success::PassedOn => None,
                // RFC 3461 §5.2.2: we tell that we cannot know more.
                Success::Relayed => Some(NoticeKind::Relayed),
                Success::InMailbox => Some(NoticeKind::Delivered),
            };
            (Change::Delivered(reply), kind.filter(|_| wanted))
        }
        Outcome::Failed(reason) => bounce(row, reason),
        Outcome::Deferred(reason) if schedule.is_expired(row, now) => bounce(row, expired(reason)),
        Outcome::Deferred(reason) => {
            let is_late = row.is_late || schedule.is_late(row, now);
            // RFC 3461 §4.1: without NOTIFY a server may tell of delays.
            let wanted = !row.from_nobody && row.notify.is_none_or(|notify| notify.delay);
            let tell = (is_late && !row.is_late && wanted).then_some(NoticeKind::Delayed);
            let next = if planned > now { planned } else { schedule.next(row, now) };
            (Change::Deferred { reason, next, is_late }, tell)
        }
    }
}

fn bounce(row: &Row, reason: Reason) -> (Change, Option<NoticeKind>) {
    let untold = if row.from_nobody {
        // RFC 5321 §4.5.5, §6.1: never a notification about a notification.
        Some(Untold::NobodySent)
    } else if row.notify.is_some_and(|notify| !notify.failure) {
        Some(Untold::Unwanted)
    } else {
        None
    };
    let kind = untold.is_none().then_some(NoticeKind::Failed);
    (Change::Bounced { reason, untold }, kind)
}

/// The last of too many temporary failures (RFC 3463 §3.5: 5.4.7, delivery
/// time expired), with what it said.
fn expired(last: Reason) -> Reason {
    let text = format!("given up after days of trying; the last answer: {}", last.reply());
    let reply = Reply::new(554, Some((4, 7)), text);
    match last {
        Reason::Said(said) | Reason::GivenUp(_, said) => Reason::GivenUp(reply, said),
        Reason::Found(_) => Reason::Found(reply),
    }
}
