use capa7_dns_proto::zone_file::Severity;
use capa7_dns_proto::{Name, RecordType};

use super::*;

fn internet() -> World {
    World::carried("internet").unwrap_or_else(|error| panic!("{error}"))
}

/// A small world in which one thing may be wrong.
fn small(changed: &str, by: &str) -> Result<World, SourceError> {
    let text = SMALL.replace(changed, by);
    assert!(changed.is_empty() || text != SMALL, "`{changed}` is not in the small world");
    let folder = Folder::Carried("worlds/none".to_owned());
    let place = build::Place { folder: &folder, file: "small.toml", text: &text };
    build::build(&place, &parse_toml("small.toml", &text)?)
}

const SMALL: &str = r#"name = "small"
title = { en = "Small", es = "Pequeño" }
start = 2021-04-21T19:00:00Z

[[region]]
id = "bog"
name = { en = "Bogotá", es = "Bogotá" }
latitude = 4.7
longitude = -74.1

[[site]]
id = "home"
name = { en = "Home", es = "Casa" }
region = "bog"
resolver = "resolver.example"

[[host]]
name = "a.root"
addresses = ["198.41.0.4"]
region = "bog"
serves = { zones = ["."] }

[[host]]
name = "resolver.example"
addresses = ["10.0.0.1"]
site = "home"
serves = { resolver = {} }

[[zone]]
origin = "."
text = """
@ 60 SOA a.root. x.root. 1 2 3 4 5
@ 60 NS a.root.
a.root. 60 A 198.41.0.4
"""
"#;

#[test]
fn the_default_world_is_well_formed() {
    let world = internet();
    assert_eq!(world.hosts.iter().filter(|host| host.tier == Tier::Root).count(), 26);
    let names: std::collections::BTreeSet<_> =
        world.hosts.iter().filter(|host| host.tier == Tier::Root).map(|h| &h.public_name).collect();
    assert_eq!(names.len(), 13);
    for zone in &world.zones {
        let faults: Vec<_> =
            zone.records.check().into_iter().filter(|f| f.severity == Severity::Error).collect();
        assert!(faults.is_empty(), "{}: {faults:?}", zone.origin);
    }
}

#[test]
fn every_zone_of_the_default_world_has_its_servers_among_the_hosts() {
    let world = internet();
    for zone in &world.zones {
        let apex = |record: &capa7_dns_proto::zone_file::ZoneFileRecord<'_>| {
            *record.owner == zone.origin && record.record_type == RecordType::NS
        };
        for record in zone.records.records().filter(apex) {
            let server = Name::from_wire(record.data).unwrap();
            let serves = world.hosts.iter().any(|host| {
                Name::parse(&host.public_name).is_ok_and(|name| name == server)
                    && host.services.zones.iter().any(|z| Name::parse(z).unwrap() == zone.origin)
            });
            assert!(serves, "{server} does not serve {}", zone.origin);
        }
    }
}

#[test]
fn a_person_and_a_first_label_mean_a_host() {
    let world = internet();
    let name = |word: &str| world.meant(word).map(|host| host.name.clone());
    assert_eq!(name("Carlos"), Some("carlos.urosario.edu.co".to_owned()));
    assert_eq!(name("servername"), Some("servername.umass.edu".to_owned()));
    assert_eq!(name("gaia.cs.umass.edu."), Some("gaia.cs.umass.edu".to_owned()));
    assert_eq!(name("nobody"), None);
    let carlos = world.meant("carlos").unwrap();
    assert_eq!(world.resolver_of(carlos).unwrap().name, "resolver.urosario.edu.co");
}

#[test]
fn a_loopback_world_has_only_loopback_addresses() {
    let world = internet().in_loopback();
    assert!(world.hosts.iter().flat_map(|host| &host.addresses).all(IpAddr::is_loopback));
    for zone in &world.zones {
        for record in zone.records.records().filter(|r| r.record_type == RecordType::A) {
            assert_eq!(record.data.first(), Some(&127), "{}", record.owner);
        }
    }
    let gaia = world.host("gaia.cs.umass.edu").unwrap().addresses[0];
    let zone = world.zone(&Name::parse("cs.umass.edu").unwrap()).unwrap();
    let record = zone.records.records().find(|r| r.owner.to_string() == "gaia.cs.umass.edu.");
    assert_eq!(IpAddr::from(<[u8; 4]>::try_from(record.unwrap().data).unwrap()), gaia);
}

#[test]
fn reverse_zones_follow_from_the_addresses() {
    let world = internet();
    let zone = world.zone(&Name::parse("119.128.in-addr.arpa").unwrap()).unwrap();
    let ptr =
        zone.records.records().find(|r| r.owner.to_string() == "12.245.119.128.in-addr.arpa.");
    let target = Name::from_wire(ptr.unwrap().data).unwrap();
    assert_eq!(target.to_string(), "gaia.cs.umass.edu.");
    let parent = world.zone(&Name::parse("in-addr.arpa").unwrap()).unwrap();
    let inner =
        parent.records.records().find(|r| r.owner.to_string() == "12.245.119.128.in-addr.arpa.");
    assert!(inner.is_none(), "delegated names are the child's");
}

#[test]
fn a_changed_zone_has_a_higher_serial_and_only_its_own_names() {
    let mut world = internet();
    let origin = Name::parse("urosario.edu.co").unwrap();
    let zone = world.zones.iter_mut().find(|zone| zone.origin == origin).unwrap();
    let serial = |zone: &WorldZone| {
        let soa = zone.records.records().find(|r| r.record_type == RecordType::SOA).unwrap();
        let numbers = &soa.data[soa.data.len() - 20..];
        u32::from_be_bytes(numbers[..4].try_into().unwrap())
    };
    let before = serial(zone);
    let edit = |remove: Option<&str>, add: Option<&str>| ZoneEdit {
        remove: remove.map(str::to_owned),
        add: add.map(str::to_owned),
    };
    zone.change(&edit(Some("www A"), Some("www 60 A 10.1.2.3"))).unwrap();
    assert_eq!(serial(zone), before + 1);
    let www = zone.records.records().find(|r| r.owner.to_string() == "www.urosario.edu.co.");
    assert_eq!(www.unwrap().data, [10, 1, 2, 3]);
    assert!(zone.change(&edit(Some("nothing"), None)).is_err());
    assert!(zone.change(&edit(None, Some("x.example. A 10.0.0.1"))).is_err());
    assert!(zone.change(&edit(None, Some("x A not-an-address"))).is_err());
}

#[test]
fn a_bad_world_is_told_with_line_column_and_what_to_do() {
    let cases = [
        ("region = \"bog\"\nserves", "region = \"bgo\"\nserves"),
        ("site = \"home\"\n", "site = \"hom\"\n"),
        ("resolver = \"resolver.example\"", "resolver = \"resolver.exmaple\""),
        ("resolver = \"resolver.example\"", "resolver = \"a.root\""),
        ("serves = { zones = [\".\"] }", "serves = { zones = [\"com\"] }"),
        ("\"10.0.0.1\"", "\"198.41.0.4\""),
        ("\"198.41.0.4\"", "\"10.0.0.1\""),
        ("\"10.0.0.1\"", "\"10.0.0.1\", \"10.0.0.1\""),
        ("\"10.0.0.1\"", "\"10.0.0.256\""),
        ("\"10.0.0.1\"", "\"127.0.0.1\""),
        ("title = { en = \"Small\", es = \"Pequeño\" }", "title = \"Small\""),
        ("latitude = 4.7", "latitud = 4.7"),
        ("latitude = 4.7", "latitude = 94.7"),
        ("a.root. 60 A 198.41.0.4", "a.root. 60 A 198.41.0"),
        ("@ 60 SOA a.root. x.root. 1 2 3 4 5", ""),
        ("text = ", "derive = \"reverse\"\ntext = "),
        ("start = 2021-04-21T19:00:00Z", "start = 2021-04-21"),
        ("name = \"a.root\"", "name = \"a root\""),
        ("region = \"bog\"\nserves", "serves"),
        ("name = \"resolver.example\"", "name = \"a.root\""),
        ("addresses = [\"10.0.0.1\"]", "addresses = []"),
        ("[[site]]", "[[path]]\nbetween = [\"bog\", \"bos\"]\none_way = \"1ms\"\n\n[[site]]"),
        ("[[zone]]\norigin", "[link.line]\nup = { rate = \"0bit/s\" }\n\n[[zone]]\norigin"),
    ];
    let mut told = String::new();
    for (changed, by) in cases {
        let error = small(changed, by).expect_err(by);
        assert!(error.position.is_some(), "{error}");
        told.push_str(&format!("{by:?}\n    {error}\n"));
    }
    small("", "").unwrap();
    insta::assert_snapshot!(told);
}

#[test]
fn a_path_from_a_region_to_itself_is_the_way_within_it() {
    let path = "[[path]]\nbetween = [\"bog\", \"bog\"]\none_way = \"3ms\"\n\n[[site]]";
    let within = |world: &World| {
        let own = |path: &&RegionPath| path.from == "bog" && path.to == "bog";
        world.paths.iter().filter(own).map(|path| path.one_way).collect::<Vec<_>>()
    };
    assert_eq!(within(&small("", "").unwrap()), [places::SWITCHING]);
    assert_eq!(within(&small("[[site]]", path).unwrap()), [std::time::Duration::from_millis(3)]);
}
