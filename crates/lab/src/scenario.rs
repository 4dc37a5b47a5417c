//! A scenario: a world, steps, and what must be true of the run.
//!
//! ```text
//!   labs/scenarios/ID/
//!     scenario.toml     steps, faults, figures, checks, sabotage
//!     text.en.md        `# Title`, then `## step-id: heading` and a text
//!     text.es.md        the same in Spanish, with the same steps
//! ```
//!
//! Reading checks every reference, so that a run only fails for what happens
//! in it.

pub(crate) mod deeds;
pub(crate) mod file;
mod letters;
mod narration;
pub(crate) mod references;

use std::path::Path;

use capa7_net::Time;
use serde::Serialize;

use crate::source::{Folder, SourceError, parse_toml};
use crate::text::{Bilingual, Language};
use crate::world::{World, build};

pub use deeds::{
    Action, Delay, Fault, Flush, Forge, LinkChange, Load, Program, Query, RecordChange, Register,
    Reset, Rewrite, Run, Send, Which,
};
pub use file::FilterText;
pub use letters::{
    Attachment, Browse, BrowserMessage, QueueCommand, QueueDeed, Read, ReadProtocol, ReplyFault,
    SmtpCommand, Then, Typed, Write,
};
pub use narration::StepText;

/// A scenario that was read and whose references all hold.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its identifier, which is its folder's name.
    pub id: String,
    /// Its title.
    pub title: Bilingual,
    /// Rows and statements of the course.
    pub course: Vec<String>,
    /// Whether tests also run it on real sockets.
    pub live: bool,
    /// Whether it names hosts by their true addresses, which the loopback mode moves.
    pub true_addresses: bool,
    /// The seed, when the command gives none.
    pub seed: u64,
    /// The world, changes included.
    pub world: World,
    /// The folder that it was read from.
    pub folder: Folder,
    pub(crate) file: file::ScenarioFile,
    texts: [narration::Narration; 2],
}

/// What `capa7 scenarios` lists.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioSummary {
    /// Its identifier.
    pub id: String,
    /// Its title.
    pub title: Bilingual,
    /// Rows and statements of the course.
    pub course: Vec<String>,
}

impl Scenario {
    /// The scenario that the binary carries under this name.
    ///
    /// # Errors
    /// When there is none, or it is not well formed.
    pub fn carried(id: &str) -> Result<Self, SourceError> {
        let known = Folder::carried_below(FOLDER);
        if !known.iter().any(|name| name == id) {
            let list = known.join(", ");
            let problem = format!("there is no scenario of this name; there are {list}");
            return Err(SourceError::of_file(id, problem));
        }
        Self::load(&Folder::Carried(format!("{FOLDER}/{id}")), SCENARIO_FILE)
    }

    /// A scenario from a folder or a `scenario.toml` on disk.
    ///
    /// # Errors
    /// When it cannot be read or is not well formed, with line and column.
    pub fn from_path(path: &Path) -> Result<Self, SourceError> {
        let path = if path.is_dir() { path.join(SCENARIO_FILE) } else { path.to_path_buf() };
        let (folder, file) = Folder::of_file(&path);
        Self::load(&folder, &file)
    }

    /// A scenario by what a command line says: a carried one's name, or a path.
    ///
    /// # Errors
    /// As [`Scenario::carried`] and [`Scenario::from_path`].
    pub fn named(word: &str) -> Result<Self, SourceError> {
        let looks_like_path = word.contains(['/', '\\']) || word.ends_with(".toml");
        if looks_like_path || Path::new(word).join(SCENARIO_FILE).is_file() {
            return Self::from_path(Path::new(word));
        }
        Self::carried(word)
    }

    /// The names of all scenarios that the binary carries.
    #[must_use]
    pub fn all() -> Vec<String> {
        Folder::carried_below(FOLDER)
    }

    fn load(folder: &Folder, name: &str) -> Result<Self, SourceError> {
        let text = folder.read(name)?;
        let shown = folder.shown(name);
        let file: file::ScenarioFile = parse_toml(&shown, &text)?;
        let place = build::Place { folder, file: &shown, text: &text };
        check_id(&place, &file)?;
        let mut world = base_world(&place, &file)?;
        build::alter(&mut world, &place, &file.change)?;
        references::check(&place, &file, &world)?;
        let texts = [
            narration::Narration::load(folder, Language::En, &file)?,
            narration::Narration::load(folder, Language::Es, &file)?,
        ];
        Ok(Self {
            id: file.id.get_ref().clone(),
            title: file.title.clone(),
            course: file.course.iter().map(|row| row.get_ref().clone()).collect(),
            live: file.live,
            true_addresses: file.true_addresses,
            seed: file.seed.unwrap_or(DEFAULT_SEED),
            world,
            folder: folder.clone(),
            file,
            texts,
        })
    }

    /// Identifier, title and rows.
    #[must_use]
    pub fn summary(&self) -> ScenarioSummary {
        ScenarioSummary {
            id: self.id.clone(),
            title: self.title.clone(),
            course: self.course.clone(),
        }
    }

    /// The narration of its steps.
    #[must_use]
    pub fn narration(&self, language: Language) -> &[StepText] {
        &self.texts[usize::from(language == Language::Es)].steps
    }

    /// The heading of a step.
    #[must_use]
    pub fn step_title(&self, step: &str) -> Bilingual {
        let title = |language| {
            let told = self.narration(language).iter().find(|text| text.id == step);
            told.map_or_else(|| step.to_owned(), |text| text.title.clone())
        };
        Bilingual::new(title(Language::En), title(Language::Es))
    }

    /// The text before the first step.
    #[must_use]
    pub fn introduction(&self, language: Language) -> &str {
        &self.texts[usize::from(language == Language::Es)].introduction
    }

    /// The names of its deliberate faults, with the checks that each makes
    /// fail.
    #[must_use]
    pub fn sabotages(&self) -> Vec<(String, Vec<String>)> {
        let names = |fails: &[toml::Spanned<String>]| {
            fails.iter().map(|check| check.get_ref().clone()).collect()
        };
        let list = self.file.sabotage.iter();
        list.map(|item| (item.id.get_ref().clone(), names(&item.fails))).collect()
    }

    /// The statements of the course that it shows.
    #[must_use]
    pub fn statement_ids(&self) -> Vec<String> {
        self.file.statement.iter().map(|statement| statement.id.get_ref().clone()).collect()
    }

    /// Whether it runs programs of the machine, which needs a sealed network.
    #[must_use]
    pub fn needs_programs(&self) -> bool {
        let sabotage = self.file.sabotage.iter().flat_map(|sabotage| &sabotage.act);
        let steps = self.file.step.iter().flat_map(|step| &step.act);
        steps.chain(sabotage).any(|action| matches!(action, Action::Run(_)))
    }

    /// The longest that a run may take.
    #[must_use]
    pub(crate) fn limit(&self) -> Time {
        Time::ZERO + self.file.limit.map_or(DEFAULT_LIMIT, |span| span.0)
    }

    /// The same scenario in the world that a sabotage makes.
    pub(crate) fn world_with(
        &self,
        sabotage: Option<&file::SabotageFile>,
    ) -> Result<World, SourceError> {
        let mut world = self.world.clone();
        if let Some(sabotage) = sabotage {
            let text = self.folder.read(SCENARIO_FILE).unwrap_or_default();
            let shown = self.folder.shown(SCENARIO_FILE);
            let place = build::Place { folder: &self.folder, file: &shown, text: &text };
            build::alter(&mut world, &place, &sabotage.change)?;
        }
        Ok(world)
    }
}

/// A scenario that the program carries is found by its folder's name, so the two are one.
/// A folder on the disk is called what its owner likes.
fn check_id(place: &build::Place<'_>, file: &file::ScenarioFile) -> Result<(), SourceError> {
    let id = file.id.get_ref();
    match place.folder {
        Folder::Carried(path) if path.rsplit('/').next() != Some(id) => {
            Err(place.of(&file.id, format!("the id is `{id}`, the folder `{path}`")))
        }
        _ => Ok(()),
    }
}

fn base_world(place: &build::Place<'_>, file: &file::ScenarioFile) -> Result<World, SourceError> {
    let name = file.world.get_ref();
    let world = match place.folder {
        Folder::Disk(folder) if name.contains('/') => World::from_path(&folder.join(name)),
        _ => World::carried(name),
    };
    world.map_err(|error| match error.position {
        Some(_) => error,
        None if !name.contains('/') => {
            let known = Folder::carried_below("worlds").join(", ");
            let problem = format!(
                "there is no world `{name}`; there are {known}; one beside this file is written \
                 `./{name}/world.toml`"
            );
            place.error(&file.world.span(), problem)
        }
        None => place.error(&file.world.span(), format!("the world `{name}`: {}", error.problem)),
    })
}

/// Where the binary keeps its scenarios.
const FOLDER: &str = "scenarios";
/// The name of a scenario's main file.
pub(crate) const SCENARIO_FILE: &str = "scenario.toml";
const DEFAULT_SEED: u64 = 7;
/// A day of virtual time costs what happens in it.
const DEFAULT_LIMIT: std::time::Duration = std::time::Duration::from_secs(86_400);

#[cfg(test)]
mod tests;
