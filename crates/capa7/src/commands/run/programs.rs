//! Programs of this machine as hosts of a scenario's lab: each is started as
//! `capa7 lab exec` would, through a control socket of the run's own.

use std::io;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use capa7_dissect::Room;
use capa7_lab::lab::{Lab, ProgramCall, ProgramEnd, Programs};
use capa7_lab::scenario::Scenario;
use capa7_lab::source::Folder;
use capa7_lab::temporary::TemporaryFolder;
use capa7_net::control::Listener;
use capa7_net::{Host, Network, Task};
use tokio::process::{Child, Command};

use crate::commands::lab::control::{Control, serve};
use crate::live::LivePlan;

/// What programs need, for as long as it is held.
pub(super) struct Offer {
    _control: Task<()>,
    _folder: Option<TemporaryFolder>,
    children: Arc<Mutex<Vec<Child>>>,
}

impl Drop for Offer {
    /// Ends the programs that go on beside the steps.
    fn drop(&mut self) {
        self.children.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Lets the lab run programs.
pub(super) fn offer(
    plan: &LivePlan,
    network: &Network,
    lab: &Lab,
    scenario: &Scenario,
) -> Result<Offer> {
    let name = format!("run-{}", std::process::id());
    let live = Arc::new(plan.attach(network, lab.clone())?);
    let listener = Listener::open(&name)?;
    let control = Arc::new(Control::new(live));
    let control = Host::machine(Room::Lab).spawn("control", serve(control, listener));
    let (folder, temporary) = folder_of(scenario)?;
    let binary = std::env::current_exe().context("this program's own file")?;
    let children = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&children);
    lab.set_programs(Programs::new(move |call| {
        let mut command = Command::new(&binary);
        command.args(["lab", "exec", "--name", &name, "--as", &call.host]);
        // A run that is killed ends nothing by itself.
        command.args(["--ends-with", &std::process::id().to_string(), "--"]);
        command.args(&call.command).current_dir(&folder).kill_on_drop(true);
        command.stdin(Stdio::null());
        Box::pin(start(command, call, Arc::clone(&kept)))
    }));
    Ok(Offer { _control: control, _folder: temporary, children })
}

async fn start(
    mut command: Command,
    call: ProgramCall,
    kept: Arc<Mutex<Vec<Child>>>,
) -> io::Result<ProgramEnd> {
    if call.background {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        return Ok(ProgramEnd::default());
    }
    let Output { status, stdout, stderr } = command.output().await?;
    let mut output = String::from_utf8_lossy(&stdout).into_owned();
    output.push_str(&String::from_utf8_lossy(&stderr));
    Ok(ProgramEnd { code: status.code().unwrap_or(KILLED), output })
}

/// As shells tell a program that a signal ended.
const KILLED: i32 = 128;

/// The scenario's folder on disk; one that the binary carries is written out
/// for as long as the run takes.
fn folder_of(scenario: &Scenario) -> Result<(PathBuf, Option<TemporaryFolder>)> {
    match &scenario.folder {
        Folder::Disk(path) if path.as_os_str().is_empty() => Ok((PathBuf::from("."), None)),
        Folder::Disk(path) => Ok((path.clone(), None)),
        folder @ Folder::Carried(_) => {
            let temporary = TemporaryFolder::new()
                .with_context(|| format!("cannot make a folder for {}", scenario.id))?;
            let path = temporary.path().to_owned();
            for file in folder.files() {
                std::fs::write(path.join(&file), folder.read(&file)?)
                    .with_context(|| format!("cannot write {file} in {}", path.display()))?;
            }
            Ok((path, Some(temporary)))
        }
    }
}
