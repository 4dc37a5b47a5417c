//! Rules about the page: its two languages, and that all of its code is our own.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::source::Tree;

/// Signs that a script was made by a tool or taken from somebody.
const FOREIGN: [&str; 4] = ["sourceMappingURL=", "@license", "__webpack", "@preserve"];

/// Places in HTML and CSS from which a browser fetches at once.
const FETCHES: [&str; 7] = [
    "src=\"http",
    "src='http",
    "src=\"//",
    "@import url",
    "@import \"",
    "url(http",
    "rel=\"stylesheet\" href=\"http",
];

/// Each text of the page is there in both languages, with the same blanks to fill.
pub(super) fn languages(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.ending(&["/en.json"]).filter(|file| file.path.starts_with("web/")) {
        let other = file.path.replace("/en.json", "/es.json");
        let Some(spanish) = tree.text(&other) else {
            findings.push(format!("{other}: it does not exist, {} does", file.path));
            continue;
        };
        match (texts(&file.text), texts(spanish)) {
            (Ok(english), Ok(spanish)) => {
                findings.extend(compare(&english, &spanish, &other));
                findings.extend(compare(&spanish, &english, &file.path));
            }
            (Err(error), _) => findings.push(format!("{}: {error}", file.path)),
            (_, Err(error)) => findings.push(format!("{other}: {error}")),
        }
    }
    findings.extend(scenario_texts(tree));
    findings
}

/// Each scenario's text has the same headings, which are the ids of its steps, in both
/// languages.
fn scenario_texts(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.ending(&["/text.en.md"]).filter(|file| file.path.starts_with("labs/")) {
        let other = file.path.replace("/text.en.md", "/text.es.md");
        match tree.text(&other) {
            None => findings.push(format!("{other}: it does not exist, {} does", file.path)),
            Some(text) if headings(text) != headings(&file.text) => {
                findings.push(format!("{other}: its headings are not those of {}", file.path));
            }
            Some(_) => {}
        }
    }
    findings
}

/// The ids of steps: `## ask: Andrea asks` is `ask`. The first heading is a title.
fn headings(text: &str) -> Vec<&str> {
    let steps = text.lines().filter_map(|line| line.strip_prefix("## "));
    steps.map(|heading| heading.split(':').next().unwrap_or(heading).trim()).collect()
}

/// No script of others, no script made by a tool, nothing fetched from elsewhere.
pub(super) fn own_code(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.ending(&[".js", ".mjs", ".css", ".html", ".wasm"]) {
        let path = &file.path;
        if path.contains("node_modules/") || path.contains(".min.") || path.ends_with(".wasm") {
            findings.push(format!("{path}: foreign or made code is not kept here"));
            continue;
        }
        if !path.starts_with("web/") {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            let signs = FOREIGN.iter().chain(&FETCHES).filter(|sign| line.contains(**sign));
            findings.extend(signs.map(|sign| format!("{path}:{}: {sign}", index + 1)));
        }
    }
    findings
}

/// All texts of a language, with the keys of nested objects joined by dots.
fn texts(json: &str) -> Result<BTreeMap<String, String>, String> {
    let value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let mut found = BTreeMap::new();
    let mut open = vec![(String::new(), &value)];
    while let Some((key, value)) = open.pop() {
        match value {
            Value::Object(members) => {
                open.extend(members.iter().map(|(name, inner)| (format!("{key}.{name}"), inner)));
            }
            Value::String(text) if !text.trim().is_empty() => {
                found.insert(key, text.clone());
            }
            _ => return Err(format!("{key} is no text")),
        }
    }
    Ok(found)
}

/// What `left` has and `right`, at `path`, has not.
fn compare(
    left: &BTreeMap<String, String>,
    right: &BTreeMap<String, String>,
    path: &str,
) -> Vec<String> {
    let mut findings = Vec::new();
    for (key, text) in left {
        let Some(other) = right.get(key) else {
            findings.push(format!("{path}: {key} is missing"));
            continue;
        };
        for blank in blanks(text).filter(|blank| !blanks(other).any(|there| there == *blank)) {
            findings.push(format!("{path}: {key} has no {{{blank}}}"));
        }
    }
    findings
}

/// The names in braces: `{count}`.
fn blanks(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::File;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Tree { files: files.iter().map(file).collect() }
    }

    #[test]
    fn a_text_in_one_language_only_is_found_with_its_key() {
        let page = tree(&[
            ("web/i18n/en.json", r#"{"map":{"title":"Map","hosts":"{n} hosts"}}"#),
            ("web/i18n/es.json", r#"{"map":{"hosts":"equipos"},"extra":"sobra"}"#),
        ]);
        assert_eq!(
            languages(&page),
            [
                "web/i18n/es.json: .map.hosts has no {n}",
                "web/i18n/es.json: .map.title is missing",
                "web/i18n/en.json: .extra is missing",
            ]
        );
    }

    #[test]
    fn a_step_that_is_told_in_one_language_only_is_found() {
        let english = ("labs/scenarios/a/text.en.md", "# A\n## ask: He asks\n## end: Done\n");
        let spanish = ("labs/scenarios/a/text.es.md", "# A\n## ask: Pregunta\n## end: Listo\n");
        let short = ("labs/scenarios/a/text.es.md", "# A\n## ask: Pregunta\n");
        assert_eq!(languages(&tree(&[english, spanish])), Vec::<String>::new());
        assert_eq!(languages(&tree(&[english, short])).len(), 1);
        assert_eq!(languages(&tree(&[english])).len(), 1);
    }

    #[test]
    fn foreign_scripts_and_outside_fetches_are_found() {
        let page = tree(&[
            ("web/vendor.min.js", ""),
            ("web/index.html", "<script src=\"https://example.org/x.js\"></script>"),
            ("web/app.js", "import { signal } from './dom.js';"),
        ]);
        assert_eq!(own_code(&page).len(), 2);
    }
}
