//! The order in which a program of the house starts.
//!
//! ```text
//!   one thread                                          │ many
//!   read ──▶ open ──▶ confine ─────────────────────────▶│ work
//!   configuration     every listener, while     own     │ tokio adopts
//!   and keys          we still may   namespace, or      │ the listeners
//!                                    no privileges left │
//! ```
//!
//! What needs privileges happens before they are given up, and they are given
//! up before the first thread exists: a user id belongs to a thread, and a new
//! user namespace is refused to a process that has several.

#![expect(unsafe_code, reason = "giving up privileges has no safe interface")]
#![allow(clippy::disallowed_types, reason = "this is the door")]

use std::ffi::CString;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel keeps waiting for `accept`.
const BACKLOG: libc::c_int = 1024;

/// The end of the range of ports that only a privileged process may bind.
const FIRST_FREE_PORT: u16 = 1024;

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener did not open.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// There is no such user on this machine.
    #[error("there is no user {0:?} on this machine: name another one, or create it")]
    UnknownUser(String),
    /// Privileges cannot be given up for the whole process any more.
    #[error("the process has {0} threads where it must have one: start from main")]
    Threads(usize),
    /// The system refused a step.
    #[error("{step}: {source}")]
    Refused {
        /// What was tried.
        step: &'static str,
        /// The system's words.
        source: io::Error,
    },
    /// User 0 could be taken back.
    #[error("privileges were given up but could be taken back: refusing to go on")]
    StillPrivileged,
}

/// A listener that did not open, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr} ({transport}): {}", advice(source, *addr))]
pub struct DoorError {
    /// `UDP` or `TCP`.
    pub transport: &'static str,
    /// Where.
    pub addr: SocketAddr,
    /// The system's words.
    pub source: io::Error,
}

/// A TCP listener that was opened before the runtime;
/// [`crate::Host::adopt`] makes a socket of it.
#[derive(Debug)]
pub struct TcpDoor(pub(crate) TcpListener);

/// A UDP socket that was opened before the runtime;
/// [`crate::Host::adopt_udp`] makes a socket of it.
#[derive(Debug)]
pub struct UdpDoor(pub(crate) UdpSocket);

/// What a process gives up before its first thread.
pub enum Confinement {
    /// Nothing: it has no privileges, or needs them.
    Nothing,
    /// Becomes this user, keeps no group but its own and no capability, and can
    /// gain none by executing another program.
    User(User),
    /// Whatever the function does, such as entering a network namespace.
    Namespace(Box<dyn FnOnce() -> io::Result<()>>),
}

/// A user of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    uid: libc::uid_t,
    gid: libc::gid_t,
}

/// Starts a program: the four stages in their order.
///
/// # Errors
/// The first that a stage returns; [`StartError`] for what this function does.
pub fn start<Config, Opened, T, E, Work>(
    read: impl FnOnce() -> Result<Config, E>,
    open: impl FnOnce(&Config) -> Result<Opened, E>,
    confine: impl FnOnce(&Config) -> Result<Confinement, E>,
    work: impl FnOnce(Config, Opened) -> Work,
) -> Result<T, E>
where
    E: From<StartError>,
    Work: Future<Output = Result<T, E>>,
{
    let config = read()?;
    let opened = open(&config)?;
    confine(&config)?.apply()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(refused("starting the runtime"))?;
    runtime.block_on(async { work(config, opened).await })
}

impl TcpDoor {
    /// Opens a listener.
    ///
    /// # Errors
    /// With what to do when the address is in use, not ours, or not permitted.
    pub fn open(addr: SocketAddr) -> Result<Self, DoorError> {
        let open = || {
            let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
            // A restarted server must not wait for its old connections' TIME-WAIT.
            socket.set_reuse_address(true)?;
            if addr.is_ipv6() {
                socket.set_only_v6(true)?;
            }
            socket.set_nonblocking(true)?;
            socket.bind(&addr.into())?;
            socket.listen(BACKLOG)?;
            Ok(Self(socket.into()))
        };
        open().map_err(|source| DoorError { transport: "TCP", addr, source })
    }

    /// The bound address.
    ///
    /// # Errors
    /// As the kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl UdpDoor {
    /// Binds a socket.
    ///
    /// # Errors
    /// With what to do when the address is in use, not ours, or not permitted.
    pub fn open(addr: SocketAddr) -> Result<Self, DoorError> {
        let open = || {
            let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
            if addr.is_ipv6() {
                socket.set_only_v6(true)?;
            }
            socket.set_nonblocking(true)?;
            socket.bind(&addr.into())?;
            Ok(Self(socket.into()))
        };
        open().map_err(|source| DoorError { transport: "UDP", addr, source })
    }

    /// The bound address.
    ///
    /// # Errors
    /// As the kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl DoorError {
    /// The same words for a socket that was opened in another way.
    #[must_use]
    pub const fn new(transport: &'static str, addr: SocketAddr, source: io::Error) -> Self {
        Self { transport, addr, source }
    }
}

/// The system's error in words that say what to do.
fn advice(error: &io::Error, addr: SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "port {} is in use by another program: stop that one, or listen on another port",
            addr.port()
        ),
        io::ErrorKind::PermissionDenied if addr.port() < FIRST_FREE_PORT => format!(
            "ports below {FIRST_FREE_PORT} need privileges: start as root and name a user to \
             become, or listen on a higher port"
        ),
        io::ErrorKind::AddrNotAvailable => format!(
            "{} is not an address of this machine: listen on one that is, such as 127.0.0.1",
            addr.ip()
        ),
        _ => error.to_string(),
    }
}

impl Confinement {
    fn apply(self) -> Result<(), StartError> {
        match self {
            Self::Nothing => Ok(()),
            Self::User(user) => {
                expect_one_thread()?;
                become_user(user)
            }
            Self::Namespace(enter) => {
                expect_one_thread()?;
                enter().map_err(refused("entering the namespace"))
            }
        }
    }
}

impl std::fmt::Debug for Confinement {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => out.write_str("Nothing"),
            Self::User(user) => out.debug_tuple("User").field(user).finish(),
            Self::Namespace(_) => out.write_str("Namespace"),
        }
    }
}

impl User {
    /// Finds a user by name. To be called before any thread exists.
    ///
    /// # Errors
    /// [`StartError::UnknownUser`].
    pub fn named(name: &str) -> Result<Self, StartError> {
        let unknown = || StartError::UnknownUser(name.to_owned());
        let text = CString::new(name).map_err(|_| unknown())?;
        // SAFETY: the name ends with a zero byte; the result is null or points
        // to a record that stays until the next call, which no other thread makes
        // before the two numbers are copied.
        unsafe {
            let record = libc::getpwnam(text.as_ptr());
            if record.is_null() {
                return Err(unknown());
            }
            Ok(Self { uid: (*record).pw_uid, gid: (*record).pw_gid })
        }
    }
}

fn expect_one_thread() -> Result<(), StartError> {
    let threads =
        std::fs::read_dir("/proc/self/task").map_err(refused("counting threads"))?.count();
    if threads == 1 { Ok(()) } else { Err(StartError::Threads(threads)) }
}

fn become_user(user: User) -> Result<(), StartError> {
    // SAFETY: plain system calls on integers and a pointer to one group id that
    // lives through its call.
    unsafe {
        check("leaving the groups", libc::setgroups(1, &raw const user.gid))?;
        check("taking the group", libc::setgid(user.gid))?;
        check("taking the user", libc::setuid(user.uid))?;
        let none: libc::c_ulong = 0;
        let on: libc::c_ulong = 1;
        check(
            "refusing new privileges",
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, on, none, none, none),
        )?;
    }
    drop_capabilities()?;
    // SAFETY: a plain system call; it must fail.
    if user.uid != 0 && unsafe { libc::setuid(0) } == 0 {
        return Err(StartError::StillPrivileged);
    }
    Ok(())
}

/// Empties the effective, permitted and inheritable sets.
fn drop_capabilities() -> Result<(), StartError> {
    /// `_LINUX_CAPABILITY_VERSION_3`: sets of 64 bits in two halves.
    const VERSION: u32 = 0x2008_0522;
    #[repr(C)]
    struct Header {
        version: u32,
        pid: libc::c_int,
    }
    let header = Header { version: VERSION, pid: 0 };
    let sets = [[0_u32; 3]; 2];
    // SAFETY: header and sets have the layout of version 3 and outlive the call.
    let outcome = unsafe { libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()) };
    check("dropping capabilities", if outcome == 0 { 0 } else { -1 })
}

fn check(step: &'static str, outcome: libc::c_int) -> Result<(), StartError> {
    if outcome == 0 { Ok(()) } else { Err(refused(step)(io::Error::last_os_error())) }
}

fn refused(step: &'static str) -> impl Fn(io::Error) -> StartError {
    move |source| StartError::Refused { step, source }
}

#[cfg(test)]
mod tests;
