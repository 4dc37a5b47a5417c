//! `cargo xtask tidy`: the rules of the house that no compiler checks.

mod crates;
mod documents;
mod licences;
mod page;
mod text;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::ledger;
use crate::shell;
use crate::source::Tree;

/// What one rule found: each line says where, and what to do.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    name: &'static str,
    findings: Vec<String>,
}

/// What all rules found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    rules: Vec<Rule>,
    remarks: Vec<String>,
}

/// Prints what every rule found; fails when one found something.
pub(crate) fn run() -> Result<ExitCode> {
    let report = check_all(&shell::root())?;
    report.print();
    println!("tidy: {} rules held, {} broken", report.held(), report.broken());
    Ok(if report.broken() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Applies every rule to the checkout.
pub(crate) fn check_all(root: &Path) -> Result<Report> {
    let tree = Tree::read(root)?;
    let metadata = shell::metadata()?;
    let mut report = Report::default();
    report.rule("lines of at most 100 columns", text::long_lines(&tree));
    report.rule("files of at most 600 lines", text::long_files(&tree));
    report.rule("no forbidden words", text::forbidden_words(&tree));
    report.rule("no mod.rs, no glob imports", text::modules(&tree));
    report.rule("no test that is ignored or must panic", text::test_attributes(&tree));
    report.rule("edges between crates", crates::edges(&metadata));
    report.rule("pure crates touch no system", crates::purity(&tree, &metadata));
    report.rule("unsafe code only in the door", crates::unsafe_code(&tree, &metadata));
    report.rule("lints and README of each crate", crates::manners(&tree, &metadata));
    report.rule("corpora of fuzz targets", crates::corpora(&tree));
    report.rule("licences and sources", licences::check(&metadata));
    report.rule("a reason for each dependency", documents::reasons(&tree, &metadata));
    report.rule("ARCHITECTURE.md", documents::architecture(&tree));
    report.rule("documents", documents::required(&tree));
    report.rule("languages of the page", page::languages(&tree));
    report.rule("no foreign code in the page", page::own_code(&tree));
    report.rule("ledger: form", ledger::check::form(&tree));
    report.rule("ledger: every citation has a row", ledger::check::citations(&tree));
    report.rule("ledger: every claim has its proof", ledger::check::proofs(&tree));
    report.remarks = crates::pure_share(&tree);
    Ok(report)
}

impl Report {
    fn rule(&mut self, name: &'static str, findings: Vec<String>) {
        self.rules.push(Rule { name, findings });
    }

    /// How many rules hold.
    pub(crate) fn held(&self) -> usize {
        self.rules.len() - self.broken()
    }

    /// How many rules are broken.
    pub(crate) fn broken(&self) -> usize {
        self.rules.iter().filter(|rule| !rule.findings.is_empty()).count()
    }

    /// Shows what was found.
    pub(crate) fn print(&self) {
        for rule in self.rules.iter().filter(|rule| !rule.findings.is_empty()) {
            println!("tidy: {} ({})", rule.name, rule.findings.len());
            for finding in &rule.findings {
                println!("  {finding}");
            }
        }
        for remark in &self.remarks {
            println!("tidy: {remark}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every rule holds for the checkout that this test is in.
    #[test]
    fn the_house_is_tidy() {
        let report = check_all(&shell::root()).expect("the checkout can be read");
        report.print();
        assert_eq!(report.broken(), 0, "`cargo xtask tidy` says what to do");
    }
}
