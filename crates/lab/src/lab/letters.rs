//! Messages as people write them: composed by a user agent, handed to one's
//! own mail server (course M6).

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use bytes::Bytes;
use capa7_dissect::{Cause, Room};
use capa7_mail::imap_client::{ImapConnection, ImapError, ImapSettings};
use capa7_mail::smtp::connection::{ClientSettings, Connection, TlsUse};
use capa7_mail_proto::address::{Address, ForwardPath, ReversePath};
use capa7_mail_proto::envelope::{BodyKind, Envelope, Recipient, Returns};
use capa7_mail_proto::mailbox::Uid;
use capa7_mail_proto::message::compose::{Attachment, Draft, Person};
use capa7_mail_proto::message::date::MessageDate;
use capa7_mail_proto::message::{decode, fields};
use capa7_mail_proto::sasl::Password;
use capa7_mail_proto::smtp::client::{Credentials, Outcome as Sent};
use capa7_net::Host;
use rand::Rng as _;
use toml::Spanned;

use super::action::called;
use super::readers::IMAP_PORT;
use super::{Lab, LabError, Outcome};
use crate::scenario::Write;
use crate::text::Bilingual;
use crate::world::WorldHost;

impl Lab {
    /// A person writes and submits a message; it is done when their server has
    /// taken it.
    pub(super) async fn write_letter(&self, write: &Write) -> Result<(Cause, Outcome), LabError> {
        let (described, host) = self.host(write.from.get_ref())?;
        let (from, server) = self.mailbox_of(write.from.get_ref())?;
        let to = self.recipients(&write.to)?;
        let who = called(described);
        let names = to.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let text = Bilingual::new(
            format!("{who} writes to {names}: {}", write.subject),
            format!("{who} escribe a {names}: {}", write.subject),
        );
        let event = self.note_action(&host, text);
        let text = |text: &str| message(&host, described, &from, &to, write, text);
        let (message, body) = (text(&write.text), body_of(write));
        let drafts: Vec<Vec<u8>> = write.drafts.iter().map(|draft| text(draft)).collect();
        let envelope = Envelope {
            from: ReversePath(Some(from.clone())),
            recipients: to.iter().cloned().map(|to| Recipient::new(ForwardPath(to))).collect(),
            body,
            smtputf8: false,
            returns: Returns::Unsaid,
            envelope_id: None,
        };
        let found = self.address_of(described, &host, &server.public_name, event).await?;
        let (address, cause) = match found {
            Ok(found) => found,
            Err(problem) => return Ok((event, Outcome::failed(problem))),
        };
        let settings = ClientSettings {
            helo: described.public_name.clone(),
            tls: TlsUse::Never,
            credentials: Some(Credentials {
                user: from.to_string(),
                password: from.local().to_owned(),
                in_clear: true,
            }),
            chunking: false,
        };
        let at = SocketAddr::new(address, SUBMISSION_PORT);
        let host = host.in_room(Room::Mail);
        // A draft that cannot be kept is no reason not to send.
        let desk = match drafts.is_empty() {
            true => Ok(None),
            false => Desk::edit(&host, address, &from, drafts, cause).await.map(Some),
        };
        let cause = desk.as_ref().ok().and_then(Option::as_ref).map_or(cause, Desk::cause);
        let sent = submit(&host, at, settings, &envelope, message, cause).await;
        let cleared = match (desk, &sent) {
            (Ok(Some(desk)), Ok(_)) => desk.clear().await,
            (desk, _) => desk.map(drop),
        };
        let outcome = match (sent, cleared) {
            (Ok(lines), Ok(())) => Outcome::Lines { lines },
            (Err(problem), _) => Outcome::failed(problem),
            (_, Err(error)) => Outcome::failed(format!("the draft: {error}")),
        };
        Ok((event, outcome))
    }

    /// The address of a person, and the server that keeps their mailbox.
    pub(super) fn mailbox_of(&self, person: &str) -> Result<(Address, &WorldHost), LabError> {
        let found = self.world().address_of_person(person);
        let (address, server) =
            found.ok_or_else(|| LabError::Bad(format!("`{person}` has no mailbox")))?;
        Ok((address.clone(), server))
    }

    /// People of the world, or addresses as they are written.
    pub(super) fn recipients(&self, words: &[Spanned<String>]) -> Result<Vec<Address>, LabError> {
        words
            .iter()
            .map(|word| match word.get_ref().parse::<Address>() {
                Ok(address) => Ok(address),
                Err(_) => Ok(self.mailbox_of(word.get_ref())?.0),
            })
            .collect()
    }
}

/// Where a message is edited (course M2.1): its draft on the server.
struct Desk {
    imap: ImapConnection,
    draft: Option<NonZeroU32>,
}

impl Desk {
    /// Keeps each text in place of the one before.
    async fn edit(
        host: &Host,
        server: IpAddr,
        user: &Address,
        texts: Vec<Vec<u8>>,
        cause: Cause,
    ) -> Result<Self, ImapError> {
        let at = SocketAddr::new(server, IMAP_PORT);
        let password = Password::new(user.local());
        let password = password.map_err(|error| ImapError::Tls(error.to_string()))?;
        let mut imap = ImapConnection::open(host, at, &ImapSettings::default(), cause).await?;
        imap.log_in(&user.to_string(), &password, imap.cause()).await?;
        let mut draft = None;
        for text in texts {
            let id = fields::first(&text, "Message-ID").map(decode::header_text);
            let id = id.unwrap_or_default();
            let kept = imap.keep_draft(text.into(), &id, draft, imap.cause()).await?;
            draft = kept.1.map(|Uid(uid)| uid);
        }
        Ok(Self { imap, draft })
    }

    fn cause(&self) -> Cause {
        self.imap.cause()
    }

    /// The message is sent: its draft goes.
    async fn clear(mut self) -> Result<(), ImapError> {
        if let Some(draft) = self.draft {
            self.imap.remove_draft(draft, self.imap.cause()).await?;
        }
        let cause = self.imap.cause();
        self.imap.log_out(cause).await;
        Ok(())
    }
}

/// Hands a message over; what the server said of each recipient.
async fn submit(
    host: &Host,
    at: SocketAddr,
    settings: ClientSettings,
    envelope: &Envelope,
    message: Vec<u8>,
    cause: Cause,
) -> Result<Vec<String>, String> {
    let opened = Connection::open(host, at, settings, cause).await;
    let mut connection = opened.map_err(|error| error.to_string())?;
    let sent = connection.send(envelope, Bytes::from(message), cause).await;
    let outcomes = sent.map_err(|error| error.to_string())?;
    connection.quit().await;
    let refused = outcomes.iter().find_map(|one| match &one.outcome {
        Sent::Delivered(_) => None,
        Sent::Deferred(reason) | Sent::Failed(reason) => {
            Some(format!("{}: {}", one.address, reason.reply()))
        }
    });
    match refused {
        Some(problem) => Err(problem),
        None => Ok(outcomes.iter().map(|one| one.address.to_string()).collect()),
    }
}

/// The message as the person's user agent makes it.
fn message(
    host: &Host,
    described: &WorldHost,
    from: &Address,
    to: &[Address],
    write: &Write,
    text: &str,
) -> Vec<u8> {
    let mut rng = host.rng();
    let mut random = || format!("{:016x}", rng.random::<u64>());
    let seconds = i64::try_from(host.wall_clock().secs()).unwrap_or(i64::MAX);
    let name = described.person.clone().unwrap_or_default();
    let sender = Person { name, address: from.clone() };
    let message_id = format!("{}@{}", random(), described.public_name);
    let date = MessageDate::from_unix_seconds(seconds);
    let mut draft = Draft::new(sender, date, message_id, random());
    draft.to = to.iter().cloned().map(Person::new).collect();
    draft.subject.clone_from(&write.subject);
    text.clone_into(&mut draft.text);
    draft.attachments = write.attach.iter().map(attachment).collect();
    draft.body = body_of(write);
    let mut message = draft.write();
    for (name, value) in [("From", &write.header_from), ("To", &write.header_to)] {
        if let Some(value) = value {
            message = with_field(&message, name, value);
        }
    }
    message
}

const fn body_of(write: &Write) -> BodyKind {
    if write.eight_bit { BodyKind::EightBit } else { BodyKind::SevenBit }
}

fn attachment(file: &crate::scenario::Attachment) -> Attachment {
    let made = file.size.map(|size| {
        let count = usize::try_from(size.0).unwrap_or(usize::MAX).min(FILE_BYTES_MAX);
        // Bytes of every value, so that nothing can take them for text.
        (0..=u8::MAX).cycle().take(count).collect::<Vec<u8>>()
    });
    let text = file.text.as_ref().map(|text| text.clone().into_bytes());
    Attachment {
        name: file.name.clone(),
        content_type: file.media_type.get_ref().clone(),
        bytes: text.or(made).unwrap_or_default(),
        content_id: None,
    }
}

/// The message with another value in one field of its header.
fn with_field(message: &[u8], name: &str, value: &str) -> Vec<u8> {
    let begin = format!("{name}: ");
    let mut out = Vec::with_capacity(message.len());
    let mut within_header = true;
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if within_header && line.starts_with(begin.as_bytes()) {
            out.extend_from_slice(format!("{begin}{value}\r\n").as_bytes());
        } else {
            out.extend_from_slice(line);
        }
        within_header &= line != b"\r\n";
    }
    out
}

/// Where user agents hand over (RFC 6409 §3.1).
const SUBMISSION_PORT: u16 = 587;
/// The largest file that an action makes.
const FILE_BYTES_MAX: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::with_field;

    #[test]
    fn a_field_of_the_header_is_replaced_and_the_body_is_not() {
        let message = b"From: a@b\r\nTo: c@d\r\n\r\nFrom: x\r\n";
        let changed = with_field(message, "From", "e@f");
        assert_eq!(changed, b"From: e@f\r\nTo: c@d\r\n\r\nFrom: x\r\n");
    }
}
