//! Servers and clients around a resolver in virtual time, without any socket.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use capa7_dissect::{Cause, Causes};

use super::super::*;
use crate::message::{Edns, Message, Question, Rdata, Record, Soa};
use crate::{Rcode, RecordClass};

/// A zone as one server holds it.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    pub(super) apex: Name,
    pub(super) records: Vec<Record>,
}

/// What a server does with a query.
pub(super) type Behaviour = Box<dyn FnMut(&Message, bool) -> Vec<Vec<u8>>>;

/// One message that passed between the resolver and someone else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Sent { server: IpAddr, name: Name, rtype: RecordType, tcp: bool, causes: Causes, event: u64 },
    Answered { client: u64, message: Message, causes: Causes },
}

#[derive(Debug)]
enum Event {
    Reply { tag: ExchangeTag, from: SocketAddr, octets: Vec<u8>, tcp: bool, cause: u64 },
    Unreachable(ExchangeTag),
}

/// The resolver with its surroundings.
pub(super) struct World {
    pub(super) resolver: Resolver,
    pub(super) now: Instant,
    servers: BTreeMap<IpAddr, (Duration, Behaviour)>,
    events: BTreeMap<(Instant, u64), Event>,
    wake: Option<Instant>,
    events_made: u64,
    pub(super) seen: Vec<Seen>,
    pub(super) notes: Vec<(ResolverNote, Causes)>,
    pub(super) sockets: BTreeSet<u64>,
}

impl World {
    pub(super) fn new(config: ResolverConfig) -> Self {
        Self {
            resolver: Resolver::new(config, [7; 32]),
            now: Instant::from_seconds(1000),
            servers: BTreeMap::new(),
            events: BTreeMap::new(),
            wake: None,
            events_made: 0,
            seen: Vec::new(),
            notes: Vec::new(),
            sockets: BTreeSet::new(),
        }
    }

    pub(super) fn serve(&mut self, address: &str, latency_ms: u64, behaviour: Behaviour) {
        let latency = Duration::from_millis(latency_ms);
        self.servers.insert(address.parse().unwrap(), (latency, behaviour));
    }

    pub(super) fn serve_zones(&mut self, address: &str, latency_ms: u64, zones: Vec<Zone>) {
        let authority = move |query: &Message, tcp: bool| {
            let limit = if tcp { 65_535 } else { query.datagram_limit() };
            vec![authority(&zones, query).write_within(limit).unwrap()]
        };
        self.serve(address, latency_ms, Box::new(authority));
    }

    fn event(&mut self) -> u64 {
        self.events_made += 1;
        self.events_made
    }

    /// A client asks; its number and the event of its question.
    pub(super) fn ask(&mut self, name: &str, rtype: RecordType) -> u64 {
        let mut query = Message::query(99, Question::new(Name::parse(name).unwrap(), rtype));
        query.header.rd = true;
        query.edns = Some(Edns::default());
        self.ask_with(&query.write().unwrap(), Transport::Udp)
    }

    pub(super) fn ask_with(&mut self, octets: &[u8], transport: Transport) -> u64 {
        let event = self.event();
        let (client, cause) = (ClientId(event), Cause(event));
        self.resolver.handle(self.now, Input::Query { client, transport, octets, cause });
        self.drain();
        event
    }

    /// Asks and runs until the answer is there.
    pub(super) fn resolve(&mut self, name: &str, rtype: RecordType) -> Message {
        let client = self.ask(name, rtype);
        self.run();
        self.answer_to(client).expect("every client is answered")
    }

    pub(super) fn answer_to(&self, asked: u64) -> Option<Message> {
        self.seen.iter().find_map(|seen| match seen {
            Seen::Answered { client, message, .. } if *client == asked => Some(message.clone()),
            _ => None,
        })
    }

    /// The queries sent so far: server, name and type.
    pub(super) fn sent(&self) -> Vec<String> {
        let sent = self.seen.iter().filter_map(|seen| match seen {
            Seen::Sent { server, name, rtype, tcp, .. } => {
                Some(format!("{server} {name} {rtype}{}", if *tcp { " tcp" } else { "" }))
            }
            Seen::Answered { .. } => None,
        });
        sent.collect()
    }

    pub(super) fn forget(&mut self) {
        self.seen.clear();
        self.notes.clear();
    }

    pub(super) fn kinds(&self) -> Vec<&'static str> {
        self.notes.iter().map(|(note, _)| note.kind()).collect()
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.run();
        self.now = Instant(self.now.0 + Instant::from_seconds(seconds).0);
    }

    /// Runs until nothing is under way.
    pub(super) fn run(&mut self) {
        for _ in 0..STEPS_MAX {
            let next = self.events.keys().next().copied();
            match (next, self.wake) {
                (Some(key), wake) if wake.is_none_or(|wake| key.0 <= wake) => {
                    self.now = self.now.max(key.0);
                    let event = self.events.remove(&key).unwrap();
                    self.happen(event);
                }
                (None, Some(_)) if self.is_idle() => return,
                (_, Some(wake)) => {
                    self.now = self.now.max(wake);
                    self.wake = None;
                    self.resolver.handle(self.now, Input::Timer);
                }
                (Some(_), None) => unreachable!("covered by the first arm"),
                (None, None) => return,
            }
            self.drain();
        }
        panic!("the resolver does not come to rest");
    }

    fn is_idle(&self) -> bool {
        self.resolver.requests_open() == 0 && self.resolver.exchanges_open() == 0
    }

    fn happen(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Reply { tag, octets, tcp: true, cause, .. } => {
                let cause = Cause(cause);
                self.resolver.handle(now, Input::TcpReply { tag, octets: &octets, cause });
            }
            Event::Reply { tag, from, octets, tcp: false, cause } => {
                let (octets, cause) = (&octets[..], Cause(cause));
                self.resolver.handle(now, Input::UdpReply { tag, from, octets, cause });
            }
            Event::Unreachable(tag) => self.resolver.handle(now, Input::Failed { tag }),
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.resolver.poll() {
            match output {
                Output::SendUdp { tag, server, octets, causes } => {
                    self.send(tag, server, &octets, causes, false);
                }
                Output::SendTcp { tag, server, octets, causes } => {
                    self.send(tag, server, &octets, causes, true);
                }
                Output::Close { tag } => assert!(self.sockets.remove(&tag.0), "closed once"),
                Output::Answer { client, octets, causes } => {
                    let message = Message::parse(&octets).expect("answers are well formed");
                    self.seen.push(Seen::Answered { client: client.0, message, causes });
                }
                Output::Note { note, causes } => self.notes.push((note, causes)),
                Output::Wake { at, .. } => self.wake = Some(at),
            }
        }
    }

    fn send(
        &mut self,
        tag: ExchangeTag,
        server: SocketAddr,
        octets: &[u8],
        causes: Causes,
        tcp: bool,
    ) {
        assert!(self.sockets.insert(tag.0), "a socket of its own per exchange");
        let query = Message::parse(octets).expect("queries are well formed");
        let question = query.question().unwrap().clone();
        let event = self.event();
        self.seen.push(Seen::Sent {
            server: server.ip(),
            name: question.name,
            rtype: question.qtype,
            tcp,
            causes,
            event,
        });
        let Some((latency, behaviour)) = self.servers.get_mut(&server.ip()) else {
            let key = (self.now.plus(Duration::from_millis(1)), event);
            self.events.insert(key, Event::Unreachable(tag));
            return;
        };
        let at = self.now.plus(*latency);
        for octets in behaviour(&query, tcp) {
            let cause = self.event();
            let event = Event::Reply { tag, from: server, octets, tcp, cause };
            self.events.insert((at, cause), event);
        }
    }
}

/// The reply of an authority for some zones (RFC 1034 §4.3.2, without wildcards).
pub(super) fn authority(zones: &[Zone], query: &Message) -> Message {
    let question = query.question().unwrap();
    let name = &question.name;
    let mut reply = query.reply(Rcode::REFUSED);
    reply.edns = query.edns.as_ref().map(|_| Edns::default());
    let deepest = zones
        .iter()
        .filter(|zone| name.is_subdomain_of(&zone.apex))
        .max_by_key(|zone| zone.apex.label_count());
    let Some(zone) = deepest else { return reply };
    reply.header.rcode = Rcode::NOERROR;
    let cut = zone
        .records
        .iter()
        .filter(|record| record.rtype == RecordType::NS && record.name != zone.apex)
        .filter(|record| name.is_subdomain_of(&record.name) && question.qtype != RecordType::DS)
        .map(|record| record.name.clone())
        .min_by_key(Name::label_count);
    if let Some(cut) = cut {
        let own = |record: &&Record| record.name == cut && record.rtype == RecordType::NS;
        reply.authorities = zone.records.iter().filter(own).cloned().collect();
        reply.additionals = glue(zone, &reply.authorities);
        return reply;
    }
    reply.header.aa = true;
    let own: Vec<&Record> = zone.records.iter().filter(|record| record.name == *name).collect();
    let fits =
        |record: &&&Record| record.rtype == question.qtype || record.rtype == RecordType::CNAME;
    reply.answers = own.iter().filter(fits).map(|record| (*record).clone()).collect();
    if reply.answers.is_empty()
        && let Some(dname) = zone.records.iter().find(|record| {
            record.rtype == RecordType::DNAME
                && *name != record.name
                && name.is_subdomain_of(&record.name)
        })
    {
        let target = name.rebase(&dname.name, &dname.dname().unwrap()).unwrap();
        let rdata = Rdata::name(&target);
        let cname = Record::new(name.clone(), RecordType::CNAME, dname.ttl, rdata);
        reply.answers = vec![dname.clone(), cname];
    }
    if reply.answers.is_empty() {
        let exists = zone.records.iter().any(|record| record.name.is_subdomain_of(name));
        reply.header.rcode = if exists { Rcode::NOERROR } else { Rcode::NXDOMAIN };
        let soa = zone.records.iter().filter(|record| record.rtype == RecordType::SOA);
        reply.authorities = soa.cloned().collect();
    }
    if name.is_root() {
        reply.additionals = glue(zone, &reply.answers);
    }
    reply
}

fn glue(zone: &Zone, servers: &[Record]) -> Vec<Record> {
    let names: Vec<Name> = servers.iter().filter_map(Record::ns).collect();
    let is_address = |record: &&Record| {
        matches!(record.rtype, RecordType::A | RecordType::AAAA) && names.contains(&record.name)
    };
    zone.records.iter().filter(is_address).cloned().collect()
}

/// A zone from lines of owner, TTL, type and data; an SOA record is added.
pub(super) fn zone(apex: &str, lines: &str) -> Zone {
    let apex = Name::parse(apex).unwrap();
    let soa = Soa {
        mname: Name::parse("ns.example").unwrap(),
        rname: Name::parse("root.example").unwrap(),
        serial: 1,
        refresh: 3600,
        retry: 600,
        expire: 86_400,
        minimum: 300,
    };
    let mut records = vec![Record::new(apex.clone(), RecordType::SOA, 900, Rdata::soa(&soa))];
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [owner, ttl, rtype, data] = words[..] else { panic!("{line}") };
        let rtype: RecordType = rtype.parse().unwrap();
        let rdata = match rtype {
            RecordType::A => Rdata::a(data.parse().unwrap()),
            RecordType::AAAA => Rdata::aaaa(data.parse().unwrap()),
            RecordType::TXT => Rdata::txt(&[data.as_bytes()]),
            RecordType::MX => Rdata::mx(10, &Name::parse(data).unwrap()),
            _ => Rdata::name(&Name::parse(data).unwrap()),
        };
        let name = Name::parse(owner).unwrap();
        let (class, ttl) = (RecordClass::IN, ttl.parse().unwrap());
        records.push(Record { name, rtype, class, ttl, rdata });
    }
    Zone { apex, records }
}

/// More steps than any scenario here takes.
const STEPS_MAX: usize = 20_000;
