//! Folders in Maildir format.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use capa7_mail_proto::archive::line_ends::{FromFile, LineEnds, Survey, ToLf};
use capa7_mail_proto::archive::maildir::{FileName, Keywords};
use capa7_mail_proto::mailbox::UidValidity;

use super::intake::Intake;
use super::mbox::pieces;
use super::{ArchiveError, GoOn, READ_BYTES, Report, file_error};
use crate::store::{MessageReader, Row};

/// Reads the messages of one folder, the oldest name first.
pub(super) fn read(
    folder: &Path,
    intake: &mut Intake<'_>,
    report: &mut Report,
    go_on: GoOn<'_>,
) -> Result<(), ArchiveError> {
    let keywords = keywords(folder)?;
    let mut buffer = vec![0; READ_BYTES];
    let mut files: Vec<(u64, String, &str)> = Vec::new();
    for part in ["cur", "new"] {
        files.extend(names(&folder.join(part))?.into_iter().map(|name| (age(&name), name, part)));
    }
    files.sort();
    for (_, name, part) in files {
        let path = folder.join(part).join(&name);
        report.place = path.display().to_string();
        // A link may lead anywhere; what has gone was renamed or deleted.
        if !fs::symlink_metadata(&path).is_ok_and(|it| it.is_file()) {
            report.skip(format!("{}: no file", path.display()));
            continue;
        }
        let mut file = File::open(&path).map_err(file_error(&path))?;
        let written = file.metadata().and_then(|it| it.modified()).map_err(file_error(&path))?;
        let mut arriving = intake.begin()?;
        let (mut lines, mut out) = (FromFile::default(), Vec::new());
        loop {
            let count = file.read(&mut buffer).map_err(file_error(&path))?;
            if count == 0 {
                break;
            }
            lines.push(buffer.get(..count).unwrap_or_default(), &mut out);
            intake.write(&mut arriving, &out)?;
            out.clear();
        }
        let flags = FileName::parse(&name).flags(&keywords);
        intake.end(arriving, (flags, Some(seconds(written))), report)?;
        if !go_on(report) {
            return Err(intake.stop(report));
        }
    }
    Ok(())
}

/// A folder that is being written.
pub(super) struct Maildir {
    folder: PathBuf,
    /// The end of file names: who gave them.
    host: String,
    validity: UidValidity,
    keywords: Keywords,
    /// File names of messages that are there, by their unique parts.
    present: BTreeMap<String, String>,
}

impl Maildir {
    /// Opens a folder, or makes it.
    pub(super) fn begin(
        folder: &Path,
        host: &str,
        validity: UidValidity,
    ) -> Result<Self, ArchiveError> {
        for part in ["cur", "new", "tmp"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).map_err(file_error(&part))?;
        }
        let mut present = BTreeMap::new();
        for name in names(&folder.join("cur"))? {
            present.insert(FileName::parse(&name).unique.to_owned(), name);
        }
        let keywords = keywords(folder)?;
        let host = host.replace('/', "\\057").replace(':', "\\072");
        Ok(Self { folder: folder.to_owned(), host, validity, keywords, present })
    }

    /// Says that the folder is one of a Maildir++, not a Maildir of its own.
    pub(super) fn mark_as_folder(&self) -> Result<(), ArchiveError> {
        let path = self.folder.join("maildirfolder");
        File::create(&path).map(|_| ()).map_err(file_error(&path))
    }

    /// Writes a message to `tmp` and moves it to `cur` when it is whole. One that
    /// an export before wrote gets its flags; then this is false.
    pub(super) fn add(
        &mut self,
        row: &Row,
        message: &MessageReader,
        report: &mut Report,
    ) -> Result<bool, ArchiveError> {
        let unique = format!("{}.V{}U{}.{}", row.internal_date, self.validity, row.uid, self.host);
        let letters = self.letters(row, report)?;
        let name = format!("{unique}:2,{letters}");
        let cur = self.folder.join("cur");
        let path = cur.join(&name);
        if let Some(before) = self.present.get(&unique) {
            if *before != name {
                fs::rename(cur.join(before), &path).map_err(file_error(&path))?;
            }
            return Ok(false);
        }
        let part = self.folder.join("tmp").join(&unique);
        write(&part, row.internal_date, message)?;
        fs::rename(&part, &path).map_err(file_error(&path))?;
        Ok(true)
    }

    /// Makes the names last.
    pub(super) fn end(self) -> Result<(), ArchiveError> {
        for folder in [self.folder.join("cur"), self.folder] {
            let synced = File::open(&folder).and_then(|folder| folder.sync_all());
            synced.map_err(file_error(&folder))?;
        }
        Ok(())
    }

    fn letters(&mut self, row: &Row, report: &mut Report) -> Result<String, ArchiveError> {
        let before = self.keywords.clone();
        let (letters, left) = self.keywords.letters(&row.flags);
        for keyword in left {
            report.skip(format!(
                "{}: keyword {keyword} of message {} is not kept, for a Maildir has 26 at most",
                self.folder.display(),
                row.uid
            ));
        }
        if self.keywords != before {
            // Before the first file name that has the letter.
            let (path, part) = (self.folder.join(KEYWORDS), self.folder.join("tmp/keywords"));
            fs::write(&part, self.keywords.text()).map_err(file_error(&part))?;
            fs::rename(&part, &path).map_err(file_error(&path))?;
        }
        Ok(letters)
    }
}

fn write(path: &Path, date: i64, message: &MessageReader) -> Result<(), ArchiveError> {
    let mut survey = Survey::default();
    pieces(message, |piece| {
        survey.push(piece);
        Ok(())
    })?;
    // What an export that was interrupted left there is of no use.
    let mut file = File::create(path).map_err(file_error(path))?;
    let mut put = |bytes: &[u8]| file.write_all(bytes).map_err(file_error(path));
    if survey.for_maildir() == LineEnds::AsTheyAre {
        pieces(message, &mut put)?;
    } else {
        let (mut to_lf, mut out) = (ToLf::default(), Vec::new());
        pieces(message, |piece| {
            out.clear();
            to_lf.push(piece, &mut out);
            put(&out)
        })?;
        out.clear();
        to_lf.end(&mut out);
        put(&out)?;
    }
    let span = Duration::from_secs(date.unsigned_abs());
    let moment = if date < 0 { UNIX_EPOCH.checked_sub(span) } else { UNIX_EPOCH.checked_add(span) };
    // A date that the system cannot write is lost with its file's time only.
    if let Some(moment) = moment {
        file.set_modified(moment).map_err(file_error(path))?;
    }
    file.sync_all().map_err(file_error(path))
}

/// Seconds since 1970, also before.
fn seconds(moment: SystemTime) -> i64 {
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    match moment.duration_since(UNIX_EPOCH) {
        Ok(span) => seconds(span),
        Err(before) => -seconds(before.duration()),
    }
}

/// File names of messages begin with the second at which they came.
fn age(name: &str) -> u64 {
    let digits = name.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or(u64::MAX)
}

/// The names in `cur` or `new`; a folder that is missing has none. Hidden files
/// are no messages, nor are names that are no UTF-8.
fn names(folder: &Path) -> Result<Vec<String>, ArchiveError> {
    let mut names = Vec::new();
    if !folder.is_dir() {
        return Ok(names);
    }
    for entry in fs::read_dir(folder).map_err(file_error(folder))? {
        names.extend(entry.map_err(file_error(folder))?.file_name().into_string());
    }
    names.retain(|name| !name.starts_with('.'));
    Ok(names)
}

fn keywords(folder: &Path) -> Result<Keywords, ArchiveError> {
    let path = folder.join(KEYWORDS);
    if !path.is_file() {
        return Ok(Keywords::default());
    }
    let file = File::open(&path).map_err(file_error(&path))?;
    let mut text = String::new();
    file.take(KEYWORDS_BYTES_MAX).read_to_string(&mut text).map_err(file_error(&path))?;
    Ok(Keywords::parse(&text))
}

/// Dovecot's name for it.
const KEYWORDS: &str = "dovecot-keywords";
/// 26 keywords are shorter.
const KEYWORDS_BYTES_MAX: u64 = 64 * 1024;
