//! A sentence for an uppercase server, as the lecture's client programs send
//! it (course K1, K2).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use capa7_dissect::{Cause, Room};
use capa7_net::Host;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::action::called;
use super::{Lab, LabError, Outcome};
use crate::scenario::{Send, file::bytes_of_hex};
use crate::world::SocketService;

impl Lab {
    /// Resolves the server's name and says the sentence.
    pub(super) async fn send(&self, send: &Send) -> Result<(Cause, Outcome), LabError> {
        let (described, host) = self.host(send.from.get_ref())?;
        let bytes = bytes_of(send)?;
        let over = match send.over {
            SocketService::Udp => "UDP",
            SocketService::Tcp => "TCP",
        };
        let server = send.to.get_ref();
        let who = called(described);
        let text = format!("{who} sends {} bytes to {server} over {over}", bytes.len());
        let event = self.note_action(&host, text);
        let (address, cause) = match self.address_of(described, &host, server, event).await? {
            Ok(found) => found,
            Err(problem) => return Ok((event, Outcome::failed(problem))),
        };
        let at = SocketAddr::new(address, send.port);
        let patience = send.patience.map_or(PATIENCE, |span| span.0);
        let host = host.in_room(Room::Sockets);
        let exchange = async {
            match send.over {
                SocketService::Udp => by_datagram(&host, at, bytes, cause).await,
                SocketService::Tcp => by_stream(&host, at, bytes, cause).await,
            }
        };
        let outcome = match host.timeout(patience, exchange).await {
            Ok(Ok(reply)) => Outcome::Text {
                text: String::from_utf8_lossy(&reply).into_owned(),
                bytes: reply.len(),
            },
            Ok(Err(error)) => Outcome::failed(error),
            Err(_) => Outcome::failed(format!("no reply from {at} within {patience:?}")),
        };
        Ok((event, outcome))
    }
}

fn bytes_of(send: &Send) -> Result<Vec<u8>, LabError> {
    let letters = send.letters.map(|size| {
        let count = usize::try_from(size.0).unwrap_or(usize::MAX).min(SENTENCE_BYTES_MAX);
        vec![b'a'; count]
    });
    let hex = send.hex.as_ref().and_then(|text| bytes_of_hex(text.get_ref()));
    let text = send.text.as_ref().map(|text| text.clone().into_bytes());
    let what = text.or(hex).or(letters);
    what.ok_or_else(|| LabError::Bad("say what is sent with one of: text, hex, letters".to_owned()))
}

async fn by_datagram(
    host: &Host,
    to: SocketAddr,
    bytes: Vec<u8>,
    cause: Cause,
) -> io::Result<Vec<u8>> {
    let socket = host.bind_udp(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0))?;
    socket.send_to(bytes, to, cause).await?;
    loop {
        let reply = socket.recv_from().await?;
        if reply.from == to {
            return Ok(reply.bytes.to_vec());
        }
    }
}

/// Sends everything, says that it was everything, and reads to the end: the
/// server answers while it reads, so both go on at once.
async fn by_stream(
    host: &Host,
    to: SocketAddr,
    bytes: Vec<u8>,
    cause: Cause,
) -> io::Result<Vec<u8>> {
    let mut stream = host.connect_tcp(to, cause).await.map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            io::Error::new(error.kind(), format!("{to} refused: is its server running?"))
        }
        _ => error,
    })?;
    stream.set_write_cause(cause);
    let (mut reader, mut writer) = tokio::io::split(stream);
    let write = async {
        writer.write_all(&bytes).await?;
        writer.shutdown().await
    };
    let read = async {
        let mut reply = Vec::new();
        (&mut reader).take(REPLY_BYTES_MAX).read_to_end(&mut reply).await?;
        Ok::<_, io::Error>(reply)
    };
    let (written, reply) = futures_util::future::join(write, read).await;
    written?;
    reply
}

/// How long a program waits that is told nothing else.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest sentence that an action makes.
const SENTENCE_BYTES_MAX: usize = 16 << 20;
/// Upper case may be longer than lower case, but not by much.
const REPLY_BYTES_MAX: u64 = 64 << 20;
