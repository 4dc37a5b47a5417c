//! From one server to the other: names, failures, days.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use capa7_mail::queue::{AcceptError, EntryState, QueueFiles, Selection};
use capa7_mail::spool::SpooledMessage;
use capa7_mail_proto::envelope::Notify;
use capa7_net::Cause;
use capa7_net::capture::{ConnectionChange, What};
use capa7_net::fault::{Matcher, MessageAction, MessageRule, MessageView};

use super::world::*;

// RFC 5321 §5.1: the best exchange gets it, over MX and address lookups of ours.
#[test]
fn andrea_writes_and_the_server_of_carlos_has_it() {
    let world = World::new();
    let there = host(&world.net, "mail.urosario.example", UROSARIO);
    let mut receiver = Receiver::start(&there);
    world
        .net
        .run(async {
            let queue = world.queue().await;
            let to = envelope(&["carlos@urosario.example", "ana@ucatolica.example"]);
            queue.accept(to, message("hola, Carlos"), Cause::NONE).await.unwrap();
            let taken = receiver.taken.recv().await.unwrap();
            assert!(taken.message.ends_with(b"hola, Carlos\r\n"));
            assert_eq!(taken.envelope.recipients.len(), 1);
            world.sender.sleep(MINUTE).await;
            assert_eq!(queue.table().await.unwrap().recipients, 0);
            queue.stop().await;
        })
        .unwrap();
    let inbox = world.inbox("ana@ucatolica.example");
    assert_eq!(inbox.len(), 1);
    assert!(inbox[0].starts_with("Return-Path: <andrea@ucatolica.example>\r\n"));
    assert_eq!(world.minutes("delivered"), [0, 0]);
    let mut hosts = world.facts("delivered", "host");
    hosts.sort();
    assert_eq!(hosts, ["local", "mail.urosario.example"]);
}

#[test]
fn every_note_hangs_on_the_one_before() {
    let world = World::new();
    let there = host(&world.net, "mail.urosario.example", UROSARIO);
    let mut receiver = Receiver::start(&there);
    world
        .net
        .run(async {
            let queue = world.queue().await;
            let to = envelope(&["carlos@urosario.example"]);
            queue.accept(to, message("hola"), Cause(1)).await.unwrap();
            receiver.taken.recv().await.unwrap();
            world.sender.sleep(MINUTE).await;
            queue.stop().await;
        })
        .unwrap();
    let number = |kind: &str| {
        let (number, note) = world.numbered(kind).into_iter().next().unwrap();
        (number, note.causes.first)
    };
    let (accepted, because) = number("accepted");
    assert_eq!(because, Cause(1));
    let (queued, because) = number("queued");
    assert_eq!(because, accepted);
    let (_, because) = number("delivering");
    assert_eq!(because, queued);
    assert!(number("delivered").1.is_some());
}

#[test]
fn an_alias_and_a_domain_without_mx_are_found() {
    let world = World::new();
    let there = host(&world.net, "mail.urosario.example", UROSARIO);
    let mut receiver = Receiver::start(&there);
    world
        .net
        .run(async {
            let queue = world.queue().await;
            for domain in ["alias.example", "plain.example"] {
                let to = envelope(&[&format!("carlos@{domain}")]);
                queue.accept(to, message("hola"), Cause::NONE).await.unwrap();
                receiver.taken.recv().await.unwrap();
            }
            queue.stop().await;
        })
        .unwrap();
}

// RFC 7505, RFC 5321 §5.1, RFC 3464: what cannot arrive comes back at once.
#[test]
fn null_mx_loops_and_missing_domains_bounce_with_their_codes() {
    let world = World::new();
    world
        .net
        .run(async {
            let queue = world.queue().await;
            let to = ["x@silent.example", "x@circle.example", "x@missing.example"];
            queue.accept(envelope(&to), message("hola"), Cause::NONE).await.unwrap();
            world.sender.sleep(MINUTE).await;
            assert_eq!(queue.table().await.unwrap().messages, 0);
            queue.stop().await;
        })
        .unwrap();
    let mut reports = world.inbox("andrea@ucatolica.example");
    reports.sort();
    let codes = ["Status: 5.1.10\r\n", "Status: 5.4.6\r\n", "Status: 5.1.2\r\n"];
    assert_eq!(reports.len(), 3, "three destinations, three notifications");
    for code in codes {
        assert_eq!(reports.iter().filter(|report| report.contains(code)).count(), 1, "{code}");
    }
    assert!(reports.iter().all(|report| report.starts_with("Return-Path: <>\r\n")));
}

#[test]
fn a_backup_takes_over_while_the_best_exchange_is_down() {
    let world = World::new();
    let backup = host(&world.net, "backup.urosario.example", BACKUP);
    host(&world.net, "mail.urosario.example", UROSARIO);
    let mut receiver = Receiver::start(&backup);
    world
        .net
        .run(async {
            let queue = world.queue().await;
            let to = envelope(&["carlos@urosario.example"]);
            queue.accept(to, message("hola"), Cause::NONE).await.unwrap();
            receiver.taken.recv().await.unwrap();
            queue.stop().await;
        })
        .unwrap();
    assert_eq!(world.minutes("deferred"), [0; 0]);
}

// RFC 5321 §4.5.4.1, RFC 3464: five days on the virtual network, with restarts.
#[test]
fn a_receiver_that_stays_down_is_tried_told_and_given_up_on_time() {
    let world = World::new();
    host(&world.net, "mail.urosario.example", UROSARIO);
    host(&world.net, "backup.urosario.example", BACKUP);
    world
        .net
        .run(async {
            let mut queue = world.queue().await;
            let to = envelope(&["carlos@urosario.example"]);
            queue.accept(to, message("hola"), Cause::NONE).await.unwrap();
            for _ in 0..6 {
                world.sender.sleep(DAY).await;
                queue.stop().await;
                queue = world.queue().await;
            }
            assert_eq!(queue.table().await.unwrap().recipients, 0);
            queue.stop().await;
        })
        .unwrap();
    let mut expected = vec![0, 5, 15, 35, 75, 155];
    expected.extend((1..=30).map(|count| count * 240));
    let remote =
        world.notes("delivering").into_iter().filter(|(_, note)| note.data["host"] != "local");
    let mut attempts: Vec<u64> = remote.map(|(at, _)| at / 60).collect();
    // Two exchanges are tried in each attempt.
    attempts.dedup();
    assert_eq!(attempts, expected);
    assert_eq!(world.minutes("delayed"), [240]);
    assert_eq!(world.minutes("bounced"), [7_200]);
    let reports = world.inbox("andrea@ucatolica.example");
    assert_eq!(reports.len(), 2);
    assert!(reports[0].contains("Action: delayed\r\n"));
    assert!(reports[1].contains("Action: failed\r\nStatus: 5.4.7\r\n"));
}

#[test]
fn a_receiver_that_comes_back_gets_it_with_the_next_attempt() {
    let world = World::new();
    let there = host(&world.net, "mail.urosario.example", UROSARIO);
    world
        .net
        .run(async {
            let queue = world.queue().await;
            let to = envelope(&["carlos@urosario.example"]);
            queue.accept(to, message("hola"), Cause::NONE).await.unwrap();
            world.sender.sleep(12 * MINUTE).await;
            let mut receiver = Receiver::start(&there);
            receiver.taken.recv().await.unwrap();
            world.sender.sleep(MINUTE).await;
            queue.stop().await;
        })
        .unwrap();
    assert_eq!(world.minutes("delivered"), [15]);
}

// RFC 6647 §2: a temporary refusal at RCPT; the others of the message go on,
// and the one that was refused is taken with the next attempt.
#[test]
fn one_recipient_is_greylisted_one_unknown_one_taken() {
    let world = World::new();
    let there = host(&world.net, "mail.urosario.example", UROSARIO);
    let mut receiver = Receiver::start(&there);
    // The first answer for ana becomes another one, as a greylisting server's.
    let accepted = "250 2.1.5 to <ana@urosario.example>\r\n";
    let says = move |text: &[u8]| String::from_utf8_lossy(text).contains(accepted);
    let refuse = move |view: &MessageView<'_>| {
        let text = String::from_utf8_lossy(&view.packet.bytes).into_owned();
        Some(Bytes::from(text.replace(accepted, "450 4.7.1 come back later\r\n")))
    };
    world.net.network().faults().add_message(MessageRule {
        text: "ana is greylisted".to_owned(),
        matcher: Matcher {
            port: Some(25),
            predicate: Some(Arc::new(move |view| says(&view.packet.bytes))),
            count: Some(1),
            ..Matcher::default()
        },
        action: MessageAction::Replace(Arc::new(refuse)),
    });
    world
        .net
        .run(async {
            let queue = world.queue().await;
            let to = ["carlos@urosario.example", "ana@urosario.example", "nobody@urosario.example"];
            queue.accept(envelope(&to), message("hola"), Cause::NONE).await.unwrap();
            receiver.taken.recv().await.unwrap();
            world.sender.sleep(MINUTE).await;
            let left = queue.list(Selection::All, 0, 10).await.unwrap();
            assert_eq!(left.len(), 1);
            assert_eq!(left[0].recipient.to_string(), "ana@urosario.example");
            assert!(left[0].reason.as_ref().unwrap().contains("450 4.7.1 come back later"));
            // Ana's turn, five minutes later.
            let taken = receiver.taken.recv().await.unwrap();
            assert_eq!(taken.envelope.recipients.len(), 1);
            world.sender.sleep(MINUTE).await;
            assert_eq!(queue.table().await.unwrap().recipients, 0);
            queue.stop().await;
        })
        .unwrap();
    assert_eq!(world.facts("bounced", "recipient"), ["nobody@urosario.example"]);
    assert_eq!(world.facts("deferred", "recipient"), ["ana@urosario.example"]);
    let delivered = world.facts("delivered", "recipient");
    assert_eq!(delivered[0], "carlos@urosario.example");
    assert_eq!(delivered.last().unwrap(), "ana@urosario.example");
    assert_eq!(world.minutes("delivered").last(), Some(&5));
    let report = &world.inbox("andrea@ucatolica.example")[0];
    assert!(report.contains("Remote-MTA: dns; mail.urosario.example\r\n"), "{report}");
    assert!(report.contains("Status: 5.1.1\r\n"), "{report}");
}

#[test]
fn many_messages_go_over_few_connections() {
    let world = World::new();
    let there = host(&world.net, "mail.urosario.example", UROSARIO);
    let mut receiver = Receiver::start(&there);
    world
        .net
        .run(async {
            let queue = world.queue().await;
            queue.hold(Selection::All).await.unwrap();
            for number in 0..200 {
                let to = envelope(&["carlos@urosario.example"]);
                queue.accept(to, message(&format!("number {number}")), Cause::NONE).await.unwrap();
            }
            for _ in 0..200 {
                receiver.taken.recv().await.unwrap();
            }
            world.sender.sleep(MINUTE).await;
            assert_eq!(queue.table().await.unwrap().messages, 0);
            queue.stop().await;
        })
        .unwrap();
    assert_eq!(world.notes("delivered").len(), 200);
    let events = world.net.network().capture().since(Cause::NONE, usize::MAX);
    let opened = events.iter().filter(|event| match &event.what {
        What::Connection { change: ConnectionChange::Open, packet, .. } => packet.to.port() == 25,
        _ => false,
    });
    // Four at once, 50 messages in each.
    let opened = opened.count();
    assert!((1..=8).contains(&opened), "{opened} connections");
}

// Goal: a message that waits does not keep the space of those that were
// delivered, and is whole when its turn comes.
#[test]
fn an_old_segment_goes_while_its_last_message_waits() {
    let world = World::new();
    let there = host(&world.net, "mail.urosario.example", UROSARIO);
    host(&world.net, "backup.urosario.example", BACKUP);
    world
        .net
        .run(async {
            let queue = world.queue().await;
            let to = envelope(&["carlos@urosario.example"]);
            queue.accept(to, message("waits for hours"), Cause::NONE).await.unwrap();
            let large = "x".repeat(900_000);
            for _ in 0..60 {
                let to = envelope(&["ana@ucatolica.example"]);
                queue.accept(to, message(&large), Cause::NONE).await.unwrap();
                world.sender.sleep(Duration::from_secs(1)).await;
            }
            let journal = world.root().join("queue/journal");
            let kept = || std::fs::read_dir(&journal).unwrap().count();
            assert!(kept() <= 2, "{} segments of four", kept());
            assert!(!journal.join(format!("{:016x}", 1)).exists());
            queue.stop().await;
            let queue = world.queue().await;
            let mut receiver = Receiver::start(&there);
            let taken = receiver.taken.recv().await.unwrap();
            assert!(taken.message.ends_with(b"waits for hours\r\n"));
            world.sender.sleep(MINUTE).await;
            assert_eq!(queue.table().await.unwrap().messages, 0);
            queue.stop().await;
        })
        .unwrap();
}

#[test]
fn hold_release_flush_and_delete_do_what_they_say() {
    let world = World::new();
    let there = host(&world.net, "mail.urosario.example", UROSARIO);
    host(&world.net, "backup.urosario.example", BACKUP);
    world
        .net
        .run(async {
            let queue = world.queue().await;
            let to = ["carlos@urosario.example", "x@circle2.example"];
            let one = queue.accept(envelope(&to[..1]), message("one"), Cause::NONE).await.unwrap();
            let two = queue.accept(envelope(&to[..1]), message("two"), Cause::NONE).await.unwrap();
            world.sender.sleep(MINUTE).await;
            let entries = queue.list(Selection::All, 0, 10).await.unwrap();
            assert_eq!(entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), [one, two]);
            assert!(entries.iter().all(|entry| entry.state == EntryState::Deferred));
            assert_eq!((entries[0].attempts, entries[0].next_s), (1, Some(240)));
            assert!(entries[0].reason.as_ref().unwrap().contains("4.4.1"));
            assert_eq!(queue.hold(Selection::Message(one)).await.unwrap(), 1);
            let destination = Selection::Destination("Urosario.example".to_owned());
            let mut receiver = Receiver::start(&there);
            // Only what is not held goes, and at once.
            assert_eq!(queue.flush(destination.clone()).await.unwrap(), 1);
            let taken = receiver.taken.recv().await.unwrap();
            assert!(taken.message.ends_with(b"two\r\n"));
            world.sender.sleep(HOUR).await;
            let held = queue.list(Selection::Message(one), 0, 10).await.unwrap();
            assert_eq!(held[0].state, EntryState::Held);
            assert_eq!(queue.table().await.unwrap().held, 1);
            assert_eq!(queue.release(destination).await.unwrap(), 1);
            let taken = receiver.taken.recv().await.unwrap();
            assert!(taken.message.ends_with(b"one\r\n"));
            receiver.stop().await;
            world.sender.sleep(MINUTE).await;
            let three = queue.accept(envelope(&to[..1]), message("x"), Cause::NONE).await.unwrap();
            world.sender.sleep(MINUTE).await;
            assert_eq!(queue.delete(Selection::Message(three)).await.unwrap(), 1);
            assert_eq!(queue.table().await.unwrap().messages, 0);
            world.sender.sleep(DAY).await;
            queue.stop().await;
        })
        .unwrap();
    assert!(world.inbox("andrea@ucatolica.example").is_empty(), "a deletion tells nobody");
}

#[test]
fn the_table_counts_by_age_and_destination_also_without_the_server() {
    let world = World::new();
    world
        .net
        .run(async {
            let queue = world.queue().await;
            let to = ["a@down.example", "b@down.example"];
            // No such domain would bounce: the names do not answer at all.
            world.net.network().faults().add_message(MessageRule {
                text: "names are silent".to_owned(),
                matcher: Matcher { port: Some(53), ..Matcher::default() },
                action: MessageAction::Drop,
            });
            queue.accept(envelope(&to), message("old"), Cause::NONE).await.unwrap();
            world.sender.sleep(HOUR).await;
            queue.accept(envelope(&to[..1]), message("new"), Cause::NONE).await.unwrap();
            world.sender.sleep(MINUTE).await;
            let table = queue.table().await.unwrap();
            assert_eq!((table.messages, table.recipients, table.held), (2, 3, 0));
            assert_eq!(table.rows[0].destination, "down.example");
            assert_eq!(table.rows[0].counts, [1, 0, 2, 0, 0, 0]);
            let root = world.root().join("queue");
            queue.stop().await;
            let files = QueueFiles::open(&root).unwrap();
            let offline = files.table(&world.sender).unwrap();
            assert_eq!(offline.rows[0].total, 3);
            assert_eq!(files.list(&world.sender, &Selection::All, 1, 1).unwrap().len(), 1);
        })
        .unwrap();
}

// RFC 5321 §6.3: at least 100 servers, then it goes in circles.
#[test]
fn a_message_that_passed_a_hundred_servers_is_refused() {
    let world = World::new();
    world
        .net
        .run(async {
            let queue = world.queue().await;
            let text = "Received: from a by b; Mon, 1 Feb 2027 00:00:00 +0000\r\n".repeat(101);
            let message = SpooledMessage::from_bytes(Bytes::from(format!("{text}\r\nhi\r\n")));
            let error =
                queue.accept(envelope(&["ana@ucatolica.example"]), message, Cause::NONE).await;
            assert!(matches!(error, Err(AcceptError::Loop(101))));
            queue.stop().await;
        })
        .unwrap();
}

// RFC 3461 §4.1, §5.2: success is told when wanted; never when NEVER.
#[test]
fn notifications_follow_the_senders_wishes() {
    let world = World::new();
    world
        .net
        .run(async {
            let queue = world.queue().await;
            let mut wants = envelope(&["ana@ucatolica.example"]);
            let success = Notify { success: true, failure: false, delay: false };
            wants.recipients[0].notify = Some(success);
            queue.accept(wants, message("hola"), Cause::NONE).await.unwrap();
            let mut never = envelope(&["x@silent.example"]);
            never.recipients[0].notify = Some(Notify::default());
            queue.accept(never, message("hola"), Cause::NONE).await.unwrap();
            world.sender.sleep(MINUTE).await;
            queue.stop().await;
        })
        .unwrap();
    let reports = world.inbox("andrea@ucatolica.example");
    assert_eq!(reports.len(), 1);
    assert!(reports[0].contains("Action: delivered\r\nStatus: 2.0.0\r\n"));
}

#[test]
fn a_failed_notification_is_dropped_and_noted() {
    let world = World::new();
    world
        .net
        .run(async {
            let queue = world.queue().await;
            let mut from_nobody = envelope(&["x@silent.example"]);
            from_nobody.from.0 = None;
            queue.accept(from_nobody, message("hola"), Cause::NONE).await.unwrap();
            world.sender.sleep(MINUTE).await;
            assert_eq!(queue.table().await.unwrap().messages, 0);
            queue.stop().await;
        })
        .unwrap();
    let notes = world.notes("bounced");
    assert!(notes[0].1.reason.contains("nobody is told"), "{}", notes[0].1.reason);
}
