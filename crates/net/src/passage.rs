//! Streams between the parts of one program: no socket and no port, so nobody
//! else can come in.
//!
//! ```text
//!   a client ─ Passage ──▶ TcpListener of the passage ─▶ a server
//!                 one process, one buffer for each direction
//! ```
//!
//! Nothing of it is shaped or recorded: a lab, where every message is to be
//! seen, connects its servers by their addresses.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use capa7_dissect::Cause;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::{Mutex, mpsc};

use crate::host::Host;
use crate::tcp::{TcpListener, TcpListenerKind, TcpStream, TcpStreamKind};

/// The way to a listener of the same program.
#[derive(Clone, Debug)]
pub struct Passage(mpsc::Sender<DuplexStream>);

/// Where a server is.
#[derive(Clone, Debug)]
pub enum Place {
    /// At an address of the network.
    At(SocketAddr),
    /// In the same program.
    Within(Passage),
}

/// The other end of a [`Passage`].
#[derive(Debug)]
pub(crate) struct Welcome(Mutex<mpsc::Receiver<DuplexStream>>);

/// A new passage, with the listener to which it leads.
#[must_use]
pub fn passage() -> (Passage, TcpListener) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let welcome = Welcome(Mutex::new(receiver));
    (Passage(sender), TcpListener(TcpListenerKind::Within(welcome)))
}

impl Passage {
    /// Opens a connection, once there is room among those that wait.
    ///
    /// # Errors
    /// `ConnectionRefused` when the listener is gone.
    pub async fn connect(&self) -> io::Result<TcpStream> {
        let (near, far) = duplex(BUFFER_BYTES);
        let refused = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
        self.0.send(far).await.map_err(refused)?;
        Ok(TcpStream(TcpStreamKind::Within(near)))
    }
}

impl Host {
    /// Opens a connection to wherever a server is.
    ///
    /// # Errors
    /// As [`Host::connect_tcp`], or [`Passage::connect`].
    pub async fn connect(&self, to: &Place, cause: Cause) -> io::Result<TcpStream> {
        match to {
            Place::At(address) => self.connect_tcp(*address, cause).await,
            Place::Within(passage) => passage.connect().await,
        }
    }
}

impl From<SocketAddr> for Place {
    fn from(address: SocketAddr) -> Self {
        Self::At(address)
    }
}

impl Welcome {
    pub(crate) async fn accept(&self) -> io::Result<DuplexStream> {
        // Whoever could connect is gone: nobody will, and the wait has no end,
        // as that of a port to which nobody comes.
        match self.0.lock().await.recv().await {
            Some(stream) => Ok(stream),
            None => std::future::pending().await,
        }
    }
}

/// Both ends' address: this machine, at no port.
pub(crate) const ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Connections that wait to be accepted.
const WAITING_MAX: usize = 128;
/// Written and not yet read, in each direction.
const BUFFER_BYTES: usize = 64 << 10;
