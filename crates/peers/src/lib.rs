//! For tests: which outside programs are here, and how a missing one is told.
//!
//! A test that needs a real `dig` begins with
//!
//! ```
//! fn a_stock_client_reads_our_answer() {
//!     let Some(dig) = capa7_peers::need("dig") else { return };
//!     assert!(dig.is_absolute());
//! }
//! # a_stock_client_reads_our_answer();
//! ```
//!
//! Without the program the test returns: it prints `SKIPPED: dig` and adds a line
//! to the file named by [`SKIP_LOG`], which `cargo xtask test` counts. With
//! [`REQUIRE_PEERS`] set to `1` it fails instead. What is optional everywhere,
//! such as reference data beside the checkout, is told with [`skip`], which never
//! fails.
#![forbid(unsafe_code)]

#[cfg(unix)]
mod accounts;
#[cfg(unix)]
pub mod dovecot;
#[cfg(unix)]
pub mod mail_site;
mod ports;
#[cfg(unix)]
pub mod postfix;

use std::env;
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

pub use ports::free_port;

/// The environment variable with the file that skipped tests are written to.
pub const SKIP_LOG: &str = "CAPA7_SKIP_LOG";

/// The environment variable that, when it is `1`, makes a missing peer a failure.
pub const REQUIRE_PEERS: &str = "CAPA7_REQUIRE_PEERS";

/// Where Debian keeps servers, which a plain user's `PATH` leaves out.
const SERVER_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The full path of a program, or `None` after telling that it is missing.
///
/// # Panics
/// When the program is missing and [`REQUIRE_PEERS`] is `1`.
#[must_use]
pub fn need(program: &str) -> Option<PathBuf> {
    let found = find(program);
    if found.is_none() {
        missing(program);
    }
    found
}

/// Whether a Perl module is here; tells when it is missing.
///
/// # Panics
/// As [`need`].
#[must_use]
pub fn need_perl_module(module: &str) -> bool {
    let is_here = has_perl_module(module);
    if !is_here {
        missing(module);
    }
    is_here
}

/// Whether Perl finds a module, such as `Net::SSLeay`.
#[must_use]
pub fn has_perl_module(module: &str) -> bool {
    let Some(perl) = find("perl") else { return false };
    let asked = Command::new(perl).arg(format!("-M{module}")).args(["-e", "1"]).output();
    asked.is_ok_and(|output| output.status.success())
}

/// Tells that a peer that is not a program is missing, such as an npm package.
///
/// # Panics
/// When [`REQUIRE_PEERS`] is `1`.
pub fn missing(what: &str) {
    assert!(!required(), "missing: {what}; `cargo xtask setup` installs it");
    skip(what);
}

/// Tells that this test did not run for want of something that nobody must have:
/// reference data beside the checkout, or a right that the kernel denies.
#[expect(clippy::print_stderr, reason = "the person who runs one test must see the reason")]
pub fn skip(what: &str) {
    eprintln!("SKIPPED: {what}");
    let Some(log) = env::var_os(SKIP_LOG) else { return };
    let line = skip_line(thread::current().name(), what);
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    assert!(written.is_ok(), "cannot write {}: {written:?}", Path::new(&log).display());
}

/// The full path of a program that is here: first in `PATH`, then where servers are.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    find_in(program, &env::var_os("PATH").unwrap_or_default())
}

/// Whether a missing peer is a failure.
#[must_use]
pub fn required() -> bool {
    env::var_os(REQUIRE_PEERS).is_some_and(|value| value == "1")
}

fn find_in(program: &str, path: &OsStr) -> Option<PathBuf> {
    env::split_paths(path)
        .chain(SERVER_FOLDERS.iter().map(PathBuf::from))
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|candidate| is_executable(candidate))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// One record of the skip log; the test's name is its thread's, and a line break
/// in the reason must not make a second record.
fn skip_line(thread: Option<&str>, what: &str) -> String {
    format!("{}\t{}\n", thread.unwrap_or("?"), what.replace(['\n', '\t'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_program_is_found_by_its_full_path_only_when_it_can_be_run() {
        use std::fs::Permissions;
        use std::os::unix::fs::PermissionsExt;

        let folder = env::temp_dir().join(format!("capa7-peers-{}", std::process::id()));
        let program = folder.join("a-peer");
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        std::fs::write(&program, "").expect("a file in it");
        let found_with_mode = |mode| {
            std::fs::set_permissions(&program, Permissions::from_mode(mode)).expect("our file");
            find_in("a-peer", folder.as_os_str())
        };
        assert_eq!(found_with_mode(0o644), None, "a file that nobody may run");
        assert_eq!(found_with_mode(0o755).as_ref(), Some(&program));
        std::fs::remove_dir_all(&folder).expect("our folder");

        assert_eq!(find_in("a-peer", folder.as_os_str()), None, "it is gone");
        assert_eq!(find("sh").map(|path| path.is_absolute()), Some(true));
    }

    #[test]
    fn a_skip_is_one_record_with_the_test_that_made_it() {
        assert_eq!(skip_line(Some("it::a"), "dig\nand\tmore"), "it::a\tdig and more\n");
    }
}
