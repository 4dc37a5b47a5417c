//! Conversations: messages that name each other (RFC 5322 §3.6.4).

use std::collections::BTreeMap;

/// What links a message to others: its own identifier, if it has one, and those
/// that its `In-Reply-To` and `References` name.
pub(crate) type Identifiers = Vec<String>;

/// For each message the index of the last one of its conversation. Messages
/// belong together when one names the other, or when both name a third, which
/// need not be among them.
pub(crate) fn group(messages: &[Identifiers]) -> Vec<usize> {
    let mut parents: Vec<usize> = (0..messages.len()).collect();
    let mut first_with: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, identifiers) in messages.iter().enumerate() {
        for identifier in identifiers {
            let other = *first_with.entry(identifier).or_insert(index);
            let (one, other) = (root(&mut parents, index), root(&mut parents, other));
            // The later one leads, so that the root is the last of all.
            if let Some(parent) = parents.get_mut(one.min(other)) {
                *parent = one.max(other);
            }
        }
    }
    (0..messages.len()).map(|index| root(&mut parents, index)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages as `own<named,named`, and the last of each one's conversation.
    fn check(messages: &[&str], expected: &[usize]) {
        let identifiers = |text: &&str| -> Identifiers {
            text.split(['<', ',']).filter(|id| !id.is_empty()).map(str::to_owned).collect()
        };
        let messages: Vec<Identifiers> = messages.iter().map(identifiers).collect();
        assert_eq!(group(&messages), expected);
    }

    // RFC 5322 §3.6.4.
    #[test]
    fn answers_belong_to_what_they_answer_in_whatever_order() {
        check(&[], &[]);
        check(&["a", "b"], &[0, 1]);
        check(&["a", "x", "b<a", "c<a,b"], &[3, 1, 3, 3]);
        check(&["c<b", "b<a", "y", "a"], &[3, 3, 2, 3]);
        // What both answer is not there.
        check(&["b<a", "x", "c<a"], &[2, 1, 2]);
        // Two conversations that a third message joins.
        check(&["a", "b<a", "p", "q<p", "z<a,p"], &[4; 5]);
    }

    #[test]
    fn messages_without_identifiers_or_with_wrong_ones_stand_alone_or_end() {
        check(&["", "", "<"], &[0, 1, 2]);
        check(&["a<a", "b<c", "c<b"], &[0, 2, 2]);
        check(&["same", "same"], &[1, 1]);
    }

    #[test]
    fn a_long_chain_is_one_conversation() {
        let chain: Vec<Identifiers> =
            (0..5_000_u32).map(|n| vec![n.to_string(), n.saturating_sub(1).to_string()]).collect();
        assert!(group(&chain).iter().all(|last| *last == 4_999));
    }
}
