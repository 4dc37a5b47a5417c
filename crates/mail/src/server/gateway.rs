//! Webmail in front of the server's own mailboxes.
//!
//! ```text
//!   browser ── https ──▶ webmail ──┬── IMAP ─────────▶ mailboxes
//!                                  └── submission ───▶ queue
//!                                      127.0.0.1, ports of the system's choice
//! ```
//!
//! What goes between them stays within the machine, so it goes in clear and
//! with passwords, whatever the server asks of others.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use capa7_mail_proto::smtp::server::{AuthPolicy, Role};
use capa7_net::TcpListener;

use super::{MailServer, MailServerConfig, Running};
use crate::config::TlsMode;
use crate::imap::server::ImapServer;
use crate::smtp::server::{Destination, SmtpServer};
use crate::webmail::{Webmail, WebmailConfig};

impl MailServer {
    /// Serves webmail on a listener that is open already; it ends with the other
    /// services.
    ///
    /// # Errors
    /// When no port of the loopback interface can be listened on.
    pub fn add_webmail(
        &mut self,
        listener: TcpListener,
        config: &MailServerConfig,
    ) -> io::Result<()> {
        let host = &self.host;
        let mut inner = config.clone();
        inner.passwords = AuthPolicy::InClear;
        // All users come from one address here.
        inner.limits.connections_per_address = inner.limits.connections;
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let (imap, submission) = (host.listen_tcp(any)?, host.listen_tcp(any)?);
        let (imap_at, submission_at) = (imap.local_addr(), submission.local_addr());
        let (users, store) = (config.users.clone(), self.store.clone());
        let imap = ImapServer::start(host, imap, inner.imap(TlsMode::Never), users.clone(), store);
        let destination = Destination::Queue(self.queue.clone());
        let smtp = inner.smtp(Role::Submission, TlsMode::Never);
        let submission = SmtpServer::start(host, submission, smtp, users, destination);
        let book = config.users.book();
        let domain = book.domains().first().map(String::as_str).unwrap_or_default();
        let at = listener.local_addr();
        let mut web = WebmailConfig::new(at, imap_at, submission_at, domain);
        web.tls.clone_from(&config.tls);
        let webmail = Webmail::start_on(host, listener, web);
        let inner = [Running::Webmail(webmail), Running::Imap(imap), Running::Smtp(submission)];
        self.services.extend(inner);
        Ok(())
    }
}
