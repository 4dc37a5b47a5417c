//! Hosts in memory on virtual time.

use std::future::{Future, pending};
use std::io;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::{Cause, Causes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::capture::ConnectionId;
use crate::host::Host;
use crate::task::TaskEnded;
use crate::network::{Engine, Network, NetworkConfig, Shared};
use crate::time::Time;
use crate::udp::Datagram;

fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

#[derive(Debug)]
pub(crate) struct Core;

impl Core {
    pub(crate) fn bind_udp(&self, _host: &Host, _at: SocketAddr) -> io::Result<UdpSocket> {
        unsupported()
    }
    pub(crate) fn listen_tcp(&self, _host: &Host, _at: SocketAddr) -> io::Result<TcpListener> {
        unsupported()
    }
    pub(crate) async fn connect_tcp(
        &self,
        _host: &Host,
        _from: IpAddr,
        _to: SocketAddr,
        _cause: Cause,
    ) -> io::Result<TcpStream> {
        pending::<()>().await;
        unsupported()
    }
    pub(crate) fn now(&self) -> Time {
        Time::ZERO
    }
    pub(crate) fn sleep_until(&self, _at: Time) -> Sleep {
        Sleep
    }
    pub(crate) fn spawn<F, T>(&self, _name: &'static str, _work: F) -> Task<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        Task(PhantomData)
    }
}

/// A wait.
#[derive(Debug)]
pub struct Sleep;

impl Future for Sleep {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

/// A task.
#[derive(Debug)]
pub struct Task<T>(PhantomData<fn() -> T>);

impl<T> Task<T> {
    pub(crate) fn abort(&self) {}
    pub(crate) fn detach(self) {}
    pub(crate) fn is_finished(&self) -> bool {
        true
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskEnded>;
    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Err(TaskEnded))
    }
}

/// A datagram socket.
#[derive(Debug)]
pub struct UdpSocket(SocketAddr);

impl UdpSocket {
    pub(crate) fn send_to(&self, _: Bytes, _: SocketAddr, _: Causes) -> io::Result<Cause> {
        unsupported()
    }
    pub(crate) async fn recv_from(&self) -> io::Result<Datagram> {
        pending().await
    }
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.0
    }
}

/// A listener.
#[derive(Debug)]
pub struct TcpListener(SocketAddr);

impl TcpListener {
    pub(crate) async fn accept(&self) -> io::Result<TcpStream> {
        pending().await
    }
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.0
    }
}

/// A stream.
#[derive(Debug)]
pub struct TcpStream(SocketAddr);

impl TcpStream {
    pub(crate) fn peer_addr(&self) -> SocketAddr {
        self.0
    }
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.0
    }
    pub(crate) fn read_cause(&self) -> Cause {
        Cause::NONE
    }
    pub(crate) fn set_write_cause(&mut self, _cause: Cause) {}
    pub(crate) fn set_sealed(&mut self, _sealed: bool) {}
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        None
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(unsupported())
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(unsupported())
    }
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The owner of a virtual network.
#[derive(Debug)]
pub struct VirtualNetwork {
    network: Network,
}

/// Nothing can ever happen again, and the work is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("every task waits for another: nothing can happen any more")]
pub struct Stalled;

impl VirtualNetwork {
    /// An empty network.
    #[must_use]
    pub fn new(config: NetworkConfig) -> Self {
        let shared = Arc::new(Shared::new(config));
        Self { network: Network::new(shared, Engine::Virtual(Arc::new(Core))) }
    }

    /// A handle on the network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Runs `work` and everything else in the network until `work` is done.
    ///
    /// # Errors
    /// [`Stalled`] when it cannot be.
    pub fn run<F: Future>(&self, _work: F) -> Result<F::Output, Stalled> {
        Err(Stalled)
    }

    /// Runs the network for a while.
    pub fn run_for(&self, _long: Duration) {}

    /// Runs the network until a moment.
    pub fn run_until(&self, _at: Time) {}

    /// Ends every task.
    pub fn shutdown(&self) {}
}
