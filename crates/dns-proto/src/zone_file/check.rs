//! Faults that are not errors of syntax: what a zone says that cannot work.

mod aliases;
mod apex;
mod hidden;
mod hosts;
mod sets;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Position, ZoneFile, ZoneFileRecord};
use crate::{Name, RecordType};

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Served, but hardly what was meant.
    Warning,
    /// Against a rule; resolvers will fail.
    Error,
}

/// A fault of the zone at a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// The file.
    pub file: String,
    /// Line, from 1; 0 when the whole zone is meant.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// What is wrong and what to do.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{}:{}:{}: {severity}: {}", self.file, self.line, self.column, self.text)
    }
}

/// Looks at the whole zone.
pub(super) fn check(file: &ZoneFile) -> Vec<Finding> {
    let mut findings = Findings::default();
    let Some(apex) = file.apex() else {
        let position = file.records().next().map(|record| record.position);
        let position = position.unwrap_or(Position { file: "zone", line: 0, column: 0 });
        findings.error(position, "no SOA record; add one at the zone's name".to_owned());
        return findings.sorted();
    };
    let content = Content::new(file, apex);
    apex::check(&content, &mut findings);
    sets::check(&content, &mut findings);
    hidden::check(&content, &mut findings);
    aliases::check(&content, &mut findings);
    hosts::check(&content, &mut findings);
    findings.sorted()
}

/// The findings so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn error(&mut self, position: Position<'_>, text: String) {
        self.push(Severity::Error, position, text);
    }

    fn warning(&mut self, position: Position<'_>, text: String) {
        self.push(Severity::Warning, position, text);
    }

    fn push(&mut self, severity: Severity, position: Position<'_>, text: String) {
        let Position { file, line, column } = position;
        self.0.push(Finding { severity, file: file.to_owned(), line, column, text });
    }

    fn sorted(mut self) -> Vec<Finding> {
        self.0.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        self.0
    }
}

/// The records by owner.
#[derive(Debug)]
struct Content<'a> {
    file: &'a ZoneFile,
    apex: &'a Name,
    names: BTreeMap<&'a Name, Vec<ZoneFileRecord<'a>>>,
    /// Owners of NS records below the apex, and of DNAME records.
    cuts: BTreeSet<&'a Name>,
    dnames: BTreeSet<&'a Name>,
}

/// What a host name leads to.
#[derive(Debug, PartialEq, Eq)]
enum Host {
    /// Not in this zone: nothing can be said.
    Elsewhere,
    /// Below this cut, with or without an address beside it.
    Delegated { cut: Name, has_glue: bool },
    /// A name with addresses.
    Addresses,
    /// A name with a CNAME record.
    Alias,
    /// A name without addresses.
    NoAddress,
    /// No such name.
    Missing,
}

impl<'a> Content<'a> {
    fn new(file: &'a ZoneFile, apex: &'a Name) -> Self {
        let mut names: BTreeMap<&Name, Vec<ZoneFileRecord<'_>>> = BTreeMap::new();
        let (mut cuts, mut dnames) = (BTreeSet::new(), BTreeSet::new());
        for record in file.records() {
            names.entry(record.owner).or_default().push(record);
            match record.record_type {
                RecordType::NS if record.owner != apex => drop(cuts.insert(record.owner)),
                RecordType::DNAME => drop(dnames.insert(record.owner)),
                _ => {}
            }
        }
        Self { file, apex, names, cuts, dnames }
    }

    fn at(&self, name: &Name) -> &[ZoneFileRecord<'a>] {
        self.names.get(name).map_or(&[], Vec::as_slice)
    }

    fn has(&self, name: &Name, record_type: RecordType) -> bool {
        self.at(name).iter().any(|record| record.record_type == record_type)
    }

    fn has_address(&self, name: &Name) -> bool {
        self.has(name, RecordType::A) || self.has(name, RecordType::AAAA)
    }

    /// Whether the name owns records or lies above a name that does (RFC 4592 §2.2.2).
    fn exists(&self, name: &Name) -> bool {
        self.names
            .range::<Name, _>(name..)
            .next()
            .is_some_and(|(next, _)| next.is_subdomain_of(name))
    }

    /// The highest cut at or above a name.
    fn cut_of(&self, name: &Name) -> Option<Name> {
        if self.cuts.is_empty() {
            return None;
        }
        let inside = name.ancestors().take_while(|above| above.is_subdomain_of(self.apex));
        inside.filter(|above| self.cuts.contains(above)).last()
    }

    /// The highest DNAME above a name.
    fn dname_over(&self, name: &Name) -> Option<Name> {
        if self.dnames.is_empty() {
            return None;
        }
        let inside = name.ancestors().skip(1).take_while(|above| above.is_subdomain_of(self.apex));
        inside.filter(|above| self.dnames.contains(above)).last()
    }

    /// The wildcard that answers for a name that does not exist.
    fn wildcard_for(&self, name: &Name) -> Option<Name> {
        let encloser = name.ancestors().skip(1).find(|above| self.exists(above))?;
        encloser.child(b"*").ok().filter(|wildcard| self.names.contains_key(wildcard))
    }

    fn host(&self, name: &Name) -> Host {
        if !name.is_subdomain_of(self.apex) || self.dname_over(name).is_some() {
            return Host::Elsewhere;
        }
        if let Some(cut) = self.cut_of(name) {
            return Host::Delegated { cut, has_glue: self.has_address(name) };
        }
        let source = if self.exists(name) { Some(name.clone()) } else { self.wildcard_for(name) };
        match source {
            None => Host::Missing,
            Some(source) if self.has(&source, RecordType::CNAME) => Host::Alias,
            Some(source) if self.has_address(&source) => Host::Addresses,
            Some(_) => Host::NoAddress,
        }
    }
}

/// The name in a record's data that stands `prefix` octets in.
fn target(record: &ZoneFileRecord<'_>, prefix: usize) -> Option<Name> {
    Name::from_wire_prefix(record.data.get(prefix..)?).ok()
}

#[cfg(test)]
mod tests;
