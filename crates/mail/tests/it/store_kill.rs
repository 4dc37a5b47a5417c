//! A store whose process is killed at any moment.
//!
//! This program starts itself again as the victim, which tells on its standard
//! output what it begins and what was answered:
//!
//! ```text
//!   begin 4-0-17 · done 4-0-17 uid modseq · remove 4-0-12 · removed 4-0-12
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use capa7_dissect::Room;
use capa7_mail::store::{
    Account, Body, CheckDepth, Delivery, DeliveryToken, FlagChange, Store, StoreOptions,
    UnchangedSince, Which,
};
use capa7_mail_proto::mailbox::{Flag, Flags, MailboxName, Uid, UidSet};
use capa7_net::Host;
use rand::Rng as _;

/// Deaths in the test.
const KILLS: usize = 60;
/// Writers at once.
const WRITERS: usize = 4;
/// Lines that a victim tells at most before it dies.
const LINES_MAX: usize = 80;
/// Where the victim works; without it the test is no victim.
const FOLDER: &str = "CAPA7_STORE_KILL_FOLDER";
const ROUND: &str = "CAPA7_STORE_KILL_ROUND";

/// What was told of one message.
#[derive(Debug, Default)]
struct Told {
    uid: Option<u32>,
    is_removing: bool,
    is_removed: bool,
}

#[test]
fn what_was_answered_survives_sixty_kills() {
    if std::env::var_os(FOLDER).is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let host = {
        let _inside = runtime.enter();
        Host::machine(Room::Mail)
    };
    let mut rng = host.rng();
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    let (mut uid_highest, mut modseq_highest, mut uid_validity) = (0, 0, None);
    for round in 0..KILLS {
        let lines = kill_after(folder.path(), round, rng.random_range(1..LINES_MAX));
        let uid_before = uid_highest;
        for line in &lines {
            let words: Vec<&str> = line.split(' ').collect();
            let entry = told.entry(words[1].to_owned()).or_default();
            match words[0] {
                "begin" => {}
                "done" => {
                    let (uid, modseq): (u32, u64) =
                        (words[2].parse().unwrap(), words[3].parse().unwrap());
                    // RFC 9051 §2.3.1.1: never used again, always larger.
                    assert!(uid > uid_before, "round {round}: {line} after {uid_before}");
                    uid_highest = uid_highest.max(uid);
                    modseq_highest = modseq_highest.max(modseq);
                    entry.uid = Some(uid);
                }
                "remove" => entry.is_removing = true,
                "removed" => entry.is_removed = true,
                other => panic!("what is {other}?"),
            }
        }
        let store = Store::open(&host, folder.path(), StoreOptions::default()).unwrap();
        let account = account(&store);
        let inbox = account.mailbox(&MailboxName::inbox()).unwrap();
        assert_eq!(*uid_validity.get_or_insert(inbox.uid_validity), inbox.uid_validity);
        // RFC 7162 §3.1: what was told is not taken back.
        assert!(inbox.highest_modseq.0 >= modseq_highest && inbox.uid_next > uid_highest);
        uid_highest = inbox.uid_next - 1;
        modseq_highest = inbox.highest_modseq.0;
        compare(&account, &told, round);
        // A sender that got no answer sends again, with the same token.
        for (text, told) in &mut told {
            if told.uid.is_none() {
                let uid = deliver(&account, text).0;
                told.uid = Some(uid);
                uid_highest = uid_highest.max(uid);
            }
        }
        compare(&account, &told, round);
        let report = account.check(CheckDepth::Contents).unwrap();
        assert_eq!(report.problems, [], "round {round}");
        account.sweep(std::time::Duration::ZERO).unwrap();
    }
    assert!(told.len() > KILLS, "the victims did something: {}", told.len());
}

/// What is there is what was told: each once, with its own UID, and nothing
/// else.
fn compare(account: &Account, told: &BTreeMap<String, Told>, round: usize) {
    let inbox = account.mailbox(&MailboxName::inbox()).unwrap().id;
    let mut found: BTreeMap<String, Uid> = BTreeMap::new();
    for uid in account.uids(inbox).unwrap() {
        let text = account.open_message(inbox, uid).unwrap().read_all().unwrap();
        let text = String::from_utf8(text).unwrap();
        let text = text.trim_end_matches('.').to_owned();
        assert!(told.contains_key(&text), "round {round}: {text} was never sent");
        let twice = found.insert(text.clone(), uid);
        assert_eq!(twice, None, "round {round}: {text} is there twice");
    }
    for (text, told) in told {
        let there = found.get(text).map(|uid| uid.get());
        match told {
            Told { is_removed: true, .. } => assert_eq!(there, None, "round {round}: {text}"),
            Told { uid: Some(uid), is_removing: false, .. } => {
                assert_eq!(there, Some(*uid), "round {round}: {text}");
            }
            _ => {}
        }
    }
}

/// Starts a victim, kills it when it has told `count` lines, and returns all
/// that it told.
fn kill_after(folder: &Path, round: usize, count: usize) -> Vec<String> {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store_kill::many_writers_leave_a_sound_store", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(victim.stdout.take().unwrap());
    let mut lines = Vec::new();
    let mut is_alive = true;
    loop {
        let mut line = String::new();
        // A line that was cut by the death was not told.
        if out.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
            break;
        }
        let known = ["begin ", "done ", "remove ", "removed "];
        if known.iter().any(|word| line.starts_with(word)) {
            lines.push(line.trim_end().to_owned());
        }
        if is_alive && lines.len() >= count {
            victim.kill().unwrap();
            is_alive = false;
        }
    }
    assert!(!victim.wait().unwrap().success() && !is_alive, "it died before it was killed");
    lines
}

#[test]
fn many_writers_leave_a_sound_store() {
    // Also the victim of the test above, which never gets to the end.
    let folder = std::env::var_os(FOLDER).map(PathBuf::from);
    // Who is killed removes nothing: a victim makes no folder of its own.
    let own = folder.is_none().then(|| tempfile::tempdir().unwrap());
    let round: usize = std::env::var(ROUND).map_or(0, |round| round.parse().unwrap());
    let count = if folder.is_some() { usize::MAX } else { 20 };
    let own = own.as_ref().map(|own| own.path().to_owned());
    let folder = folder.or(own).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let left = runtime.block_on(async {
        let host = Host::machine(Room::Mail);
        let store = Store::open(&host, &folder, StoreOptions::default()).unwrap();
        let account = account(&store);
        let tasks: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let account = Arc::clone(&account);
                let host = host.clone();
                host.clone().spawn("writer", async move {
                    host.blocking(move || write(&account, round, writer, count)).await
                })
            })
            .collect();
        let mut left = 0;
        for task in tasks {
            left += task.await.unwrap();
        }
        let inbox = account.mailbox(&MailboxName::inbox()).unwrap();
        assert_eq!(inbox.messages, left);
        assert_eq!(account.check(CheckDepth::Contents).unwrap().problems, []);
        left
    });
    assert_eq!(left, WRITERS as u64 * 15);
}

/// Delivers, flags and expunges; every fourth message goes again.
fn write(account: &Account, round: usize, writer: usize, count: usize) -> u64 {
    let inbox = account.mailbox(&MailboxName::inbox()).unwrap().id;
    let flagged: Flags = BTreeSet::from([Flag::system("\\Flagged")]);
    let mut left = 0;
    for number in 0..count {
        let text = format!("{round}-{writer}-{number}");
        tell(&format!("begin {text}"));
        let (uid, modseq) = deliver(account, &text);
        tell(&format!("done {text} {uid} {modseq}"));
        let uids = UidSet::from_iter(Uid::new(uid));
        let change = FlagChange::Add(flagged.clone());
        let done = account.set_flags(inbox, &uids, change, UnchangedSince::Whatever).unwrap();
        assert_eq!(done.rows.len(), 1);
        left += 1;
        if number % 4 == 3 {
            tell(&format!("remove {text}"));
            account.expunge(inbox, Which::Among(uids)).unwrap();
            tell(&format!("removed {text}"));
            left -= 1;
        }
    }
    left
}

fn tell(line: &str) {
    if std::env::var_os(FOLDER).is_some() {
        std::io::stdout().lock().write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

fn account(store: &Store) -> Arc<Account> {
    store.account(&"andrea@ucatolica.edu.co".parse().unwrap()).unwrap()
}

/// A message of 4 KB that begins with `text`, told by it too.
fn deliver(account: &Account, text: &str) -> (u32, u64) {
    let body = Body::Memory(Bytes::from(format!("{text:.<4096}")));
    let delivery = Delivery {
        mailbox: MailboxName::inbox(),
        headers: Vec::new(),
        flags: Flags::new(),
        token: Some(DeliveryToken(text.to_owned())),
    };
    let done = account.deliver(body, vec![delivery]).unwrap().remove(0);
    (done.uids[0].get(), done.modseq.0)
}
