//! The ledger and the sources say the same, checked from both sides.

use std::collections::{BTreeMap, BTreeSet};

use super::citation::{self, Cited, Places};
use super::{PATH, Row, parse};
use crate::source::Tree;

/// The rows of the course, by letter: how many each station has, from which number.
const COURSE: [(char, usize, usize); 7] =
    [('M', 1, 11), ('H', 1, 1), ('D', 1, 15), ('P', 1, 8), ('V', 0, 9), ('K', 1, 3), ('T', 1, 2)];

/// The words of the state column.
const STATES: [&str; 4] = ["yes", "partial", "no", "n/a"];

fn rows(tree: &Tree) -> Result<Vec<Row>, Vec<String>> {
    parse(tree.text(PATH).unwrap_or_default()).map_err(|error| vec![error])
}

/// Columns, ids and states are as `spec/README.md` says, and no row of the course is
/// left out.
pub(crate) fn form(tree: &Tree) -> Vec<String> {
    let rows = match rows(tree) {
        Ok(rows) => rows,
        Err(findings) => return findings,
    };
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for row in &rows {
        if !seen.insert(row.id.as_str()) {
            findings.push(format!("{}: it stands twice", row.id));
        }
        findings.extend(fault_of(row).map(|fault| format!("{}: {fault}", row.id)));
    }
    for (letter, first, last) in COURSE {
        for number in first..=last {
            let name = format!("{letter}{number}");
            if !rows.iter().any(|row| row.is_course() && row.row == name) {
                findings.push(format!("course {name}: it has no statement"));
            }
        }
    }
    findings
}

fn fault_of(row: &Row) -> Option<&'static str> {
    if !STATES.contains(&row.state.as_str()) {
        return Some("its state is not yes, partial, no or n/a");
    }
    if row.is_course() {
        let number = row.id.strip_prefix(&row.row).and_then(|rest| rest.strip_prefix('.'));
        let numbered = number.is_some_and(|number| number.parse::<u32>().is_ok());
        return match () {
            () if !numbered => Some("its id is not its row, a dot and a number"),
            () if row.says_en.is_empty() || row.says_es.is_empty() => {
                Some("a statement is told in both languages")
            }
            () if row.wire_en.is_empty() != row.wire_es.is_empty() => {
                Some("what the wire does is told in both languages")
            }
            () if row.scenario.is_empty() => Some("it names no scenario"),
            () => None,
        };
    }
    match row.kind.as_str() {
        "section" if row.id != row.row && !row.id.starts_with(&format!("{} §", row.row)) => {
            Some("its id is not its document and a section")
        }
        "section" => None,
        _ => Some("its kind is not course or section"),
    }
}

/// Citations in sources that the ledger does not have.
pub(crate) fn citations(tree: &Tree) -> Vec<String> {
    let rows = rows(tree).unwrap_or_default();
    let mut findings = Vec::new();
    for (cited, places) in citation::collect(tree) {
        let (known, what) = match &cited {
            Cited::Section(id) => (knows_section(&rows, id), id.clone()),
            Cited::Course(id) => (knows_course(&rows, id), format!("course {id}")),
        };
        if !known {
            let place = places.lines.first().map_or("?", String::as_str);
            findings.push(format!("{place}: {what} has no row; run `cargo xtask ledger`"));
        }
    }
    findings
}

/// A whole document is known by any of its sections.
pub(super) fn knows_section(rows: &[Row], id: &str) -> bool {
    let sections = rows.iter().filter(|row| !row.is_course());
    sections.into_iter().any(|row| row.id == id || row.row == id)
}

fn knows_course(rows: &[Row], id: &str) -> bool {
    rows.iter().any(|row| row.is_course() && (row.id == id || row.row == id))
}

/// Rows that claim what no source, test or scenario shows.
pub(crate) fn proofs(tree: &Tree) -> Vec<String> {
    let rows = rows(tree).unwrap_or_default();
    let cited = citation::collect(tree);
    let scenarios = scenarios(tree);
    let mut findings = Vec::new();
    for row in rows.iter().filter(|row| matches!(row.state.as_str(), "yes" | "partial")) {
        let faults = if row.is_course() {
            course_faults(row, &scenarios)
        } else {
            section_faults(row, &cited)
        };
        let gone = row.files.split_whitespace().filter(|path| !tree.has(path));
        let gone = gone.map(|path| format!("{path} is gone; run `cargo xtask ledger`"));
        let untrue = row.tests.split_whitespace().filter(|test| !has_test(tree, test));
        let untrue = untrue.map(|test| format!("no test {test}; run `cargo xtask ledger`"));
        let all = faults.into_iter().chain(gone).chain(untrue);
        findings.extend(all.map(|fault| format!("{}: {fault}", row.id)));
    }
    findings
}

fn section_faults(row: &Row, cited: &BTreeMap<Cited, Places>) -> Vec<String> {
    let mut faults = Vec::new();
    let nowhere = Places::default();
    let places = cited.get(&Cited::Section(row.id.clone())).unwrap_or(&nowhere);
    let only_tests_needed = row.state == "partial" && !places.tests.is_empty();
    if places.files.is_empty() && !only_tests_needed {
        faults.push(format!("{} but no source cites it; run `cargo xtask ledger`", row.state));
    }
    if row.state == "yes" && row.tests.is_empty() {
        faults.push("yes but no test; cite the section in the test that shows it".to_owned());
    }
    faults
}

fn course_faults(row: &Row, scenarios: &BTreeMap<&str, &str>) -> Vec<String> {
    let mut faults = Vec::new();
    match scenarios.get(row.scenario.as_str()) {
        None => faults.push(format!("{} but labs/ has no {}", row.state, row.scenario)),
        Some(text) => {
            let (whole, part) = (format!("\"{}\"", row.row), format!("\"{}\"", row.id));
            if !text.contains(&whole) && !text.contains(&part) {
                faults.push(format!("scenario {} does not name it", row.scenario));
            }
        }
    }
    if row.files.is_empty() {
        faults.push(format!("no source cites `course {}`; run `cargo xtask ledger`", row.row));
    }
    faults
}

/// The scenarios: their id, which is their folder's name, and their text.
fn scenarios(tree: &Tree) -> BTreeMap<&str, &str> {
    let files = tree.ending(&["/scenario.toml"]).filter(|file| file.path.starts_with("labs/"));
    files.filter_map(|file| Some((file.path.rsplit('/').nth(1)?, file.text.as_str()))).collect()
}

/// Whether `path#name` is a function.
pub(super) fn has_test(tree: &Tree, test: &str) -> bool {
    let Some((path, name)) = test.split_once('#') else { return false };
    tree.text(path).is_some_and(|text| text.contains(&format!("fn {name}(")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::COLUMNS;
    use crate::source::File;

    fn tree(rows: &[&str], files: &[(&str, &str)]) -> Tree {
        let ledger = format!("{}\n{}\n", COLUMNS.join("\t"), rows.join("\n"));
        let all = files.iter().copied().chain([(PATH, ledger.as_str())]);
        let file = |(path, text): (&str, &str)| File { path: path.into(), text: text.into() };
        Tree { files: all.map(file).collect() }
    }

    const SOURCE: (&str, &str) = ("crates/x/src/a.rs", "// RFC 1035 §4.1.1\nfn a() {}\n");

    #[test]
    fn a_citation_without_a_row_is_found() {
        assert_eq!(citations(&tree(&[], &[SOURCE])).len(), 1);
        let row = "section\tRFC 1035 §4.1.1\tRFC 1035\t\t\t\t\t\tpartial\tcrates/x/src/a.rs\t";
        assert_eq!(citations(&tree(&[row], &[SOURCE])), Vec::<String>::new());
        assert_eq!(proofs(&tree(&[row], &[SOURCE])), Vec::<String>::new());
    }

    #[test]
    fn a_yes_needs_a_source_and_a_test_that_exist() {
        let row = "section\tRFC 1035 §4.1.1\tRFC 1035\t\t\t\t\t\tyes\tcrates/x/src/a.rs\t";
        assert_eq!(proofs(&tree(&[row], &[SOURCE])).len(), 1, "no test");
        let gone = format!("{row}crates/x/src/a.rs#gone");
        assert_eq!(proofs(&tree(&[&gone], &[SOURCE])).len(), 1, "a test that is gone");
        let there = format!("{row}crates/x/src/a.rs#a");
        assert_eq!(proofs(&tree(&[&there], &[SOURCE])), Vec::<String>::new());
        assert_eq!(proofs(&tree(&[&there], &[])).len(), 3, "source, file and test are gone");
    }

    #[test]
    fn a_statement_that_is_shown_needs_its_scenario() {
        let row = "course\tD6.1\tD6\tSays.\tDice.\t\t\tdns-cache\tyes\tcrates/x/src/a.rs\t";
        let names_it = ("labs/scenarios/dns-cache/scenario.toml", "course = [\"D6\"]");
        let other = ("labs/scenarios/dns-cache/scenario.toml", "course = [\"D7\"]");
        assert_eq!(proofs(&tree(&[row], &[SOURCE, names_it])), Vec::<String>::new());
        assert_eq!(proofs(&tree(&[row], &[SOURCE, other])).len(), 1);
        assert_eq!(proofs(&tree(&[row], &[SOURCE])).len(), 1);
    }

    #[test]
    fn a_row_of_the_course_without_a_statement_is_found() {
        let row = "course\tD6.1\tD6\tSays.\tDice.\t\t\tdns-cache\tno\t\t";
        let findings = form(&tree(&[row], &[]));
        let rows = COURSE.iter().map(|(_, first, last)| last - first + 1).sum::<usize>();
        assert_eq!(findings.len(), rows - 1, "{findings:?}");
    }

    #[test]
    fn a_statement_in_one_language_is_found() {
        let row = Row::parse("course\tD6.1\tD6\tSays.\t\t\t\tdns-cache\tno\t\t");
        let fault = row.as_ref().and_then(fault_of);
        assert_eq!(fault, Some("a statement is told in both languages"));
    }
}
