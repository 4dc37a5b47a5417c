//! What one end of a kernel connection tells the capture.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use capa7_dissect::{Cause, Causes, Direction, Room};

use crate::capture::{ConnectionChange, ConnectionId, Fate, HostId, Layer, Packet, What};
use crate::real::Core;
use crate::tls::Way;

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

/// When an end is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A machine's, while somebody watches; a lab's doors to the outside never.
    Bare,
    /// A lab's.
    Lab,
}

/// The recorder of one end: numbers its bytes and keeps its causes.
#[derive(Debug)]
pub(crate) struct Tap {
    core: Arc<Core>,
    room: Room,
    ends: Ends,
    writes: Direction,
    scope: Scope,
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
        scope: Scope,
    ) -> Self {
        Self {
            core: Arc::clone(core),
            room,
            ends,
            writes,
            scope,
            connection: None,
            written: 0,
            read: 0,
            sealed: false,
            write_cause: Cause::NONE,
            read_cause: Cause::NONE,
        }
    }

    /// The same recorder for a connection that has a number.
    pub(crate) const fn of(mut self, connection: ConnectionId) -> Self {
        self.connection = Some(connection);
        self
    }

    fn is_on(&self) -> bool {
        match self.scope {
            Scope::Bare => self.core.records_bare(),
            Scope::Lab => self.core.capture().is_on(),
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

    /// This end's view, once its connection has a number.
    pub(crate) fn way(&self) -> Option<Way> {
        let (connection, writes) = (self.connection?, self.writes);
        Some(Way { connection, writes, packet: self.packet(Bytes::new()) })
    }

    const fn layer(&self) -> Layer {
        if self.sealed { Layer::Sealed } else { Layer::Clear }
    }

    /// The bytes that are about to leave.
    pub(crate) fn packet(&self, bytes: Bytes) -> Packet {
        self.ends.packet(self.room, bytes)
    }

    /// Records bytes that leave; returns their number.
    pub(crate) fn wrote(&mut self, packet: Packet) -> Cause {
        let offset = self.written;
        self.written += packet.bytes.len() as u64;
        if packet.bytes.is_empty() || !self.is_on() {
            return Cause::NONE;
        }
        self.record(self.write_cause, self.writes, offset, packet)
    }

    /// Records bytes that the kernel took: what it does with them is not seen.
    pub(crate) fn handed_over(&mut self, bytes: &[u8]) {
        if !self.is_on() {
            self.written += bytes.len() as u64;
            return;
        }
        let number = self.wrote(self.packet(Bytes::copy_from_slice(bytes)));
        self.core.capture().end(self.core.now(), number, Fate::Delivered);
    }

    /// Records bytes that a peer outside of our knowledge sent; they are the
    /// cause of what the program does with them.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        let offset = self.read;
        self.read += bytes.len() as u64;
        if bytes.is_empty() || !self.is_on() {
            return;
        }
        let packet = self.ends.reversed().packet(self.room, Bytes::copy_from_slice(bytes));
        self.read_cause = self.record(Cause::NONE, opposite(self.writes), offset, packet);
        self.core.capture().end(self.core.now(), self.read_cause, Fate::Delivered);
    }

    fn record(&mut self, cause: Cause, direction: Direction, offset: u64, packet: Packet) -> Cause {
        let connection = self.number();
        let what = What::Chunk { connection, direction, offset, layer: self.layer(), packet };
        self.core.capture().record(self.core.now(), Causes::from(cause), what)
    }

    /// Records what became of the connection.
    pub(crate) fn changed(&mut self, change: ConnectionChange, cause: Cause) -> Cause {
        if !self.is_on() {
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
