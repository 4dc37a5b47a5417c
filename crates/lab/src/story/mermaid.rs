//! A sequence diagram in Mermaid's text, for reports and slides.

use super::HostTable;
use super::view::{EventType, EventView};

/// The messages of `events` as a `sequenceDiagram`.
#[must_use]
pub fn mermaid(events: &[EventView], hosts: &HostTable) -> String {
    let shown = |event: &&EventView| matches!(event.event_type, EventType::Message);
    let mut columns = Vec::new();
    for event in events.iter().filter(shown) {
        for host in [event.from, event.to] {
            if !columns.contains(&host) {
                columns.push(host);
            }
        }
    }
    let place = |host| columns.iter().position(|known| *known == host).unwrap_or(0);
    let mut text = String::from("sequenceDiagram\n");
    for (number, host) in columns.iter().enumerate() {
        text.push_str(&format!("    participant h{number} as {}\n", plain(&hosts.called(*host))));
    }
    for event in events.iter().filter(shown) {
        // A solid arrow arrives; one with a cross does not.
        let arrow = if event.is_lost() { "-x" } else { "->>" };
        let (from, to) = (place(event.from), place(event.to));
        text.push_str(&format!("    h{from}{arrow}h{to}: {}\n", plain(&event.summary)));
    }
    text
}

/// Mermaid gives `;` and `#` a meaning, and ends a label at the line's end.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            ';' | '#' | '\n' | '\r' => ' ',
            c => c,
        })
        .collect()
}
