//! What a registrar and a registry say to each other: lines of text over TCP.
//!
//! ```text
//!   registrar                                    registry
//!   register maccshine.com
//!   registrant MACCSHINE
//!   years 1
//!   server dns1.maccshine.com 212.212.212.1
//!   server dns2.maccshine.com 212.212.212.2
//!   done                                    ──►
//!                                           ◄── ok maccshine.com until 2022-04-21
//!   info amazon.com                         ──►
//!                                           ◄── ok amazon.com held by …
//! ```
//!
//! Real registries speak EPP (RFC 5730), which is XML with more objects; this
//! dialogue has its two transactions of interest and nothing else. A line ends
//! with LF; CR before it is left out.

use std::fmt;
use std::net::IpAddr;

use crate::Name;

use super::ServerEntry;
use super::book::SERVERS_MAX;

/// An order or a question, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Enter a name.
    Register {
        /// The name.
        domain: Name,
        /// For whom.
        registrant: String,
        /// For how long.
        years: u32,
        /// Its name servers.
        servers: Vec<ServerEntry>,
    },
    /// Who holds a name?
    Info(Name),
}

/// What the registry answers, one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Done, or known; the rest of the line.
    Ok(String),
    /// A rule of the registry forbids it.
    Refused(String),
    /// It could not be done now, or the line was not understood.
    Failed(String),
}

impl Response {
    /// A registry's line.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let (word, rest) = line.trim_end().split_once(' ')?;
        match word {
            "ok" => Some(Self::Ok(rest.to_owned())),
            "refused" => Some(Self::Refused(rest.to_owned())),
            "failed" => Some(Self::Failed(rest.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok(rest) => write!(f, "ok {rest}"),
            Self::Refused(rest) => write!(f, "refused {rest}"),
            Self::Failed(rest) => write!(f, "failed {rest}"),
        }
    }
}

impl fmt::Display for Request {
    /// The lines that say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Info(domain) => writeln!(f, "info {domain:#}"),
            Self::Register { domain, registrant, years, servers } => {
                writeln!(f, "register {domain:#}")?;
                // A line break in a name would begin another command.
                let registrant = registrant.replace(['\r', '\n'], " ");
                writeln!(f, "registrant {registrant}")?;
                writeln!(f, "years {years}")?;
                for server in servers {
                    write!(f, "server {:#}", server.name)?;
                    if let Some(address) = server.address {
                        write!(f, " {address}")?;
                    }
                    writeln!(f)?;
                }
                writeln!(f, "done")
            }
        }
    }
}

/// The registry's side: lines in, requests out.
#[derive(Clone, Debug, Default)]
pub struct Dialogue {
    order: Option<Order>,
}

#[derive(Clone, Debug)]
struct Order {
    domain: Name,
    registrant: String,
    years: u32,
    servers: Vec<ServerEntry>,
}

impl Dialogue {
    /// Takes a line without its end: a request when it completes one.
    ///
    /// # Errors
    /// What is wrong with the line; an order that was begun is dropped.
    pub fn handle(&mut self, line: &str) -> Result<Option<Request>, String> {
        let outcome = self.take(line.trim());
        if outcome.is_err() {
            self.order = None;
        }
        outcome
    }

    fn take(&mut self, line: &str) -> Result<Option<Request>, String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        match (word, self.order.as_mut()) {
            ("register", None) => {
                let domain = name(rest)?;
                let (registrant, servers) = (String::new(), Vec::new());
                self.order = Some(Order { domain, registrant, years: 1, servers });
                Ok(None)
            }
            ("info", None) => name(rest).map(|domain| Some(Request::Info(domain))),
            ("registrant", Some(order)) => {
                rest.clone_into(&mut order.registrant);
                Ok(None)
            }
            ("years", Some(order)) => {
                order.years = rest.parse().map_err(|_| format!("`{rest}` is no number"))?;
                Ok(None)
            }
            ("server", Some(order)) => {
                if order.servers.len() >= SERVERS_MAX {
                    return Err(format!("more than {SERVERS_MAX} servers"));
                }
                order.servers.push(server(rest)?);
                Ok(None)
            }
            ("done", Some(_)) => Ok(self.order.take().map(|order| Request::Register {
                domain: order.domain,
                registrant: order.registrant,
                years: order.years,
                servers: order.servers,
            })),
            (_, None) => Err("begin with `register NAME` or `info NAME`".to_owned()),
            (_, Some(_)) => {
                Err("an order has `registrant`, `years`, `server` and ends with `done`".to_owned())
            }
        }
    }
}

fn server(words: &str) -> Result<ServerEntry, String> {
    let (host, address) = words.split_once(' ').unwrap_or((words, ""));
    let address = match address.trim() {
        "" => None,
        text => Some(text.parse::<IpAddr>().map_err(|_| format!("`{text}` is no address"))?),
    };
    Ok(ServerEntry { name: name(host)?, address })
}

fn name(text: &str) -> Result<Name, String> {
    match Name::parse(text) {
        Ok(name) if !name.is_root() && !text.is_empty() => Ok(name),
        Ok(_) => Err("a name is missing".to_owned()),
        Err(error) => Err(format!("`{text}` is no name: {error}")),
    }
}

/// The longest line, its end included; a longer one ends the connection.
pub const LINE_OCTETS_MAX: usize = 1024;
/// Where a registry of the lab listens for registrars.
pub const REGISTRY_PORT: u16 = 7700;

#[cfg(test)]
mod tests {
    use super::{Dialogue, Request};
    use crate::Name;
    use crate::registry::ServerEntry;

    fn order() -> Request {
        let name = |text| Name::parse(text).unwrap();
        let address = Some("212.212.212.1".parse().unwrap());
        Request::Register {
            domain: name("maccshine.com"),
            registrant: "MACCSHINE S.A.S.".into(),
            years: 2,
            servers: vec![
                ServerEntry { name: name("dns1.maccshine.com"), address },
                ServerEntry { name: name("ns1.hosting.net"), address: None },
            ],
        }
    }

    #[test]
    fn what_a_registrar_writes_is_what_the_registry_reads() {
        let mut dialogue = Dialogue::default();
        let said = order().to_string();
        let heard: Vec<_> =
            said.lines().filter_map(|line| dialogue.handle(line).unwrap()).collect();
        assert_eq!(heard, [order()]);
    }

    #[test]
    fn a_line_break_in_a_registrant_begins_no_command() {
        let Request::Register { domain, years, servers, .. } = order() else { return };
        let registrant = "X\ndone\ninfo amazon.com".into();
        let said = Request::Register { domain, registrant, years, servers }.to_string();
        let mut dialogue = Dialogue::default();
        let heard = said.lines().filter_map(|line| dialogue.handle(line).unwrap()).count();
        assert_eq!(heard, 1);
    }

    #[test]
    fn a_line_that_makes_no_sense_drops_the_order_and_says_what_is_expected() {
        let mut dialogue = Dialogue::default();
        assert!(dialogue.handle("hello").unwrap_err().contains("register NAME"));
        for wrong in ["server", "server a.b 1.2.3", "years many", "register x.com", "info x.com"] {
            assert_eq!(dialogue.handle("register maccshine.com"), Ok(None));
            assert!(dialogue.handle(wrong).is_err(), "{wrong}");
            assert!(dialogue.handle("done").is_err(), "the order is gone");
        }
    }
}
