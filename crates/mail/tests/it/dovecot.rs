//! A Dovecot of our own: a configuration in a temporary folder, a port
//! of each protocol.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use capa7_net::{Cause, Host};

/// A running Dovecot; it stops with this value.
#[derive(Debug)]
pub(crate) struct Dovecot {
    program: PathBuf,
    folder: tempfile::TempDir,
    site: capa7_peers::dovecot::Dovecot,
    pub(crate) imap: SocketAddr,
    pub(crate) pop3: SocketAddr,
}

impl Dovecot {
    /// Starts one for `carlos` and `andrea`, whose passwords are their names.
    pub(crate) async fn start(host: &Host, program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (imap, pop3) = (free_port(), free_port());
        let site = capa7_peers::dovecot::Dovecot {
            folder: folder.path().to_owned(),
            address: imap.ip(),
            imap: imap.port(),
            pop3: Some(pop3.port()),
            storage: "maildir",
            users: vec!["carlos".to_owned(), "andrea".to_owned()],
            tls: None,
            more: String::new(),
        };
        site.write().unwrap();
        // Not in the foreground: it is there when this ends.
        let started = Command::new(program)
            .arg("-c")
            .arg(site.configuration())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(started.success(), "{}", site.log());
        let dovecot = Self { program: program.to_owned(), folder, site, imap, pop3 };
        for _ in 0..TRIES {
            if host.connect_tcp(imap, Cause::NONE).await.is_ok() {
                return dovecot;
            }
            host.sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not listen: {}", dovecot.log());
    }

    /// Takes from it the right to read the messages of `carlos` with this text; how many
    /// they are.
    pub(crate) fn lock(&self, text: &str) -> usize {
        let folders = ["cur", "new"].map(|name| self.folder.path().join("mail/carlos").join(name));
        let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
        let files = files.map(|entry| entry.unwrap().path());
        let with_it: Vec<PathBuf> =
            files.filter(|file| fs::read_to_string(file).unwrap().contains(text)).collect();
        for file in &with_it {
            let chmod = Command::new("chmod").arg("000").arg(file).status().unwrap();
            assert!(chmod.success());
        }
        with_it.len()
    }

    /// What it complained about.
    pub(crate) fn log(&self) -> String {
        self.site.log()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        let config = self.site.configuration();
        let stopped = Command::new(&self.program).arg("-c").arg(config).arg("stop").status();
        assert!(stopped.is_ok());
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], capa7_peers::free_port()))
}

/// How often it is asked whether it listens.
const TRIES: usize = 2_400;
