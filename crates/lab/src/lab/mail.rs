//! The mail servers of the world, and what can be seen of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use capa7_dissect::{Cause, Room};
use capa7_mail::queue::Selection;
use capa7_mail::server::{MailServer, MailServerConfig, Port};
use capa7_mail::smtp::orders::{Order, OrderId, Orders};
use capa7_mail::spool::Sync;
use capa7_mail::users::Users;
use capa7_mail_proto::smtp::reply::Reply;
use capa7_mail_proto::smtp::server::{AuthPolicy, Offers, Role, Stage};
use capa7_net::Host;
use capa7_net::tls::Authority;

use super::{DNS_PORT, Lab, LabError, Outcome};
use crate::scenario::{QueueCommand, QueueDeed, ReplyFault, SmtpCommand};
use crate::temporary::TemporaryFolder;
use crate::text::Bilingual;
use crate::world::{MailExtension, MailService, World, WorldHost};

/// The running servers, by host; they end with this value, and so does what
/// they kept.
#[derive(Debug, Default)]
pub(super) struct MailServers {
    servers: BTreeMap<String, MailServer>,
    /// What each was ordered to say.
    orders: BTreeMap<String, Orders>,
    /// Dropped after the servers, which write in it.
    _folder: Option<TemporaryFolder>,
}

impl MailServers {
    /// Starts the mail server of every host that has one.
    pub(super) async fn start(
        world: &World,
        hosts: &[Host],
        authority: &Authority,
    ) -> Result<Self, LabError> {
        let with_mail: Vec<(&WorldHost, &MailService, &Host)> = world
            .hosts
            .iter()
            .zip(hosts)
            .filter_map(|(described, host)| {
                Some((described, described.services.mail.as_ref()?, host))
            })
            .collect();
        if with_mail.is_empty() {
            return Ok(Self::default());
        }
        let folder = TemporaryFolder::new().map_err(|error| {
            LabError::Bad(format!("no folder for the lab's mail: {error}; set TMPDIR to one"))
        })?;
        let (mut servers, mut orders) = (BTreeMap::new(), BTreeMap::new());
        for (described, service, host) in with_mail {
            let failed = |problem: String| LabError::Service {
                host: described.name.clone(),
                service: "the mail server",
                problem,
            };
            let mut config = config(world, described, service, authority, folder.path())
                .map_err(|error| failed(error.to_string()))?;
            let own_orders = Orders::default();
            config.orders = Some(own_orders.clone());
            let ports: Vec<Port> = host
                .addresses()
                .iter()
                .flat_map(|address| Port::usual(*address, config.tls.is_some()))
                .collect();
            let server = MailServer::start(host, config, &ports).await;
            let server = server.map_err(|error| failed(error.to_string()))?;
            servers.insert(described.name.clone(), server);
            orders.insert(described.name.clone(), own_orders);
        }
        Ok(Self { servers, orders, _folder: Some(folder) })
    }

    /// All servers say again what they think themselves.
    pub(super) fn clear_orders(&self) {
        self.orders.values().for_each(Orders::clear);
    }
}

fn config(
    world: &World,
    described: &WorldHost,
    service: &MailService,
    authority: &Authority,
    folder: &Path,
) -> Result<MailServerConfig, LabError> {
    let bad = |problem: String| LabError::Bad(problem);
    let users = Users::lab(&service.domains, &service.people);
    let users = users.map_err(|error| bad(error.to_string()))?;
    let resolver = world.resolver_of(described);
    let resolver = resolver.ok_or_else(|| LabError::NoResolver(described.name.clone()))?;
    let resolver = resolver.addresses.first();
    let resolver = resolver.ok_or_else(|| bad("its name server has no address".to_owned()))?;
    let root = folder.join(&described.name);
    let resolver = SocketAddr::new(*resolver, DNS_PORT);
    let mut config = MailServerConfig::new(&described.public_name, users, root, resolver);
    config.sync = Sync::Off;
    config.passwords = AuthPolicy::InClear;
    config.offers = offers(&service.lacks);
    if !service.lacks.contains(&MailExtension::StartTls) {
        let tls = authority.server(&[&described.public_name], &[]);
        config.tls = Some(tls.map_err(|error| bad(error.to_string()))?);
    }
    Ok(config)
}

fn offers(lacks: &[MailExtension]) -> Offers {
    let has = |extension| !lacks.contains(&extension);
    Offers {
        pipelining: has(MailExtension::Pipelining),
        eight_bit: has(MailExtension::EightBitMime),
        smtputf8: has(MailExtension::SmtpUtf8),
        chunking: has(MailExtension::Chunking),
    }
}

impl Lab {
    /// Does something with a queue, as its operator.
    pub(super) async fn queue_deed(&self, deed: &QueueDeed) -> Result<(Cause, Outcome), LabError> {
        let (described, host) = self.host(deed.host.get_ref())?;
        let name = &described.name;
        let (en, es) = match deed.deed {
            QueueCommand::Flush => ("tries all that wait", "intenta todo lo que espera"),
            QueueCommand::Hold => ("holds its queue", "retiene su cola"),
            QueueCommand::Release => ("releases its queue", "libera su cola"),
            QueueCommand::Delete => ("empties its queue", "vacía su cola"),
        };
        let text = Bilingual::new(format!("{name} {en}"), format!("{name} {es}"));
        let event = self.note_action(&host.in_room(Room::Mail), text);
        let server = self.mail_server(name)?;
        let queue = server.queue();
        let done = match deed.deed {
            QueueCommand::Flush => queue.flush(Selection::All).await,
            QueueCommand::Hold => queue.hold(Selection::All).await,
            QueueCommand::Release => queue.release(Selection::All).await,
            QueueCommand::Delete => queue.delete(Selection::All).await,
        };
        let outcome = match done {
            Ok(count) => Outcome::Lines { lines: vec![count.to_string()] },
            Err(error) => Outcome::failed(error),
        };
        Ok((event, outcome))
    }

    /// Has a mail server give a certain reply.
    pub(super) fn order_reply(&self, fault: &ReplyFault) -> Result<(String, OrderId), LabError> {
        let (described, host) = self.host(fault.host.get_ref())?;
        let recipient = match &fault.recipient {
            Some(word) => self.recipients(std::slice::from_ref(word))?.pop(),
            None => None,
        };
        let order = Order {
            role: match fault.port.get_ref() {
                25 => Role::Mx,
                _ => Role::Submission,
            },
            recipient,
            stage: match fault.to {
                SmtpCommand::Greeting => Stage::Greeting,
                SmtpCommand::Hello => Stage::Hello,
                SmtpCommand::Mail => Stage::Mail,
                SmtpCommand::Rcpt => Stage::Recipient,
                SmtpCommand::Data => Stage::Data,
                SmtpCommand::End => Stage::Message,
            },
            reply: refusal(fault),
            skip: fault.skip,
            count: fault.count,
            until: fault.lasting.map(|lasting| host.now() + lasting.0),
        };
        let id = self.orders(&described.name)?.give(order);
        Ok((described.name.clone(), id))
    }

    /// What a mail server was ordered to say.
    pub(super) fn orders(&self, host: &str) -> Result<&Orders, LabError> {
        let orders = self.shared.mail.orders.get(host);
        orders.ok_or_else(|| LabError::Bad(format!("`{host}` serves no mail")))
    }

    pub(super) fn mail_server(&self, host: &str) -> Result<&MailServer, LabError> {
        let server = self.shared.mail.servers.get(host);
        server.ok_or_else(|| LabError::Bad(format!("`{host}` serves no mail")))
    }

    /// The recipients that wait in a server's queue, the oldest first.
    pub(crate) async fn waiting(&self, host: &str) -> Vec<String> {
        let Some(described) = self.world().meant(host) else { return Vec::new() };
        let Ok(server) = self.mail_server(&described.name) else { return Vec::new() };
        let listed = server.queue().list(Selection::All, 0, SHOWN_MAX).await;
        let entries = listed.unwrap_or_default();
        entries.into_iter().map(|entry| entry.recipient.to_string()).collect()
    }
}

/// A reply of somebody else's choosing; X.0.0 says no more than the code does
/// (RFC 3463 §3.1).
fn refusal(fault: &ReplyFault) -> Reply {
    let code = *fault.code.get_ref();
    let usual = if code < 500 { "not now; try again later" } else { "no, and not later either" };
    // RFC 2034 §4: greetings carry no enhanced code.
    let is_greeting = matches!(fault.to, SmtpCommand::Greeting | SmtpCommand::Hello);
    let enhanced = (!is_greeting).then_some((0, 0));
    Reply::new(code, enhanced, fault.text.as_deref().unwrap_or(usual))
}

/// Recipients of a queue that a check looks at.
const SHOWN_MAX: u64 = 10_000;
