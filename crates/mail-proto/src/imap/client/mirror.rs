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
    /// What is known of messages, by the numbers that they would have if none
    /// in `gone` had been expunged.
    messages: BTreeMap<u64, Known>,
    /// For each message expunged since the last renumbering, in their order: the
    /// number that follows it. So an `EXPUNGE` costs little in a large mailbox.
    gone: Vec<u32>,
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
            gone: Vec::new(),
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
        self.messages.get(&self.place(number))?.uid
    }

    /// The flags of the message with a number, when they were told.
    #[must_use]
    pub fn flags(&self, number: u32) -> Option<&[String]> {
        self.messages.get(&self.place(number))?.flags.as_deref()
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
        self.messages.remove(&self.place(number));
        let before = self.gone_before(number);
        self.gone.insert(before, number);
        self.gone.iter_mut().skip(before + 1).for_each(|next| *next -= 1);
        if self.gone.len() >= GONE_MAX {
            self.renumber();
        }
    }

    /// How many of the expunged were before the message with a number.
    fn gone_before(&self, number: u32) -> usize {
        self.gone.partition_point(|next| *next <= number)
    }

    /// The number in `messages` of the message with a number.
    fn place(&self, number: u32) -> u64 {
        u64::from(number) + self.gone_before(number) as u64
    }

    /// Gives every message its number.
    fn renumber(&mut self) {
        let mut gone = std::mem::take(&mut self.gone).into_iter().peekable();
        let mut before = 0;
        let number = |(place, known)| {
            while gone.next_if(|next| u64::from(*next) + before < place).is_some() {
                before += 1;
            }
            (place - before, known)
        };
        self.messages = std::mem::take(&mut self.messages).into_iter().map(number).collect();
    }

    fn on_fetch(&mut self, number: u32, items: &[FetchItem]) {
        let place = self.place(number);
        if self.messages.len() >= MESSAGES_MAX && !self.messages.contains_key(&place) {
            self.messages.pop_first();
        }
        let known = self.messages.entry(place).or_default();
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
/// Expunged messages after which the others are numbered anew.
const GONE_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    fn fetched(number: u32, uid: u32) -> Untagged {
        let uid = Uid(NonZeroU32::new(uid).expect("not zero"));
        Untagged::Fetch { number, items: vec![FetchItem::Uid(uid)] }
    }

    /// Each message's identifier, by number.
    fn uids(mirror: &Mirror, count: u32) -> Vec<Option<u32>> {
        (1..=count).map(|number| mirror.uid(number).map(|uid| uid.0.get())).collect()
    }

    proptest! {
        /// RFC 9051 §7.5.1: numbers are places in a list from which each `EXPUNGE`
        /// takes one away, before and after they are given anew.
        #[test]
        fn expunges_renumber_what_follows(
            steps in prop::collection::vec((any::<bool>(), 1_u32..40), 1..120),
        ) {
            let mut mirror = Mirror::new("INBOX");
            let mut model: Vec<Option<u32>> = vec![None; 200];
            for (index, (expunges, number)) in steps.into_iter().enumerate() {
                let place = number as usize - 1;
                if expunges {
                    mirror.on_untagged(&Untagged::Expunge(number));
                    model.remove(place);
                } else if let Some(known @ None) = model.get_mut(place) {
                    let uid = u32::try_from(index).expect("small") + 1;
                    *known = Some(uid);
                    mirror.on_untagged(&fetched(number, uid));
                }
                if index == 60 {
                    mirror.renumber();
                }
            }
            let count = u32::try_from(model.len()).expect("small");
            prop_assert_eq!(uids(&mirror, count), model);
        }
    }

    /// RFC 9051 §7.5.1: more are expunged, from either end, than are kept in mind.
    #[test]
    fn a_large_mailbox_is_emptied() {
        let count = 20_000;
        let mut mirror = Mirror::new("INBOX");
        mirror.on_untagged(&Untagged::Exists(count));
        (1..=count).for_each(|number| mirror.on_untagged(&fetched(number, number)));
        for _ in 0..8_000 {
            mirror.on_untagged(&Untagged::Expunge(1));
            mirror.on_untagged(&Untagged::Expunge(mirror.exists()));
        }
        assert_eq!(mirror.exists(), 4_000);
        let left: Vec<Option<u32>> = (8_001..=12_000).map(Some).collect();
        assert_eq!(uids(&mirror, 4_000), left);
        assert_eq!(mirror.uid(4_001), None);
    }
}
