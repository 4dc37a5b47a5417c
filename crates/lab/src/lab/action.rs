//! What people do.

use std::net::IpAddr;

use capa7_dissect::{Cause, Room};
use capa7_dns::{StubClient, StubError, StubOptions, StubReply};
use capa7_dns_proto::{Name, RecordType};
use capa7_net::Host;

use super::{ActionResult, Lab, LabError, Outcome, registries};
use crate::scenario::{Action, Flush, Query, RecordChange};
use crate::text::Bilingual;
use crate::world::{WorldHost, ZoneEdit};

impl Lab {
    /// Does one thing and waits until it is done. What goes wrong in the world
    /// (no answer, refused) is an outcome.
    ///
    /// # Errors
    /// When the action itself makes no sense in this world.
    pub async fn act(&self, action: &Action) -> Result<ActionResult, LabError> {
        let began = self.network().now();
        let (event, outcome) = match action {
            Action::Query(query) => self.query(query).await?,
            Action::Load(load) => self.load(load).await?,
            Action::Send(send) => self.send(send).await?,
            Action::Start(program) => self.start_program(program)?,
            Action::Stop(program) => self.stop_program(program)?,
            Action::Flush(flush) => self.flush(flush).await?,
            Action::Record(change) => self.change_records(change)?,
            Action::Register(register) => self.register(register).await?,
            Action::Kill(host) => self.set_down(host.get_ref(), true)?,
            Action::Revive(host) => self.set_down(host.get_ref(), false)?,
            Action::Link(change) => self.change_link(change)?,
            Action::Run(run) => self.run_program(run).await?,
            Action::Type(typed) => self.type_lines(typed).await?,
            Action::Write(write) => self.write_letter(write).await?,
            Action::Read(read) => self.read_letters(read).await?,
            Action::Browse(browse) => self.browse(browse).await?,
            Action::Queue(deed) => self.queue_deed(deed).await?,
        };
        Ok(ActionResult { event, began, ended: self.network().now(), outcome })
    }

    async fn query(&self, query: &Query) -> Result<(Cause, Outcome), LabError> {
        let (described, host) = self.host(query.from.get_ref())?;
        let server = query.server.as_ref().map(|word| word.get_ref().as_str());
        let server = self.name_server(described, server)?;
        let (name, record_type) = (query.name.get_ref(), query.record_type);
        let who = called(described);
        let text = Bilingual::new(
            format!("{who} asks for {name} {record_type}"),
            format!("{who} pregunta por {name} {record_type}"),
        );
        let event = self.note_action(&host, text);
        let base = StubOptions::default();
        let options = StubOptions {
            recursion_desired: query.recursion,
            tcp: query.tcp,
            nsid: query.nsid,
            payload_octets: query.payload.unwrap_or(base.payload_octets),
            tries: query.tries.unwrap_or(base.tries),
            ..base
        };
        let stub = StubClient::new(host.in_room(Room::Dns), server).with_options(options);
        let outcome = match self.ask(&stub, described, name, record_type, event).await? {
            Ok(reply) => Outcome::of_reply(&reply.message, reply.tcp),
            Err(error) => Outcome::failed(error),
        };
        Ok((event, outcome))
    }

    /// Asks as a program on the host does: a name without a dot is looked up
    /// in the site's domain first (RFC 1123 §6.1.4.3).
    async fn ask(
        &self,
        stub: &StubClient,
        host: &WorldHost,
        name: &str,
        record_type: RecordType,
        cause: Cause,
    ) -> Result<Result<StubReply, StubError>, LabError> {
        let parse = |text: &str| {
            Name::parse(text).map_err(|error| LabError::Bad(format!("`{text}`: {error}")))
        };
        let site = host.site.as_deref().and_then(|site| self.world().site(site));
        let search = site.and_then(|site| site.search.as_deref());
        if let (Some(domain), false) = (search, name.contains('.')) {
            let reply = stub.query(&parse(&format!("{name}.{domain}"))?, record_type, cause).await;
            match reply {
                Ok(reply) if !reply.message.answers.is_empty() => return Ok(Ok(reply)),
                Err(error) => return Ok(Err(error)),
                Ok(_) => {}
            }
        }
        Ok(stub.query(&parse(name)?, record_type, cause).await)
    }

    /// The address of a name, as a program on `host` finds it.
    pub(super) async fn address_of(
        &self,
        described: &WorldHost,
        host: &Host,
        name: &str,
        cause: Cause,
    ) -> Result<Result<(IpAddr, Cause), String>, LabError> {
        if let Ok(address) = name.parse() {
            return Ok(Ok((address, cause)));
        }
        let server = self.name_server(described, None)?;
        let stub = StubClient::new(host.in_room(Room::Dns), server);
        let reply = match self.ask(&stub, described, name, RecordType::A, cause).await? {
            Ok(reply) => reply,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let address = reply.message.answers.iter().find_map(|record| record.a());
        Ok(address
            .map(|address| (IpAddr::V4(address), reply.cause))
            .ok_or_else(|| format!("{name} has no address: {}", reply.message.header.rcode)))
    }

    async fn flush(&self, flush: &Flush) -> Result<(Cause, Outcome), LabError> {
        let (described, host) = self.host(flush.resolver.get_ref())?;
        let resolver = self.resolvers().get(&described.name);
        let resolver = resolver.ok_or_else(|| LabError::NoResolver(described.name.clone()))?;
        let name = match &flush.name {
            Some(name) => {
                let bad = |error| LabError::Bad(format!("`{}`: {error}", name.get_ref()));
                Some(Name::parse(name.get_ref()).map_err(bad)?)
            }
            None => None,
        };
        let what = name.as_ref().map_or_else(
            || Bilingual::new("everything", "todo"),
            |name| Bilingual::new(name.to_string(), name.to_string()),
        );
        let text = Bilingual::new(
            format!("{} forgets {}", described.name, what.en),
            format!("{} olvida {}", described.name, what.es),
        );
        let event = self.note_action(&host, text);
        let flushed = resolver.resolving().look(move |machine, _| match &name {
            Some(name) => {
                machine.flush(name);
            }
            None => machine.clear(),
        });
        let outcome = match flushed.await {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::failed(error),
        };
        Ok((event, outcome))
    }

    fn change_records(&self, change: &RecordChange) -> Result<(Cause, Outcome), LabError> {
        let origin = origin(change.zone.get_ref())?;
        let edit = ZoneEdit { remove: change.remove.clone(), add: change.add.clone() };
        let text = Bilingual::new(
            format!("the zone {origin} is changed"),
            format!("se cambia la zona {origin}"),
        );
        self.edit_zone(&origin, &edit, text)
    }

    fn edit_zone(
        &self,
        origin: &Name,
        edit: &ZoneEdit,
        text: Bilingual,
    ) -> Result<(Cause, Outcome), LabError> {
        let servers = self.world().servers_of(origin);
        let server = servers.first().ok_or_else(|| LabError::NoZone(origin.to_string()))?;
        let (_, host) = self.host(&server.name)?;
        let event = self.note_action(&host, text);
        let outcome = match self.zones().change(origin, edit) {
            Ok(()) => Outcome::Done,
            Err(error) => return Ok((event, Outcome::failed(error))),
        };
        for server in servers {
            registries::note_change(&self.host(&server.name)?.1, origin, event);
        }
        Ok((event, outcome))
    }

    fn set_down(&self, word: &str, down: bool) -> Result<(Cause, Outcome), LabError> {
        let (described, host) = self.host(word)?;
        let name = &described.name;
        let text = if down {
            Bilingual::new(format!("{name} is switched off"), format!("se apaga {name}"))
        } else {
            Bilingual::new(format!("{name} is switched on"), format!("se enciende {name}"))
        };
        let event = self.note_action(&host, text);
        self.network().set_host_down(host.id(), down);
        Ok((event, Outcome::Done))
    }
}

/// What a text calls a host: its person, or its name.
pub(super) fn called(host: &WorldHost) -> &str {
    host.person.as_deref().unwrap_or(&host.name)
}

pub(super) fn origin(text: &str) -> Result<Name, LabError> {
    Name::parse(text).map_err(|error| LabError::Bad(format!("`{text}` is not a name: {error}")))
}
