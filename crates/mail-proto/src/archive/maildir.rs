//! Names of messages in a Maildir: flags are letters behind `:2,`.
//!
//! ```text
//!   1764173560.V9U17.mail.example:2,FSab
//!   ───────────────┬────────────── ┬─┬─
//!   never given twice              │ └ keywords, named in dovecot-keywords
//!                                  └ D F P R S T: flags
//! ```

use crate::mailbox::{Flag, Flags};

/// A message's file name in two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileName<'n> {
    /// What names the message for as long as it is there.
    pub unique: &'n str,
    /// The letters of its flags; empty when it was never looked at.
    pub letters: &'n str,
}

/// The keywords of one folder: the letters `a` to `z` of its file names stand
/// for them (Dovecot's `dovecot-keywords`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keywords(Vec<Option<Flag>>);

impl<'n> FileName<'n> {
    /// Takes a file name apart.
    #[must_use]
    pub fn parse(name: &'n str) -> Self {
        let (unique, info) = name.split_once(':').unwrap_or((name, ""));
        // `:1,` is an experiment that says nothing of flags.
        Self { unique, letters: info.strip_prefix("2,").unwrap_or_default() }
    }

    /// The flags; letters that stand for nothing are passed over.
    #[must_use]
    pub fn flags(&self, keywords: &Keywords) -> Flags {
        let of_letter = |letter: char| match SYSTEM.iter().find(|(l, _)| *l == letter) {
            Some((_, flag)) => Flag::parse(flag).ok(),
            None => keywords.named(letter),
        };
        self.letters.chars().filter_map(of_letter).collect()
    }
}

impl Keywords {
    /// Reads `dovecot-keywords`: lines of a number from 0 to 25 and a keyword.
    /// Lines that are something else are passed over.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut keywords = Vec::new();
        for line in text.lines() {
            let Some((number, keyword)) = line.split_once(' ') else { continue };
            let number = number.parse::<usize>().ok().filter(|number| *number < LETTERS_MAX);
            if let (Some(number), Ok(keyword)) = (number, Flag::parse(keyword)) {
                if keywords.len() <= number {
                    keywords.resize(number + 1, None);
                }
                if let Some(place) = keywords.get_mut(number) {
                    *place = Some(keyword);
                }
            }
        }
        Self(keywords)
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let numbered = self.0.iter().enumerate();
        numbered
            .filter_map(|(number, keyword)| Some(format!("{number} {}\n", keyword.as_ref()?)))
            .collect()
    }

    /// Whether no keyword has a letter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The letters of flags, in order; keywords get letters that are free.
    /// Those that find none are returned beside them.
    pub fn letters(&mut self, flags: &Flags) -> (String, Vec<Flag>) {
        let (mut letters, mut left) = (Vec::new(), Vec::new());
        for flag in flags {
            let system = SYSTEM.iter().find(|(_, name)| name.eq_ignore_ascii_case(flag.as_str()));
            letters.extend(system.map(|(letter, _)| *letter));
            if flag.as_str().starts_with('\\') {
                continue;
            }
            match self.letter(flag) {
                Some(letter) => letters.push(letter),
                // `P` says it.
                None if system.is_some() => {}
                None => left.push(flag.clone()),
            }
        }
        letters.sort_unstable();
        (letters.into_iter().collect(), left)
    }

    fn named(&self, letter: char) -> Option<Flag> {
        let number = u32::from(letter).checked_sub(u32::from('a'))?;
        self.0.get(usize::try_from(number).ok()?)?.clone()
    }

    fn letter(&mut self, keyword: &Flag) -> Option<char> {
        let known = self.0.iter().position(|known| known.as_ref() == Some(keyword));
        let free = || self.0.iter().position(Option::is_none);
        let number = known.or_else(free).unwrap_or(self.0.len());
        let letter = ('a'..='z').nth(number)?;
        match self.0.get_mut(number) {
            Some(place) => *place = Some(keyword.clone()),
            None => self.0.push(Some(keyword.clone())),
        }
        Some(letter)
    }
}

/// The letters that all programs know. `P` is for a message that was passed on,
/// which IMAP has as a keyword.
const SYSTEM: [(char, &str); 6] = [
    ('D', "\\Draft"),
    ('F', "\\Flagged"),
    ('P', "$Forwarded"),
    ('R', "\\Answered"),
    ('S', "\\Seen"),
    ('T', "\\Deleted"),
];
/// `a` to `z`.
const LETTERS_MAX: usize = 26;

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str) -> Flags {
        text.split_ascii_whitespace().map(|flag| Flag::parse(flag).unwrap()).collect()
    }

    #[test]
    fn flags_are_letters_in_their_order() {
        let mut keywords = Keywords::parse("1 Work\nnonsense\n99 far\n");
        let given = flags("\\Seen \\Flagged \\Draft \\Answered \\Deleted $Forwarded Work $Junk");
        let (letters, left) = keywords.letters(&given);
        assert_eq!((letters.as_str(), left.as_slice()), ("DFPRSTabc", [].as_slice()));
        assert_eq!(keywords.text(), "0 $Forwarded\n1 Work\n2 $Junk\n");
        let name = format!("1.a.host:2,{letters}");
        assert_eq!(FileName::parse(&name).flags(&Keywords::parse(&keywords.text())), given);
    }

    #[test]
    fn a_keyword_without_a_letter_is_named() {
        let mut keywords = Keywords::default();
        let many: Vec<String> = (10..36).map(|number| format!("k{number}")).collect();
        assert_eq!(keywords.letters(&flags(&many.join(" "))).1, []);
        assert_eq!(
            keywords.letters(&flags("more \\Seen")),
            ("S".to_owned(), vec![Flag::parse("more").unwrap()])
        );
    }

    #[test]
    fn names_without_flags_have_none() {
        for name in ["1.a.host", "1.a.host:2,", "1.a.host:1,S", "1.a.host:2,zX"] {
            let name = FileName::parse(name);
            assert_eq!((name.unique, name.flags(&Keywords::default())), ("1.a.host", flags("")));
        }
    }
}
