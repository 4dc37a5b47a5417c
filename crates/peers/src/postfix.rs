//! Postfix in a folder of its own. It starts as root only, for each of its parts has a
//! user of its own.
//!
//! ```text
//!   conf/main.cf, conf/master.cf     what it reads
//!   spool/, data/                    its own
//!   mail/                            for what nobody delivers
//!   postfix.log
//! ```

use std::fs::{self, Permissions};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::accounts::{NOBODY, user_number};

/// What it is to be.
#[derive(Clone, Debug)]
pub struct Postfix {
    /// Where everything is. The folders above it must be open to all.
    pub folder: PathBuf,
    /// Its own name.
    pub hostname: String,
    /// Where it listens.
    pub address: IpAddr,
    /// Lines of `main.cf` beside what any Postfix here needs.
    pub settings: String,
    /// Lines of `master.cf`: who listens, who delivers.
    pub services: String,
}

impl Postfix {
    /// Writes its configuration.
    ///
    /// # Errors
    /// Of the file system, and `NotFound` when Postfix's user is missing.
    pub fn write(&self) -> io::Result<()> {
        let postfix = user_number("postfix")?;
        for part in ["conf", "spool", "data", "mail"] {
            fs::create_dir_all(self.folder.join(part))?;
        }
        fs::set_permissions(&self.folder, Permissions::from_mode(0o755))?;
        chown(self.folder.join("data"), Some(postfix), None)?;
        chown(self.folder.join("mail"), Some(NOBODY), Some(NOBODY))?;
        let conf = self.folder.join("conf");
        for file in ["postfix-files", "dynamicmaps.cf"] {
            fs::copy(Path::new("/etc/postfix").join(file), conf.join(file))?;
        }
        fs::write(conf.join("main.cf"), self.main_cf())?;
        fs::write(conf.join("master.cf"), format!("{}{SERVICES}", self.services))
    }

    /// A command to it: `start-fg`, `reload`, `stop`.
    #[must_use]
    pub fn command(&self, program: &Path, what: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("-c").arg(self.folder.join("conf")).arg(what).stdin(Stdio::null());
        command
    }

    fn main_cf(&self) -> String {
        let (at, hostname, address) = (self.folder.display(), &self.hostname, self.address);
        format!(
            "compatibility_level = 3.6\nqueue_directory = {at}/spool\ndata_directory = {at}/data\n\
             command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
             mail_owner = postfix\nsetgid_group = postdrop\nmyhostname = {hostname}\n\
             mydestination =\nalias_maps =\nlocal_recipient_maps =\ninet_interfaces = {address}\n\
             inet_protocols = ipv4\nmaillog_file = {at}/postfix.log\n\
             maillog_file_prefixes = {at}\nsmtpd_peername_lookup = no\n{}",
            self.settings
        )
    }
}

/// The services behind smtpd that mail between servers needs, none in a cage.
const SERVICES: &str = "\
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
";
