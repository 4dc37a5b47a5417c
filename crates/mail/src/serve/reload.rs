//! What changes while the server runs.

use std::fs;
use std::path::Path;

use capa7_net::Host;
use capa7_net::tls::ServerIdentity;

use super::read_pem;
use crate::config::{FileError, MailConfig};
use crate::server::{MailServerConfig, Port};
use crate::users::{UserBook, load_users};

/// What a reload compares with.
pub(super) struct Reloader<'f> {
    pub(super) file: &'f Path,
    pub(super) config: MailConfig,
    pub(super) server_config: MailServerConfig,
    pub(super) identity: Option<ServerIdentity>,
    pub(super) ports: Vec<Port>,
}

impl Reloader<'_> {
    /// Reads everything again; on an error all stays as it was. What it says
    /// is for the operator.
    pub(super) async fn reload(&mut self, host: &Host) -> Vec<String> {
        let (file, identity) = (self.file.to_owned(), self.identity.clone());
        let domains = self.config.domain_names();
        let fresh = host.blocking(move || read_again(&file, &domains, identity.as_ref())).await;
        let (new, book) = match fresh {
            Ok(fresh) => fresh,
            Err(error) => return vec![format!("all stays as it was: {error}")],
        };
        let count = book.accounts().count();
        self.server_config.users.replace(book);
        let mut said = vec![format!("{count} accounts loaded again")];
        if self.identity.is_some() {
            said.push("certificate loaded again".to_owned());
        }
        let kept = kept_until_restart(&self.config, &new);
        if !kept.is_empty() {
            said.push(format!("changed, but not before a restart: {}", kept.join(", ")));
        }
        if let Err(error) = write_records(&new, &self.server_config, &self.ports) {
            said.push(error.to_string());
        }
        said
    }
}

fn read_again(
    file: &Path,
    domains: &[String],
    identity: Option<&ServerIdentity>,
) -> Result<(MailConfig, UserBook), FileError> {
    let config = MailConfig::load(file)?;
    let book = load_users(&config.users, domains)?;
    if let (Some(identity), Some(files)) = (identity, &config.tls) {
        let (chain, key) = read_pem(files)?;
        identity.renew(&chain, &key).map_err(|error| {
            let file = if error.is_about_the_key() { &files.key } else { &files.certificate };
            FileError::of_file(file, error.to_string())
        })?;
    }
    Ok((config, book))
}

/// The keys whose change needs a restart.
fn kept_until_restart(old: &MailConfig, new: &MailConfig) -> Vec<&'static str> {
    let listens = |config: &MailConfig| -> Vec<_> {
        let tls = |mode: Option<&toml::Spanned<_>>| mode.map(|mode| *mode.get_ref());
        config
            .listen
            .iter()
            .map(|one| (*one.at.get_ref(), one.service, tls(one.tls.as_ref())))
            .collect()
    };
    let webmail = |config: &MailConfig| config.webmail.as_ref().map(|one| *one.at.get_ref());
    let pairs = [
        ("hostname", old.hostname.get_ref() == new.hostname.get_ref()),
        ("domains", old.domain_names() == new.domain_names()),
        ("data", old.data == new.data),
        ("user", old.user == new.user),
        ("resolver", old.resolver == new.resolver),
        ("remote_port", old.remote_port == new.remote_port),
        ("tls", old.tls.is_some() == new.tls.is_some()),
        ("listen", listens(old) == listens(new)),
        ("webmail", webmail(old) == webmail(new)),
        ("limits", old.limits == new.limits),
        ("queue", old.queue == new.queue),
    ];
    pairs.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect()
}

/// Writes the records of each domain's zone, where the operator wants them.
pub(super) fn write_records(
    config: &MailConfig,
    server: &MailServerConfig,
    ports: &[Port],
) -> Result<(), FileError> {
    let Some(folder) = &config.records else { return Ok(()) };
    let wrong = |file: &Path| {
        let file = file.to_owned();
        move |error| FileError::of_system(&file, &error)
    };
    fs::create_dir_all(folder).map_err(wrong(folder))?;
    for domain in config.domain_names() {
        let services = server.services(&domain, &config.public_addresses(), ports);
        let file = folder.join(format!("{domain}.records"));
        // A name server may read at any moment.
        let beside = folder.join(format!("{domain}.records.new"));
        fs::write(&beside, services.master_file()).map_err(wrong(&beside))?;
        fs::rename(&beside, &file).map_err(wrong(&file))?;
    }
    Ok(())
}
