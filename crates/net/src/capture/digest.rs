//! One number for a whole run.

use std::net::{IpAddr, SocketAddr};

use sha2::{Digest, Sha256};

use super::{Event, Layer, Packet, What};

/// SHA-256 over the events in their order, grown as they are recorded.
#[derive(Clone, Debug, Default)]
pub(super) struct RunDigest(Sha256);

impl RunDigest {
    pub(super) fn value(&self) -> [u8; 32] {
        self.0.clone().finalize().into()
    }

    pub(super) fn add(&mut self, event: &Event) {
        let kind = match &event.what {
            What::Datagram(_) => 1,
            What::Chunk { .. } => 2,
            What::Connection { .. } => 3,
            What::Note { .. } => 4,
            What::Fate { .. } => 5,
        };
        self.0.update([kind]);
        self.0.update(event.at.0.to_le_bytes());
        match &event.what {
            What::Datagram(packet) => self.add_packet(packet, Layer::Clear),
            What::Chunk { connection, direction, offset, layer, packet } => {
                self.0.update(connection.0.to_le_bytes());
                self.0.update([*direction as u8]);
                self.0.update(offset.to_le_bytes());
                self.add_packet(packet, *layer);
            }
            What::Connection { connection, change, packet } => {
                self.0.update(connection.0.to_le_bytes());
                self.0.update([*change as u8]);
                self.add_packet(packet, Layer::Clear);
            }
            What::Note { host, note } => {
                self.0.update(host.map_or(u32::MAX, |id| id.0).to_le_bytes());
                self.add_text(note.room.name());
                self.add_text(note.kind);
                self.add_text(&note.reason);
                self.add_text(&serde_json::to_string(&note.data).unwrap_or_default());
            }
            What::Fate { of, at, fate } => {
                self.0.update(of.0.to_le_bytes());
                self.0.update(at.0.to_le_bytes());
                self.add_text(fate.word());
            }
        }
    }

    /// The bytes of TLS records differ between runs: their length counts.
    fn add_packet(&mut self, packet: &Packet, layer: Layer) {
        self.add_address(packet.from);
        self.add_address(packet.to);
        self.add_text(packet.room.name());
        self.0.update((packet.bytes.len() as u64).to_le_bytes());
        if layer != Layer::Sealed {
            self.0.update(&packet.bytes);
        }
    }

    fn add_address(&mut self, address: SocketAddr) {
        match address.ip() {
            IpAddr::V4(ip) => self.0.update(ip.octets()),
            IpAddr::V6(ip) => self.0.update(ip.octets()),
        }
        self.0.update(address.port().to_le_bytes());
    }

    fn add_text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }
}
