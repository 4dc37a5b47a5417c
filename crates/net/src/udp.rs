//! Datagrams.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use capa7_dissect::{Cause, Causes};

use crate::{real, virtual_net};

/// The longest payload of a UDP datagram over IPv4: RFC 768, RFC 791 §3.1.
pub const DATAGRAM_BYTES_MAX: usize = 65_507;

/// One datagram as received.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// What was sent.
    pub bytes: Bytes,
    /// The sender.
    pub from: SocketAddr,
    /// The local address that it was sent to.
    pub to: SocketAddr,
    /// The captured message, the cause of what follows from it.
    pub cause: Cause,
}

/// A bound UDP socket.
#[derive(Debug)]
pub struct UdpSocket(pub(crate) UdpSocketKind);

#[derive(Debug)]
pub(crate) enum UdpSocketKind {
    Real(real::UdpSocket),
    Virtual(virtual_net::UdpSocket),
}

impl UdpSocket {
    /// Sends one datagram and returns its number in the capture.
    ///
    /// # Errors
    /// As the kernel's: too long (over 65,507 bytes), unreachable, closed.
    pub async fn send_to(
        &self,
        bytes: impl Into<Bytes>,
        to: SocketAddr,
        causes: impl Into<Causes>,
    ) -> io::Result<Cause> {
        match &self.0 {
            UdpSocketKind::Real(socket) => socket.send_to(bytes.into(), to, causes.into()).await,
            UdpSocketKind::Virtual(socket) => socket.send_to(bytes.into(), to, causes.into()),
        }
    }

    /// Waits for the next datagram.
    ///
    /// # Errors
    /// As the kernel's; an earlier unreachable destination is not an error.
    pub async fn recv_from(&self) -> io::Result<Datagram> {
        match &self.0 {
            UdpSocketKind::Real(socket) => socket.recv_from().await,
            UdpSocketKind::Virtual(socket) => socket.recv_from().await,
        }
    }

    /// The bound address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        match &self.0 {
            UdpSocketKind::Real(socket) => socket.local_addr(),
            UdpSocketKind::Virtual(socket) => socket.local_addr(),
        }
    }
}
