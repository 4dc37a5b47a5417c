//! Flags as fields of the header, which mutt, Dovecot and Python write too.

use crate::mailbox::{Flag, Flags};

/// A field that holds flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Status,
    XStatus,
    XKeywords,
}

impl Field {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Status, "status:"), (Self::XStatus, "x-status:"), (Self::XKeywords, "x-keywords:")];

    /// The field of a line, and what stands behind the colon.
    pub(super) fn of(line: &[u8]) -> Option<(Self, &[u8])> {
        Self::ALL.into_iter().find_map(|(field, name)| {
            let (start, value) = line.split_at_checked(name.len())?;
            start.eq_ignore_ascii_case(name.as_bytes()).then_some((field, value))
        })
    }

    /// Adds the flags of a field. What is no flag is passed over.
    pub(super) fn read(self, value: &[u8], flags: &mut Flags) {
        if self == Self::XKeywords {
            let words = String::from_utf8_lossy(value);
            let words = words.split_ascii_whitespace().filter(|word| !word.starts_with('\\'));
            flags.extend(words.filter_map(|word| Flag::parse(word).ok()));
            return;
        }
        let named = |letter: &u8| LETTERS.iter().find(|(l, _)| l == letter);
        flags.extend(value.iter().filter_map(named).map(|(_, name)| Flag::system(name)));
    }
}

/// The three fields, with LF. All are written, also without flags: the first of
/// each name is then ours, and one that the message brought stays its own.
pub(super) fn fields(flags: &Flags) -> String {
    let letter = |wanted: u8, name: &'static str| {
        if flags.contains(&Flag::system(name)) {
            char::from(wanted).to_string()
        } else {
            String::new()
        }
    };
    let seen = letter(b'R', "\\Seen");
    let others: String =
        LETTERS.iter().filter(|(l, _)| *l != b'R').map(|(l, n)| letter(*l, n)).collect();
    let keywords: Vec<&str> =
        flags.iter().map(Flag::as_str).filter(|flag| !flag.starts_with('\\')).collect();
    format!("Status: {seen}O\nX-Status: {others}\nX-Keywords: {}\n", keywords.join(" "))
}

/// `O` says that a program saw it in a list, which IMAP has no flag for.
const LETTERS: [(u8, &str); 5] = [
    (b'R', "\\Seen"),
    (b'A', "\\Answered"),
    (b'D', "\\Deleted"),
    (b'F', "\\Flagged"),
    (b'T', "\\Draft"),
];
