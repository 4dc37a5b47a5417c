//! mutt, as somebody uses it: reads, answers, moves, deletes.

mod terminal;

use std::path::Path;
use std::process::Command;

use crate::mail::{add_user, await_stored, certify, config, serve, with_input};
use crate::program::{Folder, Running, Said};
use terminal::Terminal;

/// What mutt is told: our server for reading and sending, within TLS.
fn muttrc(imap: u16, submission: u16) -> String {
    format!(
        "set imap_user=\"carlos@a.test\" imap_pass=\"secreto-carlos\"\n\
         set folder=\"imap://127.0.0.1:{imap}/\" spoolfile=\"imap://127.0.0.1:{imap}/INBOX\"\n\
         set record=\"=Sent\" postponed=\"=Drafts\" trash=\"\"\n\
         set smtp_url=\"smtp://carlos%40a.test@127.0.0.1:{submission}/\"\n\
         set smtp_pass=\"secreto-carlos\" from=\"carlos@a.test\" realname=\"Carlos\"\n\
         set ssl_starttls=yes ssl_force_tls=yes certificate_file=\"chain.pem\"\n\
         unset ssl_verify_host\n\
         set imap_idle=yes timeout=5 mail_check=5 sort=date sleep_time=0\n\
         set fast_reply=yes include=yes confirmappend=no confirmcreate=no delete=yes move=no\n\
         set quit=yes beep=no hostname=\"client.test\" editor=\"sh editor.sh\"\n\
         set crypt_use_gpgme=no signature=\"\" header_cache=\"\" message_cachedir=\"\"\n"
    )
}

/// An editor that writes above what is there.
const EDITOR: &str = "{ echo 'Gladly, at noon.'; cat \"$1\"; } > new && cat new > \"$1\"\n";

/// A folder with a server's configuration and two accounts; its ports for
/// submission and reading.
fn prepare(openssl: &Path) -> (Folder, u16, u16) {
    let folder = Folder::new();
    certify(openssl, &folder);
    let (smtp, submission, imap) =
        (capa7_peers::free_port(), capa7_peers::free_port(), capa7_peers::free_port());
    let tls = "[tls]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"";
    let reader = format!("[[listen]]\nat = \"127.0.0.1:{imap}\"\nservice = \"imap\"\n");
    folder.write("mail.toml", config(smtp, submission, tls) + &reader);
    for name in ["andrea", "carlos"] {
        add_user(&folder, name);
    }
    folder.write("muttrc", muttrc(imap, submission));
    folder.write("editor.sh", EDITOR);
    (folder, submission, imap)
}

/// What the boxes hold: of each message its flags, whether it is an answer, its
/// first line, and whether it quotes.
fn look(imap: u16) -> String {
    format!(
        "import imaplib, ssl\n\
         def look(name, *boxes):\n\
         \x20   imap = imaplib.IMAP4('127.0.0.1', {imap})\n\
         \x20   imap.starttls(ssl._create_unverified_context())\n\
         \x20   imap.login(name + '@a.test', 'secreto-' + name)\n\
         \x20   for box in boxes:\n\
         \x20       assert imap.select(box, True)[0] == 'OK', box\n\
         \x20       for number in imap.search(None, 'ALL')[1][0].split():\n\
         \x20           flags, text = [imap.fetch(number, what)[1][0] for what in\n\
         \x20               ('(FLAGS)', '(BODY.PEEK[])')]\n\
         \x20           text = text[1].decode()\n\
         \x20           head, body = text.split('\\r\\n\\r\\n', 1)\n\
         \x20           subject = [l for l in head.split('\\r\\n') if l.startswith('Subject')][0]\n\
         \x20           flags = sorted(f.decode() for f in imaplib.ParseFlags(flags))\n\
         \x20           flags = [f for f in flags if f != '\\\\Recent']\n\
         \x20           print(name, box, subject, flags, 'In-Reply-To' in head,\n\
         \x20               body.splitlines()[0], '> The place' in body)\n\
         look('carlos', 'INBOX', 'Archive', 'Sent')\n\
         look('andrea', 'INBOX')\n"
    )
}

// A terminal's mail program end to end: IMAP with IDLE and submission, within
// TLS, and what the server holds afterwards.
#[test]
fn mutt_reads_answers_moves_and_deletes() {
    let [Some(mutt), Some(tmux), Some(openssl), Some(python)] =
        ["mutt", "tmux", "openssl", "python3"].map(capa7_peers::need)
    else {
        return;
    };
    let (folder, submission, imap) = prepare(&openssl);
    let mut running = serve(&folder);
    let at = format!("127.0.0.1:{submission}");
    let send = |running: &mut Running, subject: &str, text: &str| {
        let words = ["mail", "send", "--server", &at, "--from", "andrea@a.test"];
        let words = [&words[..], &["--to", "carlos@a.test", "--user", "andrea@a.test"]].concat();
        let tls = ["--tls-name", "mail.a.test", "--tls-roots", "chain.pem"];
        let what = ["--subject", subject, "--text", text];
        let mut send = folder.capa7(&[&words[..], &tls, &what].concat());
        assert_eq!(with_input(&mut send, "secreto-andrea\n").code, Some(0), "{subject}");
        await_stored(running, &folder, text, 1);
    };
    send(&mut running, "Lunch on Thursday?", "The place at the corner has arepas.");
    send(&mut running, "For the archive", "Keep-this-one.");
    send(&mut running, "An offer", "Throw-this-away.");

    let program = format!("{} -n -F muttrc", mutt.display());
    let mut terminal = Terminal::start(&tmux, &folder, &program);
    let screen = terminal.shows("An offer");
    assert!(
        screen.contains("Lunch on Thursday?") && screen.contains("For the archive"),
        "{screen}"
    );

    terminal.types("1");
    terminal.presses(&["Enter"]);
    terminal.presses(&["Enter"]);
    terminal.shows("The place at the corner has arepas.");
    terminal.types("r");
    terminal.shows("y:Send");
    terminal.types("y");
    terminal.shows("Mail sent");
    await_stored(&mut running, &folder, "Gladly, at noon.", 2);

    terminal.types("i");
    terminal.shows("An offer");
    terminal.types("2");
    terminal.presses(&["Enter"]);
    terminal.types("s");
    terminal.shows("Save to mailbox");
    terminal.presses(&["C-u"]);
    terminal.types("=Archive");
    terminal.presses(&["Enter"]);
    terminal.hides("Save to mailbox");
    terminal.types("3");
    terminal.presses(&["Enter"]);
    terminal.types("d");
    terminal.types("$");
    terminal.hides("An offer");
    terminal.hides("For the archive");

    // RFC 2177: what arrives appears by itself.
    send(&mut running, "Just now", "Fresh-one.");
    terminal.shows("Just now");
    terminal.types("q");
    terminal.ends();

    let script = look(imap);
    let said = Said::by(Command::new(python).args(["-c", &script])).text();
    // `Old` is mutt's own keyword for what was seen in a list only.
    assert_eq!(
        said,
        "carlos INBOX Subject: Lunch on Thursday? ['\\\\Answered', '\\\\Seen'] False \
         The place at the corner has arepas. False\n\
         carlos INBOX Subject: Just now ['Old'] False Fresh-one. False\n\
         carlos Archive Subject: For the archive [] False Keep-this-one. False\n\
         carlos Sent Subject: Re: Lunch on Thursday? ['\\\\Seen'] True Gladly, at noon. True\n\
         andrea INBOX Subject: Re: Lunch on Thursday? [] True Gladly, at noon. True\n"
    );
    let check = folder.run(&["mail", "check", "--contents"]);
    assert_eq!(check.code, Some(0), "{check:?}");
}
