//! User agents that are told a name, or nothing but an address of mail.

use std::process::Command;

use super::{add_user, certify, config, serve, with_input};
use crate::program::{Folder, Running, Said, Server};

/// A mail server with a certificate for `mail.a.test`, whose records a name
/// server of ours has: all that a user must know is the own address.
struct Site {
    folder: Folder,
    resolver: String,
    submission: u16,
    imap: u16,
    _running: (Running, Server),
}

/// Beside the generated records: an address where nobody listens comes first
/// (IPv6), and names that lead nowhere.
const MORE: &str = "mail 3600 IN AAAA ::1\nalias 3600 IN CNAME mail\nbare 3600 IN TXT \"x\"\n";

/// A domain whose records lead to the host of another one, and one that says
/// that it offers nothing.
const OTHERS: [(&str, &str); 2] = [
    ("b.test", "_imaps._tcp 60 IN SRV 0 1 993 mail.a.test.\n"),
    ("c.test", "_imaps._tcp 60 IN SRV 0 0 0 .\n_imap._tcp 60 IN SRV 0 0 0 .\n"),
];

fn zone(domain: &str, more: &str) -> String {
    format!(
        "$ORIGIN {domain}.\n@ 3600 IN SOA ns1 admin 1 7200 3600 1209600 300\n\
         @ 3600 IN NS ns1\nns1 3600 IN A 127.0.0.1\n{more}"
    )
}

impl Site {
    fn start() -> Option<Self> {
        let openssl = capa7_peers::need("openssl")?;
        let folder = Folder::new();
        certify(&openssl, &folder);
        let [smtp, submission, imap, imaps] = [(); 4].map(|()| capa7_peers::free_port());
        let tls = "[tls]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"";
        let readers = format!(
            "[[listen]]\nat = \"127.0.0.1:{imap}\"\nservice = \"imap\"\n\
             [[listen]]\nat = \"127.0.0.1:{imaps}\"\nservice = \"imap\"\ntls = \"implicit\"\n"
        );
        folder.write("mail.toml", config(smtp, submission, tls) + &readers);
        add_user(&folder, "carlos");
        let running = serve(&folder);
        folder.write("a.zone", zone("a.test", &format!("$INCLUDE zones/a.test.records\n{MORE}")));
        for (domain, records) in OTHERS {
            folder.write(&format!("{domain}.zone"), zone(domain, records));
        }
        let names = Server::start(&folder, &["a.zone", "b.test.zone", "c.test.zone"], &[]);
        let resolver = names.at.to_string();
        Some(Self { folder, resolver, submission, imap, _running: (running, names) })
    }

    /// What a user agent says that asks our name server.
    fn agent(&self, words: &[&str]) -> Said {
        let more = ["--resolver", &self.resolver, "--tls-roots", "chain.pem"];
        with_input(self.folder.capa7(words).args(more), "secreto-carlos\n")
    }

    fn fetch(&self, user: &str, words: &[&str]) -> Said {
        self.agent(&[&["mail", "fetch", "--user", user], words].concat())
    }
}

const CARLOS: &str = "carlos@a.test";

// RFC 6186 §3, RFC 8314 §5.1: the domain's records lead to port, host and TLS;
// the certificate is the host's.
#[test]
fn an_address_of_mail_is_enough_to_send_and_to_read() {
    let Some(site) = Site::start() else { return };
    let words = ["mail", "send", "--user", CARLOS, "--from", CARLOS, "--to", CARLOS];
    let said = site.agent(&[&words[..], &["--subject", "found"]].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let said = site.fetch(CARLOS, &["--subject", "found", "--wait", "120"]);
    assert!(said.text().contains("found"));
    // The kind of TLS that a person wants is looked for.
    let said = site.fetch(CARLOS, &["--tls", "starttls", "--folders"]);
    assert!(said.text().contains("INBOX"));
    let said = site.fetch(CARLOS, &["--pop3"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("a.test offers no POP3"), "{said:?}");
}

// Both families are asked for, and where nobody answers the next one is tried;
// a name is also who the server must be.
#[test]
fn a_server_is_named_and_must_have_that_name() {
    let Some(site) = Site::start() else { return };
    let at = |name: &str, port: u16| format!("{name}:{port}");
    let words = ["mail", "send", "--user", CARLOS, "--from", CARLOS, "--to", CARLOS, "--server"];
    let said = site.agent(&[&words[..], &[&at("mail.a.test", site.submission)]].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let named = at("MAIL.a.test", site.imap);
    assert_eq!(site.fetch(CARLOS, &["--server", &named, "--wait", "120"]).code, Some(0));
    let alias = at("alias.a.test", site.imap);
    let said = site.fetch(CARLOS, &["--server", &alias]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("127.0.0.1") && said.err.contains("TLS"), "{said:?}");
    let said = site.fetch(CARLOS, &["--server", &alias, "--tls-name", "mail.a.test"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let local = at("localhost", site.imap);
    let said = site.fetch(CARLOS, &["--server", &local, "--tls-name", "mail.a.test"]);
    assert_eq!(said.code, Some(0), "{said:?}");
}

// RFC 6186 §3.4, §6: what is not offered, and records that anybody can forge.
#[test]
fn a_server_that_is_not_found_is_told_with_what_to_do() {
    let Some(site) = Site::start() else { return };
    let closed = format!("mail.a.test:{}", capa7_peers::free_port());
    for (user, words, expected) in [
        (CARLOS, &["--server", "nosuch.a.test"][..], &["no name nosuch.a.test", "spelled"][..]),
        (CARLOS, &["--server", "bare.a.test"], &["bare.a.test has no address"]),
        (CARLOS, &["--server", &closed], &["nobody answers", "[::1]:", "127.0.0.1:", "port"]),
        (CARLOS, &["--server", "http://a.test/"], &["mail.example.org:587"]),
        (CARLOS, &["--server", "elsewhere.test"], &["cannot look up", "REFUSED", "resolver"]),
        ("carlos", &[], &["has no domain", "--server"]),
        ("carlos@b.test", &[], &["b.test names mail.a.test", "--server"]),
        ("carlos@c.test", &[], &["c.test offers no IMAP", "--server"]),
        ("carlos@mail.a.test", &[], &["does not say where", "--server"]),
        ("carlos@a..test", &[], &["--server"]),
    ] {
        let said = site.fetch(user, words);
        assert_eq!(said.code, Some(2), "{user} {words:?}: {said:?}");
        for text in expected {
            assert!(said.err.contains(text), "{text} for {user} {words:?}: {said:?}");
        }
    }
    // Nobody answers at the resolver: port 9 of this machine is closed.
    let words = ["mail", "fetch", "--user", CARLOS, "--resolver", "127.0.0.1:9"];
    let said = with_input(&mut site.folder.capa7(&words), "x\n");
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("127.0.0.1:9") && said.err.contains("another resolver"), "{said:?}");
    // An address needs no resolver.
    let at = format!("127.0.0.1:{}", site.imap);
    let words = ["mail", "fetch", "--user", CARLOS, "--resolver", "127.0.0.1:9", "--server", &at];
    let mut command: Command = site.folder.capa7(&words);
    command.args(["--tls-roots", "chain.pem", "--tls-name", "mail.a.test"]);
    assert_eq!(with_input(&mut command, "secreto-carlos\n").code, Some(0));
}

// Course M1: as a host of a lab, a person names a server of the lab.
#[test]
fn in_a_lab_servers_are_found_by_name() {
    let Some(lab) = crate::sealed::Lab::start() else { return };
    let exec = |host: &str, words: &[&str], password: &str| {
        let mut words = words.to_vec();
        words.insert(0, env!("CARGO_BIN_EXE_capa7"));
        with_input(&mut lab.exec(Some(host), &words), &format!("{password}\n"))
    };
    let (from, to) = ("andrea@umass.edu", "carlos@urosario.edu.co");
    let send = ["mail", "send", "--user", from, "--from", from, "--to", to, "--text", "hola"];
    let said = exec("andrea", &[&send[..], &["--server", "mail.umass.edu"]].concat(), "andrea");
    assert_eq!(said.code, Some(0), "{said:?}");
    let said = exec("andrea", &[&send[..], &["--subject", "by-records"]].concat(), "andrea");
    assert_eq!(said.code, Some(0), "{said:?}");
    let fetch = ["mail", "fetch", "--user", to, "--subject", "by-records", "--wait", "120"];
    let said = exec("carlos", &fetch, "carlos");
    assert!(said.text().contains("by-records"));
    let pop3 = ["mail", "fetch", "--user", to, "--subject", "by-records", "--pop3"];
    assert!(exec("carlos", &pop3, "carlos").text().contains("by-records"));
}
