//! Stock clients on our server.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::*;

/// Runs a program to its end without holding up the server.
async fn run(host: &Host, mut command: Command) -> String {
    let shown = format!("{command:?}");
    let output: Output =
        host.blocking(move || command.stdin(Stdio::null()).output().unwrap()).await;
    let (out, err) = (&output.stdout, &output.stderr);
    let said = format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    assert!(output.status.success(), "{shown}: {said}");
    said
}

const LETTER: &str = "From: Carlos <carlos@y.example>\nTo: andrea@x.example\nSubject: Hola\n\
    Message-ID: <1@y.example>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n\
    --b\nContent-Type: text/plain; charset=utf-8\n\nQue tal\n\
    --b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\nAAEC\n\
    --b--\n";

/// Python's imaplib, in one session: what each command returned is checked there.
#[test]
fn imaplib_reads_writes_searches_and_moves() {
    let Some(python) = capa7_peers::need("python3") else { return };
    on_this_machine(|host| async move {
        let office = Office::start(&host, loopback(), ServerTls::Never);
        (0..3).for_each(|_| office.deliver(LETTER));
        let script = r#"
import imaplib, sys, time
m = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]
try:
    m.login("andrea@x.example", "wrong"); raise SystemExit("a wrong password was taken")
except imaplib.IMAP4.error: pass
ok(m.login("andrea@x.example", "andrea"))
assert "UIDPLUS" in m.capabilities or "UIDPLUS" in m.capability()[1][0].decode()
assert ok(m.select("INBOX")) == [b"3"]
data = ok(m.fetch("1", "(BODY.PEEK[2] UID FLAGS RFC822.SIZE BODYSTRUCTURE)"))
assert data[0][1] == b"AAEC", data
assert ok(m.search(None, "UNSEEN", "SUBJECT", '"hola"')) == [b"1 2 3"]
whole = ok(m.fetch("1", "(RFC822)"))[0][1]
assert whole.startswith(b"From: Carlos") and whole.endswith(b"--b--\r\n")
assert ok(m.search(None, "SEEN")) == [b"1"]
ok(m.create("Entw&APw-rfe"))
ok(m.append("Entw&APw-rfe", "(\\Draft)", imaplib.Time2Internaldate(1e9), b"Subject: x\r\n\r\n" + \
    b"y" * 300000))
assert any(b"Entw&APw-rfe" in line for line in ok(m.list()))
ok(m.copy("2:3", "Entw&APw-rfe"))
assert m.response("COPYUID")[1] != [None]
ok(m.store("1", "+FLAGS", "(\\Deleted)"))
assert ok(m.expunge()) == [b"1"]
ok(m.uid("MOVE", "3", "Trash")) if "MOVE" in m.capabilities else None
assert ok(m.status("Entw&APw-rfe", "(MESSAGES UNSEEN)"))[0].endswith(b"(MESSAGES 3 UNSEEN 3)")
assert ok(m.select("Entw&APw-rfe")) == [b"3"]
assert len(ok(m.fetch("1", "(BODY.PEEK[TEXT])"))[0][1]) == 300000
assert b"9-Sep-2001 01:46:40 +0000" in ok(m.fetch("1", "(INTERNALDATE)"))[0]
ok(m.close())
m.logout()
print("done")
"#;
        let mut command = Command::new(&python);
        command.args(["-c", script, &office.port().to_string()]);
        assert!(run(&host, command).await.ends_with("done\n"));
    });
}

#[test]
fn curl_lists_fetches_and_appends() {
    let Some(curl) = capa7_peers::need("curl") else { return };
    on_this_machine(|host| async move {
        let office = Office::start(&host, loopback(), ServerTls::Never);
        office.deliver(LETTER);
        let file = office.folder.path().join("letter");
        fs::write(&file, LETTER.replace('\n', "\r\n")).unwrap();
        let ask = |path: &str, more: &[&str]| {
            let mut command = Command::new(&curl);
            command.args(["-sS", "--noproxy", "*", "--user", "andrea@x.example:andrea"]);
            command.arg(format!("imap://127.0.0.1:{}/{path}", office.port())).args(more);
            run(&host, command)
        };
        assert!(ask("", &[]).await.contains("* LIST (\\HasNoChildren) \"/\" INBOX"));
        assert_eq!(ask("INBOX;UID=1", &[]).await, LETTER.replace('\n', "\r\n"));
        assert_eq!(ask("INBOX;UID=1;SECTION=2", &[]).await, "AAEC");
        ask("INBOX", &["-T", file.to_str().unwrap()]).await;
        assert_eq!(ask("INBOX;UID=2", &[]).await, LETTER.replace('\n', "\r\n"));
        assert_eq!(ask("INBOX?SUBJECT%20hola", &[]).await, "* SEARCH 1 2\r\n");
    });
}

/// The messages of a Maildir, without the lines by which mbsync knows them,
/// each with its flags.
fn maildir(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for part in ["cur", "new"] {
        for entry in fs::read_dir(folder.join(part)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let flags = name.rsplit_once(":2,").map_or("", |(_, flags)| flags);
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().filter(|line| !line.starts_with("X-TUID:"));
            found.insert(lines.collect::<Vec<_>>().join("\n"), flags.to_owned());
        }
    }
    found
}

/// mbsync in both directions: new messages, flags and deletions of either side
/// reach the other.
#[test]
fn mbsync_keeps_a_maildir_equal() {
    let Some(mbsync) = capa7_peers::need("mbsync") else { return };
    on_this_machine(|host| async move {
        let office = Office::start(&host, loopback(), ServerTls::Never);
        for number in 0..20 {
            office.deliver(&format!("Subject: far {number}\n\nfrom the server {number}\n"));
        }
        let home = office.folder.path().join("home");
        let inbox = home.join("mail/INBOX");
        ["cur", "new", "tmp"].iter().for_each(|p| fs::create_dir_all(inbox.join(p)).unwrap());
        for number in 0..5 {
            let text = format!("Subject: near {number}\n\nfrom the Maildir {number}\n");
            fs::write(inbox.join(format!("cur/{number}.a.b:2,S")), text).unwrap();
        }
        let rc = format!(
            "IMAPAccount x\nHost 127.0.0.1\nPort {port}\nUser andrea@x.example\nPass andrea\n\
             SSLType None\nAuthMechs LOGIN\n\nIMAPStore far\nAccount x\n\n\
             MaildirStore near\nPath {0}/mail/\nInbox {0}/mail/INBOX\nSubFolders Verbatim\n\n\
             Channel c\nFar :far:\nNear :near:\nPatterns INBOX Sent\nCreate Both\n\
             Expunge Both\nSyncState *\n",
            home.display(),
            port = office.port()
        );
        fs::write(home.join("rc"), rc).unwrap();
        let sync = || {
            let mut command = Command::new(&mbsync);
            command.env("HOME", &home).arg("-c").arg(home.join("rc")).arg("c");
            run(&host, command)
        };
        sync().await;
        let near = maildir(&inbox);
        assert_eq!(near.len(), 25);
        let id = office.account.mailbox(&MailboxName::inbox()).unwrap().id;
        assert_eq!(office.account.uids(id).unwrap().len(), 25);
        // One is deleted there, one flagged here and one deleted here.
        use capa7_mail::store::{FlagChange, UnchangedSince, Which};
        use capa7_mail_proto::mailbox::{Flag, UidSet};
        let gone = UidSet::from_ranges([1..=1]);
        office.account.expunge(id, Which::Among(gone)).unwrap();
        let flagged = FlagChange::Add(Flags::from([Flag::system("\\Flagged")]));
        let second = UidSet::from_ranges([2..=2]);
        office.account.set_flags(id, &second, flagged, UnchangedSince::Whatever).unwrap();
        let mut files = fs::read_dir(inbox.join("cur")).unwrap().map(|e| e.unwrap().path());
        let near_4 = files.find(|path| fs::read_to_string(path).unwrap().contains("near 4"));
        fs::remove_file(near_4.unwrap()).unwrap();
        sync().await;
        let near = maildir(&inbox);
        assert_eq!(near.len(), 23);
        assert!(!near.keys().any(|text| text.contains("far 0") || text.contains("near 4")));
        let second = near.iter().find(|(text, _)| text.contains("far 1\n")).unwrap();
        assert!(second.1.contains('F'), "{second:?}");
        // Both sides hold the same texts.
        let mut far = Vec::new();
        for uid in office.account.uids(id).unwrap() {
            let text = office.account.open_message(id, uid).unwrap().read_all().unwrap();
            let text = String::from_utf8(text).unwrap().replace("\r\n", "\n");
            let lines = text.lines().filter(|line| !line.starts_with("X-TUID:"));
            far.push(lines.collect::<Vec<_>>().join("\n"));
        }
        far.sort();
        assert_eq!(far, near.into_keys().collect::<Vec<_>>());
        sync().await;
        assert_eq!(maildir(&inbox).len(), 23);
    });
}
