//! Messages downloaded over POP3 (course M10.3).

use std::net::SocketAddr;

use capa7_dissect::Cause;
use capa7_mail::pop3_client::{Pop3Connection, Pop3Error, Pop3Settings};
use capa7_mail_proto::sasl::Password;
use capa7_net::Host;

use super::{MESSAGES_MAX, subject_of};
use crate::scenario::Read;

/// One connection, from its greeting to its farewell: what it takes it may
/// delete, and the server removes that at `QUIT` (RFC 1939 §6).
pub(super) async fn session(
    host: &Host,
    at: SocketAddr,
    user: &str,
    password: &Password,
    read: &Read,
    cause: Cause,
) -> Result<Vec<String>, Pop3Error> {
    let settings = Pop3Settings::default();
    let mut pop3 = Pop3Connection::open(host, at, &settings, user, password, cause).await?;
    let listing = pop3.list(pop3.cause()).await?;
    let mut lines = Vec::new();
    for message in listing.into_iter().take(MESSAGES_MAX) {
        let number = message.number;
        // There is no search: who looks for a subject reads all headers.
        if let Some(wanted) = &read.subject {
            let header = pop3.top(number, 0, pop3.cause()).await?;
            let wanted = wanted.to_lowercase();
            if !subject_of(&header).to_lowercase().contains(&wanted) {
                continue;
            }
        }
        let message = pop3.retrieve(number, pop3.cause()).await?;
        lines.push(subject_of(&message));
        if read.then.delete {
            pop3.delete(number, pop3.cause()).await?;
        }
    }
    let cause = pop3.cause();
    pop3.quit(cause).await?;
    Ok(lines)
}

/// Where POP3 begins in clear (RFC 1939 §3).
pub(super) const POP3_PORT: u16 = 110;
