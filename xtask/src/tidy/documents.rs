//! Rules about the documents at the root.

use std::collections::BTreeSet;

use serde_json::Value;

use super::crates::members;
use crate::source::Tree;

/// The longest ARCHITECTURE.md, in lines.
const ARCHITECTURE_LINES_MAX: usize = 400;

/// The fewest rows of its table of places.
const PLACES_MIN: usize = 25;

/// Where each direct dependency has its reason.
const REASONS: &str = "docs/decisions/0002-dependencies.md";

/// Documents and what must be in them.
const REQUIRED: [(&str, &str); 9] = [
    ("README.md", "cargo run --release -- lab"),
    ("README.md", "cargo xtask test"),
    ("ARCHITECTURE.md", "## Where is"),
    ("CONTRIBUTING.md", "cargo xtask tidy"),
    ("CHANGELOG.md", "## Unreleased"),
    ("LICENSE-MIT", "MIT License"),
    ("LICENSE-APACHE", "Apache License"),
    (".ci/run", "cargo xtask test"),
    ("docs/benchmarks.md", "# "),
];

/// Documents that are missing, or that lack what a reader comes for.
pub(super) fn required(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for (path, words) in REQUIRED {
        match tree.text(path) {
            None => findings.push(format!("{path} is missing")),
            Some(text) if !text.contains(words) => findings.push(format!("{path}: no “{words}”")),
            Some(_) => {}
        }
    }
    let readme = tree.text("README.md").unwrap_or_default();
    findings.extend(dead_links(tree, "README.md", readme));
    findings
}

/// An ARCHITECTURE.md that is too long, or that points to what is not there.
pub(super) fn architecture(tree: &Tree) -> Vec<String> {
    let text = tree.text("ARCHITECTURE.md").unwrap_or_default();
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > ARCHITECTURE_LINES_MAX {
        findings.push(format!("{lines} lines, more than {ARCHITECTURE_LINES_MAX}"));
    }
    let rows = places(text);
    if rows.len() < PLACES_MIN {
        findings.push(format!("the table of places has {} rows, not {PLACES_MIN}", rows.len()));
    }
    for (number, paths) in rows {
        if paths.is_empty() {
            findings.push(format!("ARCHITECTURE.md:{number}: the row names no path"));
        }
        let gone = paths.iter().filter(|path| !tree.has(path));
        findings.extend(gone.map(|path| format!("ARCHITECTURE.md:{number}: {path} is gone")));
    }
    findings
}

/// The rows of the table under “Where is”: line number, and the paths in backquotes of
/// the last column.
fn places(text: &str) -> Vec<(usize, Vec<&str>)> {
    let mut rows = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        if let Some(heading) = line.strip_prefix("## ") {
            inside = heading.starts_with("Where is");
        }
        let is_row = line.starts_with('|') && !line.starts_with("|-") && !line.starts_with("| ---");
        let last = line.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or_default();
        if inside && is_row && !last.trim().eq_ignore_ascii_case("place") {
            rows.push((index + 1, last.split('`').skip(1).step_by(2).collect()));
        }
    }
    rows
}

/// Direct dependencies without a line of reason.
pub(super) fn reasons(tree: &Tree, metadata: &Value) -> Vec<String> {
    let text = tree.text(REASONS).unwrap_or_default();
    let ours: BTreeSet<&str> =
        members(metadata).filter_map(|package| package["name"].as_str()).collect();
    let used: BTreeSet<&str> = members(metadata)
        .flat_map(|package| package["dependencies"].as_array().into_iter().flatten())
        .filter_map(|dependency| dependency["name"].as_str())
        .filter(|name| !ours.contains(name))
        .collect();
    let has_reason = |name: &str| {
        text.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{name}`")))
    };
    used.into_iter()
        .filter(|name| !has_reason(name))
        .map(|name| format!("{name}: write one line of reason into {REASONS}"))
        .collect()
}

/// Links from a document to files of the checkout that are not there.
fn dead_links(tree: &Tree, path: &str, text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets
        .map(|(target, _)| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://") && !tree.has(target))
        .map(|target| format!("{path}: {target} is not there"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::File;

    fn tree(path: &str, text: &str) -> Tree {
        Tree { files: vec![File { path: path.to_owned(), text: text.to_owned() }] }
    }

    #[test]
    fn the_table_of_places_is_read_with_its_paths() {
        let text = "## Where is …\n| what | place |\n|---|---|\n| a | `x/a.rs`, `x/b.rs` |\n\
                    | b | nowhere |\n## Next\n| c | `z` |\n";
        assert_eq!(places(text), [(4, vec!["x/a.rs", "x/b.rs"]), (5, vec![])]);
    }

    #[test]
    fn a_place_that_is_gone_is_found() {
        let rows = "| a | `gone.rs` |\n".repeat(PLACES_MIN);
        let findings = architecture(&tree("ARCHITECTURE.md", &format!("## Where is\n{rows}")));
        assert_eq!(findings.len(), PLACES_MIN);
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let metadata = serde_json::json!({ "packages": [{
            "name": "capa7", "source": null,
            "dependencies": [{ "name": "bytes" }, { "name": "tokio" }],
        }]});
        let reasons = reasons(&tree(REASONS, "| `bytes` | why |\n"), &metadata);
        assert_eq!(reasons.len(), 1, "{reasons:?}");
    }

    #[test]
    fn a_link_to_a_file_that_is_not_there_is_found() {
        let text = "[a](docs/a.md#x) [b](docs/b.md) [c](https://example.org)";
        assert_eq!(dead_links(&tree("docs/a.md", ""), "README.md", text).len(), 1);
    }
}
