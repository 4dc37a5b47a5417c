//! Starting the binary and others, and ending them whatever happens.

use std::fs::{self, DirBuilder};
use std::io::{BufRead as _, BufReader, ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take to say or do what it should, on a machine that has much
/// else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A folder of this user's own that goes away with the test. Its path is
/// short, for it will be part of a socket's address.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("c7-{}-{count}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                // A process of this number was killed and left it.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => {
                    made.unwrap();
                    return Self(path);
                }
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file; its path.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// The binary, at work in this folder: its control sockets are here, and
    /// files of this folder are named without it.
    pub(crate) fn capa7(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_capa7"));
        command.args(words).current_dir(&self.0).env("XDG_RUNTIME_DIR", &self.0);
        // What a program leaves that is killed goes away with the test.
        command.env("TMPDIR", &self.0);
        command.env_remove("CAPA7_LOG").stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Said {
        Said::by(&mut self.capa7(words))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// What a program said, and its exit code.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn by(command: &mut Command) -> Self {
        Self::from(command.output().unwrap())
    }

    /// The standard output of a program that succeeded.
    pub(crate) fn text(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// The same as a JSON document.
    pub(crate) fn json(self) -> serde_json::Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// A program that runs until the test ends.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    /// Everything said so far.
    pub(crate) said: String,
}

impl Running {
    /// Starts it, listening to both of its outputs.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::of(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// The same for a program that is told something; its standard input.
    pub(crate) fn with_input(command: &mut Command) -> (Self, ChildStdin) {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        (Self::of(child), input)
    }

    fn of(mut child: Child) -> Self {
        let (send, lines) = channel();
        listen(child.stdout.take().unwrap(), send.clone());
        listen(child.stderr.take().unwrap(), send);
        Self { child, lines, said: String::new() }
    }

    /// The next line that contains `text`.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.said.push_str(&line);
                    self.said.push('\n');
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no {text:?} in time: {}", self.said),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended without {text:?}: {}", self.said)
                }
            }
        }
    }

    /// Waits for a line, whatever it says; false when there is none in time.
    pub(crate) fn next_line(&mut self, patience: Duration) -> bool {
        self.lines.recv_timeout(patience).is_ok()
    }

    /// Whether `text` has been said, without waiting.
    pub(crate) fn has_said(&mut self, text: &str) -> bool {
        for line in self.lines.try_iter() {
            self.said.push_str(&line);
            self.said.push('\n');
        }
        self.said.contains(text)
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal: `TERM`, `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(line) =
            self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.said.push_str(&line);
            self.said.push('\n');
        }
        assert!(Instant::now() < deadline, "it does not end: {}", self.said);
        (self.child.wait().unwrap(), std::mem::take(&mut self.said))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn listen(output: impl Read + Send + 'static, to: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                return;
            }
        }
    });
}

/// A server of ours with its address.
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) at: SocketAddr,
}

impl Server {
    /// `capa7 dns serve` for the zone files of a folder.
    pub(crate) fn start(folder: &Folder, zones: &[&str], more: &[&str]) -> Self {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, capa7_peers::free_port()));
        let listen = at.to_string();
        let mut words = vec!["dns", "serve", "--listen", &listen];
        for zone in zones {
            words.extend(["--zone", zone]);
        }
        words.extend(more);
        let mut running = Running::start(&mut folder.capa7(&words));
        running.wait_for("listening on");
        Self { running, at }
    }
}

/// A zone with something of everything.
pub(crate) const ZONE: &str = "\
$ORIGIN example.test.
$TTL 300
@ IN SOA ns1 admin 1 7200 3600 1209600 300
@ IN NS ns1
@ IN MX 10 mail
@ IN TXT \"a text\"
ns1 IN A 192.0.2.1
mail IN A 192.0.2.2
www IN A 192.0.2.3
www IN AAAA 2001:db8::3
alias IN CNAME www
$GENERATE 1-200 big IN TXT \"text number $ of a set that no datagram holds\"
";
