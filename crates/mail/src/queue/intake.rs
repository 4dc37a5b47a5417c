//! The one task that writes the journal: whatever waits shares one sync.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use capa7_mail_proto::envelope::Envelope;
use capa7_mail_proto::queue::Moment;
use capa7_net::Cause;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::disk::Part;
use super::lane::{Kept, Lane};
use super::ledger::Request;
use super::notes;
use super::progress::Reached;
use super::rows::{Imported, ImportedRecipient, Location, Wishes, Write};
use super::shared::Shared;
use super::{AcceptError, QueueId};
use crate::disk::DiskFailure;
use crate::spool::journal::{Journal, Mark, Place, Record};
use crate::spool::{Body, SpooledMessage, Sync};

/// A message that waits to be durable.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) envelope: Envelope,
    pub(super) message: SpooledMessage,
    pub(super) cause: Cause,
    pub(super) answer: oneshot::Sender<Result<QueueId, AcceptError>>,
}

/// What the journal keeps beside the message.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    accepted: u64,
    envelope: Envelope,
    octets: u64,
    /// In a file of its own, named by the id.
    is_file: bool,
}

/// A message on its way to the disk.
struct Arriving {
    id: u64,
    header: Header,
    message: SpooledMessage,
    cause: Cause,
    answer: oneshot::Sender<Result<QueueId, AcceptError>>,
}

/// Writes until nobody can submit any more. It waits for the disk in place: the
/// thread is its own.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut journal: Journal,
    mut submissions: mpsc::Receiver<Submission>,
    mut lane: Lane,
    ledger: mpsc::Sender<Request>,
) {
    let mut taken = Vec::new();
    while submissions.recv_many(&mut taken, SUBMISSIONS_MAX).await > 0 {
        let accepted = shared.now();
        let arriving: Vec<_> = taken.drain(..).map(|one| arrive(&shared, accepted, one)).collect();
        let (arrived, outcome) = keep(&shared, &mut journal, arriving);
        match outcome {
            Ok(places) => {
                shared.disk.works(Part::Journal);
                let kept = answer(&shared, arrived, places);
                // Backpressure: rows that cannot be written hold the next
                // messages up, and so do mailboxes, for a while.
                let import = lane.give(&shared, kept).await;
                let request = Request { write: Write::Import(import), answer: None };
                if !matches!(&request.write, Write::Import(none) if none.is_empty())
                    && ledger.send(request).await.is_err()
                {
                    return;
                }
            }
            Err(error) => {
                let failure = DiskFailure::from(&error);
                shared.disk.failed(Part::Journal, &failure);
                for one in arrived {
                    let _ = one.answer.send(Err(failure.clone().into()));
                }
            }
        }
    }
}

fn arrive(shared: &Shared, accepted: Moment, submission: Submission) -> Arriving {
    let Submission { envelope, message, cause, answer } = submission;
    let is_file = matches!(message.0, Body::File(..));
    let header = Header { accepted: accepted.0, envelope, octets: message.octets(), is_file };
    Arriving { id: shared.next_id(accepted), header, message, cause, answer }
}

/// Makes all durable or none.
fn keep(
    shared: &Shared,
    journal: &mut Journal,
    mut arriving: Vec<Arriving>,
) -> (Vec<Arriving>, io::Result<Vec<Place>>) {
    let mut records = Vec::with_capacity(arriving.len());
    let outcome =
        records_of(shared, &mut arriving, &mut records).and_then(|()| journal.append(&records));
    if outcome.is_err() {
        for one in arriving.iter().filter(|one| one.header.is_file) {
            let _ = fs::remove_file(shared.file_of(one.id));
        }
    }
    (arriving, outcome)
}

fn records_of(
    shared: &Shared,
    arriving: &mut [Arriving],
    records: &mut Vec<Record>,
) -> io::Result<()> {
    let mut has_files = false;
    for one in arriving {
        let body = match std::mem::replace(&mut one.message.0, Body::Memory(Bytes::new())) {
            Body::Memory(bytes) => {
                one.message.0 = Body::Memory(bytes.clone());
                bytes
            }
            Body::File(file, _) => {
                // File first, then the record that names it.
                file.keep(&shared.file_of(one.id), shared.config.sync)?;
                has_files = true;
                Bytes::new()
            }
        };
        let header = serde_json::to_vec(&one.header)?;
        records.push(Record { id: one.id, header, body });
    }
    if has_files && shared.config.sync == Sync::Full {
        File::open(&shared.files)?.sync_all()?;
    }
    Ok(())
}

/// Tells everybody that it is kept, and what is to be delivered. That it waits in the
/// queue is said before whoever sent it is answered (course M6.2).
fn answer(shared: &Shared, arrived: Vec<Arriving>, places: Vec<Place>) -> Vec<Kept> {
    let mut kept = Vec::with_capacity(arrived.len());
    for (one, place) in arrived.into_iter().zip(places) {
        let id = QueueId(one.id);
        let Arriving { header, message, cause, answer, .. } = one;
        let cause = notes::accepted(&shared.host, id, &header.envelope, header.octets, cause);
        shared.progress.begin(id.0, place.mark());
        let body = match message.0 {
            Body::Memory(bytes) if !header.is_file => Some(bytes),
            Body::Memory(_) | Body::File(..) => None,
        };
        let message = import_of(shared, id.0, header, place, cause);
        let _ = answer.send(Ok(id));
        kept.push(Kept { message, body });
    }
    kept
}

fn import_of(shared: &Shared, id: u64, header: Header, place: Place, cause: Cause) -> Imported {
    let Header { accepted, envelope, octets, is_file } = header;
    let recipients = (0..).zip(envelope.recipients).map(|(index, recipient)| {
        let address = recipient.path.0;
        let cause = notes::queued(&shared.host, QueueId(id), &address, cause);
        let destination = shared.destination_of(&address);
        let (notify, original) = (recipient.notify, recipient.original);
        ImportedRecipient { index, address, destination, notify, original, cause }
    });
    Imported {
        id,
        accepted: Moment(accepted),
        from: envelope.from,
        recipients: recipients.collect(),
        wishes: Wishes {
            body: envelope.body,
            smtputf8: envelope.smtputf8,
            returns: envelope.returns,
            envelope_id: envelope.envelope_id,
        },
        location: if is_file { Location::File } else { Location::Journal(place) },
        octets,
    }
}

/// What a process that died had accepted and neither put into rows nor into
/// mailboxes, as far as the mark tells; and how far the journal goes.
pub(super) fn left_over(
    shared: &Shared,
    from: Mark,
    beyond: &BTreeSet<u64>,
) -> io::Result<(Vec<Imported>, Option<Reached>)> {
    let (mut found, mut reached) = (Vec::new(), None);
    for record in crate::spool::journal::replay(&shared.journal, from)? {
        reached = Some(Reached { mark: record.place.mark(), last: record.id });
        if beyond.contains(&record.id) {
            continue;
        }
        match serde_json::from_slice::<Header>(&record.header) {
            Ok(header) => {
                found.push(import_of(shared, record.id, header, record.place, Cause::NONE));
            }
            Err(error) => tracing::error!("journal record {:x} is unreadable: {error}", record.id),
        }
    }
    Ok((found, reached))
}

/// Messages that share one sync.
const SUBMISSIONS_MAX: usize = 256;
