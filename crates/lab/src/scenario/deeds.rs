//! What people do in a scenario, and what goes wrong: `act` and `fault` as
//! written.

use std::net::IpAddr;

use capa7_dns_proto::RecordType;
use serde::Deserialize;
use toml::Spanned;

use super::file::{FilterText, record_type, type_a, uppercase_port, yes};
use super::letters::{Browse, QueueDeed, Read, ReplyFault, Typed, Write};
use crate::units::{Size, Span, share};
use crate::world::file::LinkFile;

/// What a person does. Every action is also a command of the lab.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Ask for records, as a program on the host would.
    Query(Query),
    /// Many queries, from many hosts.
    Load(Load),
    /// Say something to an uppercase server.
    Send(Send),
    /// Start an uppercase server on a host.
    Start(Program),
    /// End one.
    Stop(Program),
    /// Forget what a resolver knows.
    Flush(Flush),
    /// Change records of a zone.
    Record(RecordChange),
    /// Enter a domain at its registry (course D9).
    Register(Register),
    /// Switch a host off.
    Kill(Spanned<String>),
    /// Switch it on again.
    Revive(Spanned<String>),
    /// Change a host's access link.
    Link(LinkChange),
    /// Run a program as a host (sealed labs).
    Run(Run),
    /// Write a message and hand it to one's mail server (course M6).
    Write(Write),
    /// Read messages of one's mailbox (course M10).
    Read(Read),
    /// Type commands to a server by hand (course M5).
    Type(Typed),
    /// Read and write on a webmail site (course M11).
    Browse(Browse),
    /// Do something with the messages that wait in a server's queue.
    Queue(QueueDeed),
}

impl Action {
    /// The hosts, as named, on which the lab itself must have a socket for this.
    pub fn actors(&self) -> impl Iterator<Item = &str> {
        let named: Vec<&Spanned<String>> = match self {
            Self::Query(query) => vec![&query.from],
            Self::Load(load) => load.from.iter().collect(),
            Self::Send(send) => vec![&send.from],
            Self::Start(program) => vec![&program.host],
            Self::Write(write) => vec![&write.from],
            Self::Read(read) => vec![&read.by],
            Self::Type(typed) => vec![&typed.from],
            Self::Browse(browse) => vec![&browse.from],
            Self::Register(register) => register.registrar.iter().collect(),
            // These change the world itself, or are done by a program.
            Self::Stop(_)
            | Self::Flush(_)
            | Self::Record(_)
            | Self::Kill(_)
            | Self::Revive(_)
            | Self::Link(_)
            | Self::Run(_)
            | Self::Queue(_) => Vec::new(),
        };
        named.into_iter().map(|word| word.get_ref().as_str())
    }
}

/// A query.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Who asks.
    pub from: Spanned<String>,
    /// The name asked for; without a dot it is looked up in the site's domain.
    pub name: Spanned<String>,
    /// The type asked for.
    #[serde(rename = "type", default = "type_a", deserialize_with = "record_type")]
    pub record_type: RecordType,
    /// Whom to ask instead of the site's local server.
    pub server: Option<Spanned<String>>,
    /// RD (course D8).
    #[serde(default = "yes")]
    pub recursion: bool,
    /// Over TCP from the start.
    #[serde(default)]
    pub tcp: bool,
    /// Bytes that a reply may have; 0 asks without EDNS.
    pub payload: Option<u16>,
    /// Datagrams sent before giving up.
    pub tries: Option<u32>,
    /// Asks the server which of its replicas it is (NSID, RFC 5001).
    #[serde(default)]
    pub nsid: bool,
}

/// Many queries.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Who asks, in turn: hosts, people, sites or tiers.
    pub from: Vec<Spanned<String>>,
    /// The names asked for, each as often as its share, well mixed.
    pub names: Vec<Spanned<String>>,
    /// The type asked for.
    #[serde(rename = "type", default = "type_a", deserialize_with = "record_type")]
    pub record_type: RecordType,
    /// How many queries.
    pub count: u32,
    /// The time from one to the next, whoever asks.
    pub every: Span,
    /// How much more often the first names are asked for than the last: 0 is
    /// alike, 1 is Zipf's law.
    #[serde(default)]
    pub skew: f64,
    /// Whom to ask instead of the sites' local servers.
    pub server: Option<Spanned<String>>,
    /// Datagrams sent per query before giving up.
    pub tries: Option<u32>,
}

/// A sentence for an uppercase server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// Who sends.
    pub from: Spanned<String>,
    /// The server's name, resolved through DNS.
    pub to: Spanned<String>,
    /// Over what.
    pub over: crate::world::SocketService,
    /// The server's port.
    #[serde(default = "uppercase_port")]
    pub port: u16,
    /// The sentence.
    pub text: Option<String>,
    /// Bytes in hexadecimal, for what is not text.
    pub hex: Option<Spanned<String>>,
    /// So many letters `a`, for large messages.
    pub letters: Option<Size>,
    /// Bytes in hexadecimal, in parts (TCP): each is sent once the reply to the
    /// one before was read, and only after the last the client says that it is
    /// done.
    #[serde(default)]
    pub parts: Vec<Spanned<String>>,
    /// How long to wait for the reply.
    pub patience: Option<Span>,
}

/// An uppercase server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The host that it runs on.
    pub host: Spanned<String>,
    /// Over what.
    pub over: crate::world::SocketService,
    /// Its port.
    #[serde(default = "uppercase_port")]
    pub port: u16,
}

/// A resolver forgets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flush {
    /// The host of the resolver.
    pub resolver: Spanned<String>,
    /// Only this name; otherwise everything.
    pub name: Option<Spanned<String>>,
}

/// A zone changes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordChange {
    /// The zone.
    pub zone: Spanned<String>,
    /// All records of an owner, or of an owner and type: `www A`.
    pub remove: Option<String>,
    /// Lines of a master file, names relative to the zone.
    pub add: Option<String>,
}

/// A domain is entered at its registry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The domain.
    pub domain: Spanned<String>,
    /// Its name servers: `dns1.maccshine.com` = `212.212.212.1`; empty for a
    /// server that lies outside the domain.
    #[serde(deserialize_with = "addresses_or_nothing")]
    pub servers: indexmap::IndexMap<String, Option<IpAddr>>,
    /// For whom; the first part of the name, if nobody is named.
    pub registrant: Option<String>,
    /// For how many years; one, if nothing is said.
    pub years: Option<u32>,
    /// Through which registrar; the first of the world, if none is named.
    pub registrar: Option<Spanned<String>>,
}

fn addresses_or_nothing<'de, D: serde::Deserializer<'de>>(
    reader: D,
) -> Result<indexmap::IndexMap<String, Option<IpAddr>>, D::Error> {
    let texts = indexmap::IndexMap::<String, String>::deserialize(reader)?;
    let address = |(server, text): (String, String)| match text.as_str() {
        "" => Ok((server, None)),
        text => match text.parse() {
            Ok(address) => Ok((server, Some(address))),
            Err(_) => Err(serde::de::Error::custom(format!("`{text}` is no address"))),
        },
    };
    texts.into_iter().map(address).collect()
}

/// An access link changes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkChange {
    /// The host.
    pub host: Spanned<String>,
    /// From the host.
    #[serde(default)]
    pub(crate) up: LinkFile,
    /// To the host.
    #[serde(default)]
    pub(crate) down: LinkFile,
}

/// A program runs as a host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The host.
    #[serde(rename = "as")]
    pub host: Spanned<String>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Whether it goes on beside the steps, as a server does.
    #[serde(default)]
    pub background: bool,
}

/// Something goes wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Messages are lost.
    Drop(Which),
    /// Messages leave later.
    Delay(Delay),
    /// Messages leave twice.
    Duplicate(Which),
    /// A field of a message is changed on the way.
    Rewrite(Rewrite),
    /// A false DNS answer comes back before the real one.
    Forge(Forge),
    /// Connections are refused.
    Refuse(Which),
    /// Connections are reset after so many bytes.
    Reset(Reset),
    /// A mail server gives a reply of somebody else's choosing.
    Reply(ReplyFault),
    /// A host is switched off.
    Down(Spanned<String>),
    /// A host's access link changes.
    Link(LinkChange),
    /// All faults of messages and connections end.
    Clear(bool),
}

/// Which messages a fault is about.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// The messages.
    pub of: FilterText,
    /// Which share of them, drawn from the network's seed; all when not given.
    #[serde(default, deserialize_with = "share")]
    pub share: Option<f64>,
    /// So many pass unharmed first.
    #[serde(default)]
    pub skip: u64,
    /// To so many after those; without end when not given.
    pub count: Option<u64>,
}

/// Messages that leave later.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// The messages.
    pub of: FilterText,
    /// How much later.
    pub by: Span,
    /// So many pass unharmed first.
    #[serde(default)]
    pub skip: u64,
    /// To so many after those.
    pub count: Option<u64>,
}

/// A field that is changed on the way.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    /// The messages.
    pub of: FilterText,
    /// The field, as filters name it; its first occurrence.
    pub field: String,
    /// These bytes in hexadecimal instead, right-aligned in the field.
    pub set: Option<Spanned<String>>,
    /// These bits turned over, in hexadecimal, right-aligned in the field.
    pub flip: Option<Spanned<String>>,
    /// So many pass unharmed first.
    #[serde(default)]
    pub skip: u64,
    /// To so many after those.
    pub count: Option<u64>,
}

/// A false answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forge {
    /// The queries that it answers.
    pub of: FilterText,
    /// The address that it gives.
    pub address: std::net::Ipv4Addr,
    /// Whether the id is guessed wrongly.
    #[serde(default)]
    pub wrong_id: bool,
    /// How long after the query it is there.
    pub after: Span,
    /// To so many queries.
    pub count: Option<u64>,
}

/// Connections that are torn down.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// The host that is connected to.
    pub to: Spanned<String>,
    /// After so many bytes.
    pub after: Size,
}
