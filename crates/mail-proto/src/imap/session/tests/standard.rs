use super::Table;
use crate::imap::date::InternalDate;
use crate::mailbox::MailboxName;

/// The message of RFC 9051 §8.
const GRAY: &[u8] = b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n\
    From: Terry Gray <gray@cac.washington.edu>\r\n\
    Subject: IMAP4rev2 WG mtg summary and minutes\r\n\
    To: imap@cac.washington.edu\r\n\
    cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n\
    Message-Id: <B27397-0100000@cac.washington.ed>\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\nThe minutes.\r\n";

fn deliver(table: &mut Table, octets: &[u8]) {
    table.model.deliver(&MailboxName::inbox(), octets, InternalDate(837_596_665));
}

/// RFC 9051 §8: the sample connection, with this server's texts.
#[test]
fn the_sample_connection_of_the_standard_is_understood() {
    let mut table = Table::new(1);
    deliver(&mut table, GRAY);
    table.play(
        "C: a001 login mrc secret
         S: a001 OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ENABLE ID IDLE NAMESPACE \
             UNSELECT CHILDREN UIDPLUS MOVE MULTIAPPEND CONDSTORE ESEARCH SEARCHRES \
             LIST-EXTENDED LIST-STATUS SPECIAL-USE CREATE-SPECIAL-USE STATUS=SIZE \
             APPENDLIMIT=100000] logged in
         C: a002 select inbox
         S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)
         S: * 1 EXISTS
         S: * 0 RECENT
         S: * OK [UNSEEN 1] the first message not seen
         S: * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] flags that \
             are kept
         S: * OK [UIDVALIDITY 1] identifiers hold as long as this
         S: * OK [UIDNEXT 2] the next identifier
         S: * OK [HIGHESTMODSEQ 2] the last change
         S: a002 OK [READ-WRITE] SELECT completed
         C: a003 fetch 1 full
         S: * 1 FETCH (FLAGS () INTERNALDATE \"17-Jul-1996 09:44:25 +0000\" RFC822.SIZE 355 \
             ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev2 WG mtg summary and \
             minutes\" ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((\"Terry Gray\" \
             NIL \"gray\" \"cac.washington.edu\")) ((\"Terry Gray\" NIL \"gray\" \
             \"cac.washington.edu\")) ((NIL NIL \"imap\" \"cac.washington.edu\")) ((NIL NIL \
             \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) \
             NIL NIL \"<B27397-0100000@cac.washington.ed>\") BODY (\"TEXT\" \"PLAIN\" \
             (\"CHARSET\" \"US-ASCII\") NIL NIL \"7bit\" 14 1))
         S: a003 OK FETCH completed
         C: a004 fetch 1 body[text]
         S: * 1 FETCH (BODY[TEXT] {14}
         S: The minutes.
         S:  FLAGS (\\Seen))
         S: a004 OK FETCH completed
         C: a005 store 1 +flags \\deleted
         S: * 1 FETCH (UID 1 FLAGS (\\Deleted \\Seen))
         S: a005 OK STORE completed
         C: a006 logout
         S: * BYE see you
         S: a006 OK LOGOUT completed",
    );
    assert!(table.clients[0].is_closed);
}

/// RFC 9051 §5.2, §7.5.1: another session's changes are told, but no number is
/// taken away during FETCH, STORE, SEARCH.
#[test]
fn what_one_session_does_the_other_hears_where_it_may() {
    let mut table = Table::users(2);
    (0..3).for_each(|_| deliver(&mut table, b"Subject: x\r\n\r\nx\r\n"));
    table.ask(0, "s SELECT INBOX");
    table.ask(1, "s SELECT INBOX");
    table.play(
        "1C: a STORE 2 +FLAGS.SILENT (\\Deleted)
         1S: a OK STORE completed
         1C: b EXPUNGE
         1S: * 2 EXPUNGE
         1S: b OK EXPUNGE completed
         2C: c FETCH 3 (UID)
         2S: * 3 FETCH (UID 3)
         2S: c OK FETCH completed
         2C: d FETCH 2 (UID)
         2S: d NO [EXPUNGEISSUED] some of the messages no longer exist
         2C: e UID FETCH 2 (FLAGS)
         2S: * 2 EXPUNGE
         2S: e OK FETCH completed
         2C: f FETCH 2 (UID)
         2S: * 2 FETCH (UID 3)
         2S: f OK FETCH completed
         1C: g STORE 1 +FLAGS (\\Flagged $later)
         1S: * 1 FETCH (UID 1 FLAGS ($later \\Flagged))
         1S: g OK STORE completed
         2C: h NOOP
         2S: * 1 FETCH (UID 1 FLAGS ($later \\Flagged))
         2S: h OK NOOP completed",
    );
}

/// RFC 9051 §6.3.13: in IDLE nothing waits.
#[test]
fn an_idle_session_hears_at_once() {
    let mut table = Table::users(2);
    deliver(&mut table, b"Subject: x\r\n\r\nx\r\n");
    table.ask(0, "s SELECT INBOX");
    table.ask(1, "s SELECT INBOX");
    table.play(
        "2C: i IDLE
         2S: + idling
         1C: a STORE 1 +FLAGS (\\Deleted)
         1S: * 1 FETCH (UID 1 FLAGS (\\Deleted))
         1S: a OK STORE completed
         2S: * 1 FETCH (UID 1 FLAGS (\\Deleted))
         1C: b APPEND INBOX {1+}",
    );
    table.play(
        "1C: x
         1S: * 2 EXISTS
         1S: b OK [APPENDUID 1 2] APPEND completed
         2S: * 2 EXISTS
         1C: c EXPUNGE
         1S: * 1 EXPUNGE
         1S: c OK EXPUNGE completed
         2S: * 1 EXPUNGE
         2C: DONE
         2S: i OK IDLE completed",
    );
}

/// RFC 9051 §6.3.12, RFC 3502, RFC 4315: several messages, all or none.
#[test]
fn append_takes_messages_as_they_come() {
    let mut table = Table::users(1);
    table.play(
        "C: a APPEND INBOX (\\Seen) \" 7-Feb-1994 21:52:25 -0800\" {3}
         S: + send the message
         C: abc (\\Flagged) {4}
         S: + send the message
         C: defg
         S: a OK [APPENDUID 1 1:2] APPEND completed
         C: b APPEND saved-messages {3}
         S: b NO [TRYCREATE] there is no such mailbox
         C: c APPEND INBOX {3+}",
    );
    table.play(
        "C: abc x
         S: c BAD a literal expected at octet 1
         C: d APPEND INBOX {200000}
         S: d NO [TOOBIG] the message is too large
         C: e SELECT INBOX
         S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)
         S: * 2 EXISTS
         S: * 0 RECENT
         S: * OK [UNSEEN 2] the first message not seen
         S: * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] flags that \
             are kept
         S: * OK [UIDVALIDITY 1] identifiers hold as long as this
         S: * OK [UIDNEXT 3] the next identifier
         S: * OK [HIGHESTMODSEQ 3] the last change
         S: e OK [READ-WRITE] SELECT completed
         C: f FETCH 1:2 (FLAGS INTERNALDATE BODY.PEEK[])
         S: * 1 FETCH (FLAGS (\\Seen) INTERNALDATE \" 8-Feb-1994 05:52:25 +0000\" BODY[] {3}
         S: abc)
         S: * 2 FETCH (FLAGS (\\Flagged) INTERNALDATE \" 1-Jan-1970 00:00:00 +0000\" BODY[] {4}
         S: defg)
         S: f OK FETCH completed",
    );
}

/// RFC 9051 §6.4.7, §6.4.8: where messages went is told, and numbers go after.
#[test]
fn copy_and_move_tell_where_messages_are() {
    let mut table = Table::users(1);
    (0..3).for_each(|_| deliver(&mut table, b"Subject: x\r\n\r\nx\r\n"));
    table.ask(0, "s SELECT INBOX");
    table.play(
        "C: a COPY 2 MEETING
         S: a NO [TRYCREATE] there is no such mailbox
         C: b CREATE MEETING
         S: b OK CREATE completed
         C: c COPY 1:2 MEETING
         S: c OK [COPYUID 1 1:2 1:2] COPY completed
         C: d UID MOVE 2:3 MEETING
         S: * OK [COPYUID 1 2:3 3:4] moved
         S: * 2 EXPUNGE
         S: * 2 EXPUNGE
         S: d OK MOVE completed
         C: e STATUS MEETING (MESSAGES UIDNEXT UNSEEN DELETED SIZE RECENT APPENDLIMIT)
         S: * STATUS MEETING (MESSAGES 4 UIDNEXT 5 UNSEEN 4 DELETED 0 SIZE 68 RECENT 0 \
             APPENDLIMIT 100000)
         S: e OK STATUS completed
         C: f DELETE MEETING
         S: f OK DELETE completed
         C: g SELECT MEETING
         S: * OK [CLOSED] the mailbox is left
         S: g NO [NONEXISTENT] there is no such mailbox
         C: h FETCH 1 UID
         S: h BAD this command is not for this state",
    );
}

/// RFC 7162 §3.1: the examples' course of events.
#[test]
fn condstore_protects_what_another_changed() {
    let mut table = Table::users(2);
    (0..2).for_each(|_| deliver(&mut table, b"Subject: x\r\n\r\nx\r\n"));
    table.ask(0, "s SELECT INBOX (CONDSTORE)");
    table.ask(1, "s SELECT INBOX");
    table.play(
        "2C: a STORE 1 +FLAGS (\\Seen)
         2S: * 1 FETCH (UID 1 FLAGS (\\Seen))
         2S: a OK STORE completed
         1C: b STORE 1,2 (UNCHANGEDSINCE 3) +FLAGS.SILENT (\\Deleted)
         1S: * 2 FETCH (UID 2 MODSEQ (5))
         1S: * 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (4))
         1S: b OK [MODIFIED 1] conditional STORE failed
         1C: c FETCH 1:* (FLAGS) (CHANGEDSINCE 4)
         1S: * 2 FETCH (MODSEQ (5) FLAGS (\\Deleted))
         1S: c OK FETCH completed
         1C: d SEARCH MODSEQ 4
         1S: * SEARCH 1 2 (MODSEQ 5)
         1S: d OK SEARCH completed
         1C: e SEARCH MODSEQ 100
         1S: * SEARCH
         1S: e OK SEARCH completed
         1C: f STATUS INBOX (HIGHESTMODSEQ)
         1S: * STATUS INBOX (HIGHESTMODSEQ 5)
         1S: f OK STATUS completed",
    );
}

/// RFC 9051 §6.3.2: after a selection that fails no mailbox is selected, whatever is wrong
/// with the name.
#[test]
fn a_selection_of_an_impossible_name_leaves_the_mailbox_too() {
    let mut table = Table::new(1);
    table.ask(0, "a login mrc secret");
    assert!(table.ask(0, "b select inbox").contains("\nb OK [READ-WRITE]"));
    let said = table.ask(0, "c examine \"\"");
    assert!(said.starts_with("* OK [CLOSED] "), "{said}");
    assert!(said.contains("\nc NO [CANNOT] "), "{said}");
    assert_eq!(table.ask(0, "d check"), "d BAD this command is not for this state\r\n");
}

/// RFC 9051 §9, `atom-specials`: a tilde is none; before a brace it begins a literal8.
#[test]
fn a_tilde_may_begin_a_mailbox_name() {
    let mut table = Table::new(1);
    table.ask(0, "a login mrc secret");
    assert_eq!(table.ask(0, "b create ~mrc"), "b OK CREATE completed\r\n");
    let listed = "* LIST (\\HasNoChildren) \"/\" ~mrc\r\nc OK LIST completed\r\n";
    assert_eq!(table.ask(0, "c list \"\" ~%"), listed);
}

/// RFC 3502 §6.3.11: a message of no octets "is an error, and MUST return a NO", and none of
/// the others is kept.
#[test]
fn a_message_of_no_octets_cancels_an_append() {
    let mut table = Table::new(1);
    table.ask(0, "a login mrc secret");
    let cancelled = "NO a message of no octets cancels\r\n";
    assert_eq!(table.ask(0, "b append inbox {0}"), format!("b {cancelled}"));
    assert_eq!(table.ask(0, "c append inbox {0+}\r\n"), format!("c {cancelled}"));
    let two = "d append inbox {1+}\r\nx {0+}\r\n";
    assert_eq!(table.ask(0, two), format!("d {cancelled}"));
    let said = table.ask(0, "e status inbox (messages)");
    assert_eq!(said, "* STATUS INBOX (MESSAGES 0)\r\ne OK STATUS completed\r\n");
}
