//! Where a lab's mail servers write, and its programs begin: a folder that is gone
//! when the lab is.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// A folder of its own that is removed when it is dropped. One whose process was
/// killed is removed by the next lab.
#[derive(Debug)]
pub struct TemporaryFolder {
    path: PathBuf,
    /// Locked as long as the folder is in use.
    _lock: File,
}

impl TemporaryFolder {
    /// Makes one in the folder of temporary files.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn new() -> io::Result<Self> {
        let folder = Self::within(&std::env::temp_dir(), std::process::id())?;
        folder.remove_abandoned();
        Ok(folder)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A new folder: one that is there already is somebody else's, or was left by
    /// a process of the same number.
    fn within(place: &Path, process: u32) -> io::Result<Self> {
        for number in 0..FOLDERS_MAX {
            let path = place.join(format!("{PREFIX}{process}-{number}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    let lock = File::open(&path)?;
                    lock.try_lock()?;
                    return Ok(Self { path, _lock: lock });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        let full = format!("{} has too many {PREFIX}* folders", place.display());
        Err(io::Error::other(full))
    }

    /// Removes what processes left that were killed. Another lab may do so too.
    fn remove_abandoned(&self) {
        let Some(place) = self.path.parent() else { return };
        let (Ok(own), Ok(entries)) = (fs::metadata(&self.path), fs::read_dir(place)) else {
            return;
        };
        let paths = entries.take(ENTRIES_MAX).filter_map(|entry| Some(entry.ok()?.path()));
        for path in paths.filter(|path| is_of_dead_process(path)).take(REMOVED_MAX) {
            let is_own = fs::symlink_metadata(&path)
                .is_ok_and(|found| found.is_dir() && found.uid() == own.uid());
            // A process of another process namespace looks dead from here, but
            // holds its lock.
            let lock = File::open(&path).ok().filter(|lock| is_own && lock.try_lock().is_ok());
            if lock.is_some() {
                remove(&path);
            }
        }
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Whether the name is one of ours, and no process has its number.
fn is_of_dead_process(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let numbers = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
    let Some((process, number)) = numbers else { return false };
    let processes = Path::new("/proc");
    match (process.parse::<u32>(), number.parse::<u32>()) {
        (Ok(process), Ok(_)) => {
            processes.join("self").exists() && !processes.join(process.to_string()).exists()
        }
        _ => false,
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        tracing::debug!(%error, folder = %path.display(), "a lab's folder is left behind");
    }
}

/// What the names of all such folders begin with.
const PREFIX: &str = "capa7-lab-";
/// Folders of one process.
const FOLDERS_MAX: u32 = 10_000;
/// Folders that one lab removes: each takes a tenth of a second or more.
const REMOVED_MAX: usize = 8;
/// Entries of the folder of temporary files that are looked at.
const ENTRIES_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// The number of a process that has ended.
    fn dead_process() -> u32 {
        let mut child = Command::new("true").stdin(Stdio::null()).spawn().unwrap();
        child.wait().unwrap();
        child.id()
    }

    /// A killed lab drops nothing; the kernel drops its locks.
    #[test]
    fn a_folder_whose_process_was_killed_is_removed_by_the_next_lab() {
        let place = tempfile::tempdir().unwrap();
        let left = place.path().join(format!("{PREFIX}{}-0", dead_process()));
        fs::create_dir_all(left.join("mail.example/queue")).unwrap();
        let folder = TemporaryFolder::within(place.path(), std::process::id()).unwrap();
        folder.remove_abandoned();
        assert!(!left.exists() && folder.path().is_dir());
        drop(folder);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_in_use_or_of_another_name_stays() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: String| place.path().join(name);
        let folder = TemporaryFolder::within(place.path(), std::process::id()).unwrap();
        // In use by a process that is not seen from here.
        let hidden = TemporaryFolder::within(place.path(), dead_process()).unwrap();
        let living = at(format!("{PREFIX}{}-9", std::process::id()));
        let named = at(format!("{PREFIX}{}-x", dead_process()));
        let linked = at(format!("{PREFIX}{}-7", dead_process()));
        let target = at("elsewhere".to_owned());
        for path in [&living, &named, &target] {
            fs::create_dir(path).unwrap();
        }
        std::os::unix::fs::symlink(&target, &linked).unwrap();
        folder.remove_abandoned();
        for path in [folder.path(), hidden.path(), &living, &named, &target] {
            assert!(path.is_dir(), "{}", path.display());
        }
        assert!(fs::symlink_metadata(&linked).is_ok());
    }

    /// Mail of a dead process is not taken for one's own, whatever its number.
    #[test]
    fn a_folder_that_is_there_is_not_taken() {
        let place = tempfile::tempdir().unwrap();
        let there = place.path().join(format!("{PREFIX}{}-0", std::process::id()));
        fs::create_dir(&there).unwrap();
        let folder = TemporaryFolder::within(place.path(), std::process::id()).unwrap();
        assert_ne!(folder.path(), there);
    }
}
