//! Kernel sockets on tokio, bare or shaped and tapped.

use std::future::{Future, pending};
use std::io;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use capa7_dissect::{Cause, Causes, Room};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::capture::ConnectionId;
use crate::host::Host;
use crate::task::TaskEnded;
use crate::time::{Time, UnixTime};
use crate::udp::Datagram;

fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn machine(_room: Room) -> Host {
    unreachable!("real networks are not built yet")
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
    pub(crate) fn wall_clock(&self) -> UnixTime {
        UnixTime(0)
    }
    pub(crate) fn sleep_until(&self, _at: Time) -> Sleep {
        Sleep
    }
    pub(crate) fn spawn<F, T>(&self, _host: &Host, _name: &'static str, _work: F) -> Task<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        Task(PhantomData)
    }
    pub(crate) async fn blocking<F, T>(&self, work: F) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        std::future::ready(()).await;
        work()
    }
    pub(crate) fn worker<F, W>(&self, _host: &Host, _name: &'static str, _work: F) -> Task<()>
    where
        F: FnOnce() -> W + Send + 'static,
        W: Future<Output = ()> + Send + 'static,
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
    pub(crate) async fn send_to(&self, _: Bytes, _: SocketAddr, _: Causes) -> io::Result<Cause> {
        pending().await
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
