//! A scenario that is not well formed is told with file, line, column and
//! what to do.

use std::path::PathBuf;

use capa7_lab::scenario::Scenario;

const GOOD: &str = r#"id = "small"
title = { en = "Small", es = "Pequeño" }
course = ["D4"]

[[step]]
id = "ask"
act = [{ query = { from = "carlos", name = "www.urosario.edu.co" } }]

[[measure]]
id = "messages"
name = { en = "messages", es = "mensajes" }
value = { count = "message && dns" }

[[check]]
id = "some"
says = { en = "There are messages.", es = "Hay mensajes." }
hint = { en = "Ask.", es = "Pregunte." }
that = { measure = { of = "messages", at_least = 2 } }

[[statement]]
id = "D4.2"
checks = ["some"]
measured = { en = "{messages}", es = "{messages}" }

[[sabotage]]
id = "silence"
fault = [{ drop = { of = "dns" } }]
fails = ["some"]
"#;

/// A folder that is removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, scenario: &str, english: &str) -> Self {
        let path = std::env::temp_dir().join(format!("capa7-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("scenario.toml"), scenario).unwrap();
        std::fs::write(path.join("text.en.md"), english).unwrap();
        std::fs::write(path.join("text.es.md"), "# Pequeño\n\n## ask: Preguntar\n\nYa.\n").unwrap();
        Self(path)
    }

    /// The error without the folder's own path.
    fn error(&self) -> String {
        let error = Scenario::from_path(&self.0).expect_err("the scenario is broken");
        error.to_string().replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const ENGLISH: &str = "# Small\n\n## ask: Asking\n\nDone.\n";

#[test]
fn a_broken_scenario_is_told_with_line_column_and_what_to_do() {
    let cases = [
        ("id = \"ask\"", "id = \"ask\"\nwhen = \"now\""),
        ("from = \"carlos\"", "from = \"carlso\""),
        ("name = \"www.urosario.edu.co\"", "name = \"www..co\""),
        ("name = \"www.urosario.edu.co\"", "name = \"www.co\", type = \"AX\""),
        ("query = {", "qeury = {"),
        ("id = \"D4.2\"", "id = \"D4.29\""),
        ("course = [\"D4\"]", "course = [\"D4\"]\n[change.link.home]\nup = { loss = 1.5 }\n"),
        ("count = \"message && dns\"", "count = \"message && \""),
        ("of = \"messages\"", "of = \"mesages\""),
        ("at_least = 2", "at_least = \"2\""),
        ("checks = [\"some\"]", "checks = [\"none\"]"),
        ("en = \"{messages}\"", "en = \"{message}\""),
        ("en = \"{messages}\"", "en = \"{messages|message}\""),
        ("fails = [\"some\"]", "fails = []"),
        ("drop = { of = \"dns\" }", "drop = { of = \"dns\", by = \"1s\" }"),
        ("course = [\"D4\"]", "course = [\"D4\"]\nworld = \"nowhere\""),
        ("course = [\"D4\"]", "course = [\"D4\", \"Z9\"]"),
        ("course = [\"D4\"]", "course = [\"D4\"\n"),
        ("course = [\"D4\"]", "course = [\"D4\"]\nlimit = \"soon\""),
        ("[[check]]\nid = \"some\"", "[[check]]\nid = \"some\"\nin = \"never\""),
        ("[[sabotage]]", "[[step]]\nid = \"ask\"\n\n[[sabotage]]"),
    ];
    let query = "query = { from = \"carlos\", name = \"www.urosario.edu.co\" }";
    let reads = [
        "over = \"smtp\"",
        "over = \"pop3\", folder = \"Sent\"",
        "over = \"pop3\", then = { flag = '\\Seen' }",
        "over = \"pop3\", then = { to = \"Work\" }",
        "over = \"pop3\", wait = \"1m\"",
        "then = { to = \"Work\", delete = true }",
    ];
    let reads = reads.map(|read| format!("read = {{ by = \"carlos\", {read} }}"));
    let cases = cases.into_iter().chain(reads.iter().map(|read| (query, read.as_str())));
    let mut told = String::new();
    for (number, (changed, by)) in cases.enumerate() {
        assert!(GOOD.contains(changed), "{changed}");
        let folder = Folder::new(&number.to_string(), &GOOD.replace(changed, by), ENGLISH);
        told.push_str(&format!("{by:?}\n    {}\n", folder.error()));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn texts_and_steps_must_agree() {
    let untold = Folder::new("untold", GOOD, "# Small\n");
    assert!(
        untold.error().contains("text.en.md: the step `ask` has no text"),
        "{}",
        untold.error()
    );
    let extra = Folder::new("extra", GOOD, "# Small\n\n## ask: A\n\n## other: B\n");
    assert_eq!(extra.error(), "text.en.md:5:4: there is no step `other` in scenario.toml");
}

#[test]
fn a_well_formed_scenario_is_read_from_its_folder_and_from_its_file() {
    let folder = Folder::new("good", GOOD, ENGLISH);
    assert_eq!(Scenario::from_path(&folder.0).unwrap().id, "small");
    assert_eq!(Scenario::from_path(&folder.0.join("scenario.toml")).unwrap().id, "small");
}

#[test]
fn an_unknown_scenario_is_told_with_those_that_there_are() {
    let error = Scenario::named("dns-itreated").unwrap_err().to_string();
    assert!(error.contains("dns-iterated"), "{error}");
}

#[test]
fn a_share_that_is_none_is_told_with_its_place() {
    let share = GOOD.replace("of = \"dns\" }", "of = \"dns\", share = 1.5 }");
    let error = Folder::new("share", &share, ENGLISH).error();
    assert!(error.contains("scenario.toml:") && error.contains("between 0 and 1"), "{error}");
    let share = GOOD.replace("of = \"dns\" }", "of = \"dns\", share = 0.3 }");
    let folder = Folder::new("good-share", &share, ENGLISH);
    assert!(Scenario::from_path(&folder.0).is_ok());
}

#[test]
fn actions_that_are_apart_must_begin_together() {
    let step = "id = \"ask\"\n";
    let alone = GOOD.replacen(step, "id = \"ask\"\napart = \"1s\"\n", 1);
    let error = Folder::new("apart", &alone, ENGLISH).error();
    assert!(error.contains("scenario.toml:6:6") && error.contains("together = true"), "{error}");
    let step_of_two = "id = \"ask\"\napart = \"1s\"\ntogether = true\n";
    let both = GOOD.replacen(step, step_of_two, 1);
    assert!(Scenario::from_path(&Folder::new("apart-both", &both, ENGLISH).0).is_ok());
}

/// A stream's sequence numbers make a second copy invisible: such a fault would
/// do nothing.
#[test]
fn a_fault_that_no_stream_can_have_is_told() {
    let fault = |of: &str| {
        let text =
            GOOD.replace("drop = { of = \"dns\" }", &format!("duplicate = {{ of = \"{of}\" }}"));
        Scenario::from_path(&Folder::new("streams", &text, ENGLISH).0)
    };
    for of in ["mail && from:carlos", "tcp", "dns && room:mail || http"] {
        let error = fault(of).expect_err(of).to_string();
        assert!(error.contains("only datagrams") && error.contains("reset"), "{error}");
    }
    assert!(fault("dns && from:carlos || mail").is_ok() && fault("!tcp").is_ok());
}
