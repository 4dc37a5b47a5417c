//! Registries and registrars: how a name gets into a top-level domain (course
//! D9, D14).
//!
//! ```text
//!   order ──► registrar ──TCP──► registry ──UPDATE──► primary of the zone
//!                                                     └─ note at each server
//! ```
//!
//! The servers of a zone share it in a lab: what the primary takes, the others
//! answer from their next query on.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use capa7_dissect::{Cause, Room};
use capa7_dns::{
    AddressBlock, ConnectionLimits, RegistryConfig, UpdateConfig, ZoneKeeper, place_order,
};
use capa7_dns_proto::registry::{Book, REGISTRY_PORT, Request, Response, ServerEntry};
use capa7_dns_proto::update::zone_of;
use capa7_dns_proto::{Name, Rcode};
use capa7_net::{Host, Note};

use super::action::origin;
use super::served::{ServedZones, lock};
use super::{DNS_PORT, Lab, LabError, Outcome};
use crate::scenario::Register;
use crate::text::Bilingual;
use crate::world::{World, WorldHost};

/// Who may change the zones of a server: the registry of each.
pub(super) fn updates(
    world: &World,
    hosts: &[Host],
    served: &[String],
    zones: &Arc<Mutex<ServedZones>>,
) -> UpdateConfig {
    let mut allowed: Vec<(Name, IpAddr)> = Vec::new();
    for zone in served.iter().filter_map(|zone| Name::parse(zone).ok()) {
        let registry = world.registry_of(&zone);
        let addresses = registry.map(|host| host.addresses.as_slice()).unwrap_or_default();
        allowed.extend(addresses.iter().map(|address| (zone.clone(), *address)));
    }
    let allow = allowed.iter().map(|(_, address)| AddressBlock::from(*address)).collect();
    let servers: Vec<(Name, Vec<Host>)> = allowed
        .iter()
        .map(|(zone, _)| {
            let names: Vec<&str> =
                world.servers_of(zone).iter().map(|host| host.name.as_str()).collect();
            let of_zone = hosts.iter().filter(|host| names.contains(&host.name()));
            (zone.clone(), of_zone.cloned().collect())
        })
        .collect();
    let zones = Arc::clone(zones);
    let keeper = ZoneKeeper::new(move |update, client, cause| {
        let zone = match zone_of(update) {
            Ok(zone) => zone,
            Err(rcode) => return rcode,
        };
        // RFC 2136 §3.3: a registry writes its own zone and no other.
        if !allowed.iter().any(|(known, from)| known == zone && *from == client) {
            return Rcode::REFUSED;
        }
        let outcome = lock(&zones).update(update);
        if outcome == Ok(true) {
            let of_zone = servers.iter().find(|(known, _)| known == zone);
            for server in of_zone.iter().flat_map(|(_, servers)| servers) {
                note_change(server, zone, cause);
            }
        }
        outcome.err().unwrap_or(Rcode::NOERROR)
    });
    UpdateConfig { allow, keeper: Some(keeper) }
}

/// Each server that holds a zone has to be given its change (course D14).
pub(super) fn note_change(server: &Host, zone: &Name, cause: Cause) {
    let note = Note::new(Room::Dns, "zone_changed", format!("the zone {zone} has changed"))
        .with("zone", zone.to_string());
    server.in_room(Room::Dns).note(note.because(cause));
}

/// A registry whose book begins with what its zone delegates already.
pub(super) fn config(
    world: &World,
    zone: &str,
    zones: &ServedZones,
) -> Result<RegistryConfig, LabError> {
    let zone = origin(zone)?;
    let mut book = Book::new(zone.clone());
    for (domain, servers) in zones.delegations(&zone) {
        book.inherit(domain, servers);
    }
    let primary = world.servers_of(&zone).first().and_then(|host| host.addresses.first().copied());
    let primary = primary.ok_or_else(|| LabError::NoZone(zone.to_string()))?;
    let registrars = world.hosts.iter().filter(|host| host.services.registrar);
    let addresses = registrars.flat_map(|host| &host.addresses);
    Ok(RegistryConfig {
        book,
        primary: SocketAddr::new(primary, DNS_PORT),
        listen: Vec::new(),
        registrars: addresses.map(|address| AddressBlock::from(*address)).collect(),
        connections: ConnectionLimits::default(),
    })
}

impl World {
    /// The registrar that an order goes through.
    pub(crate) fn registrar(&self, order: &Register) -> Option<&WorldHost> {
        match &order.registrar {
            Some(word) => self.meant(word.get_ref()).filter(|host| host.services.registrar),
            None => self.hosts.iter().find(|host| host.services.registrar),
        }
    }
}

impl Lab {
    /// A registrar places an order with the registry of the zone above, which
    /// enters the domain's servers there, with addresses for those inside it
    /// (course D9).
    pub(super) async fn register(&self, register: &Register) -> Result<(Cause, Outcome), LabError> {
        let domain = origin(register.domain.get_ref())?;
        let zone = domain.parent().ok_or_else(|| LabError::Bad("the root is taken".into()))?;
        let registry = self.world().registry_of(&zone);
        let registry = registry.and_then(|host| host.addresses.first().copied());
        let registry = registry
            .ok_or_else(|| LabError::Bad(format!("no registry of this world sells {zone}")))?;
        let registrar = self.world().registrar(register);
        let registrar =
            registrar.ok_or_else(|| LabError::Bad("this world has no registrar".to_owned()))?;
        let (described, host) = self.host(&registrar.name)?;
        let mut servers = Vec::with_capacity(register.servers.len());
        for (server, address) in &register.servers {
            let address = address.map(|address| self.world().moved(address));
            servers.push(ServerEntry { name: origin(server)?, address });
        }
        let label = domain.labels().next().unwrap_or_default();
        let request = Request::Register {
            registrant: register
                .registrant
                .clone()
                .unwrap_or_else(|| String::from_utf8_lossy(label).to_uppercase()),
            years: register.years.unwrap_or(1),
            domain: domain.clone(),
            servers,
        };
        let name = &described.name;
        let text = Bilingual::new(
            format!("{name} registers {domain} in {zone}"),
            format!("{name} registra {domain} en {zone}"),
        );
        let event = self.note_action(&host, text);
        let at = SocketAddr::new(registry, REGISTRY_PORT);
        let outcome = match place_order(&host, at, &request, event).await {
            Ok((Response::Ok(_), _)) => Outcome::Done,
            Ok((Response::Refused(reason) | Response::Failed(reason), _)) => {
                Outcome::failed(reason)
            }
            Err(error) => Outcome::failed(format!("the registry at {at}: {error}")),
        };
        Ok((event, outcome))
    }
}
