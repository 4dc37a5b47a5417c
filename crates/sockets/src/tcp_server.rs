//! The TCP server: a welcoming socket, and a new one per client (course K2).

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use capa7_net::{Host, Room, TcpListener, TcpStream, startup::DoorError};
use tokio::{io::AsyncReadExt, io::AsyncWriteExt, sync::Semaphore};

use crate::{Tell, uppercase::Shouter, within};

/// Clients at once; more wait their turn.
const CLIENTS_MAX: usize = 512;
/// A client that says nothing for so long is left.
const SILENCE_MAX: Duration = Duration::from_secs(300);

/// A listening server.
#[derive(Debug)]
pub struct TcpServer(Host, TcpListener);

impl TcpServer {
    /// Opens the welcoming socket.
    ///
    /// # Errors
    /// With what to do when the port is taken or not permitted.
    pub fn bind(host: &Host, at: SocketAddr) -> Result<Self, DoorError> {
        let listener = host.in_room(Room::Sockets).listen_tcp(at);
        Ok(Self(host.clone(), listener.map_err(|error| DoorError::new("TCP", at, error))?))
    }

    /// Serves every client at once, until the welcoming socket fails.
    pub async fn run(self, tell: Tell) -> io::Result<Infallible> {
        let places = Arc::new(Semaphore::new(CLIENTS_MAX));
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            let (host, stream, tell) = (self.0.clone(), self.1.accept().await?, tell.clone());
            let client = async move {
                tell(&format!("{} is a client", stream.peer_addr()));
                serve(&host, stream).await.unwrap_or_else(|error| tell(&error.to_string()));
                drop(place);
            };
            self.0.spawn("tcp-server client", client).detach();
        }
    }
}

/// Answers what was read as soon as it was read, until the client is done.
async fn serve(host: &Host, mut stream: TcpStream) -> io::Result<()> {
    let (mut shouter, mut buffer) = (Shouter::default(), vec![0; 16 * 1024]);
    loop {
        let length = within(host, SILENCE_MAX, stream.read(&mut buffer)).await?;
        let read = buffer.get(..length).unwrap_or_default();
        let answer = if length == 0 { shouter.finish() } else { shouter.push(read) };
        stream.set_write_cause(stream.read_cause());
        within(host, SILENCE_MAX, stream.write_all(&answer)).await?;
        if length == 0 {
            return stream.shutdown().await;
        }
    }
}
