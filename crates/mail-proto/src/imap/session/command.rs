//! From frames to commands: which are allowed when, and how they end.

use super::refusal::of_command;
use super::run::{Run, Then};
use super::selected::Expunges;
use super::{Doing, Output, Session, State, Tls};
use crate::imap::command::{AppendPart, Command, CommandError};
use crate::imap::frame::{Frame, FrameLimits, Literal, Waits};
use crate::imap::names::Names;
use crate::imap::response::{Code, Status, StatusText};

/// In which states a command makes sense (RFC 9051 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Nothing,
    Stranger,
    User,
    Mailbox,
}

impl Session {
    pub(super) fn on_command_frame(&mut self, frame: Frame) {
        match frame {
            Frame::Command(octets) => {
                let parsed = Command::parse(&octets, self.names());
                // RFC 9051 §6.3.2: what was selected is not any more, even if this fails.
                if matches!(parsed.command, Err(CommandError::Name(_))) && is_selection(&octets) {
                    self.leave_mailbox();
                }
                drop(octets);
                match (parsed.tag, parsed.command) {
                    (Some(tag), Ok(command)) => self.begin(tag, command),
                    (tag, Err(error)) => self.refuse(tag.as_deref(), &of_command(&error)),
                    (None, Ok(_)) => self.refuse(None, &StatusText::new(Status::Bad, "no tag")),
                }
            }
            Frame::Literal(literal) => self.on_literal(literal),
            Frame::TooLong(start) => {
                let bad = StatusText::new(Status::Bad, "the command is too long");
                self.refuse(tag_of(&start).as_deref(), &bad);
            }
            Frame::BadLine(line) => {
                let text = "lines end with CR LF and hold no NUL, CR or LF (try nc -C)";
                self.refuse(tag_of(&line).as_deref(), &StatusText::new(Status::Bad, text));
            }
            Frame::Streamed(_) | Frame::StreamEnd => {}
        }
    }

    fn on_literal(&mut self, literal: Literal) {
        let begin = AppendPart::parse_begin(self.framer.command(), self.names());
        if let Some((tag, begin)) = begin {
            if self.is_stranger() {
                self.framer.refuse();
                self.refuse(Some(&tag), &not_now());
                return;
            }
            match begin {
                Ok(part) => self.begin_append(tag, part, literal),
                Err(error) => {
                    self.framer.refuse();
                    self.refuse(Some(&tag), &of_command(&error));
                }
            }
            return;
        }
        if self.framer.hold().is_ok() {
            if literal.waits == Waits::ForContinuation {
                self.out.writer().continuation("go on");
            }
            return;
        }
        let tag = tag_of(self.framer.command());
        self.framer.refuse();
        let status = StatusText::with_code(Status::Bad, Code::TooBig, "the literal is too long");
        self.refuse(tag.as_deref(), &status);
        self.leave_flood(literal);
    }

    /// Nobody reads over a literal that is larger than any message
    /// (RFC 7888 §4 allows to close).
    pub(super) fn leave_flood(&mut self, literal: Literal) {
        let most = self.config.append_octets_max.saturating_mul(2);
        if literal.waits == Waits::No && literal.size > most {
            self.farewell(StatusText::new(Status::Bye, "the literal is too long"));
        }
    }

    fn begin(&mut self, tag: String, command: Command) {
        let is_selected = matches!(self.state, State::Selected(_));
        let may = match needs(&command) {
            Needs::Nothing => true,
            Needs::Stranger => self.is_stranger(),
            Needs::User => !self.is_stranger(),
            Needs::Mailbox => is_selected,
        };
        if !may {
            self.refuse(Some(&tag), &not_now());
            return;
        }
        match command {
            Command::Capability => {
                let words = format!("CAPABILITY {}", self.capabilities().join(" "));
                self.out.writer().untagged(&words);
                self.finish_ok(&tag, "CAPABILITY completed");
            }
            Command::Noop => self.look_and_finish(tag, "NOOP completed"),
            Command::Check => self.look_and_finish(tag, "CHECK completed"),
            Command::Logout => self.log_out(&tag),
            Command::Id(_) => {
                self.out.writer().id(&[("name", "capa7"), ("version", env!("CARGO_PKG_VERSION"))]);
                self.finish_ok(&tag, "ID completed");
            }
            Command::StartTls => self.start_tls(&tag),
            Command::Authenticate { mechanism, initial } => {
                self.authenticate(tag, &mechanism, initial.as_ref().map(|initial| &*initial.0));
            }
            Command::Login { user, password } => self.log_in(tag, user, &password.0),
            Command::Enable(names) => self.enable(&tag, &names),
            Command::Idle => {
                self.out.writer().continuation("idling");
                self.look(Then::Idle { tag }, Expunges::Told);
            }
            command => self.begin_with_store(tag, command),
        }
    }

    /// Ends a command; what others changed is told before, but numbers stay
    /// (RFC 9051 §7.5.1).
    pub(super) fn finish(&mut self, tag: String, status: StatusText, expunges: Expunges) {
        if let State::Selected(selected) = &self.state
            && (self.changed.is_some() || selected.has_news(expunges))
        {
            self.look(Then::Finish { tag, status }, expunges);
        } else {
            self.end(&tag, &status);
        }
    }

    pub(super) fn finish_ok(&mut self, tag: &str, text: &str) {
        self.finish(tag.to_owned(), StatusText::new(Status::Ok, text), Expunges::Told);
    }

    /// The tagged response itself.
    pub(super) fn end(&mut self, tag: &str, status: &StatusText) {
        self.out.tagged(tag, status);
        self.doing = Doing::Reading;
        if status.status != Status::Bad {
            self.strikes.bad_commands = 0;
        }
        if self.stopping {
            self.stop();
        }
    }

    fn look_and_finish(&mut self, tag: String, text: &str) {
        let status = StatusText::new(Status::Ok, text);
        if matches!(self.state, State::Selected(_)) {
            self.look(Then::Finish { tag, status }, Expunges::Told);
        } else {
            self.end(&tag, &status);
        }
    }

    /// Refuses a command that was not begun; too many bad ones in a row end
    /// the connection.
    pub(super) fn refuse(&mut self, tag: Option<&str>, status: &StatusText) {
        self.doing = Doing::Reading;
        match tag {
            Some(tag) => self.out.tagged(tag, status),
            // Without a tag the answer is untagged (RFC 9051 §7.1.3).
            None => self.out.writer().status(status),
        }
        if status.status != Status::Bad {
            return;
        }
        self.strikes.bad_commands += 1;
        if self.strikes.bad_commands >= self.config.bad_commands_max {
            self.farewell(StatusText::new(Status::Bye, "too many bad commands"));
        }
    }

    fn log_out(&mut self, tag: &str) {
        self.out.writer().status(&StatusText::new(Status::Bye, "see you"));
        self.out.tagged(tag, &StatusText::new(Status::Ok, "LOGOUT completed"));
        self.out.push(Output::Close);
        self.state = State::Logout;
    }

    fn start_tls(&mut self, tag: &str) {
        if self.tls != Tls::Offered {
            self.refuse(Some(tag), &StatusText::new(Status::Bad, "TLS cannot begin here"));
            return;
        }
        self.out.tagged(tag, &StatusText::new(Status::Ok, "begin TLS"));
        self.framer.clear();
        self.out.push(Output::StartTls);
        self.doing = Doing::StartingTls;
    }

    /// `ENABLE` (RFC 9051 §6.3.1).
    fn enable(&mut self, tag: &str, names: &[String]) {
        let mut enabled = Vec::new();
        for name in names {
            let is_new = match name.as_str() {
                "IMAP4REV2" => {
                    // From here on names are in UTF-8 (RFC 9051 §5.1).
                    self.out.set_names(Names::Utf8);
                    !std::mem::replace(&mut self.dialect.rev2, true)
                }
                "CONDSTORE" => !std::mem::replace(&mut self.dialect.condstore, true),
                _ => false,
            };
            if is_new {
                enabled.push(if name == "IMAP4REV2" { "IMAP4rev2" } else { "CONDSTORE" });
            }
        }
        let words = format!("ENABLED {}", enabled.join(" "));
        self.out.writer().untagged(words.trim_end());
        self.finish_ok(tag, "ENABLE completed");
    }

    /// `DONE` ends `IDLE` (RFC 9051 §6.3.13).
    pub(super) fn on_idle_frame(&mut self, frame: &Frame) {
        let Doing::Idling(tag) = std::mem::replace(&mut self.doing, Doing::Reading) else { return };
        match frame {
            Frame::Command(line) if line.eq_ignore_ascii_case(b"DONE") => {
                self.finish_ok(&tag, "IDLE completed");
            }
            _ => self.refuse(Some(&tag), &StatusText::new(Status::Bad, "DONE ends IDLE")),
        }
    }

    /// The client has proved who it is.
    pub(super) fn become_user(&mut self) {
        self.state = State::Authenticated;
        self.framer.set_limits(FrameLimits::USER);
    }

    /// A command that is one request to the store, or several.
    pub(super) fn begin_with_store(&mut self, tag: String, command: Command) {
        match command {
            Command::Select { mailbox, access, condstore } => {
                self.select(tag, mailbox, access, condstore);
            }
            Command::List(list) => self.list(tag, list),
            Command::Lsub { reference, pattern } => self.lsub(tag, &reference, &pattern),
            Command::Status { mailbox, items } => self.status(tag, mailbox, items),
            Command::Close => self.close(tag),
            Command::Unselect => self.unselect(&tag, "UNSELECT completed"),
            Command::Expunge => self.expunge(tag, None),
            Command::UidExpunge(set) => self.expunge(tag, Some(&set)),
            Command::Search(search) => self.search(tag, search),
            Command::Fetch { messages, numbering, request } => {
                self.fetch(tag, &messages, numbering, request);
            }
            Command::Store { messages, numbering, change, report, unchanged_since } => {
                let wish = super::messages::FlagWish { change, report, unchanged_since };
                self.store_flags(tag, &messages, numbering, wish);
            }
            Command::Copy(transfer) => self.copy(tag, &transfer),
            Command::Move(transfer) => self.move_messages(tag, &transfer),
            Command::Namespace => {
                self.out.writer().untagged("NAMESPACE ((\"\" \"/\")) NIL NIL");
                self.finish_ok(&tag, "NAMESPACE completed");
            }
            command => self.change_mailboxes(tag, command),
        }
    }

    /// Asks what happened in the selected mailbox.
    pub(super) fn look(&mut self, then: Then, expunges: Expunges) {
        match &self.state {
            State::Selected(selected) => {
                self.changed = None;
                let request = selected.changes_request();
                self.ask(request, Run::Look { then, expunges });
            }
            _ => {
                self.changed = None;
                self.go_on(then);
            }
        }
    }

    pub(super) fn go_on(&mut self, then: Then) {
        match then {
            Then::Finish { tag, status } => self.end(&tag, &status),
            Then::Idle { tag } => {
                self.doing = Doing::Idling(tag);
                if self.stopping {
                    self.stop();
                } else if let Some(cause) = self.changed {
                    // It came while the session was looking.
                    self.on_changed(cause);
                }
            }
        }
    }
}

fn needs(command: &Command) -> Needs {
    match command {
        Command::Capability | Command::Noop | Command::Logout | Command::Id(_) => Needs::Nothing,
        Command::StartTls | Command::Authenticate { .. } | Command::Login { .. } => Needs::Stranger,
        Command::Enable(_)
        | Command::Select { .. }
        | Command::Create { .. }
        | Command::Delete(_)
        | Command::Rename { .. }
        | Command::Subscribe(_)
        | Command::Unsubscribe(_)
        | Command::List(_)
        | Command::Lsub { .. }
        | Command::Namespace
        | Command::Status { .. }
        | Command::Idle => Needs::User,
        Command::Check
        | Command::Close
        | Command::Unselect
        | Command::Expunge
        | Command::UidExpunge(_)
        | Command::Search(_)
        | Command::Fetch { .. }
        | Command::Store { .. }
        | Command::Copy(_)
        | Command::Move(_) => Needs::Mailbox,
    }
}

fn not_now() -> StatusText {
    StatusText::new(Status::Bad, "this command is not for this state")
}

fn is_selection(command: &[u8]) -> bool {
    let verb = command.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    [b"SELECT".as_slice(), b"EXAMINE"].iter().any(|one| verb.eq_ignore_ascii_case(one))
}

/// The tag that a line begins with.
pub(super) fn tag_of(line: &[u8]) -> Option<String> {
    let tag = line.split(|byte| *byte == b' ').next()?;
    let belongs = |byte: &u8| byte.is_ascii_graphic() && !b"(){%*\"\\+".contains(byte);
    let is_tag = !tag.is_empty() && tag.len() < line.len() && tag.iter().all(belongs);
    is_tag.then(|| String::from_utf8_lossy(tag).into_owned())
}
