//! From captured events to views, decoding on the way.

use std::net::SocketAddr;
use std::ops::Range;

use capa7_dissect::{Direction, Dissector, Field, Message, Room};
use capa7_dns_proto::dissect::{DnsDissector, RegistryDissector};
use capa7_dns_proto::registry::REGISTRY_PORT;
use capa7_http_proto::dissect::HttpDissector;
use capa7_mail_proto::dissect::mail_dissector;
use capa7_net::capture::{ConnectionChange, Event, Fate, Layer, Packet, What};
use capa7_net::{Capture, Cause};
use indexmap::IndexMap;
use serde::Serialize;

use super::spanish;
use super::uppercase::Uppercase;
use super::view::{EventType, EventView};

/// Tells events as views, in the order in which they were captured. It keeps
/// a dissector per stream, because a message may come in pieces.
#[derive(Debug, Default)]
pub struct Teller {
    streams: IndexMap<u64, Box<dyn Dissector>>,
}

/// Streams that are followed at one time; the oldest is forgotten first.
const STREAMS_MAX: usize = 4096;

/// The fact of a note that holds its reason in Spanish.
pub(super) const REASON_ES: &str = "reason_es";

/// Everything about one message, for the three panes of the page.
#[derive(Clone, Debug, Serialize)]
pub struct Detail {
    /// The event.
    pub view: EventView,
    /// The messages that its bytes complete, one after the other in the bytes;
    /// none when more must come.
    pub messages: Vec<Message>,
    /// The bytes that the ranges of the fields count in.
    pub bytes: Vec<u8>,
}

impl Teller {
    /// A teller that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One event.
    pub fn tell(&mut self, event: &Event) -> EventView {
        self.tell_with_messages(event).0
    }

    fn tell_with_messages(&mut self, event: &Event) -> (EventView, Vec<Message>) {
        let mut view = blank(event);
        let mut messages = Vec::new();
        match &event.what {
            What::Datagram(packet) => {
                on_packet(&mut view, packet, "udp");
                let room = room_of(packet.room, packet.from, packet.to);
                messages = decode_datagram(room, packet);
                describe(&mut view, &messages);
            }
            What::Chunk { connection, direction, offset, packet, layer } => {
                on_packet(&mut view, packet, "tcp");
                view.connection = Some(connection.0);
                if *layer != Layer::Sealed {
                    let bytes = &packet.bytes;
                    let stream = self.stream(connection.0, packet, *direction);
                    messages = stream.push(*direction, *offset, bytes);
                }
                describe(&mut view, &messages);
                if messages.is_empty() {
                    view.summary = format!("{} bytes of a stream", view.size);
                }
            }
            What::Connection { connection, change, packet } => {
                on_packet(&mut view, packet, "tcp");
                view.event_type = EventType::Connection;
                view.connection = Some(connection.0);
                let word = connection_word(*change);
                view.kind = Some(word.to_owned());
                view.summary = format!("connection {}", word.replace('_', " "));
                if ends_stream(*change) {
                    self.streams.shift_remove(&connection.0);
                }
            }
            What::Note { host, note } => {
                view.event_type = EventType::Note;
                view.room = note.room;
                view.from = *host;
                view.kind = Some(note.kind.to_owned());
                view.summary = note.reason.clone();
                view.reason = Some(note.reason.clone());
                view.data = note.data.clone();
                if !view.data.contains_key(REASON_ES)
                    && let Some(spanish) = spanish::reason(&note.reason)
                {
                    view.data.insert(REASON_ES.to_owned(), spanish.into());
                }
            }
            What::Fate { of, at, fate } => {
                view.event_type = EventType::Fate;
                view.of = Some(of.0);
                view.fate = Some(fate_text(fate));
                view.fate_at = Some(at.0);
                view.summary = fate_text(fate);
            }
        }
        (view, messages)
    }

    fn stream(
        &mut self,
        connection: u64,
        packet: &Packet,
        direction: Direction,
    ) -> &mut dyn Dissector {
        if !self.streams.contains_key(&connection) && self.streams.len() >= STREAMS_MAX {
            self.streams.shift_remove_index(0);
        }
        self.streams
            .entry(connection)
            .or_insert_with(|| stream_dissector(packet, direction))
            .as_mut()
    }
}

/// A whole record of events as views, with the fates folded into their
/// messages.
#[must_use]
pub fn tell_all(events: &[Event]) -> Vec<EventView> {
    let mut teller = Teller::new();
    let mut views: Vec<EventView> = events.iter().map(|event| teller.tell(event)).collect();
    fold_fates(&mut views);
    views
}

/// Writes each fate into the message that it is about. Of several fates the
/// first stays: a message that arrived twice arrived.
pub fn fold_fates(views: &mut [EventView]) {
    let first = views.first().map_or(0, |view| view.id);
    for index in 0..views.len() {
        let Some(fated) = views.get(index) else { break };
        let (Some(of), fate, at) = (fated.of, fated.fate.clone(), fated.fate_at) else { continue };
        let place = of.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        if let Some(message) = place.and_then(|place| views.get_mut(place))
            && message.id == of
            && message.fate.is_none()
        {
            message.fate = fate;
            message.fate_at = at;
        }
    }
}

/// One message of a capture, decoded in full. A chunk of a stream is decoded
/// after the chunks before it.
#[must_use]
pub fn detail(capture: &Capture, id: Cause) -> Option<Detail> {
    let event = capture.get(id)?;
    let mut teller = Teller::new();
    let before = match &event.what {
        What::Chunk { connection, .. } => earlier_chunks(capture, connection.0, id),
        _ => Vec::new(),
    };
    let mut bytes = Vec::new();
    for chunk in &before {
        let (_, messages) = teller.tell_with_messages(chunk);
        // What completed a message is not part of the next one.
        if messages.is_empty() && same_direction(chunk, &event) {
            bytes.extend_from_slice(bytes_of(chunk));
        } else if same_direction(chunk, &event) {
            bytes.clear();
        }
    }
    bytes.extend_from_slice(bytes_of(&event));
    let (mut view, mut messages) = teller.tell_with_messages(&event);
    lay_end_to_end(&mut messages);
    if let Some((at, fate)) = capture.fate(id) {
        view.fate = Some(fate_text(&fate));
        view.fate_at = Some(at.0);
    }
    Some(Detail { view, messages, bytes })
}

/// Moves the fields of each message behind those of the one before: every
/// dissector counts from its message's own beginning.
fn lay_end_to_end(messages: &mut [Message]) {
    let mut start = 0;
    for message in messages {
        let length = message.fields.iter().map(|field| field.bytes.end).max().unwrap_or(0);
        message.fields.iter_mut().for_each(|field| shift(field, start));
        start += length;
    }
}

fn shift(field: &mut Field, by: usize) {
    field.bytes = field.bytes.start + by..field.bytes.end + by;
    field.children.iter_mut().for_each(|child| shift(child, by));
}

fn earlier_chunks(capture: &Capture, connection: u64, until: Cause) -> Vec<Event> {
    let first = Cause(capture.first_id().0.saturating_sub(1));
    let limit = usize::try_from(until.0.saturating_sub(first.0)).unwrap_or(usize::MAX);
    let is_of = |event: &Event| match &event.what {
        What::Chunk { connection: of, .. } => of.0 == connection,
        _ => false,
    };
    let events = capture.since(first, limit);
    events.into_iter().filter(|event| event.id < until && is_of(event)).collect()
}

fn bytes_of(event: &Event) -> &[u8] {
    match &event.what {
        What::Datagram(packet) | What::Chunk { packet, .. } => &packet.bytes,
        _ => &[],
    }
}

fn same_direction(one: &Event, other: &Event) -> bool {
    match (&one.what, &other.what) {
        (What::Chunk { direction: a, .. }, What::Chunk { direction: b, .. }) => a == b,
        _ => false,
    }
}

fn blank(event: &Event) -> EventView {
    EventView {
        at: event.at.0,
        cause: event.causes.first.0,
        also: event.causes.also.iter().map(|cause| cause.0).collect(),
        ..EventView::empty(event.id.0, EventType::Message)
    }
}

fn on_packet(view: &mut EventView, packet: &Packet, transport: &'static str) {
    view.room = room_of(packet.room, packet.from, packet.to);
    view.from = packet.from_host;
    view.to = packet.to_host;
    view.from_addr = Some(packet.from);
    view.to_addr = Some(packet.to);
    view.transport = Some(transport);
    view.size = packet.bytes.len();
}

fn describe(view: &mut EventView, messages: &[Message]) {
    for message in messages {
        view.fields.extend(&message.fields);
        if view.malformed.is_none() {
            view.malformed.clone_from(&message.malformed);
        }
    }
    view.summary = match messages {
        [] => format!("{} bytes", view.size),
        [one] => one.summary.clone(),
        [first, rest @ ..] => format!("{} (+{} more)", first.summary, rest.len()),
    };
}

/// The room of a message: that of the socket, or the one that a port belongs
/// to when a program from outside sent it.
fn room_of(room: Room, from: SocketAddr, to: SocketAddr) -> Room {
    if !matches!(room, Room::Other | Room::Lab) {
        return room;
    }
    match Room::of_port(to.port()) {
        Room::Other => Room::of_port(from.port()),
        room => room,
    }
}

/// A message on its way, decoded by itself: a chunk of a stream only as far as
/// it holds whole messages.
#[must_use]
pub fn decode_message(packet: &Packet, transport: &'static str) -> EventView {
    let mut view = EventView::empty(0, EventType::Message);
    on_packet(&mut view, packet, transport);
    describe(&mut view, &decode_alone(packet, transport));
    view
}

/// The bytes of the first field with this name in a datagram or a chunk of a
/// stream, as far as the chunk alone can be read.
#[must_use]
pub fn field_bytes(packet: &Packet, transport: &'static str, name: &str) -> Option<Range<usize>> {
    let mut messages = decode_alone(packet, transport);
    lay_end_to_end(&mut messages);
    messages.iter().find_map(|message| find_field(&message.fields, name))
}

fn find_field(fields: &[Field], name: &str) -> Option<Range<usize>> {
    fields.iter().find_map(|field| {
        let own = (field.name == name).then(|| field.bytes.clone());
        own.or_else(|| find_field(&field.children, name))
    })
}

fn decode_alone(packet: &Packet, transport: &str) -> Vec<Message> {
    let (room, direction) = (room_of(packet.room, packet.from, packet.to), direction(packet));
    match transport {
        "udp" => decode_datagram(room, packet),
        _ => stream_dissector(packet, direction).push(direction, 0, &packet.bytes),
    }
}

fn decode_datagram(room: Room, packet: &Packet) -> Vec<Message> {
    datagram_dissector(room).push(direction(packet), 0, &packet.bytes)
}

/// A server's port is a well-known one; a client's is not.
fn direction(packet: &Packet) -> Direction {
    match Room::of_port(packet.to.port()) {
        Room::Other => Direction::ToClient,
        _ => Direction::ToServer,
    }
}

fn datagram_dissector(room: Room) -> Box<dyn Dissector> {
    match room {
        Room::Dns => Box::new(DnsDissector::datagrams()),
        Room::Sockets => Box::new(Uppercase),
        _ => Box::new(Opaque),
    }
}

fn stream_dissector(packet: &Packet, direction: Direction) -> Box<dyn Dissector> {
    let server = match direction {
        Direction::ToServer => packet.to.port(),
        Direction::ToClient => packet.from.port(),
    };
    match room_of(packet.room, packet.from, packet.to) {
        // A room of several protocols: the port tells which.
        Room::Mail => mail_dissector(server).unwrap_or_else(|| Box::new(Opaque)),
        Room::Dns if server == REGISTRY_PORT => Box::new(RegistryDissector),
        Room::Dns => Box::new(DnsDissector::stream()),
        Room::Http => Box::new(HttpDissector::new()),
        Room::Sockets => Box::new(Uppercase),
        _ => Box::new(Opaque),
    }
}

/// Bytes of a protocol that no room explains.
#[derive(Debug)]
struct Opaque;

impl Dissector for Opaque {
    fn push(&mut self, _: Direction, _: u64, _: &[u8]) -> Vec<Message> {
        Vec::new()
    }
}

fn ends_stream(change: ConnectionChange) -> bool {
    matches!(
        change,
        ConnectionChange::Closed
            | ConnectionChange::Reset
            | ConnectionChange::Refused
            | ConnectionChange::TimedOut
    )
}

fn connection_word(change: ConnectionChange) -> &'static str {
    match change {
        ConnectionChange::Asked => "asked",
        ConnectionChange::Open => "open",
        ConnectionChange::Refused => "refused",
        ConnectionChange::HalfClosed => "half_closed",
        ConnectionChange::Closed => "closed",
        ConnectionChange::Reset => "reset",
        ConnectionChange::TimedOut => "timed_out",
    }
}

fn fate_text(fate: &Fate) -> String {
    match fate {
        Fate::Lost(why) => format!("lost: {why}"),
        other => other.word().to_owned(),
    }
}
