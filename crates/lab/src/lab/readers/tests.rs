use std::time::Duration;

use capa7_net::VirtualNetwork;

use super::*;
use crate::lab::network_config;
use crate::scenario::Action;
use crate::world::World;

/// Does actions one after the other on the default world, each given a minute;
/// what came of them, then the folders of Carlos that are named.
fn outcomes(actions: &str, folders: &[&str]) -> (Vec<Outcome>, Vec<String>) {
    #[derive(serde::Deserialize)]
    struct Actions {
        act: Vec<Action>,
    }
    let actions: Actions = toml::from_str(actions).unwrap();
    let world = World::carried("internet").unwrap_or_else(|error| panic!("{error}"));
    let network = VirtualNetwork::new(network_config(&world, 1, 64 << 20));
    let lab = network.run(Lab::start(network.network(), &world)).unwrap().unwrap();
    let done = network.run(async {
        let host = lab.network().host("carlos.urosario.edu.co").unwrap();
        let mut outcomes = Vec::new();
        for action in &actions.act {
            outcomes.push(lab.act(action).await.unwrap().outcome);
            host.sleep(Duration::from_secs(60)).await;
        }
        let mut shown = Vec::new();
        for folder in folders {
            for message in lab.mailbox("carlos", folder).await {
                let flags = message.flags.join(" ");
                shown.push(format!("{folder}: {} {flags}", message.subject).trim_end().to_owned());
            }
        }
        (outcomes, shown)
    });
    network.shutdown();
    done.unwrap()
}

fn lines(outcome: &Outcome) -> &[String] {
    match outcome {
        Outcome::Lines { lines } => lines,
        other => panic!("{other:?}"),
    }
}

const WRITTEN: &str = r#"
    { write = { from = "andrea", to = ["carlos"], subject = "¿Café?", text = "Hoy." } },
    { write = { from = "andrea", to = ["carlos"], subject = "The minutes", text = "Read." } },"#;

#[test]
fn what_is_read_over_imap_stays_is_flagged_sorted_and_deleted() {
    // course M10.2
    let read = r#"
        { read = { by = "carlos" } },
        { read = { by = "carlos", subject = "café", then = { flag = '\Flagged' } } },
        { read = { by = "carlos", subject = "minutes", then = { to = "Work" } } },
        { read = { by = "carlos", folder = "Work" } },
        { read = { by = "carlos", folder = "Nowhere" } },"#;
    let (done, shown) = outcomes(&format!("act = [{WRITTEN}{read}]"), &["INBOX", "Work"]);
    assert_eq!(lines(&done[2]), ["¿Café?", "The minutes"]);
    assert_eq!(lines(&done[3]), ["¿Café?"]);
    assert_eq!(lines(&done[4]), ["The minutes"]);
    assert_eq!(lines(&done[5]), ["The minutes"]);
    assert!(matches!(&done[6], Outcome::Failed { reason } if reason.contains("NO")), "{done:?}");
    assert_eq!(shown, ["INBOX: ¿Café? \\Flagged \\Seen", "Work: The minutes \\Seen"]);
    let delete = r#"{ read = { by = "carlos", subject = "minutes", then = { delete = true } } },"#;
    let (done, shown) = outcomes(&format!("act = [{WRITTEN}{delete}]"), &["INBOX"]);
    assert_eq!(lines(&done[2]), ["The minutes"]);
    assert_eq!(shown, ["INBOX: ¿Café?"]);
}

#[test]
fn what_is_taken_by_pop3_stays_until_it_is_deleted() {
    // course M10.3: there is no flag that would tell that it was read.
    let read = r#"
        { read = { by = "carlos", over = "pop3" } },
        { read = { by = "carlos", over = "pop3", subject = "MINUTES", then = { delete = true } } },
        { read = { by = "carlos", over = "pop3", subject = "none" } },
        { kill = "mail.urosario.edu.co" },
        { read = { by = "carlos", over = "pop3" } },"#;
    let (done, shown) = outcomes(&format!("act = [{WRITTEN}{read}]"), &["INBOX"]);
    assert_eq!(lines(&done[2]), ["¿Café?", "The minutes"]);
    assert_eq!(lines(&done[3]), ["The minutes"]);
    assert!(lines(&done[4]).is_empty());
    assert!(matches!(&done[6], Outcome::Failed { .. }), "{done:?}");
    assert_eq!(shown, ["INBOX: ¿Café?"]);
}

#[test]
fn who_waits_reads_a_message_when_it_comes_and_nobody_waits_for_ever() {
    // RFC 9051 §6.3.13
    let world = World::carried("internet").unwrap_or_else(|error| panic!("{error}"));
    let network = VirtualNetwork::new(network_config(&world, 1, 64 << 20));
    let lab = network.run(Lab::start(network.network(), &world)).unwrap().unwrap();
    let action = |text: &str| toml::from_str::<Action>(text).unwrap();
    let wait = action(r#"read = { by = "carlos", wait = "10m" }"#);
    let write = action(r#"write = { from = "andrea", to = ["carlos"], subject = "Late" }"#);
    let (first, second) = network
        .run(async {
            let host = lab.network().host("carlos.urosario.edu.co").unwrap();
            let writing = async {
                host.sleep(Duration::from_secs(300)).await;
                lab.act(&write).await.unwrap()
            };
            let (read, _) = tokio::join!(lab.act(&wait), writing);
            let empty = action(r#"read = { by = "carlos", subject = "no", wait = "10m" }"#);
            (read.unwrap(), lab.act(&empty).await.unwrap())
        })
        .unwrap();
    network.shutdown();
    assert_eq!(lines(&first.outcome), ["Late"]);
    assert!((300..330).contains(&first.took().as_secs()), "{:?}", first.took());
    assert!(lines(&second.outcome).is_empty());
    assert!((600..610).contains(&second.took().as_secs()), "{:?}", second.took());
}
