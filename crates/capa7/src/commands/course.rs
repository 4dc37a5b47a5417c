//! `capa7 course`: the lecture in order, with what was measured.

use std::process::ExitCode;

use capa7_lab::course::{self, State};
use capa7_lab::text::Language;
use clap::Args;

use crate::output;

/// What `capa7 course` is told.
#[derive(Debug, Args)]
pub(crate) struct CourseArgs {
    /// A row (D4), a statement (D4.2) or a chapter's letter (D); all when left out
    station: Option<String>,
    /// Language: en or es
    #[arg(long, default_value = "en")]
    lang: Language,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs what shows the statements and prints them in the lecture's order.
pub(crate) fn run(args: &CourseArgs) -> anyhow::Result<ExitCode> {
    let stations = course::walk(args.station.as_deref())?;
    if stations.is_empty() {
        let station = args.station.as_deref().unwrap_or_default();
        anyhow::bail!("there is no `{station}` in the course: write a row such as D4, or none");
    }
    if args.json {
        output::document(&course::json_document(&stations, args.lang))?;
    } else {
        output::line(course::text(&stations, args.lang).trim_end());
    }
    let shown = stations.iter().flat_map(|station| &station.statements);
    let failed = shown.into_iter().any(|shown| shown.state == State::No);
    Ok(ExitCode::from(u8::from(failed)))
}
