//! What an event says on one line, in the reader's language: the page's
//! `web/model/words.js`, for a terminal.
//!
//! ```text
//!   summary  "referral: co → a.nic.co +1"
//!               │ English text of a key, where it may stand
//!               ▼
//!            "remisión: co → a.nic.co +1"      Spanish text of the same key
//! ```
//!
//! What the standards name stays as it is. The words of our own are few, and
//! their texts are the page's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::teller::REASON_ES;
use super::view::{EventType, EventView};
use crate::text::Language;

/// An event on one line. In English it is the event's own summary.
pub(super) fn words(event: &EventView, language: Language) -> Cow<'_, str> {
    let plain = &*event.summary;
    if language == Language::En {
        return Cow::Borrowed(plain);
    }
    match (event.event_type, &event.kind) {
        (EventType::Note, _) => {
            let spanish = event.data.get(REASON_ES).and_then(|reason| reason.as_str());
            Cow::Borrowed(spanish.unwrap_or(plain))
        }
        (EventType::Connection, Some(kind)) => {
            let text = SPANISH.get(&format!("words_connection_{kind}"));
            text.map_or(Cow::Borrowed(plain), |text| Cow::Borrowed(&**text))
        }
        _ => spanish(plain).map_or(Cow::Borrowed(plain), Cow::Owned),
    }
}

/// The short text of a message in Spanish, when words of ours are in it.
fn spanish(plain: &str) -> Option<String> {
    let (mut text, mut endings) = (plain, String::new());
    while let Some((rest, ending)) = text.rfind(" (").map(|at| text.split_at(at))
        && let Some(turned) = translated(ending.trim_start(), &ENDINGS)
    {
        (text, endings) = (rest, format!(" {turned}{endings}"));
    }
    let beginning = translated(text, &BEGINNINGS);
    let has_ours = beginning.is_some() || !endings.is_empty();
    has_ours.then(|| format!("{}{endings}", beginning.as_deref().unwrap_or(text)))
}

/// The first that fits holds.
fn translated(text: &str, ours: &[Ours]) -> Option<String> {
    ours.iter().find_map(|one| one.translated(text))
}

/// Words of our own in a short text.
#[derive(Debug)]
struct Ours {
    /// The key of their texts, in which `{count}` is a number.
    key: &'static str,
    then: Then,
}

/// What must follow them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Anything,
    End,
    Colon,
    ColonOrEnd,
    /// The name of a record type, to the end.
    Type,
}

/// The rules of `BEGINNINGS` in `web/model/words.js`, in their order.
const BEGINNINGS: [Ours; 11] = [
    Ours { key: "words_referral", then: Then::ColonOrEnd },
    Ours { key: "words_no_question", then: Then::End },
    Ours { key: "words_no", then: Then::Type },
    Ours { key: "words_truncated", then: Then::End },
    Ours { key: "words_malformed", then: Then::End },
    Ours { key: "words_message", then: Then::Anything },
    Ours { key: "words_credentials", then: Then::Colon },
    Ours { key: "words_response", then: Then::Colon },
    Ours { key: "words_more_octets", then: Then::End },
    Ours { key: "words_stream", then: Then::End },
    Ours { key: "words_not_http", then: Then::End },
];

/// The rules of its `ENDINGS`; a text may have several.
const ENDINGS: [Ours; 2] = [
    Ours { key: "words_more_lines", then: Then::End },
    Ours { key: "words_more", then: Then::End },
];

impl Ours {
    /// The text that begins with these words, with them in Spanish.
    fn translated(&self, text: &str) -> Option<String> {
        let (english, spanish) = (ENGLISH.get(self.key)?, SPANISH.get(self.key)?);
        let Some((before, after)) = english.split_once(COUNT) else {
            let rest = text.strip_prefix(&**english)?;
            return self.then.holds(rest).then(|| format!("{spanish}{rest}"));
        };
        let found = text.strip_prefix(before)?;
        let end = found.find(|c: char| !c.is_ascii_digit()).unwrap_or(found.len());
        let (count, rest) = found.split_at_checked(end).filter(|(count, _)| !count.is_empty())?;
        let rest = rest.strip_prefix(after)?;
        let ours = spanish.replace(COUNT, count);
        self.then.holds(rest).then(|| format!("{ours}{rest}"))
    }
}

impl Then {
    fn holds(self, rest: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::End => rest.is_empty(),
            Self::Colon => rest.starts_with(':'),
            Self::ColonOrEnd => rest.is_empty() || rest.starts_with(':'),
            Self::Type => {
                let may = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
                !rest.is_empty() && rest.bytes().all(may)
            }
        }
    }
}

/// A number within a text.
const COUNT: &str = "{count}";

static ENGLISH: LazyLock<BTreeMap<String, String>> =
    LazyLock::new(|| texts(include_str!("../../../../web/text/en.json")));
static SPANISH: LazyLock<BTreeMap<String, String>> =
    LazyLock::new(|| texts(include_str!("../../../../web/text/es.json")));

fn texts(json: &str) -> BTreeMap<String, String> {
    serde_json::from_str(json).expect("the page's texts are one object of texts")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rule as `words.js` writes it.
    fn as_in_the_page(begin: &str, ours: &Ours) -> String {
        let mut pattern = String::new();
        for c in ENGLISH[ours.key].replace(COUNT, "\u{0}").chars() {
            match c {
                '\u{0}' => pattern.push_str("(\\d+)"),
                '(' | ')' | '+' => pattern.extend(['\\', c]),
                c => pattern.push(c),
            }
        }
        let end = match ours.then {
            Then::Anything => "",
            Then::End => "$",
            Then::Colon => "(?=:)",
            Then::ColonOrEnd => "(?=:|$)",
            Then::Type => "(?=[A-Z0-9-]+$)",
        };
        format!("[/{begin}{pattern}{end}/, \"{}\"],", ours.key)
    }

    // Goal: page and terminal find the same words at the same places.
    #[test]
    fn the_rules_are_those_of_the_page() {
        let script = include_str!("../../../../web/model/words.js");
        let rules: Vec<&str> =
            script.lines().map(str::trim).filter(|line| line.starts_with("[/")).collect();
        let beginnings = BEGINNINGS.iter().map(|ours| as_in_the_page("^", ours));
        let endings = ENDINGS.iter().map(|ours| as_in_the_page("", ours));
        assert_eq!(rules, beginnings.chain(endings).collect::<Vec<_>>());
    }

    fn check(plain: &str, expected: &str) {
        assert_eq!(spanish(plain).as_deref().unwrap_or(plain), expected);
    }

    #[test]
    fn our_words_become_spanish_and_those_of_the_standards_stay() {
        check("referral: co → a.nic.co +1", "remisión: co → a.nic.co +1");
        check("referral", "remisión");
        check("referrals", "referrals");
        check("no AAAA", "sin AAAA");
        check("no such", "no such");
        check("truncated", "truncado");
        check("truncated (+1 more)", "truncado (+1 más)");
        check("message of 812 octets: hola", "mensaje de 812 octetos: hola");
        check("message of some octets", "message of some octets");
        check("credentials: ***", "credenciales: ***");
        check("250-mail.x (+9 lines)", "250-mail.x (+9 líneas)");
        check("250-mail.x (+9 lines) (+2 more)", "250-mail.x (+9 líneas) (+2 más)");
        check("referral: co → a.nic.co (+1 more)", "remisión: co → a.nic.co (+1 más)");
        check("A 192.0.2.1 (+1 more)", "A 192.0.2.1 (+1 más)");
        check("“no more (of this)”", "“no more (of this)”");
        check("credentials: ", "credenciales: ");
        check("4096 octets more", "4096 octetos más");
        check("not HTTP", "no es HTTP");
        check("NXDOMAIN", "NXDOMAIN");
    }
}
