//! MX and addresses from our resolver, as the policy wants to hear them.

use std::net::IpAddr;

use capa7_dns::{StubClient, StubError, StubReply};
use capa7_dns_proto::message::Message;
use capa7_dns_proto::{Name, Rcode, RecordType};
use capa7_mail_proto::queue::{AddressAnswer, Exchange, ExchangeAnswer};
use capa7_net::Cause;

/// What a reply holds for a question.
enum Found {
    /// Records, perhaps none.
    Name(Name),
    NoDomain,
    Failed(String),
}

/// The MX records of a domain.
pub(super) async fn exchanges(
    stub: &StubClient,
    domain: &str,
    cause: Cause,
) -> (ExchangeAnswer, Cause) {
    let (reply, at) = match ask(stub, domain, RecordType::MX, cause).await {
        Ok(found) => found,
        Err(Refused::NoName) => return (ExchangeAnswer::NoDomain, cause),
        Err(Refused::Silent(error)) => return (ExchangeAnswer::Failed(error), cause),
    };
    let answer = match at {
        Found::NoDomain => ExchangeAnswer::NoDomain,
        Found::Failed(why) => ExchangeAnswer::Failed(why),
        Found::Name(name) => {
            let of_name = reply.message.answers.iter().filter(|record| record.name == name);
            let records: Vec<Exchange> = of_name
                .filter_map(|record| record.mx())
                .map(|mx| Exchange { preference: mx.preference, host: text(&mx.exchange) })
                .collect();
            if records.is_empty() { ExchangeAnswer::None } else { ExchangeAnswer::Records(records) }
        }
    };
    (answer, reply.cause)
}

/// The addresses of a host: IPv6 first when we have it ourselves.
pub(super) async fn addresses(
    stub: &StubClient,
    host: &str,
    own: &[IpAddr],
    cause: Cause,
) -> (AddressAnswer, Cause) {
    let mut addresses = Vec::new();
    let (mut failure, mut because) = (None, cause);
    let has = |is_v4: bool| own.is_empty() || own.iter().any(|one| one.is_ipv4() == is_v4);
    for (rtype, is_usable) in [(RecordType::AAAA, has(false)), (RecordType::A, has(true))] {
        if !is_usable {
            continue;
        }
        match ask(stub, host, rtype, cause).await {
            Ok((reply, Found::Name(name))) => {
                let before = addresses.len();
                let of_name = reply.message.answers.iter().filter(|record| record.name == name);
                addresses.extend(of_name.filter_map(|record| {
                    let v6 = record.aaaa().map(IpAddr::V6);
                    v6.or_else(|| record.a().map(IpAddr::V4))
                }));
                if addresses.len() > before {
                    because = reply.cause;
                }
            }
            Ok((reply, Found::Failed(why))) => (failure, because) = (Some(why), reply.cause),
            Ok((reply, Found::NoDomain)) => because = reply.cause,
            Err(Refused::NoName) => {}
            Err(Refused::Silent(why)) => failure = Some(why),
        }
    }
    addresses.truncate(ADDRESSES_MAX);
    let answer = match failure {
        _ if !addresses.is_empty() => AddressAnswer::Found(addresses),
        Some(why) => AddressAnswer::Failed(why),
        None => AddressAnswer::None,
    };
    (answer, because)
}

enum Refused {
    /// A text that no name can be.
    NoName,
    /// The resolver said nothing useful.
    Silent(String),
}

/// The resolver's reply, and the name at the end of its aliases.
async fn ask(
    stub: &StubClient,
    name: &str,
    rtype: RecordType,
    cause: Cause,
) -> Result<(StubReply, Found), Refused> {
    let name: Name = name.parse().map_err(|_| Refused::NoName)?;
    let asked = stub.query(&name, rtype, cause).await;
    let reply = asked.map_err(|error: StubError| Refused::Silent(error.to_string()))?;
    let found = match reply.message.header.rcode {
        Rcode::NOERROR => match follow(&reply.message, name) {
            Some(name) => Found::Name(name),
            None => Found::Failed("the aliases do not end".to_owned()),
        },
        Rcode::NXDOMAIN => Found::NoDomain,
        rcode => Found::Failed(format!("the resolver says {rcode}")),
    };
    Ok((reply, found))
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

fn text(name: &Name) -> String {
    name.to_string().trim_end_matches('.').to_ascii_lowercase()
}

/// Addresses of one host that are looked at.
const ADDRESSES_MAX: usize = 16;
/// Aliases of one name; the resolver has its own bound.
const ALIASES_MAX: usize = 16;
