//! Mailboxes in files of other programs: Python's `mailbox`, mutt, Dovecot.

use std::process::Command;

use super::{Imap, MailServer, add_user, config, deliver};
use crate::program::{Folder, Said};

/// A folder with an account, without a server.
fn office() -> Folder {
    let folder = Folder::new();
    folder.write("mail.toml", config(capa7_peers::free_port(), capa7_peers::free_port(), ""));
    add_user(&folder, "andrea");
    folder
}

const BOX: &str = "\
From carlos@a.test Wed Nov 26 16:12:40 2025
Status: RO
X-Status: F
From: carlos@a.test
Subject: uno

hola
>From Bogota

From ana@a.test Thu Nov 27 08:00:00 2025
From: ana@a.test
Subject: dos

adios

";

// Goal: Python's mailbox module reads what we export, and we what it writes:
// messages, flags and dates, in both formats.
#[test]
fn python_reads_what_is_exported_and_the_other_way_round() {
    let Some(python) = capa7_peers::need("python3") else { return };
    let folder = office();
    folder.write("in.mbox", BOX);
    let said = folder.run(&["mail", "import", "andrea@a.test", "in.mbox"]).text();
    assert_eq!(said, "andrea@a.test: 2 messages imported, 0 were there already, 0 skipped\n");
    let words = ["mail", "import", "andrea@a.test", "--folder", "Año/2025", "in.mbox", "--json"];
    assert_eq!(folder.run(&words).json()["messages"], 2);
    let words = ["mail", "export", "andrea@a.test", "--format"];
    folder.run(&[&words[..], &["mbox", "files"]].concat()).text();
    folder.run(&[&words[..], &["maildir", "tree"]].concat()).text();
    folder.run(&[&words[..], &["mbox", "--folder", "INBOX", "one"]].concat()).text();
    let script = r#"
import mailbox, os, time
for name in ["one", "files/INBOX.mbox", "files/Año/2025.mbox"]:
    box = mailbox.mbox(name, create=False)
    assert [m["subject"] for m in box] == ["uno", "dos"], name
    assert [m.get_flags() for m in box] == ["ROF", "O"], [m.get_flags() for m in box]
    assert box[0].get_from() == "MAILER-DAEMON Wed Nov 26 16:12:40 2025", box[0].get_from()
    assert box[0].get_payload() == "hola\n>From Bogota\n", box[0].get_payload()
tree = mailbox.Maildir("tree", create=False)
assert sorted(tree.list_folders()) == sorted(
    ["Archive", "A&APE-o", "A&APE-o.2025", "Drafts", "Junk", "Sent", "Trash"]), tree.list_folders()
for box in [tree, tree.get_folder("A&APE-o.2025")]:
    found = sorted((m["subject"], m.get_flags(), m.get_subdir(), int(m.get_date())) for m in box)
    assert found == [("dos", "", "cur", 1764230400), ("uno", "FS", "cur", 1764173560)], found
    text = [m.get_payload() for m in box if m["subject"] == "uno"]
    assert text == ["hola\nFrom Bogota\n"], text
out = mailbox.mbox("python.mbox")
message = mailbox.mboxMessage("Subject: tres\n\nuno\nFrom dos\n\n\ntres\n")
message.set_flags("RAT"); message.set_from("x@y.test", time.gmtime(1600000000))
out.add(message); out.add("Subject: cuatro\n\nfin"); out.close()
out = mailbox.Maildir("pythondir")
message = mailbox.MaildirMessage("Subject: cinco\n\nfin\n")
message.set_subdir("cur"); message.set_flags("PRS"); message.set_date(1500000000)
out.add(message); out.add_folder("x.y").add("Subject: seis\n\n"); out.close()
print("done")
"#;
    let mut command = Command::new(python);
    command.args(["-c", script]).env("PYTHONUTF8", "1").current_dir(folder.path());
    let said = Said::by(&mut command);
    assert!(said.code == Some(0) && said.out == "done\n", "{said:?}");
    for (from, to) in [("python.mbox", "P"), ("pythondir", "D")] {
        folder.run(&["mail", "import", "andrea@a.test", from, "--folder", to]).text();
        folder.run(&["mail", "export", "andrea@a.test", "--folder", to, "--format", "mbox", to]);
    }
    folder.run(&["mail", "export", "andrea@a.test", "--folder", "D/x/y", "--format", "mbox", "Y"]);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let text = read("P");
    assert!(
        text.starts_with("From MAILER-DAEMON Sun Sep 13 12:26:40 2020\nStatus: RO\nX-Status: AT")
    );
    assert!(text.contains("uno\n>From dos\n\n\ntres\n\n"), "{text}");
    assert!(text.contains("Subject: cuatro\n\nfin\n\n"), "{text}");
    let text = read("D");
    assert!(
        text.starts_with(
            "From MAILER-DAEMON Fri Jul 14 02:40:00 2017\nStatus: RO\nX-Status: A\n\
             X-Keywords: $Forwarded\n"
        ),
        "{text}"
    );
    assert!(read("Y").contains("Subject: seis\n"));
    let check = folder.run(&["mail", "check", "--contents"]).text();
    assert!(check.starts_with("andrea@a.test: 8 messages, 8 bodies, 0 problems"), "{check}");
}

// Goal: mutt finds the flagged message of what we export, in either format.
#[test]
fn mutt_reads_what_is_exported() {
    let (Some(mutt), Some(tmux)) = (capa7_peers::need("mutt"), capa7_peers::need("tmux")) else {
        return;
    };
    let folder = office();
    folder.write("in.mbox", BOX);
    folder.run(&["mail", "import", "andrea@a.test", "in.mbox"]).text();
    let words = ["mail", "export", "andrea@a.test", "--folder", "INBOX", "--format"];
    folder.run(&[&words[..], &["mbox", "out"]].concat()).text();
    folder.run(&[&words[..], &["maildir", "dir"]].concat()).text();
    for from in ["out", "dir"] {
        let rc = format!(
            "set folder=.\nset wait_key=no\nset pipe_decode=no\n\
             push '<limit>~F<enter><pipe-message>cat>seen-{from}<enter><exit>'\n"
        );
        folder.write("rc", rc);
        let mutt = mutt.display();
        let home = folder.path().display();
        let line =
            format!("HOME={home} {mutt} -n -F rc -f {from}; tmux -S {from}.s wait-for -S end");
        // One socket for each: a tmux that ends would take the next one along.
        let socket = format!("{from}.s");
        let tmux = |words: &[&str]| {
            let mut command = Command::new("timeout");
            command.arg("120").arg(&tmux).args(["-S", &socket]).args(words);
            Said::by(command.current_dir(folder.path()).env_remove("TMUX"))
        };
        tmux(&["new-session", "-d", "-x", "100", "-y", "12", &line]).text();
        let ended = tmux(&["wait-for", "end"]);
        let screen = if ended.code == Some(0) { ended } else { tmux(&["capture-pane", "-p"]) };
        tmux(&["kill-server"]);
        let seen = std::fs::read_to_string(folder.path().join(format!("seen-{from}")));
        let seen = seen.unwrap_or_default();
        assert!(seen.contains("Subject: uno\n") && seen.contains("hola\n"), "{screen:?} {seen}");
        assert!(!seen.contains("dos"), "{seen}");
    }
}

// Goal: Dovecot sees folders, flags, keywords and dates of an exported Maildir,
// and what it writes there comes in.
#[test]
fn dovecot_reads_an_exported_maildir() {
    let (Some(dovecot), Some(_)) = (capa7_peers::need("dovecot"), capa7_peers::need("doveconf"))
    else {
        return;
    };
    let folder = office();
    folder.write("in.mbox", BOX.replace("X-Status: F", "X-Status: F\nX-Keywords: Work $Forwarded"));
    let words = ["mail", "import", "andrea@a.test", "in.mbox", "--folder", "Año/a.b"];
    folder.run(&words).text();
    folder.run(&["mail", "export", "andrea@a.test", "tree"]).text();
    let doveadm = dovecot.with_file_name("doveadm");
    let doveadm = if doveadm.exists() { doveadm } else { "/usr/bin/doveadm".into() };
    let id = |flag: &str| Said::by(Command::new("id").arg(flag)).text().trim().to_owned();
    let is_root = id("-u") == "0";
    // Dovecot refuses to read mail as root.
    let (user, group) =
        if is_root { ("65534".to_owned(), "65534".to_owned()) } else { (id("-u"), id("-g")) };
    let path = folder.path().display();
    let text = format!(
        "base_dir = {path}/run\nmail_location = maildir:{path}/tree\nlog_path = {path}/log\n\
         mail_home = {path}/tree\nmail_uid = {user}\nmail_gid = {group}\nfirst_valid_uid = 1\n\
         first_valid_gid = 1\nssl = no\nprotocols =\nstats_writer_socket_path =\n\
         namespace inbox {{\n  inbox = yes\n  separator = /\n}}\n"
    );
    folder.write("dovecot.conf", text);
    if is_root {
        Said::by(Command::new("chmod").arg("755").arg(folder.path())).text();
        Said::by(
            Command::new("chown").args(["-R", "65534:65534", "tree"]).current_dir(folder.path()),
        )
        .text();
    }
    let ask = |words: &[&str]| {
        let mut command = Command::new(&doveadm);
        command.arg("-c").arg("dovecot.conf").args(words).current_dir(folder.path());
        let said =
            Said::by(command.env("HOME", folder.path()).env("USER", "nobody").env("TZ", "UTC"));
        assert_eq!(said.code, Some(0), "{words:?} {said:?}");
        said.out
    };
    let list = ask(&["mailbox", "list"]);
    let there: Vec<&str> = list.lines().collect();
    for name in ["INBOX", "Sent", "Año", "Año/a\\2eb"] {
        assert!(there.contains(&name), "{name} in {list}");
    }
    let fields = "flags date.received hdr.subject body";
    let said = ask(&["fetch", fields, "mailbox", "Año/a\\2eb", "subject", "uno"]);
    for line in ["\\Flagged \\Seen ", "Work", "$Forwarded", "2025-11-26 16:12:40", "From Bogota"] {
        assert!(said.contains(line), "{line} in {said}");
    }
    ask(&["flags", "add", "\\Answered Later", "mailbox", "Año/a\\2eb", "subject", "dos"]);
    let back = ["mail", "import", "andrea@a.test", "tree", "--folder", "Back"];
    assert!(folder.run(&back).text().contains(": 2 messages imported"));
    let words = ["--folder", "Back/Año/a.b", "--format", "mbox", "back"];
    folder.run(&[&["mail", "export", "andrea@a.test"], &words[..]].concat()).text();
    let text = std::fs::read_to_string(folder.path().join("back")).unwrap();
    assert!(text.contains("X-Status: A\nX-Keywords: Later\n"), "{text}");
    assert!(text.contains("X-Status: F\nX-Keywords: $Forwarded Work\n"), "{text}");
}

// Goal: a server may run meanwhile, and a session that waits sees what comes
// (RFC 2177).
#[test]
fn an_import_beside_a_running_server_is_seen_at_once() {
    let server = MailServer::start();
    let mut idle = Imap::log_in(server.imap, "andrea");
    idle.say("a SELECT INBOX", "a OK");
    idle.say("b IDLE", "+ ");
    server.folder.write("in.mbox", BOX);
    server.folder.run(&["mail", "import", "andrea@a.test", "in.mbox"]).text();
    idle.wait_for("* 2 EXISTS");
    deliver(server.smtp, "andrea@a.test", "beside");
    idle.wait_for("* 3 EXISTS");
    server.folder.run(&["mail", "export", "andrea@a.test", "tree"]).text();
    let files = std::fs::read_dir(server.folder.path().join("tree/cur")).unwrap();
    assert_eq!(files.count(), 3);
    let check = server.folder.run(&["mail", "check", "--contents"]).text();
    assert!(check.contains("andrea@a.test: 3 messages, 3 bodies, 0 problems"), "{check}");
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_place() {
    let folder = office();
    let refused = |words: &[&str], code: i32, expected: &[&str]| {
        let said = folder.run(&[&["mail"], words].concat());
        assert_eq!(said.code, Some(code), "{words:?} {said:?}");
        for text in expected {
            assert!(said.err.contains(text), "{text} in {said:?}");
        }
    };
    folder.write("text", "\nhello\n");
    let import = ["import", "andrea@a.test"];
    refused(&[&import[..], &["text"]].concat(), 2, &["text: byte 1 should begin"]);
    refused(&[&import[..], &["nowhere"]].concat(), 2, &["nowhere: No such file"]);
    refused(&[&import[..], &["."]].concat(), 2, &["no mail here"]);
    refused(&["import", "ana@a.test", "text"], 2, &["no account ana@a.test"]);
    refused(&[&import[..], &["text", "--folder", "a//b"]].concat(), 2, &["a level is empty"]);
    folder.write("zero", BOX.replace("hola", "ho\0la"));
    refused(&[&import[..], &["zero"]].concat(), 1, &["zero, byte 0: the message holds a NUL"]);
    let export = ["export", "andrea@a.test", "--folder"];
    refused(&[&export[..], &["None", "x"]].concat(), 2, &["no such mailbox"]);
    refused(
        &[&export[..], &["INBOX", "--format", "mbox", "text"]].concat(),
        2,
        &["is there already"],
    );
}
