//! What an answer costs, and what loading a large zone costs.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use capa7_dns_proto::answer::{AnswerContext, Transport, answer};
use capa7_dns_proto::message::{Edns, Message, Question};
use capa7_dns_proto::zone::{Zone, ZoneSet};
use capa7_dns_proto::zone_file::ZoneFile;

fn main() {
    divan::main();
}

/// A zone of so many hosts, every tenth with a mail server, and some delegations.
fn zone_text(hosts: usize) -> String {
    let mut text = "$ORIGIN example.com.\n$TTL 3600\n@ IN SOA ns1 root 1 2 3 4 5\n\
                    @ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.2\n\
                    alias CNAME host-1\n*.wild A 192.0.2.3\n\
                    sub NS ns1.sub\nsub NS ns2.sub\nns1.sub A 192.0.2.4\nns2.sub A 192.0.2.5\n"
        .to_owned();
    for n in 0..hosts {
        let _ = writeln!(text, "host-{n} A 10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
        if n % 10 == 0 {
            let _ = writeln!(text, "host-{n} MX 10 host-{}", n + 1);
        }
    }
    text
}

fn zone(hosts: usize) -> Zone {
    let file = ZoneFile::read_text("zone", &zone_text(hosts)).expect("the text is a zone");
    Zone::compile(&file).expect("the zone can be served")
}

const QUESTIONS: [(&str, &str); 7] = [
    ("host-77777.example.com", "A"),
    ("host-50000.example.com", "MX"),
    ("host-50000.example.com", "TXT"),
    ("nothing-here.example.com", "A"),
    ("alias.example.com", "A"),
    ("a.b.wild.example.com", "A"),
    ("www.sub.example.com", "A"),
];

#[divan::bench(args = QUESTIONS)]
fn reply(bencher: divan::Bencher<'_, '_>, (name, kind): (&str, &str)) {
    let zones = ZoneSet::single(Arc::new(zone(100_000)));
    let question = Question::new(name.parse().expect("a name"), kind.parse().expect("a type"));
    let mut query = Message::query(1, question);
    query.edns = Some(Edns::default());
    let query = query.write().expect("a query");
    let mut context = AnswerContext::default();
    let mut out = [0; 1232];
    bencher.bench_local(|| {
        answer(&zones, black_box(&query), Transport::Datagram, &mut out, &mut context)
    });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn load_100_000_names(bencher: divan::Bencher<'_, '_>) {
    let text = zone_text(100_000);
    bencher.bench_local(|| {
        let file = ZoneFile::read_text("zone", black_box(&text)).expect("the text is a zone");
        let zone = Zone::compile(&file).expect("the zone can be served");
        assert!(zone.name_count() > 100_000);
        zone.memory_octets()
    });
}
