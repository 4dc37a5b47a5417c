//! TRANSACTION and UPDATE: what is there, and what goes (RFC 1939 §5, §6).

use std::fmt::Write as _;

use super::{Input, Session, State, UpdateFailed, What};
use crate::pop3::command::Command;
use crate::pop3::lines::DotWriter;

/// One message of a maildrop, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its length in octets.
    pub size: u64,
    /// Its lasting name: 1 to 70 printable characters (RFC 1939 §7, UIDL).
    pub unique_id: String,
}

/// A maildrop as it was when it was opened, with marks.
#[derive(Debug)]
pub(super) struct Transaction {
    messages: Vec<(Listed, Mark)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    None,
    Deleted,
}

impl Transaction {
    pub(super) fn new(listed: Vec<Listed>) -> Self {
        Self { messages: listed.into_iter().map(|message| (message, Mark::None)).collect() }
    }

    /// Number and octets of the messages without mark.
    pub(super) fn total(&self) -> (usize, u64) {
        self.there().fold((0, 0), |(count, octets), (_, it)| (count + 1, octets + it.size))
    }

    /// The messages without mark, by number from 1 on.
    fn there(&self) -> impl Iterator<Item = (usize, &Listed)> {
        let marked = self.messages.iter().enumerate();
        marked.filter(|(_, it)| it.1 == Mark::None).map(|(index, it)| (index + 1, &it.0))
    }

    /// The message of a number, unless it is marked, and its index.
    fn find(&self, number: u32) -> Option<(usize, &Listed)> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let (message, mark) = self.messages.get(index)?;
        (*mark == Mark::None).then_some((index, message))
    }

    fn deleted(&self) -> Vec<usize> {
        let marked = self.messages.iter().enumerate();
        marked.filter(|(_, it)| it.1 == Mark::Deleted).map(|(index, _)| index).collect()
    }
}

impl Session {
    pub(super) fn in_transaction(&mut self, mut transaction: Transaction, command: Command) {
        match command {
            Command::Capa => self.capabilities(),
            Command::Noop => self.ok("nothing done"),
            Command::Stat => {
                // RFC 1939 §5: exactly these two numbers.
                let (count, octets) = transaction.total();
                self.ok(&format!("{count} {octets}"));
            }
            Command::List(number) => self.list(&transaction, number, |it| it.size.to_string()),
            Command::Uidl(number) => self.list(&transaction, number, |it| it.unique_id.clone()),
            Command::Retr(number) => {
                // RFC 1939 §5, and what programs that reassemble the message read.
                let size = transaction.find(number).map_or(0, |(_, message)| message.size);
                let opening = format!("+OK {size} octets\r\n");
                return self.read(transaction, number, DotWriter::whole(), opening);
            }
            Command::Top(number, lines) => {
                let opening = "+OK the top of the message follows\r\n".to_owned();
                return self.read(transaction, number, DotWriter::top(lines), opening);
            }
            Command::Dele(number) => match transaction.find(number).map(|(index, _)| index) {
                Some(index) => {
                    if let Some((_, mark)) = transaction.messages.get_mut(index) {
                        *mark = Mark::Deleted;
                    }
                    self.ok(&format!("message {number} is marked as deleted"));
                }
                None => self.no_message(number),
            },
            Command::Rset => {
                transaction.messages.iter_mut().for_each(|(_, mark)| *mark = Mark::None);
                self.ok("no message is marked");
            }
            Command::Quit => {
                self.state = State::Updating;
                return self.output(What::Update { deleted: transaction.deleted() });
            }
            Command::User(_) | Command::Pass(_) | Command::Auth(_) | Command::Stls => {
                self.err("", "you are logged in already");
            }
        }
        self.state = State::Transaction(transaction);
    }

    fn list(
        &mut self,
        transaction: &Transaction,
        number: Option<u32>,
        what: impl Fn(&Listed) -> String,
    ) {
        match number.map(|number| (number, transaction.find(number))) {
            Some((number, Some((_, message)))) => self.ok(&format!("{number} {}", what(message))),
            Some((number, None)) => self.no_message(number),
            None => {
                let (count, octets) = transaction.total();
                let mut text = format!("+OK {count} messages ({octets} octets)\r\n");
                for (number, message) in transaction.there() {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{number} {}\r\n", what(message));
                }
                text.push_str(".\r\n");
                self.send(text.into_bytes());
            }
        }
    }

    fn read(&mut self, transaction: Transaction, number: u32, writer: DotWriter, opening: String) {
        let Some((index, _)) = transaction.find(number) else {
            self.state = State::Transaction(transaction);
            return self.no_message(number);
        };
        self.state = State::Reading { transaction, writer, opening: Some(opening) };
        self.output(What::Read { index });
    }

    pub(super) fn on_content(
        &mut self,
        transaction: Transaction,
        mut writer: DotWriter,
        opening: Option<String>,
        input: &Input<'_>,
    ) {
        let has_begun = opening.is_none();
        match input {
            Input::Content(bytes) => {
                let mut out = opening.unwrap_or_default().into_bytes();
                writer.write(bytes, &mut out);
                if writer.has_enough() {
                    writer.finish(&mut out);
                    self.state = State::Transaction(transaction);
                } else {
                    self.state = State::Reading { transaction, writer, opening: None };
                }
                self.send(out);
            }
            Input::ContentEnd => {
                let mut out = opening.unwrap_or_default().into_bytes();
                writer.finish(&mut out);
                self.state = State::Transaction(transaction);
                self.send(out);
            }
            Input::ContentFailed if has_begun => {
                // The client must not take a part for the whole.
                self.close();
            }
            Input::ContentFailed => {
                self.state = State::Transaction(transaction);
                self.err("[SYS/TEMP]", "the message cannot be read now");
            }
            Input::Idle | Input::Shutdown => self.close(),
            _ => self.state = State::Reading { transaction, writer, opening },
        }
    }

    pub(super) fn on_updated(&mut self, done: Result<(), UpdateFailed>) {
        match done {
            Ok(()) => self.ok("good bye"),
            // RFC 1939 §6.
            Err(UpdateFailed) => {
                self.err("[SYS/TEMP]", "some deleted messages were not removed");
            }
        }
        self.close();
    }

    fn no_message(&mut self, number: u32) {
        self.err("", &format!("there is no message {number}"));
    }
}
