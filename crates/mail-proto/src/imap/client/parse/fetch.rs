//! What `FETCH` tells of a message (RFC 9051 §7.5.2).

use crate::imap::client::value::Value;
use crate::imap::date::InternalDate;
use crate::imap::fetch::{Section, SectionText};
use crate::imap::response::{
    BodyExtension, BodyPart, BodyStructure, EnvelopeAddress, FetchItem, MessageEnvelope, Multipart,
    Parameters,
};
use crate::mailbox::{ModSeq, Uid};

/// The items of a list; what is not known or malformed is passed over.
pub(super) fn items(list: &Value) -> Vec<FetchItem> {
    list.list().chunks(2).filter_map(|pair| item(pair.first()?, pair.get(1)?)).collect()
}

fn item(name: &Value, value: &Value) -> Option<FetchItem> {
    let name = name.string()?;
    let upper = name.to_ascii_uppercase();
    if let Some((inner, origin)) = bracketed(&name, &upper, "BODY[") {
        let section = section(inner)?;
        return Some(FetchItem::Section { section, origin, text: value.text() });
    }
    if let Some((inner, origin)) = bracketed(&name, &upper, "BINARY[") {
        return Some(FetchItem::Binary { part: numbers(inner), origin, text: value.text() });
    }
    if let Some((inner, _)) = bracketed(&name, &upper, "BINARY.SIZE[") {
        return Some(FetchItem::BinarySize { part: numbers(inner), size: value.number()? });
    }
    match upper.as_str() {
        "FLAGS" => Some(FetchItem::Flags(value.strings())),
        "UID" => uid(value).map(FetchItem::Uid),
        "MODSEQ" => value.list().first()?.number().map(|n| FetchItem::ModSeq(ModSeq(n))),
        "INTERNALDATE" => InternalDate::parse(&value.string()?).map(FetchItem::InternalDate),
        "RFC822.SIZE" => value.number().map(FetchItem::Size),
        "ENVELOPE" => Some(FetchItem::Envelope(Box::new(envelope(value)))),
        "BODY" => structure(value).map(|body| FetchItem::Body(Box::new(body))),
        "BODYSTRUCTURE" => structure(value).map(|body| FetchItem::BodyStructure(Box::new(body))),
        "RFC822" => Some(FetchItem::Rfc822(value.text())),
        "RFC822.HEADER" => Some(FetchItem::Rfc822Header(value.text())),
        "RFC822.TEXT" => Some(FetchItem::Rfc822Text(value.text())),
        _ => None,
    }
}

fn uid(value: &Value) -> Option<Uid> {
    u32::try_from(value.number()?).ok()?.try_into().ok().map(Uid)
}

/// What is in the brackets after `start`, and the octet after them: `<0>`.
fn bracketed<'n>(name: &'n str, upper: &str, start: &str) -> Option<(&'n str, Option<u32>)> {
    if !upper.starts_with(start) {
        return None;
    }
    let (inner, after) = name.get(start.len()..)?.rsplit_once(']')?;
    let origin = after.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    Some((inner, origin.and_then(|text| text.parse().ok())))
}

fn numbers(text: &str) -> Vec<u32> {
    text.split('.').map_while(|number| number.parse().ok()).collect()
}

fn section(inner: &str) -> Option<Section> {
    let part = numbers(inner);
    let skip: usize = part.iter().map(|number| number.to_string().len() + 1).sum();
    let rest = inner.get(skip.min(inner.len())..)?;
    let upper = rest.to_ascii_uppercase();
    let fields = || -> Vec<Vec<u8>> {
        let list = rest.split_once('(').map_or("", |(_, list)| list).trim_end_matches(')');
        let names = list.split(' ').filter(|name| !name.is_empty());
        names.map(|name| name.trim_matches('"').as_bytes().to_vec()).collect()
    };
    let text = match upper.as_str() {
        "" => SectionText::All,
        "HEADER" => SectionText::Header,
        "TEXT" => SectionText::Text,
        "MIME" => SectionText::Mime,
        _ if upper.starts_with("HEADER.FIELDS.NOT") => SectionText::HeaderFieldsNot(fields()),
        _ if upper.starts_with("HEADER.FIELDS") => SectionText::HeaderFields(fields()),
        _ => return None,
    };
    Some(Section { part, text })
}

fn envelope(value: &Value) -> MessageEnvelope {
    let values = value.list();
    let text = |index: usize| values.get(index).and_then(Value::octets);
    let people = |index: usize| -> Vec<EnvelopeAddress> {
        let list = values.get(index).map(Value::list).unwrap_or_default();
        list.iter().map(address).collect()
    };
    MessageEnvelope {
        date: text(0),
        subject: text(1),
        from: people(2),
        sender: people(3),
        reply_to: people(4),
        to: people(5),
        cc: people(6),
        bcc: people(7),
        in_reply_to: text(8),
        message_id: text(9),
    }
}

fn address(value: &Value) -> EnvelopeAddress {
    let text = |index: usize| value.list().get(index).and_then(Value::octets);
    EnvelopeAddress { name: text(0), route: text(1), mailbox: text(2), host: text(3) }
}

fn structure(value: &Value) -> Option<BodyStructure> {
    let values = value.list();
    match values.first()? {
        Value::List(_) => {
            let count = values.iter().take_while(|value| matches!(value, Value::List(_))).count();
            let (parts, rest) = values.split_at(count);
            let more = rest.get(2..).unwrap_or_default();
            Some(BodyStructure::Multipart(Multipart {
                parts: parts.iter().filter_map(structure).collect(),
                subtype: rest.first().and_then(Value::octets).unwrap_or_default(),
                parameters: rest.get(1).map(parameters).unwrap_or_default(),
                extension: extension(more),
            }))
        }
        _ => Some(BodyStructure::Part(part(values))),
    }
}

fn part(values: &[Value]) -> BodyPart {
    let text = |index: usize| values.get(index).and_then(Value::octets);
    let (media_type, subtype) = (text(0).unwrap_or_default(), text(1).unwrap_or_default());
    let is_text = media_type.eq_ignore_ascii_case(b"text");
    let is_message =
        media_type.eq_ignore_ascii_case(b"message") && subtype.eq_ignore_ascii_case(b"rfc822");
    let mut part = BodyPart {
        media_type,
        subtype,
        parameters: values.get(2).map(parameters).unwrap_or_default(),
        id: text(3),
        description: text(4),
        encoding: text(5).unwrap_or_else(|| b"7BIT".to_vec()),
        octets: values.get(6).and_then(Value::number).unwrap_or_default(),
        ..BodyPart::default()
    };
    let mut next = 7;
    // Some servers tell a message's structure, some do not.
    if is_message && matches!(values.get(7), Some(Value::List(_))) {
        let inner = values.get(8).and_then(structure);
        part.message = values.get(7).map(envelope).zip(inner).map(Box::new);
        next = 9;
    }
    if is_text || next == 9 {
        part.lines = values.get(next).and_then(Value::number);
        next += 1;
    }
    part.md5 = text(next);
    part.extension = extension(values.get(next + 1..).unwrap_or_default());
    part
}

/// Disposition, language, location; what follows is of later standards.
fn extension(values: &[Value]) -> BodyExtension {
    let disposition = values.first().and_then(|value| {
        let kind = value.list().first()?.octets()?;
        Some((kind, value.list().get(1).map(parameters).unwrap_or_default()))
    });
    let language = values.get(1).map_or_else(Vec::new, |value| match value {
        Value::List(list) => list.iter().filter_map(Value::octets).collect(),
        one => one.octets().into_iter().collect(),
    });
    let location = values.get(2).and_then(Value::octets);
    BodyExtension { disposition, language, location }
}

fn parameters(value: &Value) -> Parameters {
    let pair = |pair: &[Value]| Some((pair.first()?.octets()?, pair.get(1)?.octets()?));
    value.list().chunks(2).filter_map(pair).collect()
}
