//! What is told beside the steps: `text.en.md`, `text.es.md`.
//!
//! ```text
//!   # Title
//!   Words before the first step.
//!   ## ask: Carlos asks
//!   Words beside the step `ask`.
//! ```

use serde::Serialize;

use super::file::ScenarioFile;
use crate::source::{Folder, SourceError};
use crate::text::Language;

/// The text of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StepText {
    /// The step.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// What is told, Markdown.
    pub text: String,
}

/// The texts of a scenario in one language.
#[derive(Clone, Debug, Default)]
pub(super) struct Narration {
    pub(super) introduction: String,
    pub(super) steps: Vec<StepText>,
}

impl Narration {
    /// Reads the text and holds it against the steps.
    pub(super) fn load(
        folder: &Folder,
        language: Language,
        file: &ScenarioFile,
    ) -> Result<Self, SourceError> {
        let name = format!("text.{language}.md");
        let text = folder.read(&name)?;
        let shown = folder.shown(&name);
        let wanted: Vec<&str> = file.step.iter().map(|step| step.id.get_ref().as_str()).collect();
        let narration = Self::parse(&shown, &text, &wanted)?;
        let told = |id: &str| narration.steps.iter().any(|step| step.id == id);
        match wanted.iter().find(|id| !told(id)) {
            Some(id) => {
                let problem = format!("the step `{id}` has no text: write a heading `## {id}: …`");
                Err(SourceError::of_file(&shown, problem))
            }
            None => Ok(narration),
        }
    }

    fn parse(file: &str, text: &str, wanted: &[&str]) -> Result<Self, SourceError> {
        let mut narration = Self::default();
        for (number, line) in text.lines().enumerate() {
            if let Some(heading) = line.strip_prefix("## ") {
                let (id, title) = heading.split_once(':').unwrap_or((heading, heading));
                let id = id.trim();
                if !wanted.contains(&id) {
                    let problem = format!("there is no step `{id}` in scenario.toml");
                    let position = Some((number + 1, 4));
                    return Err(SourceError { file: file.to_owned(), position, problem });
                }
                narration.steps.push(StepText {
                    id: id.to_owned(),
                    title: title.trim().to_owned(),
                    text: String::new(),
                });
            } else if !line.starts_with("# ") {
                let part = match narration.steps.last_mut() {
                    Some(step) => &mut step.text,
                    None => &mut narration.introduction,
                };
                part.push_str(line);
                part.push('\n');
            }
        }
        trim(&mut narration.introduction);
        for step in &mut narration.steps {
            trim(&mut step.text);
        }
        Ok(narration)
    }
}

fn trim(text: &mut String) {
    *text = text.trim().to_owned();
}
