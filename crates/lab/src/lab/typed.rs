//! A dialogue typed by hand, as with `nc -C` (course M5).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use capa7_dissect::{Cause, Room};
use capa7_net::{Host, TcpStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::action::called;
use super::{Lab, LabError, Outcome};
use crate::scenario::Typed;
use crate::text::Bilingual;

impl Lab {
    /// Resolves the server's name, connects and types the lines.
    pub(super) async fn type_lines(&self, typed: &Typed) -> Result<(Cause, Outcome), LabError> {
        let (described, host) = self.host(typed.from.get_ref())?;
        let (server, port, who) = (typed.to.get_ref(), typed.port, called(described));
        let text = Bilingual::new(
            format!("{who} types to {server}, port {port}"),
            format!("{who} escribe a {server}, puerto {port}"),
        );
        let event = self.note_action(&host, text);
        let (address, cause) = match self.address_of(described, &host, server, event).await? {
            Ok(found) => found,
            Err(problem) => return Ok((event, Outcome::failed(problem))),
        };
        let at = SocketAddr::new(address, port);
        let patience = typed.patience.map_or(PATIENCE, |span| span.0);
        let talk = Talk { host: host.in_room(Room::Mail), patience, lines: Vec::new() };
        let outcome = match talk.with(at, &typed.lines, cause).await {
            Ok(lines) => Outcome::Lines { lines },
            Err(problem) => Outcome::failed(problem),
        };
        Ok((event, outcome))
    }
}

/// One person's typing.
struct Talk {
    host: Host,
    patience: Duration,
    /// What the server has said.
    lines: Vec<String>,
}

impl Talk {
    async fn with(
        mut self,
        at: SocketAddr,
        typed: &[String],
        cause: Cause,
    ) -> Result<Vec<String>, String> {
        let connected = self.host.connect_tcp(at, cause).await;
        let mut stream = connected.map_err(|error| format!("cannot connect to {at}: {error}"))?;
        stream.set_write_cause(cause);
        let mut reader = Replies::default();
        let mut within_message = false;
        self.reply(&mut stream, &mut reader).await?;
        for line in typed {
            let sent = stream.write_all(format!("{line}\r\n").as_bytes()).await;
            sent.map_err(|error| format!("the connection broke: {error}"))?;
            if within_message && line != "." {
                continue;
            }
            let code = self.reply(&mut stream, &mut reader).await?;
            within_message = code == START_INPUT;
        }
        // A server that was told QUIT closes; one that was not is left.
        let _ = stream.shutdown().await;
        Ok(self.lines)
    }

    /// Waits for a whole reply; its code.
    async fn reply(
        &mut self,
        stream: &mut TcpStream,
        reader: &mut Replies,
    ) -> Result<String, String> {
        loop {
            while let Some(line) = reader.line() {
                let (code, is_last) = code_of(&line);
                self.lines.push(line);
                if is_last {
                    return Ok(code);
                }
            }
            let read = self.host.timeout(self.patience, reader.read(stream)).await;
            match read {
                Ok(Ok(0)) => {
                    return Err(format!("the server closed after {:?}", self.lines.last()));
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(format!("the connection broke: {error}")),
                Err(_) => return Err(format!("no reply within {:?}", self.patience)),
            }
        }
    }
}

/// Bytes of a server, cut into lines.
#[derive(Default)]
struct Replies(Vec<u8>);

impl Replies {
    async fn read(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        if self.0.len() > WAITING_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line without end"));
        }
        stream.read_buf(&mut self.0).await
    }

    fn line(&mut self) -> Option<String> {
        let end = self.0.windows(2).position(|pair| pair == b"\r\n")?;
        let line: Vec<u8> = self.0.drain(..end + 2).collect();
        Some(String::from_utf8_lossy(line.get(..end).unwrap_or_default()).into_owned())
    }
}

/// The code of a reply's line, and whether no further line follows (RFC 5321
/// §4.2.1).
fn code_of(line: &str) -> (String, bool) {
    let code: String = line.chars().take(3).collect();
    (code, line.chars().nth(3) != Some('-'))
}

/// The reply that asks for the message (RFC 5321 §4.2.2).
const START_INPUT: &str = "354";
/// A person waits so long.
const PATIENCE: Duration = Duration::from_secs(30);
const WAITING_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::code_of;

    #[test]
    fn a_reply_ends_with_the_line_whose_code_is_followed_by_a_space() {
        // RFC 5321 §4.2.1.
        assert_eq!(code_of("250-SIZE"), ("250".to_owned(), false));
        assert_eq!(code_of("250 HELP"), ("250".to_owned(), true));
        assert_eq!(code_of("221"), ("221".to_owned(), true));
    }
}
