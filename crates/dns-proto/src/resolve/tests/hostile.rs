//! Servers that answer anything: valid messages of every kind, lies, and broken octets.

use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::super::*;
use super::world::{Seen, World, zone};
use super::{name, one_root};
use crate::cache::CacheLimits;
use crate::message::{Message, Rdata, Record, Soa};
use crate::{Rcode, RecordType};

const HONEST: &str = "192.0.2.50";
const TRUTH: [u8; 4] = [203, 0, 113, 50];
const HOSTILE: [&str; 4] = ["192.0.2.61", "192.0.2.62", "192.0.2.63", "192.0.2.64"];

/// The root and com are honest; evil.com and the top-level domain evil are not.
fn hostile_world(config: ResolverConfig, seed: u64) -> World {
    let mut world = World::new(one_root(config));
    let mut root = "
        . 518400 NS a.root-servers.net
        a.root-servers.net 518400 A 198.41.0.4
        com 3600 NS ns.com
        ns.com 3600 A 192.0.2.11
        "
    .to_owned();
    let mut com = "
        com 3600 NS ns.com
        ns.com 3600 A 192.0.2.11
        victim.com 60 NS ns.victim.com
        ns.victim.com 60 A 192.0.2.50
        "
    .to_owned();
    for (index, address) in HOSTILE.iter().enumerate() {
        root += &format!("evil 60 NS ns{index}.evil\nns{index}.evil 60 A {address}\n");
        com += &format!("evil.com 60 NS ns{index}.evil.com\nns{index}.evil.com 60 A {address}\n");
    }
    world.serve_zones("198.41.0.4", 5, vec![zone(".", &root)]);
    world.serve_zones("192.0.2.11", 5, vec![zone("com", &com)]);
    let victim = "
        victim.com 5 NS ns.victim.com
        ns.victim.com 5 A 192.0.2.50
        www.victim.com 5 A 203.0.113.50
        mail.victim.com 5 A 203.0.113.50
        ";
    world.serve_zones(HONEST, 5, vec![zone("victim.com", victim)]);
    let rng = Rc::new(RefCell::new(ChaCha8Rng::seed_from_u64(seed)));
    for address in HOSTILE {
        let mut grammar = Grammar { rng: rng.clone() };
        world.serve(address, 3, Box::new(move |query, tcp| grammar.replies(query, tcp)));
    }
    world
}

/// Makes replies at random.
struct Grammar {
    rng: Rc<RefCell<ChaCha8Rng>>,
}

impl Grammar {
    fn below(&mut self, end: usize) -> usize {
        self.rng.borrow_mut().random_range(0..end)
    }

    fn octet(&mut self) -> u8 {
        self.rng.borrow_mut().random()
    }

    fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts.choose(&mut *self.rng.borrow_mut()).unwrap()
    }

    /// A name that might be worth lying about, or one near the question's.
    fn any_name(&mut self, near: &Name) -> Name {
        let label = self.one_of(&["a", "b", "ns", "www", "*", "_tcp", "x.y.z"]);
        let pool = [
            ".",
            "com",
            "evil",
            "evil.com",
            "victim.com",
            "www.victim.com",
            "mail.victim.com",
            "ns.victim.com",
            "ns.com",
            "a.root-servers.net",
            "ns0.evil.com",
            "ns1.evil",
            "localhost",
        ];
        match self.below(6) {
            0 | 1 => name(self.one_of(&pool)),
            2 => near.clone(),
            3 => near.parent().unwrap_or_else(Name::root),
            4 => Name::parse_relative(label, near).unwrap_or_else(|_| near.clone()),
            _ => name(&format!("{label}{}.evil.com", self.below(50))),
        }
    }

    fn address(&mut self) -> Ipv4Addr {
        match self.below(4) {
            0 => self.one_of(&HOSTILE).parse().unwrap(),
            1 => self.one_of(&[HONEST, "192.0.2.11", "198.41.0.4"]).parse().unwrap(),
            _ => [6, 6, 6, 6].into(),
        }
    }

    fn record(&mut self, near: &Name) -> Record {
        let owner = self.any_name(near);
        let ttl = [0, 1, 60, 86_400, 0x7fff_ffff, u32::MAX][self.below(6)];
        let target = self.any_name(near);
        let (rtype, rdata) = match self.below(9) {
            0 | 1 => (RecordType::A, Rdata::a(self.address())),
            2 => (RecordType::NS, Rdata::name(&target)),
            3 => (RecordType::CNAME, Rdata::name(&target)),
            4 => (RecordType::DNAME, Rdata::name(&target)),
            5 => (RecordType::SOA, Rdata::soa(&soa(ttl))),
            6 => (RecordType::MX, Rdata::mx(1, &target)),
            7 => (RecordType(65_280), Rdata::from_wire(&[self.octet(); 40])),
            // Data that is not of its type's form.
            _ => (RecordType::A, Rdata::from_wire(&[1, 2, 3])),
        };
        Record::new(owner, rtype, ttl, rdata)
    }

    /// A reply that could be true, about the name that was asked for.
    fn plausible(&mut self, query: &Message) -> Message {
        let question = query.question().unwrap();
        let asked = question.name.clone();
        let mut reply = query.reply(Rcode::NOERROR);
        reply.header.aa = true;
        let target = self.any_name(&asked);
        let ttl = [0, 30, 60, 90][self.below(4)];
        match self.below(6) {
            0 => {
                let rdata = Rdata::a(self.address());
                reply.answers.push(Record::new(asked, RecordType::A, ttl, rdata));
            }
            1 => {
                let rdata = Rdata::name(&target);
                reply.answers.push(Record::new(asked, RecordType::CNAME, ttl, rdata));
            }
            2 => {
                let owner = asked.parent().unwrap_or_else(Name::root);
                let rdata = Rdata::name(&target);
                reply.answers.push(Record::new(owner, RecordType::DNAME, ttl, rdata));
            }
            3 => {
                reply.header.aa = false;
                for number in 0..self.below(30) {
                    let server = match self.below(3) {
                        0 => name(&format!("ns{number}.victim.com")),
                        1 => name(self.one_of(&["ns.evil.com", "ns.com", "www.victim.com"])),
                        _ => Name::parse_relative(&format!("ns{number}"), &asked)
                            .unwrap_or(Name::root()),
                    };
                    let rdata = Rdata::name(&server);
                    reply.authorities.push(Record::new(asked.clone(), RecordType::NS, ttl, rdata));
                    if self.below(2) == 0 {
                        let rdata = Rdata::a(self.address());
                        reply.additionals.push(Record::new(server, RecordType::A, ttl, rdata));
                    }
                }
            }
            4 => {
                reply.header.rcode = Rcode::NXDOMAIN;
                let owner = self.any_name(&asked);
                reply.authorities.push(Record::new(
                    owner,
                    RecordType::SOA,
                    ttl,
                    Rdata::soa(&soa(60)),
                ));
            }
            _ => {
                let owner = asked.parent().unwrap_or_else(Name::root);
                reply.authorities.push(Record::new(
                    owner,
                    RecordType::SOA,
                    ttl,
                    Rdata::soa(&soa(60)),
                ));
            }
        }
        reply
    }

    fn message(&mut self, query: &Message) -> Message {
        let mut reply = self.plausible(query);
        let asked = query.question().unwrap().name.clone();
        if self.below(3) == 0 {
            for _ in 0..self.below(8) {
                let record = self.record(&asked);
                match self.below(3) {
                    0 => reply.answers.push(record),
                    1 => reply.authorities.push(record),
                    _ => reply.additionals.push(record),
                }
            }
        }
        match self.below(24) {
            0 => reply.header.rcode = Rcode(u16::from(self.octet() % 24)),
            1 => reply.header.aa = !reply.header.aa,
            2 => reply.header.tc = true,
            3 => reply.header.id ^= 1 << self.below(16),
            4 => reply.header.qr = false,
            5 => reply.questions[0].name = self.any_name(&asked),
            6 => reply.questions.clear(),
            7 => reply.questions.push(reply.questions[0].clone()),
            8 => reply.questions[0].qtype = RecordType::MX,
            9 => {
                let record = self.record(&asked);
                reply.answers.extend(std::iter::repeat_n(record, 400));
            }
            _ => {}
        }
        reply
    }

    fn replies(&mut self, query: &Message, tcp: bool) -> Vec<Vec<u8>> {
        let count = [0, 1, 1, 1, 1, 1, 1, 2, 3, 20][self.below(10)];
        let mut replies = Vec::new();
        for _ in 0..count {
            let limit = if tcp { 65_535 } else { 4096 };
            let mut octets = self.message(query).write_within(limit).unwrap_or_default();
            match self.below(12) {
                0 => {
                    for _ in 0..=self.below(6) {
                        let at = self.below(octets.len().max(1));
                        if let Some(octet) = octets.get_mut(at) {
                            *octet = self.octet();
                        }
                    }
                }
                1 => octets.truncate(self.below(octets.len().max(1))),
                2 => octets.extend_from_slice(b"more"),
                3 => {
                    // The right id and question, then anything.
                    octets.truncate(12 + query.question().unwrap().name.wire_len() + 4);
                    for _ in 0..self.below(60) {
                        octets.push(self.octet());
                    }
                }
                _ => {}
            }
            replies.push(octets);
        }
        replies
    }
}

fn soa(minimum: u32) -> Soa {
    let mname = name("ns.evil.com");
    Soa { rname: mname.clone(), mname, serial: 1, refresh: 1, retry: 1, expire: 1, minimum }
}

/// What a client is told must be the truth about the victim, whatever else it is.
fn check_answer(message: &Message) {
    let victim = name("victim.com");
    for record in message.answers.iter().filter(|record| record.name.is_subdomain_of(&victim)) {
        let true_address = record.a() == Some(TRUTH.into())
            || (record.name == name("ns.victim.com") && record.a() == Some([192, 0, 2, 50].into()));
        // RFC 8482: a question for any type is answered by the resolver itself.
        let own = record.rtype == RecordType::HINFO;
        let true_server = record.ns() == Some(name("ns.victim.com"));
        assert!(true_address || true_server || own, "a lie was served: {record:?}");
    }
    let asked = &message.questions[0].name;
    if *asked == name("www.victim.com") {
        assert_eq!(message.header.rcode, Rcode::NOERROR, "the victim is there: {message:?}");
    }
}

fn check_cache(world: &World) {
    let honest: Vec<IpAddr> =
        [HONEST, "192.0.2.11", "198.41.0.4"].map(|text| text.parse().unwrap()).to_vec();
    let (victim, com) = (name("victim.com"), name("com"));
    for entry in world.resolver.cache().entries(world.now) {
        let precious =
            entry.name.is_subdomain_of(&victim) || entry.name == com || entry.name.is_root();
        // Glue of a hostile zone leads only searches below that zone.
        let glue = entry.state == crate::cache::CacheState::Glue;
        if precious
            && !glue
            && let Some(server) = entry.server
        {
            assert!(honest.contains(&server.ip()), "a lie was kept: {entry:?}");
        }
    }
}

/// Asks until so many queries went out; gives how many clients were served.
fn survive(config: ResolverConfig, seed: u64, exchanges: usize) -> usize {
    let time = config.budget.time;
    let queries_max = usize::try_from(config.budget.queries_max).unwrap();
    let octets_max = 2 * config.cache.octets_max;
    let mut world = hostile_world(config, seed);
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 1);
    let (mut sent, mut served) = (0, 0);
    while sent < exchanges {
        let began = world.now;
        let clients: Vec<u64> = (0..20)
            .map(|_| {
                let types = [RecordType::A, RecordType::NS, RecordType::MX, RecordType::ANY];
                let rtype = *types.choose(&mut rng).unwrap();
                let label = rng.random_range(0..500);
                match rng.random_range(0..6) {
                    0 => world.ask("www.victim.com", RecordType::A),
                    1 => world.ask(&format!("www.{label}.evil"), rtype),
                    2 => world.ask(&format!("a.b.c.d.{label}.evil.com"), rtype),
                    3 => world.ask("ns.victim.com", rtype),
                    _ => world.ask(&format!("x{label}.evil.com"), rtype),
                }
            })
            .collect();
        world.run();
        for client in clients {
            let answer = world.answer_to(client).expect("every client is answered");
            check_answer(&answer);
            served += 1;
        }
        assert!(world.now.since(began) <= time + Duration::from_secs(5), "in bounded time");
        let wave = world.seen.iter().filter(|seen| matches!(seen, Seen::Sent { .. })).count();
        assert!(wave <= 20 * queries_max + 8);
        sent += wave;
        assert!(world.resolver.cache_octets() <= octets_max);
        assert_eq!((world.resolver.requests_open(), world.resolver.exchanges_open()), (0, 0));
        assert!(world.sockets.is_empty(), "every socket is closed");
        check_cache(&world);
        world.forget();
        world.now = world.now.plus(Duration::from_secs(rng.random_range(0..20)));
    }
    served
}

fn small_cache(config: ResolverConfig) -> ResolverConfig {
    let cache = CacheLimits { octets_max: 200_000, failure_ttl_s: 1, ..CacheLimits::default() };
    ResolverConfig { cache, ..config }
}

// Goal: every client is answered in bounded time, the cache stays bounded, and
// no data from outside the asked zone is ever served or kept. A hundred
// thousand exchanges in two tests, which run side by side.
#[test]
fn fifty_thousand_exchanges_with_hostile_servers_end_well() {
    let served = survive(small_cache(ResolverConfig::default()), 1, 50_000);
    assert!(served > 500, "{served} clients");
}

#[test]
fn fifty_thousand_more_as_the_course_draws_it_end_well_too() {
    let served = survive(small_cache(ResolverConfig::as_drawn()), 2, 50_000);
    assert!(served > 500, "{served} clients");
}
