//! The corpora of the fuzz targets, replayed without a fuzzer.

use std::path::Path;

use capa7_mail_proto::fuzzing;

fn replay(target: &str, claim: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut replayed = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is committed") {
        let path = entry.expect("a folder is listed").path();
        claim(&std::fs::read(&path).expect("a file is read"));
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
}

#[test]
fn the_corpus_of_smtp_commands_holds() {
    replay("smtp_commands", fuzzing::smtp_commands);
}

#[test]
fn the_corpus_of_smtp_sessions_holds() {
    replay("smtp_session", fuzzing::smtp_session);
}

#[test]
fn the_corpus_of_pop3_commands_holds() {
    replay("pop3_commands", fuzzing::pop3_commands);
}

#[test]
fn the_corpus_of_pop3_sessions_holds() {
    replay("pop3_session", fuzzing::pop3_session);
}

#[test]
fn the_corpus_of_pop3_replies_holds() {
    replay("pop3_replies", fuzzing::pop3_replies);
}
