//! Sessions and batches: how many, of what, shared by whom.

use std::time::Duration;

use super::{Server, World};
use crate::queue::{DispatcherConfig, Exchange, ExchangeAnswer, Input, Output};

fn full(messages: u64) -> World {
    let mut world = World::new();
    world.domain("d.example", 1, Server::Takes);
    for message in 1..=messages {
        world.add(World::row(message, 0), "d.example");
    }
    world
}

#[test]
fn recipients_of_one_message_go_in_one_transaction_up_to_a_hundred() {
    // RFC 5321 §4.5.3.1.8: servers take at least 100.
    let mut config = DispatcherConfig::new("mail.umass.edu", 1);
    config.rows_per_load = 250;
    let mut world = World::with(config);
    world.domain("d.example", 1, Server::Takes);
    for index in 0..120 {
        world.rows.push(super::Kept {
            row: World::row(1, index),
            destination: "d.example".parse().unwrap(),
            next: world.now,
        });
    }
    world.dispatcher.handle(world.now, Input::Changed);
    world.settle_down();
    assert_eq!(world.hosts_tried().len(), 1, "one session");
    assert_eq!(world.said("give").len(), 2, "two transactions");
    assert_eq!(world.left(), 0);
}

#[test]
fn one_session_takes_what_became_due_meanwhile() {
    let mut world = full(1);
    world.is_slow = true;
    world.settle_down();
    for message in 2..=30 {
        world.add(World::row(message, 0), "d.example");
    }
    world.is_slow = false;
    let (batch, way, work) = world.waiting.pop_front().unwrap();
    world.deliver(batch, &way, work);
    world.settle_down();
    assert_eq!(world.left(), 0);
}

#[test]
fn a_destination_has_few_sessions_and_the_others_still_get_theirs() {
    let mut world = full(1_000);
    world.domain("other.example", 2, Server::Takes);
    world.is_slow = true;
    world.add(World::row(5_000, 0), "other.example");
    world.settle_down();
    let dials = |world: &World, host: &str| {
        world.hosts_tried().into_iter().filter(|tried| *tried == host).count()
    };
    assert_eq!((dials(&world, "mx.d.example"), dials(&world, "mx.other.example")), (4, 1));
    // What is held in memory is bounded, however many wait.
    assert!(world.dispatcher.taken.len() <= 4 * 50 + 1);
    world.is_slow = false;
    while let Some((batch, way, work)) = world.waiting.pop_front() {
        world.deliver(batch, &way, work);
        world.settle_down();
    }
    assert_eq!(world.left(), 0);
    let sessions = world.said("close").len();
    assert!(sessions <= 20, "{sessions} sessions for a thousand messages");
}

/// Each message is done once.
fn assert_once(world: &World, messages: usize) {
    let mut done: Vec<_> =
        world.log.iter().filter_map(|(_, what)| what.strip_prefix("done ")).collect();
    done.sort_unstable();
    done.dedup();
    assert_eq!((world.said("done").len(), done.len(), world.left()), (messages, messages, 0));
}

// A server that takes four messages in each session gets another one at once, and
// however many: no message waits five minutes for that.
#[test]
fn what_a_broken_session_left_goes_over_the_next_one_and_nothing_twice() {
    let mut world = full(100);
    world.servers.insert([192, 0, 2, 1].into(), Server::BreaksAfter(4));
    world.run(Duration::from_secs(1));
    assert_once(&world, 100);
    assert!(world.said("deferred").is_empty());
}

// A session that breaks before it settled anything has no second one for its sake
// alone: RFC 5321 §5.1, the next server is tried, and when there is none it waits.
#[test]
fn a_server_that_only_breaks_is_left_for_the_next_one() {
    let mut world = full(10);
    world.servers.insert([192, 0, 2, 1].into(), Server::BreaksAfter(0));
    world.run(Duration::from_secs(1));
    let dials = world.said("dial").len();
    assert!(world.left() == 10 && dials <= 8, "{dials} dials of four sessions");
    let mut world = full(10);
    world.servers.insert([192, 0, 2, 1].into(), Server::BreaksAfter(0));
    let records = ["mx.d.example", "backup.d.example"];
    let records =
        (1..).zip(records).map(|(preference, host)| Exchange { preference, host: host.to_owned() });
    let answer = ExchangeAnswer::Records(records.collect());
    world.exchanges.insert("d.example".to_owned(), answer);
    world.host("backup.d.example", 2, Server::Takes);
    world.run(Duration::from_secs(1));
    assert_once(&world, 10);
}

// Goal: one message at which a server always breaks keeps nobody else back.
#[test]
fn a_message_that_breaks_every_session_waits_alone() {
    for poison in [1, 5, 10] {
        let mut world = full(10);
        world.servers.insert([192, 0, 2, 1].into(), Server::BreaksAt(poison));
        world.run(Duration::from_secs(1));
        assert_eq!((world.said("done").len(), world.left()), (9, 1), "{poison}");
        assert!(world.said("dial").len() <= 12, "{}", world.said("dial").len());
    }
}

#[test]
fn a_row_made_due_while_under_way_is_not_given_twice() {
    let mut world = full(1);
    world.is_slow = true;
    world.settle_down();
    world.rows[0].next = world.now;
    world.dispatcher.handle(world.now, Input::Changed);
    world.settle_down();
    assert_eq!(world.said("give").len(), 1);
    assert!(world.rows[0].next > world.now, "moved out of the way");
}

#[test]
fn after_stop_nothing_new_begins() {
    let mut world = full(1);
    world.is_slow = true;
    world.settle_down();
    world.dispatcher.handle(world.now, Input::Stop);
    world.add(World::row(2, 0), "d.example");
    world.settle_down();
    assert_eq!(world.dispatcher.batches_open(), 1);
    let (batch, way, work) = world.waiting.pop_front().unwrap();
    world.deliver(batch, &way, work);
    world.settle_down();
    assert_eq!((world.dispatcher.batches_open(), world.left()), (0, 1));
}

#[test]
fn own_mailboxes_need_neither_dns_nor_sessions() {
    let mut world = World::new();
    world.add(World::row(1, 0), "local");
    world.settle_down();
    assert_eq!((world.hosts_tried(), world.left()), (vec!["local"], 0));
}

#[test]
fn nothing_is_asked_again_while_nothing_happens() {
    let mut world = full(1);
    world.dispatcher.handle(world.now, Input::Changed);
    world.settle_down();
    assert!(!matches!(world.dispatcher.poll(), Some(Output::FindDue { .. })));
}
