//! `world.toml` as written: the structures that the TOML reader fills.
//!
//! Everything that may be wrong carries its place in the file, so that
//! [`super::build`] can point at it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use toml::Spanned;

use crate::text::Bilingual;
use crate::units::{Rate, Size, Span, latitude, longitude, rate, share};

/// A whole `world.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorldFile {
    pub(crate) name: Spanned<String>,
    pub(crate) title: Bilingual,
    #[serde(default)]
    pub(crate) about: Bilingual,
    /// The calendar at the beginning, RFC 3339 in UTC.
    pub(crate) start: Spanned<toml::value::Datetime>,
    #[serde(default)]
    region: Vec<RegionFile>,
    #[serde(default)]
    path: Vec<PathFile>,
    #[serde(default)]
    link: BTreeMap<String, LinkPairFile>,
    #[serde(default)]
    site: Vec<SiteFile>,
    #[serde(default)]
    host: Vec<HostFile>,
    #[serde(default)]
    zone: Vec<ZoneFile>,
}

/// What a world consists of, and what a scenario may add to one or replace.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Parts {
    pub(crate) region: Vec<RegionFile>,
    pub(crate) path: Vec<PathFile>,
    pub(crate) link: BTreeMap<String, LinkPairFile>,
    pub(crate) site: Vec<SiteFile>,
    pub(crate) host: Vec<HostFile>,
    pub(crate) zone: Vec<ZoneFile>,
    /// Records put into zones or taken out of them.
    pub(crate) record: Vec<RecordFile>,
    /// Hosts of the world that are not wanted.
    pub(crate) without: Vec<Spanned<String>>,
}

impl WorldFile {
    /// The parts, apart from the head.
    pub(crate) fn parts(&self) -> Parts {
        let file = self.clone();
        Parts {
            region: file.region,
            path: file.path,
            link: file.link,
            site: file.site,
            host: file.host,
            zone: file.zone,
            record: Vec::new(),
            without: Vec::new(),
        }
    }
}

/// A change of a zone's records.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordFile {
    pub(crate) zone: Spanned<String>,
    /// All records of an owner, or of an owner and type: `"www A"`.
    pub(crate) remove: Option<Spanned<String>>,
    /// Lines of a master file, names relative to the zone.
    pub(crate) add: Option<Spanned<String>>,
}

/// A place of the map.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegionFile {
    pub(crate) id: Spanned<String>,
    pub(crate) name: Bilingual,
    /// Degrees north and east; paths without a time of their own follow from
    /// the distance.
    #[serde(deserialize_with = "latitude")]
    pub(crate) latitude: f64,
    #[serde(deserialize_with = "longitude")]
    pub(crate) longitude: f64,
}

/// The time that the network needs between two regions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathFile {
    pub(crate) between: Spanned<[String; 2]>,
    pub(crate) one_way: Span,
}

/// Both directions of a kind of access link.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkPairFile {
    #[serde(default)]
    pub(crate) up: LinkFile,
    #[serde(default)]
    pub(crate) down: LinkFile,
}

/// One direction of an access link.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LinkFile {
    #[serde(deserialize_with = "rate")]
    pub(crate) rate: Option<Rate>,
    pub(crate) latency: Option<Span>,
    pub(crate) jitter: Option<Span>,
    #[serde(deserialize_with = "share")]
    pub(crate) loss: Option<f64>,
    #[serde(deserialize_with = "share")]
    pub(crate) duplicate: Option<f64>,
    #[serde(deserialize_with = "share")]
    pub(crate) reorder: Option<f64>,
    #[serde(deserialize_with = "share")]
    pub(crate) corrupt: Option<f64>,
    pub(crate) queue: Option<Size>,
    pub(crate) cut: Option<bool>,
}

/// A place with people and a local name server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SiteFile {
    pub(crate) id: Spanned<String>,
    pub(crate) name: Bilingual,
    pub(crate) region: Spanned<String>,
    /// The host that resolves names for the site (course D3).
    pub(crate) resolver: Option<Spanned<String>>,
    /// The domain in which names without a dot are looked up first.
    pub(crate) search: Option<String>,
}

/// A machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostFile {
    pub(crate) name: Spanned<String>,
    #[serde(default)]
    pub(crate) addresses: Vec<Spanned<IpAddr>>,
    pub(crate) site: Option<Spanned<String>>,
    pub(crate) region: Option<Spanned<String>>,
    /// Regions that have a copy each of this host, with the same addresses.
    #[serde(default)]
    pub(crate) replicas: Vec<Spanned<String>>,
    /// The kind of access link; none is a perfect one.
    pub(crate) link: Option<Spanned<String>>,
    pub(crate) person: Option<String>,
    pub(crate) about: Option<Bilingual>,
    #[serde(default)]
    pub(crate) serves: ServesFile,
    /// A machine for programs from outside: the lab starts nothing on it.
    #[serde(default)]
    pub(crate) foreign: bool,
}

/// What runs on a machine.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServesFile {
    pub(crate) zones: Vec<Spanned<String>>,
    /// Whether each answer begins with the next address of a set; they do.
    pub(crate) rotate: Option<bool>,
    pub(crate) resolver: Option<ResolverFile>,
    pub(crate) sockets: Vec<SocketService>,
    /// The registry of a top-level domain (course D14).
    pub(crate) registry: Option<RegistryFile>,
    /// Whether it places people's orders with registries (course D9).
    pub(crate) registrar: bool,
    pub(crate) mail: Option<MailFile>,
    pub(crate) webmail: Option<WebmailFile>,
}

/// A mail server (course M3).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MailFile {
    /// The domains whose mail it takes; the first is that of `people`.
    pub(crate) domains: Vec<Spanned<String>>,
    /// Who has a mailbox: a name of the first domain, or a whole address. In
    /// the lab a password is the name before the @.
    pub(crate) people: Vec<Spanned<String>>,
    /// What an old server does not offer.
    pub(crate) lacks: Vec<MailExtension>,
}

/// An extension of SMTP that a server may lack (RFC 5321 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum MailExtension {
    /// Messages with bytes beyond ASCII (RFC 6152).
    #[serde(rename = "8BITMIME")]
    EightBitMime,
    /// Addresses and header fields beyond ASCII (RFC 6531).
    #[serde(rename = "SMTPUTF8")]
    SmtpUtf8,
    /// Messages in chunks (RFC 3030).
    #[serde(rename = "CHUNKING")]
    Chunking,
    /// Commands sent without waiting (RFC 2920).
    #[serde(rename = "PIPELINING")]
    Pipelining,
    /// TLS on the way (RFC 3207).
    #[serde(rename = "STARTTLS")]
    StartTls,
}

/// A web site on which people read and write mail (course M11).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebmailFile {
    /// The host whose mailboxes it shows and that it sends through.
    pub(crate) mail: Spanned<String>,
}

/// A registry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistryFile {
    /// The zone whose names it sells.
    pub(crate) zone: Spanned<String>,
}

/// The uppercase servers of the course (K1, K2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SocketService {
    /// Over UDP.
    Udp,
    /// Over TCP.
    Tcp,
}

/// How a local name server works.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ResolverFile {
    pub(crate) preset: ResolverPreset,
    /// Sends no more of a name than the next server must see (RFC 9156).
    pub(crate) minimise: Option<bool>,
    /// The longest that anything stays in the cache.
    pub(crate) ttl_max: Option<Span>,
    /// Names of the servers to begin with, instead of the roots of the world.
    pub(crate) begins_at: Vec<Spanned<String>>,
    pub(crate) cache: Option<Size>,
}

/// The ways of a local name server that the course tells apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResolverPreset {
    /// As real ones work.
    #[default]
    Iterated,
    /// Exactly the eight messages of the lecture's figure (course D4).
    AsDrawn,
}

/// A zone: a master file (RFC 1035 §5), or derived from the hosts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ZoneFile {
    pub(crate) origin: Spanned<String>,
    pub(crate) file: Option<Spanned<String>>,
    pub(crate) text: Option<Spanned<String>>,
    pub(crate) derive: Option<Derivation>,
}

/// The kinds of derived zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Derivation {
    /// PTR records for the addresses of all hosts below the origin.
    Reverse,
}
