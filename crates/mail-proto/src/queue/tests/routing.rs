//! Which servers are tried, in which order (RFC 5321 §5.1).

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Server, World, later, never};
use crate::queue::{AddressAnswer, Change, DispatcherConfig, Exchange, ExchangeAnswer, Schedule};

fn records(of: &[(u16, &str)]) -> ExchangeAnswer {
    let record = |(preference, host): &(u16, &str)| Exchange {
        preference: *preference,
        host: (*host).to_owned(),
    };
    ExchangeAnswer::Records(of.iter().map(record).collect())
}

/// One message for a domain with this answer; servers of every name but
/// `*.down` take it.
fn send(answer: ExchangeAnswer, seed: u64) -> World {
    let mut world = World::with(DispatcherConfig::new("mail.umass.edu", seed));
    if let ExchangeAnswer::Records(records) = &answer {
        for (last, record) in (1..).zip(records) {
            let is_down = record.host.ends_with(".down");
            let server = if is_down { Server::Down } else { Server::Takes };
            world.host(&record.host, last, server);
        }
    }
    world.exchanges.insert("d.example".to_owned(), answer);
    world.add(World::row(1, 0), "d.example");
    world.settle_down();
    world
}

/// The enhanced code of the only change, and whether it is for ever.
fn verdict(world: &World) -> (String, bool) {
    let (_, change) = world.settled.first().unwrap().changes.first().unwrap();
    let (reason, is_final) = match change {
        Change::Bounced { reason, .. } => (reason, true),
        Change::Deferred { reason, .. } => (reason, false),
        Change::Delivered(reply) => return (reply.enhanced.unwrap().to_string(), true),
    };
    (reason.reply().enhanced.unwrap().to_string(), is_final)
}

#[test]
fn servers_are_tried_by_preference_until_one_answers() {
    let world = send(records(&[(30, "c.x"), (10, "a.down"), (20, "b.down")]), 1);
    assert_eq!(world.hosts_tried(), ["a.down", "b.down", "c.x"]);
    assert_eq!(world.left(), 0);
}

#[test]
fn equal_preferences_are_spread_by_the_seed() {
    let answer = records(&[(10, "a.x"), (10, "b.x"), (10, "c.x"), (20, "d.x")]);
    let first = |seed| send(answer.clone(), seed).hosts_tried()[0].to_owned();
    let seen: BTreeSet<String> = (0..50).map(first).collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["a.x", "b.x", "c.x"]);
    assert_eq!(first(3), first(3));
}

#[test]
fn answers_of_dns_become_verdicts() {
    let check = |answer, code: &str, is_final| {
        let world = send(answer, 1);
        assert_eq!(verdict(&world), (code.to_owned(), is_final));
        assert!(world.hosts_tried().is_empty());
    };
    // RFC 7505 §4.2: null MX.
    check(records(&[(0, "")]), "5.1.10", true);
    check(ExchangeAnswer::NoDomain, "5.1.2", true);
    check(ExchangeAnswer::Failed("SERVFAIL".to_owned()), "4.4.3", false);
    // RFC 5321 §5.1: we are the best exchange, and do not keep its mail: a loop.
    check(records(&[(10, "mail.umass.edu"), (20, "b.x")]), "5.4.6", true);
    // No MX, and no address either.
    check(ExchangeAnswer::None, "5.4.4", true);
}

#[test]
fn a_null_mx_beside_others_is_left_out() {
    // RFC 7505 §3: it counts only alone.
    assert_eq!(send(records(&[(0, ""), (10, "a.x")]), 1).hosts_tried(), ["a.x"]);
}

#[test]
fn without_mx_the_domain_itself_is_the_server() {
    let mut world = World::new();
    world.exchanges.insert("d.example".to_owned(), ExchangeAnswer::None);
    world.host("d.example", 1, Server::Takes);
    world.add(World::row(1, 0), "d.example");
    world.settle_down();
    assert_eq!((world.hosts_tried(), world.left()), (vec!["d.example"], 0));
}

#[test]
fn a_backup_exchange_gives_only_to_better_ones() {
    let answer = records(&[(10, "a.down"), (20, "MAIL.umass.edu"), (20, "b.x"), (30, "c.x")]);
    let world = send(answer, 1);
    assert_eq!(world.hosts_tried(), ["a.down"]);
    assert!(!verdict(&world).1, "later");
}

#[test]
fn a_server_at_an_own_address_is_a_loop() {
    let mut config = DispatcherConfig::new("mail.umass.edu", 1);
    config.own_addresses = vec![[192, 0, 2, 1].into()];
    let mut world = World::with(config);
    world.domain("d.example", 1, Server::Takes);
    world.add(World::row(1, 0), "d.example");
    world.settle_down();
    assert_eq!(verdict(&world), ("5.4.6".to_owned(), true));
}

#[test]
fn all_addresses_of_a_server_are_tried_within_the_bound() {
    let mut world = World::new();
    world.exchanges.insert("d.example".to_owned(), records(&[(1, "many.x"), (2, "last.x")]));
    let addresses: Vec<_> = (1..=9).map(|last| [192, 0, 2, last].into()).collect();
    for address in &addresses {
        world.servers.insert(*address, Server::Down);
    }
    world.addresses.insert("many.x".to_owned(), AddressAnswer::Found(addresses));
    world.host("last.x", 10, Server::Takes);
    world.add(World::row(1, 0), "d.example");
    world.settle_down();
    assert_eq!(world.hosts_tried().len(), 10);
    assert_eq!(world.left(), 0);
}

#[test]
fn an_address_literal_is_dialled_without_dns() {
    let mut world = World::new();
    world.servers.insert([192, 0, 2, 77].into(), Server::Takes);
    world.add(World::row(1, 0), "[192.0.2.77]");
    world.settle_down();
    assert_eq!((world.hosts_tried(), world.left()), (vec!["[192.0.2.77]"], 0));
}

#[test]
fn only_when_every_server_says_never_it_is_never() {
    let check = |second: AddressAnswer| {
        let mut world = World::new();
        world.exchanges.insert("d.example".to_owned(), records(&[(1, "a.x"), (2, "b.x")]));
        world.addresses.insert("a.x".to_owned(), AddressAnswer::None);
        world.addresses.insert("b.x".to_owned(), second);
        world.add(World::row(1, 0), "d.example");
        world.settle_down();
        verdict(&world)
    };
    assert_eq!(check(AddressAnswer::None), ("5.4.4".to_owned(), true));
    let unknown = AddressAnswer::Failed("no answer".to_owned());
    assert_eq!(check(unknown), ("4.4.3".to_owned(), false));
}

#[test]
fn a_server_not_reached_a_moment_ago_is_not_dialled_for_the_next_message() {
    let mut world = World::new();
    world.exchanges.insert("d.example".to_owned(), records(&[(1, "a.down"), (2, "b.x")]));
    world.host("a.down", 1, Server::Down);
    world.host("b.x", 2, Server::Takes);
    world.add(World::row(1, 0), "d.example");
    world.settle_down();
    world.add(World::row(2, 0), "d.example");
    world.settle_down();
    assert_eq!(world.hosts_tried(), ["a.down", "b.x", "b.x"]);
    world.run(Duration::from_secs(61));
    world.add(World::row(3, 0), "d.example");
    world.settle_down();
    assert_eq!(world.hosts_tried(), ["a.down", "b.x", "b.x", "a.down", "b.x"]);
}

// RFC 3464 §2.3.5, §2.3.6: the words and the server are of one.
#[test]
fn what_one_server_said_is_not_told_of_another() {
    let mut world = World::new();
    world.exchanges.insert("d.example".to_owned(), records(&[(1, "a.busy"), (2, "b.no")]));
    world.host("a.busy", 1, Server::Greets(later((3, 2), "come back later")));
    world.host("b.no", 2, Server::Greets(never((7, 1), "go away")));
    world.add(World::row(1, 0), "d.example");
    world.settle_down();
    let settled = world.settled.last().unwrap();
    let (_, Change::Deferred { reason, .. }) = &settled.changes[0] else { panic!("{settled:?}") };
    let told = (settled.host.as_deref(), reason.reply().text());
    assert_eq!(told, (Some("a.busy"), "come back later".to_owned()));
}

// Goal: each planned attempt dials, however short the operator's first wait is.
#[test]
fn a_short_schedule_is_not_kept_from_dialling_by_what_it_remembers() {
    let mut config = DispatcherConfig::new("mail.umass.edu", 7);
    let wait = Duration::from_secs(10);
    config.schedule = Schedule { first: wait, longest: wait, ..config.schedule };
    let mut world = World::with(config);
    world.domain("d.example", 1, Server::Down);
    world.add(World::row(1, 0), "d.example");
    world.run(Duration::from_secs(35));
    assert_eq!(world.said("dial").len(), 4);
}
