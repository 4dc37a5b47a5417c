//! Writing record sets, and the addresses that go with them.

use crate::RecordType;
use crate::zone::{NodeId, RecordSet, Shape, stored_name};

use super::search::{NOWHERE, Owner, QUESTION_AT, Search};
use super::writer::{Full, Section};

impl Search<'_, '_> {
    /// Writes something that must not be cut in two: all of it, or nothing and [`Full`].
    pub(super) fn required(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), Full>,
    ) -> Result<(), Full> {
        let mark = self.writer.mark();
        write(self).inspect_err(|Full| self.writer.cut(mark))
    }

    /// Writes the owner of a record.
    pub(super) fn owner(&mut self, owner: Owner) -> Result<(), Full> {
        match owner.node.some() {
            Some(node) => self.writer.name(self.zone, node),
            // The root is shorter than a pointer to it.
            None if owner.offset == QUESTION_AT && self.name.labels() == 0 => {
                self.writer.octets_of(&[0])
            }
            None => self.writer.pointer(owner.offset),
        }
    }

    /// Writes a record set; addresses of an answer start with another one each time.
    pub(super) fn set(
        &mut self,
        owner: Owner,
        set: RecordSet<'_>,
        section: Section,
        ttl: u32,
    ) -> Result<(), Full> {
        let is_address = matches!(set.record_type, RecordType::A | RecordType::AAAA);
        let first = if is_address && section == Section::Answer && set.count > 1 {
            (self.rotation % u32::from(set.count)) as usize
        } else {
            0
        };
        for stored in set.records().skip(first) {
            self.record(owner, set, section, ttl, stored)?;
        }
        for stored in set.records().take(first) {
            self.record(owner, set, section, ttl, stored)?;
        }
        Ok(())
    }

    fn record(
        &mut self,
        owner: Owner,
        set: RecordSet<'_>,
        section: Section,
        ttl: u32,
        stored: &[u8],
    ) -> Result<(), Full> {
        self.owner(owner)?;
        let length_at = self.writer.fixed_part(set.record_type, ttl)?;
        match Shape::of(set.record_type) {
            None => self.writer.octets_of(stored)?,
            Some(shape) => {
                let (prefix, rest) = stored.split_at(shape.prefix);
                let (names, suffix) = rest.split_at(shape.names * 4);
                self.writer.octets_of(prefix)?;
                for node in names.chunks_exact(4).filter_map(stored_name) {
                    if shape.compress {
                        self.writer.name(self.zone, node)?;
                    } else {
                        self.writer.octets_of(self.zone.wire(node))?;
                    }
                }
                self.writer.octets_of(suffix)?;
            }
        }
        self.writer.end_record(length_at, section)
    }

    /// RFC 1034 §4.3.2, step 6: the addresses of the hosts that an answer names. They are a
    /// help, so what does not fit is left out.
    pub(super) fn additional_of<'z>(&mut self, sets: impl Iterator<Item = RecordSet<'z>>) {
        let mut seen = Targets::new();
        for set in sets {
            let prefix = match set.record_type {
                // RFC 1035 §3.3.11 and §3.3.9, RFC 2782.
                RecordType::NS => 0,
                RecordType::MX => 2,
                RecordType::SRV => 6,
                _ => continue,
            };
            let glue = set.record_type == RecordType::NS;
            for stored in set.records() {
                let target = stored.get(prefix..).and_then(stored_name);
                let Some(target) = target.filter(|target| seen.is_first(*target)) else { continue };
                let mark = self.writer.mark();
                if self.addresses(target, glue).is_err() {
                    self.writer.cut(mark);
                    return;
                }
            }
        }
    }

    /// The addresses that a referral needs: those below the cut first, without which nobody
    /// gets there (RFC 9471 §2.1), then those elsewhere in the zone (RFC 9471 §2.2).
    pub(super) fn glue(&mut self, cut: NodeId, servers: RecordSet<'_>) -> Result<(), Full> {
        let zone = self.zone;
        let is_below = |target: NodeId| target == cut || zone.node(target).covered_by == cut;
        let targets = || servers.records().filter_map(stored_name);
        for target in targets().filter(|target| is_below(*target)) {
            self.required(|search| search.addresses(target, true))?;
        }
        for target in targets().filter(|target| !is_below(*target)) {
            let mark = self.writer.mark();
            if self.addresses(target, true).is_err() {
                self.writer.cut(mark);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Writes the addresses of a host, if the zone has them.
    fn addresses(&mut self, host: NodeId, glue: bool) -> Result<(), Full> {
        let Some(source) = self.address_source(host, glue) else { return Ok(()) };
        let source = self.zone.node(source);
        let owner = Owner { offset: NOWHERE, node: host };
        for record_type in [RecordType::A, RecordType::AAAA] {
            if let Some(set) = source.set(record_type) {
                self.set(owner, set, Section::Additional, set.ttl)?;
            }
        }
        Ok(())
    }

    /// The node whose addresses are those of `host`: its own, or a wildcard's.
    fn address_source(&self, host: NodeId, glue: bool) -> Option<NodeId> {
        let zone = self.zone;
        let mut at = host;
        while !zone.node(at).exists() {
            at = zone.node(at).parent.some()?;
        }
        let node = zone.node(at);
        if at == host {
            let cut = node.covered_by.some().or(node.is_cut().then_some(at));
            return match cut {
                None => Some(host),
                // Addresses below a cut are no data of this zone: only referrals and lists
                // of name servers show them (RFC 2181 §5.4.1).
                Some(cut) if zone.node(cut).is_cut() && glue => Some(host),
                Some(_) => None,
            };
        }
        let covered = node.covered_by.some().is_some() || node.is_cut() || node.has_dname();
        if covered { None } else { node.wildcard.some() }
    }
}

/// Hosts whose addresses have been written.
struct Targets {
    seen: [NodeId; TARGETS_MAX],
    count: usize,
}

impl Targets {
    fn new() -> Self {
        Self { seen: [NodeId::NONE; TARGETS_MAX], count: 0 }
    }

    /// Whether the host is new; no more hosts than there is room for are.
    fn is_first(&mut self, host: NodeId) -> bool {
        if self.seen[..self.count].contains(&host) {
            return false;
        }
        let Some(free) = self.seen.get_mut(self.count) else { return false };
        *free = host;
        self.count += 1;
        true
    }
}

/// Most hosts whose addresses go with an answer.
const TARGETS_MAX: usize = 32;
