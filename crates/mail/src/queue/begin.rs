//! A queue begins: what a process before left is taken up first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use capa7_dns::StubClient;
use capa7_mail_proto::queue::{Dispatcher, DispatcherConfig};
use capa7_net::{Host, Room};
use rand::RngCore as _;
use tokio::sync::mpsc;

use super::disk::Disk;
use super::lane::Lane;
use super::progress::{Progress, Reached};
use super::rows::{Location, Rows, Write};
use super::runner::Runner;
use super::shared::Shared;
use super::{Open, Queue, QueueConfig, Tasks, intake, lane, ledger};
use crate::spool::Incoming;
use crate::spool::journal::Journal;
use crate::store::Store;
use crate::users::Users;

impl Queue {
    /// Opens the folder, takes up what was left in it, and begins to deliver:
    /// to the store for domains of the users, to other servers otherwise.
    ///
    /// # Errors
    /// When the folder cannot be opened, or another process has it.
    pub async fn begin(
        host: &Host,
        config: QueueConfig,
        users: Users,
        store: Store,
    ) -> io::Result<Self> {
        let on_host = host.clone();
        let opened = host.blocking(move || open(on_host, config, users, store)).await?;
        let (shared, incoming, journal, rows) = opened;
        let shared = Arc::new(shared);
        let kept = shared.clone();
        let (submissions, submitted) = mpsc::channel(WAITING_MAX);
        let (requests, requested) = mpsc::channel(WAITING_MAX);
        // Not bounded: each input answers an output of the one task that reads
        // them, or tells of an import, which waits for the ledger.
        let (tell, events) = mpsc::unbounded_channel();
        let runner = Runner {
            dispatcher: Dispatcher::new(policy(&shared)),
            shared: shared.clone(),
            ledger: requests.clone(),
            events,
            tell: tell.clone(),
            sessions: BTreeMap::new(),
            tasks: Vec::new(),
            outbox: VecDeque::new(),
        };
        let (lane, given) = Lane::new();
        let (to_rows, also_to_rows, told) = (requests.clone(), requests.clone(), tell.clone());
        let (taking, putting, writing) = (shared.clone(), shared.clone(), shared);
        let tasks = Tasks {
            intake: host.worker("queue-intake", move || {
                intake::run(taking, journal, submitted, lane, to_rows)
            }),
            lane: host.worker("queue-lane", move || lane::run(putting, given, also_to_rows)),
            ledger: host
                .worker("queue-ledger", move || ledger::run(writing, rows, requested, told)),
            runner: host.spawn("queue-runner", runner.run()),
        };
        let open = Open { submissions, requests, tell, tasks };
        Ok(Self {
            shared: kept,
            incoming: Arc::new(incoming),
            open: Arc::new(Mutex::new(Some(open))),
        })
    }
}

fn policy(shared: &Shared) -> DispatcherConfig {
    let config = &shared.config;
    let seed = shared.host.rng().next_u64();
    DispatcherConfig {
        schedule: config.schedule,
        own_addresses: shared.host.addresses().to_vec(),
        sessions_max: config.sessions_max,
        sessions_per_destination_max: config.sessions_per_destination_max,
        ..DispatcherConfig::new(&config.name, seed)
    }
}

fn open(
    host: Host,
    config: QueueConfig,
    users: Users,
    store: Store,
) -> io::Result<(Shared, Incoming, Journal, Rows)> {
    let root = config.root.clone();
    let files = root.join("long");
    fs::create_dir_all(&files)?;
    let lock = FolderLock::take(&root.join("lock"))?;
    let incoming = Incoming::open(root.join("incoming"))?;
    let path = root.join(ROWS);
    let mut rows = Rows::open(&path, config.sync).map_err(io::Error::other)?;
    let (mark, last) = rows.mark().map_err(io::Error::other)?;
    // RFC 1123 §6.1.3.3: a host asks another server when one is of no use.
    let stub = StubClient::new(host.in_room(Room::Dns), config.resolver)
        .or(config.other_resolvers.iter().copied());
    let shared = Shared {
        stub,
        users,
        store,
        disk: Disk::new(&host, root.clone()),
        journal: root.join("journal"),
        files,
        reader: Mutex::new(Rows::open_to_read(&path).map_err(io::Error::other)?),
        last_id: Mutex::new(last),
        progress: Progress::default(),
        _lock: lock,
        host,
        config,
    };
    let journal = Journal::open(shared.journal.clone(), shared.config.sync)?;
    let beyond = rows.beyond().map_err(io::Error::other)?;
    let (left, reached) = intake::left_over(&shared, mark, &beyond)?;
    if !left.is_empty() {
        tracing::info!("{} accepted messages are taken up from the journal", left.len());
    }
    let now = i64::try_from(shared.now().0).unwrap_or(i64::MAX);
    let known: BTreeSet<u64> =
        left.iter().filter(|one| one.location == Location::File).map(|one| one.id).collect();
    if let Some(Reached { last, .. }) = reached {
        shared.next_id(capa7_mail_proto::queue::Moment(last.saturating_mul(1_000)));
    }
    rows.write(&[Write::Import(left)], reached).map_err(io::Error::other)?;
    rows.resume_local(now).map_err(io::Error::other)?;
    remove_unnamed(&shared, &rows, &known)?;
    ledger::sweep(&shared, &mut rows);
    Ok((shared, incoming, journal, rows))
}

/// The right to be the only process that works in a queue's folder.
#[derive(Debug)]
pub(super) struct FolderLock(File);

impl FolderLock {
    fn take(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        file.try_lock().map_err(|_| {
            let path = path.display();
            io::Error::new(io::ErrorKind::AddrInUse, format!("another process holds {path}"))
        })?;
        Ok(Self(file))
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Closing alone is not enough while another thread starts a program:
        // until that one has begun it holds a copy of our descriptor, and with
        // it the lock (flock(2)).
        let _ = self.0.unlock();
    }
}

/// Long messages whose record was never written were never answered.
fn remove_unnamed(shared: &Shared, rows: &Rows, known: &BTreeSet<u64>) -> io::Result<()> {
    for entry in fs::read_dir(&shared.files)? {
        let entry = entry?;
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| u64::from_str_radix(name, 16).ok());
        let is_named = match id {
            Some(id) => known.contains(&id) || rows.has(id).map_err(io::Error::other)?,
            None => true,
        };
        if !is_named {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The file of the rows.
pub(super) const ROWS: &str = "queue.sqlite";
/// Messages, and changes, that wait for their turn to be written.
const WAITING_MAX: usize = 1_024;
