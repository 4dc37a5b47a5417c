//! Conversations: messages that name each other (RFC 5322 §3.6.4), found as
//! RFC 5256 §3 finds them, but for two of its steps. Equal subjects join nothing
//! (step 5): "Photos" or "Invoice" is written by people who do not know each
//! other, and programs that name no message before are rare. And there is no
//! tree: a conversation is a list by time.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::{DefaultHasher, Hasher as _};

use capa7_mail_proto::message::fields;

/// What links a message to others. Identifiers are kept as hashes: whoever
/// makes two that are equal could as well name a foreign message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Links {
    /// Its own identifier.
    own: Option<u64>,
    /// Of messages before it.
    before: Box<[u64]>,
}

impl Links {
    /// RFC 5256 §3, step 1: `References` has the messages before; where it has
    /// none, the first of `In-Reply-To` is the only one.
    pub(crate) fn of(header: &[u8]) -> Self {
        let named = |name| identifiers(fields::first(header, name).unwrap_or_default());
        let own = named("message-id").first().copied();
        let mut before = named("references");
        if before.is_empty() {
            before.extend(named("in-reply-to").first());
        }
        if before.len() > BEFORE_MAX {
            // The first names the conversation, the last are next to it.
            before.drain(1..=before.len() - BEFORE_MAX);
        }
        Self { own, before: before.into() }
    }
}

/// What is between angles, each as a hash.
fn identifiers(value: &[u8]) -> Vec<u64> {
    let inner = |part: &[u8]| {
        let end = part.iter().position(|byte| *byte == b'>')?;
        // RFC 5322 §3.6.4: there is no space in it; a fold may be by mistake.
        let is_kept = |byte: &u8| !byte.is_ascii_whitespace();
        let id: Vec<u8> = part.get(..end)?.iter().copied().filter(is_kept).collect();
        (!id.is_empty()).then(|| hash(&id))
    };
    value.split(|byte| *byte == b'<').skip(1).filter_map(inner).take(IDENTIFIERS_MAX).collect()
}

fn hash(identifier: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(identifier);
    hasher.finish()
}

/// For each message the index of the last one of its conversation. Messages
/// belong together when one names the other, or when both name a third, which
/// need not be among them (RFC 5256 §3, step 1.A). Of several with one
/// identifier it is the first's (step 1): a program that gives all its messages
/// the same joins them not.
pub(crate) fn group<'m>(messages: impl ExactSizeIterator<Item = &'m Links>) -> Vec<usize> {
    let mut parents: Vec<usize> = (0..messages.len()).collect();
    let mut named: BTreeMap<u64, Named> = BTreeMap::new();
    for (index, links) in messages.enumerate() {
        if let Some(own) = links.own {
            match named.entry(own) {
                Entry::Vacant(free) => {
                    free.insert(Named { by: index, owned: true });
                }
                Entry::Occupied(mut known) if !known.get().owned => {
                    known.get_mut().owned = true;
                    join(&mut parents, index, known.get().by);
                }
                Entry::Occupied(_) => {}
            }
        }
        for identifier in &links.before {
            let known = named.entry(*identifier).or_insert(Named { by: index, owned: false });
            let other = known.by;
            join(&mut parents, index, other);
        }
    }
    (0..parents.len()).map(|index| root(&mut parents, index)).collect()
}

/// An identifier: a message that has it or names it, and whether one has it.
struct Named {
    by: usize,
    owned: bool,
}

fn join(parents: &mut [usize], one: usize, other: usize) {
    let (one, other) = (root(parents, one), root(parents, other));
    // The later one leads, so that the root is the last of all. What names
    // itself, or messages that name each other, are joined once more to no end.
    if let Some(parent) = parents.get_mut(one.min(other)) {
        *parent = one.max(other);
    }
}

/// The end of a chain of parents, which gets shorter on the way.
fn root(parents: &mut [usize], mut index: usize) -> usize {
    while let Some(parent) = parents.get(index).copied().filter(|parent| *parent != index) {
        let grandparent = parents.get(parent).copied().unwrap_or(parent);
        if let Some(slot) = parents.get_mut(index) {
            *slot = grandparent;
        }
        index = parent;
    }
    index
}

/// Messages before that are kept of one message.
const BEFORE_MAX: usize = 20;
/// Identifiers of one field that are read.
const IDENTIFIERS_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages as `own<named,named`, and the last of each one's conversation.
    fn check(messages: &[&str], expected: &[usize]) {
        let links = |text: &&str| {
            let (own, before) = text.split_once('<').unwrap_or((text, ""));
            let ids = before.split(',').filter(|id| !id.is_empty());
            let before: String = ids.map(|id| format!("<{id}>")).collect();
            Links::of(format!("Message-ID: <{own}>\r\nReferences: {before}\r\n\r\n").as_bytes())
        };
        let messages: Vec<Links> = messages.iter().map(links).collect();
        assert_eq!(group(messages.iter()), expected);
    }

    // RFC 5256 §3, step 1.A; RFC 5322 §3.6.4.
    #[test]
    fn answers_belong_to_what_they_answer_in_whatever_order() {
        check(&[], &[]);
        check(&["a", "b"], &[0, 1]);
        check(&["a", "x", "b<a", "c<a,b"], &[3, 1, 3, 3]);
        check(&["c<b", "b<a", "y", "a"], &[3, 3, 2, 3]);
        // Two conversations that a third message joins.
        check(&["a", "b<a", "p", "q<p", "z<a,p"], &[4; 5]);
    }

    // RFC 5256 §3, step 1.A: a parent that is missing has its place all the same.
    #[test]
    fn answers_to_a_message_that_is_not_there_belong_together() {
        check(&["b<a", "x", "c<a"], &[2, 1, 2]);
        check(&["d<a,b,c", "e<a"], &[1, 1]);
    }

    // RFC 5256 §3, step 1.A: no loop is made, and none keeps the grouping busy.
    #[test]
    fn messages_that_name_each_other_in_a_circle_are_one_conversation() {
        check(&["a<a", "b<c", "c<b", "d<c,b,c"], &[0, 3, 3, 3]);
    }

    // RFC 5256 §3, step 1: the later ones get names of their own.
    #[test]
    fn equal_identifiers_join_nothing_and_answers_go_to_the_first() {
        check(&["same", "same", "same"], &[0, 1, 2]);
        check(&["same", "same", "b<same"], &[2, 1, 2]);
        check(&["", "", "<"], &[0, 1, 2]);
    }

    // The module's own rule, against RFC 5256 §3, step 5.
    #[test]
    fn an_equal_subject_joins_nothing() {
        let links: Vec<Links> = ["a", "b"]
            .map(|id| format!("Message-ID: <{id}>\r\nSubject: Re: Photos\r\n\r\n"))
            .map(|header| Links::of(header.as_bytes()))
            .into();
        assert_eq!(group(links.iter()), [0, 1]);
    }

    // RFC 5256 §3, step 1: In-Reply-To is asked only where References is empty,
    // and only its first identifier counts.
    #[test]
    fn in_reply_to_counts_where_there_are_no_references() {
        let of = |header: &str| Links::of(header.as_bytes());
        let named = |links: &Links| links.before.to_vec();
        let in_reply_to = of("In-Reply-To: Ana's of Monday <a@x>\r\n <b@x>\r\n\r\n");
        assert_eq!(named(&in_reply_to), [hash(b"a@x")]);
        let both = of("IN-REPLY-TO: <a@x>\r\nreferences: <c@x>\r\n\t<d@x> junk\r\n\r\n");
        assert_eq!(named(&both), [hash(b"c@x"), hash(b"d@x")]);
        let folded = of("References: <c@\r\n x>\r\n\r\n");
        assert_eq!(named(&folded), [hash(b"c@x")]);
        let none = of("References: none <\r\nMessage-ID: <>\r\n\r\n");
        assert_eq!(none, Links::default());
    }

    // A header may name as many as it likes.
    #[test]
    fn of_many_references_the_first_and_the_last_are_kept() {
        let all: String = (0..300).map(|n| format!(" <{n}@x>")).collect();
        let links = Links::of(format!("References:{all}\r\n\r\n").as_bytes());
        assert_eq!(links.before.len(), BEFORE_MAX);
        assert_eq!(links.before.first(), Some(&hash(b"0@x")));
        assert_eq!(links.before.get(1), Some(&hash(b"281@x")));
        assert_eq!(links.before.last(), Some(&hash(b"299@x")));
    }

    #[test]
    fn a_long_chain_is_one_conversation() {
        let links =
            |n: u32| Links { own: Some(n.into()), before: Box::new([n.saturating_sub(1).into()]) };
        let chain: Vec<Links> = (0..5_000).map(links).collect();
        assert!(group(chain.iter()).iter().all(|last| *last == 4_999));
    }
}
