//! `cargo xtask setup`: installs the outside programs that tests use.
//!
//! It says what is missing, asks on a terminal, and starts no server. With
//! `CI=true` it does not ask.

mod peer;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::shell;
pub(crate) use peer::{PEERS, Peer};

/// The script that installs Debian packages as root.
const APT: &str = include_str!("setup/apt.sh");

/// How often `npm` is asked before we give up.
const NPM_TRIES: u32 = 3;

/// The pinned npm packages of the browser tests, in the checkout.
const NPM_MANIFESTS: [&str; 2] = ["web-tests/package.json", "web-tests/package-lock.json"];

/// Installs what is missing, after asking.
pub(crate) fn run() -> Result<ExitCode> {
    let target = shell::target_folder(&shell::metadata()?)?;
    let programs: Vec<&Peer> = PEERS.iter().filter(|peer| !peer.is_here()).collect();
    let npm = !npm_is_here(&target)?;
    if programs.is_empty() && !npm {
        println!("setup: every peer is here");
        return Ok(ExitCode::SUCCESS);
    }
    for peer in &programs {
        println!("missing: {} ({}), for {}", peer.name, peer.package, peer.why);
    }
    if npm {
        println!("missing: the npm packages of web-tests/package.json, for the page's tests");
    }
    if !shell::unattended() && !agreed()? {
        println!("setup: nothing was installed");
        return Ok(ExitCode::FAILURE);
    }
    install_packages(&programs)?;
    if npm {
        install_npm(&target)?;
    }
    let still: Vec<&str> =
        programs.iter().filter(|peer| !peer.is_here()).map(|peer| peer.name).collect();
    if still.is_empty() {
        println!("setup: done");
        return Ok(ExitCode::SUCCESS);
    }
    println!("setup: still missing: {}", still.join(", "));
    Ok(ExitCode::FAILURE)
}

/// Whether the browser tests find their pinned npm packages; true when the
/// checkout has no browser tests.
pub(crate) fn npm_is_here(target: &Path) -> Result<bool> {
    let (root, cache) = (shell::root(), npm_cache(target));
    let modules = root.join("web-tests/node_modules");
    if modules.is_dir() && !modules.is_symlink() {
        return Ok(true); // A person ran npm there; we do not interfere.
    }
    for manifest in NPM_MANIFESTS {
        let wanted = root.join(manifest);
        let Some(file) = wanted.file_name() else { continue };
        if wanted.exists() && !same_content(&wanted, &cache.join(file))? {
            return Ok(false);
        }
    }
    Ok(!root.join(NPM_MANIFESTS[0]).exists() || modules.is_dir())
}

/// The folder that npm installs into.
pub(crate) fn npm_cache(target: &Path) -> PathBuf {
    target.join("npm")
}

fn agreed() -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        println!("setup: no terminal to ask on; set CI=true to install without asking");
        return Ok(false);
    }
    print!("Install them with apt and npm? No server is started. [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn install_packages(missing: &[&Peer]) -> Result<()> {
    let mut packages: Vec<&str> = missing.iter().map(|peer| peer.package).collect();
    packages.sort_unstable();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    if capa7_peers::find("apt-get").is_none() {
        bail!("apt-get is missing: install these by hand: {}", packages.join(" "));
    }
    let mut command = if shell::is_root() {
        Command::new("sh")
    } else if capa7_peers::find("sudo").is_some() {
        let mut sudo = Command::new("sudo");
        sudo.arg("sh");
        sudo
    } else {
        bail!("not root, and no sudo: ask somebody to install {}", packages.join(" "));
    };
    if !shell::succeeds(command.args(["-c", APT, "setup"]).args(&packages))? {
        bail!("the Debian packages could not be installed");
    }
    Ok(())
}

/// Installs into a folder under the build folder, so that the checkout holds only a
/// link, which git ignores.
fn install_npm(target: &Path) -> Result<()> {
    let (root, cache) = (shell::root(), npm_cache(target));
    std::fs::create_dir_all(&cache)?;
    let locked = root.join(NPM_MANIFESTS[1]).exists();
    let command = if locked { "ci" } else { "install" };
    for manifest in NPM_MANIFESTS {
        let from = root.join(manifest);
        if let (true, Some(file)) = (from.exists(), from.file_name()) {
            std::fs::copy(&from, cache.join(file))?;
        }
    }
    let options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", "."];
    let mut npm = Command::new("npm");
    npm.arg(command).args(options).current_dir(&cache);
    for _ in 0..NPM_TRIES {
        if shell::succeeds(&mut npm)? {
            return link_modules(&cache.join("node_modules"), &root.join("web-tests/node_modules"));
        }
    }
    // Without the copies the next run sees that the packages are not there.
    for manifest in ["package.json", "package-lock.json"] {
        let _ = std::fs::remove_file(cache.join(manifest));
    }
    bail!("npm {command} failed {NPM_TRIES} times");
}

#[cfg(unix)]
fn link_modules(from: &Path, link: &Path) -> Result<()> {
    if link.is_symlink() {
        std::fs::remove_file(link)?;
    }
    if link.exists() {
        bail!("{} is in the way: remove it", link.display());
    }
    std::os::unix::fs::symlink(from, link).with_context(|| format!("link {}", link.display()))
}

#[cfg(not(unix))]
fn link_modules(_from: &Path, link: &Path) -> Result<()> {
    bail!("no links here: run npm ci for {}", link.display())
}

fn same_content(left: &Path, right: &Path) -> Result<bool> {
    Ok(right.exists() && std::fs::read(left)? == std::fs::read(right)?)
}
