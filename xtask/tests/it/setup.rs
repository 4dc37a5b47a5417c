//! What is missing is named, nothing is installed without a yes, and no server
//! is started by an installation.

use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A machine on which no peer is found: a search path with an installer that
/// only writes down what it is asked to install.
struct BareMachine {
    folder: tempfile::TempDir,
}

impl BareMachine {
    fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        // The installer's script goes to `sh`, as root or through `sudo`.
        for program in ["sh", "sudo"] {
            machine.put(program, "printf '%s\\n' \"$@\" >>\"$INSTALLER_LOG\"");
        }
        for program in ["npm", "apt-get"] {
            machine.put(program, "exit 1");
        }
        symlink(capa7_peers::find("id").unwrap(), machine.path("id")).unwrap();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program on the search path.
    fn put(&self, name: &str, script: &str) {
        let shell = capa7_peers::find("sh").unwrap();
        let path = self.path(name);
        std::fs::write(&path, format!("#!{}\n{script}\n", shell.display())).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// A command that sees this machine.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let cargo = PathBuf::from(std::env::var_os("CARGO").unwrap());
        let mut command = Command::new(program.as_ref());
        command
            .env("PATH", self.folder.path())
            .env("RUSTC", cargo.with_file_name("rustc"))
            .env("CARGO_TARGET_DIR", self.path("target"))
            .env("INSTALLER_LOG", self.path("log"))
            .env_remove("CI")
            .stdin(Stdio::null());
        command
    }

    /// What the installer was asked for, or nothing when it never ran.
    fn installed(&self) -> Option<String> {
        std::fs::read_to_string(self.path("log")).ok()
    }

    /// `setup` on a terminal, with an answer to its question.
    fn setup_on_a_terminal(&self, answer: &str) -> Option<Output> {
        let python = capa7_peers::need("python3")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/terminal.py");
        let mut command = self.command(python);
        // Python itself may be found through the usual search path only.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.arg(script).arg(answer).arg(self.folder.path()).args([XTASK, "setup"]);
        Some(command.output().unwrap())
    }
}

#[test]
fn on_a_terminal_what_is_missing_is_named_before_the_question() {
    let machine = BareMachine::new();
    let Some(output) = machine.setup_on_a_terminal("n") else { return };
    let text = text(&output);
    let (before, after) = text.split_once("-- answered").unwrap();
    // Each line says the program, its package and what it is for.
    assert!(before.contains("missing: dig (bind9-dnsutils), for stock queries"), "{before}");
    assert!(before.contains("missing: chromium (chromium), for "), "{before}");
    assert!(before.contains("missing: the npm packages"), "{before}");
    assert!(!after.contains("missing"), "{after}");
}

#[test]
fn without_a_yes_nothing_is_installed() {
    for answer in ["n", "", "no", "yep"] {
        let machine = BareMachine::new();
        let Some(output) = machine.setup_on_a_terminal(answer) else { return };
        let text = text(&output);
        assert!(text.contains("setup: nothing was installed"), "{answer:?}: {text}");
        assert_eq!(output.status.code(), Some(1), "{answer:?}: {text}");
        assert_eq!(machine.installed(), None, "{answer:?}");
    }
}

#[test]
fn with_a_yes_the_packages_that_were_named_are_installed() {
    let machine = BareMachine::new();
    let Some(output) = machine.setup_on_a_terminal("y") else { return };
    let text = text(&output);
    let installed = machine.installed().unwrap_or_default();
    let wanted: Vec<&str> = installed.lines().skip_while(|line| *line != "setup").collect();
    for package in ["bind9-dnsutils", "chromium", "mutt"] {
        assert!(wanted.contains(&package), "{package} is not in {wanted:?}: {text}");
    }
    // The installer did nothing, and `setup` looks for itself.
    assert_ne!(output.status.code(), Some(0), "{text}");
}

#[test]
fn without_a_terminal_nobody_is_asked_and_nothing_is_installed() {
    let machine = BareMachine::new();
    let output = machine.command(XTASK).arg("setup").output().unwrap();
    let text = text(&output);
    assert!(!text.contains("[y/N]"), "{text}");
    assert!(text.contains("set CI=true to install without asking"), "{text}");
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(machine.installed(), None);
}

#[test]
fn unattended_the_packages_are_installed_without_a_question() {
    let machine = BareMachine::new();
    let output = machine.command(XTASK).arg("setup").env("CI", "true").output().unwrap();
    let text = text(&output);
    assert!(!text.contains("[y/N]"), "{text}");
    assert!(machine.installed().unwrap_or_default().contains("bind9-dnsutils"), "{text}");
}

#[test]
fn sealed_an_installation_may_start_no_server_and_leaves_no_trace() {
    // In a mount namespace of its own, where /usr/sbin is an empty folder: the
    // script as it is, with a package manager that asks, as Debian's do, whether
    // it may start a server (policy-rc.d, invoke-rc.d(8)).
    let machine = BareMachine::new();
    let script = include_str!("../../src/setup/apt.sh");
    let ask = "[ \"$1\" = update ] && exit\n/usr/sbin/policy-rc.d postfix start\n\
               echo \"$@: $?\" >>\"$INSTALLER_LOG\"";
    machine.put("apt-get", ask);
    let search = search_path(&machine);
    let Some(unshare) = capa7_peers::find("unshare") else { return };
    let output = Command::new(unshare)
        .args(["--user", "--map-root-user", "--mount", "/bin/sh", "-c", INSIDE, "inside", script])
        .env("PATH", search)
        .env("INSTALLER_LOG", machine.path("log"))
        .output()
        .unwrap();
    let text = text(&output);
    if !text.contains("inside") {
        capa7_peers::skip("no mount namespaces here");
        return;
    }
    let asked = machine.installed().unwrap_or_default();
    assert_eq!(asked, "install --yes --no-install-recommends postfix: 101\n", "{text}");
    assert!(text.contains("left: 0"), "{text}");
}

/// The real programs, after the machine's own package manager.
fn search_path(machine: &BareMachine) -> OsString {
    for program in ["sh", "sudo", "id"] {
        std::fs::remove_file(machine.path(program)).unwrap();
    }
    let folders = [machine.folder.path().to_owned(), "/usr/bin".into(), "/bin".into()];
    std::env::join_paths(folders).unwrap()
}

/// Both streams of a program.
fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|stream| String::from_utf8_lossy(stream)).concat()
}

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");
/// Hides the system's policy, installs a package, and counts what is left.
const INSIDE: &str = "mount -t tmpfs none /usr/sbin || exit; echo inside; \
    /bin/sh -c \"$1\" setup postfix; echo left: $(ls /usr/sbin | wc -l)";
