//! What is to be imported at a path, and where it goes.

use std::fs;
use std::path::{Path, PathBuf};

use capa7_mail_proto::archive::folders;
use capa7_mail_proto::mailbox::{MailboxName, MailboxNameError, SEPARATOR};

use super::{ArchiveError, Report, file_error};

/// One mailbox's messages.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) mailbox: MailboxName,
    pub(super) path: PathBuf,
    pub(super) is_maildir: bool,
}

/// All that is at a path, in the order of names. With `folder` what would go
/// to INBOX goes there, and the rest below it.
pub(super) fn find(
    path: &Path,
    folder: Option<&MailboxName>,
    report: &mut Report,
) -> Result<Vec<Source>, ArchiveError> {
    let kind = fs::metadata(path).map_err(file_error(path))?;
    let first = folder.cloned().unwrap_or_else(MailboxName::inbox);
    if kind.is_file() {
        let path = path.to_owned();
        return Ok(vec![Source { mailbox: first, path, is_maildir: false }]);
    }
    let mut found = Vec::new();
    if is_maildir(path) {
        found.push(Source { mailbox: first, path: path.to_owned(), is_maildir: true });
        for name in names(path)? {
            let below = path.join(&name);
            if name.starts_with('.') && is_folder(&below) && is_maildir(&below) {
                let mailbox = folders::of_maildir_folder(&name);
                add(&mut found, report, (below, true), mailbox, folder);
            }
        }
    } else {
        walk(path, &mut Vec::new(), &mut |levels, file| {
            add(&mut found, report, (file, false), folders::of_mbox_path(levels), folder);
        })?;
    }
    if found.is_empty() && report.skipped_count == 0 {
        return Err(ArchiveError::Nothing(path.to_owned()));
    }
    Ok(found)
}

fn add(
    found: &mut Vec<Source>,
    report: &mut Report,
    (path, is_maildir): (PathBuf, bool),
    mailbox: Result<MailboxName, MailboxNameError>,
    folder: Option<&MailboxName>,
) {
    let mailbox = mailbox.and_then(|mailbox| match folder {
        Some(folder) if mailbox.is_inbox() => Ok(folder.clone()),
        Some(folder) => MailboxName::parse(&format!("{folder}{SEPARATOR}{mailbox}")),
        None => Ok(mailbox),
    });
    match mailbox {
        Ok(mailbox) => found.push(Source { mailbox, path, is_maildir }),
        Err(error) => {
            let path = path.display();
            report.skip(format!("{path}: {error}; import it alone, with --folder NAME"));
        }
    }
}

/// Files of an mbox export. Links are not followed.
fn walk(
    folder: &Path,
    levels: &mut Vec<String>,
    found: &mut dyn FnMut(&[String], PathBuf),
) -> Result<(), ArchiveError> {
    for name in names(folder)? {
        let path = folder.join(&name);
        let is_file = fs::symlink_metadata(&path).is_ok_and(|it| it.is_file());
        levels.push(name);
        if is_file && path.extension().is_some_and(|end| end == "mbox") {
            found(levels, path);
        } else if levels.len() < LEVELS_MAX && is_folder(&path) {
            walk(&path, levels, found)?;
        }
        levels.pop();
    }
    Ok(())
}

/// The names in a folder, in order. A name that is no UTF-8 is no mailbox's.
fn names(folder: &Path) -> Result<Vec<String>, ArchiveError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(file_error(folder))? {
        names.extend(entry.map_err(file_error(folder))?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|it| it.is_dir())
}

fn is_maildir(path: &Path) -> bool {
    path.join("cur").is_dir() || path.join("new").is_dir()
}

/// Folders within folders that are looked at.
const LEVELS_MAX: usize = 64;
