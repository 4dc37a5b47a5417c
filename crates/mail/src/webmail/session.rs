//! Who is logged in, and their connections to the mailbox.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use capa7_mail_proto::imap::command::Access;
use capa7_mail_proto::imap::response::{Code, StatusText};
use capa7_mail_proto::sasl::Password;
use capa7_net::{Cause, Host, Time};
use rand::RngCore as _;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::conversations::Indexes;
use super::each::Wanted;
use super::problem::Problem;
use super::{Gateway, WebmailLimits};
use crate::imap_client::{ImapConnection, ImapError};

/// All sessions, by their cookies.
#[derive(Debug)]
pub(crate) struct Sessions {
    limits: WebmailLimits,
    open: Mutex<BTreeMap<String, Arc<Session>>>,
    failures: Mutex<BTreeMap<IpAddr, (Time, u32)>>,
}

/// One log-in.
pub(crate) struct Session {
    pub(crate) user: String,
    pub(crate) password: Password,
    /// The user's address.
    pub(crate) address: String,
    /// What the page must say with every change.
    pub(crate) csrf: String,
    /// What lets a message's frame, which has no cookie, load its own images.
    pub(crate) image_key: String,
    begun: Time,
    used: AtomicU64,
    /// Closed when somebody logs out.
    over: Semaphore,
    kept: Mutex<Vec<(Time, ImapConnection)>>,
    connections: Arc<Semaphore>,
    /// What is known of its folders, and whose turn it is to learn more.
    indexes: Mutex<Indexes>,
    pub(crate) turns: Arc<Semaphore>,
    pub(crate) streams: AtomicUsize,
    /// One message is sent at a time.
    pub(crate) sending: Semaphore,
    /// Messages over which the server ended a connection: what was wanted of them, when
    /// that was, and what it said.
    broken: Mutex<Broken>,
    /// What was sent last, by the page's names, with what was answered.
    sent: Mutex<VecDeque<(String, Value)>>,
}

type Broken = BTreeMap<(&'static str, String, NonZeroU32), (Time, String)>;

impl std::fmt::Debug for Session {
    /// Secrets do not get into logs by accident.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Session({}, …)", self.user)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sessions {
    pub(crate) fn new(limits: WebmailLimits) -> Self {
        let (open, failures) = (Mutex::new(BTreeMap::new()), Mutex::new(BTreeMap::new()));
        Self { limits, open, failures }
    }

    /// Logs in by IMAP; the new session and its cookie.
    pub(crate) async fn log_in(
        &self,
        gateway: &Gateway,
        user: &str,
        password: &str,
        client: IpAddr,
        cause: Cause,
    ) -> Result<(String, Arc<Session>, Cause), Problem> {
        let host = &gateway.host;
        if self.failures_of(client, host.now()) >= self.limits.failures_max {
            return Err(Problem::TooMany);
        }
        let password = Password::new(password).map_err(|_| Problem::WrongPassword)?;
        let address = if user.contains('@') {
            user.to_owned()
        } else {
            format!("{user}@{}", gateway.config.domain)
        };
        let (imap, settings) = (gateway.config.imap.clone(), &gateway.config.imap_settings);
        let mut connection = ImapConnection::open(host, imap, settings, cause).await?;
        match connection.log_in(user, &password, cause).await {
            Ok(()) => {}
            Err(ImapError::Refused(status)) if is_about_the_password(&status) => {
                self.count_failure(client, host.now());
                return Err(Problem::WrongPassword);
            }
            Err(error) => return Err(error.into()),
        }
        let (now, answered) = (host.now(), connection.cause());
        let session = Arc::new(Session {
            user: user.to_owned(),
            password,
            address,
            csrf: secret(host),
            image_key: secret(host),
            begun: now,
            used: AtomicU64::new(now.0),
            over: Semaphore::new(0),
            kept: Mutex::new(vec![(now, connection)]),
            connections: Arc::new(Semaphore::new(self.limits.connections_per_session_max)),
            indexes: Mutex::default(),
            turns: Arc::new(Semaphore::new(1)),
            streams: AtomicUsize::new(0),
            sending: Semaphore::new(1),
            broken: Mutex::default(),
            sent: Mutex::default(),
        });
        let token = secret(host);
        self.keep(token.clone(), &session, now)?;
        Ok((token, session, answered))
    }

    fn keep(&self, token: String, session: &Arc<Session>, now: Time) -> Result<(), Problem> {
        let mut open = lock(&self.open);
        open.retain(|_, session| session.lives(now, &self.limits));
        let of_user = open.values().filter(|known| known.user == session.user).count();
        if of_user >= self.limits.sessions_per_user_max {
            let own = open.iter().filter(|(_, known)| known.user == session.user);
            let oldest = own.min_by_key(|(_, known)| known.used.load(Ordering::Relaxed));
            if let Some(oldest) = oldest.map(|(token, _)| token.clone()) {
                end(&mut open, &oldest);
            }
        }
        if open.len() >= self.limits.sessions_max {
            return Err(Problem::TooMany);
        }
        open.insert(token, Arc::clone(session));
        Ok(())
    }

    fn failures_of(&self, client: IpAddr, now: Time) -> u32 {
        let failures = lock(&self.failures);
        let recent = failures.get(&client).filter(|(since, _)| now.since(*since) < FAILURE_TIME);
        recent.map_or(0, |(_, count)| *count)
    }

    fn count_failure(&self, client: IpAddr, now: Time) {
        let mut failures = lock(&self.failures);
        failures.retain(|_, (since, _)| now.since(*since) < FAILURE_TIME);
        if failures.len() < CLIENTS_MAX {
            failures.entry(client).or_insert((now, 0)).1 += 1;
        }
    }

    /// The session of a cookie, if it lives.
    pub(crate) fn find(&self, token: &str, now: Time) -> Option<Arc<Session>> {
        let mut open = lock(&self.open);
        let session = open.get(token)?;
        if !session.lives(now, &self.limits) {
            open.remove(token);
            return None;
        }
        session.used.store(now.0, Ordering::Relaxed);
        Some(Arc::clone(session))
    }

    /// The session with an image key.
    pub(crate) fn find_by_image_key(&self, key: &str, now: Time) -> Option<Arc<Session>> {
        let open = lock(&self.open);
        let found = open.values().find(|session| session.image_key == key)?;
        found.lives(now, &self.limits).then(|| Arc::clone(found))
    }

    /// Ends a session.
    pub(crate) fn end(&self, token: &str) {
        end(&mut lock(&self.open), token);
    }
}

fn end(open: &mut BTreeMap<String, Arc<Session>>, token: &str) {
    if let Some(session) = open.remove(token) {
        session.over.close();
    }
}

impl Session {
    /// Whether the session is not over.
    pub(crate) fn lives(&self, now: Time, limits: &WebmailLimits) -> bool {
        if self.over.is_closed() {
            return false;
        }
        let used = Time(self.used.load(Ordering::Relaxed));
        now.since(used) < limits.session_idle && now.since(self.begun) < limits.session_age
    }

    /// Waits until somebody logs out.
    pub(crate) async fn ended(&self) {
        // It has no permits: it ends by being closed only.
        let _closed = self.over.acquire().await;
    }

    /// What was answered when a message was sent, if it was.
    pub(crate) fn sent(&self, key: &str) -> Option<Value> {
        let sent = lock(&self.sent);
        let found = sent.iter().find(|(known, _)| !key.is_empty() && known == key);
        found.map(|(_, answer)| answer.clone())
    }

    /// Remembers that a message is sent.
    pub(crate) fn remember_sent(&self, key: &str, answer: Value) {
        let mut sent = lock(&self.sent);
        sent.retain(|(known, _)| known != key);
        sent.push_back((key.chars().take(KEY_CHARS_MAX).collect(), answer));
        if sent.len() > SENT_MAX {
            sent.pop_front();
        }
    }

    /// Of what is wanted, the messages over which a connection ended a moment ago.
    pub(crate) fn broken(&self, wanted: Wanted<'_>, now: Time) -> BTreeMap<NonZeroU32, String> {
        let mut broken = lock(&self.broken);
        broken.retain(|_, (since, _)| now.since(*since) < BROKEN_TIME);
        let is_it = |(what, folder, uid): &(&str, String, NonZeroU32)| {
            *what == wanted.what && folder == wanted.folder && wanted.uids.contains(uid)
        };
        let found = broken.iter().filter(|(key, _)| is_it(key));
        found.map(|((_, _, uid), (_, words))| (*uid, words.clone())).collect()
    }

    /// Remembers that a connection ended over a message.
    pub(crate) fn is_broken(&self, of: Wanted<'_>, uid: NonZeroU32, words: String, now: Time) {
        let mut broken = lock(&self.broken);
        if broken.len() < BROKEN_MAX {
            broken.insert((of.what, of.folder.to_owned(), uid), (now, words));
        }
    }

    /// What is known of its folders.
    pub(crate) fn indexes(&self) -> MutexGuard<'_, Indexes> {
        lock(&self.indexes)
    }

    /// A connection for one request: a kept one, if possible with the mailbox
    /// selected, or a new one. What may be asked twice is asked at once where the
    /// connection was used a moment ago, and may fail with [`ImapError::Deaf`].
    pub(crate) async fn imap(
        self: &Arc<Self>,
        gateway: &Gateway,
        mailbox: &str,
        repeatable: Repeatable,
        cause: Cause,
    ) -> Result<Lease, Problem> {
        let permits = Arc::clone(&self.connections);
        let permit = permits.acquire_owned().await.map_err(|_| Problem::TooMany)?;
        let now = gateway.host.now();
        while let Some((kept, mut connection)) = self.take_kept(mailbox) {
            if connection.look().await.is_err() {
                continue;
            }
            if now.since(kept) < FRESH_TIME && repeatable == Repeatable::Yes {
                connection.expect_soon(PROBE_TIME);
                return Ok(self.lease(connection, permit, gateway.host.clone()));
            }
            // It may be gone without a word. The question changes nothing, and so
            // nothing is done twice when another connection takes its place.
            let asked = gateway.host.timeout(PROBE_TIME, connection.run(noop(), cause)).await;
            match asked {
                Ok(Ok(_)) => {
                    let mut lease = self.lease(connection, permit, gateway.host.clone());
                    lease.has_asked = true;
                    return Ok(lease);
                }
                Ok(Err(_)) => {}
                Err(_) => self.forget_those_before(now),
            }
        }
        let connection = self.connect(gateway, cause).await?;
        Ok(self.lease(connection, permit, gateway.host.clone()))
    }

    /// One was deaf at this time: the others went the same way, but for those that
    /// answered since.
    pub(crate) fn forget_those_before(&self, now: Time) {
        lock(&self.kept).retain(|(used, _)| *used > now);
    }

    fn take_kept(&self, mailbox: &str) -> Option<(Time, ImapConnection)> {
        let mut kept = lock(&self.kept);
        let has = |connection: &ImapConnection| {
            connection.machine().mailbox().is_some_and(|selected| selected.name() == mailbox)
        };
        match kept.iter().position(|(_, connection)| has(connection)) {
            Some(index) => Some(kept.swap_remove(index)),
            None => kept.pop(),
        }
    }

    /// Lets go of the kept connections that have a mailbox selected: once it is
    /// gone or has another name, a server may end them at their next command.
    pub(crate) fn forget(&self, mailbox: &str) {
        let has = |connection: &ImapConnection| {
            connection.machine().mailbox().is_some_and(|selected| selected.name() == mailbox)
        };
        lock(&self.kept).retain(|(_, connection)| !has(connection));
    }

    fn lease(
        self: &Arc<Self>,
        connection: ImapConnection,
        permit: OwnedSemaphorePermit,
        host: Host,
    ) -> Lease {
        let session = Arc::clone(self);
        let connection = Some(connection);
        Lease { connection, session, host, has_asked: false, _permit: permit }
    }

    /// A new connection, logged in.
    pub(crate) async fn connect(
        &self,
        gateway: &Gateway,
        cause: Cause,
    ) -> Result<ImapConnection, Problem> {
        let (imap, settings) = (gateway.config.imap.clone(), &gateway.config.imap_settings);
        let mut connection = ImapConnection::open(&gateway.host, imap, settings, cause).await?;
        match connection.log_in(&self.user, &self.password, cause).await {
            Ok(()) => Ok(connection),
            // The password was changed since.
            Err(ImapError::Refused(status)) if is_about_the_password(&status) => {
                Err(Problem::LogIn)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a request changes nothing, and so may be answered by asking twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeatable {
    Yes,
    No,
}

/// A connection that goes back to its session, unless it broke or its request
/// was given up in the middle of a command.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Option<ImapConnection>,
    session: Arc<Session>,
    host: Host,
    has_asked: bool,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Whether the server was asked on taking it what others did.
    pub(crate) const fn has_asked(&self) -> bool {
        self.has_asked
    }

    /// Takes a new connection in place of one that broke, with a mailbox selected.
    pub(crate) async fn renew(
        &mut self,
        gateway: &Gateway,
        mailbox: &str,
        cause: Cause,
    ) -> Result<(), Problem> {
        let mut connection = self.session.connect(gateway, cause).await?;
        connection.select(mailbox, Access::ReadWrite, cause).await?;
        self.connection = Some(connection);
        Ok(())
    }
}

impl Deref for Lease {
    type Target = ImapConnection;

    fn deref(&self) -> &ImapConnection {
        self.connection.as_ref().expect("it is here until the lease ends")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut ImapConnection {
        self.connection.as_mut().expect("it is here until the lease ends")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if connection.machine().is_ready() {
            lock(&self.session.kept).push((self.host.now(), connection));
        }
    }
}

/// RFC 5530 §3: a server may refuse also because it has too much to do.
const fn is_about_the_password(status: &StatusText) -> bool {
    !matches!(status.code, Some(Code::Unavailable | Code::Limit | Code::ContactAdmin | Code::InUse))
}

const fn noop() -> capa7_mail_proto::imap::client::ClientCommand {
    capa7_mail_proto::imap::client::ClientCommand::Noop
}

/// 256 random bits as text.
pub(crate) fn secret(host: &Host) -> String {
    let mut bytes = [0; 32];
    host.rng().fill_bytes(&mut bytes);
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A kept connection that was used within this is used again without a question by what
/// changes nothing: what one click asks for comes in a row.
const FRESH_TIME: Duration = Duration::from_secs(1);
/// A kept connection that does not answer within this is left.
const PROBE_TIME: Duration = Duration::from_secs(3);
/// A message over which a connection ended is not asked for again within this.
const BROKEN_TIME: Duration = Duration::from_secs(60);
/// Messages of which that is remembered.
const BROKEN_MAX: usize = 1_000;
/// How long a failed log-in counts.
const FAILURE_TIME: Duration = Duration::from_secs(600);
/// Messages whose sending is remembered.
const SENT_MAX: usize = 32;
/// Characters of a page's name for a message.
const KEY_CHARS_MAX: usize = 64;
/// Addresses whose failures are counted.
const CLIENTS_MAX: usize = 10_000;
