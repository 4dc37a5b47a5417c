//! `capa7 scenarios`: what there is to run.

use std::process::ExitCode;

use capa7_lab::scenario::Scenario;
use capa7_lab::text::Language;
use clap::Args;

use crate::output;

/// What `capa7 scenarios` is told.
#[derive(Debug, Args)]
pub(crate) struct ScenariosArgs {
    /// Language of the titles: en or es
    #[arg(long, default_value = "en")]
    lang: Language,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Lists identifier, title and rows of the course.
pub(crate) fn run(args: &ScenariosArgs) -> anyhow::Result<ExitCode> {
    let mut summaries = Vec::new();
    for id in Scenario::all() {
        summaries.push(Scenario::carried(&id)?.summary());
    }
    if args.json {
        output::document(&serde_json::json!({ "scenarios": summaries }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let width = summaries.iter().map(|summary| summary.id.len()).max().unwrap_or(0);
    for summary in &summaries {
        let title = summary.title.in_language(args.lang);
        output::line(&format!("{:width$}  {title}  ({})", summary.id, summary.course.join(" ")));
    }
    Ok(ExitCode::SUCCESS)
}
