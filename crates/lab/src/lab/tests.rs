use capa7_net::VirtualNetwork;

use super::*;
use crate::scenario::Action;

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
    let lab = Lab::start(network.network(), &world).unwrap();
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
    let lab = Lab::start(network.network(), &world).unwrap();
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
fn the_nearest_replica_of_a_root_name_answers() {
    // course D2: Bogotá and Beijing share a root name, each has its own copy near.
    let world = internet();
    let network = VirtualNetwork::new(network_config(&world, 1, 1 << 20));
    let lab = Lab::start(network.network(), &world).unwrap();
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
    let lab = Lab::start(network.network(), &world).unwrap();
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
