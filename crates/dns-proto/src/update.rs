//! Changing a zone by a message: DNS UPDATE (RFC 2136).
//!
//! ```text
//!   section      in a query    in an update
//!   ---------    ----------    ---------------------------------------
//!   first        question      the zone: its name, type SOA
//!   second       answer        prerequisites: what must be so before
//!   third        authority     what is added and deleted
//!   fourth       additional    not used here
//!
//!   class of a record   as prerequisite             as update
//!   -----------------   -------------------------   ---------------------
//!   ANY, no data        name or set exists          delete name or set
//!   NONE                name or set does not exist  delete this one record
//!   the zone's          set is exactly this         add this record
//! ```
//!
//! All of it happens or nothing (RFC 2136 §3.7). Who may change a zone is for
//! the server to decide before it comes here; transaction signatures (TSIG,
//! RFC 8945) are not read.

mod contents;

use crate::message::{Message, Question, Rdata, Record};
use crate::zone::Zone;
use crate::zone_file::ZoneFile;
use crate::{Name, Opcode, Rcode, RecordClass, RecordType};

use contents::Contents;

/// An update that a client makes.
#[derive(Clone, Debug)]
pub struct Update {
    message: Message,
}

impl Update {
    /// An update of a zone that requires and changes nothing yet (RFC 2136 §2.3).
    #[must_use]
    pub fn of(zone: &Name) -> Self {
        let mut message = Message::query(0, Question::new(zone.clone(), RecordType::SOA));
        message.header.opcode = Opcode::UPDATE;
        Self { message }
    }

    /// Requires that a name has no records of a type (RFC 2136 §2.4.3).
    #[must_use]
    pub fn require_no_set(mut self, name: &Name, rtype: RecordType) -> Self {
        self.message.answers.push(empty(name, rtype, RecordClass::NONE));
        self
    }

    /// Requires that a name has records of a type (RFC 2136 §2.4.1).
    #[must_use]
    pub fn require_set(mut self, name: &Name, rtype: RecordType) -> Self {
        self.message.answers.push(empty(name, rtype, RecordClass::ANY));
        self
    }

    /// Adds a record (RFC 2136 §2.5.1).
    #[must_use]
    pub fn with_added(mut self, record: Record) -> Self {
        self.message.authorities.push(record);
        self
    }

    /// Deletes all records of a type at a name (RFC 2136 §2.5.2).
    #[must_use]
    pub fn with_deleted_set(mut self, name: &Name, rtype: RecordType) -> Self {
        self.message.authorities.push(empty(name, rtype, RecordClass::ANY));
        self
    }

    /// Deletes one record (RFC 2136 §2.5.4).
    #[must_use]
    pub fn with_deleted(mut self, record: Record) -> Self {
        let deleted = Record { class: RecordClass::NONE, ttl: 0, ..record };
        self.message.authorities.push(deleted);
        self
    }

    /// The message; its identifier is for the sender to choose.
    #[must_use]
    pub fn into_message(self) -> Message {
        self.message
    }
}

fn empty(name: &Name, rtype: RecordType, class: RecordClass) -> Record {
    Record { name: name.clone(), rtype, class, ttl: 0, rdata: Rdata::from_wire(&[]) }
}

/// The zone that an update is for.
///
/// # Errors
/// FORMERR when the zone section is not one name of type SOA (RFC 2136 §3.1.1).
pub fn zone_of(update: &Message) -> Result<&Name, Rcode> {
    match update.question() {
        Some(zone) if zone.qtype == RecordType::SOA => Ok(&zone.name),
        _ => Err(Rcode::FORMERR),
    }
}

/// Carries out an update; the records afterwards, or none when it changes
/// nothing.
///
/// # Errors
/// The response code of RFC 2136 §3 that says why the zone stays as it is.
pub fn process(update: &Message, zone: &Zone) -> Result<Option<ZoneFile>, Rcode> {
    let apex = zone_of(update)?;
    let class = update.question().map_or(RecordClass::IN, |zone| zone.class);
    // RFC 2136 §3.1.2: a zone that is not ours.
    if *apex != zone.apex() || class != RecordClass::IN {
        return Err(Rcode::NOTAUTH);
    }
    let mut contents = Contents::of(zone);
    prerequisites(&update.answers, apex, &contents)?;
    prescan(&update.authorities, apex)?;
    let serial = contents.serial();
    let mut changed = false;
    for record in &update.authorities {
        changed |= contents.apply(record);
    }
    if !changed {
        return Ok(None);
    }
    // RFC 2136 §3.6: the server raises the serial unless the update did.
    if contents.serial() == serial {
        contents.raise_serial();
    }
    contents.into_file().map(Some).map_err(|_| Rcode::SERVFAIL)
}

/// RFC 2136 §3.2.5, in the order of the message.
fn prerequisites(required: &[Record], apex: &Name, zone: &Contents) -> Result<(), Rcode> {
    // Sets that must be exactly so, gathered from all records of the section.
    let mut exact = Contents::empty(apex);
    for record in required {
        // RFC 2136 §3.2.4: the TTL is zero, and the name is in the zone.
        if record.ttl != 0 {
            return Err(Rcode::FORMERR);
        }
        if !record.name.is_subdomain_of(apex) {
            return Err(Rcode::NOTZONE);
        }
        let is_empty = record.rdata.as_wire().is_empty();
        let of_name = record.rtype == RecordType::ANY;
        match record.class {
            RecordClass::ANY | RecordClass::NONE if !is_empty => return Err(Rcode::FORMERR),
            // RFC 2136 §2.4.4, §2.4.1.
            RecordClass::ANY if of_name && !zone.has_name(&record.name) => {
                return Err(Rcode::NXDOMAIN);
            }
            RecordClass::ANY if !of_name && !zone.has_set(&record.name, record.rtype) => {
                return Err(Rcode::NXRRSET);
            }
            // RFC 2136 §2.4.5, §2.4.3.
            RecordClass::NONE if of_name && zone.has_name(&record.name) => {
                return Err(Rcode::YXDOMAIN);
            }
            RecordClass::NONE if !of_name && zone.has_set(&record.name, record.rtype) => {
                return Err(Rcode::YXRRSET);
            }
            RecordClass::ANY | RecordClass::NONE => {}
            RecordClass::IN if record.rtype.is_meta() => return Err(Rcode::FORMERR),
            RecordClass::IN => exact.gather(record),
            _ => return Err(Rcode::FORMERR),
        }
    }
    // RFC 2136 §2.4.2: the same data, whatever the TTLs.
    if exact.sets().all(|(name, rtype)| exact.same_set(zone, name, rtype)) {
        Ok(())
    } else {
        Err(Rcode::NXRRSET)
    }
}

/// RFC 2136 §3.4.1: nothing is changed before every record is known to be
/// well formed.
fn prescan(updates: &[Record], apex: &Name) -> Result<(), Rcode> {
    for record in updates {
        if !record.name.is_subdomain_of(apex) {
            return Err(Rcode::NOTZONE);
        }
        let is_empty = record.rdata.as_wire().is_empty();
        let of_name = record.rtype == RecordType::ANY;
        let well_formed = match record.class {
            RecordClass::IN => !record.rtype.is_meta() && can_be_data(record),
            RecordClass::ANY => record.ttl == 0 && is_empty && (of_name || !record.rtype.is_meta()),
            RecordClass::NONE => record.ttl == 0 && !record.rtype.is_meta(),
            _ => false,
        };
        if !well_formed {
            return Err(Rcode::FORMERR);
        }
    }
    Ok(())
}

/// Whether the data have the form of their type; only the message's reader
/// lets data of an update be left out (RFC 2136 §2.4).
fn can_be_data(record: &Record) -> bool {
    Rdata::parse(record.rtype, record.rdata.as_wire()).is_ok()
}

#[cfg(test)]
mod tests;
