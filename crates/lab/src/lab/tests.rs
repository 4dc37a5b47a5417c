use capa7_dns::StubClient;
use capa7_dns_proto::Rcode;
use capa7_net::VirtualNetwork;

use super::*;
use crate::scenario::Action;

mod faults;
mod letters;

fn internet() -> World {
    World::carried("internet").unwrap_or_else(|error| panic!("{error}"))
}

/// Does the actions of a TOML list on the default world, one after the other.
fn outcomes(actions: &str) -> Vec<Outcome> {
    #[derive(serde::Deserialize)]
    struct Actions {
        act: Vec<Action>,
    }
    let actions: Actions = toml::from_str(actions).unwrap();
    let world = internet();
    let network = VirtualNetwork::new(network_config(&world, 1, 64 << 20));
    let lab = network.run(Lab::start(network.network(), &world)).unwrap().unwrap();
    let done = network.run(async {
        let mut outcomes = Vec::new();
        for action in &actions.act {
            outcomes.push(lab.act(action).await.unwrap().outcome);
        }
        outcomes
    });
    network.shutdown();
    done.unwrap()
}

fn data(outcome: &Outcome) -> Vec<&str> {
    match outcome {
        Outcome::Reply { answer, .. } => answer.iter().map(|r| r.data.as_str()).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn hosts_are_numbered_in_the_order_of_the_world() {
    let world = internet();
    let network = VirtualNetwork::new(network_config(&world, 1, 1 << 20));
    let lab = network.run(Lab::start(network.network(), &world)).unwrap().unwrap();
    for host in network.network().hosts() {
        assert_eq!(lab.hosts().get(host.id()).unwrap().name, host.name());
    }
    network.shutdown();
}

#[test]
fn a_server_of_the_hierarchy_answers_what_its_zone_says() {
    let outcomes = outcomes(
        r#"act = [
            { query = { from = "carlos",
              name = "gaia.cs.umass.edu", server = "dns.cs.umass.edu" } },
            { query = { from = "carlos", name = "gaia.cs.umass.edu", server = "198.41.0.4" } },
            { query = { from = "carlos",
              name = "nothing.cs.umass.edu", server = "dns.cs.umass.edu" } },
        ]"#,
    );
    assert_eq!(data(&outcomes[0]), ["128.119.245.12"]);
    let Outcome::Reply { authority, flags, .. } = &outcomes[1] else { panic!("{outcomes:?}") };
    assert!(authority.iter().all(|record| record.name == "edu." && record.record_type == "NS"));
    assert!(!authority.is_empty() && !flags.contains(&"aa"));
    assert!(matches!(&outcomes[2], Outcome::Reply { rcode, .. } if rcode == "NXDOMAIN"));
}

#[test]
fn a_changed_record_is_served_at_once_and_a_dead_server_is_silent() {
    let outcomes = outcomes(
        r#"act = [
            { record = { zone = "cs.umass.edu", remove = "gaia A", add = "gaia 60 A 10.9.8.7" } },
            { query = { from = "andrea",
              name = "gaia.cs.umass.edu", server = "dns.cs.umass.edu" } },
            { kill = "dns.cs.umass.edu" },
            { query = { from = "andrea",
              name = "gaia.cs.umass.edu", server = "dns.cs.umass.edu", tries = 1 } },
            { revive = "dns.cs.umass.edu" },
            { query = { from = "andrea",
              name = "gaia.cs.umass.edu", server = "dns.cs.umass.edu" } },
        ]"#,
    );
    assert_eq!(data(&outcomes[1]), ["10.9.8.7"]);
    assert!(matches!(&outcomes[3], Outcome::Failed { .. }), "{:?}", outcomes[3]);
    assert_eq!(data(&outcomes[5]), ["10.9.8.7"]);
}

#[test]
fn a_registered_name_is_delegated() {
    // course D9
    let outcomes = outcomes(
        r#"act = [
            { query = { from = "carlos",
              name = "www.maccshine.com", server = "a.gtld-servers.net" } },
            { register = { domain = "maccshine.com",
              servers = { "dns1.maccshine.com" = "212.212.212.1" } } },
            { query = { from = "carlos",
              name = "www.maccshine.com", server = "a.gtld-servers.net" } },
            { query = { from = "carlos",
              name = "www.maccshine.com", server = "b.gtld-servers.net" } },
        ]"#,
    );
    assert!(matches!(&outcomes[0], Outcome::Reply { rcode, .. } if rcode == "NXDOMAIN"));
    for outcome in &outcomes[2..] {
        let Outcome::Reply { authority, additional, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(authority[0].data, "dns1.maccshine.com.");
        assert_eq!(additional[0].data, "212.212.212.1");
    }
}

#[test]
fn a_registration_is_one_tree_from_registrar_to_every_server_within_a_second() {
    // course D9, D14; RFC 2136
    let world = internet();
    let network = VirtualNetwork::new(network_config(&world, 1, 1 << 20));
    let lab = network.run(Lab::start(network.network(), &world)).unwrap().unwrap();
    let action: Action = toml::from_str(
        r#"register = { domain = "maccshine.com",
            servers = { "dns1.maccshine.com" = "212.212.212.1", "ns1.hosting.net" = "" } }"#,
    )
    .unwrap();
    let result = network.run(async { lab.act(&action).await.unwrap() }).unwrap();
    assert!(matches!(result.outcome, Outcome::Done), "{:?}", result.outcome);
    assert!(result.took() < std::time::Duration::from_secs(1), "{:?}", result.took());
    let views = crate::story::tell_all(&network.network().capture().since(Cause::NONE, 10_000));
    let root_of = |id: u64| {
        let mut at = id;
        while let Some(view) = views.iter().find(|view| view.id == at && view.cause != 0) {
            at = view.cause;
        }
        at
    };
    let updates: Vec<_> =
        views.iter().filter(|view| view.fields.first("opcode") == Some("UPDATE")).collect();
    assert_eq!(updates.len(), 2, "an update and its reply");
    let changed: Vec<_> =
        views.iter().filter(|view| view.kind.as_deref() == Some("zone_changed")).collect();
    assert_eq!(changed.len(), 2, "both servers of com");
    let entered = views.iter().filter(|view| view.kind.as_deref() == Some("registered"));
    for view in updates.into_iter().chain(changed).chain(entered) {
        assert_eq!(root_of(view.id), result.event.0, "{}", view.summary);
    }
    network.shutdown();
}

#[test]
fn a_registry_refuses_what_its_rules_forbid_and_strangers_change_nothing() {
    // course D14: a registry writes its zone, nobody else does.
    let outcomes = outcomes(
        r#"act = [
            { register = { domain = "amazon.com",
              servers = { "ns1.amazon.com" = "6.6.6.6" } } },
            { register = { domain = "new.com", servers = { "ns1.amazon.com" = "6.6.6.6" } } },
        ]"#,
    );
    assert!(
        matches!(&outcomes[0], Outcome::Failed { reason } if reason.contains("registered already")),
        "{outcomes:?}"
    );
    assert!(
        matches!(&outcomes[1], Outcome::Failed { reason } if reason.contains("without an address")),
        "{outcomes:?}"
    );
}

#[test]
fn only_the_registry_of_a_zone_updates_it() {
    // RFC 2136 §3.3
    use capa7_dns_proto::update::Update;
    let world = internet();
    let network = VirtualNetwork::new(network_config(&world, 1, 1 << 20));
    let lab = network.run(Lab::start(network.network(), &world)).unwrap().unwrap();
    let rcode = |from: &'static str, zone: &'static str| {
        let lab = lab.clone();
        async move {
            let host = lab.network().host(from).unwrap();
            let stub = StubClient::new(host, "192.5.6.30:53".parse().unwrap());
            let zone = Name::parse(zone).unwrap();
            let update =
                Update::of(&zone).with_deleted_set(&zone.child(b"x").unwrap(), RecordType::A);
            let reply = stub.exchange(update.into_message(), Cause::NONE).await.unwrap();
            reply.message.header.rcode
        }
    };
    let registry = "registry.gtld-servers.net";
    let seen = network.run(async {
        [
            rcode(registry, "com").await,
            rcode(registry, "net").await,
            rcode("carlos.urosario.edu.co", "com").await,
        ]
    });
    assert_eq!(seen.unwrap(), [Rcode::NOERROR, Rcode::REFUSED, Rcode::REFUSED]);
    network.shutdown();
}

#[test]
fn the_nearest_replica_of_a_root_name_answers() {
    // course D2: Bogotá and Beijing share a root name, each has its own copy near.
    let world = internet();
    let network = VirtualNetwork::new(network_config(&world, 1, 1 << 20));
    let lab = network.run(Lab::start(network.network(), &world)).unwrap().unwrap();
    let net = lab.network();
    let nearest = |host: &str| {
        let from = net.host(host).unwrap().id();
        let to = net.nearest(from, "199.7.83.42".parse().unwrap()).unwrap();
        lab.hosts().get(to).unwrap().name.clone()
    };
    assert_eq!(nearest("carlos.urosario.edu.co"), "l.root-servers.net@bog");
    assert_eq!(nearest("haruka.keio.jp"), "l.root-servers.net@pek");
    network.shutdown();
}

#[test]
fn a_name_is_resolved_through_the_whole_hierarchy() {
    // course D2, D4
    let outcomes = outcomes(
        r#"act = [
            { query = { from = "carlos", name = "gaia.cs.umass.edu" } },
            { query = { from = "andrea", name = "urosario.edu.co", type = "MX" } },
            { query = { from = "diego", name = "servername" } },
            { query = { from = "haruka", name = "hostname" } },
            { query = { from = "fernanda", name = "12.245.119.128.in-addr.arpa", type = "PTR" } },
            { query = { from = "emilia", name = "www.louvre.fr" } },
            { query = { from = "carlos", name = "maccshine.com" } },
        ]"#,
    );
    assert_eq!(data(&outcomes[0]), ["128.119.245.12"]);
    assert_eq!(data(&outcomes[1]), ["10 mail.urosario.edu.co."]);
    assert_eq!(data(&outcomes[2]), ["servername.umass.edu.", "128.119.8.101"]);
    assert_eq!(data(&outcomes[3]), ["hostname.urosario.edu.co.", "200.3.144.101"]);
    assert_eq!(data(&outcomes[4]), ["gaia.cs.umass.edu."]);
    assert_eq!(data(&outcomes[5]).len(), 1);
    assert!(matches!(&outcomes[6], Outcome::Reply { rcode, .. } if rcode == "NXDOMAIN"));
}

#[test]
fn every_name_of_every_zone_resolves_from_every_site() {
    let world = internet();
    let network = VirtualNetwork::new(network_config(&world, 1, 64 << 20));
    let lab = network.run(Lab::start(network.network(), &world)).unwrap().unwrap();
    let people = world.hosts.iter().filter_map(|host| host.person.as_deref());
    let hosts: Vec<&str> = world.hosts.iter().map(|host| host.public_name.as_str()).collect();
    let unregistered = |name: &str| name.ends_with("maccshine.com");
    let names: Vec<&str> = hosts.into_iter().filter(|name| !unregistered(name)).collect();
    let actions: Vec<Action> = people
        .flat_map(|person| names.iter().map(move |name| (person, name)))
        .filter(|(_, name)| !name.starts_with("www-") && **name != "www.hosting.net")
        .map(|(person, name)| {
            let text = format!("query = {{ from = \"{person}\", name = \"{name}\" }}");
            toml::from_str::<Action>(&text).unwrap()
        })
        .collect();
    let failed = network.run(async {
        let mut failed = Vec::new();
        for action in &actions {
            let outcome = lab.act(action).await.unwrap().outcome;
            if !matches!(&outcome, Outcome::Reply { answer, .. } if !answer.is_empty()) {
                failed.push(format!("{action:?}: {outcome:?}"));
            }
        }
        failed
    });
    network.shutdown();
    assert_eq!(failed.unwrap(), Vec::<String>::new());
}

#[test]
fn a_fault_of_a_share_loses_about_that_many_of_its_messages_and_no_others() {
    #[derive(serde::Deserialize)]
    struct Broken {
        fault: crate::scenario::Fault,
        act: Action,
    }
    let broken: Broken = toml::from_str(
        r#"fault = { drop = { of = "dns && qr==0 && from:carlos", share = 0.3 } }
        act = { load = { from = ["carlos", "andrea"], names = ["www.urosario.edu.co"],
            count = 400, every = "10ms", tries = 1 } }"#,
    )
    .unwrap();
    let world = internet();
    let network = VirtualNetwork::new(network_config(&world, 1, 64 << 20));
    let done = network.run(async {
        let lab = Lab::start(network.network(), &world).await.unwrap();
        lab.break_with(&broken.fault).unwrap();
        lab.act(&broken.act).await.unwrap().outcome
    });
    let done = done.unwrap();
    let Outcome::Load(load) = done else { panic!("{done:?}") };
    let lost = load.asked - load.answered;
    // Of 200 questions 60, and the deviation is 6.5.
    assert!((28..=92).contains(&lost), "{lost} of {}", load.asked);
    let status = &network.network().faults().list()[0];
    assert_eq!((status.seen, status.applied), (200, lost));
    network.shutdown();
}
