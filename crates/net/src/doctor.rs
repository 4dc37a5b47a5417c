//! Which mode of the lab this machine gets, and why.
//!
//! Nothing is concluded from version numbers: a child process tries each step
//! (AppArmor, for one, lets a process make namespaces and then refuses to
//! bring `lo` up), and the settings that usually stand in the way are read
//! only to say what could be done.

use std::fs;
use std::io;

use serde::Serialize;

use crate::namespace::netlink::End;
use crate::namespace::{House, Namespace, TO_WIRE, sys};

/// The ways to run a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A network namespace of its own: true addresses, true ports.
    Sealed,
    /// One address of 127.0.0.0/8 per host.
    Loopback,
    /// No sockets at all.
    Virtual,
}

/// What this machine can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The best mode.
    pub mode: Mode,
    /// What was tried and what came of it, one sentence each.
    pub reasons: Vec<String>,
    /// Whether exec'ed programs can be hosts of their own.
    #[serde(skip)]
    pub wire: bool,
}

/// Words of the child to its parent.
const DONE: &str = "done";

/// Tries what this machine permits. Call it with one thread, for it forks; it
/// changes nothing in the calling process.
#[must_use]
pub fn examine() -> Report {
    let mut reasons = Vec::new();
    let sealed = tell(&mut reasons, try_in_child(seal), SEALED_YES, SEALED_NO);
    if !sealed {
        reasons.extend(advice());
        let mode = fallback(&mut reasons);
        return Report { mode, reasons, wire: false };
    }
    let wire = tell(&mut reasons, try_in_child(wire), WIRE_YES, WIRE_NO);
    Report { mode: Mode::Sealed, reasons, wire }
}

const SEALED_YES: &str = "a network namespace with every address local works: servers run on their \
                          true addresses and ports, and no packet can leave this machine";
const SEALED_NO: &str = "no network namespace of our own";
const WIRE_YES: &str = "veth pairs and packet sockets work: each program run with `lab exec` is a \
                        host of its own with a true address";
const WIRE_NO: &str = "no veth pair or packet socket: programs run with `lab exec` share the \
                       namespace of the servers, so they clash with these on wildcard ports, \
                       appear with one common address, and what they say to each other is not seen";
const LOOPBACK_YES: &str = "addresses of 127.0.0.0/8 can be used: one for each host; `dig +trace` \
                            and stock resolvers, which insist on port 53, need the sealed mode";
const LOOPBACK_NO: &str = "not even an address of 127.0.0.0/8 can be used";

fn tell(reasons: &mut Vec<String>, tried: Result<(), String>, yes: &str, no: &str) -> bool {
    let worked = tried.is_ok();
    reasons.push(match tried {
        Ok(()) => yes.to_owned(),
        Err(why) => format!("{no}: {why}"),
    });
    worked
}

fn fallback(reasons: &mut Vec<String>) -> Mode {
    #[expect(clippy::disallowed_types, reason = "a probe, closed at once")]
    let bound = std::net::UdpSocket::bind(("127.7.7.7", 0));
    let works =
        tell(reasons, bound.map(drop).map_err(|e| e.to_string()), LOOPBACK_YES, LOOPBACK_NO);
    if works { Mode::Loopback } else { Mode::Virtual }
}

fn try_in_child(step: fn() -> Result<(), String>) -> Result<(), String> {
    let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads > 1 {
        return Err(format!("the process already has {threads} threads"));
    }
    let said = sys::in_child(|| match step() {
        Ok(()) => DONE.into(),
        Err(why) => why.into_bytes(),
    });
    match said {
        Ok(said) if said == DONE.as_bytes() => Ok(()),
        Ok(said) => Err(String::from_utf8_lossy(&said).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn seal() -> Result<(), String> {
    House::enter().map(drop).map_err(|error| error.to_string())
}

/// A house, a host and a wire between them, as a lab makes them.
fn wire() -> Result<(), String> {
    let house = House::enter().map_err(|error| error.to_string())?;
    let made = || -> io::Result<()> {
        let mut host = Namespace::of_host()?;
        let far = End { name: "eth0", index: TO_WIRE, mac: [2, 0, 0, 0, 0, 1] };
        let near = End { name: "w1", index: TO_WIRE, mac: [2, 0, 0, 0, 0, 2] };
        house.routes().add_veth(&near, &far, host.fd(), crate::wire::MTU)?;
        host.settle(&["192.0.2.1".parse().map_err(io::Error::other)?])?;
        crate::wire::port::Port::open(TO_WIRE).map(drop)
    };
    made().map_err(|error| error.to_string())
}

/// Settings that keep unprivileged users from namespaces, where they are set.
fn advice() -> Vec<String> {
    let settings = [
        (
            "kernel.apparmor_restrict_unprivileged_userns",
            "1",
            "AppArmor restricts user namespaces: run as root, or `sudo sysctl -w \
             kernel.apparmor_restrict_unprivileged_userns=0`",
        ),
        (
            "kernel.unprivileged_userns_clone",
            "0",
            "user namespaces are for root only: run as root, or `sudo sysctl -w \
             kernel.unprivileged_userns_clone=1`",
        ),
        (
            "user.max_user_namespaces",
            "0",
            "no user namespace may be made: run as root, or `sudo sysctl -w \
             user.max_user_namespaces=10000`",
        ),
    ];
    let is_set = |name: &str, value: &str| {
        let file = format!("/proc/sys/{}", name.replace('.', "/"));
        fs::read_to_string(file).is_ok_and(|text| text.trim() == value)
    };
    let set = settings.iter().filter(|(name, value, _)| is_set(name, value));
    set.map(|(_, _, words)| (*words).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_the_names_of_the_command_contract() {
        let report = Report { mode: Mode::Sealed, reasons: vec!["why".into()], wire: true };
        let text = serde_json::to_string(&report).expect("plain data");
        assert_eq!(text, r#"{"mode":"sealed","reasons":["why"]}"#);
    }

    #[test]
    fn a_process_with_threads_is_not_examined_by_forking() {
        let why = try_in_child(seal).expect_err("the test harness has threads");
        assert!(why.contains("threads"), "{why}");
    }
}
