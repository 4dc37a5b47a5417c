//! Sessions and batches: how many, of what, shared by whom.

use std::time::Duration;

use super::{Server, World};
use crate::queue::{DispatcherConfig, Input, Output};

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

#[test]
fn what_a_broken_session_left_goes_to_the_next_server_and_nothing_twice() {
    let mut world = full(10);
    world.servers.insert([192, 0, 2, 1].into(), Server::BreaksAfter(4));
    world.run(Duration::from_secs(1));
    let done = world.said("done").len();
    assert!(done >= 4, "{done}");
    world.run(Duration::from_secs(3_600));
    assert_eq!((world.said("done").len(), world.left()), (10, 0));
    let mut given: Vec<_> = world.log.iter().filter(|(_, what)| what.starts_with("done")).collect();
    given.sort();
    given.dedup_by_key(|(_, what)| what.clone());
    assert_eq!(given.len(), 10, "each exactly once");
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
