//! What the sender is told: the queue's facts as a notification
//! ([`crate::message::report`], RFC 3464).

use crate::address::Address;
use crate::envelope::Returns;
use crate::message::compose::Person;
use crate::message::date::MessageDate;
use crate::message::report::{self, Action, RecipientReport};
use crate::smtp::client::Reason;
use crate::smtp::reply::{Enhanced, Reply};

use super::{Moment, NoticeKind};

/// One notification.
#[derive(Clone, Debug)]
pub struct Report<'r> {
    /// What it says.
    pub kind: NoticeKind,
    /// The server that writes it.
    pub reporter: &'r str,
    /// The number that makes its Message-ID.
    pub id: String,
    /// Whom it tells.
    pub to: &'r Address,
    /// When.
    pub now: Moment,
    /// When the message came.
    pub arrived: Moment,
    /// Until when it is tried (RFC 3464 §2.3.9).
    pub until: Moment,
    /// `ENVID=` (RFC 3464 §2.2.1).
    pub envelope_id: Option<&'r str>,
    /// `RET=`.
    pub returns: Returns,
    /// Of whom.
    pub recipients: Vec<Reported>,
    /// The message.
    pub message: &'r [u8],
}

/// One recipient of it.
#[derive(Clone, Debug)]
pub struct Reported {
    /// The recipient.
    pub address: Address,
    /// `ORCPT=` (RFC 3464 §2.3.1).
    pub original: Option<String>,
    /// The server that was spoken to (RFC 3464 §2.3.5).
    pub host: Option<String>,
    /// What was said or found.
    pub reason: Reason,
}

impl Report<'_> {
    /// The notification as it is sent, with CR LF at the end of every line.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let action = match self.kind {
            NoticeKind::Failed => Action::Failed,
            NoticeKind::Delayed => Action::Delayed,
            NoticeKind::Delivered => Action::Delivered,
            NoticeKind::Relayed => Action::Relayed,
        };
        let recipients = self.recipients.iter().map(|reported| self.recipient(action, reported));
        let report = report::Report {
            reporting_mta: self.reporter.to_owned(),
            to: Person::new(self.to.clone()),
            date: date(self.now),
            message_id: format!("{}@{}", self.id, self.reporter),
            boundary: self.id.clone(),
            arrival: Some(date(self.arrived)),
            envelope_id: self.envelope_id.map(str::to_owned),
            recipients: recipients.collect(),
        };
        report::write(&report, self.message, self.returns)
    }

    fn recipient(&self, action: Action, reported: &Reported) -> RecipientReport {
        let reply = reported.reason.reply();
        let (diagnostic, finding, remote_mta) = match &reported.reason {
            Reason::Said(_) => (Some(reply.to_string()), None, reported.host.clone()),
            Reason::Found(_) => (None, Some(reply.to_string()), None),
            // RFC 3464 §2.3.6: the diagnosis is the other server's.
            Reason::GivenUp(_, said) => {
                (Some(said.to_string()), Some(GIVEN_UP.to_owned()), reported.host.clone())
            }
        };
        // RFC 3464 §2.3.7: of a delivery the last attempt is no news.
        let is_tried = matches!(self.kind, NoticeKind::Failed | NoticeKind::Delayed);
        RecipientReport {
            original: reported.original.clone(),
            recipient: reported.address.to_string(),
            action,
            status: self.code(reply).to_string(),
            remote_mta,
            diagnostic,
            finding,
            last_attempt: is_tried.then(|| date(self.now)),
            will_retry_until: Some(date(self.until)),
        }
    }

    /// RFC 3464 §2.3.4: the class tells the action.
    fn code(&self, reply: &Reply) -> Enhanced {
        let class = match self.kind {
            NoticeKind::Failed => 5,
            NoticeKind::Delayed => 4,
            NoticeKind::Delivered | NoticeKind::Relayed => 2,
        };
        let said = reply.enhanced.filter(|enhanced| enhanced.class == class);
        said.unwrap_or(Enhanced { class, subject: 0, detail: 0 })
    }
}

/// A message's header, without the empty line.
fn header_of(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n");
    end.and_then(|end| message.get(..end + 2)).unwrap_or(message)
}

/// How many servers a message has passed: each adds a trace field
/// (RFC 5321 §4.4, §6.3).
#[must_use]
pub fn servers_passed(message: &[u8]) -> usize {
    let name = b"received:";
    let is_trace =
        |line: &[u8]| line.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
    header_of(message).split(|byte| *byte == b'\n').filter(|line| is_trace(line)).count()
}

fn date(moment: Moment) -> MessageDate {
    let seconds = moment.0 / 1_000_000_000;
    MessageDate::from_unix_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// Beside a server's words that it meant to be passing.
const GIVEN_UP: &str = "It was tried for as long as it may be, and is given up.";

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"Received: from a\r\nReceived: from b\r\n\tby c\r\nSubject: hola\r\n\
                             \r\nReceived: not a field\r\n";

    fn report(kind: NoticeKind, returns: Returns) -> String {
        because(kind, returns, Reason::Said(Reply::new(550, Some((1, 1)), "no such\r\nperson")))
    }

    fn because(kind: NoticeKind, returns: Returns, reason: Reason) -> String {
        let to = "andrea@ucatolica.edu.co".parse().unwrap();
        let recipient = Reported {
            address: "carlos@urosario.edu.co".parse().unwrap(),
            original: Some("rfc822;Carlos@urosario.edu.co".to_owned()),
            host: Some("mail.urosario.edu.co".to_owned()),
            reason,
        };
        let report = Report {
            kind,
            reporter: "mail.ucatolica.edu.co",
            id: "5f3".to_owned(),
            to: &to,
            now: Moment(1_801_440_060_000_000_000),
            arrived: Moment(1_801_440_000_000_000_000),
            until: Moment(1_801_872_000_000_000_000),
            envelope_id: Some("e-1"),
            returns,
            recipients: vec![recipient],
            message: MESSAGE,
        };
        String::from_utf8(report.write()).unwrap()
    }

    // RFC 3464 §2: the fields and their order in the report.
    #[test]
    fn a_failure_says_who_what_and_why() {
        insta::assert_snapshot!(report(NoticeKind::Failed, Returns::Unsaid).replace("\r\n", "\n"));
    }

    // RFC 3463 §3.5, RFC 3464 §2.3.4 to §2.3.7: that time is over is our finding, what kept
    // the message is the other server's diagnosis.
    #[test]
    fn what_is_given_up_is_told_with_the_last_words_of_the_other_server() {
        let reply = Reply::new(554, Some((4, 7)), "given up");
        let said = Reply::new(450, Some((2, 0)), "come again later");
        let text = because(NoticeKind::Failed, Returns::Unsaid, Reason::GivenUp(reply, said));
        let group = "Action: failed\r\nStatus: 5.4.7\r\n\
                     Remote-MTA: dns; mail.urosario.edu.co\r\n\
                     Diagnostic-Code: smtp; 450 4.2.0 come again later\r\n\
                     Last-Attempt-Date: Mon, 1 Feb 2027 00:01:00 +0000\r\n";
        assert!(text.contains(group), "{text}");
        assert!(text.contains("mail.urosario.edu.co said: 450 4.2.0 come again later"), "{text}");
        assert!(text.contains("is given up"), "{text}");
    }

    // RFC 3461 §4.3 and §6.2.
    #[test]
    fn only_failures_return_whole_messages_and_only_when_wanted() {
        let whole = |text: &str| text.contains("not a field");
        assert!(whole(&report(NoticeKind::Failed, Returns::Full)));
        assert!(!whole(&report(NoticeKind::Failed, Returns::Headers)));
        let delayed = report(NoticeKind::Delayed, Returns::Full);
        assert!(!whole(&delayed) && delayed.contains("Action: delayed\r\nStatus: 4.0.0\r\n"));
        assert!(delayed.contains("Will-Retry-Until: Sat, 6 Feb 2027 00:00:00 +0000\r\n"));
    }

    // RFC 5321 §6.3: hops are counted by trace fields.
    #[test]
    fn trace_fields_of_the_header_count_and_no_others() {
        assert_eq!(servers_passed(MESSAGE), 2);
        assert_eq!(servers_passed(b""), 0);
    }
}
