//! The files of the checkout, read once.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// Longer files are data, not text that a person wrote; they are listed, not read.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// Folders that hold what tools made, for a checkout without git.
const MADE: [&str; 4] = ["target", "node_modules", ".git", "artifacts"];

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// The path from the root, with forward slashes.
    pub(crate) path: String,
    /// What is in it; empty when it is no text.
    pub(crate) text: String,
}

/// The files that belong to the project: committed, or about to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    /// Sorted by path.
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// Reads the checkout.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut paths = if root.join(".git").exists() { listed(root)? } else { walked(root)? };
        paths.sort();
        paths.dedup();
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            let full = root.join(&path);
            // A file that was deleted and not yet committed is listed all the same.
            let Ok(meta) = full.symlink_metadata() else { continue };
            let readable = meta.is_file() && meta.len() <= TEXT_BYTES_MAX;
            let bytes = if readable { std::fs::read(&full)? } else { Vec::new() };
            files.push(File { path, text: String::from_utf8(bytes).unwrap_or_default() });
        }
        Ok(Self { files })
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    /// Whether there is such a file, or a folder with a file in it.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let inside = |file: &File| {
            file.path
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.files.iter().any(inside)
    }

    /// The files whose name ends so.
    pub(crate) fn ending<'t>(&'t self, ends: &'t [&str]) -> impl Iterator<Item = &'t File> {
        self.files.iter().filter(|file| ends.iter().any(|end| file.path.ends_with(end)))
    }
}

impl File {
    /// Whether all of it is tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// How many of its lines come before its tests, which stand at the bottom.
    pub(crate) fn lines_before_tests(&self) -> usize {
        if self.is_test() {
            return 0;
        }
        let lines: Vec<&str> = self.text.lines().collect();
        let starts = |pair: &[&str]| {
            pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
        };
        lines.windows(2).position(starts).unwrap_or(lines.len())
    }

    /// Its lines before its tests, numbered from 1.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        numbered.take(self.lines_before_tests())
    }
}

fn listed(root: &Path) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let text = shell::output(git.current_dir(root))?;
    Ok(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

fn walked(root: &Path) -> Result<Vec<String>> {
    let mut folders = vec![PathBuf::new()];
    let mut paths = Vec::new();
    while let Some(folder) = folders.pop() {
        let full = root.join(&folder);
        for entry in full.read_dir().with_context(|| format!("read {}", full.display()))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if !entry.file_type()?.is_dir() {
                paths.push(path.to_string_lossy().replace('\\', "/"));
            } else if !MADE.iter().any(|made| entry.file_name() == *made) {
                folders.push(path);
            }
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_at_the_bottom_do_not_count() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n".to_owned();
        let file = File { path: "crates/x/src/a.rs".to_owned(), text };
        assert_eq!(file.lines_before_tests(), 2);
        let declared = "fn a() {}\n#[cfg(test)]\nmod tests;\nfn b() {}\n".to_owned();
        let file = File { path: "crates/x/src/a.rs".to_owned(), text: declared };
        assert_eq!(file.lines_before_tests(), 4);
    }

    #[test]
    fn a_folder_is_there_when_a_file_is_in_it() {
        let file = File { path: "web/panels/map.js".to_owned(), text: String::new() };
        let tree = Tree { files: vec![file] };
        assert!(tree.has("web/panels/") && tree.has("web/panels/map.js"));
        assert!(!tree.has("web/pan"));
    }
}
