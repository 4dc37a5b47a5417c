//! An answer packed once and sent to many clients, its TTLs counted down.

use capa7_dissect::Cause;

use crate::instant::Instant;
use crate::message::{ExtendedError, HEADER_OCTETS, Message, Question, Reader, Record, Section};
use crate::resolve::query::ReplyHead;
use crate::{Name, Rcode, RecordType};

/// What the resolver found out about a question.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    pub(crate) rcode: Rcode,
    pub(crate) sections: [Vec<Held>; 3],
    pub(crate) extended: Option<ExtendedError>,
    pub(crate) learned: Cause,
}

/// A record with the end of its life instead of a TTL.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) record: Record,
    pub(crate) expires: Instant,
}

impl Findings {
    /// Findings without records.
    pub(crate) fn empty(rcode: Rcode) -> Self {
        Self { rcode, sections: Default::default(), extended: None, learned: Cause::NONE }
    }

    /// Adds a record to a section.
    pub(crate) fn push(&mut self, section: Section, record: Record, expires: Instant) {
        let [answers, authorities, additionals] = &mut self.sections;
        let records = match section {
            Section::Answer => answers,
            Section::Authority => authorities,
            Section::Additional => additionals,
        };
        records.push(Held { record, expires });
    }
}

/// The records of an answer in wire form, as they stand behind the question.
#[derive(Debug)]
pub(crate) struct Packed {
    body: Box<[u8]>,
    counts: [u16; 3],
    rcode: Rcode,
    /// Where in the body each TTL stands, and what it counts down to.
    ttls: Box<[(u16, Instant)]>,
    rotation: Option<Rotation>,
    extended: Option<ExtendedError>,
    /// When the first record expires; it may be past for records that are not kept.
    pub(crate) expires: Instant,
    /// The message that completed it.
    pub(crate) learned: Cause,
}

/// Equal-sized address records at the end of the answer section (course D1: load is spread
/// over replicas).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rotation {
    start: usize,
    record_octets: usize,
    records: usize,
}

impl Packed {
    /// Packs what was found about a name in lower case; none when it passes 65,535 octets.
    pub(crate) fn new(name: &Name, qtype: RecordType, found: &Findings) -> Option<Self> {
        let mut message = Message::query(0, Question::new(name.clone(), qtype));
        let mut ends = Vec::new();
        for (section, held) in Section::ALL.into_iter().zip(&found.sections) {
            message.section_mut(section).extend(held.iter().map(|held| held.record.clone()));
            ends.extend(held.iter().map(|held| held.expires));
        }
        let octets = message.write().ok()?;
        let head = HEADER_OCTETS + name.wire_len() + 4;
        let places = record_places(&octets, head)?;
        let [answers, authorities, additionals] = &found.sections;
        let count = |records: &Vec<Held>| u16::try_from(records.len()).ok();
        let rotation = rotation(answers, &places, head);
        let ttls = places.iter().zip(&ends).map(|(place, expires)| {
            u16::try_from(place.ttl_at - head).ok().map(|at| (at, *expires))
        });
        Some(Self {
            body: octets.get(head..)?.into(),
            counts: [count(answers)?, count(authorities)?, count(additionals)?],
            rcode: found.rcode,
            ttls: ttls.collect::<Option<_>>()?,
            rotation,
            extended: found.extended.clone(),
            expires: ends.into_iter().min().unwrap_or_default(),
            learned: found.learned,
        })
    }

    /// Octets that it takes to keep.
    pub(crate) fn octets(&self) -> usize {
        self.body.len() + 16 * self.ttls.len()
    }

    /// Appends the reply for one client; `turn` chooses which address comes first.
    pub(crate) fn write(&self, now: Instant, head: &ReplyHead<'_>, turn: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let extended = self.extended.as_ref();
        let fixed = HEADER_OCTETS + head.question.len();
        if fixed + self.body.len() + head.edns_len(extended) > head.limit {
            // RFC 2181 §9: what is cut is not used, so nothing of it is sent.
            let extended = extended.filter(|_| fixed + head.edns_len(extended) <= head.limit);
            head.write(self.rcode, [0; 3], out);
            head.write_edns(self.rcode, extended, out);
            ReplyHead::set_truncated(out, start);
            return;
        }
        head.write(self.rcode, self.counts, out);
        let body = out.len();
        out.extend_from_slice(&self.body);
        for (at, expires) in &self.ttls {
            let at = body + usize::from(*at);
            if let Some(ttl) = out.get_mut(at..at + 4) {
                ttl.copy_from_slice(&expires.seconds_left(now).to_be_bytes());
            }
        }
        if let Some(Rotation { start, record_octets, records }) = self.rotation
            && let Some(set) = out.get_mut(body + start..body + start + record_octets * records)
        {
            set.rotate_left(turn % records * record_octets);
        }
        head.write_edns(self.rcode, extended, out);
    }
}

/// Where a record stands in a message.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    ttl_at: usize,
    end: usize,
}

fn record_places(octets: &[u8], at: usize) -> Option<Vec<Place>> {
    let mut reader = Reader::new_at(octets, at);
    let mut places = Vec::new();
    while reader.remaining() > 0 {
        let start = reader.at();
        reader.name().ok()?;
        reader.take(4, "").ok()?;
        let ttl_at = reader.at();
        reader.take(4, "").ok()?;
        let length = reader.u16("").ok()?;
        reader.take(usize::from(length), "").ok()?;
        places.push(Place { start, ttl_at, end: reader.at() });
    }
    Some(places)
}

/// The run of address records that ends the answer section, if there are several of one size.
fn rotation(answers: &[Held], places: &[Place], head: usize) -> Option<Rotation> {
    let last = &answers.last()?.record;
    if last.rtype != RecordType::A && last.rtype != RecordType::AAAA {
        return None;
    }
    let same = |held: &&Held| held.record.rtype == last.rtype && held.record.name == last.name;
    let records = answers.iter().rev().take_while(same).count();
    let run = places.get(answers.len() - records..answers.len())?;
    let first = run.first()?;
    let record_octets = first.end - first.start;
    let even = run.iter().all(|place| place.end - place.start == record_octets);
    let start = first.start - head;
    (records > 1 && even).then_some(Rotation { start, record_octets, records })
}
