//! Octets of mail protocols as people read them.

use capa7_dissect::Dissector;

mod content;
pub mod imap;
mod lines;
pub mod pop3;
pub mod smtp;
mod stream;

/// The dissector for a server's well-known port; none for a port that no mail
/// protocol has.
#[must_use]
pub fn mail_dissector(port: u16) -> Option<Box<dyn Dissector>> {
    match port {
        25 | 465 | 587 => Some(Box::new(smtp::SmtpDissector::new())),
        110 | 995 => Some(Box::new(pop3::Pop3Dissector::new())),
        143 | 993 => Some(Box::new(imap::ImapDissector::new())),
        _ => None,
    }
}
