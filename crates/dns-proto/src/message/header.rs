//! The twelve octets that open every message (RFC 1035 §4.1.1, course D8).

use crate::message::reader::Reader;
use crate::message::{Edns, ParseError};
use crate::{Opcode, Rcode};

/// Identifier, flags and response code; the four counts follow from the sections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a bit of the wire format")]
pub struct Header {
    /// Chosen by who asks, the same in the reply (course D8).
    pub id: u16,
    /// Query (false) or reply (true).
    pub qr: bool,
    /// The kind of query.
    pub opcode: Opcode,
    /// The replying server is an authority for the name (course D8).
    pub aa: bool,
    /// The message was cut: ask again over TCP.
    pub tc: bool,
    /// Recursion desired (course D8).
    pub rd: bool,
    /// Recursion available (course D8).
    pub ra: bool,
    /// Authentic data (RFC 4035 §3.2.3).
    pub ad: bool,
    /// Checking disabled (RFC 4035 §3.2.2).
    pub cd: bool,
    /// The response code: 12 bits with EDNS, else 4.
    pub rcode: Rcode,
}

/// Octets of the header on the wire.
pub const HEADER_OCTETS: usize = 12;

impl Header {
    /// Reads identifier and flags from the start of a message, whatever follows them; so that
    /// an error answer can carry the id of a broken query.
    ///
    /// # Errors
    /// When fewer than twelve octets are there.
    pub fn parse(message: &[u8]) -> Result<Self, ParseError> {
        Self::read(&mut Reader::new(message)).map(|(header, _)| header)
    }

    /// Reads the header and the four counts.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<(Self, [u16; 4]), ParseError> {
        let id = reader.u16("header")?;
        let flags = reader.u16("header")?;
        let mut counts = [0; 4];
        for count in &mut counts {
            *count = reader.u16("header")?;
        }
        Ok((Self::from_flags(id, flags), counts))
    }

    fn from_flags(id: u16, flags: u16) -> Self {
        let bit = |mask: u16| flags & mask != 0;
        let [upper, _] = flags.to_be_bytes();
        Self {
            id,
            qr: bit(QR_BIT),
            opcode: Opcode((upper >> 3) & 0xf),
            aa: bit(AA_BIT),
            tc: bit(TC_BIT),
            rd: bit(RD_BIT),
            ra: bit(RA_BIT),
            ad: bit(AD_BIT),
            cd: bit(CD_BIT),
            rcode: Rcode(flags & RCODE),
        }
    }

    /// The second pair of octets; of the response code only the lower four bits.
    pub fn flags(&self) -> u16 {
        let bit = |set: bool, mask: u16| if set { mask } else { 0 };
        bit(self.qr, QR_BIT)
            | u16::from(self.opcode.0 & 0xf) << 11
            | bit(self.aa, AA_BIT)
            | bit(self.tc, TC_BIT)
            | bit(self.rd, RD_BIT)
            | bit(self.ra, RA_BIT)
            | bit(self.ad, AD_BIT)
            | bit(self.cd, CD_BIT)
            | self.rcode.0 & RCODE
    }

    /// Puts the upper bits that an OPT record carries in front of the response code
    /// (RFC 6891 §6.1.3).
    pub(super) fn extend_rcode(&mut self, upper: u8) {
        self.rcode = Rcode(u16::from(upper) << 4 | self.rcode.0 & RCODE);
    }

    /// The upper bits of the response code for the OPT record.
    pub(super) fn rcode_upper(&self) -> u8 {
        self.rcode.0.to_be_bytes()[0] << 4 | self.rcode.0.to_be_bytes()[1] >> 4
    }

    /// The names of the flags that are set, in wire order, as dig prints them.
    pub fn flag_names(&self) -> Vec<&'static str> {
        let flags = [
            (self.qr, "qr"),
            (self.aa, "aa"),
            (self.tc, "tc"),
            (self.rd, "rd"),
            (self.ra, "ra"),
            (self.ad, "ad"),
            (self.cd, "cd"),
        ];
        flags.into_iter().filter_map(|(set, name)| set.then_some(name)).collect()
    }

    /// Whether the response code needs an OPT record to be said in full.
    pub(super) fn needs_edns(&self, edns: Option<&Edns>) -> bool {
        self.rcode.0 > RCODE && edns.is_none()
    }
}

/// Query or reply.
pub(crate) const QR_BIT: u16 = 0x8000;
/// Authoritative answer.
const AA_BIT: u16 = 0x0400;
/// Truncated.
pub(crate) const TC_BIT: u16 = 0x0200;
/// Recursion desired.
pub(crate) const RD_BIT: u16 = 0x0100;
/// Recursion available.
pub(crate) const RA_BIT: u16 = 0x0080;
/// Authentic data.
const AD_BIT: u16 = 0x0020;
/// Checking disabled.
pub(crate) const CD_BIT: u16 = 0x0010;
/// The response code's bits.
const RCODE: u16 = 0x000f;
