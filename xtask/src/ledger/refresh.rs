//! `cargo xtask ledger`: fills the columns that the sources decide.
//!
//! A section that is cited and has no row gets one. The files and tests of every row
//! are those that cite it. A section's state is `yes` when a source and a test cite it,
//! else `partial`, unless a person wrote what is left out, or `no` or `n/a`. The state of a
//! statement of the course is a person's.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::citation::{self, Cited, Places};
use super::{COLUMNS, PATH, Row, check, parse};
use crate::shell;
use crate::source::Tree;

/// The most files or tests that a row names.
const NAMED_MAX: usize = 4;

/// Rewrites the ledger.
pub(crate) fn run() -> Result<ExitCode> {
    let root = shell::root();
    let tree = Tree::read(&root)?;
    let text = tree.text(PATH).with_context(|| format!("{PATH} is missing"))?;
    let rows = match parse(text) {
        Ok(rows) => rows,
        Err(error) => bail!(error),
    };
    let fresh = refreshed(rows, &tree);
    let mut new = COLUMNS.join("\t");
    for row in &fresh {
        new.push('\n');
        new.push_str(&row.to_string());
    }
    new.push('\n');
    if new == text {
        println!("ledger: up to date, {} rows", fresh.len());
    } else {
        std::fs::write(root.join(PATH), new)?;
        println!("ledger: {} rows written", fresh.len());
    }
    Ok(ExitCode::SUCCESS)
}

/// The rows as the sources say: statements of the course in their order, then the
/// sections sorted by document and section.
fn refreshed(rows: Vec<Row>, tree: &Tree) -> Vec<Row> {
    let cited = citation::collect(tree);
    let (mut course, mut sections): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(Row::is_course);
    for row in &mut course {
        let places = [&row.id, &row.row].map(|id| cited.get(&Cited::Course(id.clone())));
        let files = places.into_iter().flatten().flat_map(|places| &places.files);
        row.files = named(files.map(String::as_str));
    }
    for id in cited.keys() {
        if let Cited::Section(id) = id
            && !check::knows_section(&sections, id)
        {
            let new = new_section(id);
            let of_the_same = sections.iter().find(|row| row.row == new.row);
            let says_en = of_the_same.map(|row| row.says_en.clone()).unwrap_or_default();
            sections.push(Row { says_en, ..new });
        }
    }
    sections.iter_mut().for_each(|row| refresh_section(row, &cited, tree));
    let cited_or_judged = |row: &Row| {
        let cited = !row.files.is_empty() || !row.tests.is_empty();
        cited || matches!(row.state.as_str(), "no" | "n/a")
    };
    sections.retain(cited_or_judged);
    sections.sort_by_cached_key(|row| sort_key(&row.id));
    course.extend(sections);
    course
}

fn new_section(id: &str) -> Row {
    let document = id.split_once(" §").map_or(id, |(document, _)| document);
    Row {
        kind: "section".to_owned(),
        id: id.to_owned(),
        row: document.to_owned(),
        state: "partial".to_owned(),
        ..Row::default()
    }
}

fn refresh_section(row: &mut Row, cited: &BTreeMap<Cited, Places>, tree: &Tree) {
    let nowhere = Places::default();
    let places = cited.get(&Cited::Section(row.id.clone())).unwrap_or(&nowhere);
    row.files = named(places.files.iter().map(String::as_str));
    // A test that a person named stays as long as it exists.
    let kept: Vec<&str> =
        row.tests.split_whitespace().filter(|t| check::has_test(tree, t)).collect();
    let found = places.tests.iter().map(String::as_str).filter(|test| !kept.contains(test));
    row.tests = named(kept.iter().copied().chain(found));
    let judged = !row.wire_en.is_empty() || matches!(row.state.as_str(), "no" | "n/a");
    if !judged {
        let shown = !row.files.is_empty() && !row.tests.is_empty();
        row.state = if shown { "yes" } else { "partial" }.to_owned();
    }
}

fn named<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut unique: Vec<&str> = Vec::new();
    for name in names {
        if !unique.contains(&name) && unique.len() < NAMED_MAX {
            unique.push(name);
        }
    }
    unique.join(" ")
}

/// Numbers as numbers: RFC 1035 §4.1.10 comes after §4.1.9.
fn sort_key(id: &str) -> (String, Vec<u32>, String) {
    let numbers = id.split(|c: char| !c.is_ascii_digit());
    let numbers = numbers.filter_map(|number| number.parse().ok()).collect();
    (id.chars().take_while(|c| c.is_alphabetic()).collect(), numbers, id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::File;

    fn tree(text: &str) -> Tree {
        let path = "crates/x/src/a.rs".to_owned();
        Tree { files: vec![File { path, text: text.to_owned() }] }
    }

    const TESTED: &str = "// RFC 1035 §4.1.1\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    // RFC \
                          1035 §4.1.1\n    #[test]\n    fn shows() {}\n}\n";

    #[test]
    fn a_cited_section_gets_a_row_with_its_files_and_tests() {
        let rows = refreshed(Vec::new(), &tree(TESTED));
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].state.as_str(), rows[0].row.as_str()), ("yes", "RFC 1035"));
        assert_eq!(rows[0].tests, "crates/x/src/a.rs#shows");
    }

    #[test]
    fn what_a_person_judged_stays() {
        let mut judged = new_section("RFC 1035 §4.1.1");
        "inverse queries".clone_into(&mut judged.wire_en);
        let rows = refreshed(vec![judged], &tree(TESTED));
        assert_eq!(rows[0].state, "partial");
        let mut unwanted = new_section("RFC 2065 §1");
        "n/a".clone_into(&mut unwanted.state);
        assert_eq!(refreshed(vec![unwanted], &tree("")).len(), 1);
    }

    #[test]
    fn a_section_that_nobody_cites_any_more_has_no_row() {
        assert_eq!(refreshed(vec![new_section("RFC 1035 §9")], &tree("")), Vec::new());
    }

    #[test]
    fn sections_are_sorted_as_numbers() {
        assert!(sort_key("RFC 1035 §4.1.9") < sort_key("RFC 1035 §4.1.10"));
        assert!(sort_key("BEP 3") < sort_key("RFC 1034"));
    }
}
