//! Walking the zone with the question's name (RFC 1034 §4.3.2).

use crate::zone::{Located, Node, NodeId, QueryName, Zone, stored_name};
use crate::{NAME_OCTETS_MAX, Rcode, RecordType};

use super::Transport;
use super::writer::{Full, Section, Writer};

/// What kind of reply was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReplyKind {
    /// Records of the type that was asked for.
    Data,
    /// Only aliases: their end lies outside the zone, or they go in a circle.
    Alias,
    /// The name servers of a zone further down.
    Referral,
    /// The name exists without records of the type.
    NoData,
    /// The name does not exist.
    NoName,
    /// A DNAME makes the name too long (RFC 6672 §2.2).
    NameTooLong,
    /// Not in any zone, or not for this client.
    Refused,
    /// The query breaks a rule.
    Malformed,
    /// The query asks for something that this server does not do.
    NotImplemented,
    /// A version of EDNS that this server does not know.
    BadVersion,
}

/// One search, with the reply that it writes.
pub(super) struct Search<'a, 'b> {
    pub(super) zone: &'a Zone,
    pub(super) writer: &'a mut Writer<'b>,
    /// The name that is looked for; the question's at first.
    pub(super) name: &'a mut QueryName,
    /// Room for the name that a DNAME makes, its case kept.
    pub(super) original: &'a mut [u8; NAME_OCTETS_MAX],
    pub(super) record_type: RecordType,
    pub(super) transport: Transport,
    pub(super) rotation: u32,
    pub(super) wants_dnssec: bool,
}

/// The name that the search is at, and how records owned by it are written.
#[derive(Clone, Copy)]
pub(super) struct Owner {
    /// Where the name stands in the reply, when it is no node's.
    pub(super) offset: usize,
    pub(super) node: NodeId,
}

/// What one name gave.
enum Step {
    End(Rcode, ReplyKind),
    Follow(Owner),
}

impl Search<'_, '_> {
    /// Writes answer, authority and additional section; gives the response code.
    pub(super) fn run(mut self) -> (Rcode, ReplyKind) {
        match self.follow() {
            Ok(end) => end,
            Err(Full) => {
                // RFC 2181 §9: what does not fit as a whole set is left out.
                self.writer.set_truncated();
                (Rcode::NOERROR, ReplyKind::Data)
            }
        }
    }

    /// Goes from alias to alias until a name ends the search.
    fn follow(&mut self) -> Result<(Rcode, ReplyKind), Full> {
        let mut seen = [0_u64; CHAIN_MAX];
        let mut owner = Owner { offset: QUESTION_AT, node: NodeId::NONE };
        let located = self.zone.locate(self.name);
        self.note_question(located);
        let mut located = Some(located);
        for link in 0..CHAIN_MAX {
            let place = located.take().unwrap_or_else(|| self.zone.locate(self.name));
            match self.step(owner, place)? {
                Step::End(rcode, kind) => return Ok((rcode, kind)),
                Step::Follow(next) => {
                    seen[link] = self.name.hash(0);
                    let loaded = match next.node.some() {
                        Some(node) if !self.zone.contains(node) => None,
                        Some(node) => self.name.load(self.zone.wire(node)),
                        None => self.name.load(&self.original[..]),
                    };
                    // A target outside the zone is for the client to look up
                    // (RFC 1034 §4.3.2, step 3a); a circle of aliases has no end.
                    if loaded.is_none()
                        || !self.is_in_zone()
                        || seen[..=link].contains(&self.name.hash(0))
                    {
                        return Ok((Rcode::NOERROR, ReplyKind::Alias));
                    }
                    owner = next;
                }
            }
        }
        Ok((Rcode::NOERROR, ReplyKind::Alias))
    }

    fn is_in_zone(&self) -> bool {
        let apex = self.zone.apex_node();
        let depth = usize::from(self.zone.node(apex).labels);
        self.name
            .labels()
            .checked_sub(depth)
            .is_some_and(|label| self.name.is(label, self.zone.wire(apex)))
    }

    /// Makes the question's name and its ancestors targets of compression.
    fn note_question(&mut self, located: Located) {
        let mut node = located.node;
        let labels = usize::from(self.zone.node(node).labels);
        for label in self.name.labels() - labels..self.name.labels() {
            self.writer.note_name(node, QUESTION_AT + self.name.start(label));
            node = self.zone.node(node).parent;
        }
    }

    fn step(&mut self, owner: Owner, Located { node: id, exact }: Located) -> Result<Step, Full> {
        let node = self.zone.node(id);
        let mut above = node.covered_by.some();
        if above.is_none() && !exact && (node.is_cut() || node.has_dname()) {
            above = Some(id);
        }
        // RFC 4035 §3.1.4.1: DS is asked of the parent's side of the cut.
        if above.is_none() && exact && node.is_cut() && self.record_type != RecordType::DS {
            above = Some(id);
        }
        match above {
            Some(cut) if self.zone.node(cut).is_cut() => self.referral(cut),
            Some(dname) => self.redirect(owner, dname),
            None if exact => self.at_node(owner, id),
            None => match node.wildcard.some() {
                // RFC 4592 §3.3.1: the source of synthesis is the child `*` of the closest
                // encloser.
                Some(wildcard) => self.at_node(owner, wildcard),
                None => self.negative(Rcode::NXDOMAIN, ReplyKind::NoName),
            },
        }
    }

    /// Answers from the records of a node, under the owner's name.
    fn at_node(&mut self, owner: Owner, id: NodeId) -> Result<Step, Full> {
        let zone = self.zone;
        let node = zone.node(id);
        self.writer.set_authoritative();
        if self.record_type == RecordType::ANY && node.has_sets() {
            return self.any(owner, &node);
        }
        if let Some(set) = node.set(self.record_type) {
            self.required(|search| search.set(owner, set, Section::Answer, set.ttl))?;
            self.additional_of(std::iter::once(set));
            return Ok(Step::End(Rcode::NOERROR, ReplyKind::Data));
        }
        match node.set(RecordType::CNAME) {
            // RFC 1034 §3.6.2: an alias leads to its canonical name.
            Some(alias) => {
                self.required(|search| search.set(owner, alias, Section::Answer, alias.ttl))?;
                let target = alias.records().next().and_then(stored_name);
                let target = target.unwrap_or(NodeId::NONE);
                Ok(Step::Follow(Owner { offset: NOWHERE, node: target }))
            }
            None => self.negative(Rcode::NOERROR, ReplyKind::NoData),
        }
    }

    /// RFC 8482 §4.1: over a datagram one set is enough; a stream gets all of them.
    fn any(&mut self, owner: Owner, node: &Node<'_>) -> Result<Step, Full> {
        let count = match self.transport {
            Transport::Datagram => 1,
            Transport::Stream => usize::MAX,
        };
        let sets = node.sets().take(count);
        for set in sets.clone() {
            self.required(|search| search.set(owner, set, Section::Answer, set.ttl))?;
        }
        self.additional_of(sets);
        Ok(Step::End(Rcode::NOERROR, ReplyKind::Data))
    }

    /// RFC 6672 §3.2: the DNAME record, the alias that follows from it, and on from there.
    fn redirect(&mut self, owner: Owner, dname: NodeId) -> Result<Step, Full> {
        let zone = self.zone;
        let node = zone.node(dname);
        self.writer.set_authoritative();
        let Some(set) = node.set(RecordType::DNAME) else {
            return self.negative(Rcode::NOERROR, ReplyKind::NoData);
        };
        let target = set.records().next().and_then(stored_name);
        let target = target.unwrap_or(NodeId::NONE);
        let holder = Owner { offset: NOWHERE, node: dname };
        self.required(|search| search.set(holder, set, Section::Answer, set.ttl))?;
        // The labels in front of the DNAME's owner, their case as asked.
        let front = self.name.start(self.name.labels() - usize::from(node.labels));
        let new = front + zone.wire(target).len();
        if new > NAME_OCTETS_MAX {
            // RFC 6672 §2.2: the name gets too long.
            return Ok(Step::End(Rcode::YXDOMAIN, ReplyKind::NameTooLong));
        }
        let ttl = set.ttl;
        let mut offset = NOWHERE;
        self.required(|search| {
            offset = search.synthesized(owner, front, target, ttl)?;
            Ok(())
        })?;
        if self.record_type == RecordType::CNAME {
            // The alias itself is what was asked for. Whoever asks for ANY asks for what is
            // at the new name: step 3c goes on whatever the type (RFC 1034 §4.3.2).
            return Ok(Step::End(Rcode::NOERROR, ReplyKind::Data));
        }
        self.original[front..new].copy_from_slice(zone.wire(target));
        Ok(Step::Follow(Owner { offset, node: NodeId::NONE }))
    }

    /// Writes the alias of a DNAME; gives where its target stands. The first `front` octets
    /// of the target are kept in `original`.
    fn synthesized(
        &mut self,
        owner: Owner,
        front: usize,
        target: NodeId,
        ttl: u32,
    ) -> Result<usize, Full> {
        self.owner(owner)?;
        let length_at = self.writer.fixed_part(RecordType::CNAME, ttl)?;
        let offset = self.writer.octets();
        match owner.node.some() {
            Some(node) => {
                self.original[..front].copy_from_slice(&self.zone.wire(node)[..front]);
            }
            None if owner.offset == QUESTION_AT => {
                self.original[..front].copy_from_slice(self.writer.question(front));
            }
            // The name before was made here as well and is still there.
            None => {}
        }
        self.writer.octets_of(&self.original[..front])?;
        self.writer.name(self.zone, target)?;
        self.writer.end_record(length_at, Section::Answer)?;
        Ok(offset)
    }

    /// RFC 1034 §4.3.2, step 3b: the name servers of the cut and their addresses.
    fn referral(&mut self, cut: NodeId) -> Result<Step, Full> {
        let zone = self.zone;
        let node = zone.node(cut);
        if let Some(servers) = node.set(RecordType::NS) {
            let owner = Owner { offset: NOWHERE, node: cut };
            self.required(|search| search.set(owner, servers, Section::Authority, servers.ttl))?;
            // RFC 4035 §3.1.4: DS records go with the referral.
            if self.wants_dnssec
                && let Some(set) = node.set(RecordType::DS)
            {
                self.required(|search| search.set(owner, set, Section::Authority, set.ttl))?;
            }
            self.glue(cut, servers)?;
        }
        Ok(Step::End(Rcode::NOERROR, ReplyKind::Referral))
    }

    /// RFC 2308 §2 and §3: the SOA record says for how long the answer may be kept.
    fn negative(&mut self, rcode: Rcode, kind: ReplyKind) -> Result<Step, Full> {
        let zone = self.zone;
        self.writer.set_authoritative();
        let apex = zone.apex_node();
        if let Some(soa) = zone.node(apex).set(RecordType::SOA) {
            let stored = soa.records().next().unwrap_or(&[]);
            let minimum = stored.last_chunk::<4>().map_or(0, |last| u32::from_be_bytes(*last));
            let owner = Owner { offset: NOWHERE, node: apex };
            let ttl = soa.ttl.min(minimum);
            let written = self.required(|search| search.set(owner, soa, Section::Authority, ttl));
            // The response code holds also where its SOA record does not fit.
            if written.is_err() {
                self.writer.set_truncated();
            }
        }
        Ok(Step::End(rcode, kind))
    }
}

/// Where the question's name stands (RFC 1035 §4.1.2).
pub(super) const QUESTION_AT: usize = 12;
/// No place in the reply.
pub(super) const NOWHERE: usize = 0;
/// Most aliases that are followed; longer chains are left to the client.
const CHAIN_MAX: usize = 16;
