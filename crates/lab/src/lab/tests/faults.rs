//! Faults in the words of scenarios, in virtual time.

use super::{Cause, Lab, Outcome, VirtualNetwork, internet, network_config};
use crate::scenario::{Action, Fault};
use crate::story::{EventView, tell_all};

#[derive(serde::Deserialize)]
struct Broken {
    fault: Vec<Fault>,
    act: Vec<Action>,
}

/// What the actions of a TOML text came to while its faults were in force.
pub(super) fn outcomes(text: &str) -> (Vec<Outcome>, Vec<EventView>) {
    let broken: Broken = toml::from_str(text).unwrap();
    let world = internet();
    let network = VirtualNetwork::new(network_config(&world, 1, 64 << 20));
    let done = network.run(async {
        let lab = Lab::start(network.network(), &world).await.unwrap();
        for fault in &broken.fault {
            lab.break_with(fault).unwrap();
        }
        let mut outcomes = Vec::new();
        for action in &broken.act {
            outcomes.push(lab.act(action).await.unwrap().outcome);
        }
        outcomes
    });
    let events = tell_all(&network.network().capture().since(Cause::NONE, 10_000));
    network.shutdown();
    (done.unwrap(), events)
}

/// Only connections that pass the filter as they are asked for.
#[test]
fn a_connection_is_refused_only_where_the_filter_says_so() {
    let (outcomes, _) = outcomes(
        r#"
        fault = [{ refuse = { of = "connection && from:diego && port:25" } }]
        act = [
            { type = { from = "diego", to = "mail.umass.edu", lines = ["QUIT"] } },
            { type = { from = "diego", to = "mail.umass.edu", port = 587, lines = ["QUIT"] } },
            { type = { from = "emilia", to = "mail.umass.edu", lines = ["QUIT"] } },
        ]"#,
    );
    assert!(matches!(outcomes[0], Outcome::Failed { .. }), "{outcomes:?}");
    assert!(outcomes[1..].iter().all(|one| matches!(one, Outcome::Lines { .. })), "{outcomes:?}");
}

/// A field of a stream changes where it stands; what has no such field passes
/// and is not said to have been changed.
#[test]
fn a_rewritten_field_of_a_stream_arrives_changed_and_other_pieces_are_not_noted() {
    let (outcomes, events) = outcomes(
        r#"
        fault = [{ rewrite = { of = "from:mail.umass.edu && port:25", field = "code",
            set = "353531", skip = 1, count = 1 } },
            { rewrite = { of = "from:mail.umass.edu && port:25", field = "qname", set = "00" } }]
        act = [{ type = { from = "diego", to = "mail.umass.edu",
            lines = ["HELO diego.andina.net.co", "QUIT"] } }]"#,
    );
    let Outcome::Lines { lines } = &outcomes[0] else { panic!("{outcomes:?}") };
    let codes: Vec<&str> = lines.iter().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["220", "551", "221"]);
    let faults = events.iter().filter(|event| event.kind.as_deref() == Some("fault"));
    assert_eq!(faults.count(), 1);
}
