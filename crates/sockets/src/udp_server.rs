//! The UDP server: one socket for everybody (course K1).

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use capa7_net::startup::DoorError;
use capa7_net::udp::DATAGRAM_BYTES_MAX;
use capa7_net::{Host, Note, Room, UdpSocket};

use crate::Tell;
use crate::uppercase::uppercase;

/// A bound server.
#[derive(Debug)]
pub struct UdpServer {
    host: Host,
    socket: UdpSocket,
}

impl UdpServer {
    /// Binds the server's socket.
    ///
    /// # Errors
    /// With what to do when the port is taken or not permitted.
    pub fn bind(host: &Host, at: SocketAddr) -> Result<Self, DoorError> {
        let host = host.in_room(Room::Sockets);
        let socket = host.bind_udp(at).map_err(|error| DoorError::new("UDP", at, error))?;
        Ok(Self { host, socket })
    }

    /// Where it answers.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.socket.local_addr()
    }

    /// Answers each datagram to the address that it bears, for ever.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn run(self, tell: Tell) -> io::Result<Infallible> {
        loop {
            let question = self.socket.recv_from().await?;
            let mut answer = uppercase(&question.bytes);
            if answer.len() > DATAGRAM_BYTES_MAX {
                answer = b"ERROR: IN CAPITALS THIS IS TOO LONG FOR ONE DATAGRAM".to_vec();
            }
            let said = format!("{} sent {} bytes", question.from, question.bytes.len());
            tell(&said);
            let note = Note::new(Room::Sockets, "answered", said).because(question.cause);
            let cause = self.host.note(note.with("client", question.from.to_string()));
            let cause = if cause.is_some() { cause } else { question.cause };
            if let Err(error) = self.socket.send_to(answer, question.from, cause).await {
                tell(&format!("no answer to {}: {error}", question.from));
            }
        }
    }
}
