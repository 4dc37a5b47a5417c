//! What makes a server: accounts, configuration, records, and their reload.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::Command;

use super::{MailServer, add_user, config, dial, expect, with_input};
use crate::program::{Folder, Said};

#[test]
fn accounts_are_made_listed_and_changed() {
    let folder = Folder::new();
    folder.write("mail.toml", config(capa7_peers::free_port(), capa7_peers::free_port(), ""));
    add_user(&folder, "andrea");
    let words = ["mail", "user", "add", "carlos@a.test", "--alias", "c.diaz@a.test"];
    assert_eq!(with_input(&mut folder.capa7(&words), "x\n").code, Some(0));
    let list = folder.run(&["mail", "user", "list"]).text();
    assert_eq!(list, "andrea@a.test\ncarlos@a.test  c.diaz@a.test\n");
    let document = folder.run(&["mail", "user", "list", "--json"]).json();
    assert_eq!(document["accounts"][1]["aliases"][0], "c.diaz@a.test");
    let users = std::fs::read_to_string(folder.path().join("users.toml")).unwrap();
    assert!(users.contains("$argon2id$") && users.contains("SCRAM-SHA-256$"), "{users}");
    assert!(!users.contains("secreto"), "{users}");
    let change = with_input(&mut folder.capa7(&["mail", "user", "passwd", "andrea@a.test"]), "y\n");
    assert_eq!(change.code, Some(0), "{change:?}");
    assert_ne!(std::fs::read_to_string(folder.path().join("users.toml")).unwrap(), users);
    // What is refused, and leaves the file as it was.
    for (words, input, expected) in [
        (&["mail", "user", "add", "andrea@a.test"][..], "x\n", "andrea@a.test leads to"),
        (&["mail", "user", "add", "ana@b.test"], "x\n", "no domain of this server"),
        (&["mail", "user", "add", "ana@a.test"], "", "no password"),
        (&["mail", "user", "add", "ana@a.test"], "\n", "a password has"),
        (&["mail", "user", "add", "../ana@a.test"], "x\n", "cannot be an account"),
        (&["mail", "user", "passwd", "ana@a.test"], "x\n", "no account ana@a.test"),
    ] {
        let said = with_input(&mut folder.capa7(words), input);
        assert_eq!(said.code, Some(2), "{words:?}: {said:?}");
        assert!(said.err.contains(expected), "{words:?}: {said:?}");
    }
    assert_eq!(folder.run(&["mail", "user", "list"]).text(), list);
}

#[test]
fn what_does_not_let_a_server_start_is_told_with_what_to_do() {
    let folder = Folder::new();
    let (smtp, submission) = (capa7_peers::free_port(), capa7_peers::free_port());
    let refused = |words: &[&str], expected: &[&str]| {
        let said = folder.run(words);
        assert_eq!(said.code, Some(2), "{words:?}: {said:?}");
        for text in expected {
            assert!(said.err.contains(text), "{text} in {said:?}");
        }
    };
    let serve = ["mail", "serve", "--config", "mail.toml"];
    refused(&serve, &["mail.toml: No such file", "check its name"]);
    folder.write("mail.toml", config(smtp, submission, "colour = \"red\""));
    refused(&serve, &["mail.toml:7:1: ", "colour"]);
    refused(&["config", "check", "mail.toml"], &["mail.toml:7:1: "]);
    folder.write("mail.toml", config(smtp, submission, ""));
    folder.write("users.toml", "[account.\"andrea@a.test\"]\npassword = \"secret\"\n");
    refused(&serve, &["users.toml:2:12: ", "capa7 mail user passwd"]);
    std::fs::remove_file(folder.path().join("users.toml")).unwrap();
    let tls = "[tls]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"";
    folder.write("mail.toml", config(smtp, submission, tls));
    refused(&serve, &["chain.pem: No such file"]);
    folder.write("chain.pem", "nothing");
    refused(&serve, &["key.pem: No such file"]);
    folder.write("key.pem", "nothing");
    refused(&serve, &["chain.pem: no certificate in it"]);
    folder.write("mail.toml", config(smtp, submission, "user = \"no-such-user\""));
    refused(&serve, &["no user \"no-such-user\"", "create it"]);
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = other.local_addr().unwrap().port();
    folder.write("mail.toml", config(busy, submission, ""));
    refused(&serve, &[&format!("port {busy} is in use"), "stop that one"]);
    let open = "[webmail]\nat = \"0.0.0.0:8080\"";
    folder.write("mail.toml", config(smtp, submission, "") + open);
    refused(&serve, &["mail.toml:", "needs a certificate", "127.0.0.1"]);
    folder.write("mail.toml", config(smtp, submission, ""));
    folder.write("data", "a file where a folder should be");
    refused(&serve, &["cannot work in data"]);
    refused(&["mail", "queue"], &["data"]);
    std::fs::remove_file(folder.path().join("data")).unwrap();
    refused(&["mail", "queue"], &["no server runs with mail.toml", "capa7 mail serve --config"]);
}

#[test]
fn the_example_of_a_configuration_is_in_order() {
    let folder = Folder::new();
    let text = folder.run(&["config", "example"]).text();
    folder.write("mail.toml", text.replace("/etc/capa7/", "").replace("/var/lib/", ""));
    let said = folder.run(&["config", "check", "mail.toml"]);
    assert!(said.err.contains("fullchain.pem: No such file"), "{said:?}");
}

// RFC 6186, RFC 7208: what the domain's zone is to say.
#[test]
fn a_server_writes_its_records_and_a_name_server_takes_them() {
    let server = MailServer::start();
    let records = server.folder.path().join("zones/a.test.records");
    let text = std::fs::read_to_string(records).unwrap();
    let submission = server.submission;
    for line in [
        "a.test. 3600 IN MX 10 mail.a.test.",
        "autoconfig.a.test. 3600 IN CNAME mail.a.test.",
        "a.test. 3600 IN TXT \"v=spf1 mx -all\"",
        "mail.a.test. 3600 IN A 127.0.0.1",
        &format!("_submission._tcp.a.test. 3600 IN SRV 10 1 {submission} mail.a.test."),
        &format!("_imap._tcp.a.test. 3600 IN SRV 10 1 {} mail.a.test.", server.imap),
        "_imaps._tcp.a.test. 3600 IN SRV 0 0 0 .",
        &format!("_pop3._tcp.a.test. 3600 IN SRV 30 1 {} mail.a.test.", server.pop3),
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "{line} in {text}");
    }
    let zone = "$ORIGIN a.test.\n@ 3600 IN SOA ns1 admin 1 7200 3600 1209600 300\n\
                @ 3600 IN NS ns1\nns1 3600 IN A 127.0.0.1\n$INCLUDE zones/a.test.records\n";
    server.folder.write("a.zone", zone);
    // One name server is enough for a test, which is the one warning.
    let check = server.folder.run(&["dns", "check", "a.zone"]).text();
    assert!(check.contains("zone a.test. has ") && check.contains(", 1 warnings"), "{check}");
}

#[test]
fn a_mail_program_finds_its_settings_by_http() {
    let Some(curl) = capa7_peers::need("curl") else { return };
    let server = MailServer::start();
    let get = |path: &str, host: &str| {
        let url = format!("http://127.0.0.1:{}{path}", server.http);
        let head = format!("Host: {host}");
        Said::by(Command::new(&curl).args(["-sS", "-f", "-H", &head, &url]))
    };
    let text = get("/mail/config-v1.1.xml?emailaddress=x", "autoconfig.a.test").text();
    let port = format!("<port>{}</port>", server.imap);
    assert!(text.contains("<domain>a.test</domain>") && text.contains(&port), "{text}");
    assert_eq!(get("/.well-known/autoconfig/mail/config-v1.1.xml", "a.test").text(), text);
    assert_eq!(get("/", "a.test").code, Some(22), "nothing else is there");
}

#[test]
fn a_reload_takes_new_users_and_keeps_the_old_ones_on_an_error() {
    let mut server = MailServer::start();
    let try_recipient = |code: &str| {
        let (mut reader, mut writer) = dial(server.smtp);
        expect(&mut reader, "220");
        writer.write_all(b"HELO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<ana@a.test>\r\n").unwrap();
        expect(&mut reader, "250");
        expect(&mut reader, "250");
        expect(&mut reader, code);
    };
    try_recipient("550");
    add_user(&server.folder, "ana");
    server.running.signal("HUP");
    server.running.wait_for("3 accounts loaded again");
    try_recipient("250");
    server.folder.write("users.toml", "[account.\"x\"]\npassword = \"\"\n");
    server.running.signal("HUP");
    let said = server.running.wait_for("all stays as it was");
    assert!(said.contains("users.toml:1:10"), "{said}");
    try_recipient("250");
    server.folder.write("users.toml", "");
    let other = config(capa7_peers::free_port(), server.submission, "");
    server.folder.write("mail.toml", other);
    server.running.signal("HUP");
    server.running.wait_for("changed, but not before a restart: listen");
    try_recipient("550");
}
