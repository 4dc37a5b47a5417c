//! What an operator writes: `mail.toml`.
//!
//! ```text
//!   documented structs ──▶ example (capa7 config example)
//!          │
//!   mail.toml ── parse_toml ──▶ MailConfig ── checked: names, ports, keys ──▶ server
//! ```

mod documented;
mod quantity;
mod text;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use capa7_mail_proto::queue::Schedule;
use serde::Deserialize;
use toml::Spanned;

pub use documented::{Example, Field, example_of};
pub use quantity::{NotAQuantity, NotASpan, Size, Span};
pub use text::{FileError, parse_toml, read_text};

use documented::documented;

documented! {
    /// A mail server for one or several domains.
    pub struct MailConfig {
        /// The server's own name, by which it greets and to which the MX
        /// records of its domains lead. Clients compare it with the certificate.
        pub hostname: Spanned<String> = Example::Set("\"mail.example.org\""),
        /// The domains whose mail is kept here. Mail for other domains is taken
        /// from users that have logged in only, and sent on.
        pub domains: Vec<Spanned<String>> = Example::Set("[\"example.org\"]"),
        /// The folder of queue and mailboxes. Paths are relative to the folder
        /// of this file.
        pub data: PathBuf = Example::Set("\"/var/lib/capa7-mail\""),
        /// The file of accounts, aliases and passwords (as hashes), which
        /// `capa7 mail user` writes.
        pub users: PathBuf = Example::Set("\"users.toml\""),
        /// The user of this machine to become once ports and keys are open. The
        /// data folder and the file of accounts must be this user's. Without
        /// it: whoever starts the server.
        #[serde(default)]
        pub user: Option<String> = Example::Optional("\"capa7-mail\""),
        /// The resolver that is asked for other domains' mail servers. Without
        /// it: those of /etc/resolv.conf, the next when one fails.
        #[serde(default)]
        pub resolver: Option<SocketAddr> = Example::Optional("\"127.0.0.1:53\""),
        /// The port of other domains' mail servers; another one than 25 is for
        /// tests.
        #[serde(default = "default_port")]
        pub remote_port: u16 = Example::Default("25"),
        /// The folder into which the records of each domain's zone are written
        /// at start and at each reload: DOMAIN.records, to be included in the
        /// zone's own file.
        #[serde(default)]
        pub records: Option<PathBuf> = Example::Optional("\"/var/lib/capa7-mail/zones\""),
        /// The addresses that the host's A and AAAA records name; needed for
        /// `records` only. Without them: those that it listens on.
        #[serde(default)]
        pub addresses: Vec<IpAddr> = Example::Optional("[\"192.0.2.25\", \"2001:db8::25\"]"),
        /// The server's certificate. Without it nothing is encrypted, and users
        /// cannot log in from other machines.
        #[serde(default)]
        pub tls: Option<TlsFiles> = Example::Table(TlsFiles::FIELDS),
        /// Where the server listens, one table for each port.
        pub listen: Vec<ListenConfig> = Example::Tables(ListenConfig::FIELDS),
        /// Webmail for all users of this server.
        #[serde(default)]
        pub webmail: Option<WebmailListen> = Example::Table(WebmailListen::FIELDS),
        /// Bounds on what others may ask for.
        #[serde(default)]
        pub limits: Limits = Example::Table(Limits::FIELDS),
        /// How long the queue tries.
        #[serde(default)]
        pub queue: QueueTimes = Example::Table(QueueTimes::FIELDS),
    }
}

documented! {
    /// A certificate.
    pub struct TlsFiles {
        /// The certificate chain in PEM, the server's own first. A reload
        /// (SIGHUP) reads both files again.
        pub certificate: PathBuf = Example::Set("\"/etc/capa7/fullchain.pem\""),
        /// The private key in PEM.
        pub key: PathBuf = Example::Set("\"/etc/capa7/privkey.pem\""),
    }
}

documented! {
    /// One port.
    pub struct ListenConfig {
        /// Address and port.
        pub at: Spanned<SocketAddr> = Example::Set("\"0.0.0.0:25\""),
        /// What is spoken there: "smtp" (from other servers), "submission" (from
        /// users), "imap" or "pop3" (to readers), or "http" (the document by which
        /// mail programs set themselves up, usually at port 80).
        pub service: Service = Example::Set("\"smtp\""),
        /// "starttls": offered to clients; "implicit": from the first byte;
        /// "never". With a certificate it is "starttls" where nothing is said.
        #[serde(default)]
        pub tls: Option<Spanned<TlsMode>> = Example::Optional("\"starttls\""),
    }
}

documented! {
    /// Where browsers connect. The gateway reaches mailboxes and queue within
    /// the server: no other port is opened for it.
    pub struct WebmailListen {
        /// Address and port. With a certificate it is https, from the first
        /// byte; without one it must be an address of this machine only, such
        /// as 127.0.0.1, since people tell their passwords there.
        pub at: Spanned<SocketAddr> = Example::Set("\"127.0.0.1:8080\""),
    }
}

documented! {
    /// Bounds on what others may ask for.
    #[serde(default)]
    pub struct Limits {
        /// The largest message.
        pub message: Size = Example::Default("\"50MiB\""),
        /// Recipients of one message.
        pub recipients: usize = Example::Default("100"),
        /// Connections open at once on one port, all clients together.
        pub connections: usize = Example::Default("1000"),
        /// Connections open at once on one port from one address.
        pub connections_per_address: usize = Example::Default("50"),
    }
}

documented! {
    /// How long the queue tries.
    #[serde(default)]
    pub struct QueueTimes {
        /// From the first attempt to the second; each wait is twice the one
        /// before.
        pub first_retry: Span = Example::Default("\"5m\""),
        /// The longest wait.
        pub longest_retry: Span = Example::Default("\"4h\""),
        /// After so long the sender is told that a message is late.
        pub late_after: Span = Example::Default("\"4h\""),
        /// After so long a message is given up, and its sender is told.
        pub give_up_after: Span = Example::Default("\"5d\""),
    }
}

impl Default for QueueTimes {
    fn default() -> Self {
        let Schedule { first, longest, late_after, expire_after } = Schedule::default();
        Self {
            first_retry: Span(first),
            longest_retry: Span(longest),
            late_after: Span(late_after),
            give_up_after: Span(expire_after),
        }
    }
}

impl QueueTimes {
    /// The queue's word for it.
    #[must_use]
    pub const fn schedule(&self) -> Schedule {
        Schedule {
            first: self.first_retry.0,
            longest: self.longest_retry.0,
            late_after: self.late_after.0,
            expire_after: self.give_up_after.0,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: Size(50 << 20),
            recipients: 100,
            connections: 1_000,
            connections_per_address: 50,
        }
    }
}

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Mail from other servers (RFC 5321), usually port 25.
    Smtp,
    /// Mail from users (RFC 6409), usually 587 or 465.
    Submission,
    /// Reading by IMAP (RFC 9051), usually 143 or 993.
    Imap,
    /// Taking away by POP3 (RFC 1939), usually 110 or 995.
    Pop3,
    /// The document by which mail programs set themselves up, usually 80.
    Http,
}

/// How TLS begins on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Not at all.
    Never,
    /// By the protocol's command (RFC 3207, RFC 9051 §6.2.1, RFC 2595).
    StartTls,
    /// From the first byte (RFC 8314 §3).
    Implicit,
}

impl MailConfig {
    /// Reads and checks a file; its paths become relative to where we are.
    ///
    /// # Errors
    /// With the place of what is wrong and what to do.
    pub fn load(file: &Path) -> Result<Self, FileError> {
        let text = read_text(file)?;
        let mut config: Self = parse_toml(file, &text)?;
        config.check(file, &text)?;
        let folder = file.parent().unwrap_or_else(|| Path::new(""));
        let place = |path: &mut PathBuf| *path = folder.join(&*path);
        place(&mut config.data);
        place(&mut config.users);
        config.records.iter_mut().for_each(place);
        if let Some(tls) = &mut config.tls {
            place(&mut tls.certificate);
            place(&mut tls.key);
        }
        Ok(config)
    }

    /// The domains as plain text, in lower case.
    #[must_use]
    pub fn domain_names(&self) -> Vec<String> {
        self.domains.iter().map(|domain| domain.get_ref().to_ascii_lowercase()).collect()
    }

    /// The addresses that records name.
    #[must_use]
    pub fn public_addresses(&self) -> Vec<IpAddr> {
        if !self.addresses.is_empty() {
            return self.addresses.clone();
        }
        let own = self.listen.iter().map(|listen| listen.at.get_ref().ip());
        let known: BTreeSet<IpAddr> = own.filter(|address| !address.is_unspecified()).collect();
        known.into_iter().collect()
    }

    fn check(&self, file: &Path, text: &str) -> Result<(), FileError> {
        let wrong = |span, problem: String| Err(FileError::at(file, text, &span, problem));
        for name in std::iter::once(&self.hostname).chain(&self.domains) {
            if !is_host_name(name.get_ref()) {
                let problem = format!(
                    "`{}` is no name of a host or domain: letters, digits, `-`, with dots \
                     between; a name in other letters is written as xn--…",
                    name.get_ref()
                );
                return wrong(name.span(), problem);
            }
        }
        if self.domains.is_empty() {
            let problem = "`domains` is empty: name those whose mail is kept here";
            return Err(FileError::of_file(file, problem));
        }
        if self.listen.is_empty() {
            let problem = "it listens nowhere: add a table [[listen]] with `at` and `service`";
            return Err(FileError::of_file(file, problem));
        }
        let mut places = BTreeSet::new();
        for listen in &self.listen {
            let at = listen.at.get_ref();
            if at.port() != 0 && !places.insert(at) {
                return wrong(listen.at.span(), format!("{at} comes twice: one service per port"));
            }
            if let Some(mode) = &listen.tls
                && self.tls.is_none()
                && *mode.get_ref() != TlsMode::Never
            {
                let problem = "TLS needs a certificate: add [tls] with `certificate` and `key`";
                return wrong(mode.span(), problem.to_owned());
            }
        }
        if let Some(webmail) = &self.webmail {
            let at = webmail.at.get_ref();
            if at.port() != 0 && !places.insert(at) {
                return wrong(webmail.at.span(), format!("{at} comes twice: one service per port"));
            }
            // RFC 8314 §3: passwords are not told in clear.
            if self.tls.is_none() && !at.ip().is_loopback() {
                let problem = "webmail for other machines needs a certificate: add [tls], or \
                               listen on 127.0.0.1";
                return wrong(webmail.at.span(), problem.to_owned());
            }
        }
        Ok(())
    }
}

impl ListenConfig {
    /// How TLS begins here, for a server with or without a certificate.
    #[must_use]
    pub fn mode(&self, has_certificate: bool) -> TlsMode {
        let usual = if has_certificate { TlsMode::StartTls } else { TlsMode::Never };
        self.tls.as_ref().map_or(usual, |mode| *mode.get_ref())
    }
}

impl TlsMode {
    /// What an operator reads behind a port.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Never => " in clear",
            Self::StartTls => " with STARTTLS",
            Self::Implicit => " within TLS",
        }
    }
}

impl Service {
    /// The word of the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Submission => "submission",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Http => "http",
        }
    }
}

/// A whole example of `mail.toml`, with every key and what it is for.
#[must_use]
pub fn example() -> String {
    example_of(MailConfig::ABOUT, MailConfig::FIELDS)
}

/// RFC 1123 §2.1: letters, digits and hyphens, with at least one dot for a
/// mail domain; an address is no name.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label) && name.parse::<Ipv4Addr>().is_err()
}

const fn default_port() -> u16 {
    25
}

#[cfg(test)]
mod tests;
