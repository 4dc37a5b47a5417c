use super::Table;
use crate::imap::date::InternalDate;
use crate::mailbox::MailboxName;

/// RFC 5258 §5: the mailboxes of its examples.
fn fruit() -> Table {
    let mut table = Table::users(1);
    for line in [
        "x CREATE Fruit/Apple",
        "x CREATE Fruit/Banana",
        "x CREATE Tofu",
        "x CREATE Vegetable/Broccoli",
        "x CREATE Fruit",
        "x CREATE Sent (USE (\\Sent))",
        "x SUBSCRIBE Fruit/Banana",
        "x SUBSCRIBE Fruit/Peach",
        "x SUBSCRIBE INBOX",
    ] {
        assert!(table.ask(0, line).ends_with("completed\r\n"), "{line}");
    }
    table
}

/// RFC 9051 §6.3.9, RFC 5258 §5, RFC 5819, RFC 6154.
#[test]
fn lists_select_and_tell_what_they_were_asked() {
    fruit().play(
        "C: a LIST \"\" \"*\"
         S: * LIST (\\HasChildren) \"/\" Fruit
         S: * LIST (\\HasNoChildren) \"/\" Fruit/Apple
         S: * LIST (\\HasNoChildren) \"/\" Fruit/Banana
         S: * LIST (\\HasNoChildren) \"/\" INBOX
         S: * LIST (\\HasNoChildren \\Sent) \"/\" Sent
         S: * LIST (\\HasNoChildren) \"/\" Tofu
         S: * LIST (\\NonExistent \\Noselect \\HasChildren) \"/\" Vegetable
         S: * LIST (\\HasNoChildren) \"/\" Vegetable/Broccoli
         S: a OK LIST completed
         C: b LIST (SUBSCRIBED) \"\" \"*\"
         S: * LIST (\\Subscribed \\HasNoChildren) \"/\" Fruit/Banana
         S: * LIST (\\NonExistent \\Noselect \\Subscribed \\HasNoChildren) \"/\" Fruit/Peach
         S: * LIST (\\Subscribed \\HasNoChildren) \"/\" INBOX
         S: b OK LIST completed
         C: c LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\"
         S: * LIST (\\HasChildren) \"/\" Fruit (\"CHILDINFO\" (\"SUBSCRIBED\"))
         S: * LIST (\\Subscribed \\HasNoChildren) \"/\" INBOX
         S: c OK LIST completed
         C: d LIST (SPECIAL-USE) \"\" \"*\" RETURN (STATUS (MESSAGES))
         S: * LIST (\\HasNoChildren \\Sent) \"/\" Sent
         S: * STATUS Sent (MESSAGES 0)
         S: d OK LIST completed
         C: e LIST \"\" (\"INBOX\" \"Fruit/%\") RETURN (SUBSCRIBED CHILDREN)
         S: * LIST (\\HasNoChildren) \"/\" Fruit/Apple
         S: * LIST (\\Subscribed \\HasNoChildren) \"/\" Fruit/Banana
         S: * LIST (\\Subscribed \\HasNoChildren) \"/\" INBOX
         S: e OK LIST completed
         C: f LIST \"\" \"\"
         S: * LIST (\\Noselect) \"/\" \"\"
         S: f OK LIST completed
         C: g LSUB \"\" \"%\"
         S: * LSUB (\\Noselect) \"/\" Fruit
         S: * LSUB () \"/\" INBOX
         S: g OK LSUB completed
         C: h LIST (RECURSIVEMATCH) \"\" \"*\"
         S: h BAD an option that RECURSIVEMATCH extends expected at octet 7
         C: i NAMESPACE
         S: * NAMESPACE ((\"\" \"/\")) NIL NIL
         S: i OK NAMESPACE completed",
    );
}

/// RFC 3501 §5.1.3, RFC 9051 §5.1: one name in the two forms.
#[test]
fn names_are_in_utf7_until_the_client_enables_utf8() {
    let mut table = Table::users(1);
    table.play(
        "C: a CREATE Entw&APw-rfe
         S: a OK CREATE completed
         C: b LIST \"\" E%
         S: * LIST (\\HasNoChildren) \"/\" Entw&APw-rfe
         S: b OK LIST completed
         C: c SELECT &AP
         S: c NO [CANNOT] a mailbox name is in modified UTF-7: the shift at byte 0 does not end
         C: d ENABLE IMAP4rev2 X-NONE
         S: * ENABLED IMAP4rev2
         S: d OK ENABLE completed
         C: e LIST \"\" E%
         S: * LIST (\\HasNoChildren) \"/\" \"Entwürfe\"
         S: e OK LIST completed
         C: f SELECT \"Entwürfe\"
         S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)
         S: * 0 EXISTS
         S: * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] flags that \
             are kept
         S: * OK [UIDVALIDITY 1] identifiers hold as long as this
         S: * OK [UIDNEXT 1] the next identifier
         S: * OK [HIGHESTMODSEQ 1] the last change
         S: * LIST () \"/\" \"Entwürfe\"
         S: f OK [READ-WRITE] SELECT completed
         C: g SEARCH ALL
         S: * ESEARCH (TAG \"g\")
         S: g OK SEARCH completed",
    );
}

fn letters() -> Table {
    let mut table = Table::users(1);
    for (index, (from, subject, body)) in [
        ("andrea@ucatolica.edu.co", "=?utf-8?q?Caf=C3=A9?=", "uno"),
        ("carlos@urosario.edu.co", "plain", "dos caf\u{e9}"),
        ("andrea@ucatolica.edu.co", "third", "tres"),
    ]
    .into_iter()
    .enumerate()
    {
        let text = format!(
            "From: {from}\r\nSubject: {subject}\r\nDate: {}, {} Feb 1994 23:00:00 -0500\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n",
            ["Tue", "Wed", "Thu"][index],
            index + 1
        );
        let date = InternalDate(760_060_800 + 86_400 * i64::try_from(index).expect("small"));
        table.model.deliver(&MailboxName::inbox(), text.as_bytes(), date);
    }
    table.ask(0, "s SELECT INBOX");
    table.ask(0, "s STORE 2 +FLAGS.SILENT (\\Flagged $work)");
    table
}

/// RFC 9051 §6.4.4: every key.
#[test]
fn every_search_key_finds_its_messages() {
    let mut table = letters();
    let mut check = |key: &str, found: &str| {
        let heard = table.ask(0, &format!("a SEARCH {key}"));
        let found = if found.is_empty() { String::new() } else { format!(" {found}") };
        assert_eq!(heard, format!("* SEARCH{found}\r\na OK SEARCH completed\r\n"), "{key}");
    };
    for (key, found) in [
        ("ALL", "1 2 3"),
        ("2:*", "2 3"),
        ("*", "3"),
        ("UID 1,3:9", "1 3"),
        ("NOT 2", "1 3"),
        ("OR 1 3", "1 3"),
        ("(1:2 2:3)", "2"),
        ("1:2 2:3", "2"),
        ("FLAGGED", "2"),
        ("UNFLAGGED", "1 3"),
        ("KEYWORD $WORK", "2"),
        ("UNKEYWORD $work", "1 3"),
        ("SEEN", ""),
        ("UNSEEN UNDELETED UNDRAFT UNANSWERED", "1 2 3"),
        ("OR ANSWERED OR DELETED DRAFT", ""),
        ("NEW", ""),
        ("RECENT", ""),
        ("OLD", "1 2 3"),
        ("BEFORE 2-Feb-1994", "1"),
        ("ON 2-Feb-1994", "2"),
        ("SINCE \"2-Feb-1994\"", "2 3"),
        // The day of the header, not that of UTC.
        ("SENTON 1-Feb-1994", "1"),
        ("SENTBEFORE 3-Feb-1994", "1 2"),
        ("SENTSINCE 2-Feb-1994", "2 3"),
        ("LARGER 1", "1 2 3"),
        ("SMALLER 1", ""),
        ("FROM andrea", "1 3"),
        ("SUBJECT \"café\"", "1"),
        ("HEADER Subject \"\"", "1 2 3"),
        ("HEADER X-None \"\"", ""),
        ("TO x", ""),
        ("CC x", ""),
        ("BCC x", ""),
        ("BODY \"CAFÉ\"", "2"),
        ("TEXT \"café\"", "1 2"),
        ("CHARSET UTF-8 TEXT tres", "3"),
        ("CHARSET US-ASCII TEXT tres", "3"),
    ] {
        check(key, found);
    }
    table.say(0, b"a SEARCH CHARSET ISO-8859-1 BODY \"caf\xe9\"\r\n");
    assert_eq!(table.clients[0].heard, b"* SEARCH 2\r\na OK SEARCH completed\r\n");
    table.clients[0].heard.clear();
    table.play(
        "C: b SEARCH CHARSET X-NONE ALL
         S: b NO [BADCHARSET (US-ASCII UTF-8)] unknown charset
         C: c SEARCH 4
         S: c BAD there is no message with that number
         C: d SEARCH WHATEVER
         S: d BAD a known search key expected at octet 9",
    );
}

/// RFC 4731 §3, RFC 9051 §6.4.4.1.
#[test]
fn extended_searches_answer_and_save() {
    letters().play(
        "C: a SEARCH RETURN (MIN MAX COUNT ALL) FROM andrea
         S: * ESEARCH (TAG \"a\") MIN 1 MAX 3 ALL 1,3 COUNT 2
         S: a OK SEARCH completed
         C: b UID SEARCH RETURN () 1:2
         S: * ESEARCH (TAG \"b\") UID ALL 1:2
         S: b OK SEARCH completed
         C: c SEARCH RETURN (MIN) SEEN
         S: * ESEARCH (TAG \"c\")
         S: c OK SEARCH completed
         C: d SEARCH RETURN (COUNT) SEEN
         S: * ESEARCH (TAG \"d\") COUNT 0
         S: d OK SEARCH completed
         C: e SEARCH RETURN (SAVE) FROM andrea
         S: e OK SEARCH completed
         C: f FETCH $ (UID)
         S: * 1 FETCH (UID 1)
         S: * 3 FETCH (UID 3)
         S: f OK FETCH completed
         C: g UID SEARCH RETURN (SAVE MIN) $ NOT 1
         S: * ESEARCH (TAG \"g\") UID MIN 3
         S: g OK SEARCH completed
         C: h UID STORE $ +FLAGS.SILENT (\\Seen)
         S: h OK STORE completed
         C: i SEARCH SEEN
         S: * SEARCH 3
         S: i OK SEARCH completed
         C: j SEARCH RETURN (MAX) MODSEQ 1
         S: * ESEARCH (TAG \"j\") MAX 3 MODSEQ 6
         S: j OK SEARCH completed",
    );
}

/// RFC 9051 §6.4.5.1: parts, their headers, some of their octets.
#[test]
fn every_section_is_told_byte_for_byte() {
    let message = b"Subject: two\r\nX-Long: a\r\n b\r\nContent-Type: multipart/mixed; \
        boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain\r\n\r\nhello\r\n\
        --b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n\
        Subject: in\r\n\r\ninner\r\n\
        --b\r\nContent-Transfer-Encoding: base64\r\nContent-Type: application/x\r\n\r\nAAEC\r\n\
        --b\r\nContent-Transfer-Encoding: x-odd\r\nContent-Type: \
            application/x\r\n\r\n?\r\n--b--\r\n";
    let mut table = Table::users(1);
    table.model.deliver(&MailboxName::inbox(), message, InternalDate(0));
    table.ask(0, "s EXAMINE INBOX");
    let mut check = |item: &str, told: &str| {
        let heard = table.ask(0, &format!("a FETCH 1 {item}"));
        let told = format!("* 1 FETCH ({told})\r\na OK FETCH completed\r\n");
        assert_eq!(heard, told, "{item}");
    };
    check("BODY[1]", "BODY[1] {5}\r\nhello");
    check("BODY[1.MIME]", "BODY[1.MIME] {28}\r\nContent-Type: text/plain\r\n\r\n");
    check("BODY[1]<1.2>", "BODY[1]<1> {2}\r\nel");
    check("BODY[1]<9.2>", "BODY[1]<9> {0}\r\n");
    check("BODY[9]", "BODY[9] NIL");
    check(
        "BODY[HEADER.FIELDS (subject X-LONG)]",
        "BODY[HEADER.FIELDS (subject X-LONG)] {31}\r\nSubject: two\r\nX-Long: a\r\n b\r\n\r\n",
    );
    check(
        "BODY[HEADER.FIELDS.NOT (Subject Content-Type)]",
        "BODY[HEADER.FIELDS.NOT (Subject Content-Type)] {17}\r\nX-Long: a\r\n b\r\n\r\n",
    );
    check("BINARY[3]", "BINARY[3] ~{3}\r\n\0\u{1}\u{2}");
    check("BINARY.SIZE[3]", "BINARY.SIZE[3] 3");
    check("(UID BINARY.PEEK[1])", "UID 1 BINARY[1] {5}\r\nhello");
    let heard = table.ask(0, "b FETCH 1 BINARY[4]");
    assert!(heard.ends_with("b NO [UNKNOWN-CTE] a part has an encoding that is not known\r\n"));
    let whole = table.ask(0, "c FETCH 1 (RFC822 RFC822.HEADER RFC822.TEXT BODY[])");
    let text = String::from_utf8_lossy(message);
    let (header, body) = text.split_once("\r\n\r\n").expect("a header");
    let expected = format!(
        "* 1 FETCH (RFC822 {{{0}}}\r\n{text} RFC822.HEADER {{{1}}}\r\n{header}\r\n\r\n \
         RFC822.TEXT {{{2}}}\r\n{body} BODY[] {{{0}}}\r\n{text})\r\nc OK FETCH completed\r\n",
        text.len(),
        header.len() + 4,
        body.len()
    );
    assert_eq!(whole, expected);
    // EXAMINE changes nothing (RFC 9051 §6.3.3).
    assert!(table.ask(0, "d FETCH 1 FLAGS").starts_with("* 1 FETCH (FLAGS ())\r\n"));
    let bad = table.ask(0, "e FETCH 1 BODY[MIME]");
    assert_eq!(bad, "e BAD HEADER, TEXT or a part expected at octet 15\r\n");
}
