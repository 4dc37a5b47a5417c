//! Sequence numbers never lie: what a client makes of responses alone is what
//! the store has.

use proptest::prelude::*;

use super::Table;
use crate::imap::date::InternalDate;
use crate::mailbox::MailboxName;

/// A mailbox as a client knows it: identifier and flags by number.
#[derive(Debug, Default)]
struct Mirror(Vec<Option<(u32, String)>>);

impl Mirror {
    /// Learns from everything that was heard.
    fn learn(&mut self, heard: &str) {
        for line in heard.split("\r\n").filter_map(|line| line.strip_prefix("* ")) {
            let mut words = line.split(' ');
            let Some(number) = words.next().and_then(|word| word.parse::<usize>().ok()) else {
                continue;
            };
            match words.next() {
                Some("EXISTS") => {
                    assert!(number >= self.0.len(), "EXISTS takes nothing away: {line}");
                    self.0.resize(number, None);
                }
                Some("EXPUNGE") => {
                    assert!((1..=self.0.len()).contains(&number), "{line}");
                    self.0.remove(number - 1);
                }
                Some("FETCH") => {
                    assert!((1..=self.0.len()).contains(&number), "{line}");
                    let uid = between(line, "UID ", &[' ', ')']).and_then(|uid| uid.parse().ok());
                    let known = &mut self.0[number - 1];
                    if let (Some((known, _)), Some(uid)) = (&known, uid) {
                        assert_eq!(*known, uid, "a number changed its message: {line}");
                    }
                    let uid = uid.or(known.as_ref().map(|(uid, _)| *uid)).expect("a UID");
                    if let Some(flags) = between(line, "FLAGS (", &[')']) {
                        *known = Some((uid, flags.to_owned()));
                    }
                }
                _ => {}
            }
        }
    }
}

fn between<'t>(text: &'t str, before: &str, after: &[char]) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split(after).next()
}

/// What a client may do.
#[derive(Clone, Debug)]
enum Step {
    Say(usize, &'static str, u8, u8),
    Deliver,
    Idle(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let words = prop::sample::select(vec![
        "STORE # +FLAGS (\\Deleted)",
        "STORE # FLAGS ($a)",
        "UID STORE # -FLAGS (\\Deleted \\Seen)",
        "STORE # +FLAGS.SILENT (\\Flagged)",
        "FETCH # (UID FLAGS)",
        "UID FETCH # (FLAGS)",
        "FETCH # (UID FLAGS BODY[TEXT])",
        "UID SEARCH DELETED",
        "SEARCH #",
        "EXPUNGE",
        "UID EXPUNGE #",
        "COPY # INBOX",
        "UID MOVE # INBOX",
        "MOVE # INBOX",
        "NOOP",
        "CHECK",
    ]);
    prop_oneof![
        12 => (0_usize..3, words, 1_u8..9, 1_u8..9)
            .prop_map(|(client, words, one, other)| Step::Say(client, words, one, other)),
        2 => Just(Step::Deliver),
        1 => (0_usize..3).prop_map(Step::Idle),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// RFC 9051 §7.5.1, §5.5: three clients, any order of commands.
    #[test]
    fn what_clients_learn_from_responses_is_what_the_store_has(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        let inbox = MailboxName::inbox();
        let mut table = Table::clumsy_users(3);
        let deliver = |table: &mut Table| {
            table.model.deliver(&inbox, b"Subject: s\r\n\r\nx", InternalDate(0));
        };
        (0..4).for_each(|_| deliver(&mut table));
        let mut mirrors: Vec<Mirror> = (0..3).map(|_| Mirror::default()).collect();
        for (client, mirror) in mirrors.iter_mut().enumerate() {
            mirror.learn(&table.ask(client, "s SELECT INBOX"));
        }
        let hear = |table: &mut Table, mirrors: &mut [Mirror]| {
            for (client, mirror) in table.clients.iter_mut().zip(mirrors) {
                let heard = String::from_utf8(std::mem::take(&mut client.heard)).expect("text");
                let is_numbered = heard.starts_with("* ") && heard.contains("n FETCH completed");
                assert!(!is_numbered || !heard.contains(" EXPUNGE\r\n"));
                mirror.learn(&heard);
            }
        };
        for step in steps {
            match step {
                Step::Deliver => deliver(&mut table),
                Step::Idle(client) => {
                    let idles = table.clients[client].session.is_idling();
                    table.say(client, if idles { b"DONE\r\n" } else { b"i IDLE\r\n" });
                }
                Step::Say(client, words, one, other) => {
                    if table.clients[client].session.is_idling() {
                        table.say(client, b"DONE\r\n");
                    }
                    let line = format!("n {}\r\n", words.replace('#', &format!("{one}:{other}")));
                    table.say(client, line.as_bytes());
                    prop_assert!(!table.clients[client].is_closed);
                }
            }
            hear(&mut table, &mut mirrors);
        }
        for client in 0..3 {
            if table.clients[client].session.is_idling() {
                table.say(client, b"DONE\r\n");
            }
            table.say(client, b"x NOOP\r\n");
        }
        hear(&mut table, &mut mirrors);
        let stored = table.model.messages(&inbox);
        for (client, mirror) in mirrors.iter_mut().enumerate() {
            prop_assert_eq!(mirror.0.len(), stored.len());
            // What a client was told unasked agrees with the store already,
            // but for flags that it set in silence.
            for (known, (uid, _, _)) in mirror.0.iter().zip(&stored) {
                prop_assert!(known.as_ref().is_none_or(|(known, _)| *known == uid.0.get()));
            }
            mirror.learn(&table.ask(client, "f FETCH 1:* (UID FLAGS)"));
            for (known, (uid, flags, _)) in mirror.0.iter().zip(&stored) {
                let flags: Vec<&str> = flags.iter().map(|flag| flag.as_str()).collect();
                prop_assert_eq!(known, &Some((uid.0.get(), flags.join(" "))));
            }
        }
    }
}
