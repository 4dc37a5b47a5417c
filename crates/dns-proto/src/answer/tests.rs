use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::Name;
use crate::message::{Edns as MessageEdns, EdnsOption, Message, Question, Record};
use crate::rdata::RdataText;
use crate::zone::Zone;
use crate::zone_file::ZoneFile;

mod standards;

fn zone(text: &str) -> Arc<Zone> {
    let file = ZoneFile::read_text("zone", text).unwrap_or_else(|errors| panic!("{errors}"));
    Arc::new(Zone::compile(&file).unwrap_or_else(|error| panic!("{error}")))
}

fn zones(texts: &[&str]) -> ZoneSet {
    ZoneSet::new(texts.iter().map(|text| zone(text))).unwrap()
}

fn query(name: &str, record_type: &str) -> Message {
    let question = Question::new(name.parse().unwrap(), record_type.parse().unwrap());
    Message::query(0x1234, question)
}

struct Server {
    zones: ZoneSet,
    context: AnswerContext,
    out: Vec<u8>,
}

impl Server {
    fn new(texts: &[&str]) -> Self {
        let settings =
            AnswerSettings { address_order: AddressOrder::Fixed, ..AnswerSettings::default() };
        Self::with(texts, settings)
    }

    fn with(texts: &[&str], settings: AnswerSettings) -> Self {
        let context = AnswerContext::new(settings);
        Self { zones: zones(texts), context, out: vec![0; 65_535] }
    }

    fn octets(&mut self, query: &[u8], transport: Transport) -> Option<(Reply, &[u8])> {
        let reply = answer(&self.zones, query, transport, &mut self.out, &mut self.context)?;
        Some((reply, &self.out[..reply.octets]))
    }

    fn ask(&mut self, query: &Message, transport: Transport) -> (Reply, Message) {
        let octets = query.write().unwrap();
        let (reply, octets) = self.octets(&octets, transport).expect("a reply");
        (reply, Message::parse(octets).expect("a well-formed reply"))
    }

    /// The reply to a question in one line per record, after its code and AA flag.
    fn text(&mut self, name: &str, record_type: &str) -> String {
        let (_, message) = self.ask(&query(name, record_type), Transport::Datagram);
        show(&message)
    }
}

fn show(message: &Message) -> String {
    let aa = if message.header.aa { " aa" } else { "" };
    let tc = if message.header.tc { " tc" } else { "" };
    let mut text = format!("{}{aa}{tc}", message.header.rcode);
    let sections =
        [('=', &message.answers), ('^', &message.authorities), ('+', &message.additionals)];
    for (sign, records) in sections {
        for Record { name, rtype, ttl, rdata, .. } in records {
            let data = RdataText { record_type: *rtype, data: rdata.as_wire() };
            text.push_str(&format!("\n{sign} {name} {ttl} {rtype} {data}"));
        }
    }
    text
}

const HEAD: &str = "x. 100 IN SOA ns.x. root.x. 1 2 3 4 50\nx. 100 IN NS ns.x.\n";

#[test]
fn the_least_ttl_of_soa_and_minimum_limits_an_absence() {
    // RFC 2308 §3.
    let mut server = Server::new(&[HEAD]);
    assert_eq!(server.text("a.x", "A"), "NXDOMAIN aa\n^ x. 50 SOA ns.x. root.x. 1 2 3 4 50");
    let mut server = Server::new(&["x. 10 IN SOA ns.x. root.x. 1 2 3 4 50\n"]);
    assert_eq!(server.text("x", "A"), "NOERROR aa\n^ x. 10 SOA ns.x. root.x. 1 2 3 4 50");
}

#[test]
fn a_name_outside_all_zones_is_refused() {
    let mut server = Server::new(&[HEAD]);
    assert_eq!(server.text("y", "A"), "REFUSED");
    assert_eq!(server.text(".", "NS"), "REFUSED");
    assert_eq!(server.text("xx", "A"), "REFUSED");
}

#[test]
fn the_zone_with_the_longest_name_answers_and_ds_is_asked_above_it() {
    // RFC 1034 §4.3.2 step 2, RFC 4035 §3.1.4.1.
    let parent = format!("{HEAD}c.x. 9 NS ns.c.x.\nc.x. 9 DS 1 8 2 AA\nns.c.x. 9 A 192.0.2.9\n");
    let child = "c.x. 20 IN SOA ns.c.x. r.c.x. 1 2 3 4 5\nns.c.x. 20 A 192.0.2.20\n";
    let mut server = Server::new(&[&parent, child]);
    assert_eq!(server.text("ns.c.x", "A"), "NOERROR aa\n= ns.c.x. 20 A 192.0.2.20");
    assert_eq!(server.text("c.x", "DS"), "NOERROR aa\n= c.x. 9 DS 1 8 2 AA");
    assert_eq!(server.text("d.x", "A").lines().next(), Some("NXDOMAIN aa"));
    let mut alone = Server::new(&[child]);
    assert_eq!(alone.text("c.x", "DS"), "NOERROR aa\n^ c.x. 5 SOA ns.c.x. r.c.x. 1 2 3 4 5");
    let mut parent = Server::new(&[&parent]);
    assert_eq!(parent.text("ns.c.x", "A"), "NOERROR\n^ c.x. 9 NS ns.c.x.\n+ ns.c.x. 9 A 192.0.2.9");
}

#[test]
fn a_circle_of_aliases_ends() {
    let mut server = Server::new(&[&format!("{HEAD}a.x. 9 CNAME b.x.\nb.x. 9 CNAME a.x.\n")]);
    assert_eq!(server.text("a.x", "A"), "NOERROR aa\n= a.x. 9 CNAME b.x.\n= b.x. 9 CNAME a.x.");
    assert_eq!(server.text("a.x", "CNAME"), "NOERROR aa\n= a.x. 9 CNAME b.x.");
}

#[test]
fn a_chain_of_aliases_is_followed_up_to_the_bound() {
    let chain: String = (0..40).map(|n| format!("c{n}.x. 9 CNAME c{}.x.\n", n + 1)).collect();
    let mut server = Server::new(&[&format!("{HEAD}{chain}c40.x. 9 A 192.0.2.1\n")]);
    let (reply, message) = server.ask(&query("c0.x", "A"), Transport::Stream);
    assert_eq!((message.answers.len(), reply.kind), (16, ReplyKind::Alias));
    let (reply, message) = server.ask(&query("c30.x", "A"), Transport::Stream);
    assert_eq!((message.answers.len(), reply.kind), (11, ReplyKind::Data));
}

#[test]
fn an_alias_to_a_name_that_is_not_there_ends_with_its_absence() {
    // RFC 6604 §3: the code is that of the last name.
    let mut server = Server::new(&[&format!("{HEAD}a.x. 9 CNAME b.x.\nc.x. 9 CNAME d.\n")]);
    assert_eq!(
        server.text("a.x", "A"),
        "NXDOMAIN aa\n= a.x. 9 CNAME b.x.\n^ x. 50 SOA ns.x. root.x. 1 2 3 4 50"
    );
    assert_eq!(server.text("c.x", "A"), "NOERROR aa\n= c.x. 9 CNAME d.");
}

#[test]
fn a_dname_that_makes_the_name_too_long_is_an_error() {
    // RFC 6672 §2.2.
    let target = "b".repeat(60);
    let text = format!("{HEAD}d.x. 9 DNAME {target}.{target}.{target}.x.\n");
    let mut server = Server::new(&[&text]);
    let long = format!("{0}.{0}.d.x", "a".repeat(40));
    let (reply, message) = server.ask(&query(&long, "A"), Transport::Datagram);
    assert_eq!((reply.rcode, reply.kind), (Rcode::YXDOMAIN, ReplyKind::NameTooLong));
    assert_eq!(message.answers.len(), 1);
}

#[test]
fn the_case_of_the_question_comes_back() {
    // RFC 4343 §4.1; resolvers use the case as further bits of an identifier.
    let mut server = Server::new(&[&format!("{HEAD}a.x. 9 A 192.0.2.1\nd.x. 9 DNAME e.x.\n")]);
    assert_eq!(server.text("A.x", "A"), "NOERROR aa\n= A.x. 9 A 192.0.2.1");
    let dname = server.text("Www.d.X", "CNAME");
    assert!(dname.ends_with("= Www.d.X. 9 CNAME Www.e.X."), "{dname}");
}

#[test]
fn addresses_rotate_and_may_be_fixed() {
    // Course D16.
    let text = format!("{HEAD}a.x. 9 A 192.0.2.1\na.x. 9 A 192.0.2.2\na.x. 9 A 192.0.2.3\n");
    let first = |server: &mut Server| {
        let (_, message) = server.ask(&query("a.x", "A"), Transport::Datagram);
        assert_eq!(message.answers.len(), 3);
        message.answers[0].rdata.as_wire()[3]
    };
    let mut server = Server::with(&[&text], AnswerSettings::default());
    let firsts: Vec<u8> = (0..6).map(|_| first(&mut server)).collect();
    assert_eq!(firsts, [2, 3, 1, 2, 3, 1]);
    let mut fixed = Server::new(&[&text]);
    assert_eq!([first(&mut fixed), first(&mut fixed)], [1, 1]);
}

#[test]
fn any_gives_one_set_over_a_datagram_and_all_over_a_stream() {
    // RFC 8482 §4.1 and §4.4.
    let mut server = Server::new(&[&format!("{HEAD}a.x. 9 A 192.0.2.1\na.x. 9 TXT \"t\"\n")]);
    let (_, datagram) = server.ask(&query("a.x", "ANY"), Transport::Datagram);
    let (_, stream) = server.ask(&query("a.x", "ANY"), Transport::Stream);
    assert_eq!((datagram.answers.len(), stream.answers.len()), (1, 2));
}

#[test]
fn any_is_led_on_by_a_dname_and_gets_the_addresses_of_what_it_finds() {
    // RFC 1034 §4.3.2, step 3c, and RFC 6672 §3.2: whatever the type.
    let zone = format!("{HEAD}d.x. 9 DNAME e.x.\nm.e.x. 9 MX 1 a.x.\na.x. 9 A 192.0.2.1\n");
    let mut server = Server::new(&[&zone]);
    assert_eq!(
        server.text("m.d.x", "ANY"),
        "NOERROR aa\n= d.x. 9 DNAME e.x.\n= m.d.x. 9 CNAME m.e.x.\n= m.e.x. 9 MX 1 a.x.\n\
         + a.x. 9 A 192.0.2.1"
    );
    assert!(server.text("q.d.x", "ANY").starts_with("NXDOMAIN aa\n"));
}

/// A set of `count` text records that take about 120 octets each.
fn large_set(count: usize) -> String {
    let texts: String = (0..count).map(|n| format!("t.x. 9 TXT \"{n:0100}\"\n")).collect();
    format!("{HEAD}{texts}")
}

#[test]
fn what_does_not_fit_is_left_out_as_a_whole_set_and_marked() {
    // RFC 2181 §9, RFC 6891 §6.2.3.
    let mut server = Server::new(&[&large_set(8)]);
    let mut asked = query("t.x", "TXT");
    let (reply, message) = server.ask(&asked, Transport::Datagram);
    assert!(reply.truncated && message.header.tc && message.answers.is_empty());
    for (octets, fits) in [(512, false), (1232, true), (4096, true)] {
        asked.edns = Some(MessageEdns { payload_octets: octets, ..MessageEdns::default() });
        let (reply, message) = server.ask(&asked, Transport::Datagram);
        assert_eq!(message.header.tc, !fits, "{octets}");
        assert!(reply.octets <= usize::from(octets), "{octets}");
    }
    let (_, message) = server.ask(&query("t.x", "TXT"), Transport::Stream);
    assert_eq!(message.answers.len(), 8);
}

#[test]
fn an_absence_whose_soa_does_not_fit_keeps_its_code() {
    let host = format!("{0}.{0}.{0}", "h".repeat(60));
    let zone = format!("x. 9 IN SOA {host}. r.{host}. 1 2 3 4 5\n*.d.x. 9 CNAME {host}.d2.x.\n");
    let mut server = Server::new(&[&zone]);
    let name = format!("{0}.{0}.{0}.d.x", "q".repeat(60));
    let (reply, message) = server.ask(&query(&name, "A"), Transport::Datagram);
    assert_eq!((reply.rcode, message.header.tc), (Rcode::NXDOMAIN, true));
    assert!(message.authorities.is_empty());
}

#[test]
fn the_flags_rd_and_cd_come_back_as_they_were() {
    // RFC 1035 §4.1.1, RFC 4035 §3.1.6.
    let mut server = Server::new(&[HEAD]);
    for (rd, cd) in [(false, false), (true, false), (false, true)] {
        let mut asked = query("x", "SOA");
        (asked.header.rd, asked.header.cd) = (rd, cd);
        let header = server.ask(&asked, Transport::Datagram).1.header;
        assert_eq!((header.rd, header.cd, header.ra), (rd, cd, false));
    }
}

#[test]
fn a_datagram_is_never_larger_than_the_operators_bound() {
    let mut server = Server::new(&[&large_set(20)]);
    let mut asked = query("t.x", "TXT");
    asked.edns = Some(MessageEdns { payload_octets: 65_535, ..MessageEdns::default() });
    let (reply, _) = server.ask(&asked, Transport::Datagram);
    assert!(reply.truncated && reply.octets <= usize::from(DATAGRAM_OCTETS_MAX));
}

#[test]
fn glue_below_the_cut_that_does_not_fit_truncates_but_other_glue_does_not() {
    // RFC 9471 §3.1 and §3.2.
    let referral = |host: &str| {
        let glue: String = (0..40).map(|n| format!("{host}. 9 AAAA 2001:db8::{n}\n")).collect();
        format!("{HEAD}c.x. 9 NS {host}.\n{glue}")
    };
    let (_, below) =
        Server::new(&[&referral("ns.c.x")]).ask(&query("c.x", "A"), Transport::Datagram);
    assert!(below.header.tc && below.authorities.len() == 1 && below.additionals.is_empty());
    let (_, beside) =
        Server::new(&[&referral("ns.d.x")]).ask(&query("c.x", "A"), Transport::Datagram);
    assert!(!beside.header.tc && beside.authorities.len() == 1);
}

#[test]
fn edns_is_answered_with_edns() {
    // RFC 6891 §6.1.1, §6.1.3; RFC 3225 §3; RFC 5001 §2.2.
    let settings =
        AnswerSettings { server_identifier: b"bogota-1".to_vec(), ..AnswerSettings::default() };
    let mut server = Server::with(&[HEAD], settings);
    let mut asked = query("x", "SOA");
    asked.edns = Some(MessageEdns { dnssec_ok: true, ..MessageEdns::default() });
    let edns = server.ask(&asked, Transport::Datagram).1.edns.expect("an OPT record");
    assert!(edns.dnssec_ok && edns.options.is_empty() && edns.payload_octets == 1232);
    asked.edns = Some(MessageEdns {
        options: vec![EdnsOption::Other { code: 65_001, data: vec![1] }, EdnsOption::Nsid(vec![])],
        ..MessageEdns::default()
    });
    let edns = server.ask(&asked, Transport::Datagram).1.edns.expect("an OPT record");
    assert_eq!(edns.options, [EdnsOption::Nsid(b"bogota-1".to_vec())]);
    asked.edns = Some(MessageEdns { version: 1, ..MessageEdns::default() });
    let (reply, message) = server.ask(&asked, Transport::Datagram);
    assert_eq!(reply.rcode, Rcode::BADVERS);
    assert_eq!(message.edns.map(|edns| edns.version), Some(0));
    assert!(message.answers.is_empty());
    assert_eq!(server.ask(&query("x", "SOA"), Transport::Datagram).1.edns, None);
}

#[test]
fn a_query_that_breaks_a_rule_gets_its_code_and_its_identifier() {
    let good = query("x", "SOA").write().unwrap();
    let mut server = Server::new(&[HEAD]);
    let changed = |at: usize, octet: u8| {
        let mut octets = good.clone();
        octets[at] = octet;
        octets
    };
    for (claim, octets, rcode) in [
        ("no question", changed(5, 0), Rcode::FORMERR),
        ("two questions", changed(5, 2), Rcode::FORMERR),
        ("a pointer in the question", changed(12, 0xc0), Rcode::FORMERR),
        ("a record that is not there", changed(11, 1), Rcode::FORMERR),
        ("cut", good[..good.len() - 1].to_vec(), Rcode::FORMERR),
        ("octets behind the end", [&good[..], b"x"].concat(), Rcode::FORMERR),
        ("a status query", changed(2, 2 << 3), Rcode::NOTIMP),
        ("an update", changed(2, 5 << 3), Rcode::NOTIMP),
        ("class CH", changed(good.len() - 1, 3), Rcode::REFUSED),
        ("a transfer", changed(good.len() - 3, 252), Rcode::REFUSED),
        ("type OPT", changed(good.len() - 3, 41), Rcode::FORMERR),
        ("type MAILA", changed(good.len() - 3, 254), Rcode::NOTIMP),
    ] {
        let (reply, out) = server.octets(&octets, Transport::Datagram).expect(claim);
        assert_eq!((reply.rcode, &out[..2]), (rcode, &good[..2]), "{claim}");
        let message = Message::parse(out).unwrap_or_else(|error| panic!("{claim}: {error}"));
        assert!(message.header.qr, "{claim}");
        assert_eq!(message.header.rcode, rcode, "{claim}");
    }
    for (claim, octets) in [("a response", changed(2, 0x80)), ("short", good[..11].to_vec())] {
        assert_eq!(server.octets(&octets, Transport::Datagram), None, "{claim}");
    }
}

#[test]
fn a_question_for_the_root_is_answered_without_a_pointer_to_one_octet() {
    let mut server = Server::new(&[". 9 IN SOA a. b. 1 2 3 4 5\n. 9 NS a.\na. 9 A 192.0.2.1\n"]);
    assert_eq!(server.text(".", "NS"), "NOERROR aa\n= . 9 NS a.\n+ a. 9 A 192.0.2.1");
}

proptest! {
    #[test]
    fn any_octets_get_a_well_formed_reply_or_none(
        octets in proptest::collection::vec(any::<u8>(), 0..80), at in 12..30_usize, octet: u8,
    ) {
        let mut server = Server::new(&[&format!("{HEAD}*.x. 9 A 192.0.2.1\nd.x. 9 DNAME x.\n")]);
        let mut broken = query("a.d.x", "A").write().unwrap();
        if let Some(place) = broken.get_mut(at) {
            *place = octet;
        }
        for query in [octets, broken] {
            for transport in [Transport::Datagram, Transport::Stream] {
                if let Some((_, out)) = server.octets(&query, transport) {
                    prop_assert!(Message::parse(out).is_ok());
                    prop_assert_eq!(&out[..2], &query[..2]);
                }
            }
        }
    }

    #[test]
    fn small_buffers_are_never_overrun(room in 0..200_usize) {
        let mut server = Server::new(&[&format!("{HEAD}ns.x. 9 A 192.0.2.1\n")]);
        let query = query("x", "NS").write().unwrap();
        let mut out = vec![0; room];
        let context = &mut server.context;
        if let Some(reply) = answer(&server.zones, &query, Transport::Stream, &mut out, context) {
            prop_assert!(reply.octets <= room);
            prop_assert!(Message::parse(&out[..reply.octets]).is_ok());
        }
    }

    #[test]
    fn every_record_of_a_zone_is_found_by_asking_for_it(
        hosts in proptest::collection::vec("[a-c]{1,2}(\\.[a-c]){0,2}", 1..12),
    ) {
        let line = |host: &String| format!("{host}.x. 9 TXT \"{host}\"\n");
        let lines: String = hosts.iter().map(line).collect();
        let mut server = Server::new(&[&format!("{HEAD}{lines}")]);
        for host in hosts {
            let (_, message) = server.ask(&query(&format!("{host}.x"), "TXT"), Transport::Datagram);
            prop_assert_eq!(message.answers.len(), 1);
            let owner: Name = format!("{host}.x").parse().unwrap();
            prop_assert_eq!(&message.answers[0].name, &owner);
        }
    }
}
