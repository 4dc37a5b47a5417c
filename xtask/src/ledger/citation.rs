//! Citations in sources: `RFC 1035 §4.1.1`, `BEP 3`, `course D6`.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{File, Tree};

/// The folders whose citations count.
const FOLDERS: [&str; 4] = ["crates/", "web/", "bench/", "fuzz/fuzz_targets/"];

/// The kinds of files that cite.
const ENDS: [&str; 3] = [".rs", ".js", ".mjs"];

/// How far the words of a citation may be from each other: over a line break and the
/// comment signs of the next line.
const BREAK: [&str; 3] = ["\n///", "\n//!", "\n//"];

/// What is cited: a section or a document, or a row of the course.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cited {
    /// The ledger's id: `RFC 1035 §4.1.1`, `RFC 1035`, `BEP 3`.
    Section(String),
    /// `D6`, `D6.2`.
    Course(String),
}

/// Where something is cited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// `path:line` of each, in order.
    pub(crate) lines: Vec<String>,
    /// The files that are not tests.
    pub(crate) files: BTreeSet<String>,
    /// The tests, as `path#name`.
    pub(crate) tests: BTreeSet<String>,
}

/// Everything that the sources cite.
pub(crate) fn collect(tree: &Tree) -> BTreeMap<Cited, Places> {
    let mut all: BTreeMap<Cited, Places> = BTreeMap::new();
    for file in tree.ending(&ENDS) {
        if !FOLDERS.iter().any(|folder| file.path.starts_with(folder)) {
            continue;
        }
        let tests_from = file.lines_before_tests();
        for (line, cited) in in_text(&file.text) {
            let places = all.entry(cited).or_default();
            places.lines.push(format!("{}:{line}", file.path));
            if line <= tests_from {
                places.files.insert(file.path.clone());
            } else if let Some(test) = test_around(file, line) {
                places.tests.insert(format!("{}#{test}", file.path));
            }
        }
    }
    all
}

/// The citations of a text, with the lines that they begin on.
fn in_text(text: &str) -> Vec<(usize, Cited)> {
    let flat = flatten(text);
    let mut found = Vec::new();
    for (word, prefix) in [("RFC ", "RFC"), ("BEP ", "BEP"), ("course ", "")] {
        for (start, _) in flat.match_indices(word) {
            let line = flat[..start].matches('\n').count() + 1;
            let rest = &flat[start + word.len()..];
            let own_word = !flat[..start].ends_with(|c: char| c.is_alphanumeric());
            if !own_word {
                continue;
            }
            let cited = if prefix.is_empty() { course(rest) } else { sections(prefix, rest) };
            found.extend(cited.into_iter().map(|cited| (line, cited)));
        }
    }
    found
}

/// Lets a citation go over a line break in a comment, and keeps the count of lines.
fn flatten(text: &str) -> String {
    let mut flat = text.replace('\u{a0}', " ");
    for indent in ["", "    ", "        ", "            ", "                "] {
        for sign in BREAK {
            let broken = sign.replace('\n', &format!("\n{indent}"));
            for word in ["RFC", "BEP", "course"] {
                flat = flat.replace(&format!("{word}{broken} "), &format!("{word} \n"));
            }
        }
    }
    flat
}

/// `1035 §4.1.1, §4.1.2`, `4033–4035`, `1034`.
fn sections(prefix: &str, rest: &str) -> Vec<Cited> {
    let rest = rest.trim_start_matches('\n');
    let (number, mut rest) = digits(rest);
    if number.is_empty() {
        return Vec::new();
    }
    let document = format!("{prefix} {number}");
    let mut cited = Vec::new();
    for joint in [" §", ", §", " and §", "–§", " appendix "] {
        let Some(after) = rest.strip_prefix(joint) else { continue };
        let (section, after) = section(after);
        if section.is_empty() {
            continue;
        }
        cited.push(Cited::Section(format!("{document} §{section}")));
        rest = after;
        break;
    }
    while !cited.is_empty() {
        let joints = [", §", " and §", "–§", "/§"];
        let Some(after) = joints.iter().find_map(|joint| rest.strip_prefix(joint)) else { break };
        let (section, after) = section(after);
        if section.is_empty() {
            break;
        }
        cited.push(Cited::Section(format!("{document} §{section}")));
        rest = after;
    }
    if cited.is_empty() {
        cited.push(Cited::Section(document));
        let last = rest.strip_prefix('–').map(|after| digits(after).0).unwrap_or_default();
        if !last.is_empty() {
            cited.push(Cited::Section(format!("{prefix} {last}")));
        }
    }
    cited
}

/// `D6`, `D6.2`, `D1–D15`, `K1, K2`: the first and, of a range, the last.
fn course(rest: &str) -> Vec<Cited> {
    let mut cited = Vec::new();
    let mut rest = rest.trim_start_matches('\n');
    loop {
        let letter = rest.chars().next().filter(|c| "MHDPVKT".contains(*c));
        let Some(letter) = letter else { break };
        let (number, after) = section(&rest[1..]);
        if !number.starts_with(|c: char| c.is_ascii_digit()) {
            break;
        }
        cited.push(Cited::Course(format!("{letter}{number}")));
        let joints = ["–", ", ", " and "];
        let Some(next) = joints.iter().find_map(|joint| after.strip_prefix(joint)) else { break };
        rest = next;
    }
    cited
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// A section's number: digits, letters and dots between them.
fn section(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(text.len());
    let number = text[..end].trim_end_matches('.');
    (number, &text[number.len()..])
}

/// The test that a line belongs to: the one below when the line is a comment above a
/// function, else the one around it, else the first of the file.
fn test_around(file: &File, line: usize) -> Option<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut below = lines.iter().skip(line - 1).map(|line| line.trim_start());
    let heads = |line: &&str| line.starts_with("//") || line.starts_with("#[");
    let after = below.find(|line| !heads(line)).and_then(function_name);
    let mut above = lines.iter().take(line).rev();
    let around = after.or_else(|| above.find_map(|line| function_name(line.trim_start())));
    let first = || lines.iter().find_map(|line| function_name(line.trim_start()));
    around.or_else(first).map(str::to_owned)
}

/// The name in `fn name(`.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let modifiers = before.split_whitespace();
    let is_head = modifiers.into_iter().all(|word| {
        matches!(word, "pub" | "pub(crate)" | "pub(super)" | "async" | "const" | "unsafe")
    });
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    (is_head && end > 0).then_some(&after[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cited(text: &str) -> Vec<String> {
        let name = |(_, cited)| match cited {
            Cited::Section(id) => id,
            Cited::Course(id) => format!("course {id}"),
        };
        in_text(text).into_iter().map(name).collect()
    }

    #[test]
    fn citations_are_read_in_all_their_forms() {
        for (text, expected) in [
            ("// RFC 1035 §4.1.1.", vec!["RFC 1035 §4.1.1"]),
            ("(RFC 1035 §4.1.1, §4.1.2)", vec!["RFC 1035 §4.1.1", "RFC 1035 §4.1.2"]),
            ("RFC 1034 §4.3.2 step 3, RFC 4592", vec!["RFC 1034 §4.3.2", "RFC 4592"]),
            ("RFC 4033–4035", vec!["RFC 4033", "RFC 4035"]),
            ("BEP 3 and BEP 10 §x", vec!["BEP 3", "BEP 10 §x"]),
            ("/// RFC\n/// 1035 §3.1 x", vec!["RFC 1035 §3.1"]),
            ("course D6, D7 and K1", vec!["course D6", "course D7", "course K1"]),
            ("course D1–D15)", vec!["course D1", "course D15"]),
            ("course D4.2 counts", vec!["course D4.2"]),
            ("the course of a run; an RFC too", vec![]),
        ] {
            assert_eq!(cited(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_line_of_a_citation_is_its_own() {
        assert_eq!(in_text("a\n\n// RFC 8020\n")[0].0, 3);
        assert_eq!(in_text("/// RFC\n/// 1035 §3.1\n// BEP 3")[1].0, 3);
    }

    #[test]
    fn a_citation_in_a_test_belongs_to_that_test() {
        let text = "/// RFC 1035 §3.1\nfn code() {}\n\n#[cfg(test)]\nmod tests {\n    \
                    /// RFC 1035 §3.1\n    #[test]\n    fn above() {}\n    #[test]\n    fn \
                    within() {\n        // RFC 1035 §3.1\n        run();\n    }\n}\n";
        let path = "crates/x/src/a.rs".to_owned();
        let tree = Tree { files: vec![File { path, text: text.to_owned() }] };
        let all = collect(&tree);
        let places = &all[&Cited::Section("RFC 1035 §3.1".to_owned())];
        assert_eq!(places.files.iter().collect::<Vec<_>>(), ["crates/x/src/a.rs"]);
        let tests: Vec<&str> = places.tests.iter().map(String::as_str).collect();
        assert_eq!(tests, ["crates/x/src/a.rs#above", "crates/x/src/a.rs#within"]);
    }
}
