//! Structures, envelopes and sections beside those of Dovecot.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use capa7_mail_proto::message::body_structure::{self, Form};
use capa7_mail_proto::message::envelope::envelope;
use capa7_mail_proto::message::section::{Section, SectionText, extract};
use capa7_mail_proto::message::structure::scan;

use crate::tricky_messages::MESSAGES;

/// RFC 9051 §7.5.2, §6.4.5: what we tell of each tricky message is byte for
/// byte what Dovecot tells, but for [`DIFFERENCES`].
#[test]
fn tricky_messages_are_told_as_dovecot_tells_them() {
    let Some(imap) = imap_program() else { return };
    let questions = questions();
    let answers = Dovecot::new("tricky").ask(&imap, &questions);
    let mut seen = BTreeMap::new();
    for (number, (name, message)) in MESSAGES.iter().enumerate() {
        let message = with_cr(message);
        for (question, answer) in questions.iter().zip(&answers[number]) {
            let ours = question.ours(&message);
            if ours != *answer {
                seen.insert((*name, question.item()), (ours, answer.clone()));
            }
        }
    }
    let mut wrong = Vec::new();
    for ((name, item), (ours, theirs)) in &seen {
        if reason(name, item).is_none() {
            wrong.push(format!(
                "{name}: {item}\n  ours    {}\n  dovecot {}",
                show(ours),
                show(theirs)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differences without a reason:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    for (name, item, reason) in DIFFERENCES {
        let is_there = seen.keys().any(|(seen, of)| seen == name && of.starts_with(item));
        assert!(is_there, "{name}, {item}: no difference is left: {reason}");
    }
}

/// Where we differ, in which items (or all that begin so), and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("addresses without domain", "ENVELOPE", NO_MARKS),
    ("broken addresses", "ENVELOPE", NO_MARKS),
    ("empty addresses", "ENVELOPE", NO_MARKS),
    ("obsolete spaces", "ENVELOPE", "RFC 5322 §4.4: spaces around the points of an address"),
    ("quoted local part", "ENVELOPE", "RFC 5322 §4.4: a local part of words, some quoted"),
    ("fields twice", "ENVELOPE", "RFC 5322 §3.6: once at most; the first is meant, not all"),
    ("blank line with spaces", "ENVELOPE", SPACES),
    ("folded fields", "ENVELOPE", SPACES),
    ("spaces around", "ENVELOPE", SPACES),
    ("quotes and backslashes", "ENVELOPE", "RFC 9051 §4.3: quoted is as good as literal"),
    ("boundary begins another", "BODY.PEEK[1]", LINE_END),
    ("outer boundary is longer", "BODY.PEEK[1]", LINE_END),
    ("same boundary inside", "BODY.PEEK[1]", LINE_END),
    ("message cut short", "BODY", LINE_END),
    ("empty boundary", "BODY", "RFC 2046 §5.1.1: a boundary has a character"),
    ("no empty line", "BODY.PEEK[HEADER.FIELDS", "RFC 9051 §6.4.5: no empty line is made up"),
    ("empty type", "BODY", NO_TYPE),
    ("type that is no type", "BODY", NO_TYPE),
    ("type without subtype", "BODY", NO_TYPE),
    ("encoding with comment", "BODY", "RFC 2045 §6.1, RFC 822: a comment says nothing"),
    ("global message", "BODY", "RFC 9051 §7.5.2: message/global is told as a message"),
    ("quote without end", "BODY", "the value goes to the end of the field"),
    ("value without quotes", "BODY", "RFC 2045 §5.1 wants quotes, but the name is plain"),
];

const NO_MARKS: &str = "what is missing is an empty string, not a made-up name";
const SPACES: &str = "RFC 5322 §2.2.3: unfolding takes line ends only, spaces stay";
const LINE_END: &str = "RFC 2046 §5.1.1: the line end before a delimiter is the delimiter's";
const NO_TYPE: &str = "RFC 2045 §5.2: malformed types are text/plain, not empty strings";

fn reason(name: &str, item: &str) -> Option<&'static str> {
    let found = DIFFERENCES.iter().find(|(of, start, _)| *of == name && item.starts_with(start));
    found.map(|(_, _, reason)| *reason)
}

fn show(value: &[u8]) -> String {
    value.escape_ascii().to_string()
}

fn with_cr(message: &[u8]) -> Vec<u8> {
    message
        .iter()
        .flat_map(|byte| if *byte == b'\n' { vec![b'\r', b'\n'] } else { vec![*byte] })
        .collect()
}

enum Question {
    Envelope,
    Structure(Form),
    Section(&'static str, Section),
}

fn questions() -> Vec<Question> {
    let names = || vec!["Subject".to_owned(), "FROM".to_owned(), "content-type".to_owned()];
    let part = |text: &'static str, part: &[u32], what| {
        Question::Section(text, Section { part: part.to_vec(), text: what })
    };
    vec![
        Question::Envelope,
        Question::Structure(Form::Body),
        Question::Structure(Form::BodyStructure),
        part("", &[], SectionText::Whole),
        part("HEADER", &[], SectionText::Header),
        part("TEXT", &[], SectionText::Text),
        part("HEADER.FIELDS (Subject FROM content-type)", &[], SectionText::HeaderFields(names())),
        part(
            "HEADER.FIELDS.NOT (Subject FROM content-type)",
            &[],
            SectionText::HeaderFieldsNot(names()),
        ),
        part("1", &[1], SectionText::Whole),
        part("1.MIME", &[1], SectionText::Mime),
        part("1.HEADER", &[1], SectionText::Header),
        part("1.TEXT", &[1], SectionText::Text),
        part("1.1", &[1, 1], SectionText::Whole),
        part("1.2", &[1, 2], SectionText::Whole),
        part("1.1.1", &[1, 1, 1], SectionText::Whole),
        part("1.1.MIME", &[1, 1], SectionText::Mime),
        part("2", &[2], SectionText::Whole),
        part("2.MIME", &[2], SectionText::Mime),
        part("2.HEADER", &[2], SectionText::Header),
        part("2.TEXT", &[2], SectionText::Text),
        part("2.1", &[2, 1], SectionText::Whole),
        part("2.2", &[2, 2], SectionText::Whole),
        part("2.2.MIME", &[2, 2], SectionText::Mime),
        part("3", &[3], SectionText::Whole),
        part("3.MIME", &[3], SectionText::Mime),
        part("3.HEADER", &[3], SectionText::Header),
        part("4", &[4], SectionText::Whole),
    ]
}

impl Question {
    fn item(&self) -> String {
        match self {
            Self::Envelope => "ENVELOPE".to_owned(),
            Self::Structure(Form::Body) => "BODY ".trim().to_owned(),
            Self::Structure(Form::BodyStructure) => "BODYSTRUCTURE".to_owned(),
            Self::Section(text, _) => format!("BODY.PEEK[{text}]"),
        }
    }

    /// A section that is not there is NIL or empty, as one likes.
    fn ours(&self, message: &[u8]) -> Vec<u8> {
        let structure = scan(message);
        match self {
            Self::Envelope => envelope(&message[structure.root().header.clone()]),
            Self::Structure(form) => body_structure::text(message, &structure, *form),
            Self::Section(_, section) => {
                extract(message, &structure, section).unwrap_or_default().into_owned()
            }
        }
    }
}

/// Dovecot's IMAP program, which speaks over its standard input and output:
/// no daemon, no port.
fn imap_program() -> Option<PathBuf> {
    capa7_peers::need("dovecot")?;
    let found = ["/usr/lib/dovecot/imap", "/usr/libexec/dovecot/imap"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists());
    if found.is_none() {
        capa7_peers::missing("dovecot's imap");
    }
    found
}

struct Dovecot {
    folder: PathBuf,
}

impl Dovecot {
    /// A mailbox with the messages, in a folder of its own.
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("capa7-dovecot-{name}-{}", std::process::id()));
        for below in ["base", "mail/cur", "mail/new", "mail/tmp"] {
            std::fs::create_dir_all(folder.join(below)).expect("what the test made or asked for");
        }
        let made = Self { folder };
        for (number, (_, message)) in MESSAGES.iter().enumerate() {
            let path = made.folder.join(format!("mail/cur/{number:04}.x:2,S"));
            std::fs::write(path, with_cr(message)).expect("what the test made or asked for");
        }
        // Dovecot refuses to read mail as root.
        let (user, group) = match id("-u") {
            0 => (NOBODY, NOBODY),
            user => (user, id("-g")),
        };
        let path = made.folder.display();
        let conf = format!(
            "base_dir = {path}/base\nmail_location = maildir:{path}/mail\nlog_path = {path}/log\n\
             mail_home = {path}\nmail_uid = {user}\nmail_gid = {group}\nfirst_valid_uid = 1\n\
             first_valid_gid = 1\nssl = no\nprotocols = imap\nstats_writer_socket_path =\n\
             namespace inbox {{\n  inbox = yes\n}}\n"
        );
        std::fs::write(made.folder.join("conf"), conf).expect("what the test made or asked for");
        if id("-u") == 0 {
            own(&made.folder, user, group);
        }
        made
    }

    /// The answers, by message and question.
    fn ask(&self, imap: &Path, questions: &[Question]) -> Vec<Vec<Vec<u8>>> {
        let items: Vec<_> = questions.iter().map(Question::item).collect();
        let mut input = "s EXAMINE INBOX\r\n".to_owned();
        for number in 1..=MESSAGES.len() {
            input.push_str(&format!("f FETCH {number} ({})\r\n", items.join(" ")));
        }
        input.push_str("bye LOGOUT\r\n");
        let mut child = Command::new(imap)
            .arg("-c")
            .arg(self.folder.join("conf"))
            .env("HOME", &self.folder)
            .env("USER", "reader")
            .stdin(Stdio::piped())
            .stdout(
                std::fs::File::create(self.folder.join("answers"))
                    .expect("what the test made or asked for"),
            )
            .stderr(Stdio::null())
            .spawn()
            .expect("what the test made or asked for");
        child
            .stdin
            .take()
            .expect("what the test made or asked for")
            .write_all(input.as_bytes())
            .expect("what the test made or asked for");
        child.wait().expect("what the test made or asked for");
        let output =
            std::fs::read(self.folder.join("answers")).expect("what the test made or asked for");
        let mut answers = BTreeMap::new();
        let mut reader = Reader(&output);
        while let Some(number) = reader.next_fetch() {
            answers.insert(number, reader.items());
        }
        (1..=MESSAGES.len())
            .map(|number| {
                let of = |item: &String| {
                    answers[&number][&item.to_ascii_uppercase().replace(".PEEK", "")].clone()
                };
                items.iter().map(of).collect()
            })
            .collect()
    }
}

/// Reads the answers to FETCH.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    /// Goes to the next `* number FETCH (`.
    fn next_fetch(&mut self) -> Option<usize> {
        loop {
            let long = self.0.iter().position(|byte| *byte == b'\n')? + 1;
            let line = String::from_utf8_lossy(&self.0[..long]).into_owned();
            if let Some((number, _)) =
                line.strip_prefix("* ").and_then(|l| l.split_once(" FETCH ("))
            {
                self.0 = &self.0[line.find('(').expect("what the test made or asked for") + 1..];
                return number.parse().ok();
            }
            self.0 = &self.0[long..];
        }
    }

    /// `NAME value NAME value)`
    fn items(&mut self) -> BTreeMap<String, Vec<u8>> {
        let mut items = BTreeMap::new();
        loop {
            let is_section = self.0.starts_with(b"BODY[");
            let long = match is_section {
                true => {
                    self.0
                        .iter()
                        .position(|byte| *byte == b']')
                        .expect("what the test made or asked for")
                        + 1
                }
                false => self
                    .0
                    .iter()
                    .position(|byte| *byte == b' ')
                    .expect("what the test made or asked for"),
            };
            let name = String::from_utf8_lossy(&self.0[..long]).to_ascii_uppercase();
            self.0 = &self.0[long + 1..];
            let (raw, text) = self.value();
            items.insert(name, if is_section { text } else { raw });
            let end = self.0[0];
            self.0 = &self.0[1..];
            if end == b')' {
                return items;
            }
        }
    }

    /// One value: as written, and as a string.
    fn value(&mut self) -> (Vec<u8>, Vec<u8>) {
        let all = self.0;
        let mut depth = 0;
        let mut text = Vec::new();
        loop {
            match self.0[0] {
                b'(' => {
                    depth += 1;
                    self.0 = &self.0[1..];
                }
                b')' => {
                    depth -= 1;
                    self.0 = &self.0[1..];
                }
                b' ' => self.0 = &self.0[1..],
                b'"' => {
                    let mut long = 1;
                    while self.0[long] != b'"' {
                        long += if self.0[long] == b'\\' { 2 } else { 1 };
                    }
                    self.0 = &self.0[long + 1..];
                }
                b'{' => {
                    let end = self
                        .0
                        .iter()
                        .position(|byte| *byte == b'}')
                        .expect("what the test made or asked for");
                    let long: usize = String::from_utf8_lossy(&self.0[1..end])
                        .parse()
                        .expect("what the test made or asked for");
                    text = self.0[end + 3..end + 3 + long].to_vec();
                    self.0 = &self.0[end + 3 + long..];
                }
                _ => {
                    let is_end = |byte: &u8| matches!(byte, b' ' | b')');
                    self.0 = &self.0[self
                        .0
                        .iter()
                        .position(is_end)
                        .expect("what the test made or asked for")..];
                }
            }
            if depth == 0 {
                return (all[..all.len() - self.0.len()].to_vec(), text);
            }
        }
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn own(path: &Path, user: u32, group: u32) {
    std::os::unix::fs::chown(path, Some(user), Some(group))
        .expect("what the test made or asked for");
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("what the test made or asked for") {
            own(&entry.expect("what the test made or asked for").path(), user, group);
        }
    }
}

fn id(flag: &str) -> u32 {
    let output = Command::new("id").arg(flag).output().expect("what the test made or asked for");
    String::from_utf8(output.stdout)
        .expect("what the test made or asked for")
        .trim()
        .parse()
        .expect("what the test made or asked for")
}

/// The user that owns nothing.
const NOBODY: u32 = 65_534;
