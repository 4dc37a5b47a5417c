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

/// RFC 5321 §4.2.1: a server that was told what to say says it in its own
/// session, so often and to that command only, and goes on.
#[test]
fn a_mail_server_gives_the_reply_of_a_fault() {
    let dialogue = |fault: &str| {
        let (outcomes, events) = outcomes(&format!(
            r#"
            fault = [{fault}]
            act = [{{ type = {{ from = "diego", to = "mail.umass.edu", lines = [
                "HELO diego.andina.net.co", "MAIL FROM:<diego@correo.com.co>",
                "RCPT TO:<andrea@umass.edu>", "RCPT TO:<andrea@umass.edu>", "DATA",
                "Subject: x", "", "x", ".", "QUIT"] }} }}]"#
        ));
        let Outcome::Lines { lines } = &outcomes[0] else { panic!("{outcomes:?}") };
        let codes: Vec<String> = lines.iter().map(|line| line[..3].to_owned()).collect();
        let noted = events.iter().filter(|event| event.kind.as_deref() == Some("fault")).count();
        (codes.join(" "), noted)
    };
    let reply =
        |rest: &str| dialogue(&format!("{{ reply = {{ host = \"mail.umass.edu\", {rest} }} }}"));
    let once = reply(r#"to = "RCPT", code = 451, count = 1"#);
    assert_eq!(once, ("220 250 250 451 250 354 250 221".to_owned(), 1));
    let second = reply(r#"to = "RCPT", code = 550, skip = 1"#);
    assert_eq!(second, ("220 250 250 250 550 354 250 221".to_owned(), 1));
    let end = reply(r#"to = ".", code = 452"#);
    assert_eq!(end, ("220 250 250 250 250 354 452 221".to_owned(), 1));
    let other_port = reply(r#"to = "MAIL", code = 451, port = 587"#);
    assert_eq!(other_port, ("220 250 250 250 250 354 250 221".to_owned(), 0));
    // RFC 5321 §3.1, §3.8: at the greeting and at EHLO, whatever comes then.
    let turned_away = reply(r#"to = "greeting", code = 554"#);
    assert_eq!(turned_away, ("554 503 503 503 503 503 500 500 500 500 221".to_owned(), 1));
    let hello = reply(r#"to = "EHLO", code = 550"#);
    assert_eq!(hello, ("220 550 503 503 503 503 500 500 500 500 221".to_owned(), 1));
    let other = reply(r#"to = "RCPT", recipient = "george", code = 550"#);
    assert_eq!(other, ("220 250 250 250 250 354 250 221".to_owned(), 0));
    let named = reply(r#"to = "RCPT", recipient = "andrea", code = 550, skip = 1"#);
    assert_eq!(named, ("220 250 250 250 550 354 250 221".to_owned(), 1));
    let over = dialogue(
        r#"{ reply = { host = "mail.umass.edu", to = "MAIL", code = 451, lasting = "1ms" } },
            { reply = { host = "mail.umass.edu", to = "RCPT", code = 451 } }, { clear = true }"#,
    );
    assert_eq!(over, ("220 250 250 250 250 354 250 221".to_owned(), 0));
}
