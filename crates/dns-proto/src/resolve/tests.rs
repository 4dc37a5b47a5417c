//! The resolver against servers in virtual time.

use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::Rcode;
use crate::hints::Hints;
use crate::message::{Message, Question, Rdata, Record};
use world::{Seen, World, Zone, authority, zone};

mod hostile;
mod world;

const ROOT: &str = "198.41.0.4";
const EDU: &str = "192.0.2.10";
const CS: &str = "192.0.2.20";

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn one_root(config: ResolverConfig) -> ResolverConfig {
    let servers = vec![(name("a.root-servers.net"), vec![ROOT.parse().unwrap()])];
    ResolverConfig { hints: Hints { servers }, ..config }
}

fn root_zone() -> Zone {
    zone(
        ".",
        "
        . 518400 NS a.root-servers.net
        a.root-servers.net 518400 A 198.41.0.4
        edu 172800 NS ns.edu
        ns.edu 172800 A 192.0.2.10
        com 172800 NS ns.com
        ns.com 172800 A 192.0.2.11
        ",
    )
}

fn edu_zone() -> Zone {
    zone(
        "edu",
        "
        edu 172800 NS ns.edu
        ns.edu 172800 A 192.0.2.10
        cs.umass.edu 86400 NS dns.cs.umass.edu
        dns.cs.umass.edu 86400 A 192.0.2.20
        ",
    )
}

fn cs_zone() -> Zone {
    zone(
        "cs.umass.edu",
        "
        cs.umass.edu 86400 NS dns.cs.umass.edu
        dns.cs.umass.edu 86400 A 192.0.2.20
        gaia.cs.umass.edu 60 A 128.119.245.12
        www.cs.umass.edu 60 CNAME gaia.cs.umass.edu
        a.b.c.cs.umass.edu 60 TXT deep
        loop1.cs.umass.edu 60 CNAME loop2.cs.umass.edu
        loop2.cs.umass.edu 60 CNAME loop1.cs.umass.edu
        old.cs.umass.edu 60 DNAME cs.umass.edu
        away.cs.umass.edu 60 CNAME www.example.com
        ",
    )
}

fn com_zone() -> Zone {
    zone(
        "com",
        "
        com 172800 NS ns.com
        example.com 3600 NS dns.cs.umass.edu
        bare.com 3600 NS ns.bare.com
        slow.com 3600 NS ns1.slow.com
        slow.com 3600 NS ns2.slow.com
        ns1.slow.com 3600 A 192.0.2.31
        ns2.slow.com 3600 A 192.0.2.32
        ",
    )
}

fn example_zone() -> Zone {
    zone(
        "example.com",
        "
        example.com 3600 NS dns.cs.umass.edu
        www.example.com 30 A 203.0.113.1
        www.example.com 30 A 203.0.113.2
        www.example.com 30 A 203.0.113.3
        ",
    )
}

/// Root, edu, com and the servers below, all correct.
fn world(config: ResolverConfig) -> World {
    let mut world = World::new(one_root(config));
    world.serve_zones(ROOT, 10, vec![root_zone()]);
    world.serve_zones(EDU, 20, vec![edu_zone()]);
    world.serve_zones("192.0.2.11", 20, vec![com_zone()]);
    world.serve_zones(CS, 30, vec![cs_zone(), example_zone()]);
    world
}

fn drawn() -> World {
    world(ResolverConfig::as_drawn())
}

#[test]
fn as_drawn_it_takes_exactly_the_eight_messages_of_the_lecture() {
    // Goal: course D4: host, root, .edu and dns.cs.umass.edu: one query and one reply each.
    let mut world = drawn();
    let answer = world.resolve("gaia.cs.umass.edu", RecordType::A);
    assert_eq!(answer.answers[0].a(), Some([128, 119, 245, 12].into()));
    assert_eq!(
        world.sent(),
        [
            "198.41.0.4 gaia.cs.umass.edu. A",
            "192.0.2.10 gaia.cs.umass.edu. A",
            "192.0.2.20 gaia.cs.umass.edu. A",
        ]
    );
    // Three queries and their replies, the client's question and its answer.
    assert_eq!(world.seen.len() * 2, 8);
    assert_eq!(world.now, Instant(Instant::from_seconds(1000).0 + 60_000_000));
    assert!(answer.header.ra && answer.header.rd && !answer.header.aa);
    assert!(world.sockets.is_empty(), "every socket is closed");
}

#[test]
fn each_query_is_caused_by_the_question_and_the_referral() {
    let mut world = drawn();
    let client = world.ask("gaia.cs.umass.edu", RecordType::A);
    world.run();
    let mut reply_before = Cause::NONE;
    for seen in &world.seen {
        match seen {
            Seen::Sent { causes, event, .. } => {
                let mut expect = Causes::from(Cause(client));
                expect.push(reply_before);
                assert_eq!(*causes, expect);
                reply_before = Cause(event + 1);
            }
            Seen::Answered { causes, .. } => {
                assert_eq!(*causes, Causes { first: Cause(client), also: vec![reply_before] });
            }
        }
    }
}

#[test]
fn the_cache_answers_until_the_ttl_ends_to_the_second() {
    // Goal: course D6.
    let mut world = drawn();
    world.resolve("gaia.cs.umass.edu", RecordType::A);
    let learned = world.now;
    for passed in [0, 1, 59] {
        world.now = Instant(learned.0 + Instant::from_seconds(passed).0);
        world.forget();
        let answer = world.resolve("GAIA.cs.umass.EDU", RecordType::A);
        assert_eq!(u64::from(answer.answers[0].ttl), 60 - passed);
        assert_eq!(answer.questions[0].name.as_wire(), name("GAIA.cs.umass.EDU").as_wire());
        assert_eq!(world.sent(), [""; 0]);
        assert_eq!(world.kinds(), ["answered_from_cache"]);
    }
    world.now = Instant(learned.0 + Instant::from_seconds(60).0);
    world.forget();
    world.resolve("gaia.cs.umass.edu", RecordType::A);
    // The delegation lives longer: the root and .edu are not asked.
    assert_eq!(world.sent(), ["192.0.2.20 gaia.cs.umass.edu. A"]);
    assert!(world.kinds().contains(&"expired"));
}

#[test]
fn each_server_is_told_one_label_more() {
    // Goal: RFC 9156 §2.3, and no more questions for names known to exist.
    let config = ResolverConfig { priming: Priming::Never, ipv6: false, ..Default::default() };
    let mut world = world(config);
    world.resolve("a.b.c.cs.umass.edu", RecordType::TXT);
    assert_eq!(
        world.sent(),
        [
            "198.41.0.4 edu. A",
            "192.0.2.10 umass.edu. A",
            "192.0.2.10 cs.umass.edu. A",
            "192.0.2.20 c.cs.umass.edu. A",
            "192.0.2.20 b.c.cs.umass.edu. A",
            "192.0.2.20 a.b.c.cs.umass.edu. TXT",
        ]
    );
    world.forget();
    let answer = world.resolve("x.b.c.cs.umass.edu", RecordType::TXT);
    assert_eq!(answer.header.rcode, Rcode::NXDOMAIN);
    assert_eq!(world.sent(), ["192.0.2.20 x.b.c.cs.umass.edu. TXT"]);
    world.forget();
    let answer = world.resolve("deep.below.x.b.c.cs.umass.edu", RecordType::A);
    assert_eq!(answer.header.rcode, Rcode::NXDOMAIN);
    assert_eq!(world.sent(), [""; 0], "RFC 8020: nothing exists below it");
}

#[test]
fn absences_are_answered_with_their_soa_and_kept() {
    // Goal: RFC 2308 §2.1, §2.2, §5: SOA in the authority section, TTL the lesser of the two.
    for (asked, rtype, rcode) in [
        ("nothing.cs.umass.edu", RecordType::A, Rcode::NXDOMAIN),
        ("gaia.cs.umass.edu", RecordType::MX, Rcode::NOERROR),
    ] {
        let mut world = drawn();
        let answer = world.resolve(asked, rtype);
        assert_eq!(answer.header.rcode, rcode);
        assert_eq!(answer.authorities[0].rtype, RecordType::SOA);
        assert_eq!(answer.authorities[0].ttl, 300);
        world.wait(100);
        world.forget();
        let answer = world.resolve(asked, rtype);
        assert_eq!((answer.header.rcode, answer.authorities[0].ttl), (rcode, 200));
        assert_eq!(world.sent(), [""; 0]);
        world.wait(200);
        world.resolve(asked, rtype);
        assert_eq!(world.sent().len(), 1);
    }
}

#[test]
fn aliases_are_followed_within_and_across_zones() {
    // Goal: RFC 1034 §3.6.2, course D7.
    let mut world = drawn();
    let answer = world.resolve("www.cs.umass.edu", RecordType::A);
    let types: Vec<RecordType> = answer.answers.iter().map(|record| record.rtype).collect();
    assert_eq!(types, [RecordType::CNAME, RecordType::A]);
    let answer = world.resolve("away.cs.umass.edu", RecordType::A);
    assert_eq!(answer.answers.len(), 4);
    assert_eq!(answer.answers[0].cname(), Some(name("www.example.com")));
    let answer = world.resolve("x.gaia.old.cs.umass.edu", RecordType::A);
    assert_eq!(answer.header.rcode, Rcode::NXDOMAIN);
    let answer = world.resolve("gaia.old.cs.umass.edu", RecordType::A);
    let types: Vec<RecordType> = answer.answers.iter().map(|record| record.rtype).collect();
    assert_eq!(types, [RecordType::DNAME, RecordType::CNAME, RecordType::A]);
    world.forget();
    let answer = world.resolve("www.old.cs.umass.edu", RecordType::A);
    assert_eq!(answer.answers.len(), 4, "redirected out of the cache: {answer:?}");
    assert_eq!(world.sent(), [""; 0]);
}

#[test]
fn a_redirection_is_told_with_its_alias_from_servers_and_from_the_cache() {
    // Goal: RFC 6672 §3.2: the DNAME record stands before the alias that it makes; whoever
    // asks for the alias gets it and not what it leads to.
    const A: RecordType = RecordType::A;
    const CNAME: RecordType = RecordType::CNAME;
    const DNAME: RecordType = RecordType::DNAME;
    for first in [(A, vec![DNAME, CNAME, A]), (CNAME, vec![DNAME, CNAME])] {
        let mut world = drawn();
        let mut ask = |rtype| -> Vec<RecordType> {
            let answer = world.resolve("gaia.old.cs.umass.edu", rtype);
            answer.answers.iter().map(|record| record.rtype).collect()
        };
        assert_eq!(ask(first.0), first.1, "from the servers");
        assert_eq!(ask(A), [DNAME, CNAME, A]);
        assert_eq!(ask(CNAME), [DNAME, CNAME]);
        assert_eq!(ask(DNAME), [DNAME, CNAME], "of the name itself, not of one above it");
    }
}

#[test]
fn a_loop_of_aliases_is_servfail_with_its_reason() {
    let mut world = drawn();
    let answer = world.resolve("loop1.cs.umass.edu", RecordType::A);
    assert_eq!(answer.header.rcode, Rcode::SERVFAIL);
    let edns = answer.edns.unwrap();
    assert_eq!(edns.extended_errors().next().unwrap().code, 24);
    let asked = name("loop1.cs.umass.edu");
    let story = world.resolver.why(&asked).next().unwrap();
    assert_eq!(story.reason, FailureReason::AliasLoop);
    assert!(story.steps.iter().any(|step| step.note.kind() == "referral"));
    world.forget();
    let answer = world.resolve("loop1.cs.umass.edu", RecordType::A);
    assert_eq!(world.sent(), [""; 0], "RFC 9520: not tried again at once");
    assert_eq!(answer.edns.unwrap().extended_errors().next().unwrap().code, 13);
}

#[test]
fn addresses_of_a_set_take_turns() {
    // Goal: course D1: load spread over replicas, also out of the cache.
    let mut world = drawn();
    let mut first = Vec::new();
    for _ in 0..6 {
        let answer = world.resolve("www.example.com", RecordType::A);
        assert_eq!(answer.answers.len(), 3);
        first.push(answer.answers[0].a().unwrap());
    }
    first.sort_unstable();
    first.dedup();
    assert_eq!(first.len(), 3);
}

#[test]
fn a_server_without_glue_is_looked_up_first() {
    // Goal: RFC 1034 §5.3.3: example.com is served by dns.cs.umass.edu, of which com knows no
    // address.
    let mut world = drawn();
    world.resolve("www.example.com", RecordType::A);
    assert_eq!(
        world.sent(),
        [
            "198.41.0.4 www.example.com. A",
            "192.0.2.11 www.example.com. A",
            "198.41.0.4 dns.cs.umass.edu. A",
            "192.0.2.10 dns.cs.umass.edu. A",
            "192.0.2.20 dns.cs.umass.edu. A",
            "192.0.2.20 www.example.com. A",
        ]
    );
}

#[test]
fn a_server_that_only_itself_could_name_is_given_up() {
    // Goal: no loop: bare.com is served by ns.bare.com, without glue.
    let mut world = drawn();
    let answer = world.resolve("www.bare.com", RecordType::A);
    assert_eq!(answer.header.rcode, Rcode::SERVFAIL);
    assert_eq!(answer.edns.unwrap().extended_errors().next().unwrap().code, 22);
    assert!(world.sent().len() <= 4, "{:?}", world.sent());
}

#[test]
fn equal_questions_share_one_search() {
    let mut world = drawn();
    let clients: Vec<u64> = (0..5).map(|_| world.ask("gaia.cs.umass.edu", RecordType::A)).collect();
    world.run();
    assert_eq!(world.sent().len(), 3);
    for client in clients {
        assert_eq!(world.answer_to(client).unwrap().answers.len(), 1);
    }
    assert_eq!(world.kinds().iter().filter(|kind| **kind == "deduplicated").count(), 4);
}

#[test]
fn equal_queries_of_different_questions_share_one_exchange() {
    let config = ResolverConfig { priming: Priming::Never, ipv6: false, ..Default::default() };
    let mut world = world(config);
    world.ask("gaia.cs.umass.edu", RecordType::A);
    world.ask("www.cs.umass.edu", RecordType::A);
    world.run();
    let to_root = world.sent().iter().filter(|sent| sent.starts_with(ROOT)).count();
    assert_eq!(to_root, 1, "both want to know who serves edu");
}

#[test]
fn the_root_is_primed_beside_the_first_question() {
    // Goal: RFC 9609 §3: NS of the root, once; the list then replaces the hints.
    let mut world = world(ResolverConfig { ipv6: false, ..Default::default() });
    world.resolve("gaia.cs.umass.edu", RecordType::A);
    let primings = |world: &World| {
        world.sent().iter().filter(|sent| sent.as_str() == "198.41.0.4 . NS").count()
    };
    assert_eq!(primings(&world), 1);
    assert!(world.kinds().contains(&"primed"));
    world.resolve("www.example.com", RecordType::A);
    assert_eq!(primings(&world), 1);
}

#[test]
fn silence_is_met_with_the_next_server_and_longer_waits() {
    let mut world = drawn();
    world.serve("192.0.2.31", 5, Box::new(|_, _| Vec::new()));
    let slow = zone("slow.com", "www.slow.com 60 A 203.0.113.9");
    world.serve_zones("192.0.2.32", 5, vec![slow]);
    for round in 0..8 {
        world.resolver.flush(&name("www.slow.com"));
        let answer = world.resolve("www.slow.com", RecordType::A);
        assert_eq!(answer.answers.len(), 1, "round {round}");
    }
    let asked_silent = world.sent().iter().filter(|sent| sent.starts_with("192.0.2.31")).count();
    assert!(asked_silent <= 1, "the silent server is asked once: {asked_silent}");
}

#[test]
fn when_no_server_replies_the_client_is_told_in_time() {
    let mut world = drawn();
    for address in ["192.0.2.31", "192.0.2.32"] {
        world.serve(address, 5, Box::new(|_, _| Vec::new()));
    }
    let began = world.now;
    let answer = world.resolve("www.slow.com", RecordType::A);
    assert_eq!(answer.header.rcode, Rcode::SERVFAIL);
    assert!(world.now.since(began) <= Budget::default().time + Duration::from_secs(1));
    assert!(world.sockets.is_empty());
    let waits: Vec<u64> = world
        .notes
        .iter()
        .filter_map(|(note, _)| match note {
            ResolverNote::NoReply { waited_ms, .. } => Some(*waited_ms),
            _ => None,
        })
        .collect();
    assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]), "{waits:?}");
}

#[test]
fn an_unreachable_server_costs_no_wait() {
    let mut world = drawn();
    let answer = world.resolve("www.slow.com", RecordType::A);
    assert_eq!(answer.edns.unwrap().extended_errors().next().unwrap().code, 23);
    assert!(world.now.since(Instant::from_seconds(1000)) < Duration::from_millis(100));
}

#[test]
fn a_cut_reply_is_asked_again_over_tcp() {
    // Goal: RFC 7766 §5.
    let mut world = drawn();
    let mut big = zone("big.edu", "");
    for number in 0..100 {
        let text = format!("{number:0>100}");
        let rdata = Rdata::txt(&[text.as_bytes()]);
        big.records.push(Record::new(name("big.edu"), RecordType::TXT, 60, rdata));
    }
    let mut edu = edu_zone();
    edu.records.push(Record::new(
        name("big.edu"),
        RecordType::NS,
        60,
        Rdata::name(&name("ns.edu")),
    ));
    world.serve_zones(EDU, 5, vec![edu, big]);
    let answer = world.resolve("big.edu", RecordType::TXT);
    assert!(answer.header.tc && answer.answers.is_empty(), "the client asked over UDP");
    assert_eq!(world.sent().last().unwrap(), "192.0.2.10 big.edu. TXT tcp");
    let mut query = Message::query(5, Question::new(name("big.edu"), RecordType::TXT));
    query.header.rd = true;
    let client = world.ask_with(&query.write().unwrap(), Transport::Tcp);
    assert_eq!(world.answer_to(client).unwrap().answers.len(), 100);
}

#[test]
fn a_server_without_edns_is_asked_without() {
    // Goal: RFC 6891 §7.
    let mut world = drawn();
    let zones = [cs_zone()];
    world.serve(
        CS,
        5,
        Box::new(move |query, _| {
            let reply = match query.edns {
                Some(_) => query.reply(Rcode::FORMERR),
                None => authority(&zones, query),
            };
            vec![reply.write().unwrap()]
        }),
    );
    let answer = world.resolve("gaia.cs.umass.edu", RecordType::A);
    assert_eq!(answer.answers.len(), 1);
    world.forget();
    world.resolve("www.cs.umass.edu", RecordType::A);
    assert_eq!(world.sent().len(), 1, "it is remembered");
}

#[test]
fn false_replies_are_ignored_and_the_true_one_is_taken() {
    // Goal: RFC 5452 §9.1: id and question must be the query's.
    let mut world = drawn();
    let zones = [cs_zone()];
    world.serve(
        CS,
        5,
        Box::new(move |query, _| {
            let truth = authority(&zones, query);
            let mut forged = truth.clone();
            forged.answers[0].rdata = Rdata::a([6, 6, 6, 6].into());
            let mut wrong_id = forged.clone();
            wrong_id.header.id ^= 1;
            let mut wrong_question = forged.clone();
            wrong_question.questions[0].name = name("other.cs.umass.edu");
            let mut not_a_reply = forged;
            not_a_reply.header.qr = false;
            [wrong_id, wrong_question, not_a_reply, truth]
                .iter()
                .map(|reply| reply.write().unwrap())
                .collect()
        }),
    );
    let answer = world.resolve("gaia.cs.umass.edu", RecordType::A);
    assert_eq!(answer.answers[0].a(), Some([128, 119, 245, 12].into()));
    assert_eq!(world.kinds().iter().filter(|kind| **kind == "ignored").count(), 3);
}

#[test]
fn random_case_must_come_back_as_it_went() {
    let config = ResolverConfig { random_case: true, ..ResolverConfig::as_drawn() };
    let mut world = world(config);
    let zones = [cs_zone()];
    world.serve(
        CS,
        5,
        Box::new(move |query, _| {
            let truth = authority(&zones, query);
            let mut lower = truth.clone();
            lower.questions[0].name = truth.questions[0].name.to_lowercase();
            lower.answers[0].rdata = Rdata::a([6, 6, 6, 6].into());
            vec![lower.write().unwrap(), truth.write().unwrap()]
        }),
    );
    let answer = world.resolve("gaia.cs.umass.edu", RecordType::A);
    assert_eq!(answer.answers[0].a(), Some([128, 119, 245, 12].into()));
    assert!(world.sent()[0].chars().any(|letter| letter.is_ascii_uppercase()));
}

#[test]
fn data_from_outside_the_asked_zone_is_thrown_away() {
    // Goal: bailiwick by the queried zone: the server of cs.umass.edu says where
    // www.example.com is, in every section, and is not believed.
    let mut world = drawn();
    let zones = [cs_zone()];
    world.serve(
        CS,
        5,
        Box::new(move |query, _| {
            let mut reply = authority(&zones, query);
            let lie = |owner: &str| {
                Record::new(name(owner), RecordType::A, 9999, Rdata::a([6, 6, 6, 6].into()))
            };
            reply.answers.push(lie("www.example.com"));
            reply.additionals.push(lie("ns.com"));
            let server = Rdata::name(&name("evil.cs.umass.edu"));
            reply.authorities.push(Record::new(name("com"), RecordType::NS, 9999, server));
            vec![reply.write().unwrap()]
        }),
    );
    world.resolve("gaia.cs.umass.edu", RecordType::A);
    assert!(world.kinds().contains(&"out_of_zone"));
    let poisoned: Vec<String> = world
        .resolver
        .cache()
        .entries(world.now)
        .filter(|entry| entry.name == name("www.example.com") || entry.name == name("com"))
        .map(|entry| entry.name.to_string())
        .collect();
    assert_eq!(poisoned, [""; 0]);
    assert_eq!(world.resolve("www.cs.umass.edu", RecordType::A).answers.len(), 2);
}

#[test]
fn a_lame_server_is_left_for_another() {
    let mut world = drawn();
    world.serve_zones("192.0.2.31", 1, vec![root_zone()]);
    let slow = zone("slow.com", "www.slow.com 60 A 203.0.113.9");
    world.serve_zones("192.0.2.32", 50, vec![slow]);
    for _ in 0..4 {
        world.resolver.flush(&name("www.slow.com"));
        assert_eq!(world.resolve("www.slow.com", RecordType::A).answers.len(), 1);
    }
    let lame = world.kinds().iter().filter(|kind| **kind == "lame").count();
    assert!(lame <= 1, "it is remembered: {lame}");
}

#[test]
fn a_referral_to_a_thousand_servers_costs_a_bounded_number_of_queries() {
    // Goal: NXNSAttack (CVE-2020-8616): each referral names many servers without address.
    let mut world = world(ResolverConfig { ipv6: true, ..ResolverConfig::as_drawn() });
    let mut attack = com_zone();
    for number in 0..1000 {
        let server = Rdata::name(&name(&format!("ns{number}.victim{number}.edu")));
        attack.records.push(Record::new(name("evil.com"), RecordType::NS, 60, server));
    }
    world.serve_zones("192.0.2.11", 5, vec![attack]);
    let answer = world.resolve("www.evil.com", RecordType::A);
    assert_eq!(answer.header.rcode, Rcode::SERVFAIL);
    let budget = Budget::default();
    assert!(world.sent().len() <= usize::try_from(budget.queries_max).unwrap());
    let to_edu = world.sent().iter().filter(|sent| sent.starts_with(EDU)).count();
    assert!(to_edu <= 2 * usize::try_from(budget.server_names_max).unwrap(), "{to_edu}");
}

#[test]
fn without_recursion_only_what_is_known_is_given() {
    // Goal: RFC 1034 §4.3.1: no query leaves for RD = 0.
    let query =
        |asked: &str| Message::query(5, Question::new(name(asked), RecordType::A)).write().unwrap();
    let mut world = drawn();
    let client = world.ask_with(&query("gaia.cs.umass.edu"), Transport::Udp);
    assert_eq!(world.answer_to(client).unwrap().header.rcode, Rcode::REFUSED);
    world.resolve("gaia.cs.umass.edu", RecordType::A);
    world.forget();
    let client = world.ask_with(&query("gaia.cs.umass.edu"), Transport::Udp);
    assert_eq!(world.answer_to(client).unwrap().answers.len(), 1);
    let client = world.ask_with(&query("other.cs.umass.edu"), Transport::Udp);
    let referral = world.answer_to(client).unwrap();
    assert_eq!(referral.authorities[0].ns(), Some(name("dns.cs.umass.edu")));
    assert_eq!(referral.additionals.len(), 1);
    assert_eq!(world.sent(), [""; 0]);
}

#[test]
fn what_is_no_question_gets_the_protocols_error() {
    // Goal: each broken query has its response code (RFC 1035 §4.1.1, RFC 6891, RFC 9619).
    let mut world = drawn();
    let good = Message::query(5, Question::new(name("gaia.cs.umass.edu"), RecordType::A));
    let octets = good.write().unwrap();
    let change = |at: usize, value: u8| {
        let mut octets = octets.clone();
        octets[at] = value;
        octets
    };
    let mut edns = good.clone();
    edns.edns = Some(crate::message::Edns { version: 1, ..Default::default() });
    let with_type = |qtype| Message::query(5, Question::new(name("x.edu"), qtype)).write().unwrap();
    let cases = [
        (change(2, 0x20), Rcode::NOTIMP),
        (change(5, 2), Rcode::FORMERR),
        (change(5, 0), Rcode::FORMERR),
        (change(12, 0xc0), Rcode::FORMERR),
        (octets[..20].to_vec(), Rcode::FORMERR),
        ([octets.as_slice(), b"x"].concat(), Rcode::FORMERR),
        (change(octets.len() - 1, 3), Rcode::REFUSED),
        (edns.write().unwrap(), Rcode::BADVERS),
        (with_type(RecordType::AXFR), Rcode::NOTIMP),
    ];
    for (octets, expect) in cases {
        let client = world.ask_with(&octets, Transport::Udp);
        let answer = world.answer_to(client).unwrap();
        assert_eq!((answer.header.rcode, answer.header.id), (expect, 5), "{octets:02x?}");
    }
    for silent in [&octets[..11], &change(2, 0x80)] {
        let client = world.ask_with(silent, Transport::Udp);
        assert_eq!(world.answer_to(client), None, "RFC 1035 §7.3: a reply is never answered");
    }
}

#[test]
fn names_of_the_host_itself_are_not_asked_for() {
    // Goal: RFC 6761 §6.3, §6.4; RFC 8482 §4.2.
    let mut world = drawn();
    let cases = [
        ("localhost", RecordType::A, Rcode::NOERROR, 1),
        ("app.localhost", RecordType::AAAA, Rcode::NOERROR, 1),
        ("localhost", RecordType::MX, Rcode::NOERROR, 0),
        ("1.0.0.127.in-addr.arpa", RecordType::PTR, Rcode::NOERROR, 1),
        ("x.invalid", RecordType::A, Rcode::NXDOMAIN, 0),
        ("gaia.cs.umass.edu", RecordType::ANY, Rcode::NOERROR, 1),
    ];
    for (asked, rtype, rcode, answers) in cases {
        let answer = world.resolve(asked, rtype);
        assert_eq!((answer.header.rcode, answer.answers.len()), (rcode, answers), "{asked}");
    }
    assert_eq!(world.sent(), [""; 0]);
}

#[test]
fn the_short_way_gives_the_same_answer() {
    let mut world = drawn();
    let mut query = Message::query(77, Question::new(name("www.cs.umass.edu"), RecordType::A));
    query.header.rd = true;
    let octets = query.write().unwrap();
    let mut out = Vec::new();
    assert!(!world.resolver.answer_from_cache(world.now, Transport::Udp, &octets, &mut out));
    world.resolve("www.cs.umass.edu", RecordType::A);
    let client = world.ask_with(&octets, Transport::Udp);
    assert!(world.resolver.answer_from_cache(world.now, Transport::Udp, &octets, &mut out));
    assert_eq!(Message::parse(&out).unwrap(), world.answer_to(client).unwrap());
}

#[test]
fn the_faster_of_two_servers_gets_most_questions() {
    let mut world = world(ResolverConfig { priming: Priming::Never, ..Default::default() });
    let slow = zone("slow.com", "www.slow.com 1 A 203.0.113.9");
    world.serve_zones("192.0.2.31", 200, vec![slow.clone()]);
    world.serve_zones("192.0.2.32", 10, vec![slow]);
    for _ in 0..200 {
        world.resolve("www.slow.com", RecordType::A);
        world.wait(2);
    }
    let count = |server: &str| world.sent().iter().filter(|sent| sent.starts_with(server)).count();
    let (far, near) = (count("192.0.2.31"), count("192.0.2.32"));
    assert!(near > 8 * far, "{near} to the near one, {far} to the far one");
    assert!(far >= 2, "now and then the far one is tried");
    let rtt: Vec<IpAddr> = world.resolver.round_trips().map(|(address, _)| address).collect();
    assert!(rtt.contains(&"192.0.2.32".parse().unwrap()));
}
