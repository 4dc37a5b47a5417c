//! What became of an action.

use std::time::Duration;

use capa7_dissect::Cause;
use capa7_dns_proto::message::{Message, Record};
use capa7_net::Time;
use serde::Serialize;

use super::served::data_text;

/// An action with its result.
#[derive(Clone, Debug, Serialize)]
pub struct ActionResult {
    /// The note that is the root of what happened.
    pub event: Cause,
    /// When it began.
    pub began: Time,
    /// When it ended.
    pub ended: Time,
    /// What came of it.
    pub outcome: Outcome,
}

impl ActionResult {
    /// How long it took.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.ended.since(self.began)
    }
}

/// What came of an action.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// A DNS server replied.
    Reply {
        /// `NOERROR`, `NXDOMAIN`, …
        rcode: String,
        /// The names of the flags that are set: `qr`, `aa`, …
        flags: Vec<&'static str>,
        /// The answer section.
        answer: Vec<RecordShown>,
        /// The authority section.
        authority: Vec<RecordShown>,
        /// The additional section without OPT.
        additional: Vec<RecordShown>,
        /// Whether it came over TCP.
        tcp: bool,
    },
    /// Something came back that is not DNS.
    Text {
        /// What.
        text: String,
        /// How many bytes.
        bytes: usize,
    },
    /// Lines of text: the replies to what was typed, messages that were read.
    Lines {
        /// In their order.
        lines: Vec<String>,
    },
    /// Many queries.
    Load(LoadResult),
    /// A program ended.
    Program {
        /// Its exit code.
        code: i32,
        /// What it wrote.
        output: String,
    },
    /// It is done and there is nothing to tell.
    Done,
    /// It did not work; why.
    Failed {
        /// In words.
        reason: String,
    },
}

/// The sum of many queries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LoadResult {
    /// Queries sent by clients.
    pub asked: u64,
    /// Of those, answered with `NOERROR` or `NXDOMAIN`.
    pub answered: u64,
    /// Nanoseconds of waiting, summed over the answered.
    pub waited_ns: u64,
}

/// A record as people write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordShown {
    /// The owner.
    pub name: String,
    /// Seconds to live.
    pub ttl: u32,
    /// The type.
    #[serde(rename = "type")]
    pub record_type: String,
    /// The value.
    pub data: String,
}

impl RecordShown {
    /// A record of a message.
    pub(super) fn of(record: &Record) -> Self {
        Self {
            name: record.name.to_string(),
            ttl: record.ttl,
            record_type: record.rtype.to_string(),
            data: data_text(record.rtype, record.rdata.as_wire()),
        }
    }
}

impl Outcome {
    /// A failure with its reason.
    pub(super) fn failed(reason: impl ToString) -> Self {
        Self::Failed { reason: reason.to_string() }
    }

    /// What a DNS reply says.
    pub(super) fn of_reply(message: &Message, tcp: bool) -> Self {
        let shown = |records: &[Record]| records.iter().map(RecordShown::of).collect();
        Self::Reply {
            rcode: message.header.rcode.to_string(),
            flags: message.header.flag_names(),
            answer: shown(&message.answers),
            authority: shown(&message.authorities),
            additional: shown(&message.additionals),
            tcp,
        }
    }
}
