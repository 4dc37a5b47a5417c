//! Changes of zones that arrive as messages (RFC 2136), and who may send them.
//!
//! Access is by address alone. Transaction signatures (TSIG, RFC 8945) come
//! later: until then allow only addresses that nobody else can send from.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use capa7_dissect::Cause;
use capa7_dns_proto::message::Message;
use capa7_dns_proto::update::{process, zone_of};
use capa7_dns_proto::zone::{Zone, ZoneSet};
use capa7_dns_proto::{Opcode, Rcode};

use crate::access::AddressBlock;

/// Whether an authoritative server takes updates.
#[derive(Clone, Debug, Default)]
pub struct UpdateConfig {
    /// Who may change the server's zones; nobody by default.
    pub allow: Vec<AddressBlock>,
    /// Where zones are kept that others serve too; the server's own set of
    /// zones by default.
    pub keeper: Option<ZoneKeeper>,
}

/// Carries out an update where the zones are kept. It gets the message, its
/// sender and the event that brought it, and answers with the response code.
#[derive(Clone)]
pub struct ZoneKeeper(Arc<Keep>);

type Keep = dyn Fn(&Message, IpAddr, Cause) -> Rcode + Send + Sync;

impl ZoneKeeper {
    /// A keeper that does so.
    pub fn new(keep: impl Fn(&Message, IpAddr, Cause) -> Rcode + Send + Sync + 'static) -> Self {
        Self(Arc::new(keep))
    }

    /// Keeps one server's own zones: a changed zone is compiled again, which
    /// takes time in proportion to its size, and put in the place of the old.
    pub(crate) fn of(zones: Arc<ArcSwap<ZoneSet>>) -> Self {
        // One change after another, or one of two would be lost.
        let turn = Mutex::new(());
        Self::new(move |update, _, _| {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            change(&zones, update).err().unwrap_or(Rcode::NOERROR)
        })
    }
}

impl fmt::Debug for ZoneKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ZoneKeeper")
    }
}

fn change(zones: &ArcSwap<ZoneSet>, update: &Message) -> Result<(), Rcode> {
    let set = zones.load();
    let apex = zone_of(update)?;
    // RFC 2136 §3.1.2: the zone itself, not one above it.
    let zone = set.zones().iter().find(|zone| zone.apex() == *apex).ok_or(Rcode::NOTAUTH)?;
    let Some(records) = process(update, zone)? else { return Ok(()) };
    let zone = Zone::compile(&records).map_err(|error| {
        tracing::warn!(%error, zone = %apex, "an update would leave a zone that cannot be served");
        Rcode::SERVFAIL
    })?;
    zones.store(Arc::new(set.with_replaced(&Arc::new(zone))));
    Ok(())
}

/// The server's side of updates.
#[derive(Clone, Debug)]
pub(crate) struct Updates {
    allow: Vec<AddressBlock>,
    keeper: ZoneKeeper,
}

impl Updates {
    pub(crate) fn new(config: &UpdateConfig, zones: &Arc<ArcSwap<ZoneSet>>) -> Self {
        let keeper = config.keeper.clone().unwrap_or_else(|| ZoneKeeper::of(Arc::clone(zones)));
        Self { allow: config.allow.clone(), keeper }
    }

    /// The reply to an update; none for a message that is none, or that comes
    /// from where nobody may change anything, which the answering function
    /// turns down as it does whatever it does not know.
    pub(crate) fn reply(&self, octets: &[u8], client: IpAddr, cause: Cause) -> Option<Vec<u8>> {
        if self.allow.is_empty() || !is_update(octets) {
            return None;
        }
        // RFC 2136 §3.3: without permission nothing is looked at, so that
        // prerequisites tell a stranger nothing.
        let allowed = self.allow.iter().any(|block| block.contains(client));
        let parsed = Message::parse(octets);
        let rcode = match (&parsed, allowed) {
            (_, false) => Rcode::REFUSED,
            (Err(_), true) => Rcode::FORMERR,
            (Ok(update), true) => (self.keeper.0)(update, client, cause),
        };
        let reply = match parsed {
            Ok(update) => update.reply(rcode),
            Err(_) => {
                let header = capa7_dns_proto::message::Header::parse(octets).ok()?;
                Message { header, ..Message::default() }.reply(rcode)
            }
        };
        reply.write().ok()
    }
}

/// A request, not a reply, of opcode UPDATE (RFC 2136 §2.2).
fn is_update(octets: &[u8]) -> bool {
    octets.get(2).is_some_and(|flags| flags >> 3 == Opcode::UPDATE.0)
}
