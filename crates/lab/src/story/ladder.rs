//! The ladder of a run as text: hosts as columns, time down, one arrow per
//! message.
//!
//! ```text
//!      time  Carlos         resolver        a.root
//!    0.000 s ─A gaia…?──────────▶
//!    0.002 s                    ─A gaia…?──────▶
//! ```

use capa7_net::capture::HostId;

use super::HostTable;
use super::view::{EventType, EventView};
use super::words::words;
use crate::text::Language;

/// How a ladder is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LadderOptions {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether notes are shown between the arrows.
    pub notes: bool,
    /// The language of what is not the standards' own.
    pub language: Language,
}

impl Default for LadderOptions {
    /// 100 columns, without notes, in English.
    fn default() -> Self {
        Self { width: 100, notes: false, language: Language::En }
    }
}

/// The messages among `events` as a ladder. More hosts than fit are numbered
/// and listed above it; below the width of two columns it falls back to a
/// line of text per message.
#[must_use]
pub fn ladder(events: &[EventView], hosts: &HostTable, options: LadderOptions) -> String {
    let shown: Vec<&EventView> = events.iter().filter(|event| is_shown(event, options)).collect();
    let columns = columns(&shown);
    if columns.is_empty() {
        return String::new();
    }
    let room = options.width.saturating_sub(TIME_CHARS + 2);
    let step = (room / columns.len()).min(COLUMN_CHARS_MAX);
    if step < COLUMN_CHARS_MIN {
        return lines(&shown, hosts, options.language);
    }
    let mut text = header(&columns, hosts, step, options.language);
    for event in shown {
        text.push_str(&row(event, &columns, step, options.language));
        text.push('\n');
    }
    text
}

/// Widest and narrowest columns that are drawn.
const COLUMN_CHARS_MAX: usize = 30;
const COLUMN_CHARS_MIN: usize = 12;
const TIME_CHARS: usize = 11;

fn is_shown(event: &EventView, options: LadderOptions) -> bool {
    match event.event_type {
        EventType::Message => true,
        EventType::Connection => matches!(event.kind.as_deref(), Some("asked" | "refused")),
        EventType::Note => options.notes && event.from.is_some(),
        EventType::Fate => false,
    }
}

/// The hosts in the order in which they first take part.
fn columns(events: &[&EventView]) -> Vec<HostId> {
    let mut columns = Vec::new();
    for host in events.iter().flat_map(|event| [event.from, event.to]).flatten() {
        if !columns.contains(&host) {
            columns.push(host);
        }
    }
    columns
}

fn header(columns: &[HostId], hosts: &HostTable, step: usize, language: Language) -> String {
    let time = match language {
        Language::En => "time",
        Language::Es => "tiempo",
    };
    let mut line = format!("{time:>TIME_CHARS$}  ");
    for host in columns {
        let name = fit(&hosts.called(Some(*host)), step - 1);
        line.push_str(&pad(&name, step));
    }
    format!("{}\n", line.trim_end())
}

fn row(event: &EventView, columns: &[HostId], step: usize, language: Language) -> String {
    let time = format!("{:>TIME_CHARS$}  ", clock(event.at));
    let place = |host: Option<HostId>| {
        host.and_then(|host| columns.iter().position(|column| *column == host))
    };
    let mut cells: Vec<char> = Vec::with_capacity(columns.len() * step);
    for _ in columns {
        cells.push('│');
        cells.extend(std::iter::repeat_n(' ', step - 1));
    }
    match (place(event.from), place(event.to)) {
        (Some(from), Some(to)) if from != to => {
            let words = words(event, language);
            arrow(&mut cells, event, &words, (from, to), step);
        }
        (Some(at), _) | (_, Some(at)) => beside(&mut cells, &words(event, language), at * step),
        (None, None) => {}
    }
    let line: String = cells.into_iter().collect();
    format!("{time}{}", line.trim_end())
}

fn arrow(
    cells: &mut [char],
    event: &EventView,
    words: &str,
    (from, to): (usize, usize),
    step: usize,
) {
    let (left, right) = (from.min(to) * step, from.max(to) * step);
    let inner = right - left - 1;
    for cell in cells.iter_mut().take(right).skip(left + 1) {
        *cell = '─';
    }
    let head = if event.is_lost() {
        '✕'
    } else if from < to {
        '▶'
    } else {
        '◀'
    };
    let tip = if from < to { right - 1 } else { left + 1 };
    if let Some(cell) = cells.get_mut(tip) {
        *cell = head;
    }
    let label = fit(words, inner.saturating_sub(LABEL_ROOM));
    // The label stands near the sender, so that long arrows read from there.
    let start = if from < to { left + 2 } else { right.saturating_sub(label.chars().count() + 1) };
    write(cells, &label, start);
}

/// The arrow's head and a dash at each end of the label.
const LABEL_ROOM: usize = 3;

fn beside(cells: &mut Vec<char>, text: &str, at: usize) {
    let label = format!("· {text}");
    cells.truncate(at + 1);
    cells.push(' ');
    cells.extend(label.chars());
}

fn write(cells: &mut [char], label: &str, start: usize) {
    for (cell, c) in cells.iter_mut().skip(start).zip(label.chars()) {
        *cell = c;
    }
}

fn lines(events: &[&EventView], hosts: &HostTable, language: Language) -> String {
    let mut text = String::new();
    for event in events {
        let way = match event.event_type {
            EventType::Note => hosts.called(event.from),
            _ => {
                let arrow = if event.is_lost() { "─✕" } else { "→" };
                format!("{} {arrow} {}", hosts.called(event.from), hosts.called(event.to))
            }
        };
        text.push_str(&format!("{} {way}: {}\n", clock(event.at), words(event, language)));
    }
    text
}

/// Seconds with six digits after the point.
fn clock(nanos: u64) -> String {
    format!("{}.{:06}", nanos / 1_000_000_000, nanos / 1_000 % 1_000_000)
}

/// At most `width` characters, the last one `…` when something is left out.
fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        short.push('…');
    }
    short
}

fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(missing))
}
