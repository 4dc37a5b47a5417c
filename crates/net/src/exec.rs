//! Running any program as a host of the lab.
//!
//! The command that does it has one thread and asks the running lab through
//! the control socket. The lab answers with a [`Place`] and the descriptors of
//! its namespaces; the command enters them, gives itself a private view of the
//! few files by which programs find the network, and becomes the program:
//! input, output, signals and exit code are the program's own.
//!
//! ```text
//!  user namespace  →  network  →  name  →  mounts  →  environment  →  exec
//!  of the lab         of HOST     HOST     files of    no proxies,
//!  (unless root)                           the lab     the lab's CA
//! ```
//! The mounts matter: a resolver daemon of the machine listens on a Unix
//! socket, which no network namespace keeps away, and would answer from the
//! Internet. Empty folders cover all the places where such daemons listen.

use std::ffi::OsString;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt;
use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::control::{Answer, Client, ControlError};
use crate::namespace::sys::{self, Kind};

mod mounts;

/// The verb of the control socket that asks for a place.
pub const VERB: &str = "exec";
/// The exit code of a shell for a program that is not there.
const EXIT_NOT_FOUND: u8 = 127;
/// The exit code of a shell for a program that cannot be run.
const EXIT_NOT_RUN: u8 = 126;
/// The exit code for everything that keeps a program from its place.
const EXIT_NO_PLACE: u8 = 2;
/// `CAP_NET_BIND_SERVICE`, `CAP_NET_RAW` of linux/capability.h: low ports, and
/// what ping, traceroute and tcpdump need. They hold in the lab only.
const KEPT_CAPABILITIES: [u32; 2] = [10, 13];

/// `CAP_SYS_ADMIN` of linux/capability.h: joining and making namespaces.
const CAP_SYS_ADMIN: u32 = 21;

/// Variables that would lead a program around the lab, in lower case; they
/// are cleared in upper case too.
const CLEARED: [&str; 9] = [
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "all_proxy",
    "no_proxy",
    "socks_proxy",
    "res_options",
    "localdomain",
    "hostaliases",
];
/// Variables by which programs find the certificates of authorities.
const AUTHORITIES: [&str; 5] = [
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
];
/// Tells a program that it runs as a host of a lab, and as which.
const HOST_VARIABLE: &str = "CAPA7_HOST";

/// What a program must know of the host that it becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The host's full name.
    pub host: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// The name servers of its resolv.conf, at most three are used by glibc.
    pub resolvers: Vec<IpAddr>,
    /// The domains that a name without dots is tried in.
    #[serde(default)]
    pub search: Vec<String>,
    /// Further names of its /etc/hosts.
    #[serde(default)]
    pub names: Vec<(IpAddr, String)>,
    /// The certificate of the lab's authority, PEM; none when empty.
    #[serde(default)]
    pub authority_pem: String,
    /// Words for the person who runs the program, shown before it starts:
    /// there is no wire, so the program shares a namespace with others.
    #[serde(default)]
    pub warning: Option<String>,
}

impl Place {
    /// The lab's answer to a command: this place and its namespaces.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn answer(&self, net: BorrowedFd<'_>, user: Option<BorrowedFd<'_>>) -> io::Result<Answer> {
        let mut descriptors = vec![net.try_clone_to_owned()?];
        if let Some(user) = user {
            descriptors.push(user.try_clone_to_owned()?);
        }
        let value = serde_json::to_value(self).map_err(io::Error::other)?;
        Ok(Answer { value, descriptors })
    }
}

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The lab could not be asked or refused.
    #[error(transparent)]
    Lab(#[from] ControlError),
    /// The command line names no program.
    #[error("no program to run: write it after `--`, as in `capa7 lab exec -- dig www.example`")]
    NoProgram,
    /// A step into the lab failed.
    #[error("cannot enter the lab: {step} failed ({source})")]
    Step {
        /// What was tried.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A socket of a resolver daemon would stay in reach.
    #[error("cannot cover {path} ({source}): a resolver outside the lab could answer through it")]
    Uncovered {
        /// The folder.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The program cannot be run.
    #[error("cannot run {}: {source}", .program.display())]
    Program {
        /// The program's name.
        program: OsString,
        /// What the system said.
        source: io::Error,
    },
}

impl ExecError {
    fn at(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Step { step, source }
    }

    /// The exit code that tells it, as a shell's would.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Program { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                EXIT_NOT_FOUND
            }
            Self::Program { .. } => EXIT_NOT_RUN,
            _ => EXIT_NO_PLACE,
        }
    }
}

/// Becomes `command`, run as the lab's host `host` (none: as a client of its
/// own that the lab makes). Returns only when that is not possible. The
/// process must have one thread. With `parent`, the number of the process that
/// started this one, the program ends when that does, even if it is killed.
/// `warn` gets what the person should read before the program's own output.
#[must_use]
pub fn become_program(
    lab: Option<&str>,
    host: Option<&str>,
    parent: Option<u32>,
    command: &[OsString],
    warn: impl FnOnce(&str),
) -> ExecError {
    let started = || -> Result<(), ExecError> {
        let (program, arguments) = command.split_first().ok_or(ExecError::NoProgram)?;
        let (place, descriptors) = ask(lab, host)?;
        if let Some(warning) = &place.warning {
            warn(warning);
        }
        let authority = enter(&place, descriptors)?;
        let mut command = Command::new(program);
        command.args(arguments).env(HOST_VARIABLE, &place.host);
        for name in CLEARED {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        if let Some(file) = authority {
            for name in AUTHORITIES {
                command.env(name, &file);
            }
        }
        if let Some(parent) = parent {
            end_with(parent)?;
        }
        let source = command.exec();
        Err(ExecError::Program { program: program.clone(), source })
    };
    started().err().unwrap_or(ExecError::NoProgram)
}

fn end_with(parent: u32) -> Result<(), ExecError> {
    let step = "to end with the process that asked for it";
    sys::end_with_parent().map_err(ExecError::at(step))?;
    if sys::parent() == parent {
        return Ok(());
    }
    // It ended before the kernel was told.
    Err(ExecError::Step { step, source: io::ErrorKind::NotFound.into() })
}

fn ask(lab: Option<&str>, host: Option<&str>) -> Result<(Place, Vec<OwnedFd>), ExecError> {
    let mut client = Client::connect(lab)?;
    let (value, descriptors) =
        client.request(VERB, &json!({ "as": host, "process": std::process::id() }))?;
    let place = serde_json::from_value(value)
        .map_err(|error| ControlError::BadAnswer(error.to_string()))?;
    Ok((place, descriptors))
}

/// Moves this process to its place; returns the file with the authority's
/// certificate.
fn enter(
    place: &Place,
    descriptors: Vec<OwnedFd>,
) -> Result<Option<std::path::PathBuf>, ExecError> {
    let mut descriptors = descriptors.into_iter();
    let net = descriptors.next().ok_or_else(|| {
        ControlError::BadAnswer("it came without the host's network namespace".into())
    })?;
    let user = descriptors.next();
    if let Some(user) = &user
        && !is_own_user_namespace(user.as_fd())
    {
        sys::setns(user.as_fd(), Kind::User)
            .map_err(ExecError::at("joining the lab's user namespace"))?;
    }
    sys::setns(net.as_fd(), Kind::Net)
        .map_err(ExecError::at("joining the host's network namespace"))?;
    sys::unshare(&[Kind::Mount, Kind::Name])
        .map_err(ExecError::at("a private view of the files"))?;
    if let Err(error) = sys::set_machine_name(&place.host) {
        tracing::debug!(%error, "the machine keeps its name");
    }
    let authority = mounts::arrange(place)?;
    if user.is_some() {
        if let Err(error) = sys::keep_nothing_over_exec() {
            tracing::debug!(%error, "capabilities of the lab are kept");
        }
        for capability in KEPT_CAPABILITIES {
            if let Err(error) = sys::keep_over_exec(capability) {
                tracing::debug!(capability, %error, "a capability is not kept");
            }
        }
    }
    Ok(authority)
}

/// Lets the programs that this process starts enter hosts of the lab that it
/// runs, although they begin inside its user namespace: they keep what
/// entering takes until they become the program. To be called with one thread,
/// in the namespace.
///
/// # Errors
/// Those of capset(2) and prctl(2).
pub fn let_children_enter() -> io::Result<()> {
    [CAP_SYS_ADMIN].into_iter().chain(KEPT_CAPABILITIES).try_for_each(sys::keep_over_exec)
}

/// A program that the lab itself started is in its user namespace already,
/// and the kernel refuses to join that once more (setns(2), EINVAL).
fn is_own_user_namespace(theirs: BorrowedFd<'_>) -> bool {
    let number = |file: std::fs::File| file.metadata().map(|about| (about.dev(), about.ino()));
    let own = std::fs::File::open("/proc/self/ns/user").and_then(number);
    let theirs = theirs.try_clone_to_owned().map(std::fs::File::from).and_then(number);
    matches!((own, theirs), (Ok(own), Ok(theirs)) if own == theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_has_the_exit_code_of_a_shell() {
        let program = |kind: io::ErrorKind| ExecError::Program {
            program: "nosuch".into(),
            source: kind.into(),
        };
        assert_eq!(program(io::ErrorKind::NotFound).exit_code(), 127);
        assert_eq!(program(io::ErrorKind::PermissionDenied).exit_code(), 126);
        assert_eq!(ExecError::NoProgram.exit_code(), 2);
    }

    #[test]
    fn a_place_survives_its_way_through_the_control_socket() {
        let place = Place {
            host: "laptop.urosario.edu.co".into(),
            addresses: vec!["190.26.1.20".parse().expect("an address")],
            resolvers: vec!["190.26.1.53".parse().expect("an address")],
            names: vec![("190.26.1.30".parse().expect("an address"), "servername".into())],
            ..Place::default()
        };
        let value = serde_json::to_value(&place).expect("plain data");
        assert_eq!(serde_json::from_value::<Place>(value).expect("the same"), place);
    }
}
