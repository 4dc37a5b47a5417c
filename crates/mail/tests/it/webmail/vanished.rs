//! Connections to the mailbox that vanish without a word.

use std::time::Duration;

use serde_json::json;

use super::scripted::with_site;

/// What a person waits for without complaint.
const SHORT: Duration = Duration::from_secs(4);

// The gateway's own bound: a kept connection is asked a question that changes
// nothing, and left when it is deaf; all that were kept are deaf at once.
#[test]
fn a_deaf_connection_costs_three_seconds_and_nothing_is_done_twice() {
    with_site((1..=3).map(|uid| (uid, None)), |site, browser| async move {
        browser.get("/api/messages?folder=INBOX").await;
        for pause in [2, 19, 600] {
            site.host.sleep(Duration::from_secs(pause)).await;
            // The way between browser and gateway is open again, and told nothing beneath.
            browser.get("/api/session").await;
            let before = site.script().go_deaf();
            let begun = site.host.now();
            let flags = json!({ "folder": "INBOX", "uids": [2], "add": ["\\Seen"] });
            browser.post("/api/flags", flags).await;
            let took = site.host.now().since(begun);
            assert!(took < SHORT, "{took:?} after {pause} s");
            let stores = site.script().told("UID STORE");
            assert_eq!(stores.len(), 1, "{stores:?}");
            assert!(stores[0] > before, "on a connection that hears");
            site.script().said.retain(|(_, line)| !line.starts_with("UID STORE"));
            browser.get("/api/messages?folder=INBOX").await;
        }
        site.stop().await;
    });
}

// What one click asks for comes in a row: no question in between.
#[test]
fn a_connection_that_was_just_used_is_not_asked_first() {
    with_site((1..=3).map(|uid| (uid, None)), |site, browser| async move {
        browser.get("/api/message?folder=INBOX&uid=1").await;
        site.script().said.clear();
        browser.get("/api/message?folder=INBOX&uid=2").await;
        assert!(site.script().told("NOOP").is_empty());
        // A list asks once what others did, not twice.
        site.host.sleep(Duration::from_secs(5)).await;
        browser.get("/api/messages?folder=INBOX").await;
        assert_eq!(site.script().told("NOOP").len(), 1);
        site.stop().await;
    });
}

// Also within the second in which no question is asked first: what is only read is asked
// again elsewhere, and before a change there is a question.
#[test]
fn a_connection_that_vanished_a_moment_after_its_use_costs_three_seconds_too() {
    with_site((1..=3).map(|uid| (uid, None)), |site, browser| async move {
        for target in ["/api/message?folder=INBOX&uid=2", "/api/messages?folder=INBOX"] {
            browser.get("/api/messages?folder=INBOX").await;
            site.script().go_deaf();
            let begun = site.host.now();
            browser.get(target).await;
            let took = site.host.now().since(begun);
            assert!(took < SHORT, "{target}: {took:?}");
        }
        browser.get("/api/messages?folder=INBOX").await;
        // To show a message marks it as read, which may be done twice.
        site.script().said.clear();
        let before = site.script().go_deaf();
        let begun = site.host.now();
        let flags = json!({ "folder": "INBOX", "uids": [2], "add": ["\\Seen"] });
        browser.post("/api/flags", flags).await;
        let took = site.host.now().since(begun);
        assert!(took < SHORT, "{took:?}");
        let stores = site.script().told("UID STORE");
        assert!(matches!(stores[..], [one] if one > before), "{stores:?}");
        site.stop().await;
    });
}
