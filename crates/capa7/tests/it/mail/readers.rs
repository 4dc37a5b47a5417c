//! Those who read mail by POP3 and in a browser, with stock clients.

use std::process::Command;

use super::{MailServer, add_user, certify, config, deliver, serve};
use crate::program::{Folder, Said};

// RFC 1939: what was delivered is listed, read, read in part, and goes at QUIT.
#[test]
fn what_was_delivered_is_taken_away_by_poplib_and_curl() {
    let (Some(python), Some(curl)) = (capa7_peers::need("python3"), capa7_peers::need("curl"))
    else {
        return;
    };
    let mut server = MailServer::start();
    for text in ["one-letter", "another-letter"] {
        deliver(server.smtp, "carlos@a.test", text);
        server.delivered(text);
    }
    let pop3 = server.pop3;
    let user = ["-sS", "--user", "carlos@a.test:secreto-carlos"];
    let url = |path: &str| format!("pop3://127.0.0.1:{pop3}/{path}");
    let text = Said::by(Command::new(&curl).args(user).arg(url("1"))).text();
    assert!(text.contains("Subject: one-letter\r\n") && text.ends_with("one-letter\r\n"), "{text}");
    let wrong = ["-sS", "--user", "carlos@a.test:falso"];
    assert_eq!(Said::by(Command::new(&curl).args(wrong).arg(url(""))).code, Some(67));
    let script = format!(
        "import poplib\n\
         def box():\n\
         \x20   box = poplib.POP3('127.0.0.1', {pop3})\n\
         \x20   box.user('carlos@a.test')\n\
         \x20   box.pass_('secreto-carlos')\n\
         \x20   return box\n\
         first = box()\n\
         print(first.stat()[0], len(set(first.uidl()[1])), first.top(2, 0)[1][-1])\n\
         try:\n\
         \x20   box()\n\
         except poplib.error_proto as refusal:\n\
         \x20   print('IN-USE' in str(refusal))\n\
         print(first.dele(1)[:3], first.quit()[:3])\n\
         second = box()\n\
         print(second.stat()[0], second.retr(1)[1][-1])\n\
         second.dele(1)\n\
         second.close()\n\
         print(box().stat()[0])\n"
    );
    // RFC 1939 §6: a session that breaks off removes nothing.
    let said = Said::by(Command::new(python).args(["-c", &script])).text();
    assert_eq!(said, "2 2 b''\nTrue\nb'+OK' b'+OK'\n1 b'another-letter'\n1\n");
}

// RFC 2595 §4: no password before STLS; RFC 8314 §3: TLS from the first byte.
#[test]
fn passwords_of_pop3_are_told_within_tls_only() {
    let (Some(python), Some(openssl)) =
        (capa7_peers::need("python3"), capa7_peers::need("openssl"))
    else {
        return;
    };
    let folder = Folder::new();
    certify(&openssl, &folder);
    let (smtp, pop3, pop3s) =
        (capa7_peers::free_port(), capa7_peers::free_port(), capa7_peers::free_port());
    let tls = "[tls]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"";
    let readers = format!(
        "[[listen]]\nat = \"127.0.0.1:{pop3}\"\nservice = \"pop3\"\n\
         [[listen]]\nat = \"127.0.0.1:{pop3s}\"\nservice = \"pop3\"\ntls = \"implicit\"\n"
    );
    folder.write("mail.toml", config(smtp, capa7_peers::free_port(), tls) + &readers);
    add_user(&folder, "carlos");
    let mut running = serve(&folder);
    assert!(running.said.contains(&format!("pop3 on 127.0.0.1:{pop3} with STARTTLS")));
    deliver(smtp, "carlos@a.test", "private-letter");
    super::await_stored(&mut running, &folder, "private-letter", 1);
    let script = format!(
        "import poplib, ssl\n\
         trust = ssl.create_default_context(cafile='chain.pem')\n\
         trust.check_hostname = False\n\
         box = poplib.POP3('127.0.0.1', {pop3})\n\
         try:\n\
         \x20   box.user('carlos@a.test')\n\
         except poplib.error_proto as refusal:\n\
         \x20   print('STLS' in str(refusal))\n\
         box.stls(trust)\n\
         within = poplib.POP3_SSL('127.0.0.1', {pop3s}, context=trust)\n\
         for one in (box, within):\n\
         \x20   one.user('carlos@a.test')\n\
         \x20   one.pass_('secreto-carlos')\n\
         \x20   print(one.retr(1)[1][-1], one.quit()[:3])\n"
    );
    let mut python = Command::new(python);
    let said = Said::by(python.args(["-c", &script]).current_dir(folder.path())).text();
    assert_eq!(said, "True\nb'private-letter' b'+OK'\nb'private-letter' b'+OK'\n");
}

// Course M11: HTTP to the browser; IMAP and submission behind it are the
// server's own.
#[test]
fn a_user_logs_in_to_webmail_lists_the_inbox_and_sends() {
    let Some(curl) = capa7_peers::need("curl") else { return };
    let mut server = MailServer::start();
    let at = format!("http://127.0.0.1:{}", server.webmail);
    assert!(server.running.said.contains(&format!("webmail at {at}")), "{}", server.running.said);
    deliver(server.smtp, "carlos@a.test", "seen-in-the-browser");
    server.delivered("seen-in-the-browser");
    let jar = server.folder.path().join("cookies");
    let ask = |path: &str, more: &[&str]| {
        let mut request = Command::new(&curl);
        request.args(["-sS", "--fail-with-body", "-H", "Content-Type: application/json"]);
        request.arg("-b").arg(&jar).arg("-c").arg(&jar);
        Said::by(request.arg(format!("{at}/api/{path}")).args(more))
    };
    let wrong = "{\"user\": \"carlos@a.test\", \"password\": \"falso\"}";
    assert_eq!(ask("session", &["-d", wrong]).code, Some(22));
    assert_eq!(ask("folders", &[]).code, Some(22), "nobody reads without a log-in");
    let right = wrong.replace("falso", "secreto-carlos");
    let session = ask("session", &["-d", &right]).json();
    let list = ask("messages?folder=INBOX", &[]).text();
    assert!(list.contains("seen-in-the-browser"), "{list}");
    let key = format!("X-CSRF: {}", session["csrf"].as_str().unwrap());
    let letter = serde_json::json!({
        "to": [{ "address": "andrea@a.test" }], "subject": "back", "text": "sent-in-a-browser",
    })
    .to_string();
    let sent = ask("send", &["-H", &key, "-d", &letter]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    // One for andrea, one in carlos's own folder of what was sent.
    super::await_stored(&mut server.running, &server.folder, "sent-in-a-browser", 2);
}
