#![allow(clippy::disallowed_methods, reason = "a thread is what must be noticed")]

use std::process::Command;

use super::*;

/// Set in the environment of the process in which a test runs alone.
const ALONE: &str = "CAPA7_TEST_ALONE";

/// Runs `body` in a process of one thread: a fork of the test's program, which
/// is started again for this test only, so that no other test is in the way.
fn alone(test: &str, body: impl FnOnce() + std::panic::UnwindSafe) {
    if std::env::var_os(ALONE).is_some() {
        return in_fork(body);
    }
    let outcome = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("startup::tests::{test}"), "--test-threads=1", "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&outcome.stdout);
    let errors = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success(), "{text}{errors}");
    assert!(text.contains("1 passed"), "{text}");
}

fn in_fork(body: impl FnOnce() + std::panic::UnwindSafe) {
    // SAFETY: the only other thread of this process waits for this test and
    // holds no lock; the child leaves by _exit.
    unsafe {
        match libc::fork() {
            -1 => panic!("fork: {}", io::Error::last_os_error()),
            0 => libc::_exit(i32::from(std::panic::catch_unwind(body).is_err())),
            child => {
                let mut status = 0;
                assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
                assert_eq!(status, 0, "the body failed");
            }
        }
    }
}

#[test]
fn the_stages_run_in_their_order() {
    let order = std::cell::RefCell::new(Vec::new());
    let outcome: Result<u16, StartError> = start(
        || {
            order.borrow_mut().push("read");
            Ok("127.0.0.1:0".parse().unwrap())
        },
        |addr| {
            order.borrow_mut().push("open");
            Ok(TcpDoor::open(*addr)?)
        },
        |_| {
            order.borrow_mut().push("confine");
            Ok(Confinement::Nothing)
        },
        |_, door| async {
            order.borrow_mut().push("work");
            let local = door.local_addr().map_err(refused("asking"))?;
            let adopted = tokio::net::TcpListener::from_std(door.0).map_err(refused("adopting"))?;
            assert_eq!(adopted.local_addr().unwrap(), local);
            Ok(local.port())
        },
    );
    assert_ne!(outcome.unwrap(), 0);
    assert_eq!(*order.borrow(), ["read", "open", "confine", "work"]);
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let door = UdpDoor::open("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = door.local_addr().unwrap();
    let text = UdpDoor::open(addr).unwrap_err().to_string();
    assert_eq!(
        text,
        format!(
            "cannot listen on {addr} (UDP): port {} is in use by another program: stop that one, \
             or listen on another port",
            addr.port()
        )
    );
}

#[test]
fn an_address_of_another_machine_is_told_with_what_to_do() {
    let text = TcpDoor::open("192.0.2.1:0".parse().unwrap()).unwrap_err().to_string();
    assert!(text.contains("192.0.2.1 is not an address of this machine"), "{text}");
}

#[test]
fn privileges_are_not_given_up_once_there_are_threads() {
    std::thread::scope(|scope| {
        let (leave, stay) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || stay.recv());
        let outcome = Confinement::Namespace(Box::new(|| panic!("must not run"))).apply();
        assert!(matches!(outcome, Err(StartError::Threads(n)) if n > 1), "{outcome:?}");
        drop(leave);
    });
}

// Needs root; as another user there is nothing to give up, and the test says so.
#[test]
fn a_process_that_became_a_user_cannot_go_back() {
    alone("a_process_that_became_a_user_cannot_go_back", || {
        // SAFETY: a plain system call.
        if unsafe { libc::geteuid() } != 0 {
            return;
        }
        let nobody = User::named("nobody").unwrap();
        Confinement::User(nobody).apply().unwrap();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let value = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(value("Uid:"), vec![nobody.uid.to_string(); 4]);
        assert_eq!(value("Gid:"), vec![nobody.gid.to_string(); 4]);
        assert_eq!(value("Groups:"), vec![nobody.gid.to_string()]);
        assert_eq!(value("CapEff:"), ["0000000000000000"]);
        assert_eq!(value("CapPrm:"), ["0000000000000000"]);
        assert_eq!(value("NoNewPrivs:"), ["1"]);
        let low = UdpDoor::open("127.0.0.1:7".parse().unwrap());
        if let Err(error) = low {
            assert!(error.to_string().contains("need privileges"), "{error}");
        }
    });
}

#[test]
fn an_unknown_user_is_named() {
    alone("an_unknown_user_is_named", || {
        let text = User::named("no such user").unwrap_err().to_string();
        assert!(text.contains("no such user"), "{text}");
    });
}
