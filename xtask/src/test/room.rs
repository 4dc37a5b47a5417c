//! Whether the disks have room for a run: a full one shows itself as tests that fail
//! for reasons that have nothing to do with what they test.

use std::path::Path;
use std::process::Command;

use super::Settings;
use crate::shell;

/// What a run writes into an empty build folder, measured with Rust 1.95, rounded up.
const BUILD_KIB: u64 = 4 << 20;

/// What the tests have in the folder for temporary files at one time, rounded up.
const TESTS_KIB: u64 = 1 << 20;

/// Below this a disk is as good as full.
const FULL_KIB: u64 = 64 << 10;

/// Says so when the run may end on a full disk.
pub(crate) fn warn(settings: &Settings) {
    let debug = settings.target.join("debug");
    let built = kib(Command::new("du").arg("-sk").arg(&debug), |text| text).unwrap_or(0);
    let wanted = BUILD_KIB.saturating_sub(built);
    for (folder, wanted) in [(&settings.target, wanted), (&std::env::temp_dir(), TESTS_KIB)] {
        if let Some(free) = free_kib(folder).filter(|free| *free < wanted) {
            let (free, wanted) = (free >> 10, wanted >> 10);
            println!("warning: {free} MiB are free for {}, of {wanted}", folder.display());
            println!("         `cargo clean` makes room; CARGO_TARGET_DIR and TMPDIR move it");
        }
    }
}

/// Names a disk that is full after a run that failed.
pub(crate) fn blame(settings: &Settings) {
    for folder in [&settings.target, &std::env::temp_dir()] {
        if free_kib(folder).is_some_and(|free| free < FULL_KIB) {
            println!("the disk of {} is full: make room, then run again", folder.display());
        }
    }
}

/// What is free on the disk of a folder, or of the nearest one above it that is there.
fn free_kib(folder: &Path) -> Option<u64> {
    let folder = folder.ancestors().find(|folder| folder.is_dir())?;
    kib(Command::new("df").arg("-Pk").arg(folder), available)
}

/// The fourth column of what `df -P` says of one file system (POSIX).
fn available(text: &str) -> &str {
    text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)).unwrap_or("")
}

/// The number at the beginning of the part of a command's answer.
fn kib(command: &mut Command, part: fn(&str) -> &str) -> Option<u64> {
    let text = shell::output(command).ok()?;
    part(&text).split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_room_is_the_fourth_column_whatever_the_name_of_the_disk() {
        let text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                    /dev/vda 263112772 12021872 83341008 13% /\n";
        assert_eq!(available(text), "83341008");
        assert_eq!(available("df: no such thing"), "");
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_the_one_above() {
        let folder = std::env::temp_dir().join("capa7-not-there/debug");
        assert!(free_kib(&folder).is_some());
    }
}
