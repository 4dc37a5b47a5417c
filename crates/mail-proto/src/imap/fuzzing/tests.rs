use std::fs;
use std::path::Path;

/// The committed corpora hold what the fuzz targets claim.
#[test]
fn corpora_hold_their_claims() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, claim) in
        [("imap_commands", super::commands as fn(&[u8])), ("imap_session", super::session)]
    {
        let mut count = 0;
        for entry in fs::read_dir(root.join(name)).expect("a corpus") {
            claim(&fs::read(entry.expect("an entry").path()).expect("an input"));
            count += 1;
        }
        assert!(count >= 10, "{name} has a corpus");
    }
}
