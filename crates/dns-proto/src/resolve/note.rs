//! Decisions of a resolver, with their reasons.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use crate::cache::Rank;
use crate::{Name, Rcode, RecordType};

/// A decision or a change of state that is not a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ResolverNote {
    /// A client's question was answered from what was known.
    AnsweredFromCache {
        /// The name asked for.
        name: Name,
        /// The type asked for.
        rtype: RecordType,
        /// For how long the answer still holds.
        seconds_left: u32,
    },
    /// A client's question concerns a name that never leaves the host (RFC 6761).
    AnsweredLocally {
        /// The name asked for.
        name: Name,
        /// The type asked for.
        rtype: RecordType,
    },
    /// The question was being worked on already; its answer will serve both clients.
    Deduplicated {
        /// The name asked for.
        name: Name,
        /// The type asked for.
        rtype: RecordType,
        /// Clients that wait for it, this one included.
        clients: usize,
    },
    /// A client's question was turned down.
    Refused {
        /// The response code it got.
        rcode: Rcode,
        /// Why.
        reason: RefusalReason,
    },
    /// What was known about a question is past its time to live.
    Expired {
        /// The owner.
        name: Name,
        /// The type.
        rtype: RecordType,
    },
    /// The root's own list of servers was learned (RFC 9609).
    Primed {
        /// Names in it.
        servers: usize,
        /// Addresses that came with it.
        addresses: usize,
        /// For how long it holds.
        ttl_s: u32,
    },
    /// A server was chosen among those of a zone.
    ChoseServer {
        /// The zone.
        zone: Name,
        /// The server's name.
        server: Name,
        /// Its address.
        address: IpAddr,
        /// Its smoothed round trip in microseconds, if it was ever heard.
        smoothed_rtt_us: Option<u64>,
        /// Addresses that could have been chosen.
        candidates: usize,
        /// Why this one.
        reason: ChoiceReason,
    },
    /// A query was sent.
    Asked {
        /// The name in the query: with minimisation often shorter than the one wanted.
        name: Name,
        /// The type in the query.
        rtype: RecordType,
        /// The server.
        server: SocketAddr,
        /// Whether the query joined an equal one that was under way.
        joined: bool,
    },
    /// The address of a server has to be found before it can be asked.
    LookingUpServer {
        /// The server.
        server: Name,
        /// The zone it serves.
        zone: Name,
    },
    /// A server named the servers of a zone closer to the name.
    Referral {
        /// The zone that was asked.
        from: Name,
        /// The zone that the referral leads to.
        zone: Name,
        /// Its servers.
        servers: Vec<Name>,
        /// Addresses that came along and could be used.
        glue: usize,
        /// For how long it holds.
        ttl_s: u32,
    },
    /// Records were kept.
    Cached {
        /// The owner.
        name: Name,
        /// The type.
        rtype: RecordType,
        /// For how long.
        ttl_s: u32,
        /// How far they are believed.
        rank: Rank,
        /// Who sent them.
        server: SocketAddr,
    },
    /// An absence was kept (RFC 2308).
    CachedAbsence {
        /// The name.
        name: Name,
        /// The type that it lacks; none when the name does not exist.
        rtype: Option<RecordType>,
        /// For how long.
        ttl_s: u32,
        /// Who said so.
        server: SocketAddr,
    },
    /// The name is an alias; the search goes on at its canonical name.
    Alias {
        /// The alias.
        name: Name,
        /// The canonical name.
        target: Name,
    },
    /// Records were thrown away: the server was asked as an authority of another zone.
    OutOfZone {
        /// The first such owner.
        name: Name,
        /// How many records.
        records: usize,
        /// The zone that was asked.
        zone: Name,
        /// Who sent them.
        server: SocketAddr,
    },
    /// A reply was not believed and the wait goes on.
    Ignored {
        /// Who it claims to come from.
        from: SocketAddr,
        /// Why.
        reason: IgnoreReason,
    },
    /// A server is no authority for the zone that was delegated to it.
    Lame {
        /// The zone.
        zone: Name,
        /// The server.
        server: SocketAddr,
    },
    /// A server answered with an error; another one is tried.
    ServerFailed {
        /// The zone.
        zone: Name,
        /// The server.
        server: SocketAddr,
        /// What it said; none when its reply could not be read or used.
        rcode: Option<Rcode>,
    },
    /// A server was silent or could not be reached.
    NoReply {
        /// The server.
        server: SocketAddr,
        /// How long it was waited for.
        waited_ms: u64,
        /// Whether the network said that it cannot be reached.
        unreachable: bool,
    },
    /// A reply was cut; the same is asked over TCP.
    TcpFallback {
        /// The server.
        server: SocketAddr,
        /// Why.
        reason: TcpReason,
    },
    /// A server does not know EDNS; it is asked without (RFC 6891 §7).
    WithoutEdns {
        /// The server.
        server: SocketAddr,
    },
    /// The whole name is asked because the shortened one failed (RFC 9156 §2.3).
    WholeNameInstead {
        /// The name.
        name: Name,
    },
    /// What a client's question may cost is used up.
    BudgetExceeded {
        /// The name asked for.
        name: Name,
        /// The type asked for.
        rtype: RecordType,
        /// Which bound was met.
        bound: BudgetBound,
    },
    /// A question failed; its story is kept.
    Failed {
        /// The name asked for.
        name: Name,
        /// The type asked for.
        rtype: RecordType,
        /// Why.
        reason: FailureReason,
    },
}

/// Why a client's question was turned down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// It could not be read, or does not have one question.
    Malformed,
    /// An opcode other than QUERY.
    Opcode,
    /// A class other than IN.
    Class,
    /// A type that is no data: transfers and the like.
    QueryType,
    /// A version of EDNS other than 0.
    EdnsVersion,
    /// It does not want recursion, and nothing is known.
    NoRecursion,
    /// Too many questions are being worked on.
    Overload,
}

/// Why a server was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChoiceReason {
    /// There was no other.
    Only,
    /// Its smoothed round trip is the shortest.
    Fastest,
    /// It was never asked.
    Untried,
    /// To see whether another one got faster.
    Exploring,
    /// The better ones failed or were silent.
    Next,
}

/// Why a reply was not believed (RFC 5452 §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IgnoreReason {
    /// Nothing was asked through this socket.
    NotAsked,
    /// It comes from another address or port than was asked.
    WrongSource,
    /// Its identifier is not the query's.
    WrongId,
    /// It is a query, or not of the query's opcode.
    NotAReply,
    /// It repeats another question.
    WrongQuestion,
    /// It cannot be read.
    Unreadable,
}

/// Why TCP is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TcpReason {
    /// The reply was cut (TC).
    Truncated,
    /// Too many false replies came.
    FalseReplies,
}

/// Which bound of a budget was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetBound {
    /// Queries sent.
    Queries,
    /// Octets received.
    Octets,
    /// Time.
    Time,
    /// Names of servers looked up.
    ServerNames,
    /// Aliases followed.
    Aliases,
}

/// Why a question failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// No server of the zone gave a usable answer.
    NoAuthority,
    /// No server of the zone could be reached.
    Network,
    /// The servers of the zone have no address that can be found.
    NoServerAddress,
    /// A bound of the budget was met.
    Budget(BudgetBound),
    /// It failed a moment ago and is not tried again yet (RFC 9520).
    CachedFailure,
    /// Aliases lead back to where they came from.
    AliasLoop,
}
