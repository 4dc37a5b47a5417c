use mail_parser::{MessageParser, MimeHeaders as _};
use proptest::prelude::{any, prop, proptest};

use super::{Attachment, Draft, Person, RecipientField, Unfinished};
use crate::envelope::BodyKind;
use crate::message::body_structure::{Form, text};
use crate::message::date::MessageDate;
use crate::message::decode::{header_text, part_bytes, part_text};
use crate::message::fields::first;
use crate::message::reply::{Audience, answer, forward};
use crate::message::structure::scan;

fn draft() -> Draft {
    let from = Person { name: "Andrea".to_owned(), address: "andrea@umass.edu".parse().unwrap() };
    let date = MessageDate::from_unix_seconds(1_750_000_000);
    Draft::new(from, date, "new@umass.edu".to_owned(), "b0".to_owned())
}

fn carlos() -> Person {
    Person { name: "Carlos Ñ.".to_owned(), address: "carlos@urosario.edu.co".parse().unwrap() }
}

/// RFC 5322 §3.6: a plain message, byte for byte, the same each time.
#[test]
fn a_plain_message_has_these_bytes() {
    let draft = Draft {
        to: vec![carlos(), Person { name: "Eve \"E\", Jr.".to_owned(), ..draft().from }],
        subject: "hello".to_owned(),
        text: "Dear Carlos,\n.\nFrom here".to_owned(),
        ..draft()
    };
    let expected = "Date: Sun, 15 Jun 2025 15:06:40 +0000\r\n\
        From: Andrea <andrea@umass.edu>\r\n\
        To: =?utf-8?B?Q2FybG9zIMORLg==?= <carlos@urosario.edu.co>, \"Eve \\\"E\\\", Jr.\"\r\n \
            <andrea@umass.edu>\r\n\
        Subject: hello\r\nMessage-ID: <new@umass.edu>\r\nMIME-Version: 1.0\r\n\
        Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
        Dear Carlos,\r\n.\r\nFrom here\r\n";
    assert_eq!(String::from_utf8(draft.write()).unwrap(), expected);
}

/// RFC 2046 §5.1, RFC 2387: text beside HTML with its picture, and files behind.
#[test]
fn parts_are_where_readers_look_for_them() {
    let file =
        |name: &str, content_type: &str, bytes: &[u8], content_id: Option<&str>| Attachment {
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            bytes: bytes.to_vec(),
            content_id: content_id.map(str::to_owned),
        };
    let draft = Draft {
        text: "ñandú --=_b0.1\n--=_b0.1".to_owned(),
        html: Some("<img src=\"cid:p@x\">".to_owned()),
        attachments: vec![
            file("p.png", "image/png", &[0, 255], Some("p@x")),
            file("año.pdf", "application/pdf", &[1; 200], None),
            file("m.eml", "message/rfc822", "Subject: x\r\n\r\nñ\r\n".as_bytes(), None),
            file("odd", "multipart/mixed", b"x", None),
        ],
        ..draft()
    };
    let message = draft.write();
    assert!(message.is_ascii());
    let structure = scan(&message);
    let told = String::from_utf8(text(&message, &structure, Form::Body)).unwrap();
    assert!(told.starts_with("(((\"text\" \"plain\""), "{told}");
    assert!(told.contains("\"related\") \"alternative\")(\"application\" \"pdf\""), "{told}");
    assert!(told.contains("(\"message\" \"rfc822\"") && told.ends_with("\"mixed\")"), "{told}");
    let part = |path: &[u32]| structure.numbered(path).unwrap();
    assert_eq!(
        part_text(&message, part(&[1, 1])).unwrap().replace("\r\n", "\n").trim_end(),
        draft.text
    );
    assert_eq!(part_bytes(&message, part(&[1, 2, 2])).as_ref(), [0, 255]);
    assert_eq!(part_bytes(&message, part(&[2])).as_ref(), [1; 200]);
    let header = String::from_utf8(message[part(&[2]).header.clone()].to_vec()).unwrap();
    assert!(header.contains("filename*=utf-8''a%C3%B1o.pdf"), "{header}");
    let odd = String::from_utf8(message[part(&[4]).header.clone()].to_vec()).unwrap();
    assert!(odd.contains("application/octet-stream"), "{odd}");
}

/// Nothing that a person types adds a field (RFC 5322 §2.2).
#[test]
fn no_text_adds_a_field() {
    let draft = Draft {
        subject: "x\r\nBcc: eve@x".to_owned(),
        to: vec![Person { name: "a\r\nBcc: eve@x".to_owned(), ..carlos() }],
        in_reply_to: Some("1@x>\r\nBcc: eve@x".to_owned()),
        ..draft()
    };
    let message = draft.write();
    let structure = scan(&message);
    assert_eq!(first(&message[structure.root().header.clone()], "bcc"), None);
}

/// RFC 5322 §3.6.2, §3.6.4: whom an answer goes to, and what it belongs to.
#[test]
fn an_answer_belongs_to_its_conversation() {
    let message = "From: \"Carlos Ñ.\" <carlos@urosario.edu.co>\r\n\
        To: Andrea <andrea@umass.edu>, bob@x.example\r\n\
        Cc: carlos@urosario.edu.co, eve@x.example\r\n\
        Subject: =?utf-8?q?ma=C3=B1ana?=\r\nDate: Mon, 2 Jun 2025 10:00:00 -0500\r\n\
        Message-ID: <2@x>\r\nReferences: <0@x>\r\n <1@x>\r\n\
        Content-Type: text/html; charset=utf-8\r\n\r\n<p>¿Qué tal?<br>&gt; hi</p>\r\n"
        .as_bytes();
    let mut reply = draft();
    answer(&mut reply, message, &scan(message), Audience::Everybody);
    assert_eq!(reply.to, [carlos()]);
    let cc: Vec<_> = reply.cc.iter().map(|person| person.address.to_string()).collect();
    assert_eq!(cc, ["bob@x.example", "eve@x.example"]);
    assert_eq!(reply.subject, "Re: mañana");
    assert_eq!(reply.in_reply_to.as_deref(), Some("2@x"));
    assert_eq!(reply.references, ["0@x", "1@x", "2@x"]);
    let text = "On Mon, 2 Jun 2025 10:00:00 -0500, Carlos Ñ. wrote:\r\n> ¿Qué tal?\r\n>> hi\r\n";
    assert_eq!(reply.text, text);
    let written = reply.write();
    let mut again = draft();
    answer(&mut again, &written, &scan(&written), Audience::Sender);
    assert_eq!(again.subject, "Re: mañana");
    assert!(again.cc.is_empty() && again.text.contains(">> ¿Qué tal?"));

    let mut onward = Draft { text: "see".to_owned(), ..draft() };
    forward(&mut onward, message, &scan(message));
    assert_eq!(onward.subject, "Fwd: mañana");
    assert!(
        onward.text.starts_with("see\r\n") && onward.text.contains("From: \"Carlos Ñ.\" <carlos@")
    );
    assert!(header_text(first(&onward.write(), "subject").unwrap()).starts_with("Fwd: mañana"));
}

/// RFC 6152 §3, RFC 2045 §6.4: a text may stay as it is, in a multipart that
/// says so; a file is encoded all the same, and so is a text that is no lines.
#[test]
fn a_text_is_left_as_it_is_where_bytes_beyond_ascii_may_be() {
    let wide = Draft { text: "reunión\n.ñ".to_owned(), body: BodyKind::EightBit, ..draft() };
    let message = String::from_utf8(wide.write()).unwrap();
    let (header, body) = message.split_once("\r\n\r\n").unwrap();
    assert!(header.ends_with("charset=utf-8\r\nContent-Transfer-Encoding: 8bit"), "{header}");
    assert_eq!(body, "reunión\r\n.ñ\r\n");
    let file = Attachment {
        name: "a.bin".to_owned(),
        content_type: "application/octet-stream".to_owned(),
        bytes: vec![0, 255, 13],
        content_id: None,
    };
    let with_file = Draft { attachments: vec![file], ..wide.clone() }.write();
    let structure = scan(&with_file);
    let parts = structure.parts();
    let encoding = |part: usize| {
        let header = &with_file[parts[part].header.clone()];
        String::from_utf8_lossy(first(header, "content-transfer-encoding").unwrap()).into_owned()
    };
    assert_eq!([encoding(0), encoding(1), encoding(2)], [" 8bit", " 8bit", " base64"]);
    assert_eq!(part_text(&with_file, &parts[1]).unwrap(), "reunión\r\n.ñ\r\n");
    assert_eq!(part_bytes(&with_file, &parts[2]).as_ref(), [0, 255, 13]);
    for text in ["ñ\0".to_owned(), "ñ".repeat(600)] {
        assert!(Draft { text, ..wide.clone() }.write().is_ascii());
    }
    assert!(Draft { text: "plain".to_owned(), ..wide }.write().ends_with(b"7bit\r\n\r\nplain\r\n"));
}

/// RFC 5322 §3.6.3, §3.4: the own copy names who reads without the others'
/// knowledge, and what is no address yet.
#[test]
fn an_unfinished_message_keeps_what_was_typed() {
    let half = |field, text: &str| Unfinished { field, text: text.to_owned() };
    let draft = Draft {
        bcc: vec![carlos()],
        unfinished: vec![
            half(RecipientField::To, "andr"),
            half(RecipientField::To, "Muñoz, A <"),
            half(RecipientField::Bcc, "x@"),
        ],
        ..draft()
    };
    let written = String::from_utf8(draft.write()).unwrap();
    assert!(written.contains("\r\nTo: andr:;, =?utf-8?B?TXXDsW96LCBBIDw=?=:;\r\n"), "{written}");
    let bcc = "\r\nBcc: =?utf-8?B?Q2FybG9zIMORLg==?= <carlos@urosario.edu.co>, \"x@\":;\r\n";
    assert!(written.contains(bcc), "{written}");
    assert!(!written.contains("\r\nCc:"), "{written}");
}

/// RFC 2231 §3, RFC 5322 §2.1.1: no line is long, whatever a file is called.
#[test]
fn a_long_name_is_written_in_pieces() {
    let name = format!("{}.pdf", "日本語".repeat(60));
    let file = Attachment {
        name: name.clone(),
        content_type: "application/pdf".to_owned(),
        bytes: vec![1],
        content_id: None,
    };
    let message = Draft { attachments: vec![file], ..draft() }.write();
    let lines = String::from_utf8(message.clone()).unwrap();
    assert!(lines.lines().all(|line| line.len() <= 100), "{lines}");
    let read = MessageParser::new().parse(&message).unwrap();
    assert_eq!(read.attachment(0).unwrap().attachment_name(), Some(name.as_str()));
}

/// RFC 2231 §4: readers differ about escapes and folds between quotes.
#[test]
fn a_name_with_quotes_is_written_without_any() {
    let name = "the \"final\" report, with a name that does not fit into one line.pdf";
    assert_eq!(
        super::parameter("filename", name),
        "filename*0*=utf-8''the%20%22final%22%20report%2C%20with%20a%20name%20tha; \
         filename*1*=t%20does%20not%20fit%20into%20one%20line.pdf"
    );
    assert_eq!(super::parameter("filename", "it's 100 %.pdf"), "filename=\"it's 100 %.pdf\"");
}

proptest! {
    /// RFC 5322 §2.1.1, RFC 2045 §6, RFC 2047 §5, RFC 2231 §4, as another reader sees it:
    /// what is written is read, and nothing else.
    #[test]
    fn another_program_reads_what_is_written(
        subject in "\\PC{0,60}",
        name in "\\PC{0,40}",
        lines in prop::collection::vec("\\PC{0,120}", 0..6),
        file_name in "[a-zA-Z0-9 ñ日.%'\"-]{1,60}",
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let file = Attachment {
            name: file_name.clone(),
            content_type: "application/x-thing".to_owned(),
            bytes: bytes.clone(),
            content_id: None,
        };
        let text = lines.iter().map(|line| format!("{line}\r\n")).collect::<String>();
        let draft = Draft {
            to: vec![Person { name: name.clone(), ..carlos() }],
            subject: subject.clone(),
            text: text.clone(),
            in_reply_to: Some("1@x".to_owned()),
            references: (0..60).map(|n| format!("reference-{n}@long.example")).collect(),
            attachments: vec![file],
            ..draft()
        };
        let message = draft.write();
        assert!(message.is_ascii());
        assert!(message.split(|byte| *byte == b'\n').all(|line| line.len() <= 998));
        let read = MessageParser::new().parse(&message).unwrap();
        assert_eq!(read.subject().unwrap_or_default().trim(), subject.trim());
        let to = read.to().unwrap().first().unwrap();
        assert_eq!(to.address(), Some("carlos@urosario.edu.co"));
        assert_eq!(to.name().unwrap_or_default().trim(), name.trim());
        assert_eq!(read.body_text(0).unwrap_or_default(), text);
        assert_eq!(read.references().as_text_list().map(|all| all.len()), Some(60));
        assert_eq!(read.attachment_count(), 1);
        let file = read.attachment(0).unwrap();
        assert_eq!(file.contents(), bytes);
        assert_eq!(file.attachment_name().unwrap_or_default().trim(), file_name.trim());
    }
}
