//! Registrations and the rules for them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::message::{Rdata, Record};
use crate::update::Update;
use crate::{Name, RecordType};

use super::Date;

/// A name server of a domain, with its address where it lies inside the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerEntry {
    /// The server.
    pub name: Name,
    /// Its address, for the zone above to hand out as glue.
    pub address: Option<IpAddr>,
}

/// A line of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The name that is held.
    pub domain: Name,
    /// Who holds it.
    pub registrant: String,
    /// Its name servers.
    pub servers: Vec<ServerEntry>,
    /// Since when; none for what stood in the zone before the book began.
    pub registered: Option<Date>,
    /// Until when; none as above.
    pub expires: Option<Date>,
}

/// Why an order is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody holds the name.
    #[error("{0} is registered already; choose another name")]
    Taken(Name),
    /// The name is not one label below the registry's.
    #[error("{domain} is not a name directly below {zone}")]
    NotHere {
        /// What was ordered.
        domain: Name,
        /// What the registry sells.
        zone: Name,
    },
    /// Not letters, digits and hyphens.
    #[error("{0} may have letters, digits and hyphens, with no hyphen first or last")]
    Spelling(Name),
    /// No server or too many.
    #[error("a domain has 1 to {SERVERS_MAX} name servers, not {0}")]
    ServerCount(usize),
    /// The same server twice.
    #[error("{0} is given twice")]
    ServerTwice(Name),
    /// Glue for a server that lies elsewhere.
    #[error("{0} is not inside the domain, so it is given without an address")]
    GlueOutside(Name),
    /// A server inside the domain that nobody could find.
    #[error("{0} is inside the domain, so it needs an address")]
    GlueMissing(Name),
    /// An address at which no server can be.
    #[error("{0} cannot be the address of a server")]
    BadAddress(IpAddr),
    /// Too short or too long.
    #[error("a name is registered for 1 to {YEARS_MAX} years, not {0}")]
    Years(u32),
    /// No registrant, or one that is too long.
    #[error("a registrant has 1 to {REGISTRANT_CHARS_MAX} characters")]
    Registrant,
    /// The book is at its bound.
    #[error("the book is full with {REGISTRATIONS_MAX} names")]
    Full,
}

/// A name that is kept for an order while the zone is being changed.
#[derive(Clone, Debug)]
pub struct Reservation(Registration);

/// The book of one zone.
#[derive(Clone, Debug)]
pub struct Book {
    zone: Name,
    /// None for a name that is reserved.
    names: BTreeMap<Name, Option<Registration>>,
}

impl Book {
    /// The book of a zone in which nothing is registered.
    #[must_use]
    pub fn new(zone: Name) -> Self {
        Self { zone, names: BTreeMap::new() }
    }

    /// The zone whose names it holds.
    #[must_use]
    pub fn zone(&self) -> &Name {
        &self.zone
    }

    /// Enters a name that stood in the zone before the book began.
    pub fn inherit(&mut self, domain: Name, servers: Vec<ServerEntry>) {
        let registrant = INHERITED.to_owned();
        let (registered, expires) = (None, None);
        let held =
            Registration { domain: domain.clone(), registrant, servers, registered, expires };
        self.names.insert(domain, Some(held));
    }

    /// Who holds a name; none when it is free or still being entered.
    #[must_use]
    pub fn find(&self, domain: &Name) -> Option<&Registration> {
        self.names.get(domain)?.as_ref()
    }

    /// The names that are held, in canonical order.
    pub fn registrations(&self) -> impl Iterator<Item = &Registration> {
        self.names.values().flatten()
    }

    /// Keeps a free name for an order that follows the rules.
    ///
    /// # Errors
    /// The first rule that the order breaks.
    pub fn reserve(
        &mut self,
        domain: &Name,
        registrant: &str,
        years: u32,
        servers: &[ServerEntry],
        today: Date,
    ) -> Result<Reservation, Refusal> {
        self.check_name(domain)?;
        if self.names.contains_key(domain) {
            return Err(Refusal::Taken(domain.clone()));
        }
        if self.names.len() >= REGISTRATIONS_MAX {
            return Err(Refusal::Full);
        }
        if !(1..=REGISTRANT_CHARS_MAX).contains(&registrant.trim().chars().count()) {
            return Err(Refusal::Registrant);
        }
        if !(1..=YEARS_MAX).contains(&years) {
            return Err(Refusal::Years(years));
        }
        check_servers(domain, servers)?;
        self.names.insert(domain.clone(), None);
        Ok(Reservation(Registration {
            domain: domain.clone(),
            registrant: registrant.trim().to_owned(),
            servers: servers.to_vec(),
            registered: Some(today),
            expires: Some(today.years_later(years)),
        }))
    }

    /// Enters what was reserved, once the zone has it.
    pub fn enter(&mut self, reservation: Reservation) -> Registration {
        let Reservation(registration) = reservation;
        self.names.insert(registration.domain.clone(), Some(registration.clone()));
        registration
    }

    /// Gives a reserved name free again.
    pub fn release(&mut self, reservation: &Reservation) {
        self.names.remove(&reservation.0.domain);
    }

    /// One label below the zone, of letters, digits and hyphens (RFC 1123 §2.1).
    fn check_name(&self, domain: &Name) -> Result<(), Refusal> {
        if domain.parent().as_ref() != Some(&self.zone) {
            return Err(Refusal::NotHere { domain: domain.clone(), zone: self.zone.clone() });
        }
        let label = domain.labels().next().unwrap_or_default();
        let plain = label.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-');
        if !plain || label.starts_with(b"-") || label.ends_with(b"-") {
            return Err(Refusal::Spelling(domain.clone()));
        }
        Ok(())
    }
}

fn check_servers(domain: &Name, servers: &[ServerEntry]) -> Result<(), Refusal> {
    if !(1..=SERVERS_MAX).contains(&servers.len()) {
        return Err(Refusal::ServerCount(servers.len()));
    }
    let mut seen: Vec<&Name> = Vec::with_capacity(servers.len());
    for server in servers {
        if seen.contains(&&server.name) {
            return Err(Refusal::ServerTwice(server.name.clone()));
        }
        seen.push(&server.name);
        // Glue only where it is needed, and only by who may speak for the
        // name: inside the domain itself (RFC 9471 §2.1).
        match (server.name.is_subdomain_of(domain), server.address) {
            (true, None) => return Err(Refusal::GlueMissing(server.name.clone())),
            (false, Some(_)) => return Err(Refusal::GlueOutside(server.name.clone())),
            (true, Some(address)) if address.is_unspecified() || address.is_multicast() => {
                return Err(Refusal::BadAddress(address));
            }
            _ => {}
        }
    }
    Ok(())
}

impl Reservation {
    /// The update that enters the name's servers and their glue, if the zone
    /// has the name free (course D9).
    #[must_use]
    pub fn update(&self, zone: &Name) -> Update {
        let Self(registration) = self;
        let domain = &registration.domain;
        let mut update = Update::of(zone).require_no_set(domain, RecordType::NS);
        for server in &registration.servers {
            let data = Rdata::name(&server.name);
            update = update.with_added(Record::new(domain.clone(), RecordType::NS, TTL_S, data));
            let glue = |rtype, data| Record::new(server.name.clone(), rtype, TTL_S, data);
            update = match server.address {
                Some(IpAddr::V4(address)) => {
                    update.with_added(glue(RecordType::A, Rdata::a(address)))
                }
                Some(IpAddr::V6(address)) => {
                    update.with_added(glue(RecordType::AAAA, Rdata::aaaa(address)))
                }
                None => update,
            };
        }
        update
    }
}

/// What registries give: two days.
const TTL_S: u32 = 172_800;
/// Root and top-level domains have 13 at most, for the sake of one datagram.
pub(crate) const SERVERS_MAX: usize = 13;
/// As registries allow.
const YEARS_MAX: u32 = 10;
/// A line of a form.
const REGISTRANT_CHARS_MAX: usize = 200;
/// Names that one book holds.
const REGISTRATIONS_MAX: usize = 100_000;
/// Who holds what stood in the zone before the book began.
const INHERITED: &str = "registered before";

#[cfg(test)]
mod tests;
