//! Servers under measure: start, CPU time, memory, end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// A server that this benchmark started; it ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    /// The name in the table.
    pub(crate) name: &'static str,
    /// The port on 127.0.0.1.
    pub(crate) port: u16,
    child: Child,
}

impl Server {
    /// Starts `command` on the server's core and waits until it answers.
    pub(crate) fn start(
        name: &'static str,
        port: u16,
        command: &[&str],
        log: &Path,
        answers: impl Fn(u16) -> bool,
    ) -> Result<Self> {
        Self::start_on(SERVER_CORE, name, port, command, log, answers)
    }

    /// The same on a list of cores, as `taskset -c` takes it.
    pub(crate) fn start_on(
        cores: &str,
        name: &'static str,
        port: u16,
        command: &[&str],
        log: &Path,
        answers: impl Fn(u16) -> bool,
    ) -> Result<Self> {
        let output = std::fs::File::create(log)?;
        let child = Command::new("taskset")
            .args(["-c", cores])
            .args(command)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let mut server = Self { name, port, child };
        for _ in 0..START_TRIES {
            if answers(port) {
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                bail!("{name} ended with {status}: {}", last_words(log));
            }
            pause();
        }
        bail!("{name} does not answer on port {port}: {}", last_words(log));
    }

    fn family(&self) -> Family {
        Family::of(self.child.id())
    }

    /// Processor time used so far, in ticks of the kernel's clock.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let ticks = |pid| {
            let fields = stat(pid)?;
            Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
        };
        self.family().members().into_iter().filter_map(ticks).sum()
    }

    /// Proportional memory of the family, in KiB (shared pages counted once).
    pub(crate) fn memory_kib(&self) -> u64 {
        self.family().memory_kib()
    }

    /// Keeps every process of the family on the server's core.
    pub(crate) fn pin(&self) {
        for pid in self.family().members() {
            let _ = Command::new("taskset")
                .args(["-a", "-c", "-p", SERVER_CORE, &pid.to_string()])
                .stdout(Stdio::null())
                .status();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.family().end();
        let _ = self.child.wait();
    }
}

/// A process and all that it started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family(u32);

impl Family {
    /// The family of a process.
    pub(crate) fn of(pid: u32) -> Self {
        Self(pid)
    }

    /// Its members that run, the oldest first.
    fn members(self) -> Vec<u32> {
        let mut family = vec![self.0];
        let mut next = 0;
        while let Some(&parent) = family.get(next) {
            next += 1;
            for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
                let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
                if stat(pid).and_then(|fields| fields.get(1)?.parse().ok()) == Some(parent) {
                    family.push(pid);
                }
            }
        }
        family
    }

    /// Proportional memory, in KiB (shared pages counted once).
    pub(crate) fn memory_kib(self) -> u64 {
        let pss = |pid| {
            let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            let line = text.lines().find(|line| line.starts_with("Pss:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        };
        self.members().into_iter().filter_map(pss).sum()
    }

    /// Tells each to end.
    pub(crate) fn end(self) {
        for pid in self.members() {
            let _ = Command::new("kill").arg(pid.to_string()).stderr(Stdio::null()).status();
        }
    }
}

/// Our own program, built for release; `CAPA7_PROGRAM` names another.
pub(crate) fn capa7() -> Result<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/capa7");
    let program = std::env::var("CAPA7_PROGRAM").map_or(program, PathBuf::from);
    if !program.exists() {
        bail!("{} is missing: `cargo build --release -p capa7` makes it", program.display());
    }
    Ok(program)
}

/// The end of what a server said.
fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
}

/// The fields of `/proc/PID/stat` after the command's name: state is 0,
/// parent 1, user time 11, system time 12.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// A tenth of a second.
pub(crate) fn pause() {
    let _ = Command::new("sleep").arg("0.1").status();
}

/// Where `program` is on the search path.
pub(crate) fn find(program: &str) -> Option<String> {
    ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]
        .iter()
        .map(|folder| format!("{folder}/{program}"))
        .find(|path| Path::new(path).exists())
}

/// The core for servers; clients run on [`CLIENT_CORE`].
pub(crate) const SERVER_CORE: &str = "1";
/// The core for clients.
pub(crate) const CLIENT_CORE: &str = "0";
/// Both, for servers whose share of a machine is not measured by core.
pub(crate) const EVERY_CORE: &str = "0,1";
/// Twenty seconds for a server to come up.
const START_TRIES: u32 = 200;
