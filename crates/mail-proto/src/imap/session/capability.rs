//! What a session says it can do (RFC 9051 §6.1.1). Nothing is here that is
//! not whole.

use super::Session;
use super::config::{CleartextLogin, Tls};
use crate::sasl::Mechanism;

impl Session {
    /// Whether the password may be said at this moment.
    pub(super) fn may_show_password(&self) -> bool {
        self.tls == Tls::Active || self.config.cleartext_login == CleartextLogin::Allowed
    }

    pub(super) fn mechanisms(&self) -> impl Iterator<Item = Mechanism> {
        let may_show = self.may_show_password();
        Mechanism::ALL.into_iter().filter(move |mechanism| may_show || !mechanism.shows_password())
    }

    pub(super) fn capabilities(&self) -> Vec<String> {
        let mut names: Vec<String> =
            ["IMAP4rev1", "IMAP4rev2", "LITERAL+", "SASL-IR", "ENABLE", "ID", "IDLE"]
                .map(str::to_owned)
                .to_vec();
        if self.is_stranger() {
            if self.tls == Tls::Offered {
                names.push("STARTTLS".to_owned());
            }
            if !self.may_show_password() {
                names.push("LOGINDISABLED".to_owned());
            }
            names.extend(self.mechanisms().map(|mechanism| format!("AUTH={}", mechanism.name())));
            return names;
        }
        names.extend(OF_USERS.map(str::to_owned));
        names.push(format!("APPENDLIMIT={}", self.config.append_octets_max));
        names
    }
}

/// What is of use only to who has logged in.
const OF_USERS: [&str; 14] = [
    "NAMESPACE",
    "UNSELECT",
    "CHILDREN",
    "UIDPLUS",
    "MOVE",
    "MULTIAPPEND",
    "CONDSTORE",
    "ESEARCH",
    "SEARCHRES",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "STATUS=SIZE",
];
