//! Every name in a scenario means something.

use std::collections::BTreeSet;

use capa7_dns_proto::Name;
use capa7_mail_proto::address::Address;
use capa7_mail_proto::mailbox::{Flag, MailboxName};
use toml::Spanned;

use super::deeds::{Action, Fault, Load, Send};
use super::file::{Claim, FilterText, MeasureValue, ScenarioFile};
use super::letters::{Attachment, Read, ReadProtocol, SmtpCommand};
use crate::course;
use crate::source::SourceError;
use crate::world::build::Place;
use crate::world::{SocketService, World};

/// Looks every reference up.
pub(super) fn check(
    place: &Place<'_>,
    file: &ScenarioFile,
    world: &World,
) -> Result<(), SourceError> {
    if file.step.is_empty() {
        return Err(place.error(&file.id.span(), "a scenario needs a [[step]]"));
    }
    let names = Names {
        place,
        world,
        steps: distinct(place, "step", file.step.iter().map(|step| &step.id))?,
        measures: distinct(place, "measure", file.measure.iter().map(|m| &m.id))?,
        checks: distinct(place, "check", file.check.iter().map(|check| &check.id))?,
    };
    distinct(place, "sabotage", file.sabotage.iter().map(|sabotage| &sabotage.id))?;
    distinct(place, "statement", file.statement.iter().map(|statement| &statement.id))?;
    check_course(place, file)?;
    for step in &file.step {
        if step.apart.is_some() && !step.together {
            let problem = "`apart` is for actions that begin at once: write `together = true`";
            return Err(place.error(&step.id.span(), problem));
        }
        step.act.iter().try_for_each(|action| names.action(action))?;
        step.fault.iter().try_for_each(|fault| names.fault(fault))?;
        if let Some(predict) = &step.predict {
            names.measure(&predict.measure)?;
        }
    }
    check_claims(&names, file)?;
    for sabotage in &file.sabotage {
        sabotage.act.iter().try_for_each(|action| names.action(action))?;
        sabotage.fault.iter().try_for_each(|fault| names.fault(fault))?;
        names.optional_step(sabotage.at.as_ref())?;
        sabotage.fails.iter().try_for_each(|id| names.known("check", &names.checks, id))?;
        if sabotage.fails.is_empty() {
            return Err(place.error(&sabotage.id.span(), "a sabotage makes some check fail"));
        }
    }
    for statement in &file.statement {
        statement.checks.iter().try_for_each(|id| names.known("check", &names.checks, id))?;
        for text in [&statement.measured.en, &statement.measured.es] {
            for hole in placeholders(text) {
                let whole = hole.whole;
                let problem = if !names.measures.contains(hole.id) {
                    format!("`{{{whole}}}` is not the id of a measure")
                } else if hole.forms.is_none() && whole != hole.id {
                    format!("`{{{whole}}}` needs a word for one and a word for more")
                } else {
                    continue;
                };
                return Err(place.error(&statement.id.span(), problem));
            }
        }
    }
    Ok(())
}

/// What the scenario says that it shows is in the course.
fn check_course(place: &Place<'_>, file: &ScenarioFile) -> Result<(), SourceError> {
    let course = course::statements()?;
    let unknown_row = file.course.iter().find(|named| {
        let named = named.get_ref();
        !course.iter().any(|known| known.row == *named || known.id == *named)
    });
    if let Some(row) = unknown_row {
        let problem = format!("the course has no row or statement `{}`", row.get_ref());
        let advice = "write one of `capa7 course`, such as D4 or D4.2";
        return Err(place.error(&row.span(), format!("{problem}: {advice}")));
    }
    let mut shown = file.statement.iter().map(|statement| &statement.id);
    match shown.find(|id| !course.iter().any(|known| known.id == *id.get_ref())) {
        Some(id) => {
            let problem = format!("the course has no statement `{}`", id.get_ref());
            Err(place.error(&id.span(), format!("{problem}: write one such as D4.2")))
        }
        None => Ok(()),
    }
}

fn check_claims(names: &Names<'_>, file: &ScenarioFile) -> Result<(), SourceError> {
    for measure in &file.measure {
        names.optional_step(measure.during.as_ref())?;
        names.optional_step(measure.because_of.as_ref())?;
        match &measure.value {
            MeasureValue::Took(step) | MeasureValue::Answered(step) => names.step(step)?,
            MeasureValue::Ratio(two)
            | MeasureValue::Difference(two)
            | MeasureValue::Product(two) => {
                two.iter().try_for_each(|id| names.earlier_measure(file, &measure.id, id))?;
            }
            MeasureValue::Times(scaled) => {
                names.earlier_measure(file, &measure.id, &scaled.of)?;
            }
            MeasureValue::CostPerQuery(cost) => names.zone(&cost.zone)?,
            MeasureValue::Count(_)
            | MeasureValue::Time(_)
            | MeasureValue::Share(_)
            | MeasureValue::Sum(_)
            | MeasureValue::Mean(_)
            | MeasureValue::Max(_)
            | MeasureValue::Min(_)
            | MeasureValue::Distinct(_)
            | MeasureValue::Most(_)
            | MeasureValue::MeanWait(_)
            | MeasureValue::MaxWait(_)
            | MeasureValue::Number(_) => {}
        }
    }
    for check in &file.check {
        names.optional_step(check.during.as_ref())?;
        names.optional_step(check.because_of.as_ref())?;
        match &check.that {
            Claim::Answer(claim) => names.step(&claim.of)?,
            Claim::Cache(claim) => {
                names.step(&claim.at)?;
                names.resolver(&claim.resolver)?;
            }
            Claim::Zone(claim) => {
                names.step(&claim.at)?;
                names.zone(&claim.zone)?;
            }
            Claim::Mailbox(claim) => {
                names.step(&claim.at)?;
                names.has_mailbox(&claim.of)?;
                names.folder(&claim.folder)?;
            }
            Claim::Queue(claim) => {
                names.step(&claim.at)?;
                names.mail_server(&claim.host)?;
            }
            Claim::Measure(claim) => {
                names.measure(&claim.of)?;
                claim.equals.iter().try_for_each(|id| names.measure(id))?;
            }
            Claim::Sequence(_)
            | Claim::Chain(_)
            | Claim::Exactly(_)
            | Claim::Count(_)
            | Claim::None(_)
            | Claim::Every(_)
            | Claim::Same(_) => {}
        }
    }
    Ok(())
}

struct Names<'a> {
    place: &'a Place<'a>,
    world: &'a World,
    steps: BTreeSet<&'a str>,
    measures: BTreeSet<&'a str>,
    checks: BTreeSet<&'a str>,
}

impl Names<'_> {
    fn known(
        &self,
        kind: &str,
        known: &BTreeSet<&str>,
        id: &Spanned<String>,
    ) -> Result<(), SourceError> {
        if known.contains(id.get_ref().as_str()) {
            return Ok(());
        }
        let list = known.iter().copied().collect::<Vec<_>>().join(", ");
        let problem = format!("there is no {kind} `{}`; there are {list}", id.get_ref());
        Err(self.place.error(&id.span(), problem))
    }

    fn step(&self, id: &Spanned<String>) -> Result<(), SourceError> {
        self.known("step", &self.steps, id)
    }

    fn optional_step(&self, id: Option<&Spanned<String>>) -> Result<(), SourceError> {
        id.map_or(Ok(()), |id| self.step(id))
    }

    fn measure(&self, id: &Spanned<String>) -> Result<(), SourceError> {
        self.known("measure", &self.measures, id)
    }

    /// Figures of figures use those above them, so that there is no circle.
    fn earlier_measure(
        &self,
        file: &ScenarioFile,
        own: &Spanned<String>,
        id: &Spanned<String>,
    ) -> Result<(), SourceError> {
        self.measure(id)?;
        let place = |id: &str| file.measure.iter().position(|m| m.id.get_ref() == id);
        if place(id.get_ref()) < place(own.get_ref()) {
            return Ok(());
        }
        let problem = format!("`{}` must stand above `{}`", id.get_ref(), own.get_ref());
        Err(self.place.error(&id.span(), problem))
    }

    fn host(&self, word: &Spanned<String>) -> Result<(), SourceError> {
        if self.world.meant(word.get_ref()).is_some() {
            return Ok(());
        }
        let problem = format!("`{}` is no host or person of this world", word.get_ref());
        Err(self.place.error(&word.span(), problem))
    }

    fn resolver(&self, word: &Spanned<String>) -> Result<(), SourceError> {
        self.host(word)?;
        let host = self.world.meant(word.get_ref());
        if host.is_some_and(|host| host.services.resolver.is_some()) {
            return Ok(());
        }
        let problem = format!("`{}` runs no resolver", word.get_ref());
        Err(self.place.error(&word.span(), problem))
    }

    fn zone(&self, name: &Spanned<String>) -> Result<(), SourceError> {
        let origin = Name::parse(name.get_ref()).ok();
        if origin.is_some_and(|origin| self.world.zone(&origin).is_some()) {
            return Ok(());
        }
        let problem = format!("there is no zone `{}` in this world", name.get_ref());
        Err(self.place.error(&name.span(), problem))
    }

    fn name(&self, name: &Spanned<String>) -> Result<(), SourceError> {
        match Name::parse(name.get_ref()) {
            Ok(_) => Ok(()),
            Err(error) => {
                let problem = format!("`{}` is not a name: {error}", name.get_ref());
                Err(self.place.error(&name.span(), problem))
            }
        }
    }

    fn server(&self, word: Option<&Spanned<String>>) -> Result<(), SourceError> {
        match word {
            Some(word) if word.get_ref().parse::<std::net::IpAddr>().is_err() => self.host(word),
            _ => Ok(()),
        }
    }

    fn action(&self, action: &Action) -> Result<(), SourceError> {
        match action {
            Action::Query(query) => {
                self.host(&query.from)?;
                self.name(&query.name)?;
                self.server(query.server.as_ref())
            }
            Action::Load(load) => self.load(load),
            Action::Send(send) => self.send(send),
            Action::Start(program) | Action::Stop(program) => self.host(&program.host),
            Action::Flush(flush) => {
                self.resolver(&flush.resolver)?;
                flush.name.as_ref().map_or(Ok(()), |name| self.name(name))
            }
            Action::Record(change) => self.zone(&change.zone),
            Action::Register(register) => {
                self.name(&register.domain)?;
                let parent = Name::parse(register.domain.get_ref()).ok();
                let parent = parent.and_then(|name| name.parent());
                if parent.is_none_or(|parent| self.world.registry_of(&parent).is_none()) {
                    let problem = "no registry of this world sells names there: give a host \
                                   `serves = { registry = { zone = \"…\" } }`";
                    return Err(self.place.error(&register.domain.span(), problem));
                }
                if let Some(word) = &register.registrar {
                    self.host(word)?;
                }
                if self.world.registrar(register).is_none() {
                    let problem = "no registrar: give a host `serves = { registrar = true }`";
                    return Err(self.place.error(&register.domain.span(), problem));
                }
                Ok(())
            }
            Action::Kill(host) | Action::Revive(host) => self.host(host),
            Action::Link(change) => self.host(&change.host),
            Action::Run(run) => {
                if run.command.is_empty() {
                    return Err(self.place.error(&run.host.span(), "the command is empty"));
                }
                self.host(&run.host)
            }
            Action::Write(_)
            | Action::Read(_)
            | Action::Type(_)
            | Action::Browse(_)
            | Action::Queue(_) => self.mail_action(action),
        }
    }

    fn mail_action(&self, action: &Action) -> Result<(), SourceError> {
        match action {
            Action::Write(write) => {
                self.has_mailbox(&write.from)?;
                write.to.iter().try_for_each(|word| self.recipient(word))?;
                if write.to.is_empty() {
                    return Err(self.place.error(&write.from.span(), "say to whom, with `to`"));
                }
                write.attach.iter().try_for_each(|file| self.attachment(file))
            }
            Action::Read(read) => self.read(read),
            Action::Type(typed) => {
                self.host(&typed.from)?;
                self.name(&typed.to)
            }
            Action::Browse(browse) => {
                self.has_mailbox(&browse.from)?;
                let site = self.world.meant(browse.site.get_ref());
                if site.is_none_or(|site| site.services.webmail.is_none()) {
                    let problem = format!("`{}` is no webmail site", browse.site.get_ref());
                    return Err(self.place.error(&browse.site.span(), problem));
                }
                browse.read.iter().try_for_each(|folder| self.folder(folder))?;
                let to = browse.send.iter().flat_map(|message| &message.to);
                to.into_iter().try_for_each(|word| self.recipient(word))
            }
            Action::Queue(deed) => self.mail_server(&deed.host),
            _ => Ok(()),
        }
    }

    fn read(&self, read: &Read) -> Result<(), SourceError> {
        self.has_mailbox(&read.by)?;
        self.folder(&read.folder)?;
        if read.over == ReadProtocol::Pop3 {
            return self.read_by_pop3(read);
        }
        read.then.to.as_ref().map_or(Ok(()), |folder| self.folder(folder))?;
        if let (Some(folder), true) = (&read.then.to, read.then.delete) {
            let problem = "what is deleted goes to no folder";
            return Err(self.place.error(&folder.span(), problem));
        }
        let Some(flag) = &read.then.flag else { return Ok(()) };
        let parsed = Flag::parse(flag.get_ref()).map(drop);
        parsed.map_err(|error| self.place.error(&flag.span(), error.to_string()))
    }

    /// POP3 has one mailbox, no flags, and a server that tells nothing by itself
    /// (RFC 1939 §3).
    fn read_by_pop3(&self, read: &Read) -> Result<(), SourceError> {
        let folder = read.folder.get_ref();
        let wrong = if !folder.eq_ignore_ascii_case("INBOX") {
            Some((read.folder.span(), "POP3 knows INBOX only: leave `folder` out, or use imap"))
        } else if let Some(flag) = &read.then.flag {
            Some((flag.span(), "POP3 knows no flags: leave `flag` out, or use imap"))
        } else if let Some(to) = &read.then.to {
            Some((to.span(), "POP3 knows no folders: leave `to` out, or use imap"))
        } else {
            let problem = "a POP3 server tells nothing by itself: leave `wait` out, or use imap";
            read.wait.as_ref().map(|wait| (wait.span(), problem))
        };
        wrong.map_or(Ok(()), |(span, problem)| Err(self.place.error(&span, problem)))
    }

    /// A person with an address at a mail server of the world.
    fn has_mailbox(&self, word: &Spanned<String>) -> Result<(), SourceError> {
        self.host(word)?;
        if self.world.address_of_person(word.get_ref()).is_some() {
            return Ok(());
        }
        let problem = format!("`{}` has no mailbox in this world", word.get_ref());
        Err(self.place.error(&word.span(), problem))
    }

    /// A person with a mailbox, or any address.
    fn recipient(&self, word: &Spanned<String>) -> Result<(), SourceError> {
        if !word.get_ref().contains('@') {
            return self.has_mailbox(word);
        }
        let parsed = word.get_ref().parse::<Address>().map(drop);
        parsed.map_err(|error| self.place.error(&word.span(), error.to_string()))
    }

    fn attachment(&self, file: &Attachment) -> Result<(), SourceError> {
        let spot = file.media_type.span();
        if file.text.is_some() == file.size.is_some() {
            return Err(self.place.error(&spot, "a file has one of: text, size"));
        }
        match file.media_type.get_ref().split_once('/') {
            Some((kind, of)) if !kind.is_empty() && !of.is_empty() => Ok(()),
            _ => Err(self.place.error(&spot, "write a media type, such as image/png")),
        }
    }

    fn folder(&self, name: &Spanned<String>) -> Result<(), SourceError> {
        let parsed = MailboxName::parse(name.get_ref()).map(drop);
        parsed.map_err(|error| self.place.error(&name.span(), error.to_string()))
    }

    fn mail_server(&self, word: &Spanned<String>) -> Result<(), SourceError> {
        self.host(word)?;
        let host = self.world.meant(word.get_ref());
        if host.is_some_and(|host| host.services.mail.is_some()) {
            return Ok(());
        }
        let problem = format!("`{}` serves no mail", word.get_ref());
        Err(self.place.error(&word.span(), problem))
    }

    fn load(&self, load: &Load) -> Result<(), SourceError> {
        load.names.iter().try_for_each(|name| self.name(name))?;
        self.server(load.server.as_ref())?;
        for word in &load.from {
            if self.world.group(word.get_ref()).is_empty() {
                let problem = format!("`{}` is no host, person, site or tier", word.get_ref());
                return Err(self.place.error(&word.span(), problem));
            }
        }
        match (load.from.first(), load.names.first()) {
            (Some(_), Some(_)) => Ok(()),
            (Some(word), None) => Err(self.place.error(&word.span(), "a load needs names")),
            _ => Err(SourceError::of_file(self.place.file, "a load needs `from`")),
        }
    }

    fn send(&self, send: &Send) -> Result<(), SourceError> {
        self.host(&send.from)?;
        let parts = !send.parts.is_empty();
        let given = [send.text.is_some(), send.hex.is_some(), send.letters.is_some(), parts];
        if given.iter().filter(|given| **given).count() != 1 {
            let problem = "say what is sent with one of: text, hex, letters, parts";
            return Err(self.place.error(&send.from.span(), problem));
        }
        if parts && send.over != SocketService::Tcp {
            return Err(self.place.error(&send.from.span(), "parts are sent over tcp"));
        }
        send.parts.iter().try_for_each(|part| self.hex(Some(part)))?;
        self.hex(send.hex.as_ref())
    }

    fn hex(&self, text: Option<&Spanned<String>>) -> Result<(), SourceError> {
        match text {
            Some(text) if super::file::bytes_of_hex(text.get_ref()).is_none() => {
                let problem = "write pairs of hexadecimal digits, such as \"00ff\"";
                Err(self.place.error(&text.span(), problem))
            }
            _ => Ok(()),
        }
    }

    /// What streams cannot have is not asked of them.
    fn datagrams(&self, what: &str, of: &FilterText) -> Result<(), SourceError> {
        if !of.0.wants_streams() {
            return Ok(());
        }
        let problem = format!(
            "only datagrams are {what}: `{}` are messages of streams; use drop, delay, rewrite, \
             reset or refuse",
            of.0.text()
        );
        Err(SourceError::of_file(self.place.file, problem))
    }

    fn fault(&self, fault: &Fault) -> Result<(), SourceError> {
        match fault {
            Fault::Down(host) => self.host(host),
            Fault::Link(change) => self.host(&change.host),
            Fault::Reset(reset) => self.host(&reset.to),
            Fault::Reply(reply) => {
                self.mail_server(&reply.host)?;
                let (code, port) = (reply.code.get_ref(), reply.port.get_ref());
                if !(400..600).contains(code) {
                    let problem = "a refusal is a code from 400 to 599: 451, 550";
                    return Err(self.place.error(&reply.code.span(), problem));
                }
                // RFC 5321 §3.1, §3.8: what a greeting can say.
                if reply.to == SmtpCommand::Greeting && ![421, 554].contains(code) {
                    let problem = "a greeting that says no has the code 421 or 554";
                    return Err(self.place.error(&reply.code.span(), problem));
                }
                if let Some(recipient) = &reply.recipient {
                    if reply.to != SmtpCommand::Rcpt {
                        let problem = "one recipient is named at RCPT only: to = \"RCPT\"";
                        return Err(self.place.error(&recipient.span(), problem));
                    }
                    self.recipient(recipient)?;
                }
                if !MAIL_PORTS.contains(port) {
                    let problem = "mail comes in at the ports 25, 587 and 465";
                    return Err(self.place.error(&reply.port.span(), problem));
                }
                Ok(())
            }
            Fault::Rewrite(rewrite) => {
                self.hex(rewrite.set.as_ref())?;
                self.hex(rewrite.flip.as_ref())
            }
            Fault::Duplicate(which) => self.datagrams("sent twice", &which.of),
            Fault::Forge(forge) => self.datagrams("answered by a forger", &forge.of),
            Fault::Drop(_) | Fault::Delay(_) | Fault::Refuse(_) | Fault::Clear(_) => Ok(()),
        }
    }
}

/// Where a mail server takes mail (RFC 5321 §4.5.4.2, RFC 6409 §3.1).
const MAIL_PORTS: [u16; 3] = [25, 465, 587];

/// The identifiers, each of which may occur once.
fn distinct<'a>(
    place: &Place<'_>,
    kind: &str,
    ids: impl Iterator<Item = &'a Spanned<String>>,
) -> Result<BTreeSet<&'a str>, SourceError> {
    let mut known = BTreeSet::new();
    for id in ids {
        if !known.insert(id.get_ref().as_str()) {
            return Err(place.error(&id.span(), format!("{kind} `{}` twice", id.get_ref())));
        }
    }
    Ok(known)
}

/// A place of a text that a figure fills: `{id}`, or `{id|time|times}` with the
/// word for one and the word for any other number after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placeholder<'a> {
    /// What stands between the braces.
    pub(crate) whole: &'a str,
    pub(crate) id: &'a str,
    pub(crate) forms: Option<[&'a str; 2]>,
}

/// The places of a text that figures fill.
pub(crate) fn placeholders(text: &str) -> impl Iterator<Item = Placeholder<'_>> {
    let wholes = text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    wholes.map(|whole| {
        let mut parts = whole.split('|');
        let id = parts.next().unwrap_or_default();
        let forms = match (parts.next(), parts.next(), parts.next()) {
            (Some(one), Some(more), None) => Some([one, more]),
            _ => None,
        };
        Placeholder { whole, id, forms }
    })
}
