//! One connection: octets between stream and machine, answers from users and
//! store.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use capa7_mail_proto::pop3::server::{
    Channel, Input, OpenRefusal, Output, Session, SessionConfig, UpdateFailed, What,
};
use capa7_mail_proto::sasl::NONCE_BYTES;
use capa7_net::{Cause, Host, Note, Room, Stream, TcpStream};
use rand::RngCore as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

use super::maildrop::Maildrop;
use super::server::Shared;
use crate::smtp::server::ServerTls;
use crate::store::MessageReader;

/// Serves one connection to its end.
pub(super) async fn serve(
    host: Host,
    stream: TcpStream,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
) {
    let stream = Stream::from(stream);
    let (stream, channel) = match &shared.config.tls {
        ServerTls::Never => (Ok(Ok(stream)), Channel::Clear),
        ServerTls::Offered(_) => (Ok(Ok(stream)), Channel::StlsOffered),
        ServerTls::Implicit(server) => {
            (host.timeout(HANDSHAKE, stream.accept_tls(server)).await, Channel::Tls)
        }
    };
    let Ok(Ok(stream)) = stream else { return };
    let mut nonce = [0; NONCE_BYTES];
    host.rng().fill_bytes(&mut nonce);
    let session = Session::new(SessionConfig {
        name: shared.config.hostname.clone(),
        channel,
        passwords: shared.config.passwords,
        nonce,
        login_failures_max: LOGIN_FAILURES_MAX,
        errors_max: ERRORS_MAX,
    });
    let (stream, user, maildrop) = (Some(stream), String::new(), None);
    let mut connection =
        Connection { host, shared, stream, session, user, maildrop, reading: None };
    if connection.run(stopped).await.is_ok() {
        connection.linger().await;
    }
}

#[derive(Debug)]
struct Connection {
    host: Host,
    shared: Arc<Shared>,
    /// None while TLS begins.
    stream: Option<Stream>,
    session: Session,
    /// Who logged in.
    user: String,
    /// Open from the log-in on; none also while it works.
    maildrop: Option<Maildrop>,
    /// The message on its way, and who asked for it.
    reading: Option<(MessageReader, Cause)>,
}

impl Connection {
    async fn run(&mut self, mut stopped: watch::Receiver<bool>) -> io::Result<()> {
        // The greeting belongs to the connection, as far as it is recorded.
        let cause = self.stream.as_ref().map_or(Cause::NONE, Stream::read_cause);
        self.session.handle(cause, Input::Begin);
        let mut buffer = [0; READ_OCTETS];
        let (mut steps, mut deadline) = (0, self.host.now() + IDLE);
        loop {
            if self.obey_all().await? {
                return Ok(());
            }
            if self.session.steps() != steps {
                steps = self.session.steps();
                deadline = self.host.now() + IDLE;
            }
            let alarm = self.host.sleep_until(deadline);
            let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => {
                    self.session.handle(Cause::NONE, Input::Shutdown);
                }
                read = stream.read(&mut buffer) => {
                    let count = read?;
                    if count == 0 {
                        return Ok(());
                    }
                    let cause = stream.read_cause();
                    let octets = buffer.get(..count).unwrap_or_default();
                    self.session.handle(cause, Input::Bytes(octets));
                }
                () = alarm => self.session.handle(Cause::NONE, Input::Idle),
            }
        }
    }

    /// Does what the session wants until it waits for the client; whether it is
    /// over.
    async fn obey_all(&mut self) -> io::Result<bool> {
        loop {
            while let Some(output) = self.session.poll() {
                if self.obey(output).await? {
                    return Ok(true);
                }
            }
            if !self.session.is_waiting() {
                self.reading = None;
                return Ok(false);
            }
            self.read_piece().await;
        }
    }

    async fn obey(&mut self, output: Output) -> io::Result<bool> {
        let cause = output.cause;
        match output.what {
            What::Send(octets) => self.send(&octets, cause).await?,
            What::StartTls => self.start_tls(cause).await?,
            What::CheckPassword { user, password } => {
                let users = &self.shared.users;
                let account = users.check_password(&self.host, &user, &password).await;
                self.session.handle(cause, Input::Checked(account.map(|_| user)));
            }
            What::NeedScram { user } => {
                let credentials = self.shared.users.scram(&user);
                self.session.handle(cause, Input::Scram(Some(credentials)));
            }
            What::Open { user } => self.open(user, cause).await,
            What::Read { index } => self.begin_message(index, cause).await,
            What::Update { deleted } => self.update(deleted, cause).await,
            What::Close => return Ok(true),
        }
        Ok(false)
    }

    async fn open(&mut self, user: String, cause: Cause) {
        let opened = match self.shared.users.account(&user) {
            Some(account) => {
                let store = self.shared.store.clone();
                self.host.blocking(move || Maildrop::open(&store, &account.name)).await
            }
            None => Err(OpenRefusal::Unavailable),
        };
        let opened = opened.map(|(maildrop, listed)| {
            self.maildrop = Some(maildrop);
            let note = Note::new(Room::Mail, "logged_in", format!("{user} logged in"));
            let note = note.with("user", user.as_str()).with("protocol", "pop3");
            self.host.note(note.because(cause));
            self.user = user;
            listed
        });
        self.session.handle(cause, Input::Opened(opened));
    }

    async fn begin_message(&mut self, index: usize, cause: Cause) {
        let Some(maildrop) = self.maildrop.take() else {
            return self.session.handle(cause, Input::ContentFailed);
        };
        let look = move || {
            let message = maildrop.message(index);
            (maildrop, message)
        };
        let (maildrop, message) = self.host.blocking(look).await;
        self.maildrop = Some(maildrop);
        match message {
            Ok(message) => self.reading = Some((message, cause)),
            Err(error) => {
                tracing::error!(%error, "a message cannot be read");
                self.session.handle(cause, Input::ContentFailed);
            }
        }
    }

    /// Hands in the next piece of a message; what it makes is sent before the
    /// piece behind it is read.
    async fn read_piece(&mut self) {
        let Some((mut message, cause)) = self.reading.take() else {
            return self.session.handle(Cause::NONE, Input::ContentFailed);
        };
        let read = move || {
            let mut piece = vec![0; PIECE_OCTETS];
            let count = io::Read::read(&mut message, &mut piece);
            (message, piece, count)
        };
        let (message, piece, count) = self.host.blocking(read).await;
        let input = match count {
            Ok(0) => Input::ContentEnd,
            Ok(count) => {
                self.reading = Some((message, cause));
                Input::Content(piece.get(..count).unwrap_or_default())
            }
            Err(error) => {
                tracing::error!(%error, "a message cannot be read to its end");
                Input::ContentFailed
            }
        };
        self.session.handle(cause, input);
    }

    async fn update(&mut self, deleted: Vec<usize>, cause: Cause) {
        let updated = match self.maildrop.take() {
            Some(maildrop) => {
                let _held_until_noted = maildrop.account().hold_news();
                let remove = move || {
                    let removed = maildrop.remove(&deleted);
                    (maildrop, removed)
                };
                let (maildrop, removed) = self.host.blocking(remove).await;
                removed.map(|uids| {
                    for uid in uids.into_iter().take(NOTES_MAX) {
                        let text = format!("message {uid} is gone from INBOX");
                        let note = Note::new(Room::Mail, "expunged", text);
                        let note = note
                            .with("account", self.user.as_str())
                            .with("mailbox", "INBOX")
                            .with("uid", uid.get());
                        let told = self.host.note(note.because(cause));
                        maildrop.account().set_cause(told);
                    }
                })
            }
            None => Ok(()),
        };
        let updated = updated.map_err(|error| {
            tracing::debug!(%error, "messages cannot be removed");
            UpdateFailed
        });
        self.session.handle(cause, Input::Updated(updated));
    }

    async fn send(&mut self, octets: &[u8], cause: Cause) -> io::Result<()> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        stream.set_write_cause(cause);
        let writing = async {
            stream.write_all(octets).await?;
            stream.flush().await
        };
        // A client that takes nothing is not waited for.
        self.host.timeout(WRITING, writing).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    async fn start_tls(&mut self, cause: Cause) -> io::Result<()> {
        let ServerTls::Offered(server) = &self.shared.config.tls else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let stream = self.stream.take().ok_or(io::ErrorKind::NotConnected)?;
        let begun = self.host.timeout(HANDSHAKE, stream.accept_tls(server)).await;
        self.stream = Some(begun.map_err(|_| io::ErrorKind::TimedOut)??);
        self.session.handle(cause, Input::TlsStarted);
        Ok(())
    }

    /// Closes so that the last answer arrives: octets that nobody read would
    /// make the kernel reset the connection, and it would be lost.
    async fn linger(&mut self) {
        // The maildrop is free for the next session at once.
        self.maildrop = None;
        let Some(stream) = &mut self.stream else { return };
        let mut buffer = [0; READ_OCTETS];
        let drain = async {
            let mut left = LINGER_OCTETS_MAX;
            if stream.shutdown().await.is_err() {
                return;
            }
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                left = left.saturating_sub(count);
                if left == 0 {
                    return;
                }
            }
        };
        let _ = self.host.timeout(LINGER, drain).await;
    }
}

/// Log-ins that fail before the connection ends.
const LOGIN_FAILURES_MAX: u32 = 3;
/// Lines in a row that are no commands before the connection ends.
const ERRORS_MAX: u32 = 10;
/// RFC 1939 §3: at least 10 minutes.
const IDLE: Duration = Duration::from_secs(10 * 60);
/// What one read takes at most; commands are short.
const READ_OCTETS: usize = 1 << 10;
/// How much of a message is in memory.
const PIECE_OCTETS: usize = 32 << 10;
/// Of more removed messages the first are told one by one.
const NOTES_MAX: usize = 100;
/// How long the handshake of TLS may take.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// How long a client may take for one piece.
const WRITING: Duration = Duration::from_secs(5 * 60);
/// How long a closing waits for the client to close.
const LINGER: Duration = Duration::from_secs(2);
/// Octets that a closing reads at most.
const LINGER_OCTETS_MAX: usize = 256 << 10;
