//! The one task that writes rows: whatever waits is written in one commit.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use capa7_mail_proto::queue::{Input, MessageId};
use tokio::sync::{mpsc, oneshot};

use super::disk::Part;
use super::rows::{Effect, Rows, Write, journaled};
use super::shared::Shared;
use crate::disk::DiskFailure;
use crate::spool::journal;

/// A change, and who waits for it when it is not the runner.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) write: Write,
    pub(super) answer: Option<oneshot::Sender<Result<u64, rusqlite::Error>>>,
}

/// Writes until nobody can ask any more. It waits for the disk in place: the
/// thread is its own.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut rows: Rows,
    mut requests: mpsc::Receiver<Request>,
    events: mpsc::UnboundedSender<Input>,
) {
    let (mut taken, mut gone, mut gone_octets) = (Vec::new(), 0_usize, 0_u64);
    let mut swept = shared.progress.segment();
    while requests.recv_many(&mut taken, WRITES_MAX).await > 0 {
        let (writes, answers): (Vec<_>, Vec<_>) =
            taken.drain(..).map(|request| (request.write, request.answer)).unzip();
        loop {
            match write(&shared, &mut rows, &writes) {
                Ok(outcomes) => {
                    shared.disk.works(Part::Rows);
                    gone += outcomes.iter().map(|outcome| outcome.gone).sum::<usize>();
                    gone_octets += outcomes.iter().map(|outcome| outcome.gone_octets).sum::<u64>();
                    for ((write, answer), outcome) in writes.iter().zip(answers).zip(outcomes) {
                        tell(write, answer, outcome, &events);
                    }
                    break;
                }
                Err(failure) => {
                    shared.disk.failed(Part::Rows, &failure);
                    shared.host.sleep(AGAIN).await;
                }
            }
        }
        // A full disk wants its space back at once.
        let is_wanted = shared.disk.journal_failure().is_some() && gone > 0;
        let segment = shared.progress.segment();
        let is_passed = segment != swept;
        if gone >= SWEEP_EVERY || gone_octets >= SWEEP_OCTETS || is_wanted || is_passed {
            (gone, gone_octets, swept) = (0, 0, segment);
            sweep(&shared, &mut rows);
        }
    }
}

/// What one change came to.
#[derive(Debug, Default)]
struct Outcome {
    arrived: Vec<capa7_mail_proto::queue::Destination>,
    gone: usize,
    gone_octets: u64,
    result: Option<Result<u64, rusqlite::Error>>,
}

/// All in one commit; when one of them cannot be, each in its own, so that the
/// others are.
fn write(shared: &Shared, rows: &mut Rows, writes: &[Write]) -> Result<Vec<Outcome>, DiskFailure> {
    let mut outcomes = Vec::with_capacity(writes.len());
    let effects = match put(shared, rows, writes) {
        Ok(effects) => effects.into_iter().map(Ok).collect(),
        Err(error) => {
            if let Some(failure) = DiskFailure::of_sqlite(&error) {
                return Err(failure);
            }
            let mut effects = Vec::with_capacity(writes.len());
            for one in writes {
                let done = put(shared, rows, std::slice::from_ref(one));
                if let Some(failure) = done.as_ref().err().and_then(DiskFailure::of_sqlite) {
                    return Err(failure);
                }
                effects.push(done.map(|mut done| done.pop().unwrap_or_default()));
            }
            effects
        }
    };
    for effect in effects {
        outcomes.push(match effect {
            Ok(effect) => {
                for id in &effect.gone {
                    // Most messages are not in files of their own.
                    let _ = fs::remove_file(shared.file_of(*id));
                }
                let (gone, result) = (effect.gone.len(), Some(Ok(effect.met)));
                let gone_octets = effect.gone_octets;
                Outcome { arrived: effect.arrived, gone, gone_octets, result }
            }
            Err(error) => {
                tracing::error!("the queue's rows refuse a change: {error}");
                Outcome { result: Some(Err(error)), ..Outcome::default() }
            }
        });
    }
    Ok(outcomes)
}

/// Writes with the mark that the journal reaches by it.
fn put(shared: &Shared, rows: &mut Rows, writes: &[Write]) -> rusqlite::Result<Vec<Effect>> {
    let mut ids: Vec<u64> = journaled(writes).collect();
    ids.sort_unstable();
    let effects = rows.write(writes, shared.progress.reached_with(&ids))?;
    shared.progress.done(&ids);
    shared.progress.written();
    Ok(effects)
}

fn tell(
    write: &Write,
    answer: Option<oneshot::Sender<Result<u64, rusqlite::Error>>>,
    outcome: Outcome,
    events: &mpsc::UnboundedSender<Input>,
) {
    for destination in outcome.arrived {
        let _ = events.send(Input::Arrived(destination));
    }
    match write {
        Write::Import(_) | Write::Mark => {}
        Write::Record { batch, .. } => {
            let _ = events.send(Input::Recorded(*batch));
        }
        Write::Settle(settled) => {
            let settlement = &settled.settlement;
            let indexes = settlement.changes.iter().map(|(index, _)| *index).collect();
            let message = MessageId(settlement.message.0);
            let _ = events.send(Input::Settled { message, indexes });
        }
        Write::Manage(_) => {
            let _ = events.send(Input::Changed);
        }
    }
    if let (Some(answer), Some(result)) = (answer, outcome.result) {
        let _ = answer.send(result);
    }
}

/// Removes segments without queued messages: those that were wholly taken over
/// and are not being written. One of which little is still queued goes too, so
/// that a message that waits for days does not keep its neighbours' space.
pub(super) fn sweep(shared: &Shared, rows: &mut Rows) {
    if let Err(error) = take_in(shared, rows) {
        tracing::warn!("old segments of the journal stay for the time being: {error}");
    }
    // Nothing goes of which the rows that last still tell.
    let swept = rows
        .make_lasting()
        .and_then(|()| rows.mark())
        .and_then(|(mark, _)| Ok((mark, rows.segments()?)));
    let (mark, needed) = match swept {
        Ok(found) => found,
        Err(error) => return tracing::warn!("the journal is not swept: {error}"),
    };
    let is_needed = |number| number >= mark.segment || needed.contains_key(&number);
    if let Err(error) = journal::remove_segments(&shared.journal, is_needed) {
        tracing::warn!("the journal is not swept: {error}");
    }
}

/// What is left of old segments goes into the rows, in one commit before the
/// segment goes: whoever is killed in between has both.
fn take_in(shared: &Shared, rows: &mut Rows) -> rusqlite::Result<()> {
    let (mark, _) = rows.mark()?;
    let old = rows.segments()?.into_iter().filter(|(number, _)| *number < mark.segment);
    let mostly_dead = old.filter(|(number, live)| {
        let octets = journal::segment_octets(&shared.journal, *number).unwrap_or_default();
        live.saturating_mul(4) <= octets
    });
    for (number, _) in mostly_dead.take(TAKEN_IN_MAX) {
        rows.take_in(number, |place| journal::read_body(&shared.journal, place))?;
    }
    Ok(())
}

/// Changes of one commit.
const WRITES_MAX: usize = 256;
/// How long a disk that failed is left alone.
const AGAIN: Duration = Duration::from_secs(2);
/// Messages that go between two looks at the journal: about a segment's worth.
const SWEEP_EVERY: usize = 4_000;
/// The same of long ones.
const SWEEP_OCTETS: u64 = 16 << 20;
/// Segments that are taken into the rows in one look.
const TAKEN_IN_MAX: usize = 16;
