//! The fuzz target of messages, replayed without a fuzzer, and on prefixes.

use std::path::Path;

use capa7_mail_proto::message::fuzzing::message_structure;

use crate::tricky_messages::MESSAGES;

#[test]
fn the_corpus_of_message_structures_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/message_structure");
    let mut replayed = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is committed") {
        let path = entry.expect("a folder is listed").path();
        message_structure(&std::fs::read(&path).expect("a file is read"));
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
}

/// Every tricky message, cut at every byte, with both kinds of line ends.
#[test]
fn tricky_messages_hold_wherever_they_are_cut() {
    for (_, message) in MESSAGES {
        for end in 0..=message.len() {
            message_structure(&message[..end]);
            message_structure(&with_cr(&message[..end]));
        }
    }
}

fn with_cr(message: &[u8]) -> Vec<u8> {
    message.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..])
}
