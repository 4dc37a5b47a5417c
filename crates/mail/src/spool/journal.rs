//! The journal: messages one after the other, one sync for all that wait.
//!
//! ```text
//!   journal/0000000000000007                 a segment
//!   +------+--------+--------+----+--------+--------+------+ +------…
//!   | c7q1 | header | body   | id | SHA-   | header | body | | c7q1
//!   |      | octets | octets |    | 256    | (JSON) |      | |
//!   +------+--------+--------+----+--------+--------+------+ +------…
//!      4       4        8      8      32
//! ```
//!
//! The digest covers all but itself and the mark, so that a record which a
//! crash cut short is not one. A process writes to segments of its own, and
//! what was not acknowledged is cut off again when a write fails.
//!
//! Room is made ahead with zeros: a record that is written over them changes
//! nothing but its own octets, and its sync does not wait for what else the
//! file system has to write down.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ring::digest::{Context, SHA256};

use super::{Sync, octets};

/// The segments of one queue.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    sync: Sync,
    /// The next segment's number.
    next: u64,
    open: Option<Segment>,
}

#[derive(Debug)]
struct Segment {
    number: u64,
    file: File,
    end: u64,
    /// How far the file has octets already; those behind `end` are zero.
    room: u64,
}

/// What is written of one message.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: u64,
    pub(crate) header: Vec<u8>,
    pub(crate) body: Bytes,
}

/// Where a message's octets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) octets: u64,
}

/// How far a journal was taken over into rows: all before is known there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

impl Place {
    /// The mark behind this message.
    pub(crate) const fn mark(&self) -> Mark {
        Mark { segment: self.segment, offset: self.offset + self.octets }
    }
}

impl Journal {
    /// Opens the folder; what is appended goes to a new segment.
    pub(crate) fn open(folder: PathBuf, sync: Sync) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let last = segments(&folder)?.last().copied().unwrap_or_default();
        Ok(Self { folder, sync, next: last + 1, open: None })
    }

    /// Appends records and makes them durable, all or none.
    pub(crate) fn append(&mut self, records: &[Record]) -> io::Result<Vec<Place>> {
        let sync = self.sync;
        let path = self.folder.clone();
        let segment = self.segment()?;
        let (mut written, mut places) = (Vec::new(), Vec::with_capacity(records.len()));
        for record in records {
            write_head(&mut written, record)?;
            let offset = segment.end + octets(written.len());
            let place =
                Place { segment: segment.number, offset, octets: octets(record.body.len()) };
            written.extend_from_slice(&record.body);
            places.push(place);
        }
        let mut done = segment.write(&written, sync);
        let is_written = done.is_ok();
        if is_written && sync == Sync::Full {
            done = segment.file.sync_data();
        }
        if let Err(error) = done {
            // Nobody is told that these are kept, so no restart may find them.
            let cut = segment.file.set_len(segment.end).and_then(|()| segment.file.sync_data());
            segment.room = segment.end;
            if let Err(cut) = &cut {
                tracing::error!("the queue's journal cannot be cut back ({cut}) after: {error}");
            }
            if segment.end == 0 {
                // A full disk would collect an empty file per message.
                let _ = fs::remove_file(path_of(&path, segment.number));
                self.open = None;
            } else if is_written || cut.is_err() {
                // After a failed sync the kernel may have dropped pages.
                self.open = None;
            }
            return Err(error);
        }
        segment.end += octets(written.len());
        if segment.end >= SEGMENT_OCTETS {
            self.open = None;
        }
        Ok(places)
    }

    fn segment(&mut self) -> io::Result<&mut Segment> {
        let segment = match self.open.take() {
            Some(segment) => segment,
            None => {
                let number = self.next;
                let path = path_of(&self.folder, number);
                let mut options = OpenOptions::new();
                let file = options.read(true).write(true).create_new(true).open(path)?;
                self.next += 1;
                if self.sync == Sync::Full {
                    // The name must outlive a crash as its content does.
                    File::open(&self.folder)?.sync_all()?;
                }
                Segment { number, file, end: 0, room: 0 }
            }
        };
        Ok(self.open.insert(segment))
    }
}

impl Segment {
    /// Writes at the end, and makes room for what comes next.
    fn write(&mut self, octets: &[u8], sync: Sync) -> io::Result<()> {
        self.file.write_all_at(octets, self.end)?;
        let end = self.end + self::octets(octets.len());
        self.room = self.room.max(end);
        if sync == Sync::Full && end + ROOM_OCTETS / 4 > self.room && end < SEGMENT_OCTETS {
            let zeros = vec![0; ROOM];
            match self.file.write_all_at(&zeros, self.room) {
                Ok(()) => self.room += ROOM_OCTETS,
                // On a full disk each record makes its own room: nothing is
                // taken from it in advance.
                Err(_) => self.file.set_len(self.room)?,
            }
        }
        Ok(())
    }
}

fn write_head(out: &mut Vec<u8>, record: &Record) -> io::Result<()> {
    let too_long = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let header = u32::try_from(record.header.len()).map_err(too_long)?;
    let lengths = lengths(header, octets(record.body.len()), record.id);
    out.extend_from_slice(MARK);
    out.extend_from_slice(&lengths);
    let mut digest = Context::new(&SHA256);
    digest.update(&lengths);
    digest.update(&record.header);
    digest.update(&record.body);
    out.extend_from_slice(digest.finish().as_ref());
    out.extend_from_slice(&record.header);
    Ok(())
}

fn lengths(header: u32, body: u64, id: u64) -> [u8; 20] {
    let mut lengths = [0; 20];
    let (first, rest) = lengths.split_at_mut(4);
    first.copy_from_slice(&header.to_le_bytes());
    let (second, third) = rest.split_at_mut(8);
    second.copy_from_slice(&body.to_le_bytes());
    third.copy_from_slice(&id.to_le_bytes());
    lengths
}

/// One message found by a restart.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) id: u64,
    pub(crate) header: Vec<u8>,
    pub(crate) place: Place,
}

/// The whole records behind a mark, in order.
pub(crate) fn replay(folder: &Path, from: Mark) -> io::Result<Vec<Replayed>> {
    let mut found = Vec::new();
    for number in segments(folder)? {
        if number < from.segment {
            continue;
        }
        let file = File::open(path_of(folder, number))?;
        let end = file.metadata()?.len();
        let mut at = if number == from.segment { from.offset } else { 0 };
        while let Some(record) = read_record(&file, number, at, end)? {
            at = record.place.offset + record.place.octets;
            found.push(record);
        }
        if at < end && read(&file, at, MARK_OCTETS.min(end - at))?.iter().any(|octet| *octet != 0) {
            tracing::info!(
                "journal segment {number}: what is behind octet {at} was never answered"
            );
        }
    }
    Ok(found)
}

fn read_record(file: &File, segment: u64, at: u64, end: u64) -> io::Result<Option<Replayed>> {
    let mut head = [0; HEAD_OCTETS];
    if at + octets(HEAD_OCTETS) > end {
        return Ok(None);
    }
    file.read_exact_at(&mut head, at)?;
    let (mark, rest) = head.split_at(MARK.len());
    let (lengths, digest) = rest.split_at(20);
    if mark != MARK {
        return Ok(None);
    }
    let header_octets = u64::from(u32::from_le_bytes(array(lengths.get(..4))));
    let body_octets = u64::from_le_bytes(array(lengths.get(4..12)));
    let id = u64::from_le_bytes(array(lengths.get(12..)));
    let begin = at + octets(HEAD_OCTETS);
    let offset = begin.saturating_add(header_octets);
    // Lengths that a crash made up lead beyond the file.
    if offset.saturating_add(body_octets) > end {
        return Ok(None);
    }
    let mut context = Context::new(&SHA256);
    context.update(lengths);
    let header = read(file, begin, header_octets)?;
    context.update(&header);
    context.update(&read(file, offset, body_octets)?);
    if context.finish().as_ref() != digest {
        return Ok(None);
    }
    let place = Place { segment, offset, octets: body_octets };
    Ok(Some(Replayed { id, header, place }))
}

fn array<const N: usize>(bytes: Option<&[u8]>) -> [u8; N] {
    bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; N])
}

fn read(file: &File, at: u64, count: u64) -> io::Result<Vec<u8>> {
    let count = usize::try_from(count).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut bytes = vec![0; count];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

/// A message's octets.
pub(crate) fn read_body(folder: &Path, place: Place) -> io::Result<Vec<u8>> {
    read(&File::open(path_of(folder, place.segment))?, place.offset, place.octets)
}

/// A whole file's octets.
pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The octets of a segment's file.
pub(crate) fn segment_octets(folder: &Path, segment: u64) -> io::Result<u64> {
    Ok(fs::metadata(path_of(folder, segment))?.len())
}

/// Removes segments of which nobody needs anything.
pub(crate) fn remove_segments(
    folder: &Path,
    mut is_needed: impl FnMut(u64) -> bool,
) -> io::Result<usize> {
    let mut removed = 0;
    for number in segments(folder)? {
        if !is_needed(number) {
            fs::remove_file(path_of(folder, number))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// The segments' numbers in order.
fn segments(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| u64::from_str_radix(name, 16).ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn path_of(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{segment:016x}"))
}

const MARK: &[u8; 4] = b"c7q1";
const MARK_OCTETS: u64 = 4;
const HEAD_OCTETS: usize = 4 + 20 + 32;
/// Room that is made at once: 250 messages of 4 KB, written in some 2 ms.
const ROOM: usize = 1 << 20;
const ROOM_OCTETS: u64 = 1 << 20;
/// A segment goes when its last message goes, or is taken into the rows: small
/// enough that little stays behind, large enough that a new one is rare.
const SEGMENT_OCTETS: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: u64, body: &str) -> Record {
        Record { id, header: format!("h{id}").into_bytes(), body: Bytes::from(body.to_owned()) }
    }

    fn ids(folder: &Path, from: Mark) -> Vec<u64> {
        replay(folder, from).unwrap().into_iter().map(|record| record.id).collect()
    }

    #[test]
    fn records_are_found_again_behind_a_mark() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path().to_owned(), Sync::Full).unwrap();
        let places = journal.append(&[record(1, "one"), record(2, "two")]).unwrap();
        let mut journal = Journal::open(folder.path().to_owned(), Sync::Off).unwrap();
        journal.append(&[record(3, "three")]).unwrap();
        assert_eq!(ids(folder.path(), Mark::default()), [1, 2, 3]);
        assert_eq!(ids(folder.path(), places[0].mark()), [2, 3]);
        assert_eq!(read_body(folder.path(), places[1]).unwrap(), b"two");
        let found = replay(folder.path(), places[0].mark()).unwrap();
        assert_eq!((found[0].place, found[0].header.as_slice()), (places[1], b"h2".as_slice()));
    }

    #[test]
    fn room_that_is_made_ahead_is_written_over_and_holds_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path().to_owned(), Sync::Full).unwrap();
        let path = path_of(folder.path(), 1);
        let mut lengths = Vec::new();
        for id in 1..=3 {
            journal.append(&[record(id, "some text")]).unwrap();
            lengths.push(fs::metadata(&path).unwrap().len());
        }
        assert!(lengths[0] > ROOM_OCTETS && lengths == [lengths[0]; 3], "{lengths:?}");
        assert_eq!(ids(folder.path(), Mark::default()), [1, 2, 3]);
        // What is longer than the room is written all the same.
        let long = "x".repeat(2 * ROOM);
        let place = journal.append(&[record(4, &long)]).unwrap()[0];
        assert_eq!(read_body(folder.path(), place).unwrap(), long.as_bytes());
        assert_eq!(ids(folder.path(), Mark::default()), [1, 2, 3, 4]);
    }

    // A crash may leave any prefix, or garbage where a record should be.
    #[test]
    fn a_record_that_was_cut_or_damaged_anywhere_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path().to_owned(), Sync::Off).unwrap();
        journal.append(&[record(1, "one"), record(2, "two")]).unwrap();
        let path = path_of(folder.path(), 1);
        let whole = fs::read(&path).unwrap();
        let first = HEAD_OCTETS + 2 + 3;
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let expected: &[u64] = if cut < first { &[] } else { &[1] };
            assert_eq!(ids(folder.path(), Mark::default()), expected, "cut at {cut}");
        }
        for at in first..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            fs::write(&path, damaged).unwrap();
            assert_eq!(ids(folder.path(), Mark::default()), [1], "damaged at {at}");
        }
    }

    #[test]
    fn segments_that_nobody_needs_go() {
        let folder = tempfile::tempdir().unwrap();
        for id in 1..=3 {
            let mut journal = Journal::open(folder.path().to_owned(), Sync::Off).unwrap();
            journal.append(&[record(id, "x")]).unwrap();
        }
        assert_eq!(remove_segments(folder.path(), |number| number != 2).unwrap(), 1);
        assert_eq!(ids(folder.path(), Mark::default()), [1, 3]);
        let mut journal = Journal::open(folder.path().to_owned(), Sync::Off).unwrap();
        assert_eq!(journal.append(&[record(4, "x")]).unwrap()[0].segment, 4);
    }
}
