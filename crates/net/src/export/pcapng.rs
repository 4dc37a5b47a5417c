//! pcapng (draft-ietf-opsawg-pcapng), little-endian.
//!
//! ```text
//!   section header · interface · names · { packet | names | TLS keys } …
//!
//!   block: type(4) length(4) body padded to 4 length(4)
//! ```

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

use capa7_dissect::{Cause, Direction};

use super::frame::{self, ACK, FIN, PSH, RST, SYN, Segment};
use crate::capture::{ConnectionChange, ConnectionId, Event, Layer, Packet, What};
use crate::network::Network;
use crate::time::{Time, UnixTime};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const NAMES: u32 = 4;
const PACKET: u32 = 6;
const SECRETS: u32 = 10;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const LENGTH_UNKNOWN: u64 = u64::MAX;

/// Packets begin with the IP header.
const LINKTYPE_RAW: u16 = 101;

const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const OPTION_INTERFACE_NAME: u16 = 2;
const OPTION_USER_APPLICATION: u16 = 4;
const OPTION_RESOLUTION: u16 = 9;

/// Time stamps count units of 10⁻⁹ s.
const NANOSECONDS: u8 = 9;

const RECORD_END: u16 = 0;
const RECORD_IPV4: u16 = 1;
const RECORD_IPV6: u16 = 2;

/// "TLSK": lines in the format of NSS key logs.
const SECRETS_TLS_KEY_LOG: u32 = 0x544c_534b;

/// An option's length has 16 bits; a comment ends at a character before that.
const COMMENT_BYTES_MAX: usize = 60_000;

/// A name in a record, with room for its address.
const NAME_BYTES_MAX: usize = 1024;

/// Writes events as the packets that Wireshark would have seen at their senders.
/// Addresses and ports are the network's own, hosts have their names.
#[derive(Debug)]
pub struct PcapngWriter<W> {
    out: W,
    start: UnixTime,
    conversations: BTreeMap<ConnectionId, Conversation>,
}

/// What the packets of a connection need to know of those before.
#[derive(Clone, Copy, Debug)]
struct Conversation {
    client: SocketAddr,
    server: SocketAddr,
    /// First sequence number and bytes so far, by direction.
    begun: [u32; 2],
    sent: [u32; 2],
    finished: [bool; 2],
}

impl<W: Write> PcapngWriter<W> {
    /// Begins a file. `start` is the calendar time at which the network began.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W, start: UnixTime) -> io::Result<Self> {
        Self::with_comment(out, start, None)
    }

    /// The same with words about the whole file, which Wireshark shows among its
    /// properties.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn with_comment(out: W, start: UnixTime, comment: Option<&str>) -> io::Result<Self> {
        let mut writer = Self { out, start, conversations: BTreeMap::new() };
        let mut section = Vec::new();
        section.extend(BYTE_ORDER_MAGIC.to_le_bytes());
        section.extend([1, 0, 0, 0]);
        section.extend(LENGTH_UNKNOWN.to_le_bytes());
        if let Some(comment) = comment {
            option(&mut section, OPTION_COMMENT, cut(comment, COMMENT_BYTES_MAX).as_bytes());
        }
        option(&mut section, OPTION_USER_APPLICATION, b"capa7");
        option(&mut section, OPTION_END, &[]);
        writer.block(SECTION_HEADER, &section)?;
        let mut interface = Vec::new();
        interface.extend(LINKTYPE_RAW.to_le_bytes());
        interface.extend([0; 2]);
        interface.extend(0_u32.to_le_bytes());
        option(&mut interface, OPTION_INTERFACE_NAME, b"capa7");
        option(&mut interface, OPTION_RESOLUTION, &[NANOSECONDS]);
        option(&mut interface, OPTION_END, &[]);
        writer.block(INTERFACE, &interface)?;
        Ok(writer)
    }

    /// Gives addresses their names, from this place of the file on.
    ///
    /// # Errors
    /// Those of the output.
    pub fn names<'a>(
        &mut self,
        names: impl IntoIterator<Item = (IpAddr, &'a str)>,
    ) -> io::Result<()> {
        let mut body = Vec::new();
        for (address, name) in names {
            let (kind, mut record) = match address {
                IpAddr::V4(ip) => (RECORD_IPV4, ip.octets().to_vec()),
                IpAddr::V6(ip) => (RECORD_IPV6, ip.octets().to_vec()),
            };
            let name = name.replace('\0', "");
            record.extend(cut(&name, NAME_BYTES_MAX).as_bytes());
            record.push(0);
            option(&mut body, kind, &record);
        }
        option(&mut body, RECORD_END, &[]);
        self.block(NAMES, &body)
    }

    /// Adds keys of TLS connections, lines of an NSS key log; they must come
    /// before the packets that they open.
    ///
    /// # Errors
    /// Those of the output.
    pub fn tls_keys(&mut self, key_log: &str) -> io::Result<()> {
        let mut body = Vec::new();
        body.extend(SECRETS_TLS_KEY_LOG.to_le_bytes());
        body.extend(length(key_log.len()));
        body.extend(key_log.as_bytes());
        pad(&mut body);
        self.block(SECRETS, &body)
    }

    /// Adds an event with a sentence about it. Notes, fates and plaintext above
    /// TLS are no packets and are left out.
    ///
    /// # Errors
    /// Those of the output.
    pub fn event(&mut self, event: &Event, comment: Option<&str>) -> io::Result<()> {
        match &event.what {
            What::Datagram(packet) => {
                let frame = frame::udp(packet.from, packet.to, &packet.bytes);
                self.packet(event.at, frame, comment)
            }
            What::Chunk { layer: Layer::Plaintext, .. } | What::Note { .. } | What::Fate { .. } => {
                Ok(())
            }
            What::Chunk { connection, direction, offset, packet, .. } => {
                self.chunk(event.at, *connection, *direction, *offset, packet, comment)
            }
            What::Connection { connection, change, packet } => {
                self.change(event.at, *connection, *change, packet, comment)
            }
        }
    }

    /// Hands what was written to where it goes.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The output back, for a writer that collects in memory.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// The output, to take out of it what was collected so far.
    pub fn output(&mut self) -> &mut W {
        &mut self.out
    }

    fn chunk(
        &mut self,
        at: Time,
        connection: ConnectionId,
        direction: Direction,
        offset: u64,
        packet: &Packet,
        comment: Option<&str>,
    ) -> io::Result<()> {
        let ends = match direction {
            Direction::ToServer => (packet.from, packet.to),
            Direction::ToClient => (packet.to, packet.from),
        };
        let found = self.conversations.entry(connection);
        let talk = found.or_insert_with(|| Conversation::new(connection, ends.0, ends.1));
        let from = direction as usize;
        // Sequence numbers wrap: RFC 9293 §3.4. The first byte follows the SYN.
        #[expect(clippy::cast_possible_truncation, reason = "numbers modulo 2^32")]
        let place = offset as u32;
        #[expect(clippy::cast_possible_truncation, reason = "a chunk is far shorter")]
        let size = packet.bytes.len() as u32;
        talk.sent[from] = place.wrapping_add(size);
        let segment = talk.segment(from, place.wrapping_add(1), PSH | ACK);
        let frame = frame::tcp(packet.from, packet.to, segment, &packet.bytes);
        self.packet(at, frame, comment)
    }

    fn change(
        &mut self,
        at: Time,
        connection: ConnectionId,
        change: ConnectionChange,
        packet: &Packet,
        comment: Option<&str>,
    ) -> io::Result<()> {
        let found = self.conversations.entry(connection);
        let talk = *found.or_insert_with(|| Conversation::new(connection, packet.from, packet.to));
        let acting = usize::from(packet.from != talk.client);
        match change {
            ConnectionChange::Asked => self.segment(at, &talk, 0, 0, SYN, comment),
            ConnectionChange::Open => {
                self.segment(at, &talk, 1, 0, SYN | ACK, None)?;
                self.segment(at, &talk, 0, 1, ACK, comment)
            }
            ConnectionChange::Refused => {
                self.conversations.remove(&connection);
                self.segment(at, &talk, 1, 0, RST | ACK, comment)
            }
            ConnectionChange::TimedOut => {
                self.conversations.remove(&connection);
                Ok(())
            }
            ConnectionChange::Reset => {
                self.conversations.remove(&connection);
                let place = talk.sent[acting].wrapping_add(1);
                self.segment(at, &talk, acting, place, RST | ACK, comment)
            }
            ConnectionChange::HalfClosed => self.finish(at, connection, acting, comment),
            ConnectionChange::Closed => {
                let rest = [0, 1].into_iter().find(|end| !talk.finished[*end]);
                self.finish(at, connection, rest.unwrap_or(acting), comment)?;
                self.conversations.remove(&connection);
                Ok(())
            }
        }
    }

    fn finish(
        &mut self,
        at: Time,
        connection: ConnectionId,
        from: usize,
        comment: Option<&str>,
    ) -> io::Result<()> {
        let Some(talk) = self.conversations.get_mut(&connection) else { return Ok(()) };
        let before = *talk;
        talk.finished[from] = true;
        let place = before.sent[from].wrapping_add(1);
        self.segment(at, &before, from, place, FIN | ACK, comment)
    }

    fn segment(
        &mut self,
        at: Time,
        talk: &Conversation,
        from: usize,
        place: u32,
        flags: u8,
        comment: Option<&str>,
    ) -> io::Result<()> {
        let ends = if from == 0 { (talk.client, talk.server) } else { (talk.server, talk.client) };
        let frame = frame::tcp(ends.0, ends.1, talk.segment(from, place, flags), &[]);
        self.packet(at, frame, comment)
    }

    fn packet(
        &mut self,
        at: Time,
        frame: Option<Vec<u8>>,
        comment: Option<&str>,
    ) -> io::Result<()> {
        let Some(frame) = frame else { return Ok(()) };
        let stamp = self.start.0.saturating_add(at.0).to_le_bytes();
        let mut body = Vec::with_capacity(frame.len() + 64);
        body.extend(0_u32.to_le_bytes());
        body.extend(&stamp[4..]);
        body.extend(&stamp[..4]);
        body.extend(length(frame.len()));
        body.extend(length(frame.len()));
        body.extend(&frame);
        pad(&mut body);
        if let Some(comment) = comment {
            option(&mut body, OPTION_COMMENT, cut(comment, COMMENT_BYTES_MAX).as_bytes());
            option(&mut body, OPTION_END, &[]);
        }
        self.block(PACKET, &body)
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let size = length(body.len() + 12);
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&size)?;
        self.out.write_all(body)?;
        self.out.write_all(&size)
    }
}

impl Conversation {
    fn new(connection: ConnectionId, client: SocketAddr, server: SocketAddr) -> Self {
        // Any first number will do; these tell connections and directions apart.
        #[expect(clippy::cast_possible_truncation, reason = "numbers modulo 2^32")]
        let first = (connection.0 as u32).wrapping_mul(0x9e37_79b9);
        Self { client, server, begun: [first, !first], sent: [0; 2], finished: [false; 2] }
    }

    /// The numbers of a segment at `place` (0 is the SYN's).
    fn segment(&self, from: usize, place: u32, flags: u8) -> Segment {
        let other = 1 - from;
        let seen = self.sent[other].wrapping_add(1 + u32::from(self.finished[other]));
        let acknowledged = match flags & ACK {
            0 => 0,
            _ => self.begun[other].wrapping_add(seen),
        };
        Segment { sequence: self.begun[from].wrapping_add(place), acknowledged, flags }
    }
}

/// Writes all events of a network that are held, with the caller's sentence
/// about each.
///
/// # Errors
/// Those of `out`.
pub fn write_pcapng<W: Write>(
    network: &Network,
    out: W,
    mut comment: impl FnMut(&Event) -> Option<String>,
) -> io::Result<W> {
    let start = network.wall_clock().0.saturating_sub(network.now().0);
    let mut writer = PcapngWriter::new(out, UnixTime(start))?;
    let hosts = network.hosts();
    let names = hosts.iter().flat_map(|host| {
        host.addresses().iter().map(|address| (*address, host.name())).collect::<Vec<_>>()
    });
    writer.names(names)?;
    let mut past = Cause::NONE;
    loop {
        let events = network.capture().since(past, EVENTS_AT_ONCE);
        let Some(last) = events.last() else { break };
        past = last.id;
        for event in &events {
            let sentence = comment(event);
            writer.event(event, sentence.as_deref())?;
        }
    }
    writer.flush()?;
    Ok(writer.into_inner())
}

/// Events taken out of the record at a time.
const EVENTS_AT_ONCE: usize = 1024;

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let size = u16::try_from(value.len()).expect("the callers bound their values");
    body.extend(code.to_le_bytes());
    body.extend(size.to_le_bytes());
    body.extend(value);
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

fn length(size: usize) -> [u8; 4] {
    u32::try_from(size).expect("blocks are far shorter than 4 GiB").to_le_bytes()
}

/// The beginning of a text, at most `most` bytes, whole characters.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks the blocks of a file and returns their types.
    fn blocks(mut file: &[u8]) -> Vec<u32> {
        let mut kinds = Vec::new();
        while !file.is_empty() {
            let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
            let size = word(4) as usize;
            assert_eq!((size % 4, word(size - 4) as usize), (0, size));
            kinds.push(word(0));
            file = &file[size..];
        }
        kinds
    }

    #[test]
    fn every_block_is_padded_and_says_its_length_twice() {
        let mut writer = PcapngWriter::new(Vec::new(), UnixTime(0)).unwrap();
        writer
            .names([("10.0.0.1".parse().unwrap(), "a"), ("::1".parse().unwrap(), "ñandú")])
            .unwrap();
        writer.tls_keys("CLIENT_RANDOM 00 00\n").unwrap();
        let frame =
            frame::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), b"abc");
        writer.packet(Time(1), frame, Some("three bytes")).unwrap();
        let kinds = [SECTION_HEADER, INTERFACE, NAMES, SECRETS, PACKET];
        assert_eq!(blocks(&writer.into_inner()), kinds);
    }

    #[test]
    fn a_comment_of_any_length_fits_at_a_character() {
        let long = "ñ".repeat(100_000);
        assert_eq!(cut(&long, COMMENT_BYTES_MAX).len(), COMMENT_BYTES_MAX);
        assert_eq!(cut("ñ", 1), "");
    }
}
