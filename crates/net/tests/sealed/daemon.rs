//! A machine with a resolver daemon that knows every name.
//!
//! glibc asks such daemons through Unix sockets, which no network namespace
//! keeps away. The machine is staged: in a mount namespace of the test, /run
//! is empty but for the sockets of a daemon of ours, which counts its callers.
#![allow(unsafe_code, reason = "namespaces and mounts have no safe wrapper in our libraries")]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use crate::outside::{Folder, Lab, myself};

/// Where systemd-resolved, nscd and D-Bus listen.
const SOCKETS: [&str; 3] =
    ["/run/systemd/resolve/io.systemd.Resolve", "/run/nscd/socket", "/run/dbus/system_bus_socket"];
/// A name that the machine's own files do not have.
const NAME: &str = "www.urosario.edu.co";

pub(crate) fn names_come_from_the_lab_and_no_daemon() {
    let output = myself().arg("--stage").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    if let Some(why) = said.strip_prefix("cannot: ") {
        capa7_peers::skip(&format!("a staged machine: {}", why.trim()));
        return;
    }
    assert!(output.status.success(), "{said}{errors}");
    let lines: Vec<&str> = said.lines().collect();
    let [outside, inside, answer] = lines.as_slice() else { panic!("three lines: {said}{errors}") };
    // Without the lab the daemon is asked: it can be reached on this machine.
    assert_ne!(*outside, "0", "callers outside of the lab");
    assert_eq!(*inside, "0", "callers from inside the lab");
    let words: Vec<&str> = answer.split_whitespace().collect();
    assert_eq!(words, ["198.41.0.4", NAME], "the lab's resolver answers");
}

/// The staged machine; prints how often its daemon was called by a plain
/// program, by one in the lab, and what that one found.
pub(crate) fn stage() {
    if let Err(error) = set() {
        println!("cannot: {error}");
        return;
    }
    let folder = Folder::new();
    let callers = folder.path().join("callers");
    let file = File::create(&callers).unwrap();
    for path in SOCKETS {
        fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
        let listener = UnixListener::bind(path).unwrap();
        let mut file = file.try_clone().unwrap();
        std::thread::spawn(move || {
            for caller in listener.incoming() {
                drop(caller);
                file.write_all(b"x").unwrap();
            }
        });
    }
    let count = || fs::metadata(&callers).unwrap().len();
    let _answer = Command::new("getent").args(["hosts", "localhost.invalid"]).output().unwrap();
    let outside = count();
    let lab = Lab::start();
    let output = lab.output("a.example", &["getent", "hosts", NAME]);
    println!("{outside}\n{}", count() - outside);
    print!("{}", String::from_utf8_lossy(&output.stdout));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
}

fn set() -> std::io::Result<()> {
    let check = |result: i32| match result {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    };
    // SAFETY: these calls take numbers and touch no memory of ours.
    let (uid, gid, alone) =
        unsafe { (libc::geteuid(), libc::getegid(), libc::unshare(libc::CLONE_NEWNS)) };
    if alone != 0 {
        // SAFETY: as above.
        check(unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) })?;
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
        fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
    }
    let mount = |kind: &std::ffi::CStr, at: &std::ffi::CStr, flags| {
        // SAFETY: the pointers are to C strings that outlive the call; the
        // data may be null.
        let mounted = unsafe {
            libc::mount(kind.as_ptr(), at.as_ptr(), kind.as_ptr(), flags, std::ptr::null())
        };
        check(mounted)
    };
    mount(c"none", c"/", libc::MS_REC | libc::MS_PRIVATE)?;
    mount(c"tmpfs", c"/run", 0)
}
