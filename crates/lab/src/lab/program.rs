//! Programs of the machine as hosts of the lab (course K3). How one is run is
//! the caller's matter: the lab only knows that it can be asked for.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use capa7_dissect::Cause;

use super::{Lab, LabError, Outcome};
use crate::scenario::Run;
use crate::text::Bilingual;

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramCall {
    /// The host that it is to be.
    pub host: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Whether it goes on beside the steps, as a server does; it is ended with
    /// the lab.
    pub background: bool,
}

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramEnd {
    /// Its exit code.
    pub code: i32,
    /// What it wrote on standard output and standard error.
    pub output: String,
}

/// The answer of a [`Programs`].
pub type ProgramFuture = Pin<Box<dyn Future<Output = io::Result<ProgramEnd>> + Send>>;

/// Runs programs as hosts of a lab.
#[derive(Clone)]
pub struct Programs(Arc<dyn Fn(ProgramCall) -> ProgramFuture + Send + Sync>);

impl Programs {
    /// Runs programs through this function.
    pub fn new(run: impl Fn(ProgramCall) -> ProgramFuture + Send + Sync + 'static) -> Self {
        Self(Arc::new(run))
    }
}

impl fmt::Debug for Programs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Programs")
    }
}

impl Lab {
    /// Says how programs are run; the first word counts.
    pub fn set_programs(&self, programs: Programs) {
        let _earlier = self.shared.programs.set(programs);
    }

    pub(super) async fn run_program(&self, run: &Run) -> Result<(Cause, Outcome), LabError> {
        let (described, host) = self.host(run.host.get_ref())?;
        let (name, command) = (&described.name, run.command.join(" "));
        let text =
            Bilingual::new(format!("{name} runs {command}"), format!("{name} ejecuta {command}"));
        let event = self.note_action(&host, text);
        let Some(Programs(programs)) = self.shared.programs.get() else {
            let reason = "programs run in sealed labs only: use --net sealed";
            return Ok((event, Outcome::failed(reason)));
        };
        let call = ProgramCall {
            host: described.name.clone(),
            command: run.command.clone(),
            background: run.background,
        };
        let outcome = match programs(call).await {
            Ok(ProgramEnd { code, output }) => Outcome::Program { code, output },
            Err(error) => Outcome::failed(error),
        };
        Ok((event, outcome))
    }
}
