//! What is known about servers: how fast they answer, whether they know EDNS, which zones were
//! wrongly delegated to them.

use std::net::IpAddr;
use std::time::Duration;

use rand::Rng;

use crate::Name;
use crate::cache::ClockMap;
use crate::instant::Instant;
use crate::resolve::{ChoiceReason, Patience};

/// The servers heard of, bounded like a cache.
#[derive(Debug)]
pub(crate) struct Servers {
    map: ClockMap<IpAddr, Server>,
    explore_every: u32,
}

#[derive(Clone, Debug, Default)]
struct Server {
    /// Smoothed round trip and its mean deviation (RFC 6298 §2).
    round_trip: Option<(Duration, Duration)>,
    /// Silences in a row, and the last of them.
    silences: u32,
    silent_at: Instant,
    without_edns_until: Instant,
    lame: Vec<(Name, Instant)>,
}

/// An address of a zone's server, while one question is asked.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) address: IpAddr,
    /// The index of its server in the delegation.
    pub(crate) server: usize,
    /// How often it was asked the current question.
    pub(crate) attempts: u32,
    /// It failed for this zone in a way that asking again does not cure.
    pub(crate) dead: bool,
}

/// The outcome of choosing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    /// The candidate's index.
    pub(crate) index: usize,
    pub(crate) reason: ChoiceReason,
    pub(crate) smoothed_rtt: Option<Duration>,
    /// How many could have been chosen.
    pub(crate) candidates: usize,
}

impl Servers {
    pub(crate) fn new(seed: u64, explore_every: u32) -> Self {
        Self { map: ClockMap::new(SERVERS_OCTETS_MAX, seed), explore_every }
    }

    /// Chooses whom to ask: of those asked least often, the one with the shortest expected
    /// wait, one never heard counting as fast, so that each is tried once; sometimes another
    /// one, to notice that it got faster.
    pub(crate) fn choose(
        &mut self,
        now: Instant,
        zone: &Name,
        candidates: &[Candidate],
        patience: &Patience,
        rng: &mut impl Rng,
    ) -> Option<Choice> {
        let usable: Vec<usize> = (0..candidates.len())
            .filter(|index| {
                candidates.get(*index).is_some_and(|candidate| {
                    !candidate.dead
                        && candidate.attempts < patience.attempts_max
                        && !self.is_lame(now, candidate.address, zone)
                })
            })
            .collect();
        let attempts = |index: &usize| candidates.get(*index).map_or(0, |one| one.attempts);
        let fewest = usable.iter().map(attempts).min()?;
        let round: Vec<usize> =
            usable.iter().copied().filter(|index| attempts(index) == fewest).collect();
        let explores = self.explore_every > 0
            && round.len() > 1
            && fewest == 0
            && rng.random_ratio(1, self.explore_every);
        let scored = round.iter().map(|index| {
            let expected = candidates
                .get(*index)
                .and_then(|candidate| self.expected_wait(now, candidate.address))
                .unwrap_or_else(|| Duration::from_micros(rng.random_range(1..UNHEARD_MAX_US)));
            (expected, *index)
        });
        let (_, fastest) = scored.min()?;
        let index = match round.get(rng.random_range(0..round.len())) {
            Some(other) if explores => *other,
            _ => fastest,
        };
        let chosen = candidates.get(index)?;
        let smoothed_rtt = self.smoothed_rtt(chosen.address);
        let reason = if candidates.len() == 1 {
            ChoiceReason::Only
        } else if fewest > 0 || round.len() < candidates.len() {
            ChoiceReason::Next
        } else if smoothed_rtt.is_none() {
            ChoiceReason::Untried
        } else if index == fastest {
            ChoiceReason::Fastest
        } else {
            ChoiceReason::Exploring
        };
        Some(Choice { index, reason, smoothed_rtt, candidates: usable.len() })
    }

    /// How long to wait for a server: its round trip and four deviations (RFC 6298 §2.3),
    /// doubled for every attempt and silence before.
    pub(crate) fn patience(
        &mut self,
        now: Instant,
        address: IpAddr,
        attempts: u32,
        patience: &Patience,
    ) -> Duration {
        let server = self.server(address);
        let base = server.round_trip.map_or(patience.first, |(mean, deviation)| {
            (mean + 4 * deviation).max(patience.shortest)
        });
        let doublings = (attempts + server.silences_at(now)).min(DOUBLINGS_MAX);
        base.saturating_mul(1 << doublings).min(patience.longest)
    }

    /// A reply came after this long.
    pub(crate) fn heard(&mut self, address: IpAddr, round_trip: Duration) {
        self.change(address, |server| {
            server.silences = 0;
            server.round_trip = Some(match server.round_trip {
                None => (round_trip, round_trip / 2),
                Some((mean, deviation)) => {
                    ((mean * 7 + round_trip) / 8, (deviation * 3 + mean.abs_diff(round_trip)) / 4)
                }
            });
        });
    }

    /// No reply came.
    pub(crate) fn was_silent(&mut self, now: Instant, address: IpAddr) {
        self.change(address, |server| {
            server.silences = server.silences_at(now).saturating_add(1);
            server.silent_at = now;
        });
    }

    /// The server does not understand EDNS (RFC 6891 §7).
    pub(crate) fn lacks_edns(&mut self, now: Instant, address: IpAddr) {
        self.change(address, |server| server.without_edns_until = now.plus(MEMORY));
    }

    /// Whether the server may be asked with EDNS.
    pub(crate) fn knows_edns(&mut self, now: Instant, address: IpAddr) -> bool {
        self.server(address).without_edns_until <= now
    }

    /// The server is no authority for a zone that was delegated to it.
    pub(crate) fn is_no_authority(&mut self, now: Instant, address: IpAddr, zone: &Name) {
        self.change(address, |server| {
            server.lame.retain(|(lame, until)| lame != zone && *until > now);
            if server.lame.len() >= LAME_ZONES_MAX {
                server.lame.remove(0);
            }
            server.lame.push((zone.clone(), now.plus(LAME_MEMORY)));
        });
    }

    fn is_lame(&mut self, now: Instant, address: IpAddr, zone: &Name) -> bool {
        let server = self.map.find(&address);
        server.is_some_and(|server| {
            server.lame.iter().any(|(lame, until)| *until > now && lame == zone)
        })
    }

    /// The smoothed round trip of a server that was heard.
    pub(crate) fn smoothed_rtt(&mut self, address: IpAddr) -> Option<Duration> {
        self.server(address).round_trip.map(|(mean, _)| mean)
    }

    /// Every server heard, with its smoothed round trip.
    pub(crate) fn round_trips(&self) -> impl Iterator<Item = (IpAddr, Duration)> {
        self.map
            .iter()
            .filter_map(|(address, server)| server.round_trip.map(|(mean, _)| (*address, mean)))
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.map.clear();
    }

    fn expected_wait(&mut self, now: Instant, address: IpAddr) -> Option<Duration> {
        let server = self.server(address);
        let silences = server.silences_at(now).min(DOUBLINGS_MAX);
        match server.round_trip {
            Some((mean, _)) => Some(mean.max(SILENCE_COST * silences.min(1)) * (1 << silences)),
            None if silences > 0 => Some(SILENCE_COST * (1 << silences)),
            None => None,
        }
    }

    fn server(&mut self, address: IpAddr) -> Server {
        self.map.find(&address).cloned().unwrap_or_default()
    }

    fn change(&mut self, address: IpAddr, change: impl FnOnce(&mut Server)) {
        let mut server = self.map.remove(&address).unwrap_or_default();
        change(&mut server);
        let octets = server.lame.iter().map(|(zone, _)| zone.wire_len() + 48).sum();
        self.map.insert(address, server, octets);
    }
}

impl Server {
    fn silences_at(&self, now: Instant) -> u32 {
        if now.since(self.silent_at) > SILENCE_MEMORY { 0 } else { self.silences }
    }
}

/// Room for about ten thousand servers.
const SERVERS_OCTETS_MAX: usize = 2 << 20;
/// One never heard counts as having at most this round trip.
const UNHEARD_MAX_US: u64 = 20_000;
/// Doubling ends here in any case.
const DOUBLINGS_MAX: u32 = 6;
/// What a silent server counts as at least.
const SILENCE_COST: Duration = Duration::from_millis(400);
/// After this time a silence says nothing any more.
const SILENCE_MEMORY: Duration = Duration::from_secs(120);
/// How long a server's lack of EDNS is remembered.
const MEMORY: Duration = Duration::from_secs(900);
/// How long a wrong delegation is remembered.
const LAME_MEMORY: Duration = Duration::from_secs(60);
/// Wrong delegations remembered per server.
const LAME_ZONES_MAX: usize = 16;
