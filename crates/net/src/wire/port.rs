//! The near end of one veth pair, as a packet socket.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use socket2::{Domain, Protocol, Socket, Type};

use crate::namespace::sys;

/// `ETH_P_ALL` of linux/if_ether.h.
const EVERY_PROTOCOL: u16 = 0x0003;
/// What may wait on a wire while the forwarder is busy: some 60 of the longest
/// packets, thousands of usual ones.
const BUFFER_BYTES: libc::c_int = 4 << 20;

/// A packet socket on one interface.
#[derive(Debug)]
pub(crate) struct Port {
    socket: Socket,
}

impl Port {
    /// Opens the interface with this number in the calling thread's namespace.
    pub(crate) fn open(interface: u32) -> io::Result<Self> {
        // Protocol 0 until it is bound: nothing of other interfaces gets in.
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        if let Err(error) = sys::ignore_outgoing(&socket) {
            // The forwarder also knows its own frames by their sender.
            tracing::debug!(%error, "a packet socket hears itself");
        }
        sys::bypass_queue(&socket)?;
        for force in [sys::force_receive_buffer, sys::force_send_buffer] {
            if let Err(error) = force(&socket, BUFFER_BYTES) {
                tracing::debug!(%error, "a packet socket keeps its usual buffer");
            }
        }
        socket.set_nonblocking(true)?;
        socket.bind(&sys::packet_address(interface, EVERY_PROTOCOL)?)?;
        Ok(Self { socket })
    }

    /// The next frame that came out of the wire; none when there is none now.
    pub(crate) fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
        match io::Read::read(&mut &self.socket, buffer) {
            Ok(length) => Ok(buffer.get(..length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a frame on the wire.
    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.socket.send(frame).map(|_| ())
    }

    pub(crate) fn raw(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
