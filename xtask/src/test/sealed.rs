//! The sealed tests once more, as a user without rights.
//!
//! A sealed test is one with `sealed` in its path (`sealed::dig_is_answered`), or one of
//! a test program whose name begins so (`tests/sealed.rs`), which need not use libtest
//! but ends with libtest's result line. The tests' stage ran them as whoever runs this.
//! Root runs them here again as nobody; anybody else has run them unprivileged, and
//! cannot become root.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Settings;
use super::cargo_test;
use super::skip_log::SkipLog;
use super::tally::Tally;
use crate::shell;

/// The user and group `nobody`, the same number everywhere.
const NOBODY: &str = "65534";

/// The word in a test's path that makes it a sealed test.
const WORD: &str = "sealed";

/// Where a plain user's programs are; root's own folders may be closed to nobody.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A built test program.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TestProgram {
    name: String,
    path: PathBuf,
    crate_folder: PathBuf,
}

/// Runs the sealed tests as nobody.
pub(crate) fn run(settings: &Settings) -> Result<Tally> {
    let mut tally = Tally::default();
    if !shell::is_root() {
        tally.skip("sealed tests as root: this user is not root".to_owned());
        return Ok(tally);
    }
    let Some(setpriv) = capa7_peers::find("setpriv") else {
        return Ok(Tally::missing("setpriv", settings.strict));
    };
    let home = Home::create()?;
    let log = SkipLog::create(&home.0)?;
    give_to_nobody(log.path())?;
    for program in test_programs()? {
        let all = program.name.starts_with(WORD);
        if !all && !has_sealed_tests(&program)? {
            continue;
        }
        if !readable_by_nobody(&setpriv, &program) {
            let what = "nobody may not enter the checkout or the build folder";
            tally.skip(format!("{}: {what}", program.path.display()));
            continue;
        }
        let mut command = as_nobody(&setpriv);
        command.arg(&program.path).current_dir(&program.crate_folder);
        command.args((!all).then_some(WORD));
        command.env("CARGO_MANIFEST_DIR", &program.crate_folder);
        home.attach(&mut command);
        log.attach(&mut command, settings);
        tally += cargo_test::count(&mut command)?;
    }
    tally.move_to_skipped(log.take()?);
    if tally == Tally::default() {
        tally.skip("no test has `sealed` in its path".to_owned());
    }
    Ok(tally)
}

/// The test programs of the workspace, built by the stage before.
fn test_programs() -> Result<Vec<TestProgram>> {
    let mut cargo = shell::cargo();
    cargo.args(["test", "--quiet", "--locked", "--workspace", "--no-run"]);
    let text = shell::output(cargo.arg("--message-format=json"))?;
    Ok(text.lines().filter_map(read_artifact).collect())
}

fn read_artifact(line: &str) -> Option<TestProgram> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let manifest = Path::new(message["manifest_path"].as_str()?);
    Some(TestProgram {
        name: message["target"]["name"].as_str()?.to_owned(),
        path: PathBuf::from(message["executable"].as_str()?),
        crate_folder: manifest.parent()?.to_owned(),
    })
}

fn has_sealed_tests(program: &TestProgram) -> Result<bool> {
    let mut list = Command::new(&program.path);
    list.args([WORD, "--list", "--format", "terse"]).current_dir(&program.crate_folder);
    Ok(shell::output(&mut list)?.lines().any(|line| line.ends_with(": test")))
}

fn as_nobody(setpriv: &Path) -> Command {
    let mut command = Command::new(setpriv);
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    command.args(["--inh-caps=-all", "--"]);
    command
}

fn readable_by_nobody(setpriv: &Path, program: &TestProgram) -> bool {
    let may = |flag: &str, path: &Path| {
        as_nobody(setpriv).arg("test").arg(flag).arg(path).status().is_ok_and(|s| s.success())
    };
    may("-x", &program.path) && may("-r", &program.crate_folder.join("Cargo.toml"))
}

/// A folder that belongs to nobody, for everything that a program keeps.
#[derive(Debug)]
struct Home(PathBuf);

impl Home {
    fn create() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("capa7-nobody-{}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("create {}", path.display()))?;
        let home = Self(path);
        give_to_nobody(&home.0)?;
        Ok(home)
    }

    fn attach(&self, command: &mut Command) {
        for variable in ["HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"] {
            command.env(variable, &self.0);
        }
        command.env("PATH", PATH);
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            println!("warning: cannot remove {}: {error}", self.0.display());
        }
    }
}

fn give_to_nobody(path: &Path) -> Result<()> {
    let owner = format!("{NOBODY}:{NOBODY}");
    let given = shell::succeeds(Command::new("chown").arg(&owner).arg(path))?;
    let private = shell::succeeds(Command::new("chmod").arg("u=rwX,go=").arg(path))?;
    if !(given && private) {
        bail!("cannot give {} to nobody", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_programs_of_tests_are_taken_from_cargo() {
        let test = r#"{"reason":"compiler-artifact","manifest_path":"/c/net/Cargo.toml",
            "target":{"name":"it"},"profile":{"test":true},"executable":"/t/net-1"}"#;
        let expected = TestProgram {
            name: "it".to_owned(),
            path: "/t/net-1".into(),
            crate_folder: "/c/net".into(),
        };
        assert_eq!(read_artifact(test), Some(expected));
        let library = test.replace("true", "false");
        assert_eq!(read_artifact(&library), None);
        assert_eq!(read_artifact("not json"), None);
    }
}
