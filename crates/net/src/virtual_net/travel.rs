//! How the pieces of streams travel and come again when they get lost.
//!
//! ```text
//!   client                         server
//!     │ SYN ───────────────────────▶ │  nobody there: RST, refused
//!     │ ◀─────────────────── SYN+ACK │
//!   open                             │
//!     │ ACK ───────────────────────▶ │  accept
//!     │ data ══════════════════════▶ │  lost segments come again, later
//!     │ FIN ───────────────────────▶ │  end of stream
//! ```

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::Cause;

use super::Core;
use super::agenda::Happening;
use super::connection::{CLIENT, Connection, Parcel, Phase, TcpTable};
use super::slab::Key;
use crate::capture::{ConnectionChange, HostId};
use crate::time::Time;

/// Something on its way from one end of a connection to the other.
#[derive(Debug)]
pub(super) struct Travel {
    connection: Key,
    from: usize,
    leg: Leg,
    cargo: Cargo,
}

impl Travel {
    /// Something that is about to be sent.
    pub(super) const fn new(connection: Key, from: usize, cargo: Cargo) -> Self {
        Self { connection, from, leg: Leg::Again, cargo }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leg {
    /// To be sent (again).
    Again,
    /// At the receiver's access.
    AtAccess,
    /// Through it.
    AtHost,
}

/// What travels.
#[derive(Debug)]
pub(super) enum Cargo {
    Syn,
    SynAck,
    Ack,
    Reset,
    Data(Parcel),
}

/// RFC 6298 §2.1: the first segment is repeated after one second, then after
/// twice as long each time.
const SYN_TIMEOUT: Duration = Duration::from_secs(1);

/// Linux repeats it six times (net.ipv4.tcp_syn_retries): 127 s in all.
const SYN_REPEATS_MAX: u32 = 6;

/// Linux takes no shorter retransmission time-out.
const RETRANSMIT_TIMEOUT_MIN: Duration = Duration::from_millis(200);

/// RFC 6298 §2.5: nor need it be longer than a minute.
const RETRANSMIT_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Linux gives up after this many (net.ipv4.tcp_retries2).
const RETRANSMITS_MAX: u32 = 15;

/// RFC 5681 §3.2: this many segments after a lost one make it come again after
/// a round trip, without the time-out.
const DUPLICATE_ACKS: u32 = 3;

/// The way.
impl Core {
    pub(super) fn on_travel(self: &Arc<Self>, travel: Travel) {
        let mut tcp = self.tcp();
        self.go_on(&mut tcp, travel);
    }

    fn go_on(self: &Arc<Self>, tcp: &mut TcpTable, travel: Travel) {
        match travel.leg {
            Leg::Again => self.send_again(tcp, travel),
            Leg::AtAccess => self.cross(tcp, travel),
            Leg::AtHost => self.arrive(tcp, travel),
        }
    }

    /// Sends something from an end's access.
    pub(super) fn launch(self: &Arc<Self>, tcp: &mut TcpTable, mut travel: Travel) {
        let Some((from, to)) = hosts(tcp, &travel) else { return };
        if let Cargo::Data(parcel) = &mut travel.cargo {
            parcel.sent_at = self.now();
        }
        let (size, segments) = travel.cargo.size();
        let silent = self.is_silent(tcp, &travel);
        let (at, lost) = if silent {
            (self.now(), segments)
        } else {
            self.shared.topology().leave_stream(self.now(), from, to, size, segments)
        };
        if let Some(kept) = self.without_lost(tcp, travel, lost) {
            self.schedule(at, Travel { leg: Leg::AtAccess, ..kept });
        }
    }

    /// Takes something through the receiver's access.
    fn cross(self: &Arc<Self>, tcp: &mut TcpTable, travel: Travel) {
        let Some((from, to)) = hosts(tcp, &travel) else { return };
        let (size, segments) = travel.cargo.size();
        let now = self.now();
        let (at, lost) = self.shared.topology().reach_stream(now, from, to, size, segments);
        let Some(kept) = self.without_lost(tcp, travel, lost) else { return };
        let through = Travel { leg: Leg::AtHost, ..kept };
        if at == now {
            self.arrive(tcp, through);
        } else {
            self.schedule(at, through);
        }
    }

    fn arrive(self: &Arc<Self>, tcp: &mut TcpTable, travel: Travel) {
        let Travel { connection: key, from, cargo, .. } = travel;
        match cargo {
            Cargo::Syn => self.on_syn(tcp, key),
            Cargo::SynAck => self.on_syn_ack(tcp, key),
            Cargo::Ack => self.on_ack(tcp, key),
            Cargo::Reset => self.on_reset(tcp, key, 1 - from),
            Cargo::Data(parcel) => self.on_data(tcp, key, from, parcel),
        }
    }

    /// Puts something into the agenda that is to be sent again or is somewhere.
    pub(super) fn schedule(&self, at: Time, travel: Travel) {
        self.agenda().add(at, Happening::Stream(Box::new(travel)));
    }

    /// Loses something on purpose; it is sent again in its time.
    pub(super) fn lose(&self, tcp: &mut TcpTable, travel: Travel) {
        let (_, segments) = travel.cargo.size();
        self.without_lost(tcp, travel, segments);
    }

    /// What remains of something of which `lost` segments got lost; the rest is
    /// sent again in its time.
    fn without_lost(&self, tcp: &mut TcpTable, travel: Travel, lost: u32) -> Option<Travel> {
        if lost == 0 {
            return Some(travel);
        }
        let (_, segments) = travel.cargo.size();
        let Travel { connection, from, leg, cargo } = travel;
        match cargo {
            Cargo::Data(mut parcel) if lost < segments => {
                let rest = parcel.split_lost(lost);
                self.repeat(tcp, connection, from, rest, segments - lost);
                Some(Travel { connection, from, leg, cargo: Cargo::Data(parcel) })
            }
            Cargo::Data(parcel) => {
                self.repeat(tcp, connection, from, parcel, 0);
                None
            }
            Cargo::Syn | Cargo::SynAck => {
                self.repeat_syn(tcp, connection);
                None
            }
            Cargo::Ack => {
                // RFC 9293 §3.8.1: the server repeats its SYN+ACK, the client
                // its ACK.
                let again = Travel::new(connection, from, Cargo::Ack);
                self.schedule(self.now() + SYN_TIMEOUT, again);
                None
            }
            // The peer learns it when it next sends.
            Cargo::Reset => None,
        }
    }

    fn repeat(
        &self,
        tcp: &mut TcpTable,
        key: Key,
        from: usize,
        mut parcel: Parcel,
        survivors: u32,
    ) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        let round_trip = self.round_trip(connection);
        let wait = if survivors >= DUPLICATE_ACKS {
            round_trip
        } else {
            parcel.timeouts += 1;
            let first = (round_trip * 2).max(RETRANSMIT_TIMEOUT_MIN);
            let doubled = 1_u32.checked_shl(parcel.timeouts - 1).unwrap_or(u32::MAX);
            first.saturating_mul(doubled).min(RETRANSMIT_TIMEOUT_MAX.max(first))
        };
        let at = (parcel.sent_at + wait).max(self.now());
        self.schedule(at, Travel::new(key, from, Cargo::Data(parcel)));
    }

    /// Sends a client's first segment again when its time-out is over.
    pub(super) fn repeat_syn(&self, tcp: &TcpTable, key: Key) {
        let Some(connection) = tcp.connections.get(key) else { return };
        // From the moment at which the client sent it, on the client's clock.
        let wait = SYN_TIMEOUT * (1 << connection.syn_tries.min(SYN_REPEATS_MAX));
        let at = (connection.syn_sent + wait).max(self.now());
        self.schedule(at, Travel::new(key, CLIENT, Cargo::Syn));
    }

    fn send_again(self: &Arc<Self>, tcp: &mut TcpTable, travel: Travel) {
        let Some(connection) = tcp.connections.get_mut(travel.connection) else { return };
        if connection.ends[travel.from].dead {
            return;
        }
        match &travel.cargo {
            Cargo::Data(parcel) if parcel.timeouts > RETRANSMITS_MAX => {
                let from = travel.from;
                self.fail(connection, from, ErrorKind::TimedOut);
                self.tell(connection, from, ConnectionChange::TimedOut);
                self.remove_if_over(tcp, travel.connection);
            }
            Cargo::Syn if connection.phase == Phase::Open => {}
            Cargo::Syn if connection.syn_tries >= SYN_REPEATS_MAX => {
                self.fail(connection, CLIENT, ErrorKind::TimedOut);
                self.tell(connection, CLIENT, ConnectionChange::TimedOut);
                self.remove_if_over(tcp, travel.connection);
            }
            Cargo::Syn => {
                connection.syn_tries += 1;
                connection.syn_sent = self.now();
                self.launch(tcp, travel);
            }
            _ => self.launch(tcp, travel),
        }
    }

    fn round_trip(&self, connection: &Connection) -> Duration {
        let [client, server] = &connection.ends;
        self.shared.topology().round_trip(client.host, server.host)
    }

    fn is_silent(&self, tcp: &TcpTable, travel: &Travel) -> bool {
        matches!(travel.cargo, Cargo::Syn)
            && tcp.connections.get(travel.connection).is_some_and(|found| found.limits.silent)
    }
}

impl Parcel {
    pub(super) const fn empty(offset: u64, sent_at: Time) -> Self {
        Self {
            offset,
            bytes: Bytes::new(),
            message: Cause::NONE,
            last: false,
            fin: false,
            sent_at,
            timeouts: 0,
        }
    }
}

impl Cargo {
    /// Payload bytes and segments.
    fn size(&self) -> (usize, u32) {
        match self {
            Self::Data(parcel) => (parcel.bytes.len(), parcel.segments()),
            Self::Syn | Self::SynAck | Self::Ack | Self::Reset => (0, 1),
        }
    }
}

/// The hosts that something travels between.
fn hosts(tcp: &TcpTable, travel: &Travel) -> Option<(HostId, HostId)> {
    let connection = tcp.connections.get(travel.connection)?;
    Some((connection.ends[travel.from].host, connection.ends[1 - travel.from].host))
}
