//! Files in mbox format.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use capa7_mail_proto::archive::line_ends::Survey;
use capa7_mail_proto::archive::mbox::{Event, Reader, Separator, Writer, sender_of};

use super::intake::{Arriving, Intake};
use super::{ArchiveError, GoOn, READ_BYTES, Report, file_error};
use crate::store::{MessageReader, Row};

/// Reads a file.
pub(super) fn read(
    path: &Path,
    intake: &mut Intake<'_>,
    report: &mut Report,
    go_on: GoOn<'_>,
) -> Result<(), ArchiveError> {
    let mut file = File::open(path).map_err(file_error(path))?;
    let (mut reader, mut events) = (Reader::default(), Vec::new());
    let wrong = |error| ArchiveError::NotMbox { path: path.to_owned(), error };
    let mut buffer = vec![0; READ_BYTES];
    let mut open: Option<(Arriving, Option<i64>)> = None;
    loop {
        let count = file.read(&mut buffer).map_err(file_error(path))?;
        let is_end = count == 0;
        if is_end {
            std::mem::take(&mut reader).end(&mut events).map_err(wrong)?;
        } else {
            let bytes = buffer.get(..count).unwrap_or_default();
            reader.push(bytes, &mut events).map_err(wrong)?;
        }
        for event in events.drain(..) {
            match event {
                Event::Begin { offset, separator } => {
                    report.place = format!("{}, byte {offset}", path.display());
                    open = Some((intake.begin()?, separator.date));
                }
                Event::Content(bytes) => {
                    if let Some((arriving, _)) = &mut open {
                        intake.write(arriving, &bytes)?;
                    }
                }
                Event::End(flags) => {
                    if let Some((arriving, date)) = open.take() {
                        intake.end(arriving, (flags, date), report)?;
                        if !go_on(report) {
                            return Err(intake.stop(report));
                        }
                    }
                }
            }
        }
        if is_end {
            return Ok(());
        }
    }
}

/// A file that is being written. It has its name when it is whole.
pub(super) struct Mbox {
    path: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
    out: Vec<u8>,
}

impl Mbox {
    pub(super) fn begin(path: &Path) -> Result<Self, ArchiveError> {
        if fs::symlink_metadata(path).is_ok() {
            return Err(ArchiveError::Exists(path.to_owned()));
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        // What an export that was interrupted left there is of no use.
        let opened = OpenOptions::new().write(true).create(true).truncate(true).open(&part);
        let file = BufWriter::new(opened.map_err(file_error(&part))?);
        Ok(Self { path: path.to_owned(), part, file, out: Vec::new() })
    }

    pub(super) fn add(&mut self, row: &Row, message: &MessageReader) -> Result<(), ArchiveError> {
        let mut survey = Survey::default();
        let mut sender = None;
        pieces(message, |piece| {
            sender = sender.take().or_else(|| sender_of(piece).map(str::to_owned));
            survey.push(piece);
            Ok(())
        })?;
        let separator = Separator::new(sender.as_deref(), row.internal_date);
        let mut out = std::mem::take(&mut self.out);
        let mut writer = Writer::begin(&separator, &row.flags, survey.for_mbox(), &mut out);
        pieces(message, |piece| {
            writer.push(piece, &mut out);
            self.write(&mut out)
        })?;
        writer.end(&mut out);
        self.write(&mut out)?;
        self.out = out;
        Ok(())
    }

    pub(super) fn end(mut self) -> Result<(), ArchiveError> {
        let part = self.part.as_path();
        self.file.flush().map_err(file_error(part))?;
        self.file.get_ref().sync_all().map_err(file_error(part))?;
        fs::rename(part, &self.path).map_err(file_error(&self.path))
    }

    fn write(&mut self, out: &mut Vec<u8>) -> Result<(), ArchiveError> {
        self.file.write_all(out).map_err(file_error(&self.part))?;
        out.clear();
        Ok(())
    }
}

/// A message in pieces.
pub(super) fn pieces(
    message: &MessageReader,
    mut take: impl FnMut(&[u8]) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let mut at = 0;
    while at < message.size() {
        let piece = message.read_range(at, READ_BYTES)?;
        at += piece.len() as u64;
        take(&piece)?;
    }
    Ok(())
}
