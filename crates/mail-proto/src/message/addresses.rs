//! Lists of addresses in fields such as `To` (RFC 5322 §3.4), read with
//! patience: what is malformed is somebody's address all the same.

use crate::message::tokens::{SPECIALS, Space, Tokens};

/// An element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Somebody.
    Mailbox(Mailbox),
    /// The members of a group of that name follow, up to its end.
    GroupStart(Vec<u8>),
    /// The end of a group.
    GroupEnd,
}

/// `name <@route:local@domain>`; encoded words are left as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// The display name, or the comment behind an address without one.
    pub name: Option<Vec<u8>>,
    /// `@a,@b` before the address, which means nothing (RFC 5322 §4.4).
    pub route: Option<Vec<u8>>,
    /// The local part, without quotes.
    pub local: Vec<u8>,
    /// The domain; none when it is missing.
    pub domain: Option<Vec<u8>>,
}

/// Reads the value of an address field. Entries above [`ENTRIES_MAX`] are left.
#[must_use]
pub fn parse(value: &[u8]) -> Vec<Entry> {
    let mut parser =
        Parser { tokens: Tokens::new(value), entries: Vec::new(), group: Group::Outside };
    while parser.entries.len() < ENTRIES_MAX {
        parser.tokens.skip_space();
        match parser.tokens.peek() {
            None => break,
            Some(b',') => parser.tokens.skip(),
            Some(b';') => {
                parser.tokens.skip();
                parser.end_group();
            }
            Some(_) => parser.entry(),
        }
    }
    parser.end_group();
    parser.entries
}

/// The mailboxes of a list, also those in groups.
pub fn mailboxes(value: &[u8]) -> impl Iterator<Item = Mailbox> {
    parse(value).into_iter().filter_map(|entry| match entry {
        Entry::Mailbox(mailbox) => Some(mailbox),
        Entry::GroupStart(_) | Entry::GroupEnd => None,
    })
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    entries: Vec<Entry>,
    group: Group,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Outside,
    Inside,
}

/// Words, and whether a space stood before each.
type Words = Vec<(Space, Vec<u8>)>;

impl Parser<'_> {
    /// One mailbox, or the beginning of a group.
    fn entry(&mut self) {
        drop(self.tokens.take_comment());
        let words = self.words();
        match self.tokens.peek() {
            Some(b'<') => {
                let name = Some(phrase(&words)).filter(|name| !name.is_empty());
                self.tokens.skip();
                self.angle(name);
            }
            Some(b':') if self.group == Group::Outside => {
                self.tokens.skip();
                self.entries.push(Entry::GroupStart(phrase(&words)));
                self.group = Group::Inside;
            }
            Some(b'@') => {
                self.tokens.skip();
                let domain = Some(self.domain());
                self.mailbox(Mailbox { local: joined(&words), domain, ..Mailbox::default() });
            }
            None | Some(b',' | b';') => {
                self.mailbox(Mailbox { local: phrase(&words), ..Mailbox::default() });
            }
            Some(_) => {
                // A separator that has no place here.
                self.tokens.skip();
                if !words.is_empty() {
                    self.mailbox(Mailbox { local: phrase(&words), ..Mailbox::default() });
                }
            }
        }
    }

    /// `[@route:]local@domain>`
    fn angle(&mut self, name: Option<Vec<u8>>) {
        let mut route = Vec::new();
        self.tokens.skip_space();
        while self.tokens.take(b'@').is_some() {
            if !route.is_empty() {
                route.push(b',');
            }
            route.push(b'@');
            route.extend(self.domain());
            while self.tokens.take(b',').is_some() {
                self.tokens.skip_space();
            }
            if self.tokens.take(b':').is_some() {
                break;
            }
        }
        let words = self.words();
        let domain = self.tokens.take(b'@').map(|()| self.domain());
        self.tokens.skip_to(b">,;");
        let _ = self.tokens.take(b'>');
        let route = Some(route).filter(|route| !route.is_empty());
        self.entries.push(Entry::Mailbox(Mailbox { name, route, local: joined(&words), domain }));
        self.rest_of_entry();
    }

    /// A mailbox without angles: a comment after it is its name
    /// (RFC 5322 §3.4, last paragraph).
    fn mailbox(&mut self, mailbox: Mailbox) {
        self.tokens.skip_space();
        let name = self.tokens.take_comment().filter(|name| !name.is_empty());
        self.entries.push(Entry::Mailbox(Mailbox { name, ..mailbox }));
        self.rest_of_entry();
    }

    fn rest_of_entry(&mut self) {
        self.tokens.skip_to(b",;");
    }

    fn end_group(&mut self) {
        if self.group == Group::Inside {
            self.entries.push(Entry::GroupEnd);
            self.group = Group::Outside;
        }
    }

    fn words(&mut self) -> Words {
        let mut words = Vec::new();
        loop {
            let space = self.tokens.skip_space();
            match self.tokens.value(SPECIALS) {
                Some(word) => words.push((space, word.into_owned())),
                // A control character is no word, and ends none.
                None if self.tokens.peek().is_some_and(|byte| !SPECIALS.contains(&byte)) => {
                    self.tokens.skip();
                }
                None => return words,
            }
        }
    }

    /// `a.b.c` or `[literal]`; spaces around points are obsolete, and go.
    fn domain(&mut self) -> Vec<u8> {
        let mut domain = Vec::new();
        loop {
            let space = self.tokens.skip_space();
            let is_open = domain.is_empty() || domain.ends_with(b".");
            if space == Space::Some && !is_open && self.tokens.peek() != Some(b'.') {
                return domain;
            }
            match self.tokens.literal().or_else(|| self.tokens.word(SPECIALS)) {
                Some(part) => domain.extend_from_slice(part),
                None => return domain,
            }
        }
    }
}

/// Words of a name, a space between those that had one.
fn phrase(words: &Words) -> Vec<u8> {
    let mut text = Vec::new();
    for (space, word) in words {
        if *space == Space::Some && !text.is_empty() {
            text.push(b' ');
        }
        text.extend_from_slice(word);
    }
    text
}

fn joined(words: &Words) -> Vec<u8> {
    words.iter().flat_map(|(_, word)| word.iter().copied()).collect()
}

/// A field with more entries is read so far: no reader shows more.
pub const ENTRIES_MAX: usize = 10_000;
