//! What is for mailboxes here goes there straight from the journal.

use std::fs;

use capa7_mail::queue::Selection;
use capa7_net::Cause;

use super::world::*;

const ANA: &str = "ana@ucatolica.example";
const ANDREA: &str = "andrea@ucatolica.example";

fn numbers(inbox: &[String]) -> Vec<usize> {
    let number = |text: &String| text.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
    inbox.iter().map(number).collect()
}

// Goal: whoever reads a mailbox sees the order of the answers, though many
// share a commit and some are for two accounts.
#[test]
fn messages_are_stored_in_the_order_in_which_they_were_accepted() {
    let world = World::new();
    world
        .net
        .run(async {
            let queue = world.queue().await;
            for number in 0..600 {
                let to = if number % 3 == 0 { &[ANDREA, ANA][..] } else { &[ANA][..] };
                let text = message(&format!("number {number}"));
                queue.accept(envelope(to), text, Cause::NONE).await.unwrap();
            }
            world.sender.sleep(MINUTE).await;
            assert_eq!(queue.table().await.unwrap().messages, 0);
            queue.stop().await;
        })
        .unwrap();
    assert_eq!(numbers(&world.inbox(ANA)), (0..600).collect::<Vec<_>>());
    assert_eq!(numbers(&world.inbox(ANDREA)), (0..600).step_by(3).collect::<Vec<_>>());
    for kind in ["queued", "delivering", "stored", "delivered"] {
        assert_eq!(world.notes(kind).len(), 800, "{kind}");
    }
}

// Goal: what a mark that was not written down yet makes a beginning replay is
// put nowhere twice: neither into a mailbox nor into the rows.
#[test]
fn a_queue_that_dies_replays_what_was_done_to_no_effect() {
    let world = World::new();
    host(&world.net, "mail.urosario.example", UROSARIO);
    host(&world.net, "backup.urosario.example", BACKUP);
    world
        .net
        .run(async {
            let queue = world.queue().await;
            for number in 0..40 {
                let to = if number % 4 == 3 { "carlos@urosario.example" } else { ANA };
                let text = message(&format!("number {number}"));
                queue.accept(envelope(&[to]), text, Cause::NONE).await.unwrap();
            }
            world.sender.sleep(MINUTE).await;
            // No stop: its last mark is not written.
            drop(queue);
            world.sender.sleep(MINUTE).await;
            let queue = world.queue().await;
            world.sender.sleep(MINUTE).await;
            let left = queue.list(Selection::All, 0, 100).await.unwrap();
            assert_eq!(left.len(), 10);
            assert!(left.iter().all(|one| one.destination == "urosario.example"), "{left:?}");
            queue.stop().await;
        })
        .unwrap();
    let expected: Vec<_> = (0..40).filter(|number| number % 4 != 3).collect();
    assert_eq!(numbers(&world.inbox(ANA)), expected);
}

// Goal: a mailbox that fails costs its owner time and the others nothing.
#[test]
fn what_a_mailbox_cannot_take_waits_in_the_rows_while_others_get_theirs() {
    let world = World::new();
    world
        .net
        .run(async {
            let queue = world.queue().await;
            world.inbox(ANA);
            let bodies = world.root().join("store").join(ANA).join("bodies");
            let away = world.root().join("away");
            fs::rename(&bodies, &away).unwrap();
            for number in 0..5 {
                let text = message(&format!("number {number}"));
                queue.accept(envelope(&[ANA, ANDREA]), text, Cause::NONE).await.unwrap();
            }
            world.sender.sleep(MINUTE).await;
            assert_eq!(numbers(&world.inbox(ANDREA)), [0, 1, 2, 3, 4]);
            let left = queue.list(Selection::All, 0, 100).await.unwrap();
            assert_eq!(left.len(), 5);
            let waits = |one: &capa7_mail::queue::Entry| {
                one.recipient.to_string() == ANA && one.attempts == 1 && one.reason.is_some()
            };
            assert!(left.iter().all(waits), "{left:?}");
            fs::rename(&away, &bodies).unwrap();
            world.sender.sleep(HOUR).await;
            assert_eq!(queue.table().await.unwrap().recipients, 0);
            queue.stop().await;
        })
        .unwrap();
    assert_eq!(numbers(&world.inbox(ANA)), [0, 1, 2, 3, 4]);
    assert_eq!(numbers(&world.inbox(ANDREA)), [0, 1, 2, 3, 4]);
}
