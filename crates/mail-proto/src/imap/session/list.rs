//! `LIST` and `LSUB` (RFC 9051 §6.3.9, RFC 5258, RFC 3501 §6.3.9).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Session;
use super::run::Run;
use crate::imap::command::{ListCommand, ListForm, ListReturn, ListSelection, StatusItem};
use crate::imap::response::ListEntry;
use crate::imap::store::{Existence, MailboxEntry, MailboxStatus, StoreRequest};
use crate::mailbox::{MailboxName, SEPARATOR, SpecialUse};

/// A `LIST` that tells each mailbox's status after it (RFC 5819 §2).
#[derive(Debug)]
pub(super) struct ListStatus {
    pub(super) tag: String,
    items: Vec<StatusItem>,
    /// What is not told yet; the first waits for its status.
    left: VecDeque<Listed>,
}

/// What is told of one name.
#[derive(Debug)]
struct Listed {
    entry: ListEntry,
    /// The mailbox, if it is there.
    mailbox: Option<MailboxName>,
}

/// One name of the account, or of a parent that is not there.
#[derive(Clone, Copy, Debug)]
struct Node {
    existence: Existence,
    subscribed: bool,
    special_use: Option<SpecialUse>,
}

impl Session {
    pub(super) fn list(&mut self, tag: String, command: ListCommand) {
        // An empty pattern asks for the separator alone (RFC 9051 §6.3.9).
        if command.form == ListForm::Basic && command.patterns.iter().all(String::is_empty) {
            let entry = ListEntry {
                attributes: vec!["\\Noselect".to_owned()],
                separator: Some(SEPARATOR),
                ..ListEntry::default()
            };
            self.out.writer().list("LIST", &entry);
            self.finish_ok(&tag, "LIST completed");
            return;
        }
        self.ask(StoreRequest::Mailboxes, Run::List { tag, command: Box::new(command) });
    }

    pub(super) fn on_list(&mut self, tag: String, command: &ListCommand, found: &[MailboxEntry]) {
        let nodes = nodes(found);
        let left: VecDeque<Listed> =
            nodes.keys().filter_map(|name| self.listed(name, &nodes, command)).collect();
        let items = command.returns.iter().find_map(|returned| match returned {
            ListReturn::Status(items) => Some(items.clone()),
            _ => None,
        });
        match items {
            Some(items) => {
                self.dialect.condstore |= items.contains(&StatusItem::HighestModSeq);
                self.list_more(Box::new(ListStatus { tag, items, left }));
            }
            None => {
                for listed in left {
                    self.out.writer().list("LIST", &listed.entry);
                }
                self.finish_ok(&tag, "LIST completed");
            }
        }
    }

    fn list_more(&mut self, mut list: Box<ListStatus>) {
        while let Some(listed) = list.left.front() {
            self.out.writer().list("LIST", &listed.entry);
            if let Some(mailbox) = &listed.mailbox {
                let request = StoreRequest::Status(mailbox.clone());
                self.ask(request, Run::ListStatus(list));
                return;
            }
            list.left.pop_front();
        }
        self.finish_ok(&list.tag, "LIST completed");
    }

    pub(super) fn on_list_status(
        &mut self,
        mut list: Box<ListStatus>,
        status: Option<&MailboxStatus>,
    ) {
        let mailbox = list.left.pop_front().and_then(|listed| listed.mailbox);
        if let (Some(mailbox), Some(status)) = (mailbox, status) {
            self.write_status(&mailbox, &list.items, status);
        }
        self.list_more(list);
    }

    /// What a `LIST` tells of a name; none when it does not select it.
    fn listed(
        &self,
        name: &str,
        nodes: &BTreeMap<String, Node>,
        command: &ListCommand,
    ) -> Option<Listed> {
        let node = nodes.get(name)?;
        let selects = |selection| command.selection.contains(&selection);
        let by_subscription = selects(ListSelection::Subscribed);
        let is_selected = |node: &Node| {
            (!by_subscription || node.subscribed)
                && (!selects(ListSelection::SpecialUse) || node.special_use.is_some())
        };
        if !command.patterns.iter().any(|pattern| matches(&command.reference, pattern, name)) {
            return None;
        }
        let mut below = children(name, nodes).map(|(_, node)| node);
        let is_parent = below.clone().any(|node| node.existence == Existence::Mailbox);
        let child_info = selects(ListSelection::RecursiveMatch) && below.any(is_selected);
        // A name that only somebody subscribed to is told to who asks for
        // subscriptions (RFC 9051 §6.3.9.1).
        let is_shown = node.existence == Existence::Mailbox || is_parent || by_subscription;
        if !(child_info || (is_shown && is_selected(node))) {
            return None;
        }
        let returns = |wanted: &ListReturn| command.returns.contains(wanted);
        let mut attributes = Vec::new();
        if node.existence == Existence::NameOnly {
            attributes.push("\\NonExistent");
            if !self.dialect.rev2 {
                // Who knows only RFC 3501 knows only this word.
                attributes.push("\\Noselect");
            }
        }
        if node.subscribed && (by_subscription || returns(&ListReturn::Subscribed)) {
            attributes.push("\\Subscribed");
        }
        attributes.push(if is_parent { "\\HasChildren" } else { "\\HasNoChildren" });
        attributes.extend(node.special_use.map(SpecialUse::attribute));
        let info = if by_subscription { "SUBSCRIBED" } else { "SPECIAL-USE" };
        let entry = ListEntry {
            attributes: attributes.into_iter().map(str::to_owned).collect(),
            separator: Some(SEPARATOR),
            name: name.to_owned(),
            child_info: if child_info { vec![info.to_owned()] } else { Vec::new() },
            old_name: None,
        };
        let mailbox = MailboxName::parse(name).ok();
        let mailbox = mailbox.filter(|_| node.existence == Existence::Mailbox);
        Some(Listed { entry, mailbox })
    }

    pub(super) fn lsub(&mut self, tag: String, reference: &str, pattern: &str) {
        let pattern = format!("{reference}{pattern}");
        self.ask(StoreRequest::Mailboxes, Run::Lsub { tag, pattern });
    }

    pub(super) fn on_lsub(&mut self, tag: &str, pattern: &str, found: &[MailboxEntry]) {
        let subscribed: Vec<MailboxEntry> =
            found.iter().filter(|entry| entry.subscribed).cloned().collect();
        let nodes = nodes(&subscribed);
        for (name, node) in &nodes {
            // With % a parent of what is subscribed to is told in its stead
            // (RFC 3501 §6.3.9).
            if !(node.subscribed || pattern.contains('%')) || !matches("", pattern, name) {
                continue;
            }
            let no_select = (node.existence == Existence::NameOnly).then_some("\\Noselect");
            let entry = ListEntry {
                attributes: no_select.into_iter().map(str::to_owned).collect(),
                separator: Some(SEPARATOR),
                name: name.clone(),
                ..ListEntry::default()
            };
            self.out.writer().list("LSUB", &entry);
        }
        self.finish_ok(tag, "LSUB completed");
    }
}

/// All names, with the parents that are not there.
fn nodes(entries: &[MailboxEntry]) -> BTreeMap<String, Node> {
    let absent = Node { existence: Existence::NameOnly, subscribed: false, special_use: None };
    let mut nodes = BTreeMap::new();
    for entry in entries {
        let MailboxEntry { existence, subscribed, special_use, .. } = *entry;
        let name = entry.name.as_str();
        nodes.insert(name.to_owned(), Node { existence, subscribed, special_use });
    }
    let parents: BTreeSet<String> = nodes
        .keys()
        .flat_map(|name| name.match_indices(SEPARATOR).filter_map(|(at, _)| name.get(..at)))
        .map(str::to_owned)
        .collect();
    for parent in parents {
        nodes.entry(parent).or_insert(absent);
    }
    nodes
}

fn children<'n>(
    name: &str,
    nodes: &'n BTreeMap<String, Node>,
) -> impl Iterator<Item = (&'n String, &'n Node)> + Clone {
    let prefix = format!("{name}{SEPARATOR}");
    nodes.range(prefix.clone()..).take_while(move |(name, _)| name.starts_with(&prefix))
}

/// Whether a name matches: `*` is anything, `%` anything on one level
/// (RFC 9051 §6.3.9). Takes time in the product of the lengths, however many
/// wildcards there are.
fn matches(reference: &str, pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = reference.chars().chain(pattern.chars()).collect();
    if pattern.len() > PATTERN_CHARS_MAX {
        return false;
    }
    let inbox = name == "INBOX" || name.starts_with("INBOX/");
    // Places in the pattern that the name so far leads to.
    let mut places = vec![false; pattern.len() + 1];
    let open = |places: &mut [bool]| {
        for (at, sign) in pattern.iter().enumerate() {
            if places.get(at) == Some(&true) && matches!(sign, '*' | '%') {
                places.iter_mut().skip(at + 1).take(1).for_each(|place| *place = true);
            }
        }
    };
    places.iter_mut().take(1).for_each(|place| *place = true);
    open(&mut places);
    for (index, character) in name.chars().enumerate() {
        let mut next = vec![false; places.len()];
        for (at, sign) in
            pattern.iter().enumerate().filter(|(at, _)| places.get(*at) == Some(&true))
        {
            // The first level INBOX has no case (RFC 9051 §5.1).
            let is_same =
                *sign == character || (inbox && index < 5 && sign.eq_ignore_ascii_case(&character));
            let to = match sign {
                '*' => at,
                '%' if character != SEPARATOR => at,
                '%' => continue,
                _ if is_same => at + 1,
                _ => continue,
            };
            next.iter_mut().skip(to).take(1).for_each(|place| *place = true);
        }
        open(&mut next);
        places = next;
    }
    places.last() == Some(&true)
}

/// A longer pattern matches no name.
const PATTERN_CHARS_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9051 §6.3.9: the wildcards.
    #[test]
    fn wildcards_match_within_their_levels() {
        let check = |pattern: &str, names: &[&str], others: &[&str]| {
            names.iter().for_each(|name| assert!(matches("", pattern, name), "{pattern} {name}"));
            others.iter().for_each(|name| assert!(!matches("", pattern, name), "{pattern} {name}"));
        };
        check("*", &["a", "a/b", "INBOX"], &[]);
        check("%", &["a", "INBOX"], &["a/b"]);
        check("%/b", &["a/b", "ab/b"], &["b", "a/b/b", "a/bb"]);
        check("a*c", &["ac", "abc", "a/b/c"], &["a", "ab", "acd"]);
        check("inbox", &["INBOX"], &["inbox2"]);
        check("Inbox/%", &["INBOX/a"], &["INBOX", "INBOX/a/b"]);
        check("", &[], &["a"]);
        assert!(matches("a/", "%", "a/b"));
        let many = "*a".repeat(400);
        assert!(!matches("", &many, &"a".repeat(399)));
        assert!(matches("", &many, &"a".repeat(400)));
    }
}
