//! From a domain to servers (RFC 5321 §5.1).
//!
//! ```text
//!   MX?  ── records ──────▶ by preference, ties at random, only better than us
//!        ── "0 ." alone ──▶ takes no mail (RFC 7505)
//!        ── none ─────────▶ the domain itself, preference 0
//!        ── no domain ────▶ failed
//!        ── no answer ────▶ later
//! ```

use std::net::IpAddr;

use crate::smtp::client::{Outcome, Reason};
use crate::smtp::reply::Reply;

/// One mail exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Smaller ones first.
    pub preference: u16,
    /// The server's name in lower case without the final dot; empty for the root.
    pub host: String,
}

/// What DNS says of a domain's MX; aliases were followed (RFC 5321 §5.1: the
/// name at their end counts as if it were the first).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeAnswer {
    /// The records.
    Records(Vec<Exchange>),
    /// The domain is there, but has none.
    None,
    /// There is no such domain.
    NoDomain,
    /// Nothing can be said now, and why.
    Failed(String),
}

/// What DNS says of a host's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressAnswer {
    /// In the order in which they are tried.
    Found(Vec<IpAddr>),
    /// None.
    None,
    /// Nothing can be said now, and why.
    Failed(String),
}

/// The servers to try, in order.
///
/// `own_names` are ours, in lower case.
pub(super) fn route(
    domain: &str,
    answer: ExchangeAnswer,
    own_names: &[String],
    ties: &mut Ties,
) -> Result<Vec<Exchange>, Outcome> {
    let records = match answer {
        ExchangeAnswer::Records(records) => records,
        // RFC 5321 §5.1: without MX the address counts as an implicit one.
        ExchangeAnswer::None => vec![Exchange { preference: 0, host: domain.to_owned() }],
        ExchangeAnswer::NoDomain => {
            // RFC 3463 §3.2: 5.1.2, bad destination system address.
            return Err(failed(550, (1, 2), format!("there is no domain {domain}")));
        }
        ExchangeAnswer::Failed(why) => {
            // RFC 3463 §3.5: 4.4.3, directory server failure.
            return Err(deferred(
                (4, 3),
                format!("DNS does not tell who takes mail for {domain}: {why}"),
            ));
        }
    };
    if let [only] = records.as_slice()
        && only.host.is_empty()
    {
        // RFC 7505 §3, §4.2 and its code for it: 556 5.1.10.
        return Err(failed(556, (1, 10), format!("{domain} takes no mail (null MX)")));
    }
    let mut records: Vec<Exchange> =
        records.into_iter().filter(|one| !one.host.is_empty()).collect();
    if records.is_empty() {
        return Err(failed(550, (4, 4), format!("the MX records of {domain} name no server")));
    }
    let is_own = |one: &&Exchange| own_names.iter().any(|own| own.eq_ignore_ascii_case(&one.host));
    // RFC 5321 §5.1: of a list that names us only those before us count.
    if let Some(ours) = records.iter().filter(is_own).map(|one| one.preference).min() {
        records.retain(|one| one.preference < ours);
        if records.is_empty() {
            return Err(circle(domain));
        }
    }
    // RFC 5321 §5.1: equal preferences are spread at random.
    ties.shuffle(&mut records);
    records.sort_by_key(|one| one.preference);
    records.truncate(EXCHANGES_MAX);
    Ok(records)
}

/// Mail for this domain comes back to us (RFC 5321 §5.1; RFC 3463 §3.5: 5.4.6).
pub(super) fn circle(domain: &str) -> Outcome {
    failed(
        550,
        (4, 6),
        format!("mail for {domain} comes back to this server, which does not keep it"),
    )
}

/// What the addresses of a server say, when they say no.
pub(super) fn no_address(host: &str) -> Outcome {
    // RFC 3463 §3.5: 5.4.4, unable to route.
    failed(550, (4, 4), format!("{host} has no address"))
}

pub(super) fn no_address_yet(host: &str, why: &str) -> Outcome {
    deferred((4, 3), format!("DNS does not tell the address of {host}: {why}"))
}

pub(super) fn failed(code: u16, enhanced: (u16, u16), text: String) -> Outcome {
    Outcome::Failed(Reason::Found(Reply::new(code, Some(enhanced), text)))
}

pub(super) fn deferred(enhanced: (u16, u16), text: String) -> Outcome {
    Outcome::Deferred(Reason::Found(Reply::new(451, Some(enhanced), text)))
}

/// Chooses among equals: a small generator (splitmix64), since nothing secret
/// hangs on it and a run must repeat from its seed.
#[derive(Debug)]
pub(super) struct Ties(u64);

impl Ties {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let bound = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
            let other = usize::try_from(self.next() % bound).unwrap_or(last);
            items.swap(last, other);
        }
    }
}

/// Servers of one domain that are looked at; large domains name about ten.
const EXCHANGES_MAX: usize = 20;
