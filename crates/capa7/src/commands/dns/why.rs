//! `capa7 dns why`: the stored story of a failure in a running lab.

use std::process::ExitCode;

use anyhow::Result;
use capa7_net::control::Client;
use clap::Args;
use serde_json::{Value, json};

use crate::output;

/// What the command line says.
#[derive(Debug, Args)]
pub(crate) struct WhyArguments {
    /// The name that did not resolve
    name: String,
    /// Which lab, when several run
    #[arg(long = "name", value_name = "NAME")]
    lab: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Tells the stories; 1 when there is none.
pub(crate) fn run(arguments: &WhyArguments) -> Result<ExitCode> {
    let mut client = Client::connect(arguments.lab.as_deref())?;
    let (stories, _) = client.request("why", &json!({ "name": arguments.name }))?;
    let found = stories.as_array().is_some_and(|stories| !stories.is_empty());
    if arguments.json {
        output::document(&stories)?;
    } else {
        for story in stories.as_array().into_iter().flatten() {
            tell(story);
        }
        if !found {
            output::line(&format!("no resolver of this lab failed for {}", arguments.name));
        }
    }
    Ok(if found { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(story: &Value) {
    let text = |key: &str| story.get(key).and_then(Value::as_str).unwrap_or("?");
    output::line(&format!(
        "{}: {} {}: {}",
        text("resolver"),
        text("rtype"),
        text("name"),
        text("reason")
    ));
    for step in story.get("steps").and_then(Value::as_array).into_iter().flatten() {
        let at = step.get("at_ms").and_then(Value::as_f64).unwrap_or_default();
        let sentence = step.get("says").and_then(Value::as_str).unwrap_or_default();
        output::line(&format!("{at:9.1} ms  {sentence}"));
    }
}
