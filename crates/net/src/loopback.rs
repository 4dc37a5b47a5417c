//! The loopback mode's rules: every host has an address in 127.0.0.0/8, nothing
//! else can be bound or dialled, and low ports move up where the machine keeps
//! them for itself.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

/// The end of the ports that a machine may keep for itself.
const LOW_PORTS_END: u16 = 1024;

/// How far low ports move: 53 becomes 10053.
const LOW_PORT_OFFSET: u16 = 10_000;

/// An address and a port that no program uses, to see whether low ones are free.
const PROBE: ([u8; 4], u16) = ([127, 254, 254, 254], 1);

/// Where a low port of the network is found on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LowPorts {
    /// Where it says.
    InPlace,
    /// 10,000 higher.
    Shifted,
}

impl LowPorts {
    /// Tries to bind a low port once.
    #[must_use]
    pub fn probe() -> Self {
        let bind = || {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
            socket.bind(&SocketAddr::from(PROBE).into())
        };
        match bind() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Self::Shifted,
            _ => Self::InPlace,
        }
    }

    /// The machine's address of a network's address.
    #[must_use]
    pub const fn to_machine(self, mut addr: SocketAddr) -> SocketAddr {
        // Port 0 stays: it asks for any.
        if matches!(self, Self::Shifted) && addr.port() > 0 && addr.port() < LOW_PORTS_END {
            addr.set_port(addr.port() + LOW_PORT_OFFSET);
        }
        addr
    }

    /// The network's address of a machine's address.
    #[must_use]
    pub fn from_machine(self, mut addr: SocketAddr) -> SocketAddr {
        let shifted = LOW_PORT_OFFSET + 1..LOW_PORT_OFFSET + LOW_PORTS_END;
        if self == Self::Shifted && shifted.contains(&addr.port()) {
            addr.set_port(addr.port() - LOW_PORT_OFFSET);
        }
        addr
    }
}

/// Lets 127.0.0.0/8 pass and nothing else, neither as an end of a connection
/// nor as an address to bind.
///
/// # Errors
/// `PermissionDenied`, with the reason in words.
pub fn permit(address: IpAddr) -> io::Result<()> {
    match address {
        IpAddr::V4(v4) if v4.is_loopback() => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{address} is outside of the lab: in loopback mode only 127.0.0.0/8 is inside"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_ports_move_and_come_back_and_others_stay() {
        let shifted = LowPorts::Shifted;
        for (port, on_machine) in [(0, 0), (1, 10_001), (53, 10_053), (1023, 11_023), (1024, 1024)]
        {
            let addr = SocketAddr::from(([127, 1, 2, 3], port));
            assert_eq!(shifted.to_machine(addr).port(), on_machine);
            assert_eq!(shifted.from_machine(shifted.to_machine(addr)), addr);
            assert_eq!(LowPorts::InPlace.to_machine(addr), addr);
        }
        for port in [10_000, 11_024, 12_000] {
            let addr = SocketAddr::from(([127, 1, 2, 3], port));
            assert_eq!(shifted.from_machine(addr), addr);
        }
    }

    #[test]
    fn only_the_loopback_network_is_inside() {
        for inside in ["127.0.0.1", "127.255.255.255"] {
            assert!(permit(inside.parse().unwrap()).is_ok());
        }
        for outside in ["0.0.0.0", "8.8.8.8", "128.0.0.1", "::1", "::", "::ffff:127.0.0.1"] {
            let error = permit(outside.parse().unwrap()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            assert!(error.to_string().starts_with(outside), "{error}");
        }
    }
}
