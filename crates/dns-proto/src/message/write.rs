//! Message to octets, with compression and a limit.

use thiserror::Error;

use crate::RecordType;
use crate::message::compressor::Compressor;
use crate::message::header::TC_BIT;
use crate::message::layout::{PartKind, layout};
use crate::message::{Edns, HEADER_OCTETS, Message, Reader, Record, Section};

/// Why a message cannot be written. All are the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WriteError {
    /// Questions and OPT record alone pass the limit.
    #[error("the questions and the OPT record do not fit {limit} octets")]
    HeadTooLong {
        /// The limit.
        limit: usize,
    },
    /// The message passes the limit and may not be cut.
    #[error("the message has more than {limit} octets")]
    TooLong {
        /// The limit.
        limit: usize,
    },
}

/// What happens to a message that is longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overflow {
    Fail,
    Truncate,
}

impl Message {
    /// Writes the message whole.
    ///
    /// # Errors
    /// When it has more than [`MESSAGE_OCTETS_MAX`] octets.
    pub fn write(&self) -> Result<Vec<u8>, WriteError> {
        self.write_sections(MESSAGE_OCTETS_MAX, Overflow::Fail)
    }

    /// Writes what fits into `limit` octets, whole record sets only.
    ///
    /// TC is set when a set of the answer or authority section is left out; leaving out
    /// additional records is silent (RFC 2181 §9).
    ///
    /// # Errors
    /// When not even the questions and the OPT record fit.
    pub fn write_within(&self, limit: usize) -> Result<Vec<u8>, WriteError> {
        self.write_sections(limit.min(MESSAGE_OCTETS_MAX), Overflow::Truncate)
    }

    fn write_sections(&self, limit: usize, overflow: Overflow) -> Result<Vec<u8>, WriteError> {
        let stand_in = self.header.needs_edns(self.edns.as_ref()).then(Edns::default);
        let edns = self.edns.as_ref().or(stand_in.as_ref());
        let room = limit
            .checked_sub(edns.map_or(0, Edns::wire_len))
            .ok_or(WriteError::HeadTooLong { limit })?;
        let mut writer = Writer::new(self, room).ok_or(WriteError::HeadTooLong { limit })?;
        for section in Section::ALL {
            let whole = writer.section(section, self.section(section));
            if whole {
                continue;
            }
            match (overflow, section) {
                (Overflow::Fail, _) => return Err(WriteError::TooLong { limit }),
                (Overflow::Truncate, Section::Additional) => {}
                (Overflow::Truncate, Section::Answer | Section::Authority) => {
                    writer.set_truncated();
                    break;
                }
            }
        }
        writer.finish(self, edns).ok_or(WriteError::TooLong { limit })
    }
}

/// The octets so far.
#[derive(Debug)]
struct Writer {
    out: Vec<u8>,
    names: Compressor,
    counts: [u16; 4],
    room: usize,
}

impl Writer {
    /// Writes header and questions.
    fn new(message: &Message, room: usize) -> Option<Self> {
        let mut out = Vec::with_capacity(USUAL_OCTETS.min(room));
        out.extend_from_slice(&message.header.id.to_be_bytes());
        out.extend_from_slice(&message.header.flags().to_be_bytes());
        out.resize(HEADER_OCTETS, 0);
        let questions = u16::try_from(message.questions.len()).ok()?;
        let mut writer =
            Self { out, names: Compressor::default(), counts: [questions, 0, 0, 0], room };
        for question in &message.questions {
            writer.names.write_name(&question.name, &mut writer.out);
            writer.out.extend_from_slice(&question.qtype.0.to_be_bytes());
            writer.out.extend_from_slice(&question.class.0.to_be_bytes());
        }
        (writer.out.len() <= room).then_some(writer)
    }

    /// Writes the record sets that fit; whether that was all of them.
    fn section(&mut self, section: Section, records: &[Record]) -> bool {
        let count_at = match section {
            Section::Answer => 1,
            Section::Authority => 2,
            Section::Additional => 3,
        };
        let mut whole = true;
        let mut rest = records;
        while let Some(first) = rest.first() {
            let size = rest.iter().take_while(|record| same_set(first, record)).count();
            let (set, after) = rest.split_at(size);
            rest = after;
            let start = self.out.len();
            let written = set.iter().try_for_each(|record| self.record(record));
            let count = u16::try_from(size)
                .ok()
                .and_then(|size| self.counts.get(count_at)?.checked_add(size));
            match (written, count, self.counts.get_mut(count_at)) {
                (Some(()), Some(count), Some(slot)) => *slot = count,
                _ => {
                    self.out.truncate(start);
                    self.names.truncate(start);
                    whole = false;
                    if section != Section::Additional {
                        break;
                    }
                }
            }
        }
        whole
    }

    /// Writes a record; none when it does not fit.
    fn record(&mut self, record: &Record) -> Option<()> {
        self.names.write_name(&record.name, &mut self.out);
        self.out.extend_from_slice(&record.rtype.0.to_be_bytes());
        self.out.extend_from_slice(&record.class.0.to_be_bytes());
        self.out.extend_from_slice(&record.ttl.to_be_bytes());
        let length_at = self.out.len();
        self.out.extend_from_slice(&[0, 0]);
        self.rdata(record.rtype, record.rdata.as_wire());
        let length = u16::try_from(self.out.len() - length_at - 2).ok()?;
        self.out.get_mut(length_at..length_at + 2)?.copy_from_slice(&length.to_be_bytes());
        (self.out.len() <= self.room).then_some(())
    }

    /// Writes data, compressing the names of RFC 1035's types only (RFC 3597 §4).
    fn rdata(&mut self, rtype: RecordType, octets: &[u8]) {
        let parts = layout(rtype);
        if !parts.iter().any(|part| part.kind == PartKind::CompressibleName) {
            self.out.extend_from_slice(octets);
            return;
        }
        let start = self.out.len();
        let mut reader = Reader::new(octets);
        for part in parts {
            let Ok(piece) = reader.piece(part.kind, octets.len()) else {
                // Data that a caller took from elsewhere and that is not of its type's form.
                self.out.truncate(start);
                self.names.truncate(start);
                self.out.extend_from_slice(octets);
                return;
            };
            match piece.name {
                Some(name) if part.kind == PartKind::CompressibleName => {
                    self.names.write_name(&name, &mut self.out);
                }
                _ => self.out.extend_from_slice(reader.between(piece.bytes)),
            }
        }
        self.out.extend_from_slice(octets.get(reader.at()..).unwrap_or(&[]));
    }

    fn set_truncated(&mut self) {
        if let Some(upper) = self.out.get_mut(2) {
            *upper |= TC_BIT.to_be_bytes()[0];
        }
    }

    fn finish(mut self, message: &Message, edns: Option<&Edns>) -> Option<Vec<u8>> {
        if let Some(edns) = edns {
            edns.write(message.header.rcode_upper(), &mut self.out)?;
            let additionals = self.counts.last_mut()?;
            *additionals = additionals.checked_add(1)?;
        }
        for (index, count) in self.counts.iter().enumerate() {
            let at = 4 + 2 * index;
            self.out.get_mut(at..at + 2)?.copy_from_slice(&count.to_be_bytes());
        }
        Some(self.out)
    }
}

/// Whether two neighbours are of one record set (RFC 2181 §5).
fn same_set(a: &Record, b: &Record) -> bool {
    a.rtype == b.rtype && a.class == b.class && a.name == b.name
}

/// The longest message: what TCP's length prefix can say (RFC 1035 §4.2.2).
pub const MESSAGE_OCTETS_MAX: usize = 65_535;
/// Room set aside at first; most messages need no more.
const USUAL_OCTETS: usize = 512;
