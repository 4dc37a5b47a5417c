//! The machine against transcripts of servers.

use bytes::Bytes;
use capa7_dissect::Cause;

use super::{Client, ClientCommand, ClientConfig, ClientError, Completed, Input, Output};
use crate::imap::command::Access;
use crate::imap::fetch::{FetchItemName, Section, SectionText, Seen};
use crate::imap::response::{BodyStructure, Code, FetchItem, Status, Untagged};
use crate::imap::sequence::SequenceSet;
use crate::mailbox::Flag;
use crate::sasl::{ClientExchange, Mechanism, Password};

fn greeted(capabilities: &str) -> Client {
    let mut client = Client::new(ClientConfig::default());
    let greeting = format!("* OK [CAPABILITY IMAP4rev1 {capabilities}] Hello {{5}}\r\n");
    receive(&mut client, &greeting);
    assert!(matches!(client.poll(), Some(Output::Greeted(..))));
    client
}

fn receive(client: &mut Client, text: &str) {
    client.handle(Input::Bytes(text.as_bytes(), Cause(7))).expect("a server within the rules");
}

fn command(client: &mut Client, command: ClientCommand) -> String {
    client.handle(Input::Command(command, Cause(3))).expect("it is ready");
    written(client)
}

fn written(client: &mut Client) -> String {
    let Some(Output::Write(bytes, cause)) = client.poll() else { panic!("nothing is written") };
    assert_ne!(cause, Cause::NONE, "every output has a cause");
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn completed(client: &mut Client) -> Completed {
    let Some(Output::Completed(completed)) = client.poll() else { panic!("it runs on") };
    completed
}

#[test]
fn a_literal_waits_for_leave_unless_the_server_gives_it_to_all() {
    // RFC 9051 §4.3, RFC 7888 §4.
    let append = || ClientCommand::Append {
        mailbox: "Borradores/año".to_owned(),
        flags: vec![Flag::system("\\Draft")],
        date: None,
        message: Bytes::from_static(b"Hola\r\n"),
    };
    let mut client = greeted("");
    let line = command(&mut client, append());
    assert_eq!(line, "a1 APPEND \"Borradores/a&APE-o\" (\\Draft) {6}\r\n");
    receive(&mut client, "+ OK\r\n");
    assert_eq!(written(&mut client), "Hola\r\n\r\n");
    receive(&mut client, "a1 OK [APPENDUID 38505 3955] done\r\n");
    let done = completed(&mut client);
    assert!(matches!(done.status.code, Some(Code::AppendUid(..))), "{done:?}");
    assert_eq!(done.cause, Cause(7));

    let mut client = greeted("LITERAL+");
    let line = command(&mut client, append());
    assert_eq!(line, "a1 APPEND \"Borradores/a&APE-o\" (\\Draft) {6+}\r\nHola\r\n\r\n");
}

#[test]
fn a_refused_literal_ends_the_command() {
    // RFC 9051 §4.3: the server may say no instead of giving leave.
    let mut client = greeted("");
    let user = "carlos\n".to_owned();
    command(&mut client, ClientCommand::Login { user, password: Password::new("x").unwrap() });
    receive(&mut client, "a1 NO no\r\n");
    assert_eq!(completed(&mut client).status.status, Status::No);
    assert!(client.is_ready());
}

#[test]
fn a_fetch_is_read_with_its_literals_however_it_arrives() {
    // RFC 9051 §7.5.2, and its example of a body structure.
    let text = "* 23 FETCH (UID 4827 FLAGS (\\Seen $Forwarded) RFC822.SIZE 44827 \
        INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700\" \
        \"a \\\"quoted\\\" subject\" ((\"Terry Gray\" NIL \"gray\" \"cac.example\")) NIL NIL \
        ((NIL NIL \"imap\" \"cac.example\")) NIL NIL NIL \"<B27397@cac.example>\") \
        BODYSTRUCTURE (((\"TEXT\" \"PLAIN\" (\"CHARSET\" {5}\r\nUTF-8) NIL NIL \"7BIT\" 1152 23 \
        NIL NIL NIL)(\"TEXT\" \"HTML\" NIL \"<id>\" NIL \"BASE64\" 9 1) \"ALTERNATIVE\" \
        (\"BOUNDARY\" \"x\") NIL NIL)(\"IMAGE\" \"PNG\" NIL NIL NIL \"BASE64\" 4554 NIL \
        (\"ATTACHMENT\" (\"FILENAME\" \"a.png\")) NIL) \"MIXED\") \
        BODY[HEADER.FIELDS (SUBJECT \"From\")] {12}\r\nSubject: )\r\n \
        BODY[1.2]<0> NIL BODY[1.MIME] \"\" X-NEW (1 (2)))\r\na1 OK done\r\n";
    for piece in [1, 7, 64, 10_000] {
        let mut client = greeted("");
        let uids = SequenceSet::parse(b"4827").unwrap();
        let line = command(&mut client, ClientCommand::UidFetch { uids, items: items() });
        assert_eq!(line, "a1 UID FETCH 4827 (UID BODY.PEEK[1.2]<0.10>)\r\n");
        for part in text.as_bytes().chunks(piece) {
            client.handle(Input::Bytes(part, Cause(7))).unwrap();
        }
        let done = completed(&mut client);
        let [Untagged::Fetch { number: 23, items }] = done.untagged.as_slice() else {
            panic!("{:?}", done.untagged)
        };
        let sections: Vec<_> = items.iter().filter_map(section).collect();
        let header = ("HEADER.FIELDS (SUBJECT From)".to_owned(), Some("Subject: )\r\n".to_owned()));
        let mime = ("1.MIME".to_owned(), Some(String::new()));
        assert_eq!(sections, [header, ("1.2".to_owned(), None), mime]);
        assert_eq!(items.len(), 9, "what is new is passed over: {items:?}");
        let structure = items.iter().find_map(|item| match item {
            FetchItem::BodyStructure(body) => Some(body),
            _ => None,
        });
        let Some(BodyStructure::Multipart(mixed)) = structure.map(AsRef::as_ref) else { panic!() };
        assert_eq!((mixed.parts.len(), mixed.subtype.as_slice()), (2, &b"MIXED"[..]));
        let Some(BodyStructure::Part(image)) = mixed.parts.get(1) else { panic!() };
        assert_eq!(image.extension.disposition.as_ref().unwrap().1[0].1, b"a.png");
    }
}

fn items() -> Vec<FetchItemName> {
    let partial = Some(crate::imap::fetch::Partial { first: 0, count: 10 });
    let section = Section { part: vec![1, 2], text: SectionText::All };
    vec![FetchItemName::Uid, FetchItemName::Section { section, partial, seen: Seen::Kept }]
}

fn section(item: &FetchItem) -> Option<(String, Option<String>)> {
    let FetchItem::Section { section, text, .. } = item else { return None };
    let text = text.as_ref().map(|text| String::from_utf8_lossy(text).into_owned());
    Some((section.to_string(), text))
}

// RFC 9051 §7.1.5: a server may end the connection over one message, and what it has
// told of others counts.
#[test]
fn what_was_told_before_the_end_is_not_lost() {
    let mut client = greeted("IMAP4rev1");
    let uids = SequenceSet::parse(b"1:3").unwrap();
    command(&mut client, ClientCommand::UidFetch { uids, items: vec![FetchItemName::Uid] });
    receive(&mut client, "* 1 FETCH (UID 1)\r\n* BYE broken\r\n* 2 FET");
    assert!(client.take_told().is_empty());
    assert!(matches!(client.handle(Input::Ended), Err(ClientError::Ended)));
    assert!(matches!(
        client.take_told()[..],
        [Untagged::Fetch { number: 1, .. }, Untagged::Status(_)]
    ));
    assert!(client.take_told().is_empty());
}

#[test]
fn the_mirror_follows_what_others_do() {
    // RFC 9051 §7.4.1, §7.5.1: unsolicited, in any command and while idling.
    let mut client = greeted("IDLE");
    let mailbox = "INBOX".to_owned();
    command(&mut client, ClientCommand::Select { mailbox, access: Access::ReadWrite });
    receive(
        &mut client,
        "* 3 EXISTS\r\n* OK [UIDVALIDITY 9] x\r\n* OK [UIDNEXT 12] x\r\n\
         * 2 FETCH (UID 10 FLAGS ())\r\n* 3 FETCH (UID 11 FLAGS (\\Seen))\r\n\
         a1 OK [READ-WRITE] done\r\n",
    );
    completed(&mut client);
    assert_eq!(command(&mut client, ClientCommand::Idle), "a2 IDLE\r\n");
    receive(&mut client, "+ idling\r\n* 2 EXPUNGE\r\n");
    assert!(matches!(client.poll(), Some(Output::Idling(_))));
    assert!(matches!(client.poll(), Some(Output::News(Untagged::Expunge(2), Cause(7)))));
    let mirror = client.mailbox().unwrap();
    assert!(mirror.is_writable());
    assert_eq!((mirror.exists(), mirror.uid(2).map(|uid| uid.0.get())), (2, Some(11)));
    assert_eq!(mirror.flags(2), Some(&["\\Seen".to_owned()][..]));
    client.handle(Input::Done(Cause(3))).unwrap();
    assert_eq!(written(&mut client), "DONE\r\n");
    receive(&mut client, "a2 OK done\r\n");
    assert!(completed(&mut client).is_ok());
}

#[test]
fn after_starttls_nothing_said_in_clear_counts() {
    // RFC 9051 §6.2.1, §11.1.
    let mut client = greeted("STARTTLS AUTH=PLAIN");
    command(&mut client, ClientCommand::StartTls);
    receive(&mut client, "a1 OK begin\r\n");
    assert!(matches!(client.poll(), Some(Output::BeginTls(_))));
    assert!(client.capabilities().is_empty());
    client.handle(Input::TlsBegun).unwrap();
    assert!(completed(&mut client).is_ok());

    let mut client = greeted("STARTTLS");
    command(&mut client, ClientCommand::StartTls);
    let slipped = Input::Bytes(b"a1 OK begin\r\n* CAPABILITY AUTH=PLAIN\r\n", Cause(7));
    assert!(matches!(client.handle(slipped), Err(ClientError::Protocol(_))));
}

#[test]
fn sasl_goes_with_the_command_where_it_can() {
    // RFC 4959 §3.
    let exchange = || {
        let password = Password::new("tanstaaftanstaaf").unwrap();
        let exchange = ClientExchange::new(Mechanism::Plain, "tim", &password, [0; 18]);
        ClientCommand::Authenticate(Box::new(exchange))
    };
    let mut client = greeted("SASL-IR");
    let line = command(&mut client, exchange());
    assert_eq!(line, "a1 AUTHENTICATE PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n");
    let mut client = greeted("");
    assert_eq!(command(&mut client, exchange()), "a1 AUTHENTICATE PLAIN\r\n");
    receive(&mut client, "+ \r\n");
    assert_eq!(written(&mut client), "AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n");
    receive(&mut client, "a1 OK done\r\n");
    assert!(completed(&mut client).is_ok());
}

#[test]
fn a_server_that_lies_is_bounded() {
    let config = ClientConfig { response_bytes_max: 1_000, reply_bytes_max: 2_000 };
    let lie = |bytes: &[u8]| {
        let mut client = Client::new(config);
        client.handle(Input::Bytes(b"* OK hi\r\n", Cause::NONE)).unwrap();
        client.handle(Input::Command(ClientCommand::Noop, Cause::NONE)).unwrap();
        client.handle(Input::Bytes(bytes, Cause::NONE)).is_err()
    };
    assert!(lie(b"* 1 FETCH (BODY[] {99999999999}\r\n"), "a literal beyond the bound");
    assert!(lie(b"* 1 FETCH (BODY[] {18446744073709551615}\r\n*\r\n a9 OK\r\n"));
    assert!(lie(&b"x".repeat(1_001)), "a line without end");
    assert!(lie(&b"* 1 EXISTS\r\n".repeat(300)), "responses without end");
    assert!(lie(b"a9 OK another's\r\n"), "the end of nothing");
    assert!(lie(b"+ go on\r\n"), "leave for nothing");
    assert!(!lie(&b"* (((((((((\r\n".repeat(3)), "nonsense is passed over");
    let deep = format!("* 1 FETCH (X {})\r\n", "(".repeat(900));
    assert!(!lie(deep.as_bytes()), "depth is bounded");
}

proptest::proptest! {
    /// No bytes make the machine panic, and how they are cut changes nothing.
    #[test]
    fn any_bytes_are_taken(bytes in "(\\* |a1 |\\+ \
        |OK|FETCH|\\(|\\)|\\{[0-9]\\}\r\n|\"|\\\\|BODY\\[|[a-z0-9 ]|\r\n){0,60}") {
        let run = |piece: usize| {
            let mut client = Client::new(ClientConfig::default());
            let _ = client.handle(Input::Bytes(b"* OK hi\r\n", Cause::NONE));
            let _ = client.handle(Input::Command(ClientCommand::Noop, Cause::NONE));
            let taken = bytes.as_bytes().chunks(piece)
                .all(|part| client.handle(Input::Bytes(part, Cause::NONE)).is_ok());
            let outputs: Vec<String> =
                std::iter::from_fn(|| client.poll()).map(|out| format!("{out:?}")).collect();
            (taken, outputs)
        };
        proptest::prop_assert_eq!(run(1), run(1_000));
    }
}
