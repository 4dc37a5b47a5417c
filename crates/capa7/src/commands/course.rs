//! `capa7 course`: the lecture in order, with what was measured.

use std::process::ExitCode;

use capa7_lab::course::{self, State};
use capa7_lab::run::RunOptions;
use capa7_lab::text::Language;
use capa7_net::signals;
use clap::{Args, ValueEnum};

use super::run::run_live;
use crate::live::NetChoice;
use crate::output;

/// What `capa7 course` is told.
#[derive(Debug, Args)]
pub(crate) struct CourseArgs {
    /// A row (D4), a statement (D4.2) or a chapter's letter (D); all when left out
    station: Option<String>,
    /// Language: en or es
    #[arg(long, default_value = "en")]
    lang: Language,
    /// `sealed` also runs what needs real programs in a lab of its own
    #[arg(long, value_enum, default_value_t = CourseNet::Virtual)]
    net: CourseNet,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Where the scenarios behind the course run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CourseNet {
    /// In virtual time; what needs programs of the machine is left out
    Virtual,
    /// In virtual time, and in a sealed lab what needs programs of the machine
    Sealed,
}

/// Runs what shows the statements and prints them in the lecture's order.
pub(crate) fn run(args: &CourseArgs) -> anyhow::Result<ExitCode> {
    let station = args.station.as_deref();
    let made = match args.net {
        CourseNet::Virtual => Vec::new(),
        CourseNet::Sealed => {
            let scenarios = course::needing_programs(station)?;
            run_live(NetChoice::Sealed, &scenarios, &RunOptions::default(), |_| {})?.reports
        }
    };
    let stations = signals::in_reach(|stop| course::walk(station, made, &stop))??;
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
