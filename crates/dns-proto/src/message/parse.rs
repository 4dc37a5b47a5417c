//! Octets to message.

use thiserror::Error;

use crate::message::{Edns, Header, Message, Question, Rdata, Reader, Record, Section};
use crate::{Name, NameError, Opcode, RecordClass, RecordType};

/// Which rule of the format a message breaks, and at which octet. All are the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// It ends too early: a count or a length promises more.
    #[error("it ends at octet {offset}, within its {part}")]
    Truncated {
        /// Where it ends.
        offset: usize,
        /// What is cut.
        part: &'static str,
    },
    /// A compression pointer points at itself or forward (RFC 1035 §4.1.4).
    #[error("the compression pointer at octet {offset} does not point backwards but to {target}")]
    PointerForward {
        /// Where the pointer is.
        offset: usize,
        /// Where it points.
        target: usize,
    },
    /// A name follows more pointers than a name can have labels.
    #[error("the name at octet {offset} follows too many compression pointers")]
    TooManyPointers {
        /// Where the name starts.
        offset: usize,
    },
    /// A name is too long or has a label of an unknown type.
    #[error("the name at octet {offset} is wrong: {error}")]
    Name {
        /// Where the name starts.
        offset: usize,
        /// What is wrong.
        error: NameError,
    },
    /// The parts of a record's data do not fill it.
    #[error("the {rtype} data at octet {offset} has octets left over")]
    RdataLength {
        /// Where the data starts.
        offset: usize,
        /// The record's type.
        rtype: RecordType,
    },
    /// An EDNS option is longer than its record.
    #[error("EDNS option {code} at octet {offset} is longer than its record")]
    OptionLength {
        /// Where the option starts.
        offset: usize,
        /// The option's code.
        code: u16,
    },
    /// An OPT record that is not the only one, not in the additional section, or whose owner is
    /// not the root (RFC 6891 §6.1.1).
    #[error("the OPT record at octet {offset} is not the one of the additional section")]
    OptMisplaced {
        /// Where the record starts.
        offset: usize,
    },
    /// Octets follow the last record.
    #[error("{octets} octets follow the last record, which ends at {offset}")]
    Trailing {
        /// Where the last record ends.
        offset: usize,
        /// How many octets follow.
        octets: usize,
    },
}

impl Message {
    /// Parses a whole message.
    ///
    /// # Errors
    /// The first rule that the octets break.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        let (header, [questions, answers, authorities, additionals]) = Header::read(&mut reader)?;
        let mut message = Self { header, ..Self::default() };
        for _ in 0..questions {
            message.questions.push(Question::read(&mut reader)?);
        }
        for (section, count) in Section::ALL.into_iter().zip([answers, authorities, additionals]) {
            // The counts of a hostile message may promise 65,535 records in twelve octets.
            let possible = reader.remaining() / RECORD_OCTETS_MIN;
            message.section_mut(section).reserve(usize::from(count).min(possible));
            for _ in 0..count {
                message.read_record(&mut reader, section)?;
            }
        }
        match reader.remaining() {
            0 => Ok(message),
            octets => Err(ParseError::Trailing { offset: reader.at(), octets }),
        }
    }

    fn read_record(&mut self, reader: &mut Reader<'_>, section: Section) -> Result<(), ParseError> {
        let offset = reader.at();
        let head = RecordHead::read(reader, section.name())?;
        if head.rtype != RecordType::OPT {
            let left_out = lacks_data(self.header.opcode, RecordClass(head.class));
            let rdata = if left_out && head.end == reader.at() {
                Rdata::from_wire(&[])
            } else {
                Rdata::read(head.rtype, reader, head.end)?
            };
            let RecordHead { name, rtype, class, .. } = head;
            // RFC 2181 §8: a TTL with the top bit set counts as zero.
            let ttl = if head.ttl > TTL_MAX { 0 } else { head.ttl };
            let class = RecordClass(class);
            self.section_mut(section).push(Record { name, rtype, class, ttl, rdata });
            return Ok(());
        }
        if section != Section::Additional || !head.name.is_root() || self.edns.is_some() {
            return Err(ParseError::OptMisplaced { offset });
        }
        let (edns, rcode_upper) = Edns::read(head.class, head.ttl, reader, head.end)?;
        self.header.extend_rcode(rcode_upper);
        self.edns = Some(edns);
        Ok(())
    }
}

/// Whether a record may come without data: those of an update that speak of whole sets
/// (RFC 2136 §2.4, §2.5).
pub(crate) fn lacks_data(opcode: Opcode, class: RecordClass) -> bool {
    opcode == Opcode::UPDATE && matches!(class, RecordClass::ANY | RecordClass::NONE)
}

impl Question {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let name = reader.name()?;
        let qtype = RecordType(reader.u16(QUESTION)?);
        let class = RecordClass(reader.u16(QUESTION)?);
        Ok(Self { name, qtype, class })
    }
}

/// What stands in front of a record's data.
#[derive(Debug)]
struct RecordHead {
    name: Name,
    rtype: RecordType,
    class: u16,
    ttl: u32,
    /// Where the data ends.
    end: usize,
}

impl RecordHead {
    fn read(reader: &mut Reader<'_>, part: &'static str) -> Result<Self, ParseError> {
        if reader.remaining() == 0 {
            // The count promised a record; say so with the section's name.
            return Err(ParseError::Truncated { offset: reader.at(), part });
        }
        let name = reader.name()?;
        let rtype = RecordType(reader.u16(part)?);
        let class = reader.u16(part)?;
        let ttl = reader.u32(part)?;
        let length = usize::from(reader.u16(part)?);
        if length > reader.remaining() {
            let offset = reader.at() + reader.remaining();
            return Err(ParseError::Truncated { offset, part: "record data" });
        }
        Ok(Self { name, rtype, class, ttl, end: reader.at() + length })
    }
}

const QUESTION: &str = "question section";
/// Root name, type, class, TTL and length: the shortest record.
const RECORD_OCTETS_MIN: usize = 11;
/// The longest TTL (RFC 2181 §8).
pub(crate) const TTL_MAX: u32 = (1 << 31) - 1;
