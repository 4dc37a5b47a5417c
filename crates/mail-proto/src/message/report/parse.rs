//! Reading notifications of any server.

use crate::message::content::Content;
use crate::message::decode::text;
use crate::message::fields::{self, unfold};
use crate::message::report::Action;
use crate::message::structure::{PartKind, scan};

/// What a notification tells to programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedReport {
    /// `dns; mail.umass.edu`
    pub reporting_mta: Option<String>,
    /// `ENVID` of the message.
    pub envelope_id: Option<String>,
    /// Of whom it tells.
    pub recipients: Vec<ParsedRecipient>,
    /// `Message-ID` of the message that it is about, with its angles.
    pub message_id: Option<String>,
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedRecipient {
    /// `rfc822; carlos@urosario.edu.co`
    pub final_recipient: String,
    /// What happened.
    pub action: Action,
    /// `5.1.1`
    pub status: String,
    /// `smtp; 550 no such user`
    pub diagnostic: Option<String>,
    /// `dns; mx.urosario.edu.co`
    pub remote_mta: Option<String>,
}

/// Reads a notification; none when the message is not one.
#[must_use]
pub fn parse(message: &[u8]) -> Option<ParsedReport> {
    let structure = scan(message);
    let PartKind::Multipart(children) = &structure.root().kind else { return None };
    let root = Content::of(message.get(structure.root().header.clone())?).content_type?;
    let is_status = root.parameter("report-type")?.eq_ignore_ascii_case(b"delivery-status");
    if !is_status || !root.subtype.eq_ignore_ascii_case(b"report") {
        return None;
    }
    let mut report = None;
    let mut message_id = None;
    for child in children.iter().take(PARTS_MAX) {
        let part = structure.part(*child);
        let content = Content::of(message.get(part.header.clone())?).content_type;
        let body = message.get(part.body.clone())?;
        let Some(content) = content else { continue };
        if content.is("message", "delivery-status")
            || content.is("message", "global-delivery-status")
        {
            report = Some(status_groups(body));
        } else if content.is("message", "rfc822") || content.is("text", "rfc822-headers") {
            message_id = value(body, "message-id");
        }
    }
    report.map(|report| ParsedReport { message_id, ..report })
}

/// Groups of fields between empty lines (RFC 3464 §2.1).
fn status_groups(body: &[u8]) -> ParsedReport {
    let mut report = ParsedReport {
        reporting_mta: value(body, "reporting-mta"),
        envelope_id: value(body, "original-envelope-id"),
        ..ParsedReport::default()
    };
    let mut rest = body;
    while !rest.is_empty() && report.recipients.len() < RECIPIENTS_MAX {
        let long = fields::fields(rest).last().map_or(0, |field| field.range.end);
        let (group, behind) = rest.split_at(long);
        rest = behind.get(fields::line_end(behind, 0).unwrap_or(0)..).unwrap_or_default();
        report.recipients.extend(recipient(group));
        if long == 0 && behind.len() == rest.len() {
            break;
        }
    }
    report
}

fn recipient(group: &[u8]) -> Option<ParsedRecipient> {
    let actions =
        [Action::Failed, Action::Delayed, Action::Delivered, Action::Relayed, Action::Expanded];
    let action = value(group, "action")?;
    Some(ParsedRecipient {
        final_recipient: value(group, "final-recipient")?,
        action: actions.into_iter().find(|known| known.name().eq_ignore_ascii_case(&action))?,
        status: value(group, "status").unwrap_or_default(),
        diagnostic: value(group, "diagnostic-code"),
        remote_mta: value(group, "remote-mta"),
    })
}

fn value(group: &[u8], name: &str) -> Option<String> {
    fields::first(group, name).map(|value| text(None, &unfold(value)))
}

/// A report has three parts.
const PARTS_MAX: usize = 16;
/// As many as an envelope may have.
const RECIPIENTS_MAX: usize = 10_000;
