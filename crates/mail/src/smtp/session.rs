//! One connection of a server: bytes between stream and machine, answers from
//! users and queue.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use capa7_mail_proto::address::{Address, ReversePath};
use capa7_mail_proto::envelope::Envelope;
use capa7_mail_proto::smtp::reply::Reply;
use capa7_mail_proto::smtp::server::{
    Acceptance, Input, Output, PasswordVerdict, Peer, RecipientVerdict, SenderVerdict, Session,
    Stage,
};
use capa7_net::{Cause, Host, Note, Room, Stream, TcpStream, Time};
use rand::RngCore as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

use super::server::{Destination, ServerTls, Shared, Taken};
use crate::queue::AcceptError;
use crate::spool::MessageWriter;
use crate::users::Resolved;

/// Serves one connection to its end.
pub(super) async fn serve(
    host: Host,
    stream: TcpStream,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
) {
    let client = stream.peer_addr();
    let Ok(stream) = begin(&host, stream, &shared.tls).await else { return };
    let session = Session::new(Arc::clone(&shared.session), peer(&host, client, &stream));
    let stream = Some(stream);
    let mut connection = Connection { host, shared, stream, session, message: None };
    if connection.run(stopped).await.is_ok() {
        connection.linger().await;
    }
}

/// TLS from the first byte, where the listener has it.
async fn begin(host: &Host, stream: TcpStream, tls: &ServerTls) -> io::Result<Stream> {
    let stream = Stream::from(stream);
    match tls {
        ServerTls::Never | ServerTls::Offered(_) => Ok(stream),
        ServerTls::Implicit(server) => {
            host.timeout(HANDSHAKE, stream.accept_tls(server)).await.map_err(timed_out)?
        }
    }
}

fn peer(host: &Host, client: SocketAddr, stream: &Stream) -> Peer {
    let mut rng = host.rng();
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    Peer {
        address: client.ip(),
        tls: stream.tls_version().map(str::to_owned),
        session: format!("{:012x}", rng.next_u64() >> 16),
        seed,
    }
}

#[derive(Debug)]
struct Connection {
    host: Host,
    shared: Arc<Shared>,
    /// None while TLS begins.
    stream: Option<Stream>,
    session: Session,
    /// The message that comes in.
    message: Option<Incoming>,
}

/// A message on its way to its destination.
#[derive(Debug)]
enum Incoming {
    Spooled(MessageWriter),
    Held(BytesMut),
    /// It cannot be written; the client is told at its end.
    Broken(io::Error),
}

impl Connection {
    async fn run(&mut self, mut stopped: watch::Receiver<bool>) -> io::Result<()> {
        let mut buffer = vec![0; READ_OCTETS];
        let (mut steps, mut deadline) = (0, self.patience());
        let mut is_stopping = false;
        loop {
            while let Some(output) = self.session.poll() {
                self.obey(output).await?;
            }
            if self.session.is_closed() {
                return Ok(());
            }
            if self.session.steps() != steps {
                steps = self.session.steps();
                deadline = self.patience();
            }
            let alarm = self.host.sleep_until(deadline);
            let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            let read = tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped), if !is_stopping => None,
                read = stream.read(&mut buffer) => Some(read?),
                () = alarm => {
                    self.tell(Input::TimedOut);
                    continue;
                }
            };
            let Some(count) = read else {
                is_stopping = true;
                self.tell(Input::Stopping);
                continue;
            };
            let cause = stream.read_cause();
            stream.set_write_cause(cause);
            let Some(bytes @ [_, ..]) = buffer.get(..count) else { return Ok(()) };
            let now_s = now_s(&self.host);
            self.session.handle(now_s, Input::Bytes { bytes, cause });
        }
    }

    fn patience(&self) -> Time {
        self.host.now() + self.shared.session.idle
    }

    fn tell(&mut self, input: Input<'_>) {
        self.session.handle(now_s(&self.host), input);
    }

    async fn obey(&mut self, output: Output) -> io::Result<()> {
        match output {
            Output::Write(bytes) => self.write(&bytes).await?,
            Output::CheckRecipient { address, .. } => {
                let verdict = self.recipient(&address);
                self.tell(Input::Recipient(verdict));
            }
            Output::AskPolicy { stage, recipient, cause } => {
                let reply = self.ordered(stage, recipient.as_ref(), cause);
                self.tell(Input::Policy(reply));
            }
            Output::CheckSender { user, from } => {
                let verdict = self.sender(&user, &from);
                self.tell(Input::Sender(verdict));
            }
            Output::CheckPassword { user, password, .. } => {
                let users = &self.shared.users;
                let account = users.check_password(&self.host, &user, &password).await;
                let verdict = account.map_or(PasswordVerdict::Wrong, |_| PasswordVerdict::Right);
                self.tell(Input::Password(verdict));
            }
            Output::NeedScram { user } => {
                let credentials = self.shared.users.scram(&user);
                self.tell(Input::Scram(Some(credentials)));
            }
            Output::LoggedIn { user, cause } => {
                let note = Note::new(Room::Mail, "logged_in", format!("{user} logged in"));
                let note = note.with("user", user).with("protocol", "smtp");
                self.host.note(note.because(cause));
            }
            Output::BeginMessage { .. } => {
                self.message = Some(match &self.shared.destination {
                    Destination::Queue(queue) => Incoming::Spooled(queue.writer()),
                    Destination::Channel(_) => Incoming::Held(BytesMut::new()),
                });
            }
            Output::Data(bytes) => self.keep(&bytes).await,
            Output::EndMessage { envelope, cause } => {
                let acceptance = match self.ordered(Stage::Message, None, cause) {
                    Some(reply) => {
                        self.message = None;
                        Acceptance::Refused(reply)
                    }
                    None => self.accept(envelope, cause).await,
                };
                self.tell(Input::Message(acceptance));
            }
            Output::AbandonMessage => self.message = None,
            Output::StartTls => self.start_tls().await?,
            // What was written has left; `run` sees that the session is over.
            Output::Close => {}
        }
        Ok(())
    }

    /// What the server was ordered to say, with a note of it.
    fn ordered(&self, stage: Stage, recipient: Option<&Address>, cause: Cause) -> Option<Reply> {
        let Shared { orders, session, .. } = &*self.shared;
        let reply = orders.as_ref()?.reply(session.role, stage, recipient, self.host.now())?;
        let to = match stage {
            Stage::Greeting => "the connection",
            Stage::Hello => "EHLO",
            Stage::Mail => "MAIL",
            Stage::Recipient => "RCPT",
            Stage::Data => "DATA",
            Stage::Message => "the message",
        };
        let code = reply.code.number();
        let note = Note::new(Room::Mail, "fault", format!("{to} is answered {code} by order"));
        let note = note.with("to", to).with("reply", reply.to_string());
        self.host.note(note.because(cause));
        Some(reply)
    }

    fn recipient(&self, address: &Address) -> RecipientVerdict {
        match self.shared.users.resolve(address) {
            Resolved::Account(_) => RecipientVerdict::Local,
            Resolved::Unknown => RecipientVerdict::Unknown,
            Resolved::NotOurs => RecipientVerdict::Elsewhere,
        }
    }

    fn sender(&self, user: &str, from: &ReversePath) -> SenderVerdict {
        let users = &self.shared.users;
        let is_own =
            users.account(user).is_some_and(|account| users.may_send_as(&account.name, from));
        if is_own { SenderVerdict::Own } else { SenderVerdict::Foreign }
    }

    async fn keep(&mut self, bytes: &[u8]) {
        let broken = match &mut self.message {
            Some(Incoming::Spooled(writer)) => writer.write(bytes).await.err(),
            Some(Incoming::Held(held)) => {
                held.extend_from_slice(bytes);
                None
            }
            Some(Incoming::Broken(_)) | None => None,
        };
        if let Some(error) = broken {
            self.message = Some(Incoming::Broken(error));
        }
    }

    async fn accept(&mut self, envelope: Envelope, cause: Cause) -> Acceptance {
        let accepted = match (self.message.take(), &self.shared.destination) {
            (Some(Incoming::Spooled(writer)), Destination::Queue(queue)) => {
                match writer.finish().await {
                    Ok(message) => queue
                        .accept(envelope, message, cause)
                        .await
                        .map(|id| id.to_string())
                        .map_err(|error| refusal_of(&error)),
                    Err(error) => Err(refusal_of(&queue.unwritable(&error))),
                }
            }
            (Some(Incoming::Held(held)), Destination::Channel(channel)) => {
                let message: Bytes = held.freeze();
                let taken = Taken { envelope, message };
                let sent = channel.send(taken).await;
                sent.map(|()| "taken".to_owned()).map_err(|_| refusal_of(&AcceptError::Closed))
            }
            (Some(Incoming::Broken(error)), Destination::Queue(queue)) => {
                Err(refusal_of(&queue.unwritable(&error)))
            }
            _ => Err(refusal_of(&AcceptError::Closed)),
        };
        match accepted {
            Ok(id) => Acceptance::Kept(id),
            Err(reply) => Acceptance::Refused(reply),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let idle = self.shared.session.idle;
        self.host.timeout(idle, stream.write_all(bytes)).await.map_err(timed_out)??;
        self.host.timeout(idle, stream.flush()).await.map_err(timed_out)?
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        let ServerTls::Offered(server) = &self.shared.tls else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let stream = self.stream.take().ok_or(io::ErrorKind::NotConnected)?;
        let stream =
            self.host.timeout(HANDSHAKE, stream.accept_tls(server)).await.map_err(timed_out)??;
        let version = stream.tls_version().unwrap_or("TLS").to_owned();
        self.stream = Some(stream);
        self.tell(Input::TlsBegan(version));
        Ok(())
    }

    /// Closes so that the last reply arrives: bytes that nobody read would make
    /// the kernel reset the connection, and the reply would be lost.
    async fn linger(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        let mut buffer = vec![0; READ_OCTETS];
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

fn now_s(host: &Host) -> i64 {
    i64::try_from(host.wall_clock().secs()).unwrap_or_default()
}

/// The queue's reason as a reply.
fn refusal_of(error: &AcceptError) -> Reply {
    let (code, enhanced) = match error {
        AcceptError::Full => (452, (3, 1)),
        AcceptError::ReadOnly | AcceptError::Disk(_) => (451, (3, 0)),
        AcceptError::Loop(_) => (554, (4, 6)),
        AcceptError::Closed => (451, (3, 2)),
    };
    Reply::new(code, Some(enhanced), error.to_string())
}

fn timed_out(_: capa7_net::Elapsed) -> io::Error {
    io::ErrorKind::TimedOut.into()
}

/// What one read takes at most.
const READ_OCTETS: usize = 16 << 10;
/// How long the handshake of TLS may take.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// How long a closing waits for the client to close.
const LINGER: Duration = Duration::from_secs(2);
/// Octets that a closing reads at most.
const LINGER_OCTETS_MAX: usize = 256 << 10;
