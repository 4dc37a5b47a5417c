use capa7_dissect::{Field, Room};
use serde_json::json;

use super::*;
use crate::story::{EventType, HostEntry};
use crate::text::Language;
use crate::world::Tier;

fn hosts() -> HostTable {
    let entry = |name: &str, address: &str, tier, person: Option<&str>| HostEntry {
        name: name.to_owned(),
        addresses: vec![address.parse().unwrap()],
        region: "bog".to_owned(),
        site: Some("urosario".to_owned()),
        tier,
        person: person.map(str::to_owned),
    };
    let mut hosts = HostTable::default();
    hosts.push(entry("carlos.urosario.edu.co", "200.3.144.20", Tier::Client, Some("Carlos")));
    hosts.push(entry("l.root-servers.net@bog", "199.7.83.42", Tier::Root, None));
    hosts
}

fn query() -> EventView {
    let bytes = 0..2;
    let mut view = EventView {
        from: Some(capa7_net::capture::HostId(0)),
        to: Some(capa7_net::capture::HostId(1)),
        from_addr: Some("200.3.144.20:40000".parse().unwrap()),
        to_addr: Some("199.7.83.42:53".parse().unwrap()),
        transport: Some("udp"),
        room: Room::Dns,
        size: 40,
        at: 1_500_000_000,
        fate: Some("lost: queue".to_owned()),
        ..EventView::empty(7, EventType::Message)
    };
    view.fields.extend(&[
        Field::new("aa", "0", bytes.clone()),
        Field::new("rd", "1", bytes.clone()),
        Field::new("question", "", bytes.clone()).with_children(vec![
            Field::new("qname", "www.Urosario.edu.co.", bytes.clone()),
            Field::new("qtype", "MX", bytes.clone()),
        ]),
        Field::new("answer", "", bytes.clone()).with_children(vec![Field::new(
            "ttl",
            "300",
            bytes.clone(),
        )]),
        Field::new("additional", "", bytes.clone())
            .with_children(vec![Field::new("ttl", "60", bytes)]),
    ]);
    view.data.insert("seconds_left".to_owned(), json!(212));
    view
}

fn check(filter: &str, passes: bool) {
    let filter = Filter::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
    assert_eq!(filter.matches(&query(), &hosts()), passes, "{}", filter.text());
}

#[test]
fn a_filter_picks_by_room_field_and_place() {
    let passing = [
        "",
        "dns",
        "dns && qname~\"urosario\" && to:root",
        "from:carlos",
        "from:urosario.edu.co",
        "host:l.root-servers.net",
        "to:bog and from:urosario",
        "qname==www.urosario.edu.co",
        "qtype==MX or qtype==A",
        "rd && !aa",
        "answer.ttl==300",
        "ttl#1==300 && ttl#2==60 && !(ttl#3>=0) && !(ttl#0>=0)",
        "source==200.3.144.20:40000 && destination==199.7.83.42:53",
        "additional.ttl<=1m",
        "#ttl==2 && #answer.ttl==1 && #nothing==0",
        "ttl<100",
        "lost",
        "fate:queue",
        "ip:199.7.83.0/24",
        "ip:199.7.83.42:53",
        "port:53",
        "size>=40 && at<2s && at>1",
        "seconds_left>200",
        "!(tcp || note)",
        "nothing!=here",
        "summary!~\"x\"",
    ];
    for filter in passing {
        check(filter, true);
    }
    let failing = [
        "sockets",
        "to:carlos",
        "to:edu.co",
        "aa",
        "answer.ttl==60",
        "qtype!=MX",
        "nothing==here",
        "delivered",
        "ip:10.0.0.0/8",
        "qname>3",
        "to:root && to:tld",
    ];
    for filter in failing {
        check(filter, false);
    }
}

#[test]
fn a_wrong_filter_names_the_column_in_both_languages() {
    let cases = [
        ("dns &&", 7),
        ("dns & qname", 5),
        ("(dns", 5),
        ("dns qname", 5),
        ("towards:root", 1),
        ("qname ==", 9),
        ("ñ && \"abc", 6),
        ("&& dns", 1),
    ];
    for (text, column) in cases {
        let error = Filter::parse(text).unwrap_err();
        assert_eq!(error.column, column, "{text}: {error}");
        assert!(error.in_language(Language::Es).starts_with("columna"), "{error}");
    }
}

#[test]
fn hostile_filters_end_in_an_error() {
    for text in ["(".repeat(500), "!".repeat(500), "a".repeat(5000)] {
        assert!(Filter::parse(&text).is_err());
    }
}

#[test]
fn every_example_of_the_help_is_a_filter() {
    for line in help() {
        assert!(Filter::parse(line.example).is_ok(), "{}", line.example);
    }
}
