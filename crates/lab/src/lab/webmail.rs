//! The webmail sites of the world (course M11): each a gateway in front of the
//! doors that its mail server has for everybody.

use std::net::SocketAddr;

use capa7_mail::webmail::{Webmail, WebmailConfig};
use capa7_net::Host;

use super::LabError;
use crate::world::World;

/// Starts the site of every host that has one.
pub(super) fn start(world: &World, hosts: &[Host]) -> Result<Vec<Webmail>, LabError> {
    let mut sites = Vec::new();
    for (described, host) in world.hosts.iter().zip(hosts) {
        let Some(service) = &described.services.webmail else { continue };
        let failed = |problem: String| LabError::Service {
            host: described.name.clone(),
            service: "the webmail site",
            problem,
        };
        let mail = world.host(&service.mail);
        let doors = mail.and_then(|mail| {
            let address = *mail.addresses.first()?;
            Some((address, mail.services.mail.as_ref()?.domains.first()?))
        });
        let (address, domain) =
            doors.ok_or_else(|| failed(format!("`{}` serves no mail", service.mail)))?;
        for own in &described.addresses {
            // In clear, between two machines of one provider: a reader of the
            // lab sees what goes on behind the site.
            let config = WebmailConfig::new(
                SocketAddr::new(*own, HTTP_PORT),
                SocketAddr::new(address, IMAP_PORT),
                SocketAddr::new(address, SUBMISSION_PORT),
                domain,
            );
            let site = Webmail::start(host, config);
            sites.push(site.map_err(|error| failed(error.to_string()))?);
        }
    }
    Ok(sites)
}

/// RFC 9110 §4.2.1.
pub(super) const HTTP_PORT: u16 = 80;
/// RFC 9051 §2.1.
const IMAP_PORT: u16 = 143;
/// RFC 6409 §3.1.
const SUBMISSION_PORT: u16 = 587;
