//! Rules about the crates of the house and what they may depend on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::source::Tree;

/// Which of our crates each of our crates may use. A crate that is not here may not
/// be added without a thought about its place.
const EDGES: [(&str, &[&str]); 14] = [
    ("capa7-dissect", &[]),
    ("capa7-peers", &[]),
    ("capa7-net", &["capa7-dissect"]),
    ("capa7-dns-proto", &["capa7-dissect"]),
    ("capa7-dns", &["capa7-dissect", "capa7-net", "capa7-dns-proto"]),
    ("capa7-http-proto", &["capa7-dissect"]),
    ("capa7-http", &["capa7-dissect", "capa7-net", "capa7-http-proto"]),
    ("capa7-mail-proto", &["capa7-dissect"]),
    (
        "capa7-mail",
        &[
            "capa7-dissect",
            "capa7-net",
            "capa7-dns-proto",
            "capa7-dns",
            "capa7-http-proto",
            "capa7-http",
            "capa7-mail-proto",
        ],
    ),
    ("capa7-sockets", &["capa7-dissect", "capa7-net"]),
    (
        "capa7-lab",
        &[
            "capa7-dissect",
            "capa7-net",
            "capa7-dns-proto",
            "capa7-dns",
            "capa7-http-proto",
            "capa7-http",
            "capa7-mail-proto",
            "capa7-mail",
            "capa7-sockets",
        ],
    ),
    (
        "capa7",
        &[
            "capa7-dissect",
            "capa7-net",
            "capa7-dns-proto",
            "capa7-dns",
            "capa7-http-proto",
            "capa7-http",
            "capa7-mail-proto",
            "capa7-mail",
            "capa7-sockets",
            "capa7-lab",
        ],
    ),
    (
        "capa7-bench",
        &[
            "capa7-dissect",
            "capa7-net",
            "capa7-dns-proto",
            "capa7-dns",
            "capa7-mail-proto",
            "capa7-mail",
            "capa7-peers",
        ],
    ),
    ("xtask", &["capa7-peers"]),
];

/// What finds peers for tests, and is no part of any program.
const FOR_TESTS: &str = "capa7-peers";

/// Packages that open sockets, spawn or read clocks: no pure crate may have one
/// below it.
const SYSTEM_PACKAGES: [&str; 10] = [
    "tokio",
    "mio",
    "socket2",
    "hyper",
    "async-io",
    "smol",
    "quinn",
    "capa7-net",
    "tokio-rustls",
    "rusqlite",
];

/// Words of the standard library that reach the system; clippy refuses the clocks
/// and sockets.
const SYSTEM_WORDS: [&str; 7] = [
    "std::fs",
    "std::process",
    "std::thread",
    "std::env",
    "std::os::",
    "std::io::stdin",
    "std::time::SystemTime",
];

/// Crates that may hold unsafe code: the door, and the bare echo server that
/// benchmarks compare with. Each block has a SAFETY comment, which clippy wants.
const UNSAFE_ALLOWED: [&str; 2] = ["capa7-net", "capa7-bench"];

/// The headings of each crate's README, in order.
const HEADINGS: [&str; 6] = [
    "**What it is.**",
    "**Read in this order.**",
    "**Messages.**",
    "**Machines.**",
    "**Knobs.**",
    "**Try it.**",
];

/// All packages that cargo knows.
pub(super) fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

/// Our own packages.
pub(super) fn members(metadata: &Value) -> impl Iterator<Item = &Value> {
    packages(metadata).filter(|package| package["source"].is_null())
}

/// The folder of one of our packages, from the root.
fn folder(package: &Value, metadata: &Value) -> String {
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    let manifest = package["manifest_path"].as_str().unwrap_or_default();
    let inside = manifest.strip_prefix(root).unwrap_or(manifest).replace('\\', "/");
    inside.trim_start_matches('/').trim_end_matches("/Cargo.toml").to_owned()
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap_or("?")
}

fn is_pure(name: &str) -> bool {
    name == "capa7-dissect" || name.ends_with("-proto")
}

/// Edges between our crates that the house does not have.
pub(super) fn edges(metadata: &Value) -> Vec<String> {
    let ours: BTreeSet<&str> = members(metadata).map(name).collect();
    let mut findings = Vec::new();
    for package in members(metadata) {
        let from = name(package);
        let Some((_, allowed)) = EDGES.iter().find(|(crate_name, _)| *crate_name == from) else {
            findings.push(format!("{from}: give it a place in xtask/src/tidy/crates.rs"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = name(dependency);
            let for_tests = dependency["kind"] == "dev" && to == FOR_TESTS;
            if ours.contains(to) && !allowed.contains(&to) && !for_tests {
                findings.push(format!("{from} may not use {to}"));
            }
        }
    }
    findings
}

/// Pure crates with a system package below them, or a word that reaches the system.
pub(super) fn purity(tree: &Tree, metadata: &Value) -> Vec<String> {
    let mut findings = Vec::new();
    let below = normal_dependencies(metadata);
    for package in members(metadata).filter(|package| is_pure(name(package))) {
        let id = package["id"].as_str().unwrap_or_default();
        for (found, path) in reachable(id, &below) {
            if SYSTEM_PACKAGES.contains(&found) {
                findings.push(format!("{}: {found} is below it, by {path}", name(package)));
            }
        }
        let libc = |dependency: &Value| name(dependency) == "libc" && dependency["kind"].is_null();
        if package["dependencies"].as_array().into_iter().flatten().any(libc) {
            findings.push(format!("{}: it may not call libc", name(package)));
        }
        let sources = format!("{}/src/", folder(package, metadata));
        for file in tree.ending(&[".rs"]).filter(|file| file.path.starts_with(&sources)) {
            let code = file.code().filter(|(_, line)| !line.trim_start().starts_with("//"));
            for (number, line) in code {
                let words = SYSTEM_WORDS.iter().filter(|word| line.contains(**word));
                findings.extend(words.map(|word| format!("{}:{number}: {word}", file.path)));
            }
        }
    }
    findings
}

/// For each package id, the (name, id) of what it links, without dev-dependencies.
fn normal_dependencies(metadata: &Value) -> BTreeMap<&str, Vec<(&str, &str)>> {
    let names: BTreeMap<&str, &str> = packages(metadata)
        .filter_map(|package| Some((package["id"].as_str()?, name(package))))
        .collect();
    let mut below = BTreeMap::new();
    for node in metadata["resolve"]["nodes"].as_array().into_iter().flatten() {
        let is_normal = |dependency: &&Value| {
            dependency["dep_kinds"].as_array().into_iter().flatten().any(|k| k["kind"].is_null())
        };
        let ids = node["deps"].as_array().into_iter().flatten().filter(is_normal);
        let named = ids.filter_map(|dependency| {
            let id = dependency["pkg"].as_str()?;
            Some((*names.get(id)?, id))
        });
        below.insert(node["id"].as_str().unwrap_or_default(), named.collect());
    }
    below
}

/// Every package below one, by name, with the first way to it.
fn reachable<'a>(
    id: &'a str,
    below: &BTreeMap<&'a str, Vec<(&'a str, &'a str)>>,
) -> BTreeMap<&'a str, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![(id, String::new())];
    while let Some((id, path)) = open.pop() {
        for (name, inner) in below.get(id).into_iter().flatten() {
            if !found.contains_key(name) {
                let path = format!("{path}/{name}");
                found.insert(*name, path.clone());
                open.push((inner, path));
            }
        }
    }
    found
}

/// Roots of crates that do not forbid unsafe code.
pub(super) fn unsafe_code(tree: &Tree, metadata: &Value) -> Vec<String> {
    let mut findings = Vec::new();
    for package in members(metadata).filter(|p| !UNSAFE_ALLOWED.contains(&name(p))) {
        let folder = folder(package, metadata);
        let roots = ["src/lib.rs", "src/main.rs"].map(|root| format!("{folder}/{root}"));
        for root in &roots {
            if tree.text(root).is_some_and(|text| !text.contains("#![forbid(unsafe_code)]")) {
                findings.push(format!("{root}: it has no #![forbid(unsafe_code)]"));
            }
        }
    }
    findings
}

/// Crates without the workspace's lints, with features, or without a full README.
pub(super) fn manners(tree: &Tree, metadata: &Value) -> Vec<String> {
    let mut findings = Vec::new();
    for package in members(metadata) {
        let folder = folder(package, metadata);
        let manifest = tree.text(&format!("{folder}/Cargo.toml")).unwrap_or_default();
        if !manifest.contains("[lints]\nworkspace = true") {
            findings.push(format!("{folder}/Cargo.toml: [lints] workspace = true is missing"));
        }
        if manifest.contains("[features]") {
            findings.push(format!("{folder}/Cargo.toml: optional is configuration, no feature"));
        }
        let readme = tree.text(&format!("{folder}/README.md")).unwrap_or_default();
        findings.extend(missing_heading(readme).map(|heading| {
            format!("{folder}/README.md: {heading} is missing, or not in the common order")
        }));
    }
    findings
}

fn missing_heading(readme: &str) -> Option<&'static str> {
    let mut rest = readme;
    for heading in HEADINGS {
        let Some((_, after)) = rest.split_once(heading) else { return Some(heading) };
        rest = after;
    }
    None
}

/// Fuzz targets without a committed corpus that tests replay.
pub(super) fn corpora(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.ending(&[".rs"]) {
        let Some(target) = file.path.strip_prefix("fuzz/fuzz_targets/") else { continue };
        let corpus = format!("fuzz/corpus/{}", target.trim_end_matches(".rs"));
        if !tree.has(&corpus) {
            findings.push(format!("{}: {corpus}/ is empty", file.path));
        }
    }
    findings
}

/// The share of code that cannot touch a socket, for each room: told, no rule.
pub(super) fn pure_share(tree: &Tree) -> Vec<String> {
    let mut pure: BTreeMap<&str, usize> = BTreeMap::new();
    let mut shell: BTreeMap<&str, usize> = BTreeMap::new();
    for file in tree.ending(&[".rs"]).filter(|file| file.path.contains("/src/")) {
        let Some(inside) = file.path.strip_prefix("crates/") else { continue };
        let Some((folder, _)) = inside.split_once('/') else { continue };
        let lines = file.lines_before_tests();
        match folder.strip_suffix("-proto") {
            Some(room) => *pure.entry(room).or_default() += lines,
            None => *shell.entry(folder).or_default() += lines,
        }
    }
    let tell = |(room, lines): (&&str, &usize)| {
        let all = lines + shell.get(*room).unwrap_or(&0);
        format!("{room}: {} % of {all} lines are pure", 100 * lines / all.max(1))
    };
    pure.iter().map(tell).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, dependencies: &Value) -> Value {
        json!({
            "name": name, "id": name, "source": null, "dependencies": dependencies,
            "manifest_path": format!("/c/crates/{name}/Cargo.toml"),
        })
    }

    #[test]
    fn an_edge_that_the_house_does_not_have_is_found() {
        let uses_net = json!([{ "name": "capa7-net", "kind": null }]);
        let metadata = json!({ "workspace_root": "/c", "packages": [
            package("capa7-net", &json!([{ "name": "capa7-peers", "kind": "dev" }])),
            package("capa7-dns-proto", &uses_net),
            package("capa7-dns", &uses_net),
            package("capa7-new", &json!([])),
            package("capa7-peers", &json!([])),
        ]});
        assert_eq!(
            edges(&metadata),
            [
                "capa7-dns-proto may not use capa7-net",
                "capa7-new: give it a place in xtask/src/tidy/crates.rs",
            ]
        );
    }

    #[test]
    fn a_socket_below_a_pure_crate_is_found_with_the_way_to_it() {
        let link = |to: &str, kind: Value| json!({ "pkg": to, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "workspace_root": "/c",
            "packages": [
                package("capa7-dns-proto", &json!([])),
                json!({ "name": "domain", "id": "domain", "source": "x" }),
                json!({ "name": "tokio", "id": "tokio", "source": "x" }),
                json!({ "name": "mio", "id": "mio", "source": "x" }),
            ],
            "resolve": { "nodes": [
                { "id": "capa7-dns-proto",
                  "deps": [link("domain", Value::Null), link("mio", json!("dev"))] },
                { "id": "domain", "deps": [link("tokio", Value::Null)] },
            ]},
        });
        assert_eq!(
            purity(&Tree::default(), &metadata),
            ["capa7-dns-proto: tokio is below it, by /domain/tokio"]
        );
    }

    #[test]
    fn a_readme_without_a_heading_is_found() {
        let full = HEADINGS.join(" x\n");
        assert_eq!(missing_heading(&full), None);
        let short = full.replace("**Machines.**", "");
        assert_eq!(missing_heading(&short), Some("**Machines.**"));
    }
}
