//! Messages on a disk, in forms that other programs read.
//!
//! A message is there whole or not at all, and on the disk when it is told to
//! be: its copy on a server may be removed then.

use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use capa7_mail_proto::archive::line_ends::{Survey, ToLf};
use capa7_mail_proto::archive::mbox::{Separator, Writer, sender_of};
use capa7_mail_proto::mailbox::Flag;
use capa7_net::Host;
use rand::RngCore as _;

/// The form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveForm {
    /// A file for each message, as it was sent.
    Eml,
    /// One file for all (RFC 4155), to which is added.
    Mbox,
    /// A file for each message in `new` or `cur`, lines ended by LF.
    Maildir,
}

/// A message to save.
#[derive(Clone, Debug)]
pub struct Saved {
    /// What it is called, of which only safe letters become a file's name.
    pub name: String,
    /// Its octets, lines ended by CR LF.
    pub message: Vec<u8>,
    /// Its flags.
    pub flags: Vec<String>,
    /// When it arrived, in seconds since 1970.
    pub received: i64,
}

/// Saves a message at `place`, a folder, or a file for mbox; both are made
/// where they are not there. The file that has it.
///
/// # Errors
/// The disk's; then no file has a part of the message.
pub fn save(host: &Host, form: SaveForm, place: &Path, saved: &Saved) -> io::Result<PathBuf> {
    match form {
        SaveForm::Eml => eml(host, place, saved),
        SaveForm::Mbox => mbox(place, saved),
        SaveForm::Maildir => maildir(host, place, saved),
    }
}

fn eml(host: &Host, place: &Path, saved: &Saved) -> io::Result<PathBuf> {
    fs::create_dir_all(place)?;
    let hidden = write_hidden(host, place, &saved.message)?;
    let stem = file_name(&saved.name);
    for number in 1..=NAMES_MAX {
        let name = match number {
            1 => format!("{stem}.eml"),
            _ => format!("{stem}-{number}.eml"),
        };
        let path = place.join(name);
        // A link fails where the name is taken: nothing is overwritten.
        match fs::hard_link(&hidden, &path) {
            Ok(()) => {
                fs::remove_file(&hidden)?;
                sync_folder(place)?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Fetched before: one copy is enough.
                if fs::read(&path)? == saved.message {
                    fs::remove_file(&hidden)?;
                    return Ok(path);
                }
            }
            Err(error) => {
                let _ = fs::remove_file(&hidden);
                return Err(error);
            }
        }
    }
    let _ = fs::remove_file(&hidden);
    Err(io::ErrorKind::AlreadyExists.into())
}

fn mbox(place: &Path, saved: &Saved) -> io::Result<PathBuf> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    let is_new = !place.exists();
    let mut file = File::options().append(true).create(true).open(place)?;
    // Others that write to it take the lock too.
    file.lock()?;
    let length = file.seek(io::SeekFrom::End(0))?;
    let entry = mbox_entry(saved);
    let written = file.write_all(&entry).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // No half of a message is left behind.
        let _ = file.set_len(length);
        return Err(error);
    }
    if is_new && let Some(folder) = place.parent() {
        sync_folder(folder)?;
    }
    Ok(place.to_owned())
}

/// A message as an entry of an mbox file.
fn mbox_entry(saved: &Saved) -> Vec<u8> {
    let message = saved.message.as_slice();
    let mut survey = Survey::default();
    survey.push(message);
    let separator = Separator::new(sender_of(message), saved.received);
    let flags = saved.flags.iter().filter_map(|flag| Flag::parse(flag).ok()).collect();
    let mut entry = Vec::with_capacity(message.len() + message.len() / 32);
    let mut writer = Writer::begin(&separator, &flags, survey.for_mbox(), &mut entry);
    writer.push(message, &mut entry);
    writer.end(&mut entry);
    entry
}

fn maildir(host: &Host, place: &Path, saved: &Saved) -> io::Result<PathBuf> {
    let [tmp, new, cur] = ["tmp", "new", "cur"].map(|name| place.join(name));
    for folder in [&tmp, &new, &cur] {
        fs::create_dir_all(folder)?;
    }
    let message = with_lf(&saved.message);
    let hidden = write_hidden(host, &tmp, &message)?;
    let name = hidden.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let info: String = INFO
        .iter()
        .filter(|(flag, _)| saved.flags.iter().any(|known| known.eq_ignore_ascii_case(flag)))
        .map(|(_, letter)| *letter)
        .collect();
    // Whoever has not looked at a message finds it in `new`.
    let (folder, path) = match info.as_str() {
        "" => (&new, new.join(name)),
        _ => (&cur, cur.join(format!("{name}:2,{info}"))),
    };
    let renamed = fs::rename(&hidden, &path);
    if renamed.is_err() {
        let _ = fs::remove_file(&hidden);
    }
    renamed?;
    sync_folder(folder)?;
    Ok(path)
}

/// Writes a file of a new name that nobody looks for; it is on the disk then.
fn write_hidden(host: &Host, folder: &Path, message: &[u8]) -> io::Result<PathBuf> {
    let seconds = host.wall_clock().secs();
    let path = folder.join(format!("{seconds}.R{:016x}.capa7", host.rng().next_u64()));
    let mut file = File::options().write(true).create_new(true).open(&path)?;
    let written = file.write_all(message).and_then(|()| file.sync_all());
    if let Err(error) = written {
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    Ok(path)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

/// Letters, digits and a few signs, so that a server's word is no path.
fn file_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
    let name: String = name.chars().take(NAME_LETTERS).map(safe).collect();
    if name.is_empty() { "message".to_owned() } else { name }
}

fn with_lf(message: &[u8]) -> Vec<u8> {
    let (mut to_lf, mut lines) = (ToLf::default(), Vec::with_capacity(message.len()));
    to_lf.push(message, &mut lines);
    to_lf.end(&mut lines);
    lines
}

/// The letters of Maildir's flags, in the order of the alphabet.
const INFO: [(&str, char); 5] = [
    ("\\Draft", 'D'),
    ("\\Flagged", 'F'),
    ("\\Answered", 'R'),
    ("\\Seen", 'S'),
    ("\\Deleted", 'T'),
];
/// Files of one name that are told apart by a number.
const NAMES_MAX: u32 = 1_000;
/// A longer name is cut; most file systems take 255 octets.
const NAME_LETTERS: usize = 100;

#[cfg(test)]
mod tests {
    use capa7_net::{HostConfig, NetworkConfig, VirtualNetwork};

    use super::*;

    const MESSAGE: &[u8] = b"From: a@x\r\nSubject: s\r\n\r\nFrom here\r\n.\r\n";

    fn with_host(test: impl FnOnce(&Host, &Path)) {
        let net = VirtualNetwork::new(NetworkConfig::default());
        let host = net.network().add_host(HostConfig::default()).unwrap();
        test(&host, tempfile::tempdir().unwrap().path());
    }

    fn saved(name: &str, message: &[u8], flags: &[&str]) -> Saved {
        Saved {
            name: name.to_owned(),
            message: message.to_vec(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            received: 1_748_858_400,
        }
    }

    #[test]
    fn a_server_s_word_is_no_path_and_nothing_is_overwritten() {
        with_host(|host, folder| {
            let place = folder.join("out");
            let one = saved("../../etc/x\0", MESSAGE, &[]);
            let first = save(host, SaveForm::Eml, &place, &one).unwrap();
            assert_eq!(first, place.join("______etc_x_.eml"));
            assert_eq!(fs::read(&first).unwrap(), MESSAGE);
            // The same message again is the same file; another one is not.
            assert_eq!(save(host, SaveForm::Eml, &place, &one).unwrap(), first);
            let other = save(host, SaveForm::Eml, &place, &saved("../../etc/x\0", b"y", &[]));
            assert_eq!(other.unwrap(), place.join("______etc_x_-2.eml"));
            assert_eq!(fs::read(&first).unwrap(), MESSAGE);
            assert_eq!(fs::read_dir(&place).unwrap().count(), 2, "nothing beside");
        });
    }

    /// RFC 4155 appendix A: no line of a body begins an entry; flags are kept as other
    /// programs keep them.
    #[test]
    fn an_mbox_grows_by_whole_entries() {
        with_host(|host, folder| {
            let place = folder.join("mail.mbox");
            for _ in 0..2 {
                save(host, SaveForm::Mbox, &place, &saved("1", MESSAGE, &[])).unwrap();
            }
            let text = fs::read_to_string(&place).unwrap();
            assert_eq!(text.lines().filter(|line| line.starts_with("From ")).count(), 2);
            assert_eq!(text.matches("\n>From here\n.\n\n").count(), 2, "{text}");
            let returned =
                b"Return-Path: <andrea@umass.edu>\r\nFrom: x@y\r\n\r\n>From there\r\nend";
            save(host, SaveForm::Mbox, &place, &saved("2", returned, &["\\Seen"])).unwrap();
            let text = fs::read_to_string(&place).unwrap();
            let entry = text.rsplit_once("\nFrom ").unwrap().1;
            assert!(entry.starts_with("andrea@umass.edu Mon Jun  2 10:00:00 2025\n"), "{entry}");
            assert!(entry.contains("\nStatus: RO\n"), "{entry}");
            assert!(entry.ends_with("\n\n>>From there\nend\n\n"), "{entry}");
        });
    }

    #[test]
    fn a_maildir_has_new_and_read_messages_apart() {
        with_host(|host, folder| {
            let new = save(host, SaveForm::Maildir, folder, &saved("1", MESSAGE, &[])).unwrap();
            assert!(new.starts_with(folder.join("new")));
            assert_eq!(fs::read(&new).unwrap(), b"From: a@x\nSubject: s\n\nFrom here\n.\n");
            let flags = ["\\Seen", "\\Answered", "$Junk"];
            let read = save(host, SaveForm::Maildir, folder, &saved("2", MESSAGE, &flags));
            let read = read.unwrap();
            assert!(read.starts_with(folder.join("cur")));
            assert!(read.to_string_lossy().ends_with(":2,RS"), "{read:?}");
            assert_eq!(fs::read_dir(folder.join("tmp")).unwrap().count(), 0);
        });
    }

    #[test]
    fn what_cannot_be_saved_is_told() {
        with_host(|host, folder| {
            let file = folder.join("file");
            fs::write(&file, "x").unwrap();
            for form in [SaveForm::Eml, SaveForm::Maildir] {
                assert!(save(host, form, &file, &saved("1", MESSAGE, &[])).is_err());
            }
            assert!(save(host, SaveForm::Mbox, folder, &saved("1", MESSAGE, &[])).is_err());
            assert_eq!(fs::read(&file).unwrap(), b"x");
        });
    }
}
