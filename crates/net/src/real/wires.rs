//! What the wire of exec'ed programs shares with the sockets of the house: the
//! records of datagrams that pass from one to the other.

use std::net::{IpAddr, SocketAddr};

use super::Core;
use super::front::lock;
use super::in_flight::Sent;
use crate::capture::HostId;

impl Core {
    /// Takes over the record of a datagram that a socket of the house has sent
    /// to a program.
    pub(crate) fn take_over(&self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> Option<Sent> {
        lock(&self.in_flight).arrive(from, to, bytes)
    }

    /// Leaves the record of a program's datagram, which the kernel is about to
    /// hand to a socket of the house.
    pub(crate) fn hand_over(&self, from: SocketAddr, to: SocketAddr, bytes: &[u8], sent: Sent) {
        lock(&self.in_flight).leave(self.now(), from, to, bytes, sent);
    }

    /// Says that a host is a program of its own from this moment on.
    pub(crate) fn mark_foreign(&self, host: HostId) {
        self.shared.foreign.insert(host);
    }

    /// Whether programs of the house have sockets at an address.
    pub(crate) fn has_sockets_at(&self, address: IpAddr) -> bool {
        lock(&self.fronts).has_any_at(address) || lock(&self.welcomes).has_any_at(address)
    }
}
