//! The servers, each in a folder of its own, on ports above 1024 of 127.0.0.1.

use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use capa7_peers::dovecot::Dovecot;
use capa7_peers::postfix::Postfix;

use crate::processes::{EVERY_CORE, Server, find};

/// Our server, its SMTP port measured.
pub(super) fn capa7(folder: &Path) -> Result<Server> {
    start_capa7(folder, CAPA7_SMTP_PORT)
}

/// Our server, its IMAP port measured.
pub(super) fn capa7_imap(folder: &Path) -> Result<Server> {
    start_capa7(folder, CAPA7_IMAP_PORT)
}

fn start_capa7(folder: &Path, port: u16) -> Result<Server> {
    let program = crate::processes::capa7()?;
    let home = folder.join("capa7");
    std::fs::create_dir_all(home.join("data"))?;
    let config = home.join("mail.toml");
    std::fs::write(
        &config,
        format!(
            "hostname = \"mail.bench.test\"\ndomains = [\"bench.test\"]\ndata = \"data\"\n\
             users = \"users.toml\"\nresolver = \"127.0.0.1:9\"\n\n[[listen]]\n\
             at = \"127.0.0.1:{CAPA7_SMTP_PORT}\"\nservice = \"smtp\"\n\n[[listen]]\n\
             at = \"127.0.0.1:{CAPA7_IMAP_PORT}\"\nservice = \"imap\"\n\n[limits]\n\
             connections = 20000\nconnections_per_address = 20000\n"
        ),
    )?;
    let users: String = USERS
        .iter()
        .map(|(name, hash)| {
            format!("[account.\"{name}@bench.test\"]\npassword = \"{ARGON2}{hash}\"\n")
        })
        .collect();
    let file = home.join("users.toml");
    std::fs::write(&file, users)?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    let command = [
        &program.to_string_lossy() as &str,
        "mail",
        "serve",
        "--config",
        &config.to_string_lossy(),
    ];
    Server::start_on(EVERY_CORE, "capa7", port, &command, &folder.join("capa7.log"), greets)
}

/// Postfix with the settings that Debian ships, delivering to a Maildir.
pub(super) fn postfix(folder: &Path) -> Result<Server> {
    let home = folder.join("postfix");
    std::fs::create_dir_all(&home)?;
    open_to_all(&home)?;
    let at = home.display();
    let postfix = Postfix {
        hostname: "bench.test".to_owned(),
        address: LOCAL,
        settings: format!(
            "mynetworks = 127.0.0.0/8\nvirtual_mailbox_domains = bench.test\n\
             virtual_mailbox_maps = static:all/\nvirtual_mailbox_base = {at}/mail\n\
             virtual_uid_maps = static:{NOBODY}\nvirtual_gid_maps = static:{NOBODY}\n"
        ),
        services: format!(
            "127.0.0.1:{POSTFIX_PORT} inet n - n - - smtpd\nvirtual unix - n n - - virtual\n"
        ),
        folder: home,
    };
    postfix.write()?;
    let program = find("postfix").context("postfix")?;
    let command = postfix.command(Path::new(&program), "start-fg");
    start("Postfix", POSTFIX_PORT, &command, &folder.join("postfix.log"))
}

/// Dovecot with its fastest format of one file a message (sdbox).
pub(super) fn dovecot(folder: &Path) -> Result<Server> {
    let home = folder.join("dovecot");
    std::fs::create_dir_all(&home)?;
    open_to_all(&home)?;
    let dovecot = Dovecot {
        folder: home,
        address: LOCAL,
        imap: DOVECOT_PORT,
        pop3: None,
        storage: "sdbox",
        users: USERS.iter().map(|(name, _)| (*name).to_owned()).collect(),
        tls: None,
        more: String::new(),
    };
    dovecot.write()?;
    let program = find("dovecot").context("dovecot")?;
    let command = dovecot.command(Path::new(&program));
    start("Dovecot", DOVECOT_PORT, &command, &folder.join("dovecot.log"))
}

fn start(name: &'static str, port: u16, command: &Command, log: &Path) -> Result<Server> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(std::ffi::OsStr::to_string_lossy).collect();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    Server::start_on(EVERY_CORE, name, port, &words, log, greets)
}

/// Whether something greets at the port.
fn greets(port: u16) -> bool {
    let Some(python) = find("python3") else { return false };
    let program = format!(
        "import socket; s = socket.create_connection(('127.0.0.1', {port}), 1); s.settimeout(2); \
         assert s.recv(3)"
    );
    Command::new(python)
        .args(["-c", &program])
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The folder and those above it in the temporary folder can be passed by the
/// users that the servers become.
fn open_to_all(folder: &Path) -> Result<()> {
    for part in folder.ancestors().take_while(|part| *part != std::env::temp_dir()) {
        std::fs::set_permissions(part, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// To whom `smtp-source` sends.
pub(super) const RECIPIENT: &str = "u0@bench.test";

/// Hashes that cost nothing, so that mail is measured and not passwords: each
/// password is the name.
const ARGON2: &str = "$argon2id$v=19$m=8,t=1,p=1$YmVuY2hzYWx0OGJ5dGVzMA$";
const USERS: [(&str, &str); 4] = [
    ("u0", "Qe5T8Fx+llb+UeVKGOTpSw"),
    ("u1", "AElQVRnN4/8ySotAYLq2JA"),
    ("u2", "6njBMcEfyWuPLAWcdEinfg"),
    ("u3", "P1119amciE1lf/GPp15zHg"),
];

const CAPA7_SMTP_PORT: u16 = 15_250;
const CAPA7_IMAP_PORT: u16 = 15_251;
const POSTFIX_PORT: u16 = 15_252;
const DOVECOT_PORT: u16 = 15_253;
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Whose the mail is, on Debian and elsewhere.
const NOBODY: u32 = 65_534;
