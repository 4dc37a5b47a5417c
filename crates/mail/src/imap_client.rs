//! The client's side of IMAP on a host: connects, begins TLS, logs in, asks.
//!
//! ```text
//!   webmail · mail fetch
//!   ────────────────────   commands with their causes
//!   this module            stream, timers
//!   imap::client           the machine
//! ```

mod drafts;
mod folders;

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use capa7_dissect::Room;
use capa7_mail_proto::imap::client::{
    Client, ClientCommand, ClientConfig, ClientError, Completed, Input, Output, SearchForm,
};
use capa7_mail_proto::imap::command::{Access, FlagChange};
use capa7_mail_proto::imap::fetch::FetchItemName;
use capa7_mail_proto::imap::response::{Code, FetchItem, Status, StatusText, Untagged};
use capa7_mail_proto::imap::search::SearchKey;
use capa7_mail_proto::imap::sequence::{SequenceNumber, SequenceSet};
use capa7_mail_proto::mailbox::{Flag, Uid};
use capa7_mail_proto::sasl::{ClientExchange, Mechanism, Password};
use capa7_net::{Cause, Host, Place, Stream};
use rand::RngCore as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::smtp::connection::TlsUse;

pub use folders::Folder;

/// How a connection is made.
#[derive(Clone, Debug)]
pub struct ImapSettings {
    /// Whether and how TLS is used.
    pub tls: TlsUse,
    /// Bounds on what the server says.
    pub bounds: ClientConfig,
    /// How long the server may take to accept the connection, and for its
    /// handshake where TLS begins with the first byte.
    pub connect_time: Duration,
    /// How long the server may be silent while a command runs.
    pub answer_time: Duration,
}

impl Default for ImapSettings {
    /// In clear, the machine's bounds, 60 s for each.
    fn default() -> Self {
        let (bounds, minute) = (ClientConfig::default(), Duration::from_secs(60));
        Self { tls: TlsUse::Never, bounds, connect_time: minute, answer_time: minute }
    }
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum ImapError {
    /// The network failed, or the server closed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The server was silent too long.
    #[error("no answer in time")]
    TimedOut,
    /// Nothing came of a command on a connection from which it was expected soon.
    #[error("nothing is heard over the connection")]
    Deaf,
    /// The server does not keep to the protocol.
    #[error("not IMAP: {0}")]
    Protocol(#[from] ClientError),
    /// The handshake failed, or TLS is not offered.
    #[error("no TLS: {0}")]
    Tls(String),
    /// The server said farewell in the middle of a command, and why.
    #[error("the server ended the connection: {}", .0.text)]
    Farewell(StatusText),
    /// The server said no; the connection is as good as before.
    #[error("the server says {}: {}", .0.status.name(), .0.text)]
    Refused(StatusText),
}

impl ImapError {
    /// Whether the connection can go on.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// A connection, its owner's alone.
#[derive(Debug)]
pub struct ImapConnection {
    host: Host,
    /// None for the time of a handshake, and after it failed.
    stream: Option<Stream>,
    machine: Client,
    settings: ImapSettings,
    news: Vec<(Untagged, Cause)>,
    /// What was said of a command that has no end.
    told: Vec<Untagged>,
    /// Within what the next command's answer must begin.
    soon: Option<Duration>,
    cause: Cause,
}

/// The connection's life.
impl ImapConnection {
    /// Connects, reads the greeting, and begins TLS as the settings say.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn open(
        host: &Host,
        to: impl Into<Place>,
        settings: &ImapSettings,
        cause: Cause,
    ) -> Result<Self, ImapError> {
        let host = host.in_room(Room::Mail);
        let to = to.into();
        let limit = settings.connect_time;
        let connected = host.timeout(limit, host.connect(&to, cause)).await;
        let mut stream = Stream::from(connected.map_err(|_| ImapError::TimedOut)??);
        if let TlsUse::Implicit { client, name } = &settings.tls {
            let begun = host.timeout(limit, stream.connect_tls(client, name)).await;
            let begun = begun.map_err(|_| ImapError::TimedOut)?;
            stream = begun.map_err(|error| ImapError::Tls(error.to_string()))?;
        }
        let machine = Client::new(settings.bounds);
        let (settings, news, stream) = (settings.clone(), Vec::new(), Some(stream));
        let (told, soon) = (Vec::new(), None);
        let mut connection = Self { host, stream, machine, settings, news, told, soon, cause };
        connection.greet(cause).await?;
        connection.secure(cause).await?;
        Ok(connection)
    }

    async fn greet(&mut self, cause: Cause) -> Result<(), ImapError> {
        loop {
            if let Some(Output::Greeted(status, _)) = self.machine.poll() {
                if status.status == Status::Bye {
                    return Err(ImapError::Refused(status));
                }
                break;
            }
            self.read().await?;
        }
        self.learn(cause).await
    }

    /// Asks what the server offers, when it was not told.
    async fn learn(&mut self, cause: Cause) -> Result<(), ImapError> {
        if self.machine.capabilities().is_empty() {
            self.run(ClientCommand::Capability, cause).await?;
        }
        Ok(())
    }

    async fn secure(&mut self, cause: Cause) -> Result<(), ImapError> {
        match self.settings.tls {
            TlsUse::Never | TlsUse::Implicit { .. } => return Ok(()),
            TlsUse::WhenOffered { .. } if !self.machine.can("STARTTLS") => return Ok(()),
            _ => {}
        }
        if !self.machine.can("STARTTLS") {
            return Err(ImapError::Tls("the server does not offer STARTTLS".to_owned()));
        }
        self.run(ClientCommand::StartTls, cause).await?;
        self.learn(cause).await
    }

    /// Logs in, without telling the password where the server knows how.
    ///
    /// # Errors
    /// [`ImapError::Refused`] when name or password are not right.
    pub async fn log_in(
        &mut self,
        user: &str,
        password: &Password,
        cause: Cause,
    ) -> Result<(), ImapError> {
        let offered: Vec<&str> = self
            .machine
            .capabilities()
            .iter()
            .filter_map(|name| {
                name.get(..5).filter(|p| p.eq_ignore_ascii_case("AUTH=")).and(name.get(5..))
            })
            .collect();
        let command = match Mechanism::best(offered) {
            Some(mechanism) => {
                let mut nonce = [0; 18];
                self.host.rng().fill_bytes(&mut nonce);
                let exchange = ClientExchange::new(mechanism, user, password, nonce);
                ClientCommand::Authenticate(Box::new(exchange))
            }
            None => ClientCommand::Login { user: user.to_owned(), password: password.clone() },
        };
        self.run(command, cause).await?;
        self.learn(cause).await
    }

    /// Says goodbye (RFC 9051 §6.1.3).
    pub async fn log_out(mut self, cause: Cause) {
        let _ = self.run(ClientCommand::Logout, cause).await;
        if let Some(stream) = &mut self.stream {
            let _ = stream.shutdown().await;
        }
    }

    /// The machine: what is offered, and what is known of the mailbox.
    #[must_use]
    pub const fn machine(&self) -> &Client {
        &self.machine
    }

    /// The event that brought the last answer.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        self.cause
    }

    /// The next command fails with [`ImapError::Deaf`] when nothing comes within `limit`:
    /// for a connection that may have vanished, and for what may be asked again.
    pub const fn expect_soon(&mut self, limit: Duration) {
        self.soon = Some(limit);
    }

    /// Gives a command and waits for its end.
    ///
    /// # Errors
    /// [`ImapError::Refused`] when the server says no; with another error the
    /// connection is of no use any more.
    pub async fn run(
        &mut self,
        command: ClientCommand,
        cause: Cause,
    ) -> Result<Completed, ImapError> {
        let completed = self.complete(command, cause).await?;
        if completed.is_ok() { Ok(completed) } else { Err(ImapError::Refused(completed.status)) }
    }

    /// Gives a command and waits for its end, be it a refusal.
    async fn complete(
        &mut self,
        command: ClientCommand,
        cause: Cause,
    ) -> Result<Completed, ImapError> {
        self.machine.handle(Input::Command(command, cause))?;
        loop {
            while let Some(output) = self.machine.poll() {
                if let Some(completed) = self.perform(output).await? {
                    self.cause = completed.cause;
                    return Ok(completed);
                }
            }
            if let Err(error) = self.read().await {
                return Err(self.farewell(error));
            }
        }
    }

    /// A connection ended in the middle of a command: the server may have said why.
    fn farewell(&mut self, error: ImapError) -> ImapError {
        self.told = self.machine.take_told();
        let said = self.told.iter().find_map(|untagged| match untagged {
            Untagged::Status(status) if status.status == Status::Bye => Some(status.clone()),
            _ => None,
        });
        said.map_or(error, ImapError::Farewell)
    }

    async fn perform(&mut self, output: Output) -> Result<Option<Completed>, ImapError> {
        match output {
            Output::Write(bytes, cause) => {
                let stream = self.stream.as_mut().ok_or_else(gone)?;
                stream.set_write_cause(cause);
                let written = async {
                    stream.write_all(&bytes).await?;
                    stream.flush().await
                };
                let limit = self.settings.answer_time;
                self.host.timeout(limit, written).await.map_err(|_| ImapError::TimedOut)??;
            }
            Output::BeginTls(_) => self.begin_tls().await?,
            Output::Completed(completed) => return Ok(Some(completed)),
            Output::News(untagged, cause) => self.news.push((untagged, cause)),
            Output::Greeted(..) | Output::Idling(_) => {}
        }
        Ok(None)
    }

    async fn begin_tls(&mut self) -> Result<(), ImapError> {
        let (TlsUse::WhenOffered { client, name } | TlsUse::Required { client, name }) =
            &self.settings.tls
        else {
            return Err(ImapError::Tls("not asked for".to_owned()));
        };
        let stream = self.stream.take().ok_or_else(gone)?;
        let begun = self.host.timeout(self.settings.answer_time, stream.connect_tls(client, name));
        let begun = begun.await.map_err(|_| ImapError::TimedOut)?;
        self.stream = Some(begun.map_err(|error| ImapError::Tls(error.to_string()))?);
        self.machine.handle(Input::TlsBegun)?;
        Ok(())
    }

    /// Takes what the server has said by itself, without waiting for more: what it
    /// told of the mailbox is known then, and whether it has ended the connection.
    ///
    /// # Errors
    /// When the connection is of no use any more.
    pub async fn look(&mut self) -> Result<(), ImapError> {
        for _ in 0..LOOKS_MAX {
            let looked = {
                let mut reading = pin!(self.read_some());
                poll_fn(|context| Poll::Ready(reading.as_mut().poll(context))).await
            };
            let Poll::Ready(read) = looked else { break };
            read?;
            while let Some(output) = self.machine.poll() {
                self.perform(output).await?;
            }
            self.news.clear();
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), ImapError> {
        let (limit, late) = match self.soon.take() {
            Some(soon) => (soon, ImapError::Deaf),
            None => (self.settings.answer_time, ImapError::TimedOut),
        };
        let host = self.host.clone();
        host.timeout(limit, self.read_some()).await.map_err(|_| late)?
    }

    async fn read_some(&mut self) -> Result<(), ImapError> {
        let stream = self.stream.as_mut().ok_or_else(gone)?;
        let mut bytes = Vec::with_capacity(READ_BYTES);
        let count = stream.read_buf(&mut bytes).await?;
        let cause = stream.read_cause();
        let input = if count == 0 { Input::Ended } else { Input::Bytes(&bytes, cause) };
        Ok(self.machine.handle(input)?)
    }

    /// Waits until the server tells something by itself, or for `limit`
    /// (RFC 9051 §6.3.13), and returns what it told. Where it cannot idle, it is
    /// asked at the end of the wait.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn idle(
        &mut self,
        limit: Duration,
        cause: Cause,
    ) -> Result<Vec<(Untagged, Cause)>, ImapError> {
        if !self.machine.can("IDLE") {
            self.host.sleep(limit.min(POLL_TIME)).await;
            let done = self.run(ClientCommand::Noop, cause).await?;
            let told = done.untagged.into_iter().map(|untagged| (untagged, done.cause));
            return Ok(told.collect());
        }
        self.machine.handle(Input::Command(ClientCommand::Idle, cause))?;
        let until = self.host.now() + limit;
        let (mut idles, mut done_said) = (false, false);
        loop {
            while let Some(output) = self.machine.poll() {
                idles |= matches!(output, Output::Idling(_));
                if let Some(completed) = self.perform(output).await? {
                    if !completed.is_ok() {
                        return Err(ImapError::Refused(completed.status));
                    }
                    return Ok(std::mem::take(&mut self.news));
                }
            }
            let over = self.host.now() >= until || !self.news.is_empty();
            // Not before the server idles: news may come with its consent.
            if over && idles && !done_said {
                done_said = true;
                let because = self.news.last().map_or(cause, |(_, cause)| *cause);
                self.machine.handle(Input::Done(because))?;
                continue;
            }
            if done_said || !idles {
                self.read().await?;
                continue;
            }
            let left = until.since(self.host.now());
            let host = self.host.clone();
            if let Ok(read) = host.timeout(left, self.read_some()).await {
                read?;
            }
        }
    }
}

/// What a reader does with mailboxes and messages.
impl ImapConnection {
    /// Selects a mailbox; nothing is said when it is selected already.
    ///
    /// # Errors
    /// As [`ImapConnection::run`].
    pub async fn select(
        &mut self,
        mailbox: &str,
        access: Access,
        cause: Cause,
    ) -> Result<(), ImapError> {
        let writes = access == Access::ReadWrite;
        let selected = self.machine.mailbox();
        if selected.is_some_and(|m| m.name() == mailbox && (m.is_writable() || !writes)) {
            return Ok(());
        }
        let mailbox = mailbox.to_owned();
        self.run(ClientCommand::Select { mailbox, access }, cause).await.map(|_| ())
    }

    /// Fetches items of messages of the selected mailbox.
    ///
    /// # Errors
    /// As [`ImapConnection::run`].
    pub async fn fetch(
        &mut self,
        uids: SequenceSet,
        items: Vec<FetchItemName>,
        cause: Cause,
    ) -> Result<Vec<Vec<FetchItem>>, ImapError> {
        let done = self.run(ClientCommand::UidFetch { uids, items }, cause).await?;
        Ok(fetched(done.untagged))
    }

    /// Fetches items of messages of the selected mailbox; what was told, also when
    /// the server ends with a refusal, and how it ended.
    ///
    /// # Errors
    /// When the connection is of no use any more.
    pub async fn fetch_told(
        &mut self,
        uids: SequenceSet,
        items: Vec<FetchItemName>,
        cause: Cause,
    ) -> Result<(Vec<Vec<FetchItem>>, StatusText), ImapError> {
        let done = self.complete(ClientCommand::UidFetch { uids, items }, cause).await?;
        Ok((fetched(done.untagged), done.status))
    }

    /// What was fetched by a command before the connection ended.
    pub fn fetched_before_the_end(&mut self) -> Vec<Vec<FetchItem>> {
        fetched(std::mem::take(&mut self.told))
    }

    /// The identifiers of the messages for which `key` holds, ascending.
    ///
    /// # Errors
    /// As [`ImapConnection::run`].
    pub async fn search(&mut self, key: SearchKey, cause: Cause) -> Result<Vec<Uid>, ImapError> {
        let extended = self.machine.can("ESEARCH") || self.machine.can("IMAP4rev2");
        let form = if extended { SearchForm::Extended } else { SearchForm::Plain };
        let done = self.run(ClientCommand::UidSearch { key, form }, cause).await?;
        let mut numbers: Vec<u32> = Vec::new();
        for untagged in &done.untagged {
            match untagged {
                Untagged::Search { numbers: found, .. } => numbers.extend(found),
                Untagged::ExtendedSearch(found) => {
                    numbers.extend(found.all.iter().flat_map(spread).take(FOUND_MAX));
                }
                _ => {}
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers.into_iter().filter_map(|number| number.try_into().ok()).map(Uid).collect())
    }

    /// Changes flags without being told the new ones.
    ///
    /// # Errors
    /// As [`ImapConnection::run`].
    pub async fn store(
        &mut self,
        uids: SequenceSet,
        change: FlagChange,
        cause: Cause,
    ) -> Result<(), ImapError> {
        self.run(ClientCommand::UidStore { uids, change }, cause).await.map(|_| ())
    }

    /// Moves messages of the selected mailbox: at once where the server can,
    /// else by copy, mark and expunge (RFC 6851 §3.3).
    ///
    /// # Errors
    /// As [`ImapConnection::run`].
    pub async fn move_to(
        &mut self,
        uids: SequenceSet,
        to: &str,
        cause: Cause,
    ) -> Result<Vec<Uid>, ImapError> {
        if self.machine.can("MOVE") || self.machine.can("IMAP4rev2") {
            let command = ClientCommand::UidMove(uids, to.to_owned());
            return Ok(uids_there(&self.run(command, cause).await?));
        }
        let copied = self.run(ClientCommand::UidCopy(uids.clone(), to.to_owned()), cause).await?;
        self.remove(uids, cause).await?;
        Ok(uids_there(&copied))
    }

    /// Removes messages of the selected mailbox for good. Without UIDPLUS what
    /// others have marked goes with them (RFC 4315 §2.1).
    ///
    /// # Errors
    /// As [`ImapConnection::run`].
    pub async fn remove(&mut self, uids: SequenceSet, cause: Cause) -> Result<(), ImapError> {
        let change = FlagChange::Add(vec![Flag::system("\\Deleted")]);
        self.store(uids.clone(), change, cause).await?;
        let plus = self.machine.can("UIDPLUS") || self.machine.can("IMAP4rev2");
        let command = if plus { ClientCommand::UidExpunge(uids) } else { ClientCommand::Expunge };
        self.run(command, cause).await.map(|_| ())
    }

    /// Adds a message to a mailbox; its identifier, where the server tells it
    /// (RFC 4315 §3).
    ///
    /// # Errors
    /// As [`ImapConnection::run`].
    pub async fn append(
        &mut self,
        mailbox: &str,
        flags: Vec<Flag>,
        message: bytes::Bytes,
        cause: Cause,
    ) -> Result<Option<Uid>, ImapError> {
        let mailbox = mailbox.to_owned();
        let command = ClientCommand::Append { mailbox, flags, date: None, message };
        let done = self.run(command, cause).await?;
        Ok(match &done.status.code {
            Some(Code::AppendUid(_, uids)) => {
                spread(uids).next().and_then(|number| number.try_into().ok()).map(Uid)
            }
            _ => None,
        })
    }
}

fn fetched(untagged: Vec<Untagged>) -> Vec<Vec<FetchItem>> {
    let items = untagged.into_iter().filter_map(|untagged| match untagged {
        Untagged::Fetch { items, .. } => Some(items),
        _ => None,
    });
    items.collect()
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

/// Where messages are that were copied or moved. RFC 6851 §4.3: of moved ones it
/// is told before the end of the command.
fn uids_there(completed: &Completed) -> Vec<Uid> {
    let told = completed.untagged.iter().filter_map(|untagged| match untagged {
        Untagged::Status(status) => Some(status),
        _ => None,
    });
    let code = told.chain([&completed.status]).find_map(|status| match &status.code {
        Some(Code::CopyUid(_, _, there)) => Some(there),
        _ => None,
    });
    let numbers = code.into_iter().flat_map(spread).take(UIDS_MAX);
    numbers.filter_map(|number| number.try_into().ok()).map(Uid).collect()
}

/// The numbers of a set that a server told: it has no `*`.
fn spread(set: &SequenceSet) -> impl Iterator<Item = u32> + '_ {
    let plain = |number| match number {
        SequenceNumber::Number(number) => number.get(),
        SequenceNumber::Largest => 0,
    };
    set.ranges().iter().flat_map(move |range| {
        let (first, last) = (plain(range.first), plain(range.last));
        first.min(last)..=first.max(last)
    })
}

/// Bytes asked for at once.
const READ_BYTES: usize = 32 << 10;
/// Reads of what was said unasked; who says more is heard by the next command.
const LOOKS_MAX: usize = 16;
/// Identifiers of one search that are taken: a server may claim four thousand
/// million with one range.
const FOUND_MAX: usize = 1_000_000;
/// Messages moved at once whose new identifiers are taken.
const UIDS_MAX: usize = 10_000;
/// How often a server that cannot idle is asked.
const POLL_TIME: Duration = Duration::from_secs(30);
