//! `spec/ledger.tsv`: what the course and the standards say, and where it is true.
//!
//! Its columns are described in `spec/README.md`.

pub(crate) mod check;
pub(crate) mod citation;
pub(crate) mod refresh;

use std::fmt;

/// The file, from the root.
pub(crate) const PATH: &str = "spec/ledger.tsv";

/// The names of the columns, which are the first line.
pub(crate) const COLUMNS: [&str; 11] = [
    "kind", "id", "row", "says_en", "says_es", "wire_en", "wire_es", "scenario", "state", "files",
    "tests",
];

/// One line of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// `course` or `section`.
    pub(crate) kind: String,
    /// `D4.2`, `RFC 1035 §4.1.1`.
    pub(crate) id: String,
    /// What it is a part of: `D4`, `RFC 1035`.
    pub(crate) row: String,
    /// The statement, or the title of the section.
    pub(crate) says_en: String,
    /// The statement in Spanish.
    pub(crate) says_es: String,
    /// Where the lecture simplifies: what the wire really does. For a section: what is
    /// left out, as a person judged it.
    pub(crate) wire_en: String,
    /// The same in Spanish.
    pub(crate) wire_es: String,
    /// The scenario that shows it.
    pub(crate) scenario: String,
    /// `yes`, `partial`, `no`, `n/a`.
    pub(crate) state: String,
    /// Paths of sources that cite it, separated by spaces.
    pub(crate) files: String,
    /// Tests that cite it, as `path#name`, separated by spaces.
    pub(crate) tests: String,
}

impl Row {
    /// Reads one line; `None` when it has not the right number of columns.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let columns: Vec<&str> = line.split('\t').collect();
        let columns: [&str; COLUMNS.len()] = columns.try_into().ok()?;
        let [kind, id, row, says_en, says_es, wire_en, wire_es, scenario, state, files, tests] =
            columns.map(str::to_owned);
        Some(Self {
            kind,
            id,
            row,
            says_en,
            says_es,
            wire_en,
            wire_es,
            scenario,
            state,
            files,
            tests,
        })
    }

    /// Whether it is a statement of the course.
    pub(crate) fn is_course(&self) -> bool {
        self.kind == "course"
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, id, row, says_en, says_es, wire_en, wire_es, .. } = self;
        let Self { scenario, state, files, tests, .. } = self;
        let columns =
            [kind, id, row, says_en, says_es, wire_en, wire_es, scenario, state, files, tests];
        f.write_str(&columns.map(String::as_str).join("\t"))
    }
}

/// Reads all rows; an error names the line.
pub(crate) fn parse(text: &str) -> Result<Vec<Row>, String> {
    let mut lines = text.lines();
    if lines.next() != Some(COLUMNS.join("\t").as_str()) {
        return Err(format!("{PATH}:1: the first line must be {}", COLUMNS.join(" ")));
    }
    let numbered = lines.enumerate().map(|(index, line)| (index + 2, line));
    numbered
        .map(|(number, line)| {
            Row::parse(line)
                .ok_or_else(|| format!("{PATH}:{number}: {} columns are wanted", COLUMNS.len()))
        })
        .collect()
}
