//! `capa7 mail serve`: a mail server of a real machine.
//!
//! ```text
//!   one thread:    mail.toml, users, certificate ─▶ every port ─▶ become the user
//!   many threads:  queue, sessions, control socket
//!                  SIGHUP   users, certificate, records again
//!                  SIGTERM  sessions finish their command, deliveries end
//! ```

mod control;
mod reload;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use capa7_dissect::Room;
use capa7_dns::system_servers;
use capa7_mail_proto::smtp::server::AuthPolicy;
use capa7_net::Host;
use capa7_net::control::{ControlError, Listener};
use capa7_net::signals::Signal;
use capa7_net::startup::{self, Confinement, DoorError, StartError, TcpDoor, User};
use capa7_net::tls::{ServerIdentity, TlsClient, TlsError};

use crate::config::{FileError, MailConfig, TlsFiles};
use crate::server::{MailServer, MailServerConfig, Port};
use crate::users::{UserBook, Users, load_users};

/// Why a server did not start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A file is not in order.
    #[error(transparent)]
    File(#[from] FileError),
    /// A port did not open.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// Privileges could not be given up.
    #[error(transparent)]
    Start(#[from] StartError),
    /// TLS cannot be.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The machine's name server is not known.
    #[error("{0}; set `resolver` in mail.toml, such as \"127.0.0.1:53\"")]
    Resolver(io::Error),
    /// Another server has this folder.
    #[error("{}: {error}", folder.display())]
    Control {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        error: ControlError,
    },
    /// Another server works in the folder.
    #[error("another server works in {}: stop that one, or use another `data`", .0.display())]
    Taken(PathBuf),
    /// The folder cannot be used.
    #[error("cannot work in {}: {error}; {}", folder.display(), what_to_do(error))]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// The machine failed a running server.
    #[error("the server had to end: {0}")]
    Machine(#[from] io::Error),
}

/// What an operator does about a folder that cannot be used.
fn what_to_do(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on its disk",
        io::ErrorKind::ReadOnlyFilesystem => "mount its disk for writing",
        _ => "it must belong to the user that serves",
    }
}

/// All that is read before the first port opens.
#[derive(Debug)]
struct Read {
    config: MailConfig,
    /// The one of the file, or the machine's own; at least one.
    resolvers: Vec<SocketAddr>,
    book: UserBook,
    identity: Option<ServerIdentity>,
}

/// Serves until SIGTERM or SIGINT. `told` gets a line for each thing that an
/// operator wants to know.
///
/// # Errors
/// [`ServeError`], before the first connection or when the machine fails.
pub fn serve(file: &Path, told: impl Fn(&str)) -> Result<(), ServeError> {
    startup::start(
        || read(file),
        |read| {
            let ports = read.config.listen.iter().map(|one| one.at.get_ref());
            let webmail = read.config.webmail.iter().map(|one| one.at.get_ref());
            Ok(ports.chain(webmail).map(|at| TcpDoor::open(*at)).collect::<Result<Vec<_>, _>>()?)
        },
        |read| match &read.config.user {
            Some(user) => Ok(Confinement::User(User::named(user)?)),
            None => Ok(Confinement::Nothing),
        },
        |read, doors| work(file, read, doors, &told),
    )
}

fn read(file: &Path) -> Result<Read, ServeError> {
    let config = MailConfig::load(file)?;
    let book = load_users(&config.users, &config.domain_names())?;
    let identity = config.tls.as_ref().map(read_identity).transpose()?;
    let resolvers = match config.resolver {
        Some(resolver) => vec![resolver],
        None => system_servers().map_err(ServeError::Resolver)?,
    };
    Ok(Read { config, resolvers, book, identity })
}

/// The certificate and key of the files.
///
/// # Errors
/// With the file at fault.
pub fn read_identity(files: &TlsFiles) -> Result<ServerIdentity, FileError> {
    let (chain, key) = read_pem(files)?;
    ServerIdentity::from_pem(&chain, &key).map_err(|error| {
        let file = if error.is_about_the_key() { &files.key } else { &files.certificate };
        FileError::of_file(file, error.to_string())
    })
}

fn read_pem(files: &TlsFiles) -> Result<(Vec<u8>, Vec<u8>), FileError> {
    let bytes = |file: &Path| fs::read(file).map_err(|error| FileError::of_system(file, &error));
    Ok((bytes(&files.certificate)?, bytes(&files.key)?))
}

async fn work(
    file: &Path,
    read: Read,
    mut doors: Vec<TcpDoor>,
    told: &impl Fn(&str),
) -> Result<(), ServeError> {
    let Read { config, resolvers, book, identity } = read;
    let host = Host::machine(Room::Mail);
    let mut signals = host.signals()?;
    let folder = |error| ServeError::Folder { folder: config.data.clone(), error };
    let data = config.data.clone();
    host.blocking(move || fs::create_dir_all(data)).await.map_err(folder)?;
    let control = Listener::open_in(&config.data, CONTROL_NAME).map_err(|error| match error {
        ControlError::Taken(_) => ServeError::Taken(config.data.clone()),
        ControlError::Broken(error) => folder(error),
        error => ServeError::Control { folder: config.data.clone(), error },
    })?;
    let users = Users::new(book);
    let server_config = server_config(&host, &config, &resolvers, &users, identity.as_ref())?;
    // The last door is webmail's, if there is one.
    let webmail = config.webmail.as_ref().and_then(|_| doors.pop());
    let webmail = webmail.map(|door| host.adopt(door)).transpose()?;
    let mut open = Vec::new();
    for (listen, door) in config.listen.iter().zip(doors) {
        let at = door.local_addr()?;
        let mode = listen.mode(identity.is_some());
        open.push((Port { at, service: listen.service, tls: mode }, host.adopt(door)?));
    }
    let ports: Vec<Port> = open.iter().map(|(port, _)| *port).collect();
    reload::write_records(&config, &server_config, &ports)?;
    let started = MailServer::start_on(&host, server_config.clone(), open).await;
    let mut server = started.map_err(folder)?;
    if let Some(listener) = webmail {
        let scheme = if identity.is_some() { "https" } else { "http" };
        told(&format!("webmail at {scheme}://{}", listener.local_addr()));
        server.add_webmail(listener, &server_config);
    }
    let (queue, store) = (server.queue().clone(), server.store().clone());
    let answering =
        host.spawn("mail control", control::answer(host.clone(), control, queue, store));
    for port in &ports {
        told(&format!("{} on {}{}", port.service.name(), port.at, port.tls.words()));
    }
    if users.book().accounts().count() == 0 {
        told("there is no account yet: `capa7 mail user add` makes one");
    }
    told("serving");
    let mut reloader = reload::Reloader { file, config, server_config, identity, ports };
    while signals.next().await == Signal::Reload {
        for line in reloader.reload(&host).await {
            told(&line);
        }
    }
    told("stopping: sessions finish what they do");
    server.stop().await;
    answering.abort();
    let _ = answering.await;
    told("stopped");
    Ok(())
}

fn server_config(
    host: &Host,
    config: &MailConfig,
    resolvers: &[SocketAddr],
    users: &Users,
    identity: Option<&ServerIdentity>,
) -> Result<MailServerConfig, ServeError> {
    let network = host.network();
    let here = ([127, 0, 0, 1], 53).into();
    let (resolver, others) = resolvers.split_first().unwrap_or((&here, &[]));
    let hostname = config.hostname.get_ref().to_ascii_lowercase();
    let mut server = MailServerConfig::new(hostname, users.clone(), &config.data, *resolver);
    server.other_resolvers = others.to_vec();
    server.remote_port = config.remote_port;
    server.tls = identity.map(|identity| identity.server(&network, &[])).transpose()?;
    server.client_tls = Some(TlsClient::opportunistic(&network)?);
    // RFC 8314 §3: without a certificate no password leaves this machine.
    let is_local = config.listen.iter().all(|listen| listen.at.get_ref().ip().is_loopback());
    if identity.is_none() && is_local {
        server.passwords = AuthPolicy::InClear;
    }
    server.limits = config.limits.clone();
    server.schedule = config.queue.schedule();
    Ok(server)
}

pub use control::MAILBOXES_CHANGED;

/// The control socket's name in the data folder.
pub const CONTROL_NAME: &str = "control";
