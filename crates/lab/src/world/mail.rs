//! Mail servers of a world, and what their zones say of them.
//!
//! The records of a mail domain (MX, SPF, SRV, …) follow from the service, as
//! they do for a real domain: nobody writes them twice.

use capa7_dns_proto::Name;
use capa7_dns_proto::zone_file::ZoneFile;
use capa7_mail_proto::address::Address;
use capa7_mail_proto::zone::{ClientPorts, MailServices};

use super::build::Place;
use super::file::{MailFile, Parts, WebmailFile};
use super::zones::push;
use super::{MailExtension, MailService, World};
use crate::source::SourceError;

/// A mail service as checked.
pub(super) fn service(place: &Place<'_>, file: &MailFile) -> Result<MailService, SourceError> {
    let mut domains = Vec::with_capacity(file.domains.len());
    for domain in &file.domains {
        Name::parse(domain.get_ref())
            .map_err(|error| place.of(domain, format!("not a domain: {error}")))?;
        domains.push(domain.get_ref().to_ascii_lowercase());
    }
    let mut people = Vec::with_capacity(file.people.len());
    for person in &file.people {
        let text = person.get_ref();
        let whole = match (text.contains('@'), domains.first()) {
            (true, _) => text.clone(),
            (false, Some(domain)) => format!("{text}@{domain}"),
            (false, None) => return Err(place.of(person, "the server has no domain: give it one")),
        };
        let address: Address =
            whole.parse().map_err(|error| place.of(person, format!("{error}")))?;
        if !domains.iter().any(|domain| domain == address.domain()) {
            let problem = format!("{} is no domain of this server", address.domain());
            return Err(place.of(person, problem));
        }
        people.push(address);
    }
    Ok(MailService { domains, people, lacks: file.lacks.clone() })
}

/// The webmail's mail server is one.
pub(super) fn check_webmail(
    world: &World,
    place: &Place<'_>,
    file: &WebmailFile,
) -> Result<(), SourceError> {
    let name = file.mail.get_ref();
    match world.host(name) {
        Some(host) if host.services.mail.is_some() => Ok(()),
        Some(_) => Err(place.of(&file.mail, format!("`{name}` serves no mail: give it some"))),
        None => Err(place.of(&file.mail, format!("there is no host `{name}` in this world"))),
    }
}

/// Puts the records of the mail domains into their zones: those of the hosts
/// and zones that `parts` brings.
pub(super) fn derive_records(
    world: &mut World,
    place: &Place<'_>,
    parts: &Parts,
) -> Result<(), SourceError> {
    for file in parts.host.iter().filter(|file| file.serves.mail.is_some()) {
        for services in services_of(world, file.name.get_ref()) {
            put_records(world, &services)
                .map_err(|problem| place.error(&file.name.span(), problem))?;
        }
    }
    for file in &parts.zone {
        let Ok(origin) = Name::parse(file.origin.get_ref()) else { continue };
        let hosts: Vec<String> = world.hosts.iter().map(|host| host.name.clone()).collect();
        let all = hosts.iter().flat_map(|host| services_of(world, host)).collect::<Vec<_>>();
        let inside =
            |services: &&MailServices| Name::parse(&services.domain).is_ok_and(|n| n == origin);
        for services in all.iter().filter(inside) {
            put_records(world, services)
                .map_err(|problem| place.error(&file.origin.span(), problem))?;
        }
    }
    Ok(())
}

/// What a host offers to each of its mail domains.
pub(crate) fn services_of(world: &World, host: &str) -> Vec<MailServices> {
    let Some(host) = world.host(host) else { return Vec::new() };
    let Some(mail) = &host.services.mail else { return Vec::new() };
    let services = |domain: &String| MailServices {
        domain: domain.clone(),
        host: host.public_name.clone(),
        addresses: host.addresses.clone(),
        ports: ClientPorts {
            submissions: Some(465),
            submission: Some(587),
            imaps: Some(993),
            imap: Some(143),
            pop3s: Some(995),
            pop3: Some(110),
            starttls: !mail.lacks.contains(&MailExtension::StartTls),
        },
        autoconfig: true,
        ttl: DERIVED_TTL_S,
    };
    mail.domains.iter().map(services).collect()
}

/// Puts the records into the zone that holds the domain; a record that the
/// zone has already stays as it is.
fn put_records(world: &mut World, services: &MailServices) -> Result<(), String> {
    let domain = Name::parse(&services.domain).map_err(|error| error.to_string())?;
    let zone = world
        .zones
        .iter_mut()
        .filter(|zone| domain.is_subdomain_of(&zone.origin))
        .max_by_key(|zone| zone.origin.as_wire().len());
    let zone = zone.ok_or_else(|| format!("no zone of this world holds {domain}"))?;
    let text: String = services.records().iter().map(|record| format!("{record}\n")).collect();
    let text = format!("$ORIGIN {}\n{text}", zone.origin);
    let derived = ZoneFile::read_text("records of mail", &text).map_err(|e| e.to_string())?;
    let written: Vec<_> =
        zone.records.records().map(|record| (record.owner.clone(), record.record_type)).collect();
    for record in derived.records() {
        let is_written = written
            .iter()
            .any(|(owner, kind)| owner == record.owner && *kind == record.record_type);
        if !is_written {
            push(&mut zone.records, record.owner, record.record_type, record.ttl, record.data)?;
        }
    }
    Ok(())
}

/// Seconds for which others may keep the records.
const DERIVED_TTL_S: u32 = 3_600;
