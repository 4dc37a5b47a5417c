//! Dovecot in a folder of its own.
//!
//! ```text
//!   conf/dovecot.conf, conf/users     what it reads
//!   run/, state/                      its own
//!   mail/NAME                         the mailboxes
//!   dovecot.log
//! ```

use std::fs::{self, Permissions};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::accounts::{NOBODY, ROOT, name_of};

/// What it is to be.
#[derive(Clone, Debug)]
pub struct Dovecot {
    /// Where everything is. Where root starts it, the folders above must be open to all.
    pub folder: PathBuf,
    /// Where it listens.
    pub address: IpAddr,
    /// Its port for IMAP.
    pub imap: u16,
    /// Its port for POP3.
    pub pop3: Option<u16>,
    /// How it keeps mailboxes: `maildir`, `sdbox`.
    pub storage: &'static str,
    /// Those who have a mailbox; each password is the name.
    pub users: Vec<String>,
    /// The files of a certificate and its key, in PEM, for STARTTLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Settings beside these.
    pub more: String,
}

impl Dovecot {
    /// Writes its configuration. When root does, the mailboxes are nobody's, as
    /// Dovecot reads no mail as root.
    ///
    /// # Errors
    /// Of the file system, and `NotFound` when the user of this process has no name.
    pub fn write(&self) -> io::Result<()> {
        for part in ["conf", "mail"] {
            fs::create_dir_all(self.folder.join(part))?;
        }
        fs::set_permissions(&self.folder, Permissions::from_mode(0o755))?;
        let users: String = self.users.iter().map(|u| format!("{u}:{{PLAIN}}{u}\n")).collect();
        fs::write(self.folder.join("conf/users"), users)?;
        let log = self.folder.join("dovecot.log");
        fs::write(&log, "")?;
        // Its delivery agent, which may be nobody's, writes there too.
        fs::set_permissions(log, Permissions::from_mode(0o666))?;
        let own = fs::metadata(self.folder.join("conf"))?;
        let (mut user, mut group, mut names) = (own.uid(), own.gid(), String::new());
        if user == ROOT {
            (user, group) = (NOBODY, NOBODY);
            chown(self.folder.join("mail"), Some(user), Some(group))?;
        } else {
            let (name, of) = (name_of("/etc/passwd", user)?, name_of("/etc/group", group)?);
            names = format!(
                "default_internal_user = {name}\ndefault_login_user = {name}\n\
                 default_internal_group = {of}\n"
            );
        }
        fs::write(self.configuration(), self.text(user, group) + &names + &self.more)
    }

    /// Where its configuration is.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("conf/dovecot.conf")
    }

    /// Dovecot, to be run in the foreground.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("-F").arg("-c").arg(self.configuration()).stdin(Stdio::null());
        command
    }

    /// What it wrote into its log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("dovecot.log")).unwrap_or_default()
    }

    fn text(&self, user: u32, group: u32) -> String {
        let (at, address, storage) = (self.folder.display(), self.address, self.storage);
        let tls = self.tls.as_ref().map_or_else(
            || "ssl = no\n".to_owned(),
            |(chain, key)| {
                let (chain, key) = (chain.display(), key.display());
                format!("ssl = yes\nssl_cert = <{chain}\nssl_key = <{key}\n")
            },
        );
        let folder = |name| {
            format!("  mailbox {name} {{\n    special_use = \\{name}\n    auto = create\n  }}\n")
        };
        let folders: String = ["Drafts", "Sent", "Trash"].map(folder).concat();
        let pop3 = self.pop3.map_or_else(String::new, |port| listener("pop3", port));
        let imap = listener("imap", self.imap);
        let protocols = if self.pop3.is_some() { "imap pop3" } else { "imap" };
        format!(
            "base_dir = {at}/run\nstate_dir = {at}/state\nlog_path = {at}/dovecot.log\n\
             protocols = {protocols}\nlisten = {address}\ndisable_plaintext_auth = no\n{tls}\
             mail_location = {storage}:{at}/mail/%n\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n\
             auth_mechanisms = plain login scram-sha-256\n\
             passdb {{\n  driver = passwd-file\n  \
             args = scheme=PLAIN username_format=%n {at}/conf/users\n}}\n\
             userdb {{\n  driver = static\n  args = uid={user} gid={group} home={at}/mail/%n\n}}\n\
             namespace inbox {{\n  inbox = yes\n  separator = /\n{folders}}}\n\
             {imap}{pop3}service anvil {{\n  chroot =\n}}\nservice stats {{\n  chroot =\n}}\n"
        )
    }
}

/// A service in no cage, its port, and none for its protocol within TLS.
fn listener(protocol: &str, port: u16) -> String {
    format!(
        "service {protocol}-login {{\n  chroot =\n  inet_listener {protocol} {{\n    \
         port = {port}\n  }}\n  inet_listener {protocol}s {{\n    port = 0\n  }}\n}}\n"
    )
}
