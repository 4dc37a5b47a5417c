//! What the dispatcher does with what happened.

use std::collections::BTreeMap;

use capa7_dissect::Cause;

use crate::smtp::client::Outcome;

use super::batch::{Batch, Session, Stage};
use super::route::{circle, deferred, no_address, no_address_yet, route};
use super::verdict::judge;
use super::{
    AddressAnswer, Attempt, BatchId, Change, Destination, Dispatcher, Durability, End,
    ExchangeAnswer, MessageId, Moment, Notice, NoticeKind, Output, Row, Settlement, Success, Way,
};

/// Rows become batches.
impl Dispatcher {
    pub(super) fn on_changed(&mut self) {
        // The operator may know that a server is back.
        self.hosts.clear();
        self.searched = Moment(0);
        self.next_due = Some(Moment(0));
    }

    pub(super) fn on_due(
        &mut self,
        destinations: Vec<Destination>,
        until: Moment,
        next: Option<Moment>,
    ) {
        self.is_searching = false;
        // A change during the search asks for another one.
        if self.next_due != Some(Moment(0)) {
            self.searched = self.searched.max(until);
            self.next_due = [self.next_due, next].into_iter().flatten().min();
        }
        for destination in destinations {
            self.ready.push(destination);
        }
    }

    /// Begins what can begin.
    pub(super) fn pump(&mut self, now: Moment) {
        if self.is_stopping {
            return;
        }
        if !self.is_searching && self.next_due.is_some_and(|at| at <= now) {
            (self.is_searching, self.next_due, self.told_wake) = (true, None, None);
            self.outputs.push_back(Output::FindDue { after: self.searched, until: now });
        }
        let mut sessions = self.sessions();
        for _ in 0..self.ready.len() {
            let Some(destination) = self.ready.pop() else { break };
            if self.loading.contains(&destination) || !self.has_room(&sessions, &destination) {
                self.ready.push(destination);
                continue;
            }
            *sessions.entry(destination.clone()).or_default() += 1;
            self.last_batch += 1;
            let id = BatchId(self.last_batch);
            self.batches.insert(id, Batch::new(destination.clone()));
            self.load(id, destination);
        }
    }

    /// Batches by destination.
    fn sessions(&self) -> BTreeMap<Destination, usize> {
        let mut sessions = BTreeMap::new();
        for batch in self.batches.values() {
            *sessions.entry(batch.destination.clone()).or_default() += 1;
        }
        sessions
    }

    fn has_room(&self, sessions: &BTreeMap<Destination, usize>, destination: &Destination) -> bool {
        let same = sessions.get(destination).copied().unwrap_or_default();
        if *destination == Destination::Local {
            return same < self.config.local_batches_max;
        }
        let local = sessions.get(&Destination::Local).copied().unwrap_or_default();
        let remote = sessions.values().sum::<usize>() - local;
        same < self.config.sessions_per_destination_max && remote < self.config.sessions_max
    }

    fn load(&mut self, batch: BatchId, destination: Destination) {
        self.loading.insert(destination.clone());
        let limit = self.config.rows_per_load;
        self.outputs.push_back(Output::Load { batch, destination, limit });
    }

    pub(super) fn on_loaded(&mut self, now: Moment, id: BatchId, rows: Vec<Row>) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        let Stage::Loading(session) = batch.stage else { return };
        batch.stage = Stage::Recording(session);
        let is_full = rows.len() >= self.config.rows_per_load;
        let mut attempts = Vec::with_capacity(rows.len());
        for row in rows {
            let key = (row.message, row.index);
            let next = self.config.schedule.next(&row, now);
            let (message, index) = key;
            // A row that is under way already (it was made due meanwhile, or takes
            // long) is only moved out of the way.
            if !self.taken.insert(key) {
                attempts.push(Attempt { message, index, attempts: row.attempts, next });
                continue;
            }
            let attempt = row.attempts.saturating_add(1);
            attempts.push(Attempt { message, index, attempts: attempt, next });
            batch.rows.insert(key, (row, next));
        }
        let destination = batch.destination.clone();
        let earliest = attempts.iter().map(|attempt| attempt.next).min();
        self.next_due = [self.next_due, earliest].into_iter().flatten().min();
        if is_full {
            self.ready.push(destination.clone());
        }
        if attempts.is_empty() {
            self.loading.remove(&destination);
            self.close(id);
            return;
        }
        let durability = durability(&destination);
        self.outputs.push_back(Output::Record { batch: id, attempts, durability });
    }

    pub(super) fn on_recorded(&mut self, now: Moment, id: BatchId) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        let Stage::Recording(session) = batch.stage else { return };
        self.loading.remove(&batch.destination);
        if batch.rows.is_empty() {
            self.close(id);
            return;
        }
        if session == Session::Open {
            return self.deliver(id);
        }
        match batch.destination.clone() {
            Destination::Local => self.deliver(id),
            Destination::Domain(domain) => {
                batch.stage = Stage::Exchanges;
                let cause = batch.cause();
                self.outputs.push_back(Output::LookUpExchanges { batch: id, domain, cause });
            }
            destination @ Destination::Address(address) => {
                batch.host = destination.to_string();
                batch.addresses.push_back(address);
                self.try_next(now, id, Cause::NONE);
            }
        }
    }

    fn close(&mut self, id: BatchId) {
        self.batches.remove(&id);
        self.outputs.push_back(Output::Close(id));
    }
}

/// Batches find their server.
impl Dispatcher {
    pub(super) fn on_exchanges(
        &mut self,
        now: Moment,
        id: BatchId,
        answer: ExchangeAnswer,
        cause: Cause,
    ) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        let (Stage::Exchanges, Destination::Domain(domain)) = (batch.stage, &batch.destination)
        else {
            return;
        };
        batch.named_by = cause;
        match route(domain, answer, &self.config.own_names, &mut self.ties) {
            Ok(exchanges) => {
                batch.exchanges = exchanges.into();
                self.try_next(now, id, cause);
            }
            Err(outcome) => {
                batch.fail(outcome);
                self.give_up(now, id, cause);
            }
        }
    }

    pub(super) fn on_addresses(
        &mut self,
        now: Moment,
        id: BatchId,
        answer: AddressAnswer,
        cause: Cause,
    ) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        if batch.stage != Stage::Addresses {
            return;
        }
        if cause.is_some() {
            batch.named_by = cause;
        }
        match answer {
            AddressAnswer::Found(addresses) if !addresses.is_empty() => {
                batch.addresses = addresses.into();
            }
            AddressAnswer::Found(_) | AddressAnswer::None => {
                batch.fail(no_address(&batch.host));
            }
            AddressAnswer::Failed(why) => batch.fail(no_address_yet(&batch.host, &why)),
        }
        self.try_next(now, id, cause);
    }

    /// Tries the next address, or asks for those of the next server.
    fn try_next(&mut self, now: Moment, id: BatchId, cause: Cause) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        while let Some(address) = batch.addresses.pop_front() {
            if batch.tried >= self.config.addresses_tried_max {
                return self.give_up(now, id, cause);
            }
            batch.tried += 1;
            if self.config.own_addresses.contains(&address) {
                batch.fail(circle(&batch.destination.to_string()));
                continue;
            }
            if let Some(known) = self.hosts.failure(now, address) {
                batch.fail(known.clone());
                continue;
            }
            batch.begin(address);
            return self.deliver(id);
        }
        let Some(exchange) = batch.exchanges.pop_front() else {
            return self.give_up(now, id, cause);
        };
        batch.host.clone_from(&exchange.host);
        batch.stage = Stage::Addresses;
        // The answer that named this server, or the failure of the one before.
        let cause = if cause.is_some() { cause } else { batch.cause() };
        let look_up = Output::LookUpAddresses { batch: id, host: exchange.host, cause };
        self.outputs.push_back(look_up);
    }

    fn deliver(&mut self, id: BatchId) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        batch.stage = Stage::Delivering;
        let way = match (&batch.destination, batch.address) {
            (Destination::Local, _) | (_, None) => Way::Local,
            (_, Some(address)) => Way::Remote { host: batch.host.clone(), address },
        };
        let work = batch.work();
        batch.given += work.len();
        self.outputs.push_back(Output::Deliver { batch: id, way, work });
    }

    /// No server is left to try: what they said is every row's outcome.
    fn give_up(&mut self, now: Moment, id: BatchId, cause: Cause) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        let (host, verdict) = batch.verdict();
        // Whoever said it is named with it (RFC 3464 §2.3.5).
        batch.host = host;
        let mut messages: BTreeMap<MessageId, Vec<(u32, Outcome)>> = BTreeMap::new();
        for (message, index) in batch.rows.keys() {
            messages.entry(*message).or_default().push((*index, verdict.clone()));
        }
        for (message, outcomes) in messages {
            self.settle(now, id, message, outcomes, Success::PassedOn, cause);
        }
        self.close(id);
    }
}

/// Sessions tell outcomes.
impl Dispatcher {
    pub(super) fn on_outcomes(
        &mut self,
        now: Moment,
        id: BatchId,
        message: MessageId,
        outcomes: Vec<(u32, Outcome)>,
        success: Success,
        cause: Cause,
    ) {
        let Some(batch) = self.batches.get(&id) else { return };
        if let Some(address) = batch.address {
            self.hosts.forget(address);
        }
        self.settle(now, id, message, outcomes, success, cause);
    }

    pub(super) fn on_withdrawn(&mut self, id: BatchId, message: MessageId, indexes: &[u32]) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        for index in indexes {
            if batch.rows.remove(&(message, *index)).is_some() {
                self.taken.remove(&(message, *index));
            }
        }
    }

    fn settle(
        &mut self,
        now: Moment,
        id: BatchId,
        message: MessageId,
        outcomes: Vec<(u32, Outcome)>,
        success: Success,
        cause: Cause,
    ) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        let mut changes = Vec::with_capacity(outcomes.len());
        let mut told: BTreeMap<NoticeKind, Vec<u32>> = BTreeMap::new();
        let mut because = cause;
        for (index, outcome) in outcomes {
            let Some((row, planned)) = batch.rows.remove(&(message, index)) else { continue };
            if !because.is_some() {
                because = row.cause;
            }
            let schedule = &self.config.schedule;
            let (change, notice) = judge(schedule, (&row, planned), outcome, success, now);
            batch.has_progress |= !matches!(change, Change::Deferred { .. });
            changes.push((index, change));
            if let Some(kind) = notice {
                told.entry(kind).or_default().push(index);
            }
        }
        if changes.is_empty() {
            return;
        }
        let notices = told.into_iter().map(|(kind, indexes)| Notice { kind, indexes }).collect();
        let host = batch.address.map(|_| batch.host.clone());
        let durability = durability(&batch.destination);
        let settlement = Settlement { message, changes, notices, host, durability, cause: because };
        self.outputs.push_back(Output::Settle(settlement));
    }

    pub(super) fn on_ended(&mut self, now: Moment, id: BatchId, end: End, cause: Cause) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        if batch.stage != Stage::Delivering {
            return;
        }
        match end {
            End::Done if batch.rows.is_empty() => return self.go_on(id),
            End::Done => {
                let why = "the session ended without a word on this message";
                batch.fail(deferred((3, 0), why.to_owned()));
            }
            End::Unreachable(outcome) => {
                if let Some(address) = batch.address {
                    self.hosts.remember(now, address, outcome.clone(), self.config.schedule.first);
                }
                batch.fail(outcome);
            }
            End::Broken { reason, during } => {
                batch.fail(Outcome::Deferred(reason));
                batch.on_broken(during);
            }
        }
        // RFC 5321 §5.1: what is left goes to the next address, until all were tried.
        if batch.rows.is_empty() {
            return self.close(id);
        }
        if batch.destination == Destination::Local {
            return self.give_up(now, id, cause);
        }
        self.try_next(now, id, cause);
    }

    /// A session that did its work takes more, when there is more.
    fn go_on(&mut self, id: BatchId) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        let destination = batch.destination.clone();
        let is_more = self.ready.contains(&destination)
            && !self.loading.contains(&destination)
            && !self.is_stopping
            && batch.given < self.config.messages_per_session_max;
        if !is_more {
            return self.close(id);
        }
        batch.stage = Stage::Loading(Session::Open);
        self.ready.remove(&destination);
        self.load(id, destination);
    }
}

/// What must last of deliveries to this destination.
fn durability(destination: &Destination) -> Durability {
    match destination {
        Destination::Local => Durability::Repeatable,
        Destination::Domain(_) | Destination::Address(_) => Durability::Lasting,
    }
}
