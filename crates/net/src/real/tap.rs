//! What one end of a kernel connection tells the capture.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use capa7_dissect::{Cause, Causes, Direction, Room};

use crate::capture::{ConnectionChange, ConnectionId, Fate, HostId, Layer, Packet, What};
use crate::real::Core;

/// Who speaks to whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) local_host: Option<HostId>,
    pub(crate) peer_host: Option<HostId>,
}

impl Ends {
    /// The same connection, seen from the other end.
    pub(crate) const fn reversed(self) -> Self {
        Self {
            local: self.peer,
            peer: self.local,
            local_host: self.peer_host,
            peer_host: self.local_host,
        }
    }

    /// Bytes that leave the local end.
    pub(crate) const fn packet(self, room: Room, bytes: Bytes) -> Packet {
        Packet {
            room,
            from_host: self.local_host,
            to_host: self.peer_host,
            from: self.local,
            to: self.peer,
            bytes,
        }
    }
}

/// The recorder of one end: numbers its bytes and keeps its causes.
#[derive(Debug)]
pub(crate) struct Tap {
    core: Arc<Core>,
    room: Room,
    ends: Ends,
    writes: Direction,
    connection: Option<ConnectionId>,
    written: u64,
    read: u64,
    sealed: bool,
    pub(crate) write_cause: Cause,
    pub(crate) read_cause: Cause,
}

impl Tap {
    /// A recorder; a connection that has no number yet gets one when something
    /// is recorded.
    pub(crate) fn new(
        core: &Arc<Core>,
        room: Room,
        ends: Ends,
        writes: Direction,
        connection: Option<ConnectionId>,
    ) -> Self {
        Self {
            core: Arc::clone(core),
            room,
            ends,
            writes,
            connection,
            written: 0,
            read: 0,
            sealed: false,
            write_cause: Cause::NONE,
            read_cause: Cause::NONE,
        }
    }

    pub(crate) const fn ends(&self) -> Ends {
        self.ends
    }

    pub(crate) const fn connection(&self) -> Option<ConnectionId> {
        self.connection
    }

    pub(crate) const fn set_sealed(&mut self, sealed: bool) {
        self.sealed = sealed;
    }

    const fn layer(&self) -> Layer {
        if self.sealed { Layer::Sealed } else { Layer::Clear }
    }

    /// Records bytes that leave; returns their number.
    pub(crate) fn wrote(&mut self, bytes: &[u8]) -> Cause {
        let offset = self.written;
        self.written += bytes.len() as u64;
        if bytes.is_empty() || !self.core.records_bare() {
            return Cause::NONE;
        }
        let packet = self.ends.packet(self.room, Bytes::copy_from_slice(bytes));
        self.record(self.write_cause, self.writes, offset, packet)
    }

    /// Records bytes that a peer outside of our knowledge sent; they are the
    /// cause of what the program does with them.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        let offset = self.read;
        self.read += bytes.len() as u64;
        if bytes.is_empty() || !self.core.records_bare() {
            return;
        }
        let packet = self.ends.reversed().packet(self.room, Bytes::copy_from_slice(bytes));
        self.read_cause = self.record(self.write_cause, opposite(self.writes), offset, packet);
    }

    fn record(&mut self, cause: Cause, direction: Direction, offset: u64, packet: Packet) -> Cause {
        let connection = self.number();
        let (capture, now) = (self.core.capture(), self.core.now());
        let what = What::Chunk { connection, direction, offset, layer: self.layer(), packet };
        let number = capture.record(now, Causes::from(cause), what);
        // The kernel took over: what it does with the bytes is not seen.
        capture.end(now, number, Fate::Delivered);
        number
    }

    /// Records what became of the connection.
    pub(crate) fn changed(&mut self, change: ConnectionChange, cause: Cause) -> Cause {
        if !self.core.records_bare() {
            return Cause::NONE;
        }
        let connection = self.number();
        let ends = match self.writes {
            Direction::ToServer => self.ends,
            Direction::ToClient => self.ends.reversed(),
        };
        let packet = ends.packet(self.room, Bytes::new());
        let what = What::Connection { connection, change, packet };
        self.core.capture().record(self.core.now(), Causes::from(cause), what)
    }

    fn number(&mut self) -> ConnectionId {
        *self.connection.get_or_insert_with(|| self.core.capture().new_connection())
    }
}

/// The other direction.
pub(crate) const fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::ToServer => Direction::ToClient,
        Direction::ToClient => Direction::ToServer,
    }
}
