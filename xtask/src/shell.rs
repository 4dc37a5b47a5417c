//! Running other programs, and where the checkout is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The root of the checkout: the folder above this crate's. Cargo names it when it
/// runs us, so a checkout that was moved after the build is found too.
pub(crate) fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or_else(|| here.clone(), Path::to_path_buf)
}

/// Whether this runs unattended: `CI=true`.
pub(crate) fn unattended() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1")
}

/// A command that starts in the root of the checkout.
pub(crate) fn command(program: impl Into<OsString>) -> Command {
    let mut command = Command::new(program.into());
    command.current_dir(root());
    command
}

/// The cargo that runs us. Unattended it keeps nothing for a next build of an edited
/// file: nobody edits there, and that would be half of what a build writes.
pub(crate) fn cargo() -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    if unattended() {
        cargo.env("CARGO_INCREMENTAL", "0");
    }
    cargo
}

/// Runs to the end with our own input and output; whether it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.status().with_context(|| format!("cannot start {}", name(command)))?;
    Ok(status.success())
}

/// What a command prints; an error when it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", name(command)))?;
    if !output.status.success() {
        bail!("{} failed: {}", name(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} wrote no UTF-8", name(command)))
}

/// What cargo knows of the workspace and of the packages that this machine's
/// builds of it use.
pub(crate) fn metadata() -> Result<Value> {
    let version = output(command(rustc()).arg("-vV"))?;
    let target = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc -vV names no host")?
        .to_owned();
    let text = output(
        cargo()
            .args(["metadata", "--format-version=1"])
            .args(["--filter-platform", target.as_str()]),
    )?;
    serde_json::from_str(&text).context("cargo metadata wrote no JSON")
}

/// Where builds go.
pub(crate) fn target_folder(metadata: &Value) -> Result<PathBuf> {
    let path = metadata["target_directory"].as_str().context("no target_directory")?;
    Ok(PathBuf::from(path))
}

/// Whether we are root.
pub(crate) fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|text| text.trim() == "0")
}

/// Measures how long a stage takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    #[expect(clippy::disallowed_methods, reason = "a build tool measures real time")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

fn rustc() -> OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
