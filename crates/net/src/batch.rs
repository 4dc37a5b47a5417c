//! Many datagrams per system call, for servers that live on datagrams.
//!
//! ```text
//!   kernel queue ──recvmmsg──▶ [input 0][input 1] … [input 63]
//!                                  │        │
//!                               answer   answer        (no copy, no allocation)
//!                                  ▼        ▼
//!   kernel       ◀──sendmmsg── [output 0][output 1] …
//! ```
//!
//! A [`UdpBatch`] belongs to one worker thread; several of them share a port
//! (`SO_REUSEPORT`), and the kernel spreads the clients over them. The answers
//! leave from the address that was asked, also when the socket is bound to the
//! unspecified address (RFC 1035 §4.2.1, RFC 2181 §4.1).

#![expect(unsafe_code, reason = "recvmmsg and sendmmsg have no safe interface")]
#![allow(clippy::cast_possible_truncation, reason = "batches and sizes of structures are small")]
#![allow(clippy::disallowed_types, reason = "this is the door")]

use std::fmt;
use std::io;
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// Datagrams taken from the kernel by one call.
const BATCH: usize = 64;

/// The longest datagram that a batch takes in; longer ones are dropped and
/// counted. Queries of the protocols served this way are far shorter.
pub const INPUT_BYTES: usize = 4096;

/// The room for one answer: the largest EDNS buffer that is in use.
pub const OUTPUT_BYTES: usize = 4096;

/// Buffers lie one cache line further apart than their size, so that their
/// heads do not all compete for one set of the first-level cache.
const CACHE_LINE: usize = 64;

/// How long a worker sleeps in the kernel before it looks at its stop flag.
const LOOK_AROUND: Duration = Duration::from_millis(100);

/// What the kernel is asked to hold while the worker is busy; it grants less
/// where its own limit is lower.
const KERNEL_QUEUE_BYTES: usize = 4 << 20;

/// Room for one control message of either address family.
const CONTROL_BYTES: usize = 64;

/// A UDP socket that is read and written in batches by a thread of its own.
#[derive(Debug)]
pub struct UdpBatch {
    socket: UdpSocket,
    local: SocketAddr,
    count: BatchCount,
}

/// What passed through a batch, readable at any time.
#[derive(Debug, Default)]
pub struct BatchCount {
    /// Datagrams received.
    pub received: AtomicU64,
    /// Answers handed to the kernel.
    pub sent: AtomicU64,
    /// Datagrams dropped because they were longer than [`INPUT_BYTES`].
    pub too_long: AtomicU64,
    /// Answers that the kernel refused to send.
    pub refused: AtomicU64,
}

impl UdpBatch {
    /// Binds `addr`; port 0 picks a free one.
    ///
    /// # Errors
    /// As the kernel's: in use, not permitted, not an address of this machine.
    pub fn bind(addr: SocketAddr) -> io::Result<Self> {
        Self::bind_shared(addr, PortSharing::Alone)
    }

    /// Binds `workers` sockets to one address and port.
    ///
    /// # Errors
    /// As [`UdpBatch::bind`].
    pub fn bind_group(addr: SocketAddr, workers: usize) -> io::Result<Vec<Self>> {
        let first = Self::bind_shared(addr, PortSharing::Group)?;
        let local = first.local;
        let mut group = vec![first];
        while group.len() < workers {
            group.push(Self::bind_shared(local, PortSharing::Group)?);
        }
        Ok(group)
    }

    fn bind_shared(addr: SocketAddr, sharing: PortSharing) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        if sharing == PortSharing::Group {
            socket.set_reuse_port(true)?;
        }
        if addr.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Less than asked for is no failure: the kernel's limit holds.
        let _ = socket.set_recv_buffer_size(KERNEL_QUEUE_BYTES);
        let _ = socket.set_send_buffer_size(KERNEL_QUEUE_BYTES);
        socket.set_read_timeout(Some(LOOK_AROUND))?;
        if addr.ip().is_unspecified() {
            ask_for_destination(socket.as_raw_fd(), addr)?;
        }
        socket.bind(&addr.into())?;
        let socket = UdpSocket::from(socket);
        let local = socket.local_addr()?;
        Ok(Self { socket, local, count: BatchCount::default() })
    }

    /// The bound address.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What passed so far.
    #[must_use]
    pub const fn count(&self) -> &BatchCount {
        &self.count
    }

    /// Answers datagrams on the calling thread until `stop` is set, which is
    /// noticed within 100 ms.
    ///
    /// `answer` gets what was received, the sender, and a buffer of
    /// [`OUTPUT_BYTES`]; it writes its answer there and returns the length, or
    /// none for silence. Datagrams that wait in the kernel when `stop` is set
    /// are still answered.
    ///
    /// # Errors
    /// When the socket itself fails; what concerns one datagram never ends it.
    pub fn serve(
        &self,
        stop: &AtomicBool,
        mut answer: impl FnMut(&[u8], SocketAddr, &mut [u8]) -> Option<usize>,
    ) -> io::Result<()> {
        let fd = self.socket.as_raw_fd();
        let mut slots = Slots::new(self.local.ip().is_unspecified());
        loop {
            // A stopping worker takes what is there and does not wait.
            let stopping = stop.load(Ordering::Relaxed);
            let flags = if stopping { libc::MSG_DONTWAIT } else { libc::MSG_WAITFORONE };
            let received = match slots.receive(fd, flags) {
                Ok(received) => received,
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => continue,
                    io::ErrorKind::WouldBlock if stopping => return Ok(()),
                    io::ErrorKind::WouldBlock => continue,
                    // An earlier answer met nobody; that is not our failure.
                    io::ErrorKind::ConnectionRefused => continue,
                    _ => return Err(error),
                },
            };
            let mut too_long = 0;
            let mut answers = 0;
            for slot in 0..received {
                let Some((input, from, output)) = slots.parts(slot) else {
                    too_long += 1;
                    continue;
                };
                if let Some(length) = answer(input, from, output) {
                    slots.reply(answers, slot, length);
                    answers += 1;
                }
            }
            let sent = slots.send(fd, answers);
            slots.rearm(received);
            self.count.add(received, sent, answers - sent, too_long);
        }
    }
}

/// Whether several sockets may have one port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PortSharing {
    Alone,
    Group,
}

impl BatchCount {
    fn add(&self, received: usize, sent: usize, refused: usize, too_long: usize) {
        self.received.fetch_add(received as u64, Ordering::Relaxed);
        self.sent.fetch_add(sent as u64, Ordering::Relaxed);
        if refused + too_long > 0 {
            self.refused.fetch_add(refused as u64, Ordering::Relaxed);
            self.too_long.fetch_add(too_long as u64, Ordering::Relaxed);
        }
    }
}

/// A socket address as the kernel writes it.
#[derive(Clone, Copy)]
#[repr(C)]
union Name {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

/// One control message, aligned as the kernel wants it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

/// The memory of one worker. The headers point into the other vectors, which
/// are never resized; their bytes are only reached through the base pointers,
/// so that the kernel's view and ours stay one.
struct Slots {
    inputs: *mut u8,
    outputs: *mut u8,
    names: *mut Name,
    controls: *mut Control,
    wants_destination: bool,
    receive: Vec<libc::mmsghdr>,
    transmit: Vec<libc::mmsghdr>,
    receive_parts: *mut libc::iovec,
    transmit_parts: *mut libc::iovec,
}

const INPUT_STRIDE: usize = INPUT_BYTES + CACHE_LINE;
const OUTPUT_STRIDE: usize = OUTPUT_BYTES + CACHE_LINE;

impl Slots {
    fn new(wants_destination: bool) -> Self {
        // SAFETY: these are plain C structures for which all bits zero is a
        // valid value (null pointers, no lengths, no family).
        let (name, part, header): (Name, libc::iovec, libc::mmsghdr) =
            unsafe { (mem::zeroed(), mem::zeroed(), mem::zeroed()) };
        let mut slots = Self {
            inputs: leak(vec![0; BATCH * INPUT_STRIDE]),
            outputs: leak(vec![0; BATCH * OUTPUT_STRIDE]),
            names: leak(vec![name; BATCH]),
            controls: leak(vec![Control([0; CONTROL_BYTES]); BATCH]),
            wants_destination,
            receive: vec![header; BATCH],
            transmit: vec![header; BATCH],
            receive_parts: leak(vec![part; BATCH]),
            transmit_parts: leak(vec![part; BATCH]),
        };
        for slot in 0..BATCH {
            // SAFETY: every base pointer spans BATCH elements (inputs and
            // outputs: BATCH strides), and slot < BATCH.
            unsafe {
                *slots.receive_parts.add(slot) = libc::iovec {
                    iov_base: slots.inputs.add(slot * INPUT_STRIDE).cast(),
                    iov_len: INPUT_BYTES,
                };
                let header = &mut slots.receive[slot].msg_hdr;
                header.msg_name = slots.names.add(slot).cast();
                header.msg_iov = slots.receive_parts.add(slot);
                header.msg_iovlen = 1;
                if wants_destination {
                    header.msg_control = slots.controls.add(slot).cast();
                }
                let header = &mut slots.transmit[slot].msg_hdr;
                header.msg_iov = slots.transmit_parts.add(slot);
                header.msg_iovlen = 1;
            }
        }
        slots.rearm(BATCH);
        slots
    }

    /// Gives the kernel back the lengths that it changed.
    fn rearm(&mut self, used: usize) {
        for message in self.receive.iter_mut().take(used) {
            message.msg_hdr.msg_namelen = NAME_BYTES;
            if self.wants_destination {
                message.msg_hdr.msg_controllen = CONTROL_BYTES as _;
            }
        }
    }

    fn receive(&mut self, fd: RawFd, flags: libc::c_int) -> io::Result<usize> {
        // SAFETY: the headers point to memory of this struct that outlives the
        // call and whose true lengths they state.
        let received = unsafe {
            libc::recvmmsg(
                fd,
                self.receive.as_mut_ptr(),
                BATCH as libc::c_uint,
                flags as _,
                std::ptr::null_mut(),
            )
        };
        usize::try_from(received).map_err(|_| io::Error::last_os_error())
    }

    /// What was received in `slot`, from whom, and where the answer goes; none
    /// when the datagram was longer than its buffer or its sender has no
    /// address.
    fn parts(&mut self, slot: usize) -> Option<(&[u8], SocketAddr, &mut [u8])> {
        let message = &self.receive[slot];
        if message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return None;
        }
        let length = (message.msg_len as usize).min(INPUT_BYTES);
        // SAFETY: slot < BATCH; the kernel wrote `length` bytes and a name; both
        // families begin with the same family field. Input and output lie in
        // different allocations, borrowed as long as `self` is.
        unsafe {
            let from = address_of(&*self.names.add(slot))?;
            let input = std::slice::from_raw_parts(self.inputs.add(slot * INPUT_STRIDE), length);
            let output = std::slice::from_raw_parts_mut(
                self.outputs.add(slot * OUTPUT_STRIDE),
                OUTPUT_BYTES,
            );
            Some((input, from, output))
        }
    }

    /// Makes the answer to what was received in `slot` the `place`-th to leave.
    fn reply(&mut self, place: usize, slot: usize, length: usize) {
        let length = length.min(OUTPUT_BYTES);
        let received = &self.receive[slot].msg_hdr;
        let header = &mut self.transmit[place].msg_hdr;
        header.msg_name = received.msg_name;
        header.msg_namelen = received.msg_namelen;
        // SAFETY: place ≤ slot < BATCH, so both offsets lie in their arrays.
        unsafe {
            *self.transmit_parts.add(place) = libc::iovec {
                iov_base: self.outputs.add(slot * OUTPUT_STRIDE).cast(),
                iov_len: length,
            };
        }
        if self.wants_destination {
            header.msg_control = received.msg_control;
            header.msg_controllen = received.msg_controllen;
            // SAFETY: the header describes control bytes that the kernel wrote.
            unsafe { forget_interface(header) };
        }
    }

    /// Sends the first `answers` answers; returns how many the kernel took.
    fn send(&mut self, fd: RawFd, answers: usize) -> usize {
        let (mut done, mut sent) = (0, 0);
        while done < answers {
            // SAFETY: `done < answers ≤ BATCH`; the headers point to memory of
            // this struct that outlives the call.
            let taken = unsafe {
                libc::sendmmsg(
                    fd,
                    self.transmit.as_mut_ptr().add(done),
                    (answers - done) as libc::c_uint,
                    0,
                )
            };
            match usize::try_from(taken) {
                Ok(taken) => {
                    done += taken.max(1);
                    sent += taken;
                }
                Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                // The first of the rest cannot leave; the others still may.
                Err(_) => done += 1,
            }
        }
        sent
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        // SAFETY: each pointer came from `leak` with exactly this length, and
        // nothing uses it after this.
        unsafe {
            reclaim(self.inputs, BATCH * INPUT_STRIDE);
            reclaim(self.outputs, BATCH * OUTPUT_STRIDE);
            reclaim(self.names, BATCH);
            reclaim(self.controls, BATCH);
            reclaim(self.receive_parts, BATCH);
            reclaim(self.transmit_parts, BATCH);
        }
    }
}

/// Gives up a vector's memory for its base pointer.
fn leak<T>(items: Vec<T>) -> *mut T {
    Box::into_raw(items.into_boxed_slice()).cast()
}

/// # Safety
/// `base` came from [`leak`] of `length` items and is not used afterwards.
unsafe fn reclaim<T>(base: *mut T, length: usize) {
    // SAFETY: by this function's contract.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(base, length)) });
}

const NAME_BYTES: libc::socklen_t = size_of::<Name>() as libc::socklen_t;

const INTEGER_BYTES: libc::socklen_t = size_of::<libc::c_int>() as libc::socklen_t;

/// # Safety
/// The kernel, or zeroes, filled `name`.
unsafe fn address_of(name: &Name) -> Option<SocketAddr> {
    // SAFETY: both variants are plain integers with the family at one place,
    // and the family says which one was written.
    unsafe {
        match i32::from(name.v4.sin_family) {
            libc::AF_INET => Some(SocketAddr::V4(SocketAddrV4::new(
                Ipv4Addr::from(u32::from_be(name.v4.sin_addr.s_addr)),
                u16::from_be(name.v4.sin_port),
            ))),
            libc::AF_INET6 => Some(SocketAddr::V6(SocketAddrV6::new(
                Ipv6Addr::from(name.v6.sin6_addr.s6_addr),
                u16::from_be(name.v6.sin6_port),
                name.v6.sin6_flowinfo,
                name.v6.sin6_scope_id,
            ))),
            _ => None,
        }
    }
}

/// Has the kernel say, with each datagram, which local address it was sent to.
fn ask_for_destination(fd: RawFd, addr: SocketAddr) -> io::Result<()> {
    let (level, option) = match addr {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    };
    let on: libc::c_int = 1;
    // SAFETY: the value is an integer of the stated size, read by the call.
    let outcome =
        unsafe { libc::setsockopt(fd, level, option, (&raw const on).cast(), INTEGER_BYTES) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Leaves the way out to the routing table: the answer keeps its source address
/// but is not tied to the interface on which the query came. Link-local IPv6
/// addresses mean nothing without theirs and keep it.
///
/// # Safety
/// `header` describes control bytes that the kernel wrote.
unsafe fn forget_interface(header: &mut libc::msghdr) {
    // SAFETY: the CMSG functions walk within msg_controllen, and the payloads
    // are of the type that their level and type state.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            match ((*message).cmsg_level, (*message).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = libc::CMSG_DATA(message).cast::<libc::in_pktinfo>();
                    (*info).ipi_ifindex = 0;
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = libc::CMSG_DATA(message).cast::<libc::in6_pktinfo>();
                    if !Ipv6Addr::from((*info).ipi6_addr.s6_addr).is_unicast_link_local() {
                        (*info).ipi6_ifindex = 0;
                    }
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Slots").field("wants_destination", &self.wants_destination).finish()
    }
}

#[cfg(test)]
mod tests;
