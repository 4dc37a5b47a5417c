//! Messages that a server does not tell of, in a folder of others.

use std::time::Duration;

use serde_json::{Value, json};

use super::browser::Browser;
use super::scripted::{Wrong, with_site};

async fn list(browser: &Browser) -> Vec<Value> {
    let page = browser.get("/api/messages?folder=INBOX").await;
    let rows = page["messages"].as_array().unwrap().clone();
    assert_eq!(page["exists"], json!(rows.len()));
    rows
}

/// Of nine messages the fifth, and maybe others, are wrong in one way: the rest is
/// read as ever. What the server says of those that are.
fn check(wrong: Wrong, which: &'static [u32], words: &'static str, answer: (u16, &'static str)) {
    let of = move |uid: u32| which.contains(&uid).then_some(wrong);
    with_site((1..=9).map(|uid| (uid, of(uid))), move |site, browser| async move {
        let rows = list(&browser).await;
        assert_eq!(rows.len(), 9);
        for row in &rows {
            let uid = u32::try_from(row["uid"].as_u64().unwrap()).unwrap();
            if which.contains(&uid) {
                assert_eq!(row["untold"], words, "{row}");
                assert_eq!((&row["subject"], &row["from"]), (&json!(""), &json!([])));
            } else {
                assert_eq!(row["untold"], Value::Null, "{row}");
                assert_eq!(row["subject"], format!("Subject {uid}"));
                assert_eq!(row["preview"], format!("Number {uid}."));
            }
        }
        // Whoever opens it is told what the server says; another one is read.
        let opened = format!("/api/message?folder=INBOX&uid={}", which[0]);
        let told = browser.ask("GET", &opened, b"").await;
        let said: Value = serde_json::from_slice(&told.body).unwrap();
        assert_eq!((told.head.status.code(), said["error"].as_str().unwrap()), answer);
        if answer.1 == "mailbox_refused" {
            assert_eq!(said["detail"], words);
        }
        let other = browser.get("/api/message?folder=INBOX&uid=9").await;
        assert_eq!(other["text"], "Number 9.");
        // What is mended is seen the next time, or a minute after a connection ended.
        site.host.sleep(Duration::from_secs(61)).await;
        site.script().messages.values_mut().for_each(|wrong| *wrong = None);
        assert!(list(&browser).await.iter().all(|row| row["untold"].is_null()));
        site.stop().await;
    });
}

// RFC 9051 §7.1.2: NO tells that a command failed, of whichever of its messages.
#[test]
fn a_message_that_is_refused_costs_the_others_nothing() {
    check(Wrong::Refused, &[5], "the index is broken", (409, "mailbox_refused"));
    check(Wrong::Refused, &[1, 4, 5], "the index is broken", (409, "mailbox_refused"));
    check(Wrong::Last, &[5, 7], "cannot parse it", (409, "mailbox_refused"));
}

#[test]
fn a_message_that_is_left_out_is_listed_all_the_same() {
    check(Wrong::LeftOut, &[5], "", (502, "silent"));
    check(Wrong::Half, &[2, 5], "", (502, "silent"));
}

#[test]
fn a_server_that_ends_the_connection_over_a_message_tells_of_the_others() {
    let words = "not IMAP: the connection ended";
    check(Wrong::Ends, &[5], words, (502, "mailbox_unreachable"));
    check(Wrong::Ends, &[1, 4, 5, 6, 7, 8], words, (502, "mailbox_unreachable"));
    // More than one list may find: the next one goes on from there.
    with_site(
        (1..=60).map(|uid| (uid, (uid > 10).then_some(Wrong::Ends))),
        |site, browser| async move {
            for _ in 0..4 {
                let page = browser.get("/api/messages?folder=INBOX&page=1").await;
                assert_eq!((&page["exists"], &page["page"]), (&json!(60), &json!(1)));
                let rows = page["messages"].as_array().unwrap();
                assert!(rows.len() == 10 && rows.iter().all(|row| row["untold"].is_null()));
            }
            site.stop().await;
        },
    );
    // RFC 9051 §7.1.5: it may say why.
    check(Wrong::Farewell, &[1, 5, 6], "the file is broken", (502, "mailbox_refused"));
}

// RFC 2180 §4.1.2: a server refuses what another session expunged, until it has
// told of that.
#[test]
fn a_message_that_is_gone_meanwhile_is_not_listed() {
    let gone = |uid| (uid, (uid == 2 || uid == 4).then_some(Wrong::Gone));
    with_site((1..=5).map(gone), |site, browser| async move {
        let rows = list(&browser).await;
        let uids: Vec<_> = rows.iter().map(|row| row["uid"].as_u64().unwrap()).collect();
        assert_eq!(uids, [5, 3, 1]);
        assert!(rows.iter().all(|row| row["untold"].is_null()));
        let told = browser.ask("GET", "/api/message?folder=INBOX&uid=2", b"").await;
        assert_eq!(told.head.status.code(), 404);
        site.stop().await;
    });
}

// A flag and a date are often known of what cannot be read.
#[test]
fn what_is_known_of_a_message_that_cannot_be_read_is_shown() {
    with_site((1..=3).map(|uid| (uid, (uid == 2).then_some(Wrong::Refused))), |site, browser| {
        async move {
            let rows = list(&browser).await;
            let row = rows.iter().find(|row| row["uid"] == 2).unwrap();
            assert_eq!((&row["flagged"], &row["seen"]), (&json!(true), &json!(false)));
            assert_eq!(row["date"], json!(1_801_476_000));
            // For the conversations and for their rows: all together, and once more
            // when it is known what is gone; then by halves.
            let fetches = site.script().told("UID FETCH 1:3 ").len();
            assert_eq!(fetches, 4, "{:?}", site.script().said);
            site.stop().await;
        }
    });
}
