//! The example is the truth, and mistakes have their place.

use super::*;

fn read(text: &str) -> Result<MailConfig, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mail.toml");
    std::fs::write(&file, text).expect("written");
    MailConfig::load(&file).map_err(|error| error.to_string())
}

const LEAST: &str = "\
hostname = \"mail.a.test\"
domains = [\"a.test\"]
data = \"data\"
users = \"users.toml\"
[[listen]]
at = \"127.0.0.1:2525\"
service = \"smtp\"
";

fn each_field(fields: &[Field], found: &mut Vec<Field>) {
    for field in fields {
        found.push(*field);
        if let Example::Table(inner) | Example::Tables(inner) = field.example {
            each_field(inner, found);
        }
    }
}

#[test]
fn the_example_is_a_configuration_and_tells_of_every_key() {
    let text = example();
    read(&text).expect("the example as it is");
    // With every key that may be left out.
    let whole: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = read(&whole).expect("the example with all of its keys");
    assert_eq!(config.user.as_deref(), Some("capa7-mail"));
    let mut fields = Vec::new();
    each_field(MailConfig::FIELDS, &mut fields);
    assert!(fields.len() > 20);
    for field in fields {
        let shown = match field.example {
            Example::Table(_) => format!("\n[{}]\n", field.name),
            Example::Tables(_) => format!("\n[[{}]]\n", field.name),
            _ => format!("\n{} = ", field.name),
        };
        assert!(whole.contains(&shown), "{shown} in {whole}");
        assert!(field.about.iter().all(|line| text.contains(&format!("#{line}\n"))));
    }
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
}

#[test]
fn what_the_example_calls_default_is_the_default() {
    let least = read(LEAST).expect("all that must be there");
    let mut with_all = String::from(LEAST);
    with_all.push_str("[limits]\n");
    for field in Limits::FIELDS {
        let Example::Default(value) = field.example else { panic!("{} has a default", field.name) };
        with_all.push_str(&format!("{} = {value}\n", field.name));
    }
    with_all.push_str("[queue]\n");
    for field in QueueTimes::FIELDS {
        let Example::Default(value) = field.example else { panic!("{} has a default", field.name) };
        with_all.push_str(&format!("{} = {value}\n", field.name));
    }
    let written = read(&with_all).expect("with defaults written out");
    assert_eq!((written.limits, written.queue), (least.limits, least.queue));
    let mut head = String::new();
    for field in MailConfig::FIELDS {
        if let Example::Default(value) = field.example {
            head.push_str(&format!("{} = {value}\n", field.name));
        }
    }
    let written = read(&format!("{head}{LEAST}")).expect("with defaults written out");
    assert_eq!(written.remote_port, least.remote_port);
}

#[test]
fn a_mistake_has_line_column_and_what_to_do() {
    let check = |from: &str, to: &str, place: &str, words: &str| {
        let text = LEAST.replace(from, to);
        assert_ne!(text, LEAST);
        let said = read(&text).expect_err("a mistake");
        assert!(said.contains(&format!("mail.toml{place}: ")), "{said}");
        assert!(said.contains(words), "{said}");
    };
    check("mail.a.test", "mail a", ":1:12", "no name of a host");
    check("[\"a.test\"]", "[\"a.test\", \"b_c\"]", ":2:22", "no name of a host");
    check("[\"a.test\"]", "[]", "", "`domains` is empty");
    check("data = \"data\"", "datum = \"data\"", ":3:1", "unknown field `datum`");
    check("data = \"data\"\n", "", ":1:1", "missing field `data`");
    check("2525", "x", ":6:6", "socket address");
    check("\"smtp\"", "\"ftp\"", ":7:11", "`submission`");
    check("\"smtp\"", "\"smtp\"\ntls = \"implicit\"", ":8:7", "needs a certificate");
    let twice = format!(
        "{LEAST}{}",
        LEAST.split_once("[[").map(|(_, t)| format!("[[{t}")).expect("a table")
    );
    assert!(read(&twice).expect_err("a mistake").contains("comes twice"));
    let size = format!("{LEAST}[limits]\nmessage = \"5 apples\"\n");
    let said = read(&size).expect_err("a mistake");
    assert!(said.contains(":9:11: ") && said.contains("5 apples"), "{said}");
}

#[test]
fn paths_are_relative_to_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mail.toml");
    std::fs::write(&file, LEAST).expect("written");
    let config = MailConfig::load(&file).expect("in order");
    assert_eq!(config.data, folder.path().join("data"));
    assert_eq!(config.users, folder.path().join("users.toml"));
}
