//! The servers, each in a folder of its own, on ports above 1024 of 127.0.0.1.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

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
    let (postfix, _) = user("postfix")?;
    for part in ["conf", "spool", "data", "mail"] {
        std::fs::create_dir_all(home.join(part))?;
    }
    open_to_all(&home)?;
    chown(home.join("data"), Some(postfix), None)?;
    let (nobody, nogroup) = user("nobody")?;
    chown(home.join("mail"), Some(nobody), Some(nogroup))?;
    for file in ["postfix-files", "dynamicmaps.cf"] {
        std::fs::copy(Path::new("/etc/postfix").join(file), home.join("conf").join(file))?;
    }
    let at = home.display();
    std::fs::write(
        home.join("conf/main.cf"),
        format!(
            "compatibility_level = 3.6\nqueue_directory = {at}/spool\ndata_directory = {at}/data\n\
             command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
             mail_owner = postfix\nsetgid_group = postdrop\nmyhostname = bench.test\n\
             mydestination =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n\
             mynetworks = 127.0.0.0/8\nvirtual_mailbox_domains = bench.test\n\
             virtual_mailbox_maps = static:all/\nvirtual_mailbox_base = {at}/mail\n\
             virtual_uid_maps = static:{nobody}\nvirtual_gid_maps = static:{nogroup}\n\
             maillog_file = {at}/mail.log\nmaillog_file_prefixes = {at}\n\
             smtpd_peername_lookup = no\n"
        ),
    )?;
    let mut services = format!("127.0.0.1:{POSTFIX_PORT} inet n - n - - smtpd\n");
    services.push_str(POSTFIX_SERVICES);
    std::fs::write(home.join("conf/master.cf"), services)?;
    let program = find("postfix").context("postfix")?;
    let conf = home.join("conf");
    let command = [program.as_str(), "-c", &conf.to_string_lossy(), "start-fg"];
    let log = folder.join("postfix.log");
    Server::start_on(EVERY_CORE, "Postfix", POSTFIX_PORT, &command, &log, greets)
}

/// Dovecot with its fastest format of one file a message (sdbox).
pub(super) fn dovecot(folder: &Path) -> Result<Server> {
    let home = folder.join("dovecot");
    for part in ["run", "state", "mail"] {
        std::fs::create_dir_all(home.join(part))?;
    }
    open_to_all(&home)?;
    let (nobody, nogroup) = user("nobody")?;
    chown(home.join("mail"), Some(nobody), Some(nogroup))?;
    let at = home.display();
    let conf = home.join("dovecot.conf");
    std::fs::write(
        &conf,
        format!(
            "protocols = imap\nlisten = 127.0.0.1\nbase_dir = {at}/run\nstate_dir = {at}/state\n\
             log_path = {at}/log\nssl = no\ndisable_plaintext_auth = no\n\
             mail_location = sdbox:{at}/mail/%u\nmail_fsync = optimized\nfirst_valid_uid = 1\n\
             passdb {{\n driver = static\n args = nopassword=y\n}}\n\
             userdb {{\n driver = static\n args = uid=nobody gid=nogroup home={at}/mail/%u\n}}\n\
             service imap-login {{\n inet_listener imap {{\n  port = {DOVECOT_PORT}\n }}\n \
             inet_listener imaps {{\n  port = 0\n }}\n}}\n"
        ),
    )?;
    let program = find("dovecot").context("dovecot")?;
    let command = [program.as_str(), "-F", "-c", &conf.to_string_lossy()];
    let log = folder.join("dovecot.log");
    Server::start_on(EVERY_CORE, "Dovecot", DOVECOT_PORT, &command, &log, greets)
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

/// The numbers of a user and its group.
fn user(name: &str) -> Result<(u32, u32)> {
    let book = std::fs::read_to_string("/etc/passwd")?;
    let line = book.lines().find(|line| line.split(':').next() == Some(name));
    let mut fields = line.with_context(|| format!("no user {name}"))?.split(':').skip(2);
    let mut next = || anyhow::Ok(fields.next().context("a short line in passwd")?.parse()?);
    Ok((next()?, next()?))
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

/// The services behind smtpd that a delivery needs, none in a cage.
const POSTFIX_SERVICES: &str = "\
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
proxymap  unix  -       -       n       -       -       proxymap
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
virtual   unix  -       n       n       -       -       virtual
anvil     unix  -       -       n       -       1       anvil
postlog   unix-dgram n  -       n       -       1       postlogd
";
