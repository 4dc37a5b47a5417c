//! What a test does from outside of the lab, as a person would.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use capa7_net::control::Client;
use serde_json::{Value, json};

/// Set in the run as the user nobody.
pub(crate) const NOBODY: &str = "CAPA7_TEST_AS_NOBODY";
/// Nobody's number.
const NOBODY_ID: u32 = 65_534;

/// A folder of this user's own that goes away with the test. Its path is
/// short, for it will be part of a socket's address.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("c7s-{}-{count}", std::process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                // A process of this number was killed and left it.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => {
                    made.unwrap();
                    return Self(path);
                }
            }
        }
    }

    pub(crate) fn for_nobody() -> Self {
        let folder = Self::new();
        chown(folder.path(), Some(NOBODY_ID), Some(NOBODY_ID)).unwrap();
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn become_nobody(command: &mut Command) {
    command.uid(NOBODY_ID).gid(NOBODY_ID);
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// Why this machine cannot run a sealed lab with programs in it, if so.
pub(crate) fn cannot_seal() -> Option<String> {
    let output = myself().arg("--doctor").output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let reasons = report.get("reasons").and_then(Value::as_array).cloned().unwrap_or_default();
    let reasons: Vec<&str> = reasons.iter().filter_map(Value::as_str).collect();
    let good = report.get("mode") == Some(&json!("sealed"))
        && reasons.iter().any(|reason| reason.starts_with("veth pairs and packet sockets work"));
    (!good).then(|| format!("sealed labs: {}", reasons.join("; ")))
}

/// This test program once more.
pub(crate) fn myself() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

/// A running lab.
pub(crate) struct Lab {
    child: Child,
    folder: Folder,
    /// Where the echo of the lab is published.
    pub(crate) published: String,
}

impl Lab {
    /// Starts one and waits until it is ready.
    pub(crate) fn start() -> Self {
        let folder = Folder::new();
        let mut command = myself();
        command.arg("--lab").env("XDG_RUNTIME_DIR", folder.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let published = line.strip_prefix("ready ").expect("the lab starts").trim().to_owned();
        Self { child, folder, published }
    }

    /// A command line that runs as a host of the lab.
    pub(crate) fn exec(&self, host: &str, command: &[&str]) -> Command {
        let mut exec = myself();
        exec.arg("--exec").arg(host).args(command);
        exec.env("XDG_RUNTIME_DIR", self.folder.path());
        exec
    }

    /// Runs a stock program as a host.
    pub(crate) fn output(&self, host: &str, command: &[&str]) -> Output {
        self.exec(host, command).output().unwrap()
    }

    /// Runs one of [`crate::programs`] as a host; what it prints.
    pub(crate) fn program(&self, host: &str, words: &[&str]) -> String {
        let output = self.own(host, words).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?} as {host}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts one of [`crate::programs`] that serves, and waits until it does.
    pub(crate) fn serving(&self, host: &str, words: &[&str]) -> Serving {
        let mut child = self.own(host, words).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "serving\n");
        Serving(child)
    }

    /// Runs one of [`crate::programs`] outside of the lab.
    pub(crate) fn outside(words: &[&str]) -> String {
        let output = myself().arg("--program").args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn own(&self, host: &str, words: &[&str]) -> Command {
        let myself = std::env::current_exe().unwrap();
        let mut command = vec![myself.to_str().unwrap(), "--program"];
        command.extend(words);
        self.exec(host, &command)
    }

    /// Asks the lab through its control socket.
    pub(crate) fn ask(&self, verb: &str, arguments: &Value) -> Value {
        // The client looks for the folder in the environment, which the tests
        // of one process share: so a process of its own asks.
        let mut command = myself();
        command.arg("--program").args(["ask", verb, &arguments.to_string()]);
        let output = command.env("XDG_RUNTIME_DIR", self.folder.path()).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{verb}: {errors}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The captured events of one type: `datagram`, `chunk`, `connection`,
    /// `fate`.
    pub(crate) fn events(&self, kind: &str) -> Vec<Value> {
        let all = self.ask("events", &Value::Null);
        let all = all.as_array().cloned().unwrap();
        all.into_iter().filter(|event| event["type"] == kind).collect()
    }

    /// The last fate of a message.
    pub(crate) fn fate(&self, message: &Value) -> Value {
        let fates = self.events("fate");
        let own = fates.iter().rfind(|fate| fate["of"] == message["id"]);
        own.map_or(Value::Null, |fate| fate["fate"].clone())
    }

    /// Changes a host's access link in both directions.
    pub(crate) fn set_access(&self, host: &str, link: &Value) {
        self.ask("access", &json!({ "host": host, "link": link }));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // The lab ends when its input does.
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}

/// A program that runs until the test ends.
pub(crate) struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// Asks a lab and prints the answer: the program behind [`Lab::ask`].
pub(crate) fn ask(verb: &str, arguments: &str) {
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    let mut client = Client::connect(None).unwrap();
    let (value, _) = client.request(verb, &arguments).unwrap();
    println!("{value}");
}

/// A figure that a program printed, as a time.
pub(crate) fn micros(text: &str) -> Duration {
    Duration::from_micros(text.trim().parse().unwrap())
}
