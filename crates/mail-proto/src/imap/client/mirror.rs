//! The selected mailbox as the server has told it so far (RFC 9051 §7.4, §7.5).

use std::collections::BTreeMap;

use crate::imap::response::{Code, FetchItem, StatusText, Untagged};
use crate::mailbox::{ModSeq, Uid, UidValidity};

/// What is known of the selected mailbox.
#[derive(Clone, Debug)]
pub struct Mirror {
    name: String,
    exists: u32,
    validity: Option<UidValidity>,
    next: Option<Uid>,
    highest: Option<ModSeq>,
    /// What is known of messages, by their numbers.
    messages: BTreeMap<u32, Known>,
    writable: bool,
}

/// What is known of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    uid: Option<Uid>,
    flags: Option<Vec<String>>,
}

impl Mirror {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            exists: 0,
            validity: None,
            next: None,
            highest: None,
            messages: BTreeMap::new(),
            writable: false,
        }
    }

    /// The mailbox's name, decoded.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many messages there are.
    #[must_use]
    pub const fn exists(&self) -> u32 {
        self.exists
    }

    /// Whose identifiers these are.
    #[must_use]
    pub const fn validity(&self) -> Option<UidValidity> {
        self.validity
    }

    /// The identifier of the next message to arrive, as it was at selection.
    #[must_use]
    pub const fn next(&self) -> Option<Uid> {
        self.next
    }

    /// The highest modseq told.
    #[must_use]
    pub const fn highest(&self) -> Option<ModSeq> {
        self.highest
    }

    /// Whether it was selected for writing.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.writable
    }

    /// The identifier of the message with a number, when it was told.
    #[must_use]
    pub fn uid(&self, number: u32) -> Option<Uid> {
        self.messages.get(&number)?.uid
    }

    /// The flags of the message with a number, when they were told.
    #[must_use]
    pub fn flags(&self, number: u32) -> Option<&[String]> {
        self.messages.get(&number)?.flags.as_deref()
    }

    pub(super) fn on_selected(&mut self, status: &StatusText) {
        self.writable = !matches!(status.code, Some(Code::ReadOnly));
    }

    pub(super) fn on_untagged(&mut self, untagged: &Untagged) {
        match untagged {
            Untagged::Exists(count) => self.exists = *count,
            Untagged::Expunge(number) => self.on_expunge(*number),
            Untagged::Fetch { number, items } => self.on_fetch(*number, items),
            Untagged::Status(status) => match status.code {
                Some(Code::UidValidity(validity)) => self.validity = Some(validity),
                Some(Code::UidNext(next)) => self.next = Some(next),
                Some(Code::HighestModSeq(highest)) => self.highest = Some(highest),
                _ => {}
            },
            _ => {}
        }
    }

    /// RFC 9051 §7.5.1: the numbers after it are one less from now on.
    fn on_expunge(&mut self, number: u32) {
        self.exists = self.exists.saturating_sub(1);
        let mut after = self.messages.split_off(&number);
        after.remove(&number);
        let moved = after.into_iter().map(|(number, known)| (number.saturating_sub(1), known));
        self.messages.extend(moved);
    }

    fn on_fetch(&mut self, number: u32, items: &[FetchItem]) {
        if self.messages.len() >= MESSAGES_MAX && !self.messages.contains_key(&number) {
            self.messages.pop_first();
        }
        let known = self.messages.entry(number).or_default();
        for item in items {
            match item {
                FetchItem::Uid(uid) => known.uid = Some(*uid),
                FetchItem::Flags(flags) => known.flags = Some(flags.clone()),
                FetchItem::ModSeq(modseq) => self.highest = self.highest.max(Some(*modseq)),
                _ => {}
            }
        }
    }
}

/// Messages remembered; the oldest are forgotten first.
const MESSAGES_MAX: usize = 50_000;
