//! Whether an event passes a filter.

use std::net::{IpAddr, SocketAddr};

use capa7_net::capture::HostId;

use super::{Node, Operator, Scope};
use crate::story::{EventType, EventView, HostTable};
use crate::units::Span;

pub(super) fn evaluate(node: &Node, event: &EventView, hosts: &HostTable) -> bool {
    match node {
        Node::Everything => true,
        Node::Or(parts) => parts.iter().any(|part| evaluate(part, event, hosts)),
        Node::And(parts) => parts.iter().all(|part| evaluate(part, event, hosts)),
        Node::Not(inner) => !evaluate(inner, event, hosts),
        Node::Scope(scope, value) => in_scope(*scope, value, event, hosts),
        Node::Compare { name, operator, value } => compare(name, *operator, value, event, hosts),
        Node::Word(word) => is_word(word, event),
    }
}

fn in_scope(scope: Scope, value: &str, event: &EventView, hosts: &HostTable) -> bool {
    let end = |host: Option<HostId>, address: Option<SocketAddr>| {
        host.and_then(|id| hosts.get(id)).is_some_and(|host| host.is(value))
            || address.is_some_and(|address| is_address(address, value))
    };
    let from = || end(event.from, event.from_addr);
    let to = || end(event.to, event.to_addr);
    let either = |test: &dyn Fn(SocketAddr) -> bool| {
        [event.from_addr, event.to_addr].into_iter().flatten().any(test)
    };
    match scope {
        Scope::From => from(),
        Scope::To => to(),
        Scope::Host => from() || to(),
        Scope::Ip => either(&|address| is_address(address, value)),
        Scope::Port => either(&|address| value == address.port().to_string()),
        Scope::Kind => event.kind.as_deref() == Some(value),
        Scope::Fate => event.fate.as_deref().is_some_and(|fate| is_fate(fate, value)),
        Scope::Room => event.room.name() == value,
        Scope::Type => event.event_type.name() == value,
    }
}

/// `value` is an address, an address with a port, or a network `10.0.0.0/8`.
fn is_address(address: SocketAddr, value: &str) -> bool {
    let ip = address.ip();
    if let Some((network, bits)) = value.split_once('/') {
        return match (network.parse(), bits.parse()) {
            (Ok(network), Ok(bits)) => within(ip, network, bits),
            _ => false,
        };
    }
    value.parse() == Ok(ip) || value.parse() == Ok(address)
}

fn within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

/// `lost` also means `lost: queue`.
fn is_fate(fate: &str, word: &str) -> bool {
    let (kind, reason) = fate.split_once(": ").unwrap_or((fate, ""));
    kind == word || reason == word
}

fn is_word(word: &str, event: &EventView) -> bool {
    match word {
        "message" => event.event_type == EventType::Message,
        "connection" => event.event_type == EventType::Connection,
        "note" => event.event_type == EventType::Note,
        "fate" => event.event_type == EventType::Fate,
        "udp" | "tcp" => event.transport == Some(word),
        "malformed" => event.malformed.is_some(),
        "delivered" | "duplicated" | "corrupted" | "lost" => {
            event.fate.as_deref().is_some_and(|fate| is_fate(fate, word))
        }
        _ if event.room.name() == word => true,
        _ => {
            let is_set = |value: &str| !matches!(value, "" | "0" | "false");
            event.fields.values(word).any(is_set)
                || event.data.get(word).is_some_and(|value| is_set(&plain(value)))
        }
    }
}

fn compare(
    name: &str,
    operator: Operator,
    value: &str,
    event: &EventView,
    hosts: &HostTable,
) -> bool {
    match operator {
        Operator::NotEqual => !compare(name, Operator::Equal, value, event, hosts),
        Operator::ContainsNot => !compare(name, Operator::Contains, value, event, hosts),
        _ => values(name, event, hosts).iter().any(|have| holds(have, operator, value)),
    }
}

/// The values that a name stands for: a property of every event, a decoded
/// field, or a fact of a note.
pub(crate) fn values(name: &str, event: &EventView, hosts: &HostTable) -> Vec<String> {
    let host = |id: Option<HostId>| {
        id.and_then(|id| hosts.get(id)).map(|host| host.name.clone()).into_iter().collect()
    };
    let addresses = || [event.from_addr, event.to_addr].into_iter().flatten();
    match name {
        "size" => vec![event.size.to_string()],
        "at" => vec![seconds(event.at)],
        "event" => vec![event.id.to_string()],
        "cause" => vec![event.cause.to_string()],
        "room" => vec![event.room.name().to_owned()],
        "type" if event.event_type == EventType::Note => vec!["note".to_owned()],
        "from" => host(event.from),
        "to" => host(event.to),
        "ip" => addresses().map(|address| address.ip().to_string()).collect(),
        "port" => addresses().map(|address| address.port().to_string()).collect(),
        "summary" => vec![event.summary.clone()],
        "reason" => event.reason.iter().cloned().collect(),
        "kind" => event.kind.iter().cloned().collect(),
        "fate" => event.fate.iter().cloned().collect(),
        "source" => event.from_addr.iter().map(ToString::to_string).collect(),
        "destination" => event.to_addr.iter().map(ToString::to_string).collect(),
        "transport" => event.transport.iter().map(|&name| name.to_owned()).collect(),
        _ if name.starts_with('#') => {
            let counted = name.trim_start_matches('#');
            vec![event.fields.values(counted).count().to_string()]
        }
        _ => match place(name) {
            Some((field, place)) => {
                event.fields.values(field).nth(place).map(str::to_owned).into_iter().collect()
            }
            None => {
                let fields = event.fields.values(name).map(str::to_owned);
                fields.chain(event.data.get(name).map(plain)).collect()
            }
        },
    }
}

/// `answer.address#2` is the second address of the answer.
fn place(name: &str) -> Option<(&str, usize)> {
    let (field, place) = name.split_once('#')?;
    Some((field, place.parse::<usize>().ok()?.checked_sub(1)?))
}

fn seconds(nanos: u64) -> String {
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

/// A JSON value as a person writes it.
fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn holds(have: &str, operator: Operator, want: &str) -> bool {
    let order = || Some(number(have)?.total_cmp(&number(want)?));
    match operator {
        Operator::Equal => same(have, want),
        Operator::NotEqual => !same(have, want),
        Operator::Contains => have.to_lowercase().contains(&want.to_lowercase()),
        Operator::ContainsNot => !have.to_lowercase().contains(&want.to_lowercase()),
        Operator::Less => order().is_some_and(std::cmp::Ordering::is_lt),
        Operator::AtMost => order().is_some_and(std::cmp::Ordering::is_le),
        Operator::Greater => order().is_some_and(std::cmp::Ordering::is_gt),
        Operator::AtLeast => order().is_some_and(std::cmp::Ordering::is_ge),
    }
}

/// Equal as names (case and the last dot do not count), or as numbers.
fn same(have: &str, want: &str) -> bool {
    let bare = |text: &str| match text {
        "." => text.to_owned(),
        _ => text.trim_end_matches('.').to_lowercase(),
    };
    bare(have) == bare(want) || matches!((number(have), number(want)), (Some(a), Some(b)) if a == b)
}

/// A number, or a duration in seconds.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().or_else(|| text.parse::<Span>().ok().map(|span| span.0.as_secs_f64()))
}
