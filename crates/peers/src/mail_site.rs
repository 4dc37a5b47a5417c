//! A domain whose mail Postfix and Dovecot hold, all of it in one folder.
//!
//! ```text
//!   servers ─ smtp ───────▶ Postfix ─ dovecot-lda ─▶ Maildir ─▶ Dovecot ─ imap ─▶ readers
//!   users ─── submission ─▶    └──────────▶ other domains
//!                 └ whose password it is, Dovecot knows
//! ```
//!
//! Both start as root only, for each of their parts has a user of its own.

use std::fs::{self, Permissions};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the two are to be.
#[derive(Clone, Debug)]
pub struct MailSite {
    /// Where everything is. The folders above it must be open to all.
    pub folder: PathBuf,
    /// The domain whose mail is kept.
    pub domain: String,
    /// Where they listen.
    pub address: IpAddr,
    /// Postfix's port for other servers.
    pub smtp: u16,
    /// Postfix's port for users.
    pub submission: u16,
    /// Dovecot's port for readers.
    pub imap: u16,
    /// Local parts of those who have a mailbox; each password is the name.
    pub users: Vec<String>,
    /// Other local parts, each with the user whose it is. Names beyond ASCII
    /// (RFC 6531) are possible here only: Dovecot's delivery agent has none.
    pub aliases: Vec<(String, String)>,
    /// Local parts that Postfix takes mail for and whose delivery fails then.
    pub ghosts: Vec<String>,
    /// The files of a certificate and its key, in PEM, for STARTTLS.
    pub tls: Option<(PathBuf, PathBuf)>,
}

impl MailSite {
    /// Writes the configurations of both.
    ///
    /// # Errors
    /// Of the file system, and `NotFound` when Postfix's user is missing.
    pub fn write(&self) -> io::Result<()> {
        let postfix = user_number("postfix")?;
        for part in ["conf", "spool", "data", "mail"] {
            fs::create_dir_all(self.folder.join(part))?;
        }
        fs::set_permissions(&self.folder, Permissions::from_mode(0o755))?;
        chown(self.folder.join("data"), Some(postfix), None)?;
        chown(self.folder.join("mail"), Some(NOBODY), Some(NOBODY))?;
        for file in ["postfix-files", "dynamicmaps.cf"] {
            fs::copy(Path::new("/etc/postfix").join(file), self.conf(file))?;
        }
        let known = self.users.iter().chain(&self.ghosts);
        let mailboxes: String = known.map(|user| format!("{user}@{} x\n", self.domain)).collect();
        fs::write(self.conf("mailboxes"), mailboxes)?;
        let alias = |(name, user): &(String, String)| {
            format!("{name}@{} {user}@{}\n", self.domain, self.domain)
        };
        fs::write(self.conf("aliases"), self.aliases.iter().map(alias).collect::<String>())?;
        // The delivery agent, which nobody runs, writes there too.
        let log = self.folder.join("dovecot.log");
        fs::write(&log, "")?;
        fs::set_permissions(log, Permissions::from_mode(0o666))?;
        self.defer(&[])?;
        let users: String = self.users.iter().map(|u| format!("{u}:{{PLAIN}}{u}\n")).collect();
        fs::write(self.conf("users"), users)?;
        fs::write(self.conf("main.cf"), self.main_cf())?;
        fs::write(self.conf("master.cf"), self.master_cf())?;
        fs::write(self.conf("dovecot.conf"), self.dovecot_conf())
    }

    /// Says whose mail Postfix puts off with 450; it reads that when it is
    /// loaded again.
    ///
    /// # Errors
    /// Of the file system.
    pub fn defer(&self, recipients: &[&str]) -> io::Result<()> {
        let line = |to: &&str| format!("{to}@{} 450 4.2.0 come again later\n", self.domain);
        fs::write(self.conf("access"), recipients.iter().map(line).collect::<String>())
    }

    /// Says how many recipients Postfix takes in one transaction; it reads that
    /// when it is loaded again.
    ///
    /// # Errors
    /// Of the file system.
    pub fn limit_recipients(&self, recipients: usize) -> io::Result<()> {
        let limit = format!("smtpd_recipient_limit = {recipients}\n");
        fs::write(self.conf("main.cf"), self.main_cf() + &limit)
    }

    /// A command to Postfix: `start-fg`, `reload`, `stop`.
    #[must_use]
    pub fn postfix(&self, program: &Path, what: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("-c").arg(self.folder.join("conf")).arg(what).stdin(Stdio::null());
        command
    }

    /// Dovecot, to be run in the foreground.
    #[must_use]
    pub fn dovecot(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("-F").arg("-c").arg(self.conf("dovecot.conf")).stdin(Stdio::null());
        command
    }

    /// What both of them wrote into their logs.
    #[must_use]
    pub fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        format!("{}{}", read("postfix.log"), read("dovecot.log"))
    }

    fn conf(&self, name: &str) -> PathBuf {
        self.folder.join("conf").join(name)
    }

    /// What is put off is tried again after three seconds: after one, Postfix may take a
    /// message up again that its delivery agent still holds, and then leaves it there.
    fn main_cf(&self) -> String {
        let (at, domain, address) = (self.folder.display(), &self.domain, self.address);
        let tls = self.tls.as_ref().map_or_else(String::new, |(chain, key)| {
            format!(
                "smtpd_tls_security_level = may\nsmtp_tls_security_level = may\n\
                 smtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\n\
                 smtpd_tls_received_header = yes\n",
                chain.display(),
                key.display()
            )
        });
        format!(
            "compatibility_level = 3.6\nqueue_directory = {at}/spool\ndata_directory = {at}/data\n\
             command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
             mail_owner = postfix\nsetgid_group = postdrop\nmyhostname = mail.{domain}\n\
             mydestination =\nalias_maps =\nlocal_recipient_maps =\ninet_interfaces = {address}\n\
             inet_protocols = ipv4\nmynetworks =\nvirtual_mailbox_domains = {domain}\n\
             virtual_mailbox_maps = texthash:{at}/conf/mailboxes\nvirtual_transport = lda\n\
             virtual_alias_maps = texthash:{at}/conf/aliases\n\
             lda_destination_recipient_limit = 1\nmaillog_file = {at}/postfix.log\n\
             maillog_file_prefixes = {at}\nsmtpd_peername_lookup = no\n\
             smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination\n\
             smtpd_recipient_restrictions = check_recipient_access texthash:{at}/conf/access\n\
             smtpd_sasl_type = dovecot\nsmtpd_sasl_path = {at}/run/auth-client\n\
             queue_run_delay = 1s\nminimal_backoff_time = 3s\nmaximal_backoff_time = 3s\n{tls}"
        )
    }

    fn master_cf(&self) -> String {
        let (address, conf) = (self.address, self.conf("dovecot.conf"));
        format!(
            "{address}:{} inet n - n - - smtpd\n\
             {address}:{} inet n - n - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n  \
             -o smtpd_client_restrictions=permit_sasl_authenticated,reject\n\
             lda unix - n n - - pipe\n  flags=ODRXhu user=nobody \
             argv=/usr/lib/dovecot/dovecot-lda -c {} -f ${{sender}} \
             -d ${{user}}\n{SERVICES}",
            self.smtp,
            self.submission,
            conf.display()
        )
    }

    fn dovecot_conf(&self) -> String {
        let (at, domain, address) = (self.folder.display(), &self.domain, self.address);
        let tls = self.tls.as_ref().map_or_else(
            || "ssl = no\n".to_owned(),
            |(chain, key)| {
                let (chain, key) = (chain.display(), key.display());
                format!("ssl = yes\nssl_cert = <{chain}\nssl_key = <{key}\n")
            },
        );
        let own: String = ["Drafts", "Sent", "Trash"]
            .iter()
            .map(|name| {
                format!(
                    "  mailbox {name} {{\n    special_use = \\{name}\n    auto = create\n  }}\n"
                )
            })
            .collect();
        format!(
            "base_dir = {at}/run\nstate_dir = {at}/state\nlog_path = {at}/dovecot.log\n\
             protocols = imap\nlisten = {address}\ndisable_plaintext_auth = no\n{tls}\
             mail_location = maildir:{at}/mail/%n\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n\
             auth_mechanisms = plain login scram-sha-256\nauth_username_chars =\n\
             postmaster_address = postmaster@{domain}\n\
             passdb {{\n  driver = passwd-file\n  \
             args = scheme=PLAIN username_format=%n {at}/conf/users\n}}\n\
             userdb {{\n  driver = static\n  args = uid=nobody gid=nogroup home={at}/mail/%n\n}}\n\
             namespace inbox {{\n  inbox = yes\n  separator = /\n{own}}}\n\
             service imap-login {{\n  chroot =\n  inet_listener imap {{\n    port = {}\n  }}\n  \
             inet_listener imaps {{\n    port = 0\n  }}\n}}\n\
             service anvil {{\n  chroot =\n}}\n\
             service stats {{\n  chroot =\n  unix_listener stats-writer {{\n    mode = 0666\n  \
             }}\n}}\n\
             service auth {{\n  unix_listener auth-client {{\n    mode = 0666\n  }}\n  \
             unix_listener auth-userdb {{\n    mode = 0666\n  }}\n}}\n",
            self.imap
        )
    }
}

/// The number of a user of this machine.
fn user_number(name: &str) -> io::Result<u32> {
    let book = fs::read_to_string("/etc/passwd")?;
    let line = book.lines().find(|line| line.split(':').next() == Some(name));
    let number = line.and_then(|line| line.split(':').nth(2)?.parse().ok());
    number.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no user {name}")))
}

/// `nobody` and `nogroup`, on Debian and elsewhere.
const NOBODY: u32 = 65_534;

/// The services behind smtpd that mail between servers needs, none in a cage.
const SERVICES: &str = "\
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
";
