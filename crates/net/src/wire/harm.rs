//! What the faults do to what passes: to the datagrams of programs (those of
//! the house were judged at its sockets) and to all streams.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::{Cause, Direction, Room};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

use super::Command;
use super::packet::{self, Segment, View, flag};
use super::streams::{Ends, asks};
use super::switch::{Flight, Switch};
use crate::capture::{ConnectionChange, Packet, What};
use crate::fault::{Forgery, MessageView, Transport};
use crate::link::{Link, LinkConfig};
use crate::time::Time;

/// The connections that something is done to, each of them followed: with a
/// connection that is let go its harm ends.
#[derive(Debug)]
pub(super) struct Harms(BTreeMap<Ends, Harm>, ChaCha12Rng);

impl Default for Harms {
    fn default() -> Self {
        // The links of limits have no chances to draw: any stream will do.
        Self(BTreeMap::new(), ChaCha12Rng::from_seed([0; 32]))
    }
}

impl Harms {
    pub(super) fn forget(&mut self, ends: Ends) {
        self.0.remove(&ends);
    }
}

/// What is done to a connection.
#[derive(Debug, Default)]
struct Harm {
    refused: bool,
    silent: bool,
    /// Bytes that still pass before it is torn down.
    reset_after: Option<u64>,
    slow_close: Duration,
    /// One link for each direction when its rate is limited.
    limits: Option<[Link; 2]>,
}

/// What becomes of a segment.
enum Outcome {
    Now,
    At(Time),
    Drop,
    Refuse,
    Reset,
}

impl Switch {
    /// A recorded datagram of a program leaves as the faults let it.
    pub(super) fn judge_datagram(&mut self, mut flight: Flight) {
        let Some(ends) = flight.view.ends().filter(|_| self.shared.faults.are_any()) else {
            return self.depart(flight);
        };
        let bytes = Bytes::copy_from_slice(flight.payload());
        let packet = self.packet((flight.from, flight.to), ends, bytes);
        let view = MessageView { transport: Transport::Udp, packet: &packet };
        let verdict = self.shared.faults.judge_message(&view);
        let now = self.core.now();
        for note in verdict.notes {
            self.shared.capture.note(now, None, note.because(flight.message));
        }
        for forgery in verdict.forged {
            self.forge(forgery, &flight);
        }
        if verdict.lost {
            return self.lose(&flight, "fault");
        }
        if let Some(bytes) = verdict.bytes {
            let made = packet::datagram(ends.0, ends.1, &bytes).and_then(viewed);
            let Some(made) = made else { return self.lose(&flight, "fault") };
            (flight.frame, flight.view) = made;
        }
        let mut flights = Vec::new();
        for _ in 0..verdict.copies {
            flights.push(flight.copy());
        }
        flights.push(flight);
        for flight in flights {
            match verdict.held {
                Some(rule) => {
                    let mail = self.mail.clone();
                    let flight = Box::new(flight);
                    let release = move || mail.send(Command::Depart(flight));
                    self.shared.faults.hold(rule, release);
                }
                None => self.depart_at(now + verdict.delay, flight),
            }
        }
    }

    /// A datagram in somebody else's name: at its victim after a while, past
    /// every link.
    fn forge(&mut self, forgery: Forgery, question: &Flight) {
        let Forgery { from, to, bytes, after } = forgery;
        let made = packet::datagram(from, to, &bytes).and_then(viewed);
        let Some((frame, view)) = made else { return };
        let victim = question.from;
        let (room, to_host) = (Room::Lab, Some(victim));
        let packet = Packet { room, from_host: None, to_host, from, to, bytes };
        let now = self.core.now();
        let because = question.message.into();
        let mut flight = Flight::new(frame, view, victim, victim);
        flight.message = self.shared.capture.record(now, because, What::Datagram(packet));
        // From the victim to itself there is no link.
        self.depart_at(now + after, flight);
    }

    /// A segment, of a program or of the house.
    pub(super) fn take_segment(&mut self, mut flight: Flight, segment: Segment, ends: Ends) {
        if let Some(asked) = self.follow_new(&flight, segment) {
            self.judge_connection(&asked);
        }
        if self.shared.faults.are_any() && !flight.view.payload.is_empty() {
            match self.judge_chunk(&mut flight, ends) {
                Some(delay) if delay > Duration::ZERO => {
                    self.follow(&flight, segment);
                    let at = self.core.now() + delay;
                    return self.depart_at(at, flight);
                }
                Some(_) => {}
                // It is not followed: its sender sends it again.
                None => return,
            }
        }
        self.follow(&flight, segment);
        self.pass(flight, segment, ends);
    }

    /// Lets a segment pass as its connection's faults let it.
    pub(super) fn pass(&mut self, flight: Flight, segment: Segment, ends: Ends) {
        match self.outcome(&flight, segment, ends) {
            Outcome::Now => self.depart(flight),
            Outcome::At(at) => self.depart_at(at, flight),
            Outcome::Drop => {}
            Outcome::Refuse => self.refuse(&flight, segment, ends),
            Outcome::Reset => self.tear_down(&flight, segment, ends),
        }
    }

    fn outcome(&mut self, flight: &Flight, segment: Segment, ends: Ends) -> Outcome {
        let (now, size) = (self.core.now(), flight.view.payload.len());
        let to_server = self.harms.0.contains_key(&ends);
        let key = if to_server { ends } else { (ends.1, ends.0) };
        let Some(harm) = self.harms.0.get_mut(&key) else { return Outcome::Now };
        if harm.silent {
            return Outcome::Drop;
        }
        if harm.refused {
            return if asks(segment) { Outcome::Refuse } else { Outcome::Drop };
        }
        if let Some(left) = &mut harm.reset_after {
            match left.checked_sub(size as u64) {
                Some(less) => *left = less,
                None => return Outcome::Reset,
            }
        }
        if segment.flags & flag::FIN != 0 && harm.slow_close > Duration::ZERO {
            return Outcome::At(now + harm.slow_close);
        }
        let limit = harm.limits.as_mut().filter(|_| size > 0);
        let Some([first, second]) = limit else { return Outcome::Now };
        let link = if to_server { first } else { second };
        let sent = link.transmit(now, size, &mut self.harms.1);
        sent.arrivals.as_slice().first().map_or(Outcome::Now, |arrival| Outcome::At(arrival.at))
    }

    /// A reset comes back in the name of the host that was asked.
    fn refuse(&mut self, flight: &Flight, segment: Segment, ends: Ends) {
        let acknowledged = segment.sequence.wrapping_add(1);
        let reset = packet::reset(ends.1, ends.0, 0, Some(acknowledged));
        self.send_back(flight, reset);
        self.tell(ends, ConnectionChange::Refused);
    }

    /// Resets travel to both ends.
    fn tear_down(&mut self, flight: &Flight, segment: Segment, ends: Ends) {
        let back = packet::reset(ends.1, ends.0, segment.acknowledged, None);
        self.send_back(flight, back);
        let (sequence, acknowledged) = (segment.sequence, Some(segment.acknowledged));
        let on = packet::reset(ends.0, ends.1, sequence, acknowledged);
        if let Some((frame, view)) = on.and_then(viewed) {
            self.depart(Flight::new(frame, view, flight.from, flight.to));
        }
        self.tell(ends, ConnectionChange::Reset);
    }

    fn send_back(&mut self, flight: &Flight, frame: Option<Vec<u8>>) {
        if let Some((frame, view)) = frame.and_then(viewed) {
            self.depart(Flight::new(frame, view, flight.to, flight.from));
        }
    }

    /// Records what a fault made of a connection that no socket of the house
    /// records. Its harm stays until the same ends are asked for again.
    fn tell(&mut self, ends: Ends, change: ConnectionChange) {
        let Some((ends, _, flow)) = self.streams.find(ends.0, ends.1) else { return };
        if flow.is_over() {
            return;
        }
        flow.end();
        let topology = self.shared.topology();
        let opener = topology.by_address(ends.0.ip()).map(|identity| identity.id);
        let asked = opener.and_then(|opener| topology.nearest(opener, ends.1.ip()));
        drop(topology);
        if let (Some(opener), Some(asked)) = (opener, asked) {
            self.record_own_change(ends, (opener, asked), Direction::ToClient, change);
        }
    }

    /// What the rules make of a new chunk of a stream: how much later it goes,
    /// none when it does not.
    fn judge_chunk(&mut self, flight: &mut Flight, ends: Ends) -> Option<Duration> {
        let segment = match flight.view.transport {
            packet::Transport::Tcp(segment) => segment,
            _ => return Some(Duration::ZERO),
        };
        let (is_new, because) = match self.streams.find(ends.0, ends.1) {
            Some((_, direction, flow)) => (flow.is_new(direction, segment), flow.latest),
            None => (true, Cause::NONE),
        };
        if !is_new {
            return Some(Duration::ZERO);
        }
        let bytes = Bytes::copy_from_slice(flight.payload());
        let packet = self.packet((flight.from, flight.to), ends, bytes);
        let view = MessageView { transport: Transport::Tcp, packet: &packet };
        let verdict = self.shared.faults.judge_message(&view);
        for note in verdict.notes {
            self.shared.capture.note(self.core.now(), None, note.because(because));
        }
        if let Some(bytes) = verdict.bytes {
            flight.replace_payload(&bytes);
        }
        if let Some(rule) = verdict.held {
            let (mail, held) = (self.mail.clone(), Box::new(flight.clone()));
            self.shared.faults.hold(rule, move || mail.send(Command::Depart(held)));
            return None;
        }
        (!verdict.lost).then_some(verdict.delay)
    }

    /// What is to be done to a connection that is asked for.
    fn judge_connection(&mut self, asked: &Packet) {
        let ends = (asked.from, asked.to);
        self.harms.forget(ends);
        if !self.shared.faults.are_any() {
            return;
        }
        let verdict = self.shared.faults.judge_connection(asked);
        if verdict.notes.is_empty() {
            return;
        }
        let found = self.streams.find(ends.0, ends.1);
        let cause = found.map_or(Cause::NONE, |(_, _, flow)| flow.latest);
        for note in verdict.notes {
            self.shared.capture.note(self.core.now(), None, note.because(cause));
        }
        let link = |rate_bps| Link::new(LinkConfig { rate_bps, ..LinkConfig::default() });
        let harm = Harm {
            refused: verdict.refused,
            silent: verdict.silent,
            reset_after: verdict.reset_after,
            slow_close: verdict.slow_close,
            limits: verdict.rate_bps.map(|rate| [link(rate), link(rate)]),
        };
        self.harms.0.insert(ends, harm);
    }
}

fn viewed(frame: Vec<u8>) -> Option<(Vec<u8>, View)> {
    let view = View::parse(&frame)?;
    Some((frame, view))
}
