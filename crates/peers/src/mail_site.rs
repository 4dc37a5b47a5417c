//! A domain whose mail Postfix and Dovecot hold, all of it in one folder.
//!
//! ```text
//!   servers ─ smtp ───────▶ Postfix ─ dovecot-lda ─▶ Maildir ─▶ Dovecot ─ imap ─▶ readers
//!   users ─── submission ─▶    └──────────▶ other domains
//!                 └ whose password it is, Dovecot knows
//! ```
//!
//! Both start as root only, for each of their parts has a user of its own.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use crate::dovecot::Dovecot;
use crate::postfix::Postfix;

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
        self.postfix_itself().write()?;
        self.dovecot_itself().write()?;
        let known = self.users.iter().chain(&self.ghosts);
        let mailboxes: String = known.map(|user| format!("{user}@{} x\n", self.domain)).collect();
        fs::write(self.conf("mailboxes"), mailboxes)?;
        let alias = |(name, user): &(String, String)| {
            format!("{name}@{} {user}@{}\n", self.domain, self.domain)
        };
        fs::write(self.conf("aliases"), self.aliases.iter().map(alias).collect::<String>())?;
        self.defer(&[])
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
        let mut postfix = self.postfix_itself();
        postfix.settings.push_str(&format!("smtpd_recipient_limit = {recipients}\n"));
        postfix.write()
    }

    /// A command to Postfix: `start-fg`, `reload`, `stop`.
    #[must_use]
    pub fn postfix(&self, program: &Path, what: &str) -> Command {
        self.postfix_itself().command(program, what)
    }

    /// Dovecot, to be run in the foreground.
    #[must_use]
    pub fn dovecot(&self, program: &Path) -> Command {
        self.dovecot_itself().command(program)
    }

    /// What both of them wrote into their logs.
    #[must_use]
    pub fn log(&self) -> String {
        let postfix = fs::read_to_string(self.folder.join("postfix.log")).unwrap_or_default();
        postfix + &self.dovecot_itself().log()
    }

    fn conf(&self, name: &str) -> PathBuf {
        self.folder.join("conf").join(name)
    }

    /// What is put off is tried again after three seconds: after one, Postfix may take a
    /// message up again that its delivery agent still holds, and then leaves it there.
    fn settings(&self) -> String {
        let (at, domain) = (self.folder.display(), &self.domain);
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
            "mynetworks =\nvirtual_mailbox_domains = {domain}\n\
             virtual_mailbox_maps = texthash:{at}/conf/mailboxes\nvirtual_transport = lda\n\
             virtual_alias_maps = texthash:{at}/conf/aliases\n\
             lda_destination_recipient_limit = 1\n\
             smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination\n\
             smtpd_recipient_restrictions = check_recipient_access texthash:{at}/conf/access\n\
             smtpd_sasl_type = dovecot\nsmtpd_sasl_path = {at}/run/auth-client\n\
             queue_run_delay = 1s\nminimal_backoff_time = 3s\nmaximal_backoff_time = 3s\n{tls}"
        )
    }

    fn postfix_itself(&self) -> Postfix {
        let (address, conf) = (self.address, self.dovecot_itself().configuration());
        let services = format!(
            "{address}:{} inet n - n - - smtpd\n\
             {address}:{} inet n - n - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n  \
             -o smtpd_client_restrictions=permit_sasl_authenticated,reject\n\
             lda unix - n n - - pipe\n  flags=ODRXhu user=nobody \
             argv=/usr/lib/dovecot/dovecot-lda -c {} -f ${{sender}} \
             -d ${{user}}\n",
            self.smtp,
            self.submission,
            conf.display()
        );
        Postfix {
            folder: self.folder.clone(),
            hostname: format!("mail.{}", self.domain),
            address,
            settings: self.settings(),
            services,
        }
    }

    fn dovecot_itself(&self) -> Dovecot {
        let socket = |name| format!("  unix_listener {name} {{\n    mode = 0666\n  }}\n");
        let more = format!(
            "auth_username_chars =\npostmaster_address = postmaster@{}\n\
             service stats {{\n{}}}\nservice auth {{\n{}{}}}\n",
            self.domain,
            socket("stats-writer"),
            socket("auth-client"),
            socket("auth-userdb"),
        );
        Dovecot {
            folder: self.folder.clone(),
            address: self.address,
            imap: self.imap,
            pop3: None,
            storage: "maildir",
            users: self.users.clone(),
            tls: self.tls.clone(),
            more,
        }
    }
}
