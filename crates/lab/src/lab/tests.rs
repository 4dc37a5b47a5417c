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
            { query = { from = "carlos", name = "gaia.cs.umass.edu", server = "dns.cs.umass.edu" } },
            { query = { from = "carlos", name = "gaia.cs.umass.edu", server = "198.41.0.4" } },
            { query = { from = "carlos", name = "nothing.cs.umass.edu", server = "dns.cs.umass.edu" } },
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
            { query = { from = "andrea", name = "gaia.cs.umass.edu", server = "dns.cs.umass.edu" } },
            { kill = "dns.cs.umass.edu" },
            { query = { from = "andrea", name = "gaia.cs.umass.edu", server = "dns.cs.umass.edu", tries = 1 } },
            { revive = "dns.cs.umass.edu" },
            { query = { from = "andrea", name = "gaia.cs.umass.edu", server = "dns.cs.umass.edu" } },
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
            { query = { from = "carlos", name = "www.maccshine.com", server = "a.gtld-servers.net" } },
            { register = { domain = "maccshine.com", servers = { "dns1.maccshine.com" = "212.212.212.1" } } },
            { query = { from = "carlos", name = "www.maccshine.com", server = "a.gtld-servers.net" } },
            { query = { from = "carlos", name = "www.maccshine.com", server = "b.gtld-servers.net" } },
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
