//! The store in one process.

use bytes::Bytes;
use capa7_dissect::Room;
use capa7_mail_proto::imap::store::Description;
use capa7_mail_proto::mailbox::{Flag, Flags, MailboxName, ModSeq, Uid, UidSet};
use capa7_net::Host;
use std::sync::Arc;

use super::{
    Account, Body, CheckDepth, Delivery, DeliveryToken, FlagChange, NewMessage, Store, StoreError,
    StoreOptions, UnchangedSince, Which,
};

/// A store in a folder that goes with it.
struct World {
    store: Store,
    folder: tempfile::TempDir,
    is_sound: bool,
    _runtime: tokio::runtime::Runtime,
}

/// Every test ends with a sound store.
impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() && self.is_sound {
            let report = self.account().check(CheckDepth::Contents).unwrap();
            assert_eq!(report.problems, []);
            assert_eq!(report.leftovers, Vec::<std::path::PathBuf>::new());
        }
    }
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let host = {
            let _inside = runtime.enter();
            Host::machine(Room::Mail)
        };
        let store = Store::open(&host, folder.path(), StoreOptions::default()).unwrap();
        Self { store, folder, is_sound: true, _runtime: runtime }
    }

    fn account(&self) -> Arc<Account> {
        self.store.account(&"andrea@ucatolica.edu.co".parse().unwrap()).unwrap()
    }

    fn body_files(&self) -> usize {
        let bodies = self.folder.path().join("andrea@ucatolica.edu.co/bodies");
        std::fs::read_dir(bodies).unwrap().count()
    }
}

fn name(text: &str) -> MailboxName {
    MailboxName::parse(text).unwrap()
}

fn flags(names: &[&str]) -> Flags {
    names.iter().map(|name| Flag::parse(name).unwrap()).collect()
}

fn uid(number: u32) -> Uid {
    Uid::new(number).unwrap()
}

fn set(numbers: &[u32]) -> UidSet {
    numbers.iter().map(|number| uid(*number)).collect()
}

fn message(text: &str) -> NewMessage {
    NewMessage {
        body: Body::Memory(Bytes::copy_from_slice(text.as_bytes())),
        headers: Vec::new(),
        flags: Flags::new(),
        internal_date: Some(1_000),
    }
}

fn delivery(mailbox: &str, headers: &str, token: &str) -> Delivery {
    Delivery {
        mailbox: name(mailbox),
        headers: headers.as_bytes().to_vec(),
        flags: Flags::new(),
        token: Some(DeliveryToken(token.to_owned())),
    }
}

#[test]
fn what_is_appended_is_read_again() {
    // RFC 4315 §3: APPENDUID tells UIDVALIDITY and UIDs in order.
    let world = World::new();
    let account = world.account();
    let inbox = account.mailbox(&name("INBOX")).unwrap();
    let done = account.append(&name("INBOX"), vec![message("one"), message("two!")]).unwrap();
    assert_eq!(done.uids, [uid(1), uid(2)]);
    assert_eq!(done.uid_validity, inbox.uid_validity);
    let text = account.open_message(inbox.id, uid(2)).unwrap().read_all().unwrap();
    assert_eq!(text, b"two!");
    let now = account.mailbox(&name("INBOX")).unwrap();
    assert_eq!((now.messages, now.unseen, now.bytes, now.uid_next), (2, 2, 7, 3));
    assert!(now.highest_modseq > inbox.highest_modseq);
}

#[test]
fn messages_are_described_as_they_are_read() {
    // RFC 9051 §7.5.2: what is kept of ENVELOPE and BODYSTRUCTURE is what the
    // whole message says, with what was put in front of it, also of a copy.
    let world = World::new();
    let account = world.account();
    let mailbox = account.mailbox(&name("INBOX")).unwrap().id;
    let text = "Subject: a\r\nFrom: b@c.d\r\n\r\nthree\r\nlines\r\n";
    account.append(&name("INBOX"), vec![message(text), message(" no header")]).unwrap();
    let body = Body::Memory(Bytes::from_static(b" folded\r\n\r\ntext"));
    account.deliver(body, vec![delivery("INBOX", "Return-Path: <e@f.g>\r\n", "t")]).unwrap();
    account.copy(mailbox, &set(&[1]), &name("INBOX")).unwrap();
    let rows = account.rows_with_texts(mailbox, 1..=9, 9).unwrap();
    assert_eq!(rows.len(), 4);
    for (row, texts) in rows {
        let whole = account.open_row(mailbox, &row, &texts).unwrap().read_all().unwrap();
        assert_eq!(texts.description, Description::of(&whole), "message {}", row.uid);
        assert!(texts.description.is_some(), "message {}", row.uid);
    }
    // A message of very many parts is described only when somebody asks.
    let parts = "--b\r\n\r\nx\r\n".repeat(2_000);
    let text = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n");
    account.append(&name("INBOX"), vec![message(&text)]).unwrap();
    let rows = account.rows_with_texts(mailbox, 5..=5, 1).unwrap();
    assert_eq!(rows[0].1.description, None);
}

#[test]
fn an_append_to_no_mailbox_leaves_no_file() {
    // RFC 3502 §6.3.11: all or none.
    let world = World::new();
    let account = world.account();
    let failed = account.append(&name("Nowhere"), vec![message("one")]);
    assert_eq!(failed, Err(StoreError::NoMailbox));
    let failed = account.deliver(
        Body::Memory(Bytes::from_static(b"x")),
        vec![delivery("INBOX", "", "a"), delivery("Nowhere", "", "b")],
    );
    assert_eq!(failed, Err(StoreError::NoMailbox));
    assert_eq!(world.body_files(), 0);
    assert_eq!(account.mailbox(&name("INBOX")).unwrap().messages, 0);
}

#[test]
fn recipients_of_one_account_share_a_file_but_not_their_headers() {
    let world = World::new();
    let account = world.account();
    let done = account
        .deliver(
            Body::Memory(Bytes::from_static(b"Subject: hi\r\n\r\nhello\r\n")),
            vec![
                delivery("INBOX", "Delivered-To: a\r\n", "q1/a"),
                delivery("Junk", "Delivered-To: b\r\n", "q1/b"),
            ],
        )
        .unwrap();
    assert_eq!(world.body_files(), 1);
    let reader = account.open_message(done[1].mailbox, done[1].uids[0]).unwrap();
    assert_eq!(reader.read_all().unwrap(), b"Delivered-To: b\r\nSubject: hi\r\n\r\nhello\r\n");
    // Ranges across the seam (RFC 9051 §6.4.5, partial FETCH).
    assert_eq!(reader.read_range(14, 8).unwrap(), b"b\r\nSubje");
    assert_eq!(reader.read_range(38, 100).unwrap(), b"\n");
    assert_eq!(reader.read_range(400, 100).unwrap(), b"");
    let mut streamed = Vec::new();
    std::io::Read::read_to_end(&mut { reader }, &mut streamed).unwrap();
    assert_eq!(streamed.len(), 39);
}

#[test]
fn a_delivery_with_a_known_token_happens_once() {
    // A queue that died after our answer delivers again (RFC 5321 §6.1 warns
    // of the duplicates).
    let world = World::new();
    let account = world.account();
    let deliver = || {
        let body = Body::Memory(Bytes::from_static(b"x"));
        account.deliver(body, vec![delivery("INBOX", "", "q1/a")]).unwrap()
    };
    let (first, second) = (deliver(), deliver());
    assert_eq!(first[0].uids, second[0].uids);
    assert_eq!(account.mailbox(&name("INBOX")).unwrap().messages, 1);
    assert_eq!(world.body_files(), 1);
}

#[test]
fn flags_change_with_a_modseq_and_only_when_they_change() {
    // RFC 9051 §6.4.6, RFC 7162 §3.1.3.
    let world = World::new();
    let account = world.account();
    account.append(&name("INBOX"), vec![message("1"), message("2"), message("3")]).unwrap();
    let inbox = account.mailbox(&name("INBOX")).unwrap();
    let all = UidSet::all();
    let seen = FlagChange::Add(flags(&["\\Seen"]));
    let first =
        account.set_flags(inbox.id, &set(&[1, 9]), seen.clone(), UnchangedSince::Whatever).unwrap();
    assert_eq!(first.rows.len(), 1);
    assert_eq!(first.rows[0].flags, flags(&["\\Seen"]));
    let guarded = UnchangedSince::ModSeq(inbox.highest_modseq);
    let second = account.set_flags(inbox.id, &all, seen.clone(), guarded).unwrap();
    assert_eq!(second.modified, [uid(1)]);
    assert_eq!(second.rows.iter().map(|row| row.uid).collect::<Vec<_>>(), [uid(2), uid(3)]);
    assert!(second.modseq > first.modseq);
    let third = account.set_flags(inbox.id, &all, seen, UnchangedSince::Whatever).unwrap();
    assert_eq!(third.modseq, None, "nothing changed");
    let replaced = FlagChange::Replace(flags(&["\\Deleted", "$Label"]));
    account.set_flags(inbox.id, &set(&[2]), replaced, UnchangedSince::Whatever).unwrap();
    let removed = FlagChange::Remove(flags(&["$Label"]));
    account.set_flags(inbox.id, &all, removed, UnchangedSince::Whatever).unwrap();
    let now = account.mailbox(&name("INBOX")).unwrap();
    assert_eq!((now.unseen, now.deleted), (1, 1));
    assert_eq!(account.rows(inbox.id, 2..=2, 9).unwrap()[0].flags, flags(&["\\Deleted"]));
}

#[test]
fn expunged_messages_vanish_with_their_files_and_uids_are_not_used_again() {
    // RFC 9051 §2.3.1.1, RFC 4315 §2.1, RFC 7162 §3.2.10.
    let world = World::new();
    let account = world.account();
    account.append(&name("INBOX"), (0..4).map(|n| message(&n.to_string())).collect()).unwrap();
    let inbox = account.mailbox(&name("INBOX")).unwrap();
    account.copy(inbox.id, &set(&[4]), &name("Archive")).unwrap();
    let deleted = FlagChange::Add(flags(&["\\Deleted"]));
    account.set_flags(inbox.id, &set(&[2, 3, 4]), deleted, UnchangedSince::Whatever).unwrap();
    let before = account.modseq();
    let among = Which::DeletedAmong(set(&[1, 2]));
    assert_eq!(account.expunge(inbox.id, among).unwrap().uids, [uid(2)]);
    assert_eq!(account.expunge(inbox.id, Which::Deleted).unwrap().uids, [uid(3), uid(4)]);
    assert_eq!(account.expunge(inbox.id, Which::Deleted).unwrap().modseq, None);
    // The copy keeps the fourth one's file.
    assert_eq!(world.body_files(), 2);
    let changes = account.changes_since(inbox.id, before).unwrap();
    assert_eq!(changes.vanished, set(&[2, 3, 4]));
    assert!(changes.rows.is_empty());
    assert_eq!(account.open_message(inbox.id, uid(2)).unwrap_err(), StoreError::NoMessage(uid(2)));
    let next = account.append(&name("INBOX"), vec![message("new")]).unwrap();
    assert_eq!(next.uids, [uid(5)]);
}

#[test]
fn moved_messages_keep_flags_and_dates() {
    // RFC 9051 §6.4.8, RFC 6851 §3.3.
    let world = World::new();
    let account = world.account();
    let mut flagged = message("1");
    flagged.flags = flags(&["\\Flagged", "\\Seen"]);
    account.append(&name("INBOX"), vec![message("0"), flagged]).unwrap();
    let inbox = account.mailbox(&name("INBOX")).unwrap().id;
    let moved = account.move_to(inbox, &set(&[2]), &name("Trash")).unwrap();
    assert_eq!(moved.uids, [(uid(2), uid(1))]);
    let row = account.rows(moved.mailbox, 1..=1, 1).unwrap().remove(0);
    assert_eq!((row.flags, row.internal_date), (flags(&["\\Flagged", "\\Seen"]), 1_000));
    assert_eq!(account.uids(inbox).unwrap(), [uid(1)]);
    let trash = account.mailbox(&name("Trash")).unwrap();
    assert_eq!((trash.messages, trash.unseen), (1, 0));
    assert_eq!(account.move_to(inbox, &set(&[1]), &name("No")).unwrap_err(), StoreError::NoMailbox);
}

#[test]
fn a_renamed_mailbox_takes_its_children_along_and_inbox_gives_its_messages() {
    // RFC 9051 §6.3.6.
    let world = World::new();
    let account = world.account();
    let deep = account.create(&name("a/b/c"), None).unwrap();
    assert_eq!(account.create(&name("a/b"), None).unwrap_err(), StoreError::Exists(name("a/b")));
    account.rename(&name("a/b"), &name("x/y")).unwrap();
    let moved = account.mailbox(&name("x/y/c")).unwrap();
    assert_eq!((moved.id, moved.uid_validity), (deep.id, deep.uid_validity));
    assert_eq!(account.mailbox(&name("a/b")).unwrap_err(), StoreError::NoMailbox);
    assert!(account.mailbox(&name("x")).unwrap().is_selectable);
    assert!(matches!(account.rename(&name("x"), &name("x/z")), Err(StoreError::NotAllowed(_))));

    account.create(&name("INBOX/sub"), None).unwrap();
    account.append(&name("INBOX"), vec![message("0")]).unwrap();
    account.rename(&name("INBOX"), &name("Old")).unwrap();
    assert_eq!(account.mailbox(&name("INBOX")).unwrap().messages, 0);
    assert_eq!(account.mailbox(&name("Old")).unwrap().messages, 1);
    assert!(account.mailbox(&name("INBOX/sub")).is_ok());
}

#[test]
fn a_deleted_mailbox_comes_back_with_another_uid_validity() {
    // RFC 9051 §6.3.5, §2.3.1.1.
    let world = World::new();
    let account = world.account();
    let first = account.create(&name("a/b"), None).unwrap();
    account.append(&name("a/b"), vec![message("0")]).unwrap();
    account.subscribe(&name("a/b")).unwrap();
    account.delete(&name("a")).unwrap();
    assert!(!account.mailbox(&name("a")).unwrap().is_selectable);
    assert_eq!(account.delete(&name("a")).unwrap_err(), StoreError::HasChildren(name("a")));
    assert_eq!(account.append(&name("a"), vec![message("1")]), Err(StoreError::NoMailbox));
    account.delete(&name("a/b")).unwrap();
    assert_eq!(world.body_files(), 0);
    assert_eq!(account.rows(first.id, 1..=9, 9), Err(StoreError::NoMailbox));
    // RFC 9051 §6.3.7: the subscription stays.
    assert!(account.subscriptions().unwrap().contains(&name("a/b")));
    let again = account.create(&name("a/b"), None).unwrap();
    assert!(again.uid_validity > first.uid_validity);
    assert!(!account.mailbox(&name("a")).unwrap().is_subscribed);
    assert!(matches!(account.delete(&name("INBOX")), Err(StoreError::NotAllowed(_))));
}

#[test]
fn a_watcher_hears_of_each_change_and_of_names() {
    let world = World::new();
    let (mine, theirs) = (world.account(), world.account());
    let mut watch = mine.watch();
    let before = watch.modseq();
    assert!(before > ModSeq(0));
    theirs.append(&name("INBOX"), vec![message("0")]).unwrap();
    let changed = futures_now(watch.changed());
    assert!(changed.flatten() > Some(before));
    assert_eq!(futures_now(watch.changed()), None, "nothing more");
    let names = watch.names();
    theirs.unsubscribe(&name("Trash")).unwrap();
    assert!(futures_now(watch.changed()).is_some());
    assert_eq!(watch.names(), names + 1);
}

#[test]
fn news_that_are_held_wait_for_the_first_who_lets_go() {
    // What is told of a change names its cause, so the note comes before.
    let world = World::new();
    let account = world.account();
    let mut watch = account.watch();
    let (one, other) = (account.hold_news(), account.hold_news());
    account.append(&name("INBOX"), vec![message("0")]).unwrap();
    assert_eq!(futures_now(watch.changed()), None, "held");
    drop(one);
    assert!(futures_now(watch.changed()).is_some(), "nobody keeps them back for long");
    account.append(&name("INBOX"), vec![message("1")]).unwrap();
    assert_eq!(futures_now(watch.changed()), None, "the other still holds");
    drop(other);
    assert!(futures_now(watch.changed()).is_some());
    account.append(&name("INBOX"), vec![message("2")]).unwrap();
    assert!(futures_now(watch.changed()).is_some(), "nobody holds");
}

/// The value of a future that is ready already.
fn futures_now<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(work).as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}

#[test]
fn pages_of_rows_go_on_where_the_last_one_ended() {
    let world = World::new();
    let account = world.account();
    account.append(&name("INBOX"), (0..5).map(|n| message(&n.to_string())).collect()).unwrap();
    let inbox = account.mailbox(&name("INBOX")).unwrap().id;
    let page = |from| {
        let rows = account.rows_with_texts(inbox, from..=u32::MAX, 2).unwrap();
        rows.iter().map(|(row, _)| row.uid.get()).collect::<Vec<_>>()
    };
    assert_eq!((page(1), page(3), page(5), page(6)), (vec![1, 2], vec![3, 4], vec![5], vec![]));
}

#[test]
fn an_account_that_rested_goes_on_where_it_was() {
    let world = World::new();
    let account = world.account();
    account.append(&name("INBOX"), vec![message("0")]).unwrap();
    account.rest();
    let done = account.append(&name("INBOX"), vec![message("1")]).unwrap();
    assert_eq!(done.uids, [uid(2)]);
    assert_eq!(account.mailbox(&name("INBOX")).unwrap().messages, 2);
}

#[test]
fn one_pop_session_at_a_time_has_the_maildrop() {
    // RFC 1939 §4.
    let world = World::new();
    let account = world.account();
    let lock = account.lock_maildrop();
    assert!(lock.is_some() && account.lock_maildrop().is_none());
    drop(lock);
    assert!(account.lock_maildrop().is_some());
}

#[test]
fn a_folder_that_cannot_be_written_says_so() {
    let world = World::new();
    let account = world.account();
    // A file in the way of the bodies' folder: a failure that root meets too.
    let bodies = world.folder.path().join("andrea@ucatolica.edu.co/bodies");
    std::fs::remove_dir(&bodies).unwrap();
    let failed = account.append(&name("INBOX"), vec![message("0")]).unwrap_err();
    assert!(failed.is_machine(), "{failed}");
    std::fs::create_dir(&bodies).unwrap();
    account.append(&name("INBOX"), vec![message("0")]).unwrap();
}

#[test]
fn a_check_finds_what_somebody_changed() {
    let mut world = World::new();
    world.is_sound = false;
    let account = world.account();
    account.append(&name("INBOX"), (0..3).map(|n| message(&n.to_string())).collect()).unwrap();
    account.rest();
    let folder = world.folder.path().join("andrea@ucatolica.edu.co");
    let problems = |depth| {
        let report = account.check(depth).unwrap();
        report.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(problems(CheckDepth::Contents), "");
    let mut files: Vec<_> =
        std::fs::read_dir(folder.join("bodies")).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    std::fs::write(&files[0], b"?").unwrap();
    assert_eq!(problems(CheckDepth::Index), "");
    assert!(problems(CheckDepth::Contents).contains("other contents"));
    std::fs::write(&files[1], b"longer").unwrap();
    std::fs::remove_file(&files[2]).unwrap();
    let found = problems(CheckDepth::Index);
    assert!(
        found.contains("6 bytes instead of 1") && found.contains("cannot be opened"),
        "{found}"
    );

    let index = rusqlite::Connection::open(folder.join("index.sqlite")).unwrap();
    let breaks = [
        ("UPDATE mailboxes SET unseen = 7 WHERE name = 'INBOX'", "INBOX: its counts"),
        ("UPDATE mailboxes SET uidnext = 2 WHERE name = 'INBOX'", "INBOX: a UID"),
        ("UPDATE messages SET modseq = 99", "INBOX: a modseq"),
        ("UPDATE account SET uidvalidity_next = 1", "ahead of the account's"),
        ("UPDATE messages SET mailbox = 99", "in no mailbox"),
        ("INSERT INTO expunged SELECT key, mailbox, modseq FROM messages", "and expunged"),
        ("UPDATE texts SET headers = x'00'", "another length"),
        ("INSERT INTO texts VALUES (1, x'', NULL, NULL)", "texts of no message"),
        ("UPDATE bodies SET messages = 5", "number of the body's messages"),
        ("DELETE FROM bodies", "body is not in the index"),
    ];
    for (sql, expect) in breaks {
        index.execute_batch(sql).unwrap();
        let found = problems(CheckDepth::Index);
        assert!(found.contains(expect), "{sql}: {found}");
    }
}

#[test]
fn leftovers_are_swept_when_they_are_old() {
    let world = World::new();
    let account = world.account();
    account.append(&name("INBOX"), vec![message("0")]).unwrap();
    let bodies = world.folder.path().join("andrea@ucatolica.edu.co/bodies");
    std::fs::write(bodies.join("00000000deadbeef"), b"left over").unwrap();
    assert_eq!(account.check(CheckDepth::Index).unwrap().leftovers.len(), 1);
    assert_eq!(account.sweep(std::time::Duration::from_secs(3_600)).unwrap(), 0);
    assert_eq!(account.sweep(std::time::Duration::ZERO).unwrap(), 1);
    assert_eq!(world.body_files(), 1);
}

// RFC 7162 §3.2.5.1: old tombstones may be forgotten, and a session that lags
// behind them is told of every UID without a message.
#[test]
fn tombstones_are_bounded_and_a_session_far_behind_still_learns_what_went() {
    let world = World::new();
    let account = world.account();
    let inbox = account.mailbox(&name("INBOX")).unwrap();
    let many = usize::try_from(super::expunge::TOMBSTONES_MAX).unwrap();
    let first = account.append(&name("INBOX"), vec![message("stays")]).unwrap();
    for _ in 0..3 {
        let body = Body::Memory(Bytes::from_static(b"x"));
        let copy = Delivery {
            mailbox: name("INBOX"),
            headers: Vec::new(),
            flags: Flags::new(),
            token: None,
        };
        account.deliver(body, vec![copy; many / 2]).unwrap();
        let here = account.mailbox(&name("INBOX")).unwrap();
        let uids = UidSet::from_ranges([2..=here.uid_next - 1]);
        account.expunge(inbox.id, Which::Among(uids)).unwrap();
    }
    let kept: i64 = account
        .read(|index| Ok(index.query_row("SELECT count(*) FROM expunged", [], |row| row.get(0))?))
        .unwrap();
    assert!(kept <= super::expunge::TOMBSTONES_MAX, "{kept}");
    let here = account.mailbox(&name("INBOX")).unwrap();
    let changes = account.changes_since(inbox.id, first.modseq).unwrap();
    assert_eq!(changes.vanished, UidSet::from_ranges([2..=here.uid_next - 1]));
    assert_eq!(changes.modseq, here.highest_modseq);
    // A session that knows the last change is told of nothing.
    let changes = account.changes_since(inbox.id, here.highest_modseq).unwrap();
    assert!(changes.vanished.is_empty() && changes.rows.is_empty());
}

// Goal: an index of the version before is brought up to this one.
#[test]
fn an_index_of_version_1_is_opened() {
    let world = World::new();
    drop(world.account());
    let file = world.folder.path().join("carlos@ucatolica.edu.co/index.sqlite");
    let carlos = "carlos@ucatolica.edu.co".parse().unwrap();
    world.store.account(&carlos).unwrap().append(&name("INBOX"), vec![message("a")]).unwrap();
    let other = tempfile::tempdir().unwrap();
    let account = other.path().join("carlos@ucatolica.edu.co");
    std::fs::create_dir_all(account.join("bodies")).unwrap();
    world.store.account(&carlos).unwrap().rest();
    let old = rusqlite::Connection::open(&file).unwrap();
    old.execute_batch("ALTER TABLE mailboxes DROP COLUMN forgotten; PRAGMA user_version = 1;")
        .unwrap();
    drop(old);
    std::fs::copy(&file, account.join("index.sqlite")).unwrap();
    let host = {
        let _inside = world._runtime.enter();
        Host::machine(Room::Mail)
    };
    let store = Store::open(&host, other.path(), StoreOptions::default()).unwrap();
    let account = store.account(&carlos).unwrap();
    assert_eq!(account.mailbox(&name("INBOX")).unwrap().messages, 1);
    let inbox = account.mailbox(&name("INBOX")).unwrap().id;
    account.expunge(inbox, Which::Among(set(&[1]))).unwrap();
}
