//! `capa7 dns serve`: an authoritative server of a real machine, built for speed.
//!
//! ```text
//!   worker 1 ── own socket, batches ──┐
//!   worker 2 ── own socket, batches ──┼──▶ zones ◀── SIGHUP reads them again
//!   streams  ── tokio ────────────────┘
//! ```
//!
//! Each worker is a thread with a socket of its own (SO_REUSEPORT), which the
//! kernel feeds with a share of the clients. Nothing is shared but the zones.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use capa7_dissect::Room;
use capa7_dns_proto::answer::{AnswerContext, AnswerSettings, Transport, answer};
use capa7_dns_proto::zone::{DuplicateZone, Zone, ZoneError, ZoneSet};
use capa7_net::batch::UdpBatch;
use capa7_net::signals::Signal;
use capa7_net::startup::{self, Confinement, DoorError, StartError, TcpDoor, User};
use capa7_net::stopwatch::StopWatch;
use capa7_net::{Host, Task, memory};

use crate::authoritative::Answerer;
use crate::connections::ConnectionLimits;
use crate::stream;
use crate::zone_files::{ZoneLoadError, read_zone_file};

/// What `capa7 dns serve` is told.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// Master files, one zone each.
    pub zones: Vec<PathBuf>,
    /// Addresses to listen on, UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// Threads for datagrams, each with a socket per address.
    pub workers: usize,
    /// The user to become once the sockets are open.
    pub user: Option<String>,
    /// What is answered beside the zones' content.
    pub settings: AnswerSettings,
    /// Bounds on the TCP side.
    pub connections: ConnectionLimits,
}

/// Why a server did not start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A zone cannot be read.
    #[error(transparent)]
    Zone(#[from] ZoneLoadError),
    /// A zone cannot be compiled.
    #[error(transparent)]
    Compile(#[from] ZoneError),
    /// Two files hold one zone.
    #[error("{0}: name one file for each zone")]
    Duplicate(#[from] DuplicateZone),
    /// A listener did not open.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// Privileges could not be given up.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The machine failed a running server.
    #[error("the server had to end: {0}")]
    Machine(#[from] io::Error),
}

/// Reads and compiles all zones.
///
/// # Errors
/// The first file that is faulty, with all its faults.
pub fn load_zones(files: &[PathBuf]) -> Result<ZoneSet, ServeError> {
    let load = |path: &PathBuf| -> Result<Arc<Zone>, ServeError> {
        Ok(Arc::new(Zone::compile(&read_zone_file(path)?)?))
    };
    let zones = files.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    // Reading takes several times what a compiled zone keeps.
    memory::give_back();
    Ok(ZoneSet::new(zones)?)
}

/// The sockets that were opened before privileges were given up.
#[derive(Debug)]
struct Doors {
    datagrams: Vec<UdpBatch>,
    streams: Vec<TcpDoor>,
}

/// Serves until SIGTERM or SIGINT; SIGHUP reads the zones again. `told` gets
/// a line for each thing that an operator wants to know.
///
/// # Errors
/// [`ServeError`], before the first query or when the machine fails.
pub fn serve(config: ServeConfig, told: impl Fn(&str)) -> Result<(), ServeError> {
    startup::start(
        || {
            let begin = StopWatch::start();
            let zones = load_zones(&config.zones)?;
            let names: usize = zones.zones().iter().map(|zone| zone.name_count()).sum();
            told(&format!(
                "{} zones with {names} names loaded in {:.3} s",
                zones.zones().len(),
                begin.elapsed().as_secs_f64()
            ));
            Ok((config, zones))
        },
        |(config, _)| open(config),
        |(config, _)| match &config.user {
            Some(user) => Ok(Confinement::User(User::named(user)?)),
            None => Ok(Confinement::Nothing),
        },
        |(config, zones), doors| work(config, zones, doors, &told),
    )
}

fn open(config: &ServeConfig) -> Result<Doors, ServeError> {
    let mut doors = Doors { datagrams: Vec::new(), streams: Vec::new() };
    for &at in &config.listen {
        let group = UdpBatch::bind_group(at, config.workers.max(1))
            .map_err(|error| DoorError::new("UDP", at, error))?;
        doors.datagrams.extend(group);
        doors.streams.push(TcpDoor::open(at)?);
    }
    Ok(doors)
}

async fn work(
    config: ServeConfig,
    zones: ZoneSet,
    doors: Doors,
    told: &impl Fn(&str),
) -> Result<(), ServeError> {
    let host = Host::machine(Room::Dns);
    let mut signals = host.signals()?;
    let zones = Arc::new(ArcSwap::from_pointee(zones));
    let mut streams = Vec::new();
    for door in doors.streams {
        let answerer = Answerer::new(Arc::clone(&zones), config.settings.clone());
        let serve = stream::serve(host.clone(), host.adopt(door)?, config.connections, answerer);
        streams.push(host.spawn("dns tcp", serve));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let workers = start_workers(&host, doors.datagrams, &zones, &config.settings, &stop);
    for at in &config.listen {
        told(&format!("listening on {at}, UDP and TCP, {} workers", config.workers.max(1)));
    }
    while signals.next().await == Signal::Reload {
        told(&reload(&host, &config.zones, &zones).await);
    }
    // What waits in the kernel is answered before the workers end.
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        let _ = host.timeout(STOP_PATIENCE, worker).await;
    }
    told("stopped");
    Ok(())
}

fn start_workers(
    host: &Host,
    sockets: Vec<UdpBatch>,
    zones: &Arc<ArcSwap<ZoneSet>>,
    settings: &AnswerSettings,
    stop: &Arc<AtomicBool>,
) -> Vec<Task<()>> {
    let sockets = Arc::new(sockets);
    let (zones, settings, stop) = (Arc::clone(zones), settings.clone(), Arc::clone(stop));
    let count = sockets.len();
    host.workers("dns worker", count, move |index| {
        let (sockets, zones, stop) = (Arc::clone(&sockets), Arc::clone(&zones), Arc::clone(&stop));
        let mut context = AnswerContext::new(settings.clone());
        async move {
            // The thread is the worker's own: it waits in the kernel.
            let Some(socket) = sockets.get(index) else { return };
            let mut known = arc_swap::Cache::new(&*zones);
            let served = socket.serve(&stop, |query, _client, out| {
                let reply = answer(known.load(), query, Transport::Datagram, out, &mut context)?;
                Some(reply.octets)
            });
            if let Err(error) = served {
                tracing::error!(%error, at = %socket.local_addr(), "a worker ended");
            }
        }
    })
}

/// Reads the zones again; a faulty one leaves all as they were.
async fn reload(host: &Host, files: &[PathBuf], zones: &ArcSwap<ZoneSet>) -> String {
    let files = files.to_vec();
    match host.blocking(move || load_zones(&files)).await {
        Ok(new) => {
            let count = new.zones().len();
            zones.store(Arc::new(new));
            format!("{count} zones loaded again")
        }
        Err(error) => format!("the zones stay as they were: {error}"),
    }
}

/// How long a worker may take to answer what is left.
const STOP_PATIENCE: Duration = Duration::from_secs(1);
