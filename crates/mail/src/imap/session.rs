//! One connection: octets between stream and machine, answers from users and
//! store.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use capa7_mail_proto::imap::session::{Input, Output, Session, Tls};
use capa7_mail_proto::imap::store::{StoreError, StoreReply, StoreRequest, StoreResult};
use capa7_mail_proto::sasl::NONCE_BYTES;
use capa7_net::{Cause, Host, Note, Room, Stream, TcpStream, Time};
use rand::RngCore as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

use super::account::Mailboxes;
use super::server::Shared;
use crate::smtp::server::ServerTls;
use crate::store::Watch;

/// Serves one connection to its end.
pub(super) async fn serve(
    host: Host,
    stream: TcpStream,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
) {
    let stream = Stream::from(stream);
    let (stream, tls) = match &shared.tls {
        ServerTls::Never => (Ok(Ok(stream)), Tls::Never),
        ServerTls::Offered(_) => (Ok(Ok(stream)), Tls::Offered),
        ServerTls::Implicit(server) => {
            (host.timeout(HANDSHAKE, stream.accept_tls(server)).await, Tls::Active)
        }
    };
    let Ok(Ok(stream)) = stream else { return };
    let mut nonce = [0; NONCE_BYTES];
    host.rng().fill_bytes(&mut nonce);
    let session = Session::new(Arc::clone(&shared.session), tls, nonce);
    let mut connection = Connection {
        host,
        shared,
        stream: Some(stream),
        session,
        mailboxes: None,
        watch: None,
        alarm: None,
        is_closed: false,
    };
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
    /// The account's, once the client has logged in; none also while they work.
    mailboxes: Option<Mailboxes>,
    watch: Option<Watch>,
    alarm: Option<Time>,
    is_closed: bool,
}

/// What a connection waited for.
enum Event {
    Stopping,
    Read(usize),
    Changed,
    Alarm,
}

impl Connection {
    async fn run(&mut self, mut stopped: watch::Receiver<bool>) -> io::Result<()> {
        // The greeting belongs to the connection, as far as it is recorded.
        let cause = self.stream.as_ref().map_or(Cause::NONE, Stream::read_cause);
        self.tell(Input::Connected { cause });
        // An idle connection holds this buffer and no larger one.
        let mut small = [0; SMALL_OCTETS];
        let mut large = Vec::new();
        let mut is_stopping = false;
        loop {
            self.obey_all().await?;
            if self.is_closed {
                return Ok(());
            }
            let alarm = self.host.sleep_until(self.alarm.unwrap_or(Time(u64::MAX)));
            let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            let buffer = if large.is_empty() { &mut small[..] } else { &mut large[..] };
            let is_idling = self.session.is_idling();
            if let Some(mailboxes) = self.mailboxes.as_mut().filter(|_| is_idling) {
                mailboxes.rest();
            }
            let event = tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped), if !is_stopping => Event::Stopping,
                () = changed(&mut self.watch), if is_idling => Event::Changed,
                read = stream.read(buffer) => Event::Read(read?),
                () = alarm => Event::Alarm,
            };
            match event {
                Event::Stopping => {
                    is_stopping = true;
                    self.tell(Input::Shutdown);
                }
                Event::Changed => {
                    let cause = self.cause_of_change();
                    self.tell(Input::Changed { cause });
                }
                Event::Alarm => {
                    self.alarm = None;
                    self.tell(Input::Timer);
                }
                Event::Read(0) => return Ok(()),
                Event::Read(count) => {
                    let cause = stream.read_cause();
                    let octets = buffer.get(..count).unwrap_or_default().to_vec();
                    let is_full = count == buffer.len();
                    // What arrives in bulk is read in bulk, until it ends.
                    large = if is_full { vec![0; LARGE_OCTETS] } else { Vec::new() };
                    self.notice_changes();
                    self.tell(Input::Octets { octets: &octets, cause });
                }
            }
        }
    }

    fn tell(&mut self, input: Input<'_>) {
        let now = Duration::from_nanos(self.host.now().0);
        self.session.handle(now, input);
    }

    /// Tells the session of changes that nobody waited for.
    fn notice_changes(&mut self) {
        let is_changed = self.watch.as_mut().is_some_and(Watch::has_changed);
        if is_changed {
            let cause = self.cause_of_change();
            self.tell(Input::Changed { cause });
        }
    }

    fn cause_of_change(&self) -> Cause {
        self.mailboxes.as_ref().map_or(Cause::NONE, |mailboxes| mailboxes.account().cause())
    }

    async fn obey_all(&mut self) -> io::Result<()> {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Send { octets, cause } => self.send(&octets, cause).await?,
                Output::StartTls => self.start_tls().await?,
                Output::CheckPassword { user, password } => {
                    let users = &self.shared.users;
                    let account = users.check_password(&self.host, &user, &password).await;
                    self.tell(Input::PasswordChecked(account.map(|_| user)));
                }
                Output::NeedScram { user } => {
                    let credentials = self.shared.users.scram(&user);
                    self.tell(Input::Scram(Some(credentials)));
                }
                Output::OpenAccount { user, cause } => {
                    let opened = self.open_account(&user, cause).await;
                    self.tell(Input::AccountOpened(opened));
                }
                Output::Store { request, cause } => {
                    let result = self.ask(request, cause).await;
                    // Everybody's changes are told, also those of this session.
                    self.notice_changes();
                    self.tell(Input::Stored(result));
                }
                Output::Wake { at, .. } => {
                    let nanos = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
                    self.alarm = Some(Time(nanos));
                }
                Output::Close => self.is_closed = true,
            }
        }
        Ok(())
    }

    async fn open_account(&mut self, user: &str, cause: Cause) -> StoreResult {
        let Some(account) = self.shared.users.account(user) else {
            return Err(StoreError::Unavailable);
        };
        let store = self.shared.store.clone();
        let opened = self.host.blocking(move || store.account(&account.name)).await;
        match opened {
            Ok(account) => {
                self.watch = Some(account.watch());
                self.mailboxes = Some(Mailboxes::new(account));
                let note = Note::new(Room::Mail, "logged_in", format!("{user} logged in"));
                let note = note.with("user", user).with("protocol", "imap");
                self.host.note(note.because(cause));
                Ok(StoreReply::Done)
            }
            Err(error) => {
                tracing::error!(%error, "an account cannot be opened");
                Err(StoreError::Unavailable)
            }
        }
    }

    async fn ask(&mut self, request: StoreRequest, cause: Cause) -> StoreResult {
        let Some(mut mailboxes) = self.mailboxes.take() else {
            return Err(StoreError::Unavailable);
        };
        if let Some(result) = mailboxes.handle_at_once(&request) {
            self.mailboxes = Some(mailboxes);
            return result;
        }
        let news = mailboxes.account().hold_news();
        let work = move || {
            let result = mailboxes.handle(request);
            (mailboxes, result)
        };
        let (mut mailboxes, result) = self.host.blocking(work).await;
        for note in mailboxes.take_notes() {
            let told = self.host.note(note.because(cause));
            mailboxes.account().set_cause(told);
        }
        drop(news);
        self.mailboxes = Some(mailboxes);
        result
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

    async fn start_tls(&mut self) -> io::Result<()> {
        let ServerTls::Offered(server) = &self.shared.tls else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let stream = self.stream.take().ok_or(io::ErrorKind::NotConnected)?;
        let begun = self.host.timeout(HANDSHAKE, stream.accept_tls(server)).await;
        self.stream = Some(begun.map_err(|_| io::ErrorKind::TimedOut)??);
        self.tell(Input::TlsStarted);
        Ok(())
    }

    /// Closes so that the last response arrives: octets that nobody read would
    /// make the kernel reset the connection, and it would be lost.
    async fn linger(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        let mut buffer = [0; SMALL_OCTETS];
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

/// Waits until the account changes; for ever without one.
async fn changed(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => {
            if watch.changed().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
        None => std::future::pending().await,
    }
}

/// What one read takes at most while little comes.
const SMALL_OCTETS: usize = 1 << 10;
/// The same while much comes.
const LARGE_OCTETS: usize = 16 << 10;
/// How long the handshake of TLS may take.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// How long a client may take for 32 KiB.
const WRITING: Duration = Duration::from_secs(5 * 60);
/// How long a closing waits for the client to close.
const LINGER: Duration = Duration::from_secs(2);
/// Octets that a closing reads at most.
const LINGER_OCTETS_MAX: usize = 256 << 10;
