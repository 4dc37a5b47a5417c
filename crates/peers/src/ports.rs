//! Ports for programs that must be told theirs.

#![allow(clippy::disallowed_types, reason = "whether the system has a port is asked of it")]

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// A port of 127.0.0.1 that is free for datagrams and for streams.
///
/// No two calls get the same, in one process or in several that run at once, and
/// connections that are opened meanwhile take none of them: they are below the range
/// from which a system takes ports for connections.
///
/// # Panics
/// When the system has no free port in the whole range.
#[must_use]
pub fn free_port() -> u16 {
    let begin = std::process::id().wrapping_mul(STRIDE);
    for _ in 0..COUNT {
        let number = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = FIRST + u16::try_from(number).unwrap_or(0);
        let at = (Ipv4Addr::LOCALHOST, port);
        let Some(claim) = claim(port) else { continue };
        if TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok() {
            CLAIMS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(claim);
            return port;
        }
    }
    panic!("no port of {FIRST} and the {COUNT} after it is free");
}

/// Makes a port this process's own until it ends: a name that one process can have, and
/// that no file is left of.
fn claim(port: u16) -> Option<UnixListener> {
    let name = SocketAddr::from_abstract_name(format!("capa7-test-port-{port}")).ok()?;
    UnixListener::bind_addr(&name).ok()
}

static CLAIMS: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());
static NEXT: AtomicU32 = AtomicU32::new(0);
/// Above the ports with names that programs use, below 32,768, where Linux begins
/// (net.ipv4.ip_local_port_range).
const FIRST: u16 = 20_000;
const COUNT: u32 = 12_000;
/// More ports than one process asks for, so that the next process does not meet them.
const STRIDE: u32 = 211;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_port_is_given_twice_and_none_of_those_for_connections() {
        let ports: BTreeSet<u16> = (0..200).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 200);
        assert!(ports.iter().all(|port| (FIRST..32_000).contains(port)));
    }

    // Another process between a port's choice and its use.
    #[test]
    fn a_port_that_was_given_is_nobody_elses() {
        assert!(claim(free_port()).is_none());
    }
}
