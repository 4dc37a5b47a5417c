//! What is broken on purpose, in words of the filter language.

use std::sync::Arc;
use std::time::Duration;

use capa7_dissect::Cause;
use capa7_dns_proto::message::{Message, Rdata, Record};
use capa7_dns_proto::{Rcode, RecordType};
use capa7_mail::smtp::orders::OrderId;
use capa7_net::fault::{
    ConnectionAction, ConnectionRule, Forger, Forgery, Matcher, MessageAction, MessageRule,
    MessageView, Predicate, Rewrite as Rewriter, RuleId, Transport,
};

use super::{Lab, LabError, Outcome};
use crate::scenario::{Fault, FilterText, Forge, LinkChange, Rewrite, Which};
use crate::story::{EventType, EventView, decode_message, field_bytes};
use crate::text::Bilingual;
use crate::world::build::link;

/// A fault that can be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breakage {
    /// A rule of the network.
    Rule(RuleId),
    /// An order to a mail server.
    Reply {
        /// The server's host.
        host: String,
        /// Which order.
        order: OrderId,
    },
}

impl Lab {
    /// Breaks something; what [`Lab::mend`] takes back, where it can.
    ///
    /// # Errors
    /// When a host is not of this world or a link's number is not possible.
    pub fn break_with(&self, fault: &Fault) -> Result<Option<Breakage>, LabError> {
        let add = |of: &FilterText, matcher: Matcher, action, verb: &str| {
            let text = format!("{verb}: {}", of.0.text());
            let rule = MessageRule { text, matcher, action };
            Some(Breakage::Rule(self.network().faults().add_message(rule)))
        };
        let message = |of: &FilterText, skip, count, action, verb: &str| {
            let predicate = Some(self.predicate(of, on_its_way));
            add(of, Matcher { predicate, skip, count, ..Matcher::default() }, action, verb)
        };
        Ok(match fault {
            Fault::Drop(which) => add(&which.of, self.matcher(which), MessageAction::Drop, "lost"),
            Fault::Delay(delay) => {
                let action = MessageAction::Delay(delay.by.0);
                message(&delay.of, delay.skip, delay.count, action, "delayed")
            }
            Fault::Duplicate(which) => {
                datagrams(&which.of)?;
                add(&which.of, self.matcher(which), MessageAction::Duplicate(1), "sent twice")
            }
            Fault::Rewrite(rewrite) => {
                let action = MessageAction::Replace(rewriter(rewrite));
                message(&rewrite.of, rewrite.skip, rewrite.count, action, "changed")
            }
            Fault::Forge(forge) => {
                datagrams(&forge.of)?;
                let action = MessageAction::Forge(forger(forge));
                message(&forge.of, 0, forge.count, action, "forged")
            }
            Fault::Refuse(which) => {
                let text = format!("refused: {}", which.of.0.text());
                let predicate = Some(self.predicate(&which.of, asked_for));
                let matcher = Matcher { predicate, ..self.matcher(which) };
                let action = ConnectionAction::Refuse;
                let rule = ConnectionRule { text, matcher, action };
                Some(Breakage::Rule(self.network().faults().add_connection(rule)))
            }
            Fault::Reset(reset) => {
                let (described, host) = self.host(reset.to.get_ref())?;
                let text = format!("connections to {} are reset", described.name);
                let matcher = Matcher { to: Some(host.id()), ..Matcher::default() };
                let action = ConnectionAction::ResetAfter(reset.after.0);
                let rule = ConnectionRule { text, matcher, action };
                Some(Breakage::Rule(self.network().faults().add_connection(rule)))
            }
            Fault::Reply(reply) => {
                let (host, order) = self.order_reply(reply)?;
                Some(Breakage::Reply { host, order })
            }
            Fault::Down(word) => {
                let (_, host) = self.host(word.get_ref())?;
                self.network().set_host_down(host.id(), true);
                None
            }
            Fault::Link(change) => {
                self.change_link(change)?;
                None
            }
            Fault::Clear(_) => {
                self.network().faults().clear();
                self.shared.mail.clear_orders();
                None
            }
        })
    }

    /// Takes a fault back.
    pub fn mend(&self, broken: &Breakage) {
        match broken {
            Breakage::Rule(rule) => drop(self.network().faults().remove(*rule)),
            Breakage::Reply { host, order } => {
                if let Ok(orders) = self.orders(host) {
                    orders.take_back(*order);
                }
            }
        }
    }

    /// Whether a fault goes on; one that hits only so many is over after the
    /// last, which a rule of the network does not know itself.
    #[must_use]
    pub fn is_broken(&self, broken: &Breakage, count: Option<u64>) -> bool {
        match broken {
            Breakage::Rule(rule) => {
                let rules = self.network().faults().list();
                rules
                    .iter()
                    .any(|one| one.id == *rule && count.is_none_or(|count| one.applied < count))
            }
            Breakage::Reply { host, order } => {
                let now = self.network().now();
                self.orders(host).is_ok_and(|orders| orders.is_in_force(*order, now))
            }
        }
    }

    /// Changes a host's access link.
    pub(super) fn change_link(&self, change: &LinkChange) -> Result<(Cause, Outcome), LabError> {
        let (described, host) = self.host(change.host.get_ref())?;
        let access = self.network().access(host.id()).unwrap_or_default();
        let name = &described.name;
        let text = Bilingual::new(
            format!("the link of {name} changes"),
            format!("cambia el enlace de {name}"),
        );
        let event = self.note_action(&host, text);
        let (up, down) = (link(&change.up, access.up), link(&change.down, access.down));
        let set = self.network().set_access(host.id(), up, down);
        set.map_err(|error| LabError::Bad(error.to_string()))?;
        Ok((event, Outcome::Done))
    }

    fn matcher(&self, which: &Which) -> Matcher {
        let Which { of, share, skip, count } = which;
        Matcher {
            predicate: Some(self.predicate(of, on_its_way)),
            share: *share,
            skip: *skip,
            count: *count,
            ..Matcher::default()
        }
    }

    /// Whether a message or connection passes a filter, told as events are.
    fn predicate(&self, of: &FilterText, tell: fn(&MessageView<'_>) -> EventView) -> Predicate {
        let (filter, hosts) = (of.0.clone(), self.hosts().clone());
        Arc::new(move |message| filter.matches(&tell(message), &hosts))
    }
}

/// A stream has no second copies and no forged answers.
fn datagrams(of: &FilterText) -> Result<(), LabError> {
    if !of.0.wants_streams() {
        return Ok(());
    }
    let problem =
        format!("only datagrams can have this: `{}` are messages of streams", of.0.text());
    Err(LabError::Bad(problem))
}

fn on_its_way(message: &MessageView<'_>) -> EventView {
    decode_message(message.packet, word(message.transport))
}

/// A connection at the moment when it is asked for, as its event tells it.
fn asked_for(connection: &MessageView<'_>) -> EventView {
    let mut view = on_its_way(connection);
    view.event_type = EventType::Connection;
    view.kind = Some("asked".to_owned());
    view
}

const fn word(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    }
}

/// Changes a field where the dissector finds it; a message without the field
/// passes as it is.
fn rewriter(rewrite: &Rewrite) -> Rewriter {
    let hex = |text: &Option<toml::Spanned<String>>| {
        text.as_ref().and_then(|text| crate::scenario::file::bytes_of_hex(text.get_ref()))
    };
    let (set, flip) = (hex(&rewrite.set), hex(&rewrite.flip));
    let field = rewrite.field.clone();
    Arc::new(move |message| {
        let mut bytes = message.packet.bytes.to_vec();
        let range = field_bytes(message.packet, word(message.transport), &field)?;
        let octets = bytes.get_mut(range)?;
        // From the right, so that a short number changes the low end.
        let given = set.iter().flatten().rev();
        octets.iter_mut().rev().zip(given).for_each(|(octet, new)| *octet = *new);
        let bits = flip.iter().flatten().rev();
        octets.iter_mut().rev().zip(bits).for_each(|(octet, bits)| *octet ^= bits);
        Some(bytes.into())
    })
}

/// Answers a query in the asked server's name (course D12).
fn forger(forge: &Forge) -> Forger {
    let (address, wrong_id, after) = (forge.address, forge.wrong_id, forge.after.0);
    Arc::new(move |message| {
        let Ok(query) = Message::parse(&message.packet.bytes) else { return Vec::new() };
        let Some(question) = query.question().cloned() else { return Vec::new() };
        let mut reply = query.reply(Rcode::NOERROR);
        reply.header.aa = true;
        reply.header.id ^= u16::from(wrong_id);
        let name = question.name;
        reply.answers.push(Record::new(name, RecordType::A, FORGED_TTL, Rdata::a(address)));
        let Ok(bytes) = reply.write() else { return Vec::new() };
        vec![Forgery {
            from: message.packet.to,
            to: message.packet.from,
            bytes: bytes.into(),
            after: after.max(Duration::from_nanos(1)),
        }]
    })
}

/// Long, as a forger wants it.
const FORGED_TTL: u32 = 86_400;
