//! What a run says in Spanish.

use std::collections::BTreeMap;

use capa7_lab::run::{RunOptions, RunReport, run_virtual};
use capa7_lab::scenario::Scenario;
use capa7_lab::story::{LadderOptions, ladder};
use capa7_lab::text::Language;

/// Every scenario that needs no programs of this machine, run to its end.
fn reports() -> impl Iterator<Item = RunReport> {
    let carried = Scenario::all().into_iter().map(|id| Scenario::carried(&id).unwrap());
    let virtual_ones = carried.filter(|scenario| !scenario.needs_programs());
    virtual_ones.map(|scenario| run_virtual(&scenario, &RunOptions::default()).unwrap())
}

/// All that happened, with the decisions between the messages.
fn drawn(report: &RunReport, language: Language) -> String {
    let options = LadderOptions { width: 200, notes: true, language };
    ladder(&report.events, &report.hosts, options)
}

/// The page's texts of our own words in English, without the numbers in them.
fn english_words() -> Vec<String> {
    let texts: BTreeMap<String, String> =
        serde_json::from_str(include_str!("../../../../web/text/en.json")).unwrap();
    let ours = texts.iter().filter(|(key, _)| key.starts_with("words_"));
    let words = ours.flat_map(|(_, text)| text.split("{count}")).map(str::trim);
    // "no" alone, and what is left around numbers, are words of both languages.
    words.filter(|word| word.len() > 3).map(str::to_owned).collect()
}

// Goal: `capa7 run --lang es` tells messages in Spanish, as the page does.
#[test]
fn no_ladder_in_spanish_has_an_english_word_of_ours() {
    let words = english_words();
    let (mut said_in_english, mut scenarios) = (0, 0);
    for report in reports() {
        scenarios += 1;
        let (english, spanish) = (drawn(&report, Language::En), drawn(&report, Language::Es));
        for word in &words {
            said_in_english += english.matches(word.as_str()).count();
            let line = spanish.lines().find(|line| line.contains(word.as_str()));
            assert_eq!(line, None, "{}: `{word}`", report.id);
        }
    }
    assert!(scenarios > 10 && said_in_english > 100, "{scenarios}, {said_in_english}");
}
