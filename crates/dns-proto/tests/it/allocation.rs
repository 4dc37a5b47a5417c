//! The answering function takes no memory from the allocator.

use std::sync::Arc;

use capa7_dns_proto::answer::{AnswerContext, AnswerSettings, Transport, answer};
use capa7_dns_proto::message::{Edns, EdnsOption, Message, Question};
use capa7_dns_proto::zone::{Zone, ZoneSet};
use capa7_dns_proto::zone_file::ZoneFile;

const ZONE: &str = "\
$ORIGIN example.
@ 60 IN SOA ns root 1 2 3 4 5
@ 60 NS ns
@ 60 MX 10 mail
ns 60 A 192.0.2.1
mail 60 A 192.0.2.2
mail 60 A 192.0.2.3
mail 60 AAAA 2001:db8::2
alias 60 CNAME mail
dname 60 DNAME sub
a.sub 60 TXT \"text\"
* 60 A 192.0.2.4
cut 60 NS ns.cut
ns.cut 60 A 192.0.2.5
loop 60 CNAME loop2
loop2 60 CNAME loop
";

#[test]
fn answering_allocates_nothing() {
    let file = ZoneFile::read_text("zone", ZONE).unwrap();
    let zones = ZoneSet::new([Arc::new(Zone::compile(&file).unwrap())]).unwrap();
    let settings =
        AnswerSettings { server_identifier: b"one".to_vec(), ..AnswerSettings::default() };
    let mut context = AnswerContext::new(settings);
    let mut out = vec![0; 65_535];
    let mut replies = 0;
    for (name, kind) in [
        ("example", "SOA"),
        ("example", "MX"),
        ("example", "ANY"),
        ("mail.example", "A"),
        ("mail.example", "TXT"),
        ("alias.example", "AAAA"),
        ("a.dname.example", "TXT"),
        ("wild.example", "A"),
        ("x.ns.example", "A"),
        ("host.cut.example", "A"),
        ("loop.example", "A"),
        ("elsewhere", "A"),
        ("example", "AXFR"),
    ] {
        let question = Question::new(name.parse().unwrap(), kind.parse().unwrap());
        let mut query = Message::query(7, question);
        for edns in [false, true] {
            query.edns = edns
                .then(|| Edns { options: vec![EdnsOption::Nsid(Vec::new())], ..Edns::default() });
            let mut octets = query.write().unwrap();
            for broken in [false, true] {
                if broken {
                    octets.pop();
                }
                for transport in [Transport::Datagram, Transport::Stream] {
                    let counted = allocation_counter::measure(|| {
                        let reply = answer(&zones, &octets, transport, &mut out, &mut context);
                        replies += usize::from(reply.is_some());
                    });
                    assert_eq!(counted.count_total, 0, "{name} {kind} {transport:?}");
                }
            }
        }
    }
    assert_eq!(replies, 13 * 8, "each query was answered");
}

#[test]
fn the_counter_counts() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(Box::new([0_u8; 64]))));
    assert_eq!(counted.count_total, 1);
}

#[test]
fn a_zone_of_100_000_names_takes_few_octets_to_load_and_to_keep() {
    use std::fmt::Write as _;
    let mut text = "$ORIGIN example.com.\n@ 60 SOA ns root 1 2 3 4 5\n@ 60 NS ns\n".to_owned();
    for n in 0..100_000_u32 {
        let _ = writeln!(text, "host-{n} 60 A 10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
    }
    let mut kept = 0;
    let counted = allocation_counter::measure(|| {
        let file = ZoneFile::read_text("zone", &text).expect("the text is a zone");
        let zone = Zone::compile(&file).expect("the zone can be served");
        kept = zone.memory_octets();
        assert_eq!(zone.record_count(), 100_002);
    });
    let peak = counted.bytes_max;
    println!("100,000 names: {kept} octets kept, {peak} octets while loading");
    assert!(kept < 12 << 20, "{kept} octets kept");
    assert!(peak < 48 << 20, "{peak} octets while loading");
}
