//! A link: what happens to bytes on their way. Pure arithmetic in nanoseconds.
//!
//! ```text
//!   packet ──▶ cut? ──▶ queue ──▶ rate ──▶ loss ──▶ latency + jitter ──▶ out
//!                 │        │                 │            │
//!                 └ lost   └ lost            └ lost       └ held back, twice,
//!                   "cut"    "queue"           "loss"       one bit flipped
//! ```

use std::time::Duration;

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::time::Time;
use crate::topology::NetworkError;

/// One direction of a host's access link.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkConfig {
    /// Payload bytes per second (headers are free, so that the course's F/u
    /// comes out); 0 is without limit.
    pub rate_bps: u64,
    /// Nanoseconds that every packet takes.
    pub latency_ns: u64,
    /// At most this many nanoseconds more, uniformly drawn per packet. Jitter
    /// alone keeps the packets' order.
    pub jitter_ns: u64,
    /// Share of packets lost, 0 to 1.
    pub loss: f64,
    /// Share of packets that arrive twice, 0 to 1.
    pub duplicate: f64,
    /// Share of packets held back so that later ones overtake them, 0 to 1.
    pub reorder: f64,
    /// Share of packets with one bit flipped, 0 to 1.
    pub corrupt: f64,
    /// Bytes that may wait for the rate, what remains of the packet on the wire
    /// included; a packet that does not fit is dropped, one that finds the link
    /// idle always passes. 0 is without limit.
    pub queue_bytes: u64,
    /// Nothing passes.
    pub cut: bool,
}

impl LinkConfig {
    /// Whether every share is one.
    ///
    /// # Errors
    /// [`NetworkError::BadShare`] with the field's name.
    pub fn check(&self) -> Result<(), NetworkError> {
        let shares = [
            ("loss", self.loss),
            ("duplicate", self.duplicate),
            ("reorder", self.reorder),
            ("corrupt", self.corrupt),
        ];
        match shares.into_iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            Some((field, _)) => Err(NetworkError::BadShare { field }),
            None => Ok(()),
        }
    }
}

/// What became of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transmission {
    /// When it comes out, once per copy; empty when it was lost.
    pub arrivals: Arrivals,
    /// Why it does not: `cut`, `queue`, `loss`.
    pub lost: Option<&'static str>,
}

/// One copy of a packet at the end of its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Time,
    /// The bit that was flipped, counted from the first byte's highest.
    pub flipped_bit: Option<u32>,
}

/// The copies of one packet, in the order in which they were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    copies: [Arrival; ARRIVALS_MAX],
    count: u8,
}

/// A link makes at most two of one.
const ARRIVALS_MAX: usize = 2;

/// A packet that is held back waits for the link's latency and jitter once
/// more, and at least this long, so that links without latency reorder too.
const HOLD_BACK_MIN_NS: u64 = 5_000_000;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// One direction of a link with its state.
#[derive(Clone, Debug, Default)]
pub struct Link {
    config: LinkConfig,
    busy_until: Time,
    last_arrival: Time,
}

impl Link {
    /// An idle link.
    #[must_use]
    pub fn new(config: LinkConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// How the link behaves.
    #[must_use]
    pub const fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// Makes the link behave otherwise; what is on its way stays so.
    pub fn set_config(&mut self, config: LinkConfig) {
        self.config = config;
    }

    /// When the link has sent what it took so far.
    #[must_use]
    pub const fn busy_until(&self) -> Time {
        self.busy_until
    }

    /// Takes a packet of `size` bytes at `now`.
    pub fn transmit(&mut self, now: Time, size: usize, rng: &mut impl Rng) -> Transmission {
        if self.config.cut {
            return Transmission::lost("cut");
        }
        let Some(sent) = self.serialize(now, size) else { return Transmission::lost("queue") };
        if chance(self.config.loss, rng) {
            return Transmission::lost("loss");
        }
        let mut out = Transmission::default();
        out.arrivals.push(self.arrive(sent, size, rng));
        if chance(self.config.duplicate, rng) {
            out.arrivals.push(self.arrive(sent, size, rng));
        }
        out
    }

    /// Takes `size` bytes of a stream at `now`: they wait for the rate but do
    /// not fall out of the queue, keep their order, and arrive unharmed after
    /// as many tries as it takes. Returns when they arrive and how many of the
    /// `segments` that they are made of got lost on this try.
    pub fn transmit_stream(
        &mut self,
        now: Time,
        size: usize,
        segments: u32,
        rng: &mut impl Rng,
    ) -> (Time, u32) {
        if self.config.cut {
            return (now, segments);
        }
        self.busy_until = self.busy_until.max(now) + self.wire_time(size);
        let sent = self.busy_until;
        // A stream's checksum turns a flipped bit into a loss: RFC 9293 §3.1.
        let harm = 1.0 - (1.0 - self.config.loss) * (1.0 - self.config.corrupt);
        let lost = (0..segments).filter(|_| chance(harm, rng)).count();
        let at = self.in_order(sent + self.delay(rng));
        (at, u32::try_from(lost).unwrap_or(segments))
    }

    /// The time that `size` bytes occupy the link.
    #[must_use]
    pub fn wire_time(&self, size: usize) -> Duration {
        if self.config.rate_bps == 0 {
            return Duration::ZERO;
        }
        let nanos = (size as u128 * NANOS_PER_SECOND).div_ceil(u128::from(self.config.rate_bps));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Queues a packet; returns when its last bit has left, none when the queue
    /// is full.
    fn serialize(&mut self, now: Time, size: usize) -> Option<Time> {
        if self.config.rate_bps == 0 {
            return Some(now);
        }
        let waiting = self.busy_until.since(now).as_nanos();
        if self.config.queue_bytes > 0 && waiting > 0 {
            let waiting_bytes = waiting * u128::from(self.config.rate_bps) / NANOS_PER_SECOND;
            if waiting_bytes + size as u128 > u128::from(self.config.queue_bytes) {
                return None;
            }
        }
        self.busy_until = self.busy_until.max(now) + self.wire_time(size);
        Some(self.busy_until)
    }

    fn arrive(&mut self, sent: Time, size: usize, rng: &mut impl Rng) -> Arrival {
        let usual = sent + self.delay(rng);
        let at = if chance(self.config.reorder, rng) {
            let again = self.config.latency_ns.saturating_add(self.config.jitter_ns);
            usual + Duration::from_nanos(again.max(HOLD_BACK_MIN_NS))
        } else {
            self.in_order(usual)
        };
        let bits = u32::try_from(size.saturating_mul(8)).unwrap_or(u32::MAX);
        let flip = bits > 0 && chance(self.config.corrupt, rng);
        Arrival { at, flipped_bit: flip.then(|| rng.random_range(0..bits)) }
    }

    fn delay(&self, rng: &mut impl Rng) -> Duration {
        let jitter = match self.config.jitter_ns {
            0 => 0,
            most => rng.random_range(0..=most),
        };
        Duration::from_nanos(self.config.latency_ns.saturating_add(jitter))
    }

    /// Jitter does not reorder: what was sent later does not arrive earlier.
    fn in_order(&mut self, at: Time) -> Time {
        self.last_arrival = self.last_arrival.max(at);
        self.last_arrival
    }
}

/// Draws from `rng` only for a real chance, so that a change of one share does
/// not shift what the others draw.
fn chance(share: f64, rng: &mut impl Rng) -> bool {
    share > 0.0 && (share >= 1.0 || rng.random_bool(share))
}

impl Transmission {
    pub(crate) fn lost(why: &'static str) -> Self {
        Self { arrivals: Arrivals::default(), lost: Some(why) }
    }

    pub(crate) fn at(at: Time) -> Self {
        let mut out = Self::default();
        out.arrivals.push(Arrival { at, flipped_bit: None });
        out
    }
}

impl Arrivals {
    /// The copies.
    #[must_use]
    pub fn as_slice(&self) -> &[Arrival] {
        self.copies.get(..usize::from(self.count)).unwrap_or(&[])
    }

    /// Adds a copy; a third is left out.
    pub(crate) fn push(&mut self, arrival: Arrival) {
        if let Some(place) = self.copies.get_mut(usize::from(self.count)) {
            *place = arrival;
            self.count += 1;
        }
    }
}

/// Flips one bit of a packet, counted from the first byte's highest.
pub fn flip_bit(bytes: &mut [u8], bit: u32) {
    if let Some(byte) = bytes.get_mut(bit as usize / 8) {
        *byte ^= 0x80 >> (bit % 8);
    }
}
