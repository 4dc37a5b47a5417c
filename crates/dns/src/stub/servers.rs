//! Which of a client's servers are worth a question now.
//!
//! ```text
//!            gave no answer in time
//!   live ─────────────────────────────▶ silent, asked after all live ones
//!    ▲                                     │ 30 s, then twice as long, at most 5 min
//!    └── answers ── one probe beside ◀─────┘
//! ```

use std::net::SocketAddr;
use std::time::Duration;

use capa7_net::Time;

/// The servers of one client, in the order in which it was told of them.
#[derive(Debug)]
pub(super) struct Servers(Vec<Server>);

#[derive(Debug)]
struct Server {
    address: SocketAddr,
    silence: Option<Silence>,
}

#[derive(Clone, Copy, Debug)]
struct Silence {
    /// When it may be asked whether it is back.
    until: Time,
    pause: Duration,
}

impl Servers {
    pub(super) fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self(addresses.into_iter().map(|address| Server { address, silence: None }).collect())
    }

    pub(super) fn known(&self) -> Vec<SocketAddr> {
        self.0.iter().map(|server| server.address).collect()
    }

    /// Those that are live, and those that were silent.
    pub(super) fn by_standing(&self) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
        let of = |is_silent: bool| {
            let some = self.0.iter().filter(|server| server.silence.is_some() == is_silent);
            some.map(|server| server.address).collect()
        };
        (of(false), of(true))
    }

    pub(super) fn answered(&mut self, address: SocketAddr) {
        if let Some(server) = self.get(address) {
            server.silence = None;
        }
    }

    pub(super) fn was_silent(&mut self, address: SocketAddr, now: Time) {
        if let Some(server) = self.get(address)
            && server.silence.is_none_or(|silence| silence.until <= now)
        {
            server.fell_silent(now);
        }
    }

    /// The server to be asked, beside a question to a live one, whether it is back. It is
    /// named once in each of its pauses.
    pub(super) fn begin_probe(&mut self, now: Time) -> Option<SocketAddr> {
        if self.0.iter().all(|server| server.silence.is_some()) {
            return None;
        }
        let is_due = |server: &&mut Server| server.silence.is_some_and(|it| it.until <= now);
        let server = self.0.iter_mut().find(is_due)?;
        server.fell_silent(now);
        Some(server.address)
    }

    fn get(&mut self, address: SocketAddr) -> Option<&mut Server> {
        self.0.iter_mut().find(|server| server.address == address)
    }
}

impl Server {
    fn fell_silent(&mut self, now: Time) {
        let pause = self.silence.map_or(PAUSE, |silence| (silence.pause * 2).min(PAUSE_MAX));
        self.silence = Some(Silence { until: now + pause, pause });
    }
}

/// How long a server that was silent once is asked after the others.
const PAUSE: Duration = Duration::from_secs(30);
/// RFC 2308 §7.2: a server counts as dead for no longer than five minutes.
const PAUSE_MAX: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: SocketAddr = at(1);
    const TWO: SocketAddr = at(2);

    const fn at(number: u8) -> SocketAddr {
        let address = std::net::Ipv4Addr::new(192, 0, 2, number);
        SocketAddr::new(std::net::IpAddr::V4(address), 53)
    }

    fn two() -> Servers {
        Servers::new([ONE, TWO])
    }

    fn after(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    // RFC 2308 §7.2.
    #[test]
    fn pauses_double_and_none_is_longer_than_five_minutes() {
        let mut servers = two();
        servers.was_silent(ONE, after(0));
        let probes: Vec<u64> =
            (0..1_500).filter(|second| servers.begin_probe(after(*second)).is_some()).collect();
        assert_eq!(probes, [30, 90, 210, 450, 750, 1_050, 1_350]);
    }

    #[test]
    fn silence_that_is_told_again_within_a_pause_makes_it_no_longer() {
        let mut servers = two();
        for second in 0..10 {
            servers.was_silent(ONE, after(second));
        }
        assert_eq!(servers.begin_probe(after(29)), None);
        assert_eq!(servers.begin_probe(after(30)), Some(ONE));
    }

    #[test]
    fn a_server_that_answers_is_first_again_and_begins_with_a_short_pause() {
        let mut servers = two();
        servers.was_silent(ONE, after(0));
        assert_eq!(servers.by_standing(), (vec![TWO], vec![ONE]));
        assert_eq!(servers.begin_probe(after(30)), Some(ONE));
        servers.answered(ONE);
        assert_eq!(servers.by_standing(), (vec![ONE, TWO], vec![]));
        servers.was_silent(ONE, after(100));
        assert_eq!(servers.begin_probe(after(130)), Some(ONE));
    }

    // Each question asks them anyway.
    #[test]
    fn when_all_were_silent_all_are_asked_in_their_order_and_none_is_probed() {
        let mut servers = two();
        servers.was_silent(TWO, after(0));
        servers.was_silent(ONE, after(1));
        assert_eq!(servers.by_standing(), (vec![], vec![ONE, TWO]));
        assert_eq!(servers.begin_probe(after(600)), None);
    }
}
