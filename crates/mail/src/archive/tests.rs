//! Mailboxes to files and back, in one process.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use capa7_dissect::Room;
use capa7_mail_proto::mailbox::{Flag, Flags, MailboxName};
use capa7_net::Host;
use proptest::prelude::*;

use super::{ArchiveError, ExportOptions, Format, ImportOptions, Report, export, import};
use crate::store::{Account, Body, CheckDepth, NewMessage, Store, StoreOptions, Sync};

/// What one mailbox holds: flags, date, bytes.
type Held = Vec<(Flags, i64, Vec<u8>)>;

/// Two accounts and a folder for files.
struct World {
    store: Store,
    folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let host = {
            let _inside = runtime.enter();
            Host::machine(Room::Mail)
        };
        let options = StoreOptions { sync: Sync::Off, ..StoreOptions::default() };
        let store = Store::open(&host, &folder.path().join("mailboxes"), options).unwrap();
        Self { store, folder, _runtime: runtime }
    }

    fn account(&self, user: &str) -> Arc<Account> {
        self.store.account(&format!("{user}@example.org").parse().unwrap()).unwrap()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

fn name(text: &str) -> MailboxName {
    MailboxName::parse(text).unwrap()
}

fn flags(text: &str) -> Flags {
    text.split_ascii_whitespace().map(|flag| Flag::parse(flag).unwrap()).collect()
}

fn put(account: &Account, mailbox: &str, messages: &Held) {
    let mailbox = name(mailbox);
    if account.mailbox(&mailbox).is_err() {
        account.create(&mailbox, None).unwrap();
    }
    let messages = messages.iter().cloned().map(|(flags, date, bytes)| NewMessage {
        body: Body::Memory(Bytes::from(bytes)),
        headers: Vec::new(),
        flags,
        internal_date: Some(date),
    });
    account.append(&mailbox, messages.collect()).unwrap();
}

fn held(account: &Account, mailbox: &str) -> Held {
    let mailbox = account.mailbox(&name(mailbox)).unwrap().id;
    let rows = account.rows(mailbox, 1..=u32::MAX, usize::MAX).unwrap();
    rows.into_iter()
        .map(|row| {
            let bytes = account.open_message(mailbox, row.uid).unwrap().read_all().unwrap();
            (row.flags, row.internal_date, bytes)
        })
        .collect()
}

fn taken(account: &Account, path: &Path, folder: Option<&str>) -> Report {
    let options = ImportOptions { folder: folder.map(name), message_octets_max: 5_000 };
    let mut report = Report::default();
    import(account, path, &options, &mut report, &mut |_| true).unwrap();
    report
}

fn given(account: &Account, path: &Path, folder: Option<&str>, format: Format) -> Report {
    let options = ExportOptions { folder: folder.map(name), format, host: "mail.a:b/c".to_owned() };
    let mut report = Report::default();
    export(account, path, &options, &mut report, &mut |_| true).unwrap();
    report
}

fn sample() -> Held {
    vec![
        (flags("\\Seen Work"), 1_764_173_560, b"Subject: a\r\n\r\nFrom a\r\n".to_vec()),
        (flags("\\Flagged $Forwarded"), 1_764_000_000, b"Subject: b\r\n\r\nb\r\n".to_vec()),
        (flags(""), 86_400, b"Subject: b\r\n\r\nb\r\n".to_vec()),
    ]
}

// Issue: "import and export of mbox and Maildir"; all mailboxes of an account,
// whatever they are called, come back with messages, flags and dates.
#[test]
fn an_account_comes_back_from_either_format() {
    let names = ["INBOX", "Archive/2024", "../x", "a.b\\c", "Müll & 日本", "INBOX/x.mbox", "x"];
    for (format, path) in [(Format::Maildir, "maildir"), (Format::Mbox, "files")] {
        let world = World::new();
        let (old, new) = (world.account("old"), world.account("new"));
        for (number, mailbox) in (0_i64..).zip(names) {
            let mut messages = sample();
            messages.iter_mut().for_each(|(_, date, _)| *date += number);
            put(&old, mailbox, &messages);
        }
        let report = given(&old, &world.path(path), None, format);
        assert_eq!((report.messages, report.skipped), (21, vec![]));
        let before: Vec<_> = fs::read_dir(world.folder.path()).unwrap().collect();
        assert_eq!(before.len(), 2, "nothing is written beside the folder");
        let report = taken(&new, &world.path(path), None);
        assert_eq!((report.messages, report.present, report.skipped), (21, 0, vec![]));
        for mailbox in names {
            let (mut there, mut here) = (held(&old, mailbox), held(&new, mailbox));
            // In a Maildir names are in the order of dates.
            there.sort();
            here.sort();
            assert_eq!(there, here, "{mailbox}");
        }
        assert_eq!(new.check(CheckDepth::Contents).unwrap().problems, []);
    }
}

// Goal: a second import of the same file adds nothing; equal messages within one
// file are as many as they are.
#[test]
fn an_import_can_begin_again() {
    let world = World::new();
    let (old, new) = (world.account("old"), world.account("new"));
    put(&old, "INBOX", &sample());
    given(&old, &world.path("all.mbox"), Some("INBOX"), Format::Mbox);
    let path = world.path("all.mbox");
    let mut report = Report::default();
    let options = ImportOptions { folder: Some(name("In/b")), message_octets_max: 5_000 };
    let stopped = import(&new, &path, &options, &mut report, &mut |_| false);
    assert!(matches!(stopped, Err(ArchiveError::Stopped)));
    assert_eq!(report.messages, 1);
    assert!(report.place.ends_with("all.mbox, byte 0"), "{}", report.place);
    let report = taken(&new, &path, Some("In/b"));
    assert_eq!((report.messages, report.present), (2, 1));
    assert_eq!(held(&new, "In/b"), sample());
    let report = taken(&new, &path, Some("In/b"));
    assert_eq!((report.messages, report.present), (0, 3));
    // Also where delivery put headers in front.
    assert_eq!(taken(&old, &path, None).present, 3);
}

#[test]
fn an_export_brings_a_maildir_up_to_date() {
    let world = World::new();
    let account = world.account("old");
    put(&account, "INBOX", &sample());
    let path = world.path("maildir");
    assert_eq!(given(&account, &path, Some("INBOX"), Format::Maildir).messages, 3);
    let mailbox = account.mailbox(&name("INBOX")).unwrap().id;
    let change = crate::store::FlagChange::Replace(flags("\\Answered \\Draft $Forwarded"));
    let all = capa7_mail_proto::mailbox::UidSet::all();
    account.set_flags(mailbox, &all, change, crate::store::UnchangedSince::Whatever).unwrap();
    let report = given(&account, &path, Some("INBOX"), Format::Maildir);
    assert_eq!((report.messages, report.present), (0, 3));
    let names = fs::read_dir(path.join("cur")).unwrap();
    let mut names: Vec<_> =
        names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names.iter().all(|name| name.ends_with(".mail.a\\072b\\057c:2,DPRb")), "{names:?}");
    assert_eq!(
        fs::read_to_string(path.join("dovecot-keywords")).unwrap(),
        "0 Work\n1 $Forwarded\n"
    );
    assert_eq!(fs::read_dir(path.join("tmp")).unwrap().count(), 0);
}

// Goal: what cannot be kept is named with its place, and the rest is kept.
#[test]
fn a_message_that_cannot_be_kept_is_named_and_skipped() {
    let world = World::new();
    let account = world.account("new");
    let mut file = b"From a Thu Nov 26 16:12:40 2026\nSubject: a\n\nok\n\n".to_vec();
    let large = file.len();
    file.extend(b"From b Thu Nov 26 16:12:40 2026\n");
    file.extend(vec![b'x'; 6_000]);
    file.extend(b"\n\n");
    let zeros = file.len();
    file.extend(b"From c Thu Nov 26 16:12:40 2026\nSubject: \0\n\n");
    file.extend(b"From d Thu Nov 26 16:12:40 2026\nSubject: d\n\nok\n\n");
    let path = world.path("some");
    fs::write(&path, file).unwrap();
    let report = taken(&account, &path, None);
    assert_eq!((report.messages, report.skipped_count), (2, 2));
    assert!(report.skipped[0].contains(&format!("byte {large}: the message is larger than 5000")));
    assert!(report.skipped[1].contains(&format!("byte {zeros}: the message holds a NUL")));
    assert_eq!(
        account.check(CheckDepth::Contents).unwrap().leftovers,
        Vec::<std::path::PathBuf>::new()
    );
}

#[test]
fn what_is_no_mail_is_refused_by_name() {
    let world = World::new();
    let account = world.account("new");
    let fails = |path: &Path| {
        let options = ImportOptions { folder: None, message_octets_max: 100 };
        import(&account, path, &options, &mut Report::default(), &mut |_| true).unwrap_err()
    };
    fs::write(world.path("text"), "hello\n").unwrap();
    let error = fails(&world.path("text"));
    assert!(matches!(&error, ArchiveError::NotMbox { error, .. } if error.offset == 0), "{error}");
    fs::create_dir(world.path("empty")).unwrap();
    assert!(matches!(fails(&world.path("empty")), ArchiveError::Nothing(_)));
    assert!(matches!(fails(&world.path("nowhere")), ArchiveError::File { .. }));
    let options = ExportOptions { folder: None, format: Format::Mbox, host: "h".to_owned() };
    fs::create_dir(world.path("mine")).unwrap();
    fs::write(world.path("mine/INBOX.mbox"), "precious").unwrap();
    let (mut report, path) = (Report::default(), world.path("mine"));
    let error = export(&account, &path, &options, &mut report, &mut |_| true).unwrap_err();
    assert!(matches!(error, ArchiveError::Exists(_)));
    assert_eq!(fs::read(world.path("mine/INBOX.mbox")).unwrap(), b"precious");
}

// Goal: a link inside of a Maildir, or a name that leads away, is not followed.
#[test]
fn links_and_strange_names_are_not_followed() {
    let world = World::new();
    let account = world.account("new");
    let path = world.path("maildir");
    for part in ["cur", "new", ".a%b/cur", "..c/cur", ".\\2e\\2e/new"] {
        fs::create_dir_all(path.join(part)).unwrap();
    }
    fs::write(world.path("secret"), "Subject: secret\n").unwrap();
    std::os::unix::fs::symlink(world.path("secret"), path.join("cur/1.x:2,S")).unwrap();
    std::os::unix::fs::symlink("/", path.join(".root")).unwrap();
    fs::write(path.join(".\\2e\\2e/new/1.y"), "Subject: mine\n\n").unwrap();
    let report = taken(&account, &path, None);
    assert_eq!((report.messages, report.skipped_count), (1, 3), "{:?}", report.skipped);
    assert_eq!(held(&account, "..")[0].2, b"Subject: mine\r\n\r\n");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    // Goal: export, then import, gives the same messages, flags and dates.
    #[test]
    fn messages_come_back_byte_for_byte(
        messages in prop::collection::vec(
            (
                proptest::sample::subsequence(
                    vec!["\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted", "a", "B"],
                    0..=7,
                ),
                0_i64..4_000_000_000,
                "(Status: O\r\n|X: y\r\n){0,2}\r\n(>{0,2}From |a|é|\r|\n|\r\n){0,12}",
            ),
            0..5,
        ),
        is_mbox in any::<bool>(),
    ) {
        let world = World::new();
        let (old, new) = (world.account("old"), world.account("new"));
        let messages: Held = messages
            .into_iter()
            .map(|(names, date, text)| {
                (flags(&names.join(" ")), date, format!("Subject: x\r\n{text}\r\n").into_bytes())
            })
            .collect();
        put(&old, "x", &messages);
        let format = if is_mbox { Format::Mbox } else { Format::Maildir };
        given(&old, &world.path("file"), Some("x"), format);
        taken(&new, &world.path("file"), Some("x"));
        let (mut there, mut here) = (messages, held(&new, "x"));
        there.sort();
        here.sort();
        prop_assert_eq!(there, here);
    }
}
