//! What a run looks like as text.

use capa7_lab::run::{
    Format, RunOptions, RunReport, Skipped, json_document, junit, run_virtual, text_report,
};
use capa7_lab::scenario::Scenario;
use capa7_lab::story::{EventType, EventView, LadderOptions, ladder, mermaid, run_line, tree_text};
use capa7_lab::text::Language;

fn report(break_with: Option<&str>) -> RunReport {
    let scenario = Scenario::carried("dns-iterated").unwrap();
    let break_with = break_with.map(str::to_owned);
    run_virtual(&scenario, &RunOptions { break_with, ..RunOptions::default() }).unwrap()
}

/// The events of the first step: the lecture's eight messages (course D4).
fn first_step(report: &RunReport) -> &[EventView] {
    let end = report.steps[1].first_event;
    &report.events[..report.events.partition_point(|event| event.id < end)]
}

#[test]
fn the_eight_messages_are_drawn_as_ladder_diagram_and_tree() {
    let report = report(None);
    let events = first_step(&report);
    let wide = LadderOptions { width: 140, ..LadderOptions::default() };
    let narrow = LadderOptions { width: 40, ..LadderOptions::default() };
    // The words of decisions are the resolver's own matter.
    let decides = |event: &&EventView| event.event_type == EventType::Note && event.id > 1;
    let without_decisions: Vec<EventView> =
        events.iter().filter(|event| !decides(event)).cloned().collect();
    let drawn = [
        ladder(events, &report.hosts, wide),
        ladder(events, &report.hosts, narrow),
        mermaid(events, &report.hosts),
        tree_text(&without_decisions, &report.hosts, events[0].id),
    ];
    insta::assert_snapshot!(drawn.join("\n"));
}

#[test]
fn no_line_of_a_ladder_is_wider_than_the_terminal() {
    let report = report(None);
    for width in [72, 100, 200] {
        let options = LadderOptions { width, ..LadderOptions::default() };
        let text = ladder(&report.events, &report.hosts, options);
        // Lines of text instead of a ladder are as long as what they say.
        if text.contains('│') {
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(width), "{widest:?} > {width}");
        }
    }
}

#[test]
fn a_failed_check_says_expected_seen_hint_and_events() {
    let report = report(Some("wrong-address"));
    assert!(!report.passed());
    let text = text_report(&report, Format::default());
    for part in [
        "✗ Carlos learns",
        "expected: NOERROR, 128.119.245.12",
        "seen: NOERROR 6.6.6.6",
        "hint:",
        "events: 1",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let spanish = text_report(&report, Format { language: Language::Es, ..Format::default() });
    assert!(spanish.contains("esperado:") && spanish.contains("pista:"), "{spanish}");
}

#[test]
fn json_and_junit_keep_their_contract() {
    let report = report(Some("wrong-address"));
    let skipped = [Skipped { id: "own".to_owned(), why: "needs <programs>".to_owned() }];
    let document = json_document(std::slice::from_ref(&report), &skipped);
    assert_eq!(document["skipped"][0]["id"], "own");
    let scenario = &document["scenarios"][0];
    assert_eq!(scenario["id"], "dns-iterated");
    assert_eq!(scenario["passed"], false);
    assert_eq!(scenario["digest"].as_str().map(str::len), Some(64));
    let check =
        scenario["checks"].as_array().unwrap().iter().find(|c| c["id"] == "answer").unwrap();
    assert_eq!(check["passed"], false);
    assert!(check["expected"].is_string() && check["seen"].is_string());
    let xml = junit(std::slice::from_ref(&report), &skipped, Language::En);
    // What Jenkins and GitLab look for: totals, a time of every case, failures
    // with type and message, what was skipped.
    for part in [
        "<testsuites name=\"capa7\" tests=\"8\" failures=\"1\" errors=\"0\" skipped=\"1\" time=",
        "<testsuite name=\"dns-iterated\" tests=\"7\" failures=\"1\"",
        "<failure type=\"check\" message=\"expected NOERROR, 128.119.245.12, seen",
        "<skipped message=\"needs &lt;programs&gt;\"/>",
    ] {
        assert!(xml.contains(part), "{part} is not in\n{xml}");
    }
    assert_eq!(xml.matches("<testcase ").count(), xml.matches("time=\"0.000000\"").count() - 1);
    assert!(!xml.contains("&&"), "unescaped text");
    let spanish = junit(std::slice::from_ref(&report), &[], Language::Es);
    assert!(spanish.contains("Carlos obtiene la dirección"), "{spanish}");
}

/// What the guides say of the lines of `--events`: these names and no others
/// (labs/README.md).
#[test]
fn the_lines_of_events_have_the_documented_names() {
    let readme = include_str!("../../../../labs/README.md");
    let part = readme.split("### `--events`").nth(1).expect("the events are documented");
    let part = part.split("\n#").next().unwrap_or_default();
    for id in ["dns-iterated", "sockets-tcp", "mail-queue", "smtp-by-hand"] {
        let scenario = Scenario::carried(id).unwrap();
        let report = run_virtual(&scenario, &RunOptions::default()).unwrap();
        for event in &report.events {
            let line: serde_json::Value =
                serde_json::from_str(&run_line(&report.id, event)).unwrap();
            for name in line.as_object().unwrap().keys() {
                assert!(part.contains(&format!("`{name}`")), "{name} is not documented");
            }
            assert_eq!(line["scenario"], id);
        }
    }
}

/// Whoever reads Spanish reads no English: each decision has its reason in
/// both languages, and the ladder speaks one.
#[test]
fn every_reason_of_every_scenario_is_told_in_spanish_too() {
    for id in Scenario::all() {
        let scenario = Scenario::carried(&id).unwrap();
        if scenario.needs_programs() {
            continue;
        }
        let report = run_virtual(&scenario, &RunOptions::default()).unwrap();
        for event in report.events.iter().filter(|event| event.event_type == EventType::Note) {
            let spanish = event.data.get("reason_es").and_then(|text| text.as_str());
            assert!(spanish.is_some(), "{id}: {:?} has no Spanish", event.reason);
        }
        let options = LadderOptions { width: 200, notes: true, language: Language::Es };
        let text = ladder(&report.events, &report.hosts, options);
        for english in ["referral", " more)", "connection asked", "its turn", "of a stream"] {
            assert!(!text.contains(english), "{id}: {english}");
        }
    }
}
