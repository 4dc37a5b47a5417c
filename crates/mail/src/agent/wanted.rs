//! Which messages are meant: what a person types, as a search of IMAP, and as
//! a look at a header for a server that cannot search.

use capa7_mail_proto::imap::date::Date;
use capa7_mail_proto::imap::search::SearchKey;
use capa7_mail_proto::imap::sequence::{MessageSet, SequenceSet};
use capa7_mail_proto::mailbox::Flag;
use capa7_mail_proto::message::date::MessageDate;

use super::show::Summary;

/// Conditions that all must hold; none means every message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only these: identifiers of IMAP, numbers of POP3.
    pub ids: Vec<u32>,
    /// `From` contains this.
    pub from: Option<String>,
    /// `To` contains this.
    pub to: Option<String>,
    /// `Subject` contains this.
    pub subject: Option<String>,
    /// Header or body contain this.
    pub text: Option<String>,
    /// Of that day or later: when it arrived, by POP3 its `Date`.
    pub since: Option<Date>,
    /// Of a day before that.
    pub before: Option<Date>,
    /// Nobody has read it.
    pub unseen: bool,
}

impl Wanted {
    /// The same as a search (RFC 9051 §6.4.4).
    #[must_use]
    pub fn key(&self) -> SearchKey {
        let header = |name: &str, text: &Option<String>| {
            text.clone().map(|text| SearchKey::Header(name.to_owned(), text))
        };
        let ids = self.ids.iter().filter_map(|id| (*id).try_into().ok());
        let ids = SequenceSet::of(ids);
        let mut keys = Vec::new();
        keys.extend((!self.ids.is_empty()).then_some(SearchKey::Uids(MessageSet::Numbers(ids))));
        keys.extend(header("From", &self.from));
        keys.extend(header("To", &self.to));
        keys.extend(header("Subject", &self.subject));
        keys.extend(self.text.clone().map(SearchKey::Text));
        keys.extend(self.since.map(SearchKey::Since));
        keys.extend(self.before.map(SearchKey::Before));
        let seen = || SearchKey::Flag(Flag::system("\\Seen"));
        keys.extend(self.unseen.then(|| SearchKey::Not(Box::new(seen()))));
        match keys.len() {
            0 => SearchKey::All,
            1 => keys.pop().unwrap_or(SearchKey::All),
            _ => SearchKey::And(keys),
        }
    }

    /// What a server that cannot search is not able to tell.
    #[must_use]
    pub const fn needs_search(&self) -> Option<&'static str> {
        match (&self.text, self.unseen) {
            (Some(_), _) => Some("POP3 cannot search texts"),
            (None, true) => Some("POP3 does not know what was read"),
            (None, false) => None,
        }
    }

    /// Whether a message with this number and header is meant.
    #[must_use]
    pub fn matches(&self, id: u32, summary: &Summary) -> bool {
        let contains = |wanted: &Option<String>, texts: &[String]| {
            wanted.as_ref().is_none_or(|wanted| {
                let wanted = wanted.to_lowercase();
                texts.iter().any(|text| text.to_lowercase().contains(&wanted))
            })
        };
        let day = summary.date.map(|seconds| {
            let date = MessageDate::from_unix_seconds(seconds);
            (date.year, date.month, date.day)
        });
        let bound = |date: Date| (date.year, date.month, date.day);
        (self.ids.is_empty() || self.ids.contains(&id))
            && contains(&self.from, &[summary.from.clone(), summary.from_address.clone()])
            && contains(&self.to, &summary.to)
            && contains(&self.subject, std::slice::from_ref(&summary.subject))
            && self.since.is_none_or(|since| day.is_some_and(|day| day >= bound(since)))
            && self.before.is_none_or(|before| day.is_some_and(|day| day < bound(before)))
    }
}

#[cfg(test)]
mod tests {
    use capa7_mail_proto::imap::date::Date;
    use capa7_mail_proto::imap::search::SearchKey;

    use super::Wanted;
    use crate::agent::summary;

    #[test]
    fn conditions_become_one_search_and_nothing_is_every_message() {
        // RFC 9051 §6.4.4
        assert_eq!(Wanted::default().key(), SearchKey::All);
        let one = Wanted { subject: Some("hi".to_owned()), ..Wanted::default() };
        assert_eq!(one.key(), SearchKey::Header("Subject".to_owned(), "hi".to_owned()));
        let two = Wanted { unseen: true, ids: vec![3, 4, 9], ..one };
        let SearchKey::And(keys) = two.key() else { panic!("{:?}", two.key()) };
        assert_eq!(keys.len(), 3);
        assert!(matches!(keys[2], SearchKey::Not(_)));
        assert_eq!(two.needs_search(), Some("POP3 does not know what was read"));
    }

    #[test]
    fn a_header_is_looked_at_as_a_search_would() {
        let row = summary(
            b"From: =?utf-8?q?Andr=C3=A9a?= <a@umass.edu>\r\nTo: carlos@x\r\n\
              Subject: Caf\xc3\xa9\r\nDate: Mon, 2 Jun 2025 10:00:00 +0000\r\n\r\n",
        );
        let text = |text: &str| Some(text.to_owned());
        let date = |day| Some(Date { year: 2025, month: 6, day });
        let none = Wanted::default();
        let holds = [
            none.clone(),
            Wanted { ids: vec![7], from: text("ANDRÉA"), ..none.clone() },
            Wanted { from: text("umass"), to: text("carlos"), ..none.clone() },
            Wanted { subject: text("CAFÉ"), since: date(2), before: date(3), ..none.clone() },
        ];
        assert!(holds.iter().all(|wanted| wanted.matches(7, &row)));
        let fails = [
            Wanted { ids: vec![8], ..none.clone() },
            Wanted { from: text("beatriz"), ..none.clone() },
            Wanted { since: date(3), ..none.clone() },
            Wanted { before: date(2), ..none },
        ];
        assert!(!fails.iter().any(|wanted| wanted.matches(7, &row)));
    }
}
