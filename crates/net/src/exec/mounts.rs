//! The private view of files that an exec'ed program gets.

use std::ffi::{CStr, CString};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{ExecError, Place};
use crate::control;
use crate::namespace::sys;

/// Folders in which daemons of the machine listen that resolve names for
/// others: systemd-resolved, nscd, D-Bus (through which both nss modules and
/// avahi ask), avahi, sssd, nslcd.
const COVERED: [&str; 11] = [
    "/run/systemd/resolve",
    "/run/nscd",
    "/run/dbus",
    "/run/avahi-daemon",
    "/run/nslcd",
    "/var/run/systemd/resolve",
    "/var/run/nscd",
    "/var/run/dbus",
    "/var/run/avahi-daemon",
    "/var/run/nslcd",
    "/var/lib/sss/pipes",
];

const RESOLV_CONF: &str = "/etc/resolv.conf";
const NSSWITCH_CONF: &str = "/etc/nsswitch.conf";
const HOSTS: &str = "/etc/hosts";

/// Symbolic links that are followed from one name.
const LINKS_MAX: usize = 16;
/// A few kilobytes of text live in each of the memory file systems.
const TMPFS_OPTIONS: &CStr = c"mode=0755,size=1m";
/// Seconds that a program waits for its resolver, and tries: a name that does
/// not resolve is told in a quarter of a minute.
const RESOLVER_OPTIONS: &str = "options timeout:5 attempts:3";

/// Covers the folders of daemons, puts the lab's files over the machine's, and
/// returns the file with the authority's certificate, when there is one.
pub(super) fn arrange(place: &Place) -> Result<Option<PathBuf>, ExecError> {
    // Mounts made here shall not be seen outside.
    sys::mount(c"none", c"/", c"", libc::MS_REC | libc::MS_PRIVATE, c"")
        .map_err(ExecError::at("making the mounts private"))?;
    let shelf = control::folder()?.join("exec");
    control::private_folder(&shelf, sys::who_am_i().0)?;
    mount_memory(&shelf).map_err(ExecError::at("a file system in memory"))?;
    let put = |name: &str, text: &str| {
        let file = shelf.join(name);
        fs::write(&file, text).map_err(ExecError::at("writing the lab's files")).map(|()| file)
    };
    let resolv = final_target(Path::new(RESOLV_CONF));
    cover()?;
    place_over(&resolv, &put("resolv.conf", &resolv_conf(place))?)?;
    if let Ok(text) = fs::read_to_string(NSSWITCH_CONF) {
        place_over(Path::new(NSSWITCH_CONF), &put("nsswitch.conf", &nsswitch_conf(&text))?)?;
    }
    if Path::new(HOSTS).exists() {
        place_over(Path::new(HOSTS), &put("hosts", &hosts(place))?)?;
    }
    if place.authority_pem.is_empty() {
        return Ok(None);
    }
    put("authority.pem", &place.authority_pem).map(Some)
}

fn cover() -> Result<(), ExecError> {
    for path in COVERED {
        // What cannot be seen cannot be reached by the program either.
        if !Path::new(path).is_dir() {
            continue;
        }
        mount_memory(Path::new(path))
            .map_err(|source| ExecError::Uncovered { path: path.into(), source })?;
    }
    Ok(())
}

/// Puts `file` over `target`. A target that lay in a covered folder is made
/// anew in it; one whose folder cannot be written is an error.
fn place_over(target: &Path, file: &Path) -> Result<(), ExecError> {
    let made = || -> io::Result<()> {
        if !target.exists() {
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(target, "")?;
        }
        let (from, to) = (c_path(file)?, c_path(target)?);
        sys::mount(&from, &to, c"", libc::MS_BIND, c"")
    };
    made().map_err(|source| {
        tracing::debug!(target = %target.display(), %source, "a file is not covered");
        ExecError::Step {
            step: "putting the lab's resolv.conf, hosts and nsswitch.conf in place",
            source,
        }
    })
}

fn mount_memory(target: &Path) -> io::Result<()> {
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    sys::mount(c"tmpfs", &c_path(target)?, c"tmpfs", flags, TMPFS_OPTIONS)
}

fn c_path(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

/// Where a name leads when its links are followed, also when nothing is there:
/// resolv.conf is often a link into a folder that is about to be covered.
fn final_target(name: &Path) -> PathBuf {
    let mut at = name.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(to) = fs::read_link(&at) else { break };
        let parent = at.parent().unwrap_or(Path::new("/"));
        at = parent.join(to);
    }
    // The folder's own links and dots, which are there before covering.
    let folder = at.parent().and_then(|parent| fs::canonicalize(parent).ok());
    match (folder, at.file_name()) {
        (Some(folder), Some(file)) => folder.join(file),
        _ => at,
    }
}

fn resolv_conf(place: &Place) -> String {
    let mut text = String::from("# This file is the lab's.\n");
    for resolver in &place.resolvers {
        let _infallible = writeln!(text, "nameserver {resolver}");
    }
    if !place.search.is_empty() {
        let _infallible = writeln!(text, "search {}", place.search.join(" "));
    }
    text.push_str(RESOLVER_OPTIONS);
    text.push('\n');
    text
}

/// The machine's file with the line for hosts replaced: files first, then DNS,
/// no module that would ask a daemon.
fn nsswitch_conf(machine: &str) -> String {
    let is_hosts = |line: &&str| line.trim_start().starts_with("hosts:");
    let mut text = String::from("# This file is the machine's but for its line hosts.\n");
    text.push_str("hosts: files dns\n");
    for line in machine.lines().filter(|line| !is_hosts(line)) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn hosts(place: &Place) -> String {
    let mut text = String::from("127.0.0.1 localhost\n::1 localhost ip6-localhost\n");
    let short = place.host.split('.').next().filter(|short| *short != place.host);
    for address in &place.addresses {
        let _infallible = write!(text, "{address} {}", place.host);
        if let Some(short) = short {
            let _infallible = write!(text, " {short}");
        }
        text.push('\n');
    }
    for (address, name) in &place.names {
        let _infallible = writeln!(text, "{address} {name}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            host: "laptop.umass.edu".into(),
            addresses: vec!["128.119.1.9".parse().expect("an address")],
            resolvers: vec!["128.119.1.53".parse().expect("an address")],
            search: vec!["umass.edu".into()],
            names: vec![("128.119.1.30".parse().expect("an address"), "servername".into())],
            ..Place::default()
        }
    }

    #[test]
    fn names_are_asked_of_the_sites_resolver_only() {
        let text = resolv_conf(&place());
        let servers: Vec<_> = text.lines().filter(|line| line.starts_with("nameserver")).collect();
        assert_eq!(servers, ["nameserver 128.119.1.53"]);
        assert!(text.contains("\nsearch umass.edu\n"), "{text}");
    }

    #[test]
    fn hosts_are_found_in_files_and_dns_and_nowhere_else() {
        let machine = "passwd: files systemd\nhosts: mymachines resolve [!UNAVAIL=return] dns\n";
        let text = nsswitch_conf(machine);
        let hosts: Vec<_> = text.lines().filter(|line| line.starts_with("hosts:")).collect();
        assert_eq!(hosts, ["hosts: files dns"]);
        assert!(text.contains("passwd: files systemd\n"), "{text}");
    }

    #[test]
    fn a_host_knows_itself_by_its_long_and_short_name() {
        let text = hosts(&place());
        assert!(text.contains("\n128.119.1.9 laptop.umass.edu laptop\n"), "{text}");
        assert!(text.ends_with("\n128.119.1.30 servername\n"), "{text}");
    }

    #[test]
    fn a_link_is_followed_also_when_it_leads_to_nothing() {
        let folder = std::env::temp_dir().join(format!("c7-links-{}", std::process::id()));
        fs::create_dir_all(folder.join("deep")).expect("a folder");
        std::os::unix::fs::symlink("deep/../nothing", folder.join("link")).expect("a link");
        let expected = fs::canonicalize(&folder).expect("it is there").join("nothing");
        assert_eq!(final_target(&folder.join("link")), expected);
        fs::remove_dir_all(&folder).expect("ours");
    }
}
