//! A sentence for an uppercase server, as the lecture's client programs send
//! it (course K1, K2).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use capa7_dissect::{Cause, Room};
use capa7_net::Host;
use capa7_sockets::{tcp_client, udp_client};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::action::called;
use super::{Lab, LabError, Outcome};
use crate::scenario::{Send, file::bytes_of_hex};
use crate::text::Bilingual;
use crate::world::SocketService;

impl Lab {
    /// Resolves the server's name and says the sentence.
    pub(super) async fn send(&self, send: &Send) -> Result<(Cause, Outcome), LabError> {
        let (described, host) = self.host(send.from.get_ref())?;
        let bytes = bytes_of(send)?;
        let (server, over) = (send.to.get_ref(), send.over.name());
        let who = called(described);
        let count = bytes.len();
        let text = Bilingual::new(
            format!("{who} sends {count} bytes to {server} over {over}"),
            format!("{who} envía {count} bytes a {server} por {over}"),
        );
        let event = self.note_action(&host, text);
        let (address, cause) = match self.address_of(described, &host, server, event).await? {
            Ok(found) => found,
            Err(problem) => return Ok((event, Outcome::failed(problem))),
        };
        let at = SocketAddr::new(address, send.port);
        let patience = send.patience.map_or(PATIENCE, |span| span.0);
        let reply = match send.over {
            SocketService::Tcp if !send.parts.is_empty() => {
                in_parts(&host, at, &parts_of(send), patience, cause).await
            }
            SocketService::Tcp => {
                let asked = tcp_client::ask(&host, at, &bytes, patience, cause).await;
                asked.map_err(|error| error.to_string())
            }
            SocketService::Udp => {
                let asked = udp_client::ask(&host, at, &bytes, patience, cause).await;
                asked.map_err(|error| error.to_string())
            }
        };
        let outcome = match reply {
            Ok(reply) => Outcome::Text {
                text: String::from_utf8_lossy(&reply).into_owned(),
                bytes: reply.len(),
            },
            Err(problem) => Outcome::failed(problem),
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
    let parts = (!send.parts.is_empty()).then(|| parts_of(send).concat());
    let what = text.or(hex).or(letters).or(parts);
    what.ok_or_else(|| LabError::Bad("say what is sent".to_owned()))
}

fn parts_of(send: &Send) -> Vec<Vec<u8>> {
    send.parts.iter().filter_map(|part| bytes_of_hex(part.get_ref())).collect()
}

/// Talks as the lecture's client does: it sends, it waits for what comes back,
/// and the connection stays open until all parts are said (course K2).
async fn in_parts(
    host: &Host,
    to: SocketAddr,
    parts: &[Vec<u8>],
    patience: Duration,
    cause: Cause,
) -> Result<Vec<u8>, String> {
    let talk = async {
        let mut stream = host.in_room(Room::Sockets).connect_tcp(to, cause).await?;
        stream.set_write_cause(cause);
        let (mut reply, mut buffer) = (Vec::new(), vec![0; READ_BYTES]);
        for part in parts {
            stream.write_all(part).await?;
            let length = stream.read(&mut buffer).await?;
            reply.extend_from_slice(buffer.get(..length).unwrap_or_default());
        }
        stream.shutdown().await?;
        stream.take(REPLY_BYTES_MAX).read_to_end(&mut reply).await?;
        Ok::<_, io::Error>(reply)
    };
    match host.timeout(patience, talk).await {
        Ok(reply) => reply.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no reply from {to} within {patience:?}")),
    }
}

/// How long a program waits that is told nothing else.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest sentence that an action makes.
const SENTENCE_BYTES_MAX: usize = 16 << 20;
/// What is read at once.
const READ_BYTES: usize = 16 * 1024;
/// Upper case may be longer than lower case, but not by much.
const REPLY_BYTES_MAX: u64 = 64 << 20;
