//! The corpus of the fuzz target, replayed without a fuzzer.

use std::path::Path;

#[test]
fn the_corpus_of_heads_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/http_heads");
    let mut replayed = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is committed") {
        let bytes = std::fs::read(entry.expect("a folder is listed").path()).expect("a file");
        capa7_http_proto::fuzzing::http_heads(&bytes);
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
}
