//! Rules about the text of files, whatever is in them.

use crate::source::{File, Tree};

/// The longest line, in characters.
const COLUMNS_MAX: usize = 100;

/// The longest file without its tests, in lines.
const LINES_MAX: usize = 600;

/// Files whose lines a person reads as code.
const CODE: [&str; 7] = [".rs", ".js", ".mjs", ".css", ".html", ".sh", ".ci/run"];

/// Files in which long lines or machine paths are somebody else's business.
const MADE_BY_TOOLS: [&str; 3] = ["Cargo.lock", "package-lock.json", ".snap"];

/// Parts of texts that say something about one machine and nothing about the
/// project. Each is put together here, so that this file does not hold it.
const FORBIDDEN: [(&str, &str); 8] = [
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/Use", "rs/"), "a path of one machine"),
    (concat!("/tmp/", "t_"), "a path of one machine"),
    (concat!("registry.", "npmjs"), "the host of a registry"),
    (concat!("static.", "crates.io"), "the host of a registry"),
    (concat!("index.", "crates.io"), "the host of a registry"),
    (concat!("deb.", "debian.org"), "the host of a registry"),
];

/// Lines that are too long; a line that is one long word, such as an address, may be.
pub(super) fn long_lines(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.ending(&CODE) {
        for (index, line) in file.text.lines().enumerate() {
            let columns = line.chars().count();
            let one_word = line.split_whitespace().any(|word| word.chars().count() > COLUMNS_MAX);
            if columns > COLUMNS_MAX && !one_word {
                findings.push(format!("{}:{}: {columns} columns", file.path, index + 1));
            }
        }
    }
    findings
}

/// Files that hold more than one idea.
pub(super) fn long_files(tree: &Tree) -> Vec<String> {
    let long = |file: &&File| file.lines_before_tests() > LINES_MAX;
    let tell = |file: &File| {
        let lines = file.lines_before_tests();
        format!("{}: {lines} lines; split it by state or concern", file.path)
    };
    tree.ending(&CODE).filter(|file| !file.path.contains(".test.")).filter(long).map(tell).collect()
}

/// Texts that belong to one machine.
pub(super) fn forbidden_words(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in &tree.files {
        if MADE_BY_TOOLS.iter().any(|end| file.path.ends_with(end)) {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            for (word, why) in FORBIDDEN.iter().filter(|(word, _)| line.contains(word)) {
                findings.push(format!("{}:{}: {word} is {why}", file.path, index + 1));
            }
        }
    }
    findings
}

/// `mod.rs` files, and glob imports outside tests.
pub(super) fn modules(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.ending(&[".rs"]) {
        if file.path.ends_with("/mod.rs") && !file.is_test() {
            findings.push(format!("{}: write foo.rs beside foo/", file.path));
        }
        for (number, line) in file.code().filter(|(_, line)| is_glob_import(line)) {
            findings.push(format!("{}:{number}: name what you use: {}", file.path, line.trim()));
        }
    }
    findings
}

/// Tests that do not run, or that only ask for a panic.
pub(super) fn test_attributes(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.ending(&[".rs"]) {
        for (index, line) in file.text.lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("#[ignore") || line.starts_with("#[should_panic") {
                findings.push(format!("{}:{}: {line}", file.path, index + 1));
            }
        }
    }
    findings
}

fn is_glob_import(line: &str) -> bool {
    let line = line.trim_start();
    let import = line.split_once("use ").is_some_and(|(before, _)| {
        before.is_empty() || (before.starts_with("pub") && before.ends_with(' '))
    });
    import && line.trim_end().ends_with("::*;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(path: &str, text: &str) -> Tree {
        Tree { files: vec![File { path: path.to_owned(), text: text.to_owned() }] }
    }

    #[test]
    fn a_long_line_is_found_and_a_long_address_is_not() {
        let words = "word ".repeat(21);
        assert_eq!(long_lines(&tree("a.rs", &words)), ["a.rs:1: 105 columns"]);
        let address = format!("// {}", "x".repeat(120));
        assert_eq!(long_lines(&tree("a.rs", &address)), Vec::<String>::new());
        assert_eq!(long_lines(&tree("a.md", &words)), Vec::<String>::new());
    }

    #[test]
    fn a_file_is_measured_without_its_tests() {
        let code = "//\n".repeat(LINES_MAX);
        let tests = format!("{code}#[cfg(test)]\nmod tests {{\n{code}}}\n");
        assert_eq!(long_files(&tree("a.rs", &tests)), Vec::<String>::new());
        assert_eq!(long_files(&tree("a.rs", &format!("{code}//\n"))).len(), 1);
    }

    #[test]
    fn a_path_of_one_machine_is_found_except_in_lock_files() {
        let text = format!("see {}main", FORBIDDEN[0].0);
        assert_eq!(forbidden_words(&tree("README.md", &text)).len(), 1);
        assert_eq!(forbidden_words(&tree("Cargo.lock", &text)), Vec::<String>::new());
    }

    #[test]
    fn glob_imports_are_found_outside_tests_only() {
        let text = "use std::fmt::*;\npub(crate) use x::*;\n#[cfg(test)]\nmod tests {\n    use \
                    super::*;\n}\n";
        assert_eq!(modules(&tree("a.rs", text)).len(), 2);
    }

    #[test]
    fn an_ignored_test_is_found() {
        assert_eq!(test_attributes(&tree("a.rs", "    #[ignore = \"slow\"]\n")).len(), 1);
    }
}
