//! How a server writes what it says (RFC 9051 §7).

use crate::imap::command::StatusItem;
use crate::imap::names::Names;
use crate::imap::response::{Code, ExtendedSearch, ListEntry, StatusText};
use crate::mailbox::ModSeq;
use crate::message::body_structure::write_string;

/// Writes responses in one form of names.
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
    names: Names,
}

impl<'o> Writer<'o> {
    /// A writer that adds to `out`.
    pub const fn new(out: &'o mut Vec<u8>, names: Names) -> Self {
        Self { out, names }
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.out.extend_from_slice(text.as_bytes());
        self
    }

    fn line_end(&mut self) {
        self.text("\r\n");
    }

    /// A mailbox's name.
    fn name(&mut self, name: &str) -> &mut Self {
        let name = self.names.encode(name);
        if is_atom(name.as_bytes()) {
            return self.text(&name);
        }
        // In UTF-8 a quoted string has any character (RFC 9051 §9,
        // `QUOTED-CHAR`).
        if self.names == Names::Utf8 && !name.is_ascii() {
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            return self.text(&format!("\"{quoted}\""));
        }
        write_string(self.out, name.as_bytes());
        self
    }

    /// The end of a command (RFC 9051 §2.2.2).
    pub fn tagged(&mut self, tag: &str, status: &StatusText) {
        self.text(tag).text(" ").status_text(status);
    }

    /// An untagged status (RFC 9051 §7.1).
    pub fn status(&mut self, status: &StatusText) {
        self.text("* ").status_text(status);
    }

    fn status_text(&mut self, status: &StatusText) {
        self.text(status.status.name()).text(" ");
        if let Some(code) = &status.code {
            self.text("[").text(&code_text(code)).text("] ");
        }
        // `resp-text` is one line with something in it (RFC 9051 §9).
        let line: String =
            status.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.text(if line.is_empty() { "." } else { &line }).line_end();
    }

    /// `+` (RFC 9051 §7.6).
    pub fn continuation(&mut self, text: &str) {
        self.text("+ ").text(text).line_end();
    }

    /// `* ` and words.
    pub fn untagged(&mut self, words: &str) {
        self.text("* ").text(words).line_end();
    }

    /// `ID` (RFC 2971 §3.2).
    pub fn id(&mut self, fields: &[(&str, &str)]) {
        self.text("* ID (");
        for (index, (field, value)) in fields.iter().enumerate() {
            self.text(if index > 0 { " " } else { "" });
            write_string(self.out, field.as_bytes());
            self.text(" ");
            write_string(self.out, value.as_bytes());
        }
        self.text(")").line_end();
    }

    /// `LIST` or `LSUB` (RFC 9051 §7.3.1, RFC 5258 §3.5).
    pub fn list(&mut self, word: &str, entry: &ListEntry) {
        self.text("* ").text(word).text(" (").text(&entry.attributes.join(" ")).text(") ");
        match entry.separator {
            Some(separator) => self.text("\"").text(separator.to_string().as_str()).text("\" "),
            None => self.text("NIL "),
        };
        self.name(&entry.name);
        if !entry.child_info.is_empty() {
            let info: Vec<String> =
                entry.child_info.iter().map(|info| format!("\"{info}\"")).collect();
            self.text(" (\"CHILDINFO\" (").text(&info.join(" ")).text("))");
        }
        if let Some(old) = &entry.old_name {
            self.text(" (\"OLDNAME\" (").name(old).text("))");
        }
        self.line_end();
    }

    /// `STATUS` (RFC 9051 §7.3.4).
    pub fn mailbox_status(&mut self, mailbox: &str, items: &[(StatusItem, u64)]) {
        let items: Vec<String> =
            items.iter().map(|(item, value)| format!("{} {value}", item.name())).collect();
        self.text("* STATUS ").name(mailbox).text(" (").text(&items.join(" ")).text(")").line_end();
    }

    /// `SEARCH` (RFC 3501 §7.2.5, RFC 7162 §3.1.5).
    pub fn search(&mut self, numbers: &[u32], mod_seq: Option<ModSeq>) {
        self.text("* SEARCH");
        for number in numbers {
            self.text(&format!(" {number}"));
        }
        if let Some(ModSeq(mod_seq)) = mod_seq.filter(|_| !numbers.is_empty()) {
            self.text(&format!(" (MODSEQ {mod_seq})"));
        }
        self.line_end();
    }

    /// `ESEARCH` (RFC 9051 §7.3.3).
    pub fn extended_search(&mut self, found: &ExtendedSearch) {
        self.text("* ESEARCH");
        if let Some(tag) = &found.tag {
            self.text(" (TAG ");
            write_string(self.out, tag.as_bytes());
            self.text(")");
        }
        self.text(if found.uid { " UID" } else { "" });
        for (name, value) in [("MIN", found.min), ("MAX", found.max)] {
            if let Some(value) = value {
                self.text(&format!(" {name} {value}"));
            }
        }
        if let Some(all) = found.all.as_ref().filter(|all| !all.is_empty()) {
            self.text(&format!(" ALL {all}"));
        }
        if let Some(count) = found.count {
            self.text(&format!(" COUNT {count}"));
        }
        if let Some(ModSeq(mod_seq)) = found.mod_seq {
            self.text(&format!(" MODSEQ {mod_seq}"));
        }
        self.line_end();
    }
}

/// Whether octets may stand without quotes as an `astring`; `NIL` would be
/// taken for something else.
fn is_atom(octets: &[u8]) -> bool {
    let belongs = |byte: &u8| byte.is_ascii_graphic() && !b"(){%*\"\\".contains(byte);
    !octets.is_empty() && octets.iter().all(belongs) && !octets.eq_ignore_ascii_case(b"NIL")
}

fn code_text(code: &Code) -> String {
    let word = match code {
        Code::AppendUid(validity, uids) => return format!("APPENDUID {} {uids}", validity.0),
        Code::BadCharset(known) => return format!("BADCHARSET ({})", known.join(" ")),
        Code::Capability(names) => return format!("CAPABILITY {}", names.join(" ")),
        Code::CopyUid(validity, from, to) => {
            return format!("COPYUID {} {from} {to}", validity.0);
        }
        Code::HighestModSeq(mod_seq) => return format!("HIGHESTMODSEQ {}", mod_seq.0),
        Code::Modified(set) => return format!("MODIFIED {set}"),
        Code::PermanentFlags(flags) => return format!("PERMANENTFLAGS ({})", flags.join(" ")),
        Code::UidNext(uid) => return format!("UIDNEXT {}", uid.0),
        Code::UidValidity(validity) => return format!("UIDVALIDITY {}", validity.0),
        Code::Unseen(number) => return format!("UNSEEN {number}"),
        Code::Other(text) => return text.clone(),
        Code::Alert => "ALERT",
        Code::AlreadyExists => "ALREADYEXISTS",
        Code::AuthenticationFailed => "AUTHENTICATIONFAILED",
        Code::AuthorizationFailed => "AUTHORIZATIONFAILED",
        Code::Cannot => "CANNOT",
        Code::ClientBug => "CLIENTBUG",
        Code::Closed => "CLOSED",
        Code::ContactAdmin => "CONTACTADMIN",
        Code::ExpungeIssued => "EXPUNGEISSUED",
        Code::HasChildren => "HASCHILDREN",
        Code::InUse => "INUSE",
        Code::Limit => "LIMIT",
        Code::NoModSeq => "NOMODSEQ",
        Code::NonExistent => "NONEXISTENT",
        Code::NoPerm => "NOPERM",
        Code::NotSaved => "NOTSAVED",
        Code::OverQuota => "OVERQUOTA",
        Code::Parse => "PARSE",
        Code::PrivacyRequired => "PRIVACYREQUIRED",
        Code::ReadOnly => "READ-ONLY",
        Code::ReadWrite => "READ-WRITE",
        Code::ServerBug => "SERVERBUG",
        Code::TooBig => "TOOBIG",
        Code::TryCreate => "TRYCREATE",
        Code::UidNotSticky => "UIDNOTSTICKY",
        Code::Unavailable => "UNAVAILABLE",
        Code::UnknownCte => "UNKNOWN-CTE",
        Code::UseAttr => "USEATTR",
    };
    word.to_owned()
}
