//! What the rules together do to one message or connection.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::{
    ConnectionAction, ConnectionRule, Forgery, MessageAction, MessageRule, MessageView, RuleId,
    Transport, note,
};
use crate::capture::Packet;
use crate::note::Note;

/// What happens to a message.
#[derive(Debug, Default)]
pub(crate) struct MessageVerdict {
    /// It is lost.
    pub(crate) lost: bool,
    /// It leaves this much later.
    pub(crate) delay: Duration,
    /// It leaves this many times more.
    pub(crate) copies: u32,
    /// It has these bytes.
    pub(crate) bytes: Option<Bytes>,
    /// These come back.
    pub(crate) forged: Vec<Forgery>,
    /// It waits for this rule's release.
    pub(crate) held: Option<RuleId>,
    /// What to tell, with the message as the cause.
    pub(crate) notes: Vec<Note>,
}

impl MessageVerdict {
    pub(super) fn apply(&mut self, id: RuleId, rule: &MessageRule, view: &MessageView<'_>) {
        let changed = self.bytes.as_ref().map(|bytes| {
            let packet = Packet { bytes: bytes.clone(), ..view.packet.clone() };
            (view.transport, packet)
        });
        // A rule sees what the rules before it made of the message.
        let view = match &changed {
            Some((transport, packet)) => &MessageView { transport: *transport, packet },
            None => view,
        };
        let stream = view.transport == Transport::Tcp;
        match &rule.action {
            // A stream's sequence numbers make a second copy invisible.
            MessageAction::Duplicate(_) | MessageAction::Forge(_) if stream => return,
            MessageAction::Drop => self.lost = true,
            MessageAction::Delay(long) => self.delay += *long,
            MessageAction::Duplicate(more) => self.copies = self.copies.saturating_add(*more),
            MessageAction::Corrupt { offset, mask } => {
                let mut bytes = BytesMut::from(&view.packet.bytes[..]);
                let Some(byte) = bytes.get_mut(*offset) else { return };
                *byte ^= mask;
                self.bytes = Some(bytes.freeze());
            }
            MessageAction::Replace(rewrite) => {
                let Some(bytes) = rewrite(view) else { return };
                self.bytes = Some(bytes);
            }
            MessageAction::Forge(forger) => self.forged.extend(forger(view)),
            MessageAction::Hold => self.held = Some(id),
        }
        self.notes.push(note(id, &rule.text, rule.action.word()));
    }
}

/// What happens to a connection.
#[derive(Debug, Default)]
pub(crate) struct ConnectionVerdict {
    /// Its first segment is answered by a reset.
    pub(crate) refused: bool,
    /// Its first segments are lost.
    pub(crate) silent: bool,
    /// It is torn down after this many bytes.
    pub(crate) reset_after: Option<u64>,
    /// Closes travel this much longer.
    pub(crate) slow_close: Duration,
    /// Bytes per second of each direction; none is without limit.
    pub(crate) rate_bps: Option<u64>,
    /// What to tell, with the connection as the cause.
    pub(crate) notes: Vec<Note>,
}

impl ConnectionVerdict {
    pub(super) fn apply(&mut self, id: RuleId, rule: &ConnectionRule) {
        match rule.action {
            ConnectionAction::Refuse => self.refused = true,
            ConnectionAction::Silence => self.silent = true,
            ConnectionAction::ResetAfter(bytes) => {
                self.reset_after = Some(self.reset_after.map_or(bytes, |least| least.min(bytes)));
            }
            ConnectionAction::SlowClose(long) => self.slow_close += long,
            ConnectionAction::LimitRate(rate) => {
                let rate = rate.max(1);
                self.rate_bps = Some(self.rate_bps.map_or(rate, |least| least.min(rate)));
            }
        }
        self.notes.push(note(id, &rule.text, rule.action.word()));
    }
}
