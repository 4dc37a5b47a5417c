//! Connections come and go: the handshake, the end, the reset.

use std::io::ErrorKind;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use capa7_dissect::Causes;

use super::Core;
use super::connection::{BACKLOG_MAX, CLIENT, Closing, Connection, Phase, SERVER, TcpTable};
use super::slab::Key;
use super::travel::{Cargo, Travel};
use crate::capture::{ConnectionChange, Packet, What};

impl Core {
    /// Sends the first segment.
    pub(super) fn ask(self: &Arc<Self>, tcp: &mut TcpTable, connection: Key) {
        self.launch(tcp, Travel::new(connection, CLIENT, Cargo::Syn));
    }

    fn answer(self: &Arc<Self>, tcp: &mut TcpTable, key: Key, from: usize, cargo: Cargo) {
        self.launch(tcp, Travel::new(key, from, cargo));
    }

    pub(super) fn on_syn(self: &Arc<Self>, tcp: &mut TcpTable, key: Key) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        if connection.phase != Phase::Asked {
            // It was repeated since our answer got lost.
            return self.answer(tcp, key, SERVER, Cargo::SynAck);
        }
        let server = &connection.ends[SERVER];
        let welcome = tcp.ports.find(server.host, server.at);
        let Some(found) = welcome.and_then(|welcome| tcp.welcomes.get(welcome)) else {
            // RFC 9293 §3.10.7.1: nobody listens.
            return self.answer(tcp, key, SERVER, Cargo::Reset);
        };
        if connection.limits.refused {
            return self.answer(tcp, key, SERVER, Cargo::Reset);
        }
        if found.waiting.len() >= BACKLOG_MAX {
            return self.repeat_syn(tcp, key);
        }
        connection.phase = Phase::Answered;
        connection.welcome = welcome;
        connection.ends[SERVER].room = found.room;
        connection.ends[SERVER].open = true;
        self.answer(tcp, key, SERVER, Cargo::SynAck);
    }

    pub(super) fn on_syn_ack(self: &Arc<Self>, tcp: &mut TcpTable, key: Key) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        if connection.ends[CLIENT].dead {
            return self.answer(tcp, key, CLIENT, Cargo::Reset);
        }
        if connection.phase == Phase::Open {
            return;
        }
        connection.phase = Phase::Open;
        self.tell(connection, CLIENT, ConnectionChange::Open);
        connection.ends[CLIENT].wake_both();
        self.answer(tcp, key, CLIENT, Cargo::Ack);
    }

    pub(super) fn on_ack(self: &Arc<Self>, tcp: &mut TcpTable, key: Key) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        if connection.accepted || connection.ends[SERVER].dead {
            return;
        }
        connection.accepted = true;
        let welcome = connection.welcome.and_then(|welcome| tcp.welcomes.get_mut(welcome));
        let Some(welcome) = welcome else {
            // The welcoming socket was closed meanwhile.
            return self.tear_down(tcp, key, SERVER);
        };
        welcome.waiting.push_back(key);
        welcome.acceptors.drain(..).for_each(Waker::wake);
    }

    pub(super) fn on_reset(&self, tcp: &mut TcpTable, key: Key, end: usize) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        if connection.ends[end].dead {
            return;
        }
        if connection.phase == Phase::Asked {
            self.fail(connection, end, ErrorKind::ConnectionRefused);
            self.tell(connection, SERVER, ConnectionChange::Refused);
        } else {
            self.fail(connection, end, ErrorKind::ConnectionReset);
            if end == SERVER && !connection.accepted {
                connection.ends[SERVER].open = false;
            }
        }
        self.remove_if_over(tcp, key);
    }

    /// Tears a connection down from one end and tells the other.
    pub(super) fn tear_down(self: &Arc<Self>, tcp: &mut TcpTable, key: Key, from: usize) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        if !connection.ends[from].dead {
            self.tell(connection, from, ConnectionChange::Reset);
        }
        connection.ends[from].dead = true;
        connection.pipes[from].forget_unsent();
        self.answer(tcp, key, from, Cargo::Reset);
    }

    /// A program has let go of its end.
    pub(super) fn close_end(self: &Arc<Self>, tcp: &mut TcpTable, key: Key, end: usize) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        connection.ends[end].open = false;
        let unread = connection.pipes[1 - end].has_unread();
        if end == CLIENT && connection.phase != Phase::Open {
            connection.ends[CLIENT].dead = true;
        } else if connection.ends[end].dead {
            // It was told already.
        } else if unread {
            // RFC 1122 §4.2.2.13: the peer must learn that data was lost.
            self.tear_down(tcp, key, end);
        } else {
            self.finish(tcp, key, end);
        }
        self.remove_if_over(tcp, key);
    }

    /// A program will write no more.
    pub(super) fn finish(self: &Arc<Self>, tcp: &mut TcpTable, key: Key, end: usize) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        let pipe = &mut connection.pipes[end];
        if pipe.closing == Closing::Open && !connection.ends[end].dead {
            pipe.closing = Closing::Wanted;
            self.offer(tcp, key, end);
        }
    }

    pub(super) fn fail(&self, connection: &mut Connection, end: usize, why: ErrorKind) {
        connection.ends[end].dead = true;
        connection.ends[end].failure = Some(why);
        connection.pipes[end].forget_unsent();
        connection.ends[end].wake_both();
    }

    /// Records what an end did to a connection.
    pub(super) fn tell(&self, connection: &Connection, end: usize, change: ConnectionChange) {
        let (acting, other) = (&connection.ends[end], &connection.ends[1 - end]);
        let packet = Packet {
            room: acting.room,
            from_host: Some(acting.host),
            to_host: Some(other.host),
            from: acting.at,
            to: other.at,
            bytes: Bytes::new(),
        };
        let what = What::Connection { connection: connection.number, change, packet };
        self.shared.capture.record(self.now(), Causes::from(connection.asked), what);
    }

    pub(super) fn remove_if_over(&self, tcp: &mut TcpTable, key: Key) {
        if tcp.connections.get(key).is_some_and(Connection::is_over)
            && let Some(connection) = tcp.connections.remove(key)
        {
            let client = &connection.ends[CLIENT];
            tcp.ports.release(client.host, client.at);
        }
    }
}
