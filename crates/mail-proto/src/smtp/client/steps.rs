//! The commands of one message, as they are written (RFC 5321 §3.3).

use std::fmt::Write as _;

use super::Extensions;
use crate::address::Address;
use crate::envelope::{BodyKind, Envelope, Notify, Recipient, Returns};
use crate::smtp::xtext;

/// One command of a message that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Forget what an earlier message left behind.
    Reset,
    Mail,
    /// The recipient with this index.
    Rcpt(usize),
    Data,
    /// The message itself, by DATA or BDAT.
    Message,
}

impl Step {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Reset => "RSET",
            Self::Mail => "MAIL",
            Self::Rcpt(_) => "RCPT",
            Self::Data => "DATA",
            Self::Message => "the message",
        }
    }
}

/// What a message needs of the server beside its envelope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    pub(super) octets: usize,
    pub(super) eight_bit: bool,
    pub(super) smtputf8: bool,
}

/// `MAIL` with the parameters that the server offers.
pub(super) fn mail(envelope: &Envelope, needs: Needs, offered: &Extensions) -> String {
    let mut line = format!("MAIL FROM:{}", envelope.from);
    if offered.size.is_some() {
        let _ = write!(line, " SIZE={}", needs.octets);
    }
    if offered.eight_bit && (needs.eight_bit || envelope.body != BodyKind::SevenBit) {
        line.push_str(" BODY=8BITMIME");
    }
    if offered.smtputf8 && needs.smtputf8 {
        line.push_str(" SMTPUTF8");
    }
    if offered.dsn {
        match envelope.returns {
            Returns::Unsaid => {}
            Returns::Full => line.push_str(" RET=FULL"),
            Returns::Headers => line.push_str(" RET=HDRS"),
        }
        if let Some(id) = &envelope.envelope_id {
            let _ = write!(line, " ENVID={}", xtext::encode(id.as_bytes()));
        }
    }
    line.push_str("\r\n");
    line
}

/// `RCPT` with the parameters that the server offers.
pub(super) fn rcpt(recipient: &Recipient, offered: &Extensions) -> String {
    let mut line = format!("RCPT TO:{}", recipient.path);
    if offered.dsn {
        if let Some(notify) = recipient.notify {
            let _ = write!(line, " NOTIFY={}", notify_words(notify));
        }
        if let Some(original) = &recipient.original {
            let _ = write!(line, " ORCPT={original}");
        }
    }
    line.push_str("\r\n");
    line
}

fn notify_words(notify: Notify) -> String {
    let words = [(notify.success, "SUCCESS"), (notify.failure, "FAILURE"), (notify.delay, "DELAY")];
    let said: Vec<_> = words.into_iter().filter(|(is_said, _)| *is_said).map(|(_, w)| w).collect();
    if said.is_empty() { "NEVER".to_owned() } else { said.join(",") }
}

/// Whether any address of the envelope needs SMTPUTF8.
pub(super) fn sender_needs_smtputf8(envelope: &Envelope) -> bool {
    envelope.from.0.as_ref().is_some_and(Address::needs_smtputf8)
}
