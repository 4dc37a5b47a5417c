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
    pub(crate) imap: SocketAddr,
    pub(crate) pop3: SocketAddr,
}

impl Dovecot {
    /// Starts one for `carlos` and `andrea`, whose passwords are their names.
    pub(crate) async fn start(host: &Host, program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let (imap, pop3) = (free_port(), free_port());
        fs::write(folder.path().join("users"), USERS).unwrap();
        fs::write(folder.path().join("dovecot.conf"), config(folder.path(), imap, pop3, root))
            .unwrap();
        if root {
            let chmod = Command::new("chmod").arg("755").arg(folder.path()).status().unwrap();
            assert!(chmod.success());
        }
        fs::create_dir(folder.path().join("mail")).unwrap();
        if root {
            let mut owner = Command::new("chown");
            owner.arg("65534:65534").arg(folder.path().join("mail"));
            assert!(owner.status().unwrap().success());
        }
        let started = Command::new(program)
            .arg("-c")
            .arg(folder.path().join("dovecot.conf"))
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(started.success(), "{}", log(folder.path()));
        let dovecot = Self { program: program.to_owned(), folder, imap, pop3 };
        for _ in 0..TRIES {
            if host.connect_tcp(imap, Cause::NONE).await.is_ok() {
                return dovecot;
            }
            host.sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not listen: {}", log(dovecot.folder.path()));
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
        log(self.folder.path())
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        let config = self.folder.path().join("dovecot.conf");
        let stopped = Command::new(&self.program).arg("-c").arg(config).arg("stop").status();
        assert!(stopped.is_ok());
    }
}

fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], capa7_peers::free_port()))
}

fn config(folder: &Path, imap: SocketAddr, pop3: SocketAddr, root: bool) -> String {
    let folder = folder.display();
    let own = |flag: &str| {
        let id = Command::new("id").arg(flag).output().unwrap().stdout;
        String::from_utf8(id).unwrap().trim().to_owned()
    };
    let (uid, gid, users) = if root {
        ("65534".to_owned(), "65534".to_owned(), String::new())
    } else {
        let name = own("-un");
        let users = format!(
            "default_internal_user = {name}\ndefault_login_user = {name}\n\
             default_internal_group = {}\n",
            own("-gn")
        );
        (own("-u"), own("-g"), users)
    };
    format!(
        "base_dir = {folder}/run\nstate_dir = {folder}/state\nlog_path = {folder}/log\n\
         protocols = imap pop3\nlisten = 127.0.0.1\nssl = no\ndisable_plaintext_auth = no\n\
         mail_location = maildir:{folder}/mail/%n\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n\
         auth_mechanisms = plain login scram-sha-256\n{users}\
         passdb {{\n  driver = passwd-file\n  args = scheme=PLAIN username_format=%n \
             {folder}/users\n}}\n\
         userdb {{\n  driver = static\n  args = uid={uid} gid={gid} home={folder}/mail/%n\n}}\n\
         namespace inbox {{\n  inbox = yes\n  separator = /\n\
         \x20 mailbox Drafts {{\n    special_use = \\Drafts\n    auto = create\n  }}\n\
         \x20 mailbox Sent {{\n    special_use = \\Sent\n    auto = create\n  }}\n\
         \x20 mailbox Trash {{\n    special_use = \\Trash\n    auto = create\n  }}\n}}\n\
         service imap-login {{\n  chroot =\n  inet_listener imap {{\n    port = {port}\n  }}\n\
         \x20 inet_listener imaps {{\n    port = 0\n  }}\n}}\n\
         service pop3-login {{\n  chroot =\n  inet_listener pop3 {{\n    port = {pop3_port}\n  }}\n\
         \x20 inet_listener pop3s {{\n    port = 0\n  }}\n}}\n\
         service anvil {{\n  chroot =\n}}\nservice stats {{\n  chroot =\n}}\n",
        port = imap.port(),
        pop3_port = pop3.port(),
    )
}

const USERS: &str = "carlos:{PLAIN}carlos\nandrea:{PLAIN}andrea\n";
/// How often it is asked whether it listens.
const TRIES: usize = 100;
