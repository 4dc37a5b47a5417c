//! Mail between people of the default world, in virtual time.

use super::{Cause, Lab, VirtualNetwork, internet, network_config};
use crate::filter::Filter;
use crate::scenario::Action;
use crate::story::EventType::Fate;
use crate::story::{EventView, tell_all};

/// What happened while people did these things, all at once.
fn events(actions: &[&str]) -> (Lab, Vec<EventView>) {
    let world = internet();
    let network = VirtualNetwork::new(network_config(&world, 1, 64 << 20));
    let actions: Vec<Action> = actions.iter().map(|text| toml::from_str(text).unwrap()).collect();
    let lab = network.run(Lab::start(network.network(), &world)).unwrap().unwrap();
    let done = network.run(async {
        let all = actions.iter().map(|action| lab.act(action));
        futures_util::future::join_all(all).await
    });
    for result in done.unwrap() {
        let outcome = result.unwrap().outcome;
        assert!(matches!(outcome, super::Outcome::Lines { .. }), "{outcome:?}");
    }
    let events = tell_all(&network.network().capture().since(Cause::NONE, 10_000));
    network.shutdown();
    (lab, events)
}

/// Whether an event passes, and those that caused it pass one after the other,
/// from the last filter to the first.
fn is_chain(lab: &Lab, events: &[EventView], filters: &[&str]) -> bool {
    let mut filters = filters.iter().rev().map(|text| Filter::parse(text).unwrap());
    let Some(last) = filters.next() else { return false };
    let filters: Vec<Filter> = filters.collect();
    let ends = events.iter().filter(|event| last.matches(event, lab.hosts()));
    ends.into_iter().any(|end| {
        let causes = std::iter::successors(Some(end), |event| {
            events.iter().find(|other| other.id == event.cause)
        });
        let mut wanted = filters.iter().peekable();
        for event in causes.skip(1) {
            if wanted.peek().is_some_and(|filter| filter.matches(event, lab.hosts())) {
                wanted.next();
            }
        }
        wanted.peek().is_none()
    })
}

/// Course M6: from the writer's deed to the reader's FETCH each event has the
/// one before it as its cause, also where the reader was told by IDLE
/// (RFC 9051 §6.3.13).
#[test]
fn a_letter_and_its_reading_in_idle_are_one_tree() {
    let (lab, events) = events(&[
        r#"read = { by = "carlos", wait = "1m" }"#,
        r#"write = { from = "andrea", to = ["carlos"], subject = "Ketchup" }"#,
    ]);
    assert!(is_chain(
        &lab,
        &events,
        &[
            "kind:action && from:andrea",
            "message && from:andrea && to:mail.umass.edu && header.name==Subject",
            "kind:accepted && from:mail.umass.edu",
            "kind:delivering && from:mail.umass.edu",
            "message && from:mail.umass.edu && to:mail.urosario.edu.co && header.name==Subject",
            "kind:stored && from:mail.urosario.edu.co",
            "message && from:mail.urosario.edu.co && to:carlos && response==EXISTS",
            "message && from:carlos && command==FETCH",
            "message && to:carlos && response==FETCH",
        ],
    ));
    // What nobody did is no root: also a greeting belongs to its connection.
    let roots = events.iter().filter(|event| event.cause == 0 && event.event_type != Fate);
    let others: Vec<&str> = roots
        .filter(|event| event.kind.as_deref() != Some("action"))
        .map(|event| event.summary.as_str())
        .collect();
    assert_eq!(others, Vec::<&str>::new());
}

/// RFC 9051 §6.4.8: a moved message keeps its flags, and its note says so.
#[test]
fn a_message_that_was_read_and_moved_is_not_told_as_new() {
    let (_, events) = events(&[
        r#"read = { by = "carlos", wait = "1m", then = { to = "Kitchen" } }"#,
        r#"write = { from = "andrea", to = ["carlos"], subject = "Ketchup" }"#,
    ]);
    let in_kitchen: Vec<_> = events
        .iter()
        .filter(|event| event.kind.as_deref() == Some("stored"))
        .filter(|event| event.data.get("mailbox").is_some_and(|name| name == "Kitchen"))
        .map(|event| event.data.get("flags").cloned())
        .collect();
    assert_eq!(in_kitchen, [Some(serde_json::json!(["\\Seen"]))]);
}
