//! The few system calls of this crate's namespaces for which no library gives
//! a safe function, each wrapped so that its callers need no `unsafe`.
#![allow(unsafe_code, reason = "namespaces, mounts and poll have no safe wrapper in our libraries")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use socket2::{SockAddr, Socket};

/// The kinds of namespaces used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Network devices, addresses, routes, ports.
    Net,
    /// User and capability numbers.
    User,
    /// The tree of files.
    Mount,
    /// The machine's name.
    Name,
}

impl Kind {
    const fn flag(self) -> libc::c_int {
        match self {
            Self::Net => libc::CLONE_NEWNET,
            Self::User => libc::CLONE_NEWUSER,
            Self::Mount => libc::CLONE_NEWNS,
            Self::Name => libc::CLONE_NEWUTS,
        }
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Moves the calling thread (for [`Kind::User`]: the whole process, which must
/// have one thread) into new namespaces of these kinds.
pub(crate) fn unshare(kinds: &[Kind]) -> io::Result<()> {
    let flags = kinds.iter().fold(0, |flags, kind| flags | kind.flag());
    // SAFETY: unshare takes a number and touches no memory of ours.
    check(unsafe { libc::unshare(flags) })
}

/// Moves the calling thread into the namespace that `fd` stands for.
pub(crate) fn setns(fd: BorrowedFd<'_>, kind: Kind) -> io::Result<()> {
    // SAFETY: setns takes two numbers; the descriptor is borrowed, so open.
    check(unsafe { libc::setns(fd.as_raw_fd(), kind.flag()) })
}

/// mount(2), for bind mounts, empty folders and propagation.
pub(crate) fn mount(
    source: &CStr,
    target: &CStr,
    file_system: &CStr,
    flags: libc::c_ulong,
    data: &CStr,
) -> io::Result<()> {
    // SAFETY: all four pointers are to C strings that outlive the call, and
    // every file system used here reads `data` as a string.
    check(unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            file_system.as_ptr(),
            flags,
            data.as_ptr().cast(),
        )
    })
}

/// Waits until one of `fds` is readable or the time is over; the answer says
/// for each whether it is. A signal ends the wait early with none.
pub(crate) fn wait_readable(fds: &[RawFd], at_most: Option<Duration>) -> io::Result<Vec<bool>> {
    let mut polls: Vec<libc::pollfd> =
        fds.iter().map(|&fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 }).collect();
    let limit = at_most.map(|wait| libc::timespec {
        tv_sec: libc::time_t::try_from(wait.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: wait.subsec_nanos().into(),
    });
    let limit = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let count = libc::nfds_t::try_from(polls.len()).unwrap_or(libc::nfds_t::MAX);
    // SAFETY: `polls` holds exactly `count` entries and outlives the call, as
    // does the time limit when there is one; a null mask leaves signals alone.
    let ready = unsafe { libc::ppoll(polls.as_mut_ptr(), count, limit, std::ptr::null()) };
    if ready < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
        return Ok(vec![false; fds.len()]);
    }
    Ok(polls.iter().map(|poll| poll.revents != 0).collect())
}

/// The address of a packet socket: one interface, one or all protocols.
pub(crate) fn packet_address(interface: u32, protocol: u16) -> io::Result<SockAddr> {
    // SAFETY: sockaddr_ll fits into the storage that socket2 zeroes for us, is
    // plain data, and the length stated is its own.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = libc::AF_PACKET.cast_unsigned().try_into().unwrap_or(0);
            (*link).sll_protocol = protocol.to_be();
            (*link).sll_ifindex = interface.cast_signed();
            *length = u32::try_from(size_of::<libc::sockaddr_ll>()).unwrap_or(0);
            Ok(())
        })
    }?;
    Ok(address)
}

/// Makes a packet socket deaf to what it sends itself.
pub(crate) fn ignore_outgoing(socket: &Socket) -> io::Result<()> {
    set_option(socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1)
}

/// Sends past the interface's queue, which a veth end has only some time after
/// its peer came up: until then it would swallow packets.
pub(crate) fn bypass_queue(socket: &Socket) -> io::Result<()> {
    set_option(socket, libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS, 1)
}

/// Asks for a receive buffer beyond the system's usual limit, which a process
/// may that administers the socket's namespace.
pub(crate) fn force_receive_buffer(socket: &Socket, bytes: libc::c_int) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes)
}

/// The same for what waits to be sent.
pub(crate) fn force_send_buffer(socket: &Socket, bytes: libc::c_int) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, bytes)
}

fn set_option(
    socket: &Socket,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or(0);
    // SAFETY: the value is an int that outlives the call, its size is stated.
    check(unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(&value).cast(), length)
    })
}

/// struct ethtool_value of linux/ethtool.h.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// Sets one feature of an interface through `SIOCETHTOOL`.
pub(crate) fn ethtool_set(
    socket: &Socket,
    interface: &str,
    command: u32,
    data: u32,
) -> io::Result<()> {
    let mut value = EthtoolValue { command, data };
    // SAFETY: ifreq is plain data for which all zeroes are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes().take(room)) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_data = std::ptr::from_mut(&mut value).cast();
    // SAFETY: `request` names an interface, ends in a zero byte and points to
    // an ethtool_value; both outlive the call.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) })
}

/// Takes ownership of descriptors that the kernel has just handed to us in a
/// control message.
pub(crate) fn adopt_received(raw: RawFd) -> Option<OwnedFd> {
    // SAFETY: the caller read the number from SCM_RIGHTS data, where the
    // kernel puts fresh descriptors that nobody else in the process knows.
    (raw >= 0).then(|| unsafe { OwnedFd::from_raw_fd(raw) })
}

/// recvmsg(2): bytes into `buffer`, control messages into `control`; says how
/// many of each. Descriptors are closed at the next exec.
pub(crate) fn receive_message(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    control: &mut [u8],
) -> io::Result<(usize, usize)> {
    let mut slice = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: msghdr is plain data for which all zeroes are a value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut slice;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = control.len();
    // SAFETY: both buffers are ours alone, outlive the call, and their lengths
    // are stated.
    let count =
        unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    Ok((count, message.msg_controllen))
}

/// Names the machine of the calling thread's namespace of names.
pub(crate) fn set_machine_name(name: &str) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of one string.
    check(unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) })
}

/// Runs `work` in a child process and returns what it says. Call it only from
/// a process with one thread: the child is a copy of the calling thread alone,
/// and locks that others hold would stay locked in it.
pub(crate) fn in_child(work: impl FnOnce() -> Vec<u8>) -> io::Result<Vec<u8>> {
    let (mut reader, mut writer) = io::pipe()?;
    // SAFETY: with one thread, the child may go on like any program; it leaves
    // through _exit, so that nothing of the parent's is cleaned up twice.
    let child = unsafe { libc::fork() };
    if child < 0 {
        return Err(io::Error::last_os_error());
    }
    if child == 0 {
        drop(reader);
        let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let wrote = said.map(|said| io::Write::write_all(&mut writer, &said).is_ok());
        // SAFETY: _exit takes a number and does not return.
        unsafe { libc::_exit(i32::from(wrote.is_err())) }
    }
    drop(writer);
    let mut said = Vec::new();
    let read = io::Read::read_to_end(&mut reader, &mut said);
    let mut status = 0;
    // SAFETY: the child is ours and nobody else waits for it; the status is an
    // int that outlives the call.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    if waited < 0 || status != 0 {
        return Err(io::Error::other("the child process broke"));
    }
    read.map(|_| said)
}

/// The user at the other end of a Unix socket.
pub(crate) fn peer_user(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut who = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = libc::socklen_t::try_from(size_of::<libc::ucred>()).unwrap_or(0);
    // SAFETY: the kernel writes at most `length` bytes into `who`, which is
    // plain data of that size.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            std::ptr::from_mut(&mut who).cast(),
            &raw mut length,
        )
    })?;
    Ok(who.uid)
}

/// The effective user and group of this process.
pub(crate) fn who_am_i() -> (u32, u32) {
    // SAFETY: both calls take nothing, return a number and cannot fail.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

/// Lets the programs that this process becomes keep `capability` although
/// they are not root: without it execve would clear every capability that the
/// user namespace gave.
pub(crate) fn keep_over_exec(capability: u32) -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let mut header = [VERSION_3, 0];
    let mut sets = [0_u32; 6];
    let (head, data) = (header.as_mut_ptr(), sets.as_mut_ptr());
    let (word, bit) = ((capability / 32) as usize, 1_u32 << (capability % 32));
    // SAFETY: the header and the two triples of words (effective, permitted,
    // inheritable) have the layout of capget(2) and outlive both calls.
    let got = unsafe { libc::syscall(libc::SYS_capget, head, data) };
    if got < 0 {
        return Err(io::Error::last_os_error());
    }
    if let Some(inheritable) = sets.get_mut(word * 3 + 2) {
        *inheritable |= bit;
    }
    let (head, data) = (header.as_mut_ptr(), sets.as_mut_ptr());
    // SAFETY: as above.
    let set = unsafe { libc::syscall(libc::SYS_capset, head, data) };
    if set < 0 {
        return Err(io::Error::last_os_error());
    }
    let raise = libc::c_ulong::from(libc::PR_CAP_AMBIENT_RAISE.cast_unsigned());
    let (which, none): (libc::c_ulong, libc::c_ulong) = (capability.into(), 0);
    // SAFETY: prctl with this option takes numbers only.
    check(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, raise, which, none, none) })
}

/// Takes back what [`keep_over_exec`] gave.
pub(crate) fn keep_nothing_over_exec() -> io::Result<()> {
    let clear = libc::c_ulong::from(libc::PR_CAP_AMBIENT_CLEAR_ALL.cast_unsigned());
    let none: libc::c_ulong = 0;
    // SAFETY: prctl with this option takes numbers only.
    check(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, clear, none, none, none) })
}

/// The process that started this one.
pub(crate) fn parent() -> u32 {
    // SAFETY: it takes nothing, returns a number and cannot fail.
    unsafe { libc::getppid() }.cast_unsigned()
}

/// Has the kernel kill this process, and the program that it becomes, when the
/// thread that started it ends. A change of rights takes that back (prctl(2)),
/// so it is the last thing before execve.
pub(crate) fn end_with_parent() -> io::Result<()> {
    let signal = libc::c_ulong::from(libc::SIGKILL.cast_unsigned());
    // SAFETY: prctl with this option takes a number only.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn waiting_says_which_descriptor_has_something_to_read() {
        let (quiet, _other) = UnixStream::pair().expect("a pair");
        let (reader, mut writer) = UnixStream::pair().expect("a pair");
        io::Write::write_all(&mut writer, b"x").expect("room for one byte");
        let fds = [quiet.as_raw_fd(), reader.as_raw_fd()];
        let ready = wait_readable(&fds, Some(Duration::from_secs(5))).expect("poll");
        assert_eq!(ready, [false, true]);
        let none = wait_readable(&fds[..1], Some(Duration::ZERO)).expect("poll");
        assert_eq!(none, [false]);
    }

    #[test]
    fn the_peer_of_a_socket_pair_is_this_user() {
        let (one, _other) = UnixStream::pair().expect("a pair");
        assert_eq!(peer_user(one.as_fd()).expect("credentials"), who_am_i().0);
    }

    #[test]
    fn a_packet_address_names_its_interface_and_protocol() {
        let address = packet_address(7, 0x0800).expect("an address");
        assert_eq!(i32::from(address.family()), libc::AF_PACKET);
        assert_eq!(address.len() as usize, size_of::<libc::sockaddr_ll>());
    }

    #[test]
    fn a_missing_interface_has_no_features_to_set() {
        let socket = Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).expect("udp");
        let error = ethtool_set(&socket, "nosuch0", 0x17, 0).expect_err("no such interface");
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    }

    #[test]
    fn impossible_requests_are_errors_and_change_nothing() {
        let (one, _other) = UnixStream::pair().expect("a pair");
        assert!(setns(one.as_fd(), Kind::Net).is_err(), "a socket is no namespace");
        assert!(mount(c"none", c"/no/such/folder", c"tmpfs", 0, c"").is_err());
        assert!(keep_over_exec(63).is_err(), "there is no capability 63");
        assert!(adopt_received(-1).is_none());
        assert!(unshare(&[]).is_ok(), "nothing to leave");
        let long = "x".repeat(1000);
        assert!(set_machine_name(&long).is_err(), "a name has at most 64 bytes");
    }

    #[test]
    fn buffers_and_deafness_are_refused_on_a_socket_that_has_none() {
        let socket = Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).expect("udp");
        assert!(ignore_outgoing(&socket).is_err(), "a packet socket's option");
        assert!(bypass_queue(&socket).is_err(), "a packet socket's option");
        let (receive, send) =
            (force_receive_buffer(&socket, 1 << 16), force_send_buffer(&socket, 1 << 16));
        assert_eq!(receive.is_ok(), send.is_ok(), "both need the same capability");
    }
}
