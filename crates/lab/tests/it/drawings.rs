//! What a run looks like as text.

use capa7_lab::run::{
    Format, RunOptions, RunReport, json_document, junit, run_virtual, text_report,
};
use capa7_lab::scenario::Scenario;
use capa7_lab::story::{EventType, EventView, LadderOptions, ladder, mermaid, tree_text};
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
    let wide = LadderOptions { width: 140, notes: false };
    let narrow = LadderOptions { width: 40, notes: false };
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
        let text = ladder(&report.events, &report.hosts, LadderOptions { width, notes: false });
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
    let document = json_document(std::slice::from_ref(&report));
    let scenario = &document["scenarios"][0];
    assert_eq!(scenario["id"], "dns-iterated");
    assert_eq!(scenario["passed"], false);
    assert_eq!(scenario["digest"].as_str().map(str::len), Some(64));
    let check =
        scenario["checks"].as_array().unwrap().iter().find(|c| c["id"] == "answer").unwrap();
    assert_eq!(check["passed"], false);
    assert!(check["expected"].is_string() && check["seen"].is_string());
    let xml = junit(std::slice::from_ref(&report));
    assert!(xml.contains("<testsuite name=\"dns-iterated\" tests=\"7\" failures=\"1\""), "{xml}");
    assert!(xml.contains("<failure message=\"expected NOERROR, 128.119.245.12, seen"), "{xml}");
    assert!(!xml.contains("&&"), "unescaped text");
}
