//! Every package that is built has a permissive licence and a known source.

use serde_json::Value;

use super::crates::packages;

/// Licences under which we may pass the package on in any form, by SPDX name.
const PERMISSIVE: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

/// The only source of packages beside our own folders, as cargo names it.
const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Packages whose licence or source is not one of ours.
pub(super) fn check(metadata: &Value) -> Vec<String> {
    let mut findings = Vec::new();
    for package in packages(metadata) {
        let name = package["name"].as_str().unwrap_or("?");
        if package["source"].as_str().is_some_and(|source| source != SOURCE) {
            findings.push(format!("{name}: unknown source {}", package["source"]));
        }
        match package["license"].as_str() {
            Some(licence) if is_permissive(licence) => {}
            Some(licence) => findings.push(format!("{name}: {licence} is not permissive")),
            None => findings.push(format!("{name}: it names no licence")),
        }
    }
    findings
}

/// Whether an SPDX expression can be met by permissive licences alone; the old form
/// `MIT/Apache-2.0` means `OR`.
fn is_permissive(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let met = any_of(&mut rest);
    met && rest.is_empty()
}

/// `a OR b`: `OR` binds weaker than `AND` (SPDX 2.3, annex D.4.5).
fn any_of(rest: &mut &[&str]) -> bool {
    let mut met = all_of(rest);
    while let ["OR", tail @ ..] = *rest {
        *rest = tail;
        met |= all_of(rest);
    }
    met
}

fn all_of(rest: &mut &[&str]) -> bool {
    let mut met = one(rest);
    while let ["AND", tail @ ..] = *rest {
        *rest = tail;
        met &= one(rest);
    }
    met
}

fn one(rest: &mut &[&str]) -> bool {
    match *rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let met = any_of(rest);
            let closed = rest.first() == Some(&")");
            *rest = rest.get(1..).unwrap_or_default();
            met && closed
        }
        [licence, "WITH", exception, tail @ ..] => {
            *rest = tail;
            PERMISSIVE.contains(&format!("{licence} WITH {exception}").as_str())
        }
        [licence, tail @ ..] => {
            *rest = tail;
            PERMISSIVE.contains(licence)
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_needs_one_permissive_licence_and_a_sum_needs_all() {
        for (expression, expected) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0-only OR MIT", true),
            ("GPL-3.0-only AND MIT", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("MIT AND (GPL-2.0-only OR AGPL-3.0-only)", false),
            ("Apache-2.0 WITH LLVM-exception OR GPL-2.0-only", true),
            ("GPL-2.0-only WITH Classpath-exception-2.0", false),
            ("MPL-2.0", false),
            ("(MIT", false),
            ("", false),
        ] {
            assert_eq!(is_permissive(expression), expected, "{expression:?}");
        }
    }

    #[test]
    fn a_package_from_elsewhere_is_found() {
        let metadata = serde_json::json!({ "packages": [
            { "name": "a", "license": "MIT", "source": "git+https://example.org/a" },
            { "name": "b", "license": null, "source": SOURCE },
            { "name": "c", "license": "MIT", "source": null },
        ]});
        assert_eq!(check(&metadata).len(), 2);
    }
}
