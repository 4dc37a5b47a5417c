//! The UDP client: one datagram out, one back, or none (course K1).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use capa7_net::udp::DATAGRAM_BYTES_MAX;
use capa7_net::{Cause, Host, Room};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum UdpError {
    /// The text does not fit.
    #[error("{0} bytes are too many for one datagram, which carries {DATAGRAM_BYTES_MAX}")]
    TooLong(usize),
    /// Nothing came.
    #[error(
        "no answer from {0} within {1:?}: the datagram or its answer was lost, or nobody serves \
         there; UDP does not say which. Ask again, or start the server"
    )]
    TimedOut(SocketAddr, Duration),
    /// The socket failed.
    #[error("cannot ask {0}: {1}")]
    Failed(SocketAddr, io::Error),
}

/// Sends `text` to a server and waits for its answer.
///
/// # Errors
/// [`UdpError`], in words for the person who asks.
pub async fn ask(
    host: &Host,
    server: SocketAddr,
    text: &[u8],
    patience: Duration,
    cause: Cause,
) -> Result<Vec<u8>, UdpError> {
    if text.len() > DATAGRAM_BYTES_MAX {
        return Err(UdpError::TooLong(text.len()));
    }
    let host = host.in_room(Room::Sockets);
    let failed = |error| UdpError::Failed(server, error);
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = host.bind_udp(SocketAddr::new(any, 0)).map_err(failed)?;
    socket.send_to(text.to_vec(), server, cause).await.map_err(failed)?;
    let answer = host.timeout(patience, async {
        loop {
            let datagram = socket.recv_from().await?;
            // Anybody can send to this port; only the server is believed.
            if datagram.from == server {
                return Ok(datagram.bytes.to_vec());
            }
        }
    });
    answer.await.map_err(|_| UdpError::TimedOut(server, patience))?.map_err(failed)
}
