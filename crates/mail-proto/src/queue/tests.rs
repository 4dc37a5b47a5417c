//! The dispatcher among rows, names and servers that a table describes.

mod retrying;
mod routing;
mod sharing;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use capa7_dissect::Cause;

use super::*;
use crate::smtp::reply::Reply;

/// 2027-02-01T00:00:00Z.
pub(super) const BEGIN: Moment = Moment(1_801_440_000_000_000_000);

/// What a server does with a session.
#[derive(Clone, Debug)]
pub(super) enum Server {
    /// Takes everything.
    Takes,
    /// Answers so for a recipient.
    Says(Outcome),
    /// Cannot be reached.
    Down,
    /// Greets so.
    Greets(Outcome),
    /// Takes so many messages in a session, then the connection breaks.
    BreaksAfter(usize),
    /// The connection breaks at this message, whenever it comes.
    BreaksAt(u64),
}

/// A row as the table keeps it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    row: Row,
    destination: Destination,
    next: Moment,
}

/// All around the dispatcher.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Moment,
    pub(super) dispatcher: Dispatcher,
    rows: Vec<Kept>,
    pub(super) exchanges: BTreeMap<String, ExchangeAnswer>,
    pub(super) addresses: BTreeMap<String, AddressAnswer>,
    pub(super) servers: BTreeMap<IpAddr, Server>,
    /// Servers that keep their sessions open until told.
    pub(super) is_slow: bool,
    pub(super) waiting: VecDeque<(BatchId, Way, Vec<Work>)>,
    wake: Option<Moment>,
    /// What happened: minutes since the beginning, what.
    pub(super) log: Vec<(u64, String)>,
    pub(super) settled: Vec<Settlement>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(DispatcherConfig::new("mail.umass.edu", 7))
    }

    pub(super) fn with(config: DispatcherConfig) -> Self {
        Self {
            now: BEGIN,
            dispatcher: Dispatcher::new(config),
            rows: Vec::new(),
            exchanges: BTreeMap::new(),
            addresses: BTreeMap::new(),
            servers: BTreeMap::new(),
            is_slow: false,
            waiting: VecDeque::new(),
            wake: None,
            log: Vec::new(),
            settled: Vec::new(),
        }
    }

    /// A domain with one server of this behaviour.
    pub(super) fn domain(&mut self, domain: &str, last: u8, server: Server) {
        let host = format!("mx.{domain}");
        let record = Exchange { preference: 10, host: host.clone() };
        self.exchanges.insert(domain.to_owned(), ExchangeAnswer::Records(vec![record]));
        self.host(&host, last, server);
    }

    pub(super) fn host(&mut self, host: &str, last: u8, server: Server) {
        let address = IpAddr::from([192, 0, 2, last]);
        self.addresses.insert(host.to_owned(), AddressAnswer::Found(vec![address]));
        self.servers.insert(address, server);
    }

    pub(super) fn row(message: u64, index: u32) -> Row {
        Row {
            message: MessageId(message),
            index,
            accepted: BEGIN,
            attempts: 0,
            is_late: false,
            from_nobody: false,
            notify: None,
            cause: Cause(message),
        }
    }

    pub(super) fn add(&mut self, row: Row, destination: &str) {
        let destination: Destination = destination.parse().unwrap();
        let row = Row { accepted: self.now, ..row };
        self.rows.push(Kept { row, destination: destination.clone(), next: self.now });
        self.dispatcher.handle(self.now, Input::Arrived(destination));
    }

    pub(super) fn minutes(&self) -> u64 {
        self.now.since(BEGIN).as_secs() / 60
    }

    pub(super) fn note(&mut self, what: String) {
        self.log.push((self.minutes(), what));
    }

    /// The log's lines of one kind, with their minutes.
    pub(super) fn said(&self, kind: &str) -> Vec<u64> {
        self.log.iter().filter(|(_, what)| what.starts_with(kind)).map(|(at, _)| *at).collect()
    }

    pub(super) fn hosts_tried(&self) -> Vec<&str> {
        self.log.iter().filter_map(|(_, what)| what.strip_prefix("dial ")).collect()
    }

    /// Until nothing happens before the next wake.
    pub(super) fn settle_down(&mut self) {
        for _ in 0..100_000 {
            let Some(output) = self.dispatcher.poll() else { return };
            self.serve(output);
        }
        panic!("it does not come to rest");
    }

    /// Lets time pass until there is nothing to wait for, at most `long`.
    pub(super) fn run(&mut self, long: Duration) {
        let end = self.now.plus(long);
        self.settle_down();
        while let Some(at) = self.wake.filter(|at| *at <= end) {
            self.wake = None;
            assert!(at >= self.now, "a wake in the past");
            self.now = at;
            self.dispatcher.handle(at, Input::Timer);
            self.settle_down();
        }
        self.now = end;
    }

    pub(super) fn left(&self) -> usize {
        self.rows.len()
    }

    fn serve(&mut self, output: Output) {
        let input = match output {
            Output::FindDue { after, until } => self.find_due(after, until),
            Output::Load { batch, destination, limit } => self.load(batch, &destination, limit),
            Output::Record { batch, attempts, .. } => {
                for attempt in attempts {
                    if let Some(kept) = self.find(attempt.message, attempt.index) {
                        kept.row.attempts = attempt.attempts;
                        kept.next = attempt.next;
                    }
                }
                Input::Recorded(batch)
            }
            Output::LookUpExchanges { batch, domain, .. } => {
                let answer = self.exchanges.get(&domain).cloned();
                let answer = answer.unwrap_or(ExchangeAnswer::NoDomain);
                Input::Exchanges { batch, answer, cause: Cause(1_001) }
            }
            Output::LookUpAddresses { batch, host, .. } => {
                let answer = self.addresses.get(&host).cloned().unwrap_or(AddressAnswer::None);
                Input::Addresses { batch, answer, cause: Cause(1_002) }
            }
            Output::Deliver { batch, way, work } if self.is_slow => {
                self.note_work(&way, &work);
                self.waiting.push_back((batch, way, work));
                return;
            }
            Output::Deliver { batch, way, work } => {
                self.note_work(&way, &work);
                return self.deliver(batch, &way, work);
            }
            Output::Close(_) => return self.note("close".to_owned()),
            Output::Settle(settlement) => self.settle(settlement),
            Output::Wake { at, .. } => {
                self.wake = Some(at);
                return;
            }
        };
        self.dispatcher.handle(self.now, input);
    }

    fn note_work(&mut self, way: &Way, work: &[Work]) {
        let to = match way {
            Way::Local => "local".to_owned(),
            Way::Remote { host, .. } => host.clone(),
        };
        self.note(format!("dial {to}"));
        for one in work {
            self.note(format!("give {} {:?}", one.message.0, one.indexes));
        }
    }

    /// What the server does with one Deliver.
    pub(super) fn deliver(&mut self, batch: BatchId, way: &Way, work: Vec<Work>) {
        let server = match way {
            Way::Local => Server::Takes,
            Way::Remote { address, .. } => self.servers.get(address).cloned().unwrap(),
        };
        let cause = Cause(2_000);
        let mut end = End::Done;
        for (count, one) in work.into_iter().enumerate() {
            let outcome = match &server {
                Server::Down => {
                    end = End::Unreachable(later((4, 1), "connection refused"));
                    break;
                }
                Server::Greets(outcome) => {
                    end = End::Unreachable(outcome.clone());
                    break;
                }
                Server::BreaksAfter(messages) if count >= *messages => {
                    end = broken(one.message);
                    break;
                }
                Server::BreaksAt(message) if one.message.0 == *message => {
                    end = broken(one.message);
                    break;
                }
                Server::Takes | Server::BreaksAfter(_) | Server::BreaksAt(_) => taken(),
                Server::Says(outcome) => outcome.clone(),
            };
            let outcomes = one.indexes.iter().map(|index| (*index, outcome.clone())).collect();
            let (message, success) = (one.message, Success::PassedOn);
            let input = Input::Outcomes { batch, message, outcomes, success, cause };
            self.dispatcher.handle(self.now, input);
        }
        self.dispatcher.handle(self.now, Input::Ended { batch, end, cause });
    }

    fn find(&mut self, message: MessageId, index: u32) -> Option<&mut Kept> {
        self.rows.iter_mut().find(|kept| (kept.row.message, kept.row.index) == (message, index))
    }

    fn find_due(&self, after: Moment, until: Moment) -> Input {
        let due = self.rows.iter().filter(|kept| kept.next > after && kept.next <= until);
        let destinations: BTreeSet<_> = due.map(|kept| kept.destination.clone()).collect();
        let next = self.rows.iter().map(|kept| kept.next).filter(|next| *next > until).min();
        Input::Due { destinations: destinations.into_iter().collect(), until, next }
    }

    fn load(&self, batch: BatchId, destination: &Destination, limit: usize) -> Input {
        let is_due = |kept: &&Kept| kept.next <= self.now && kept.destination == *destination;
        let rows = self.rows.iter().filter(is_due).take(limit).map(|kept| kept.row.clone());
        Input::Loaded { batch, rows: rows.collect() }
    }

    fn settle(&mut self, settlement: Settlement) -> Input {
        let message = settlement.message;
        let mut indexes = Vec::new();
        for (index, change) in settlement.changes.clone() {
            indexes.push(index);
            match change {
                Change::Deferred { next, is_late, .. } => {
                    self.note(format!("deferred {}", message.0));
                    let kept = self.find(message, index).unwrap();
                    (kept.next, kept.row.is_late) = (next, is_late);
                }
                gone => {
                    let what =
                        if matches!(gone, Change::Delivered(_)) { "done" } else { "bounced" };
                    self.note(format!("{what} {}", message.0));
                    self.rows.retain(|kept| (kept.row.message, kept.row.index) != (message, index));
                }
            }
        }
        for notice in &settlement.notices {
            self.note(format!("notice {:?} {} {:?}", notice.kind, message.0, notice.indexes));
        }
        self.settled.push(settlement);
        Input::Settled { message, indexes }
    }
}

fn broken(during: MessageId) -> End {
    End::Broken { reason: Reason::Found(Reply::new(451, Some((4, 2)), "broken")), during }
}

pub(super) fn taken() -> Outcome {
    Outcome::Delivered(Reply::new(250, Some((0, 0)), "taken"))
}

pub(super) fn later(enhanced: (u16, u16), text: &str) -> Outcome {
    Outcome::Deferred(Reason::Said(Reply::new(450, Some(enhanced), text)))
}

pub(super) fn never(enhanced: (u16, u16), text: &str) -> Outcome {
    Outcome::Failed(Reason::Said(Reply::new(550, Some(enhanced), text)))
}
