//! What DNS says of mail: the servers of a domain and the addresses of a host,
//! from a resolver that is asked.

use std::net::IpAddr;

use capa7_dns::StubClient;
use capa7_dns_proto::message::{Message, Record};
use capa7_dns_proto::{Name, Rcode, RecordType};
use capa7_mail_proto::queue::{AddressAnswer, Exchange, ExchangeAnswer};
use capa7_net::Cause;

/// What there is at a name, of one kind.
#[derive(Debug)]
pub(crate) enum Records<T> {
    /// The name is there; perhaps it has none of the kind.
    Found(Vec<T>),
    /// There is no such name.
    NoDomain,
    /// Nothing can be said now, and why.
    Failed(String),
}

impl From<Records<IpAddr>> for AddressAnswer {
    fn from(records: Records<IpAddr>) -> Self {
        match records {
            Records::Found(addresses) if !addresses.is_empty() => Self::Found(addresses),
            Records::Found(_) | Records::NoDomain => Self::None,
            Records::Failed(why) => Self::Failed(why),
        }
    }
}

/// The MX records of a domain, as the queue's policy wants to hear of them.
pub(crate) async fn exchanges(
    stub: &StubClient,
    domain: &str,
    cause: Cause,
) -> (ExchangeAnswer, Cause) {
    let read = |record: &Record| {
        let mx = record.mx()?;
        Some(Exchange { preference: mx.preference, host: text(&mx.exchange) })
    };
    let (records, cause) = records(stub, domain, RecordType::MX, read, cause).await;
    let answer = match records {
        Records::Found(records) if records.is_empty() => ExchangeAnswer::None,
        Records::Found(records) => ExchangeAnswer::Records(records),
        Records::NoDomain => ExchangeAnswer::NoDomain,
        Records::Failed(why) => ExchangeAnswer::Failed(why),
    };
    (answer, cause)
}

/// The addresses of a host: IPv6 first, and only of the families that `own`
/// has, unless that is empty.
pub(crate) async fn addresses(
    stub: &StubClient,
    host: &str,
    own: &[IpAddr],
    cause: Cause,
) -> (Records<IpAddr>, Cause) {
    let mut addresses = Vec::new();
    let (mut failure, mut is_missing, mut because) = (None, false, cause);
    let has = |is_v4: bool| own.is_empty() || own.iter().any(|one| one.is_ipv4() == is_v4);
    let read = |record: &Record| {
        let v6 = record.aaaa().map(IpAddr::V6);
        v6.or_else(|| record.a().map(IpAddr::V4))
    };
    for (rtype, is_usable) in [(RecordType::AAAA, has(false)), (RecordType::A, has(true))] {
        if !is_usable {
            continue;
        }
        match records(stub, host, rtype, read, cause).await {
            (Records::Found(found), _) if found.is_empty() => {}
            (Records::Found(found), told) => {
                addresses.extend(found);
                because = told;
            }
            (Records::NoDomain, told) => (is_missing, because) = (true, told),
            (Records::Failed(why), told) => (failure, because) = (Some(why), told),
        }
    }
    addresses.truncate(ADDRESSES_MAX);
    let records = match failure {
        Some(why) if addresses.is_empty() => Records::Failed(why),
        None if addresses.is_empty() && is_missing => Records::NoDomain,
        _ => Records::Found(addresses),
    };
    (records, because)
}

/// What `read` takes of the records of one type at a name, or at the end of its
/// aliases; with the event of the reply.
pub(crate) async fn records<T>(
    stub: &StubClient,
    name: &str,
    rtype: RecordType,
    read: impl Fn(&Record) -> Option<T>,
    cause: Cause,
) -> (Records<T>, Cause) {
    // A text that no name can be.
    let Ok(name) = name.parse::<Name>() else { return (Records::NoDomain, cause) };
    let reply = match stub.query(&name, rtype, cause).await {
        Ok(reply) => reply,
        Err(error) => return (Records::Failed(error.to_string()), cause),
    };
    let found = match reply.message.header.rcode {
        Rcode::NOERROR => match follow(&reply.message, name) {
            Some(name) => {
                let of_name = reply.message.answers.iter().filter(|record| record.name == name);
                Records::Found(of_name.filter_map(read).collect())
            }
            None => Records::Failed("the aliases do not end".to_owned()),
        },
        Rcode::NXDOMAIN => Records::NoDomain,
        rcode => Records::Failed(format!("the resolver says {rcode}")),
    };
    (found, reply.cause)
}

/// RFC 5321 §5.1: the name at the end of an alias counts as the first one.
fn follow(reply: &Message, mut name: Name) -> Option<Name> {
    for _ in 0..ALIASES_MAX {
        let mut of_name = reply.answers.iter().filter(|record| record.name == name);
        match of_name.find_map(|record| record.cname()) {
            Some(target) => name = target,
            None => return Some(name),
        }
    }
    None
}

/// A name as mail writes it: lower case, without the root's dot.
pub(crate) fn text(name: &Name) -> String {
    name.to_string().trim_end_matches('.').to_ascii_lowercase()
}

/// Addresses of one host that are looked at.
const ADDRESSES_MAX: usize = 16;
/// Aliases of one name; the resolver has its own bound.
const ALIASES_MAX: usize = 16;
