//! Faults that are not errors of syntax.

use std::fmt;

use super::ZoneFile;

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

pub(super) fn check(_zone: &ZoneFile) -> Vec<Finding> {
    Vec::new()
}
