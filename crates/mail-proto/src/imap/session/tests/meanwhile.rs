//! What happens while a session waits for its store.

use capa7_dissect::Cause;

use super::Table;
use crate::imap::fuzzing::model::Staged;
use crate::imap::session::{Input, Output};

/// Client 1 says a line; after the store has looked for it, and before the
/// session hears what the store saw, client 2 appends a message.
fn append_meanwhile(table: &mut Table, line: &str) {
    let octets = format!("{line}\r\n");
    let said = Input::Octets { octets: octets.as_bytes(), cause: Cause(2) };
    table.clients[0].session.handle(table.now, said);
    let request = loop {
        match table.clients[0].session.poll() {
            Some(Output::Store { request, .. }) => break request,
            Some(_) => {}
            None => panic!("the session asks its store nothing"),
        }
    };
    let reply = table.model.handle(&mut Staged::default(), request);
    table.ask(1, "x APPEND INBOX {1+}\r\nx");
    table.notify(0);
    table.give(0, Input::Stored(reply));
}

/// RFC 9051 §6.3.13: what comes while IDLE looks at what is there is told too.
#[test]
fn a_message_that_comes_while_idle_begins_is_told() {
    let mut table = Table::users(2);
    table.ask(1, "w APPEND INBOX {1+}\r\nw");
    table.ask(0, "a SELECT INBOX");
    table.ask(1, "w APPEND INBOX {1+}\r\nw");
    table.notify(0);
    append_meanwhile(&mut table, "b IDLE");
    let heard = String::from_utf8_lossy(&table.clients[0].heard);
    assert!(heard.ends_with("* 3 EXISTS\r\n"), "{heard}");
}
