//! The queue and servers that do odd things: nothing is lost, nothing waits that
//! need not, nothing is said to have arrived that nobody has.

use std::time::Duration;

use capa7_mail::queue::{Queue, QueueConfig, Selection};
use capa7_net::Cause;

use super::world::*;
use crate::odd::{At, Deed, Odd, Rule};

/// What came of some messages of one recipient each, an hour later.
struct Outcome {
    world: World,
    odd: Odd,
    /// Messages that the second exchange took.
    backup: usize,
    /// Messages that wait.
    left: u64,
}

/// Sends these to an odd server; the domain's second exchange takes everything, or
/// is down.
fn send(rule: Rule, to: &[&[&str]], texts: &[&str], has_backup: bool) -> Outcome {
    let world = World::new();
    let there = host(&world.net, "mail.urosario.example", UROSARIO);
    let second = host(&world.net, "backup.urosario.example", BACKUP);
    let odd = Odd::start(&there, 25, rule);
    let mut receiver = has_backup.then(|| Receiver::start(&second));
    let (backup, left) = world
        .net
        .run(async {
            // One session at a time, so that the later messages share one.
            let config = QueueConfig { sessions_per_destination_max: 1, ..world.config() };
            let (users, store) = (world.users.clone(), world.store.clone());
            let queue = Queue::begin(&world.sender, config, users, store).await.unwrap();
            for (to, text) in to.iter().cycle().zip(texts) {
                queue.accept(envelope(to), message(text), Cause::NONE).await.unwrap();
            }
            world.sender.sleep(HOUR).await;
            let left = queue.table().await.unwrap().messages;
            queue.stop().await;
            let mut count = 0;
            while receiver.as_mut().is_some_and(|receiver| receiver.taken.try_recv().is_ok()) {
                count += 1;
            }
            (count, left)
        })
        .unwrap();
    Outcome { world, odd, backup, left }
}

const CARLOS: &[&str] = &["carlos@urosario.example"];

// RFC 5321 §3.8: 421 may come at any time. The message was not taken, so another
// session may give it at once; also when the server closes without a word.
#[test]
fn a_server_of_one_message_per_session_gets_many_sessions() {
    let closing: [Rule; 2] = [
        |at, line| {
            let is_second = at.messages >= 1 && line.starts_with("MAIL");
            is_second.then_some(Deed::SayAndClose("421 4.7.0 enough for today"))
        },
        |at, line| (at.messages >= 1 && line.starts_with("MAIL")).then_some(Deed::Close),
    ];
    for rule in closing {
        let sent = send(rule, &[CARLOS], &["1", "2", "3", "4", "5", "6", "7", "8"], false);
        let taken = sent.odd.taken();
        assert_eq!((taken.len(), sent.left), (8, 0), "{taken:?}");
        assert!(sent.world.minutes("deferred").is_empty());
        assert_eq!(sent.world.minutes("delivered"), [0; 8]);
    }
}

// RFC 5321 §5.1: a server that breaks off before the message was said to its end
// does not have it: the next exchange is tried.
#[test]
fn a_session_that_breaks_before_the_end_of_the_message_goes_on_elsewhere() {
    let breaking: [Rule; 4] = [
        |_, line| line.starts_with("DATA").then_some(Deed::Close),
        |_, line| line.starts_with("RCPT").then_some(Deed::SayAndClose("421 4.3.2 shutting down")),
        |at, _| (at.text.contains("Subject")).then_some(Deed::Close),
        // An octet of its answer each minute is no sign of life (RFC 5321 §4.5.3.2.2).
        |_, line| line.starts_with("MAIL").then_some(Deed::Drip("250 very well then")),
    ];
    // Longer than what travels unread, so that its end has not left.
    let long = "hola\r\n".repeat(300_000);
    for (number, rule) in breaking.into_iter().enumerate() {
        let sent = send(rule, &[CARLOS], &[&long], true);
        assert_eq!((sent.odd.taken().len(), sent.backup, sent.left), (0, 1, 0), "{number}");
        assert!(sent.world.minutes("deferred").is_empty(), "{number}");
        assert!(sent.world.minutes("delivered")[0] <= 5, "{number}");
    }
}

// RFC 5321 §4.5.3.2.6: whether the server has it nobody knows. It is not given to
// another one meanwhile, and comes again when its time has come.
#[test]
fn a_server_that_drops_after_the_final_dot_is_tried_again_and_nobody_else() {
    let rule: Rule = |at, line| (at.session == 1 && line == ".").then_some(Deed::Close);
    let sent = send(rule, &[CARLOS], &["hola"], true);
    assert_eq!((sent.odd.taken().len(), sent.backup, sent.left), (2, 0, 0));
    assert_eq!(sent.world.minutes("deferred"), [0]);
    assert_eq!(sent.world.minutes("delivered"), [5]);
}

// RFC 5321 §4.5.3.1.10: 452 for one recipient too many, 552 by servers that follow
// RFC 821; the others follow in the same session.
#[test]
fn recipients_that_were_too_many_follow_at_once() {
    let many: [Rule; 2] = [
        |at, line| {
            let is_third = line.starts_with("RCPT") && at.recipients >= 2;
            is_third.then_some(Deed::Say("452 4.5.3 two at a time"))
        },
        |at, line| {
            let is_third = line.starts_with("RCPT") && at.recipients >= 2;
            is_third.then_some(Deed::Say("552 too many"))
        },
    ];
    let names: Vec<String> = (0..7).map(|number| format!("u{number}@urosario.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for rule in many {
        let sent = send(rule, &[&names], &["hola"], false);
        let taken: Vec<usize> = sent.odd.taken().iter().map(|(_, to, _)| to.len()).collect();
        assert_eq!((taken, sent.odd.sessions(), sent.left), (vec![2, 2, 2, 1], 1, 0));
        assert_eq!(sent.world.minutes("delivered"), [0; 7]);
        assert!(sent.world.minutes("deferred").is_empty());
    }
}

// A mailbox that is full is not one recipient too many (RFC 3463 §3.3: 5.2.2).
#[test]
fn a_full_mailbox_bounces_and_others_do_not_wait() {
    let rule: Rule = |at, line| {
        let is_second = line.starts_with("RCPT") && at.recipients == 1;
        is_second.then_some(Deed::Say("552 5.2.2 mailbox full"))
    };
    let names = ["a@urosario.example", "b@urosario.example", "c@urosario.example"];
    let sent = send(rule, &[&names], &["hola"], false);
    assert_eq!((sent.odd.taken().len(), sent.left), (1, 0));
    let report = &sent.world.inbox("andrea@ucatolica.example")[0];
    assert!(report.contains("Status: 5.2.2\r\n"), "{report}");
}

// A line of the answer that is none, in the middle of one that says yes: doubt would
// send the message again for five days.
#[test]
fn a_broken_line_within_the_final_answer_is_no_doubt() {
    let rule: Rule = |_, line| {
        (line == ".").then_some(Deed::Say("250-2.0.0 kept\r\nby the grace of cron\r\n250 as 17"))
    };
    let sent = send(rule, &[CARLOS], &["hola"], false);
    assert_eq!((sent.odd.taken().len(), sent.left), (1, 0));
    assert_eq!(sent.world.minutes("delivered"), [0]);
}

// RFC 5321 §4.3.2: only 354 asks for the message. A server that says 250 to DATA was
// given nothing, and has nothing.
#[test]
fn what_was_never_said_is_never_delivered() {
    let rule: Rule = |at, line| {
        (at.session == 1 && line.starts_with("DATA")).then_some(Deed::Say("250 thank you"))
    };
    let sent = send(rule, &[CARLOS], &["hola"], false);
    assert_eq!((sent.odd.taken().len(), sent.left), (1, 0));
    assert_eq!(sent.world.minutes("deferred"), [0]);
    assert_eq!(sent.world.minutes("delivered"), [5]);
}

// Goal: one message at which a server always breaks off keeps nobody else back.
#[test]
fn a_message_that_nobody_takes_waits_alone() {
    let rule: Rule =
        |at: &At, line| (line != "." && at.text.contains("poison")).then_some(Deed::Close);
    // With its end on the way, which makes doubt, and without.
    for poison in ["poison\r\n.", &format!("poison\r\n{}", "x\r\n".repeat(600_000))] {
        let sent = send(rule, &[CARLOS], &["1", poison, "2", "3", "4", "5"], false);
        assert_eq!((sent.odd.taken().len(), sent.left), (5, 1));
        assert_eq!(sent.world.minutes("delivered"), [0; 5]);
        assert_eq!(sent.world.minutes("deferred"), [0, 5, 15, 35]);
    }
}

// Goal: what an operator holds or deletes behind a slow message does not go out,
// though its session was loaded already; what is released then goes.
#[test]
fn a_message_is_held_or_deleted_until_its_turn_has_come() {
    let rule: Rule = |_, line| (line == ".").then_some(Deed::Drip("250 ok"));
    let world = World::new();
    let there = host(&world.net, "mail.urosario.example", UROSARIO);
    let odd = Odd::start(&there, 25, rule);
    world
        .net
        .run(async {
            let config = QueueConfig { sessions_per_destination_max: 1, ..world.config() };
            let (users, store) = (world.users.clone(), world.store.clone());
            let queue = Queue::begin(&world.sender, config, users, store).await.unwrap();
            let mut ids = Vec::new();
            for text in ["1", "2", "3", "4", "5"] {
                let to = ["carlos@urosario.example", "ana@urosario.example"];
                ids.push(queue.accept(envelope(&to), message(text), Cause::NONE).await.unwrap());
            }
            // The first is answered after eight minutes, then the others are loaded.
            world.sender.sleep(9 * MINUTE).await;
            assert_eq!(queue.hold(Selection::Message(ids[2])).await.unwrap(), 2);
            assert_eq!(queue.delete(Selection::Message(ids[3])).await.unwrap(), 2);
            world.sender.sleep(HOUR).await;
            assert_eq!((odd.taken().len(), queue.table().await.unwrap().held), (3, 2));
            let held = queue.list(Selection::All, 0, 10).await.unwrap();
            assert!(held.iter().all(|entry| entry.reason.is_none()), "{held:?}");
            assert_eq!(queue.release(Selection::All).await.unwrap(), 2);
            world.sender.sleep(HOUR).await;
            assert_eq!(queue.table().await.unwrap().messages, 0);
            queue.stop().await;
        })
        .unwrap();
    let texts: Vec<String> =
        odd.taken().iter().map(|(_, _, text)| text.lines().last().unwrap().to_owned()).collect();
    assert_eq!(texts, ["1", "2", "5", "3"]);
    assert!(world.minutes("deferred").is_empty());
}

// RFC 5321 §4.5.3.2: time-outs are long, and an answer within them counts.
#[test]
fn a_slow_server_is_waited_for() {
    let rule: Rule = |_, line| (line == ".").then_some(Deed::Drip("250 ok"));
    let sent = send(rule, &[CARLOS], &["hola"], true);
    assert_eq!((sent.odd.taken().len(), sent.backup, sent.left), (1, 0, 0));
    let seconds: Vec<u64> = sent.world.notes("delivered").into_iter().map(|(at, _)| at).collect();
    assert_eq!(seconds, [Duration::from_secs(8 * 60).as_secs()]);
}
