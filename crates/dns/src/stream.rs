//! The TCP side of a server that answers at once (RFC 7766).

use capa7_net::{Host, TcpListener, TcpStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::authoritative::{ANSWER_OCTETS_MAX, Answerer, Asker};
use crate::connections::{ConnectionLimits, Connections};
use crate::frames::Frames;

/// Accepts connections for ever and answers on each.
pub(crate) async fn serve(
    host: Host,
    listener: TcpListener,
    limits: ConnectionLimits,
    answerer: Answerer,
) {
    let mut connections = Connections::default();
    loop {
        let stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                host.sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let client = stream.peer_addr().ip();
        if connections.admits(client, &limits) {
            let task = host
                .spawn("dns tcp", one_connection(host.clone(), stream, limits, answerer.clone()));
            connections.keep(client, task);
        }
    }
}

/// Answers the messages of one connection in the order in which they came
/// (RFC 7766 §6.2.1.1 allows any order), until the client closes, is idle too
/// long, or stops reading.
async fn one_connection(
    host: Host,
    mut stream: TcpStream,
    limits: ConnectionLimits,
    mut answerer: Answerer,
) {
    let (mut frames, mut buffer, mut out) = (Frames::default(), vec![0; READ_OCTETS], Vec::new());
    let mut scratch = vec![0; ANSWER_OCTETS_MAX];
    loop {
        let read = host.timeout(limits.idle, stream.read(&mut buffer)).await;
        let Ok(Ok(count @ 1..)) = read else { return };
        frames.push(buffer.get(..count).unwrap_or_default());
        let cause = stream.read_cause();
        stream.set_write_cause(cause);
        let asker = Asker { client: stream.peer_addr().ip(), cause };
        while let Some(query) = frames.next() {
            answerer.answer_framed(query, asker, &mut scratch, &mut out);
            // Replies are written as they grow, so that one read of many small
            // queries cannot make us hold many large replies.
            if out.len() >= WRITE_OCTETS && !write(&host, &mut stream, &mut out, &limits).await {
                return;
            }
        }
        if !write(&host, &mut stream, &mut out, &limits).await {
            return;
        }
    }
}

/// Writes what is there; false when the client does not take it in time.
async fn write(
    host: &Host,
    stream: &mut TcpStream,
    out: &mut Vec<u8>,
    limits: &ConnectionLimits,
) -> bool {
    let written = host.timeout(limits.idle, stream.write_all(out)).await;
    out.clear();
    matches!(written, Ok(Ok(())))
}

/// What one read takes at most.
const READ_OCTETS: usize = 16 * 1024;
/// Replies that are held before they are written.
const WRITE_OCTETS: usize = 64 * 1024;
/// Wait after a failed accept, usually for want of descriptors.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
