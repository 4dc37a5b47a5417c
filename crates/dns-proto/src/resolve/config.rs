//! What a resolver is told before it starts.

use std::time::Duration;

use crate::cache::CacheLimits;
use crate::hints::Hints;

/// The knobs of a resolver; the default is what a resolver on the Internet should use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolverConfig {
    /// Where iteration begins.
    pub hints: Hints,
    /// Whether the root's servers are asked for their own list first (RFC 9609).
    pub priming: Priming,
    /// How much of a name each server is told (RFC 9156).
    pub minimisation: Minimisation,
    /// Whether letters of a question get random case, which a true answer repeats.
    pub random_case: bool,
    /// Whether servers are asked over IPv6.
    pub ipv6: bool,
    /// Every so many choices of a server, one that is not the fastest is tried; 0 is never.
    pub explore_every: u32,
    /// The port of authoritative servers.
    pub server_port: u16,
    /// What a client may get that asks without wanting recursion.
    pub without_recursion: WithoutRecursion,
    /// The bounds of the cache; whole answers are kept besides, within the same again.
    pub cache: CacheLimits,
    /// What one client's question may cost.
    pub budget: Budget,
    /// How long servers are waited for.
    pub patience: Patience,
    /// Whether decisions are told as notes.
    pub notes: Notes,
    /// Questions worked on at once; further ones fail at once.
    pub requests_max: usize,
    /// Clients that wait for one question; further ones fail at once.
    pub clients_per_request_max: usize,
    /// Failures whose story is kept for `dns why`.
    pub stories_max: usize,
}

/// Whether the resolver asks the root's servers for their list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priming {
    /// When the list is first needed and whenever it has expired, beside the client's question.
    WhenNeeded,
    /// Never: the hints are the list.
    Never,
}

/// How much of a name each server is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minimisation {
    /// One label more than the zone that is asked (RFC 9156 §2.3).
    OneLabelMore,
    /// The whole name, as the lecture draws it (course D4).
    WholeName,
}

/// What a client gets that asks with RD = 0 (RFC 1034 §4.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutRecursion {
    /// What is in the cache, else a referral to the closest servers known.
    CacheOrReferral,
    /// REFUSED, so that nobody can look into the cache.
    Refused,
}

/// Whether decisions are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notes {
    /// Every decision is an output.
    Told,
    /// None is; only the stories of failures are kept.
    Silent,
}

/// What one client's question may cost, everything that it causes included.
///
/// Restarts, aliases and the names of servers all draw on the same budget, so that no answer of
/// a server can multiply the work (NXNSAttack, CVE-2020-8616).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Queries sent.
    pub queries_max: u32,
    /// Octets received.
    pub octets_max: usize,
    /// Time until the client is told that it failed.
    pub time: Duration,
    /// Names of servers whose address had to be looked up.
    pub server_names_max: u32,
    /// Such lookups below such lookups.
    pub depth_max: u32,
    /// Aliases followed.
    pub aliases_max: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            queries_max: 100,
            octets_max: 256 * 1024,
            time: Duration::from_secs(10),
            server_names_max: 16,
            depth_max: 4,
            aliases_max: 12,
        }
    }
}

/// How long servers are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The wait for a server whose round trip is unknown.
    pub first: Duration,
    /// The shortest wait.
    pub shortest: Duration,
    /// The longest wait, which doubling after each silence comes to.
    pub longest: Duration,
    /// The wait for an answer over TCP, the connection included.
    pub tcp: Duration,
    /// How often one address is asked the same.
    pub attempts_max: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(800),
            shortest: Duration::from_millis(250),
            longest: Duration::from_secs(3),
            tcp: Duration::from_secs(4),
            attempts_max: 3,
        }
    }
}

impl Default for ResolverConfig {
    fn default() -> Self {
        Self {
            hints: Hints::internet(),
            priming: Priming::WhenNeeded,
            minimisation: Minimisation::OneLabelMore,
            random_case: false,
            ipv6: true,
            explore_every: 20,
            server_port: 53,
            without_recursion: WithoutRecursion::CacheOrReferral,
            cache: CacheLimits::default(),
            budget: Budget::default(),
            patience: Patience::default(),
            notes: Notes::Told,
            requests_max: 10_000,
            clients_per_request_max: 256,
            stories_max: 256,
        }
    }
}

impl ResolverConfig {
    /// The resolver of the lecture's drawing (course D4): each server is asked the whole
    /// question and names the next, and nothing else is asked.
    ///
    /// A host that asks a cold resolver for `gaia.cs.umass.edu` then causes exactly the eight
    /// messages of the drawing, provided that `.edu` delegates to `dns.cs.umass.edu` with glue.
    pub fn as_drawn() -> Self {
        Self {
            priming: Priming::Never,
            minimisation: Minimisation::WholeName,
            ipv6: false,
            explore_every: 0,
            ..Self::default()
        }
    }
}
