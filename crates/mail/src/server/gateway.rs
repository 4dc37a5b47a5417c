//! Webmail in front of the server's own mailboxes.
//!
//! ```text
//!   browser ── https ──▶ webmail ──┬── IMAP ─────────▶ mailboxes
//!                                  └── submission ───▶ queue
//!                                      within the program, no ports
//! ```
//!
//! What goes between them never leaves the program, so it goes in clear and with
//! passwords, whatever the server asks of others.

use capa7_mail_proto::smtp::server::{AuthPolicy, Role};
use capa7_net::{Place, TcpListener, passage};

use super::{MailServer, MailServerConfig, Running};
use crate::config::TlsMode;
use crate::imap::server::ImapServer;
use crate::smtp::server::{Destination, SmtpServer};
use crate::webmail::{Webmail, WebmailConfig};

impl MailServer {
    /// Serves webmail on a listener that is open already; it ends with the other
    /// services.
    pub fn add_webmail(&mut self, listener: TcpListener, config: &MailServerConfig) {
        let host = &self.host;
        let mut inner = config.clone();
        inner.passwords = AuthPolicy::InClear;
        // All users come from one address here.
        inner.limits.connections_per_address = inner.limits.connections;
        let (to_imap, imap) = passage();
        let (to_submission, submission) = passage();
        let (users, store) = (config.users.clone(), self.store.clone());
        let imap = ImapServer::start(host, imap, inner.imap(TlsMode::Never), users.clone(), store);
        let destination = Destination::Queue(self.queue.clone());
        let smtp = inner.smtp(Role::Submission, TlsMode::Never);
        let submission = SmtpServer::start(host, submission, smtp, users, destination);
        let book = config.users.book();
        let domain = book.domains().first().map(String::as_str).unwrap_or_default();
        let (imap_at, submission_at) = (Place::Within(to_imap), Place::Within(to_submission));
        let mut web = WebmailConfig::new(listener.local_addr(), imap_at, submission_at, domain);
        web.tls.clone_from(&config.tls);
        let webmail = Webmail::start_on(host, listener, web);
        let inner = [Running::Webmail(webmail), Running::Imap(imap), Running::Smtp(submission)];
        self.services.extend(inner);
    }
}
