//! The TCP client: a connection, a text, its capitals (course K2).

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use capa7_net::{Cause, Host, Room};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::within;

/// The longest answer that is taken in.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum TcpError {
    /// Nobody listens.
    #[error("{0} refuses: nobody listens there. Start the server first, then the client")]
    Refused(SocketAddr),
    /// Nothing came.
    #[error("no answer from {0} within {1:?}: is its host up, and its link?")]
    TimedOut(SocketAddr, Duration),
    /// The connection failed.
    #[error("the connection to {0} failed: {1}")]
    Failed(SocketAddr, Error),
}

/// Sends `text` to a server, says that this was all, and reads to the end.
///
/// # Errors
/// [`TcpError`], in words for the person who asks.
pub async fn ask(
    host: &Host,
    server: SocketAddr,
    text: &[u8],
    patience: Duration,
    cause: Cause,
) -> Result<Vec<u8>, TcpError> {
    let talk = async {
        let mut stream = host.in_room(Room::Sockets).connect_tcp(server, cause).await?;
        stream.set_write_cause(cause);
        let (reader, mut writer) = tokio::io::split(stream);
        let mut answer = Vec::new();
        let mut reader = reader.take(ANSWER_BYTES_MAX);
        // At once: a server that answers while it reads must not wait for us.
        let say = async { (writer.write_all(text).await).and(writer.shutdown().await) };
        let (said, heard) = tokio::join!(say, reader.read_to_end(&mut answer));
        // A server may close before it has read all; its answer counts.
        if answer.is_empty() { said.and(heard).map(|_| answer) } else { heard.map(|_| answer) }
    };
    within(host, patience, talk).await.map_err(|error| match error.kind() {
        ErrorKind::ConnectionRefused => TcpError::Refused(server),
        ErrorKind::TimedOut => TcpError::TimedOut(server, patience),
        _ => TcpError::Failed(server, error),
    })
}
