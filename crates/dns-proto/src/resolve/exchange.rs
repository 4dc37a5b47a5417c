//! Queries under way to authoritative servers.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rand::{Rng, RngCore};

use crate::instant::Instant;
use crate::message::{Edns, Header, Message, Question};
use crate::resolve::IgnoreReason;
use crate::resolve::query::Transport;
use crate::{NAME_OCTETS_MAX, Name, Opcode, Rcode, RecordType};

/// One query under way; equal queries of several requests share it.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) server: SocketAddr,
    /// The name in the case in which it was sent.
    pub(crate) name: Name,
    pub(crate) rtype: RecordType,
    id: u16,
    pub(crate) transport: Transport,
    pub(crate) edns: bool,
    /// Whether the reply must repeat the case of the name.
    exact_case: bool,
    pub(crate) sent: Instant,
    pub(crate) deadline: Instant,
    pub(crate) false_replies: u32,
    /// Request and lookup of each who waits.
    pub(crate) waiters: Vec<(u64, usize)>,
}

/// What an exchange begins with.
#[derive(Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) server: SocketAddr,
    pub(crate) question: (&'a Name, RecordType),
    pub(crate) transport: Transport,
    pub(crate) edns: bool,
    pub(crate) random_case: bool,
    pub(crate) now: Instant,
    pub(crate) deadline: Instant,
}

impl Exchange {
    /// Chooses an unpredictable id (RFC 5452 §9.2), and the case of letters where wanted.
    pub(crate) fn new(opening: &Opening<'_>, rng: &mut impl RngCore) -> Self {
        let (name, rtype) = opening.question;
        let name = if opening.random_case { with_random_case(name, rng) } else { name.clone() };
        Self {
            server: opening.server,
            name,
            rtype,
            id: rng.random(),
            transport: opening.transport,
            edns: opening.edns,
            exact_case: opening.random_case,
            sent: opening.now,
            deadline: opening.deadline,
            false_replies: 0,
            waiters: Vec::new(),
        }
    }

    /// The query's octets: without RD, for an authority is asked (course D4: iterated).
    pub(crate) fn query(&self) -> Vec<u8> {
        let question = Question::new(self.name.clone(), self.rtype);
        let mut query = Message::query(self.id, question);
        query.edns = self.edns.then(Edns::default);
        // A question and an OPT record take at most 282 octets.
        query.write().unwrap_or_default()
    }

    /// Reads a reply and checks that it is one to this query (RFC 5452 §9.1).
    ///
    /// # Errors
    /// Tells why it is not believed.
    pub(crate) fn accept(&self, from: SocketAddr, octets: &[u8]) -> Result<Message, IgnoreReason> {
        if from != self.server {
            return Err(IgnoreReason::WrongSource);
        }
        // Too short to have an id: anybody could have sent it.
        let header = Header::parse(octets).map_err(|_| IgnoreReason::WrongId)?;
        if header.id != self.id {
            return Err(IgnoreReason::WrongId);
        }
        if !header.qr || header.opcode != Opcode::QUERY {
            return Err(IgnoreReason::NotAReply);
        }
        let reply = match Message::parse(octets) {
            Ok(reply) => reply,
            // RFC 2181 §9: of a cut reply nothing but its being cut is used; some servers cut
            // within a record.
            Err(_) if header.tc => Message { header, ..Message::default() },
            Err(_) => return Err(IgnoreReason::Unreadable),
        };
        let repeats = match reply.questions.as_slice() {
            [question] => self.is_repeated_by(question),
            // A server that could not read the question need not repeat it.
            [] => reply.header.tc || is_complaint(reply.header.rcode),
            _ => false,
        };
        if repeats { Ok(reply) } else { Err(IgnoreReason::WrongQuestion) }
    }

    fn is_repeated_by(&self, question: &Question) -> bool {
        let same_name = if self.exact_case {
            question.name.as_wire() == self.name.as_wire()
        } else {
            question.name == self.name
        };
        same_name && *question == Question::new(question.name.clone(), self.rtype)
    }

    /// Whether a reply complains about EDNS rather than about the question (RFC 6891 §7).
    pub(crate) fn is_complaint_about_edns(&self, reply: &Message) -> bool {
        let rcode = reply.header.rcode;
        self.edns && reply.edns.is_none() && [Rcode::FORMERR, Rcode::NOTIMP].contains(&rcode)
            || self.edns && rcode == Rcode::BADVERS
    }
}

fn is_complaint(rcode: Rcode) -> bool {
    [Rcode::FORMERR, Rcode::SERVFAIL, Rcode::NOTIMP, Rcode::REFUSED].contains(&rcode)
}

/// The same name with each letter in a case chosen at random: bits that a forger off the path
/// has to guess besides id and port.
fn with_random_case(name: &Name, rng: &mut impl RngCore) -> Name {
    let mut octets = [0; NAME_OCTETS_MAX];
    let wire = name.as_wire();
    let Some(octets) = octets.get_mut(..wire.len()) else { return name.clone() };
    octets.copy_from_slice(wire);
    for octet in octets.iter_mut().filter(|octet| octet.is_ascii_alphabetic()) {
        if rng.random() {
            *octet ^= 0x20;
        }
    }
    // Length octets are at most 63 and no letters.
    Name::from_wire(octets).unwrap_or_else(|_| name.clone())
}

/// All queries under way.
#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    by_tag: BTreeMap<u64, Exchange>,
    by_question: BTreeMap<(SocketAddr, Name, RecordType), u64>,
    last_tag: u64,
}

impl Exchanges {
    /// Adds one; its tag.
    pub(crate) fn add(&mut self, exchange: Exchange) -> u64 {
        self.last_tag += 1;
        let key = (exchange.server, exchange.name.clone(), exchange.rtype);
        self.by_question.insert(key, self.last_tag);
        self.by_tag.insert(self.last_tag, exchange);
        self.last_tag
    }

    /// One under way that asks a server the same.
    pub(crate) fn equal(&self, server: SocketAddr, name: &Name, rtype: RecordType) -> Option<u64> {
        self.by_question.get(&(server, name.clone(), rtype)).copied()
    }

    pub(crate) fn get_mut(&mut self, tag: u64) -> Option<&mut Exchange> {
        self.by_tag.get_mut(&tag)
    }

    /// Takes one out: it has ended.
    pub(crate) fn remove(&mut self, tag: u64) -> Option<Exchange> {
        let exchange = self.by_tag.remove(&tag)?;
        let key = (exchange.server, exchange.name.clone(), exchange.rtype);
        if self.by_question.get(&key) == Some(&tag) {
            self.by_question.remove(&key);
        }
        Some(exchange)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_tag.len()
    }
}
