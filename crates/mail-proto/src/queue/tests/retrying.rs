//! When it is tried again, told, given up.

use std::time::Duration;

use super::{Server, World, later, never};
use crate::envelope::Notify;
use crate::queue::{Change, Input, NoticeKind, Row, Untold};
use crate::smtp::client::{Outcome, Reason};

const DAY: Duration = Duration::from_secs(86_400);

/// The moments of attempts in minutes: 0, 5, 15, 35, 75, 155, then every 4 hours.
fn planned() -> Vec<u64> {
    let mut minutes = vec![0, 5, 15, 35, 75, 155];
    minutes.extend((1..=30).map(|count| count * 240));
    minutes
}

// RFC 5321 §4.5.4.1: retries for 4 to 5 days, the first ones closer together.
#[test]
fn five_days_of_retries_keep_the_exact_schedule() {
    let mut world = World::new();
    world.domain("urosario.edu.co", 1, Server::Down);
    world.add(World::row(1, 0), "urosario.edu.co");
    world.run(6 * DAY);
    assert_eq!(world.said("dial"), planned());
    assert_eq!(world.said("notice Delayed"), [240], "told once after 4 hours");
    assert_eq!(world.said("notice Failed"), [7_200], "given up after 5 days");
    assert_eq!(world.said("bounced"), [7_200]);
    assert_eq!(world.left(), 0);
    let Some((_, Change::Bounced { reason, .. })) = world.settled.last().unwrap().changes.first()
    else {
        panic!("the last change is no bounce");
    };
    let reply = reason.reply();
    assert_eq!(reply.enhanced.unwrap().to_string(), "5.4.7");
    assert!(reply.text().contains("connection refused"), "{reply}");
}

// RFC 3464 §2.3.6: whoever wrote it is told what the other server said last.
#[test]
fn a_server_that_says_later_for_five_days_is_quoted() {
    let mut world = World::new();
    let said = later((7, 1), "come back later");
    world.domain("grey.example", 1, Server::Says(said.clone()));
    let Outcome::Deferred(Reason::Said(said)) = said else { panic!("{said:?}") };
    world.add(World::row(1, 0), "grey.example");
    world.run(6 * DAY);
    let Some((_, Change::Bounced { reason, .. })) = world.settled.last().unwrap().changes.first()
    else {
        panic!("the last change is no bounce");
    };
    let Reason::GivenUp(reply, last) = reason else { panic!("{reason:?}") };
    assert_eq!((reply.enhanced.unwrap().to_string().as_str(), last), ("5.4.7", &said));
}

#[test]
fn a_message_that_was_late_arrives_when_the_server_comes_back() {
    let mut world = World::new();
    world.domain("urosario.edu.co", 1, Server::Down);
    world.add(World::row(1, 0), "urosario.edu.co");
    world.run(Duration::from_secs(5 * 3_600));
    world.host("mx.urosario.edu.co", 1, Server::Takes);
    world.run(DAY);
    assert_eq!(world.said("done"), [480]);
    assert_eq!(world.said("notice"), [240]);
}

// A greylisting server (RFC 6647 §2) says 450 first and takes the second try.
#[test]
fn a_greylisted_message_is_taken_five_minutes_later() {
    let mut world = World::new();
    world.domain("grey.example", 1, Server::Says(later((7, 1), "come back later")));
    world.add(World::row(1, 0), "grey.example");
    world.run(Duration::from_secs(60));
    world.host("mx.grey.example", 1, Server::Takes);
    world.run(DAY);
    assert_eq!((world.said("dial"), world.said("done")), (vec![0, 5], vec![5]));
}

/// What is told of a row that is deferred for days, then bounced.
fn told(row: Row) -> (Vec<u64>, Vec<u64>, Option<Untold>) {
    let mut world = World::new();
    world.domain("down.example", 1, Server::Down);
    world.add(row, "down.example");
    world.run(6 * DAY);
    let Some((_, Change::Bounced { untold, .. })) = world.settled.last().unwrap().changes.first()
    else {
        panic!("the last change is no bounce");
    };
    (world.said("notice Delayed"), world.said("notice Failed"), *untold)
}

// RFC 3461 §4.1 and RFC 5321 §4.5.5.
#[test]
fn who_is_told_follows_notify_and_the_null_sender() {
    let row = || World::row(1, 0);
    let wish = |failure, delay| Some(Notify { success: false, failure, delay });
    let never = Row { notify: wish(false, false), ..row() };
    assert_eq!(told(never), (vec![], vec![], Some(Untold::Unwanted)));
    let failure = Row { notify: wish(true, false), ..row() };
    assert_eq!(told(failure), (vec![], vec![7_200], None));
    let delay = Row { notify: wish(false, true), ..row() };
    assert_eq!(told(delay), (vec![240], vec![], Some(Untold::Unwanted)));
    let nobody = Row { from_nobody: true, notify: wish(true, true), ..row() };
    assert_eq!(told(nobody), (vec![], vec![], Some(Untold::NobodySent)));
}

// RFC 3461 §5.2.1: success is told by the last server that knows of the wish.
#[test]
fn success_is_told_when_wanted_and_nobody_else_tells() {
    let success = Some(Notify { success: true, failure: false, delay: false });
    let row = Row { notify: success, ..World::row(1, 0) };
    let schedule = crate::queue::Schedule::default();
    let judge = |row: &Row, success| {
        let planned = (row, super::BEGIN);
        crate::queue::verdict::judge(&schedule, planned, super::taken(), success, super::BEGIN).1
    };
    use crate::queue::Success::{InMailbox, PassedOn, Relayed};
    assert_eq!(judge(&row, PassedOn), None);
    assert_eq!(judge(&row, Relayed), Some(NoticeKind::Relayed));
    assert_eq!(judge(&row, InMailbox), Some(NoticeKind::Delivered));
    assert_eq!(judge(&World::row(1, 0), InMailbox), None);
}

#[test]
fn a_permanent_answer_bounces_at_once_and_is_never_tried_again() {
    let mut world = World::new();
    world.domain("urosario.edu.co", 1, Server::Says(never((1, 1), "nobody here")));
    world.add(World::row(1, 0), "urosario.edu.co");
    world.run(6 * DAY);
    assert_eq!((world.said("dial"), world.said("notice Failed")), (vec![0], vec![0]));
}

#[test]
fn a_flush_tries_at_once_even_what_was_not_reached_a_moment_ago() {
    let mut world = World::new();
    world.domain("urosario.edu.co", 1, Server::Down);
    world.add(World::row(1, 0), "urosario.edu.co");
    world.settle_down();
    world.host("mx.urosario.edu.co", 1, Server::Takes);
    for kept in &mut world.rows {
        kept.next = world.now;
    }
    world.dispatcher.handle(world.now, Input::Changed);
    world.settle_down();
    assert_eq!(world.said("done"), [0]);
}
