//! From a whole response to what it says (RFC 9051 §7).

mod fetch;

use bytes::Bytes;

use super::NameForm;
use super::value::{Reader, Value};
use crate::imap::command::StatusItem;
use crate::imap::response::{
    Code, ExtendedSearch, ListEntry, NamespaceEntry, Response, Status, StatusText, Untagged,
};
use crate::imap::sequence::SequenceSet;
use crate::mailbox::{ModSeq, Uid, UidValidity};
use crate::utf7;

/// The response in a frame; none when it is not even one in form.
pub(super) fn response(frame: &Bytes, names: NameForm) -> Option<Response> {
    let first = word(frame, 0);
    if first == b"+" {
        let text = frame.get(1..).unwrap_or_default().trim_ascii_start();
        return Some(Response::Continue { text: String::from_utf8_lossy(text).into_owned() });
    }
    let rest = first.len() + 1;
    if first == b"*" {
        let told = untagged(frame, rest, names);
        let other = || Untagged::Other(frame.get(rest..).unwrap_or_default().to_vec());
        return Some(Response::Untagged(told.unwrap_or_else(other)));
    }
    let tag = std::str::from_utf8(first).ok()?.to_owned();
    Some(Response::Tagged { tag, status: status(frame, rest)? })
}

fn word(frame: &Bytes, at: usize) -> &[u8] {
    let rest = frame.get(at..).unwrap_or_default();
    rest.split(|byte| *byte == b' ').next().unwrap_or_default()
}

fn status(frame: &Bytes, at: usize) -> Option<StatusText> {
    let name = word(frame, at);
    let known = [Status::Ok, Status::No, Status::Bad, Status::Preauth, Status::Bye];
    let status = known.into_iter().find(|s| name.eq_ignore_ascii_case(s.name().as_bytes()))?;
    let mut text = frame.get(at + name.len() + 1..).unwrap_or_default();
    let mut code = None;
    if let Some(inner) = text.strip_prefix(b"[")
        && let Some(end) = inner.iter().position(|byte| *byte == b']')
    {
        code = read_code(inner.get(..end).unwrap_or_default());
        text = inner.get(end + 1..).unwrap_or_default();
    }
    let text = String::from_utf8_lossy(text.trim_ascii_start()).into_owned();
    Some(StatusText { status, code, text })
}

/// Codes with arguments are read here, those without by their names.
fn read_code(inner: &[u8]) -> Option<Code> {
    let bytes = Bytes::copy_from_slice(inner);
    let name = String::from_utf8_lossy(word(&bytes, 0)).to_ascii_uppercase();
    let values = Reader::new(&bytes, name.len().min(bytes.len())).all().unwrap_or_default();
    let number = |index: usize| values.get(index).and_then(Value::number);
    let small = |index: usize| number(index).and_then(|number| u32::try_from(number).ok());
    let set = |index: usize| {
        let text = values.get(index).and_then(Value::text)?;
        SequenceSet::parse(&text).ok()
    };
    let validity = |index| small(index).and_then(|n| n.try_into().ok()).map(UidValidity);
    let listed = || values.first().map(Value::strings).unwrap_or_default();
    let read = match name.as_str() {
        "CAPABILITY" => Some(Code::Capability(values.iter().filter_map(Value::string).collect())),
        "PERMANENTFLAGS" => Some(Code::PermanentFlags(listed())),
        "BADCHARSET" => Some(Code::BadCharset(listed())),
        "UIDNEXT" => small(0).and_then(|n| n.try_into().ok()).map(|n| Code::UidNext(Uid(n))),
        "UIDVALIDITY" => validity(0).map(Code::UidValidity),
        "UNSEEN" => small(0).map(Code::Unseen),
        "HIGHESTMODSEQ" => number(0).map(|n| Code::HighestModSeq(ModSeq(n))),
        "MODIFIED" => set(0).map(Code::Modified),
        "APPENDUID" => validity(0).zip(set(1)).map(|(v, uids)| Code::AppendUid(v, uids)),
        "COPYUID" => match (validity(0), set(1), set(2)) {
            (Some(validity), Some(from), Some(to)) => Some(Code::CopyUid(validity, from, to)),
            _ => None,
        },
        name => PLAIN_CODES.iter().find(|(known, _)| *known == name).map(|(_, code)| code.clone()),
    };
    Some(read.unwrap_or_else(|| Code::Other(String::from_utf8_lossy(inner).into_owned())))
}

const PLAIN_CODES: [(&str, Code); 27] = [
    ("ALERT", Code::Alert),
    ("ALREADYEXISTS", Code::AlreadyExists),
    ("AUTHENTICATIONFAILED", Code::AuthenticationFailed),
    ("AUTHORIZATIONFAILED", Code::AuthorizationFailed),
    ("CANNOT", Code::Cannot),
    ("CLIENTBUG", Code::ClientBug),
    ("CLOSED", Code::Closed),
    ("CONTACTADMIN", Code::ContactAdmin),
    ("EXPUNGEISSUED", Code::ExpungeIssued),
    ("HASCHILDREN", Code::HasChildren),
    ("INUSE", Code::InUse),
    ("LIMIT", Code::Limit),
    ("NOMODSEQ", Code::NoModSeq),
    ("NONEXISTENT", Code::NonExistent),
    ("NOPERM", Code::NoPerm),
    ("NOTSAVED", Code::NotSaved),
    ("OVERQUOTA", Code::OverQuota),
    ("PARSE", Code::Parse),
    ("PRIVACYREQUIRED", Code::PrivacyRequired),
    ("READ-ONLY", Code::ReadOnly),
    ("READ-WRITE", Code::ReadWrite),
    ("SERVERBUG", Code::ServerBug),
    ("TOOBIG", Code::TooBig),
    ("TRYCREATE", Code::TryCreate),
    ("UIDNOTSTICKY", Code::UidNotSticky),
    ("UNAVAILABLE", Code::Unavailable),
    ("UNKNOWN-CTE", Code::UnknownCte),
];

fn untagged(frame: &Bytes, at: usize, names: NameForm) -> Option<Untagged> {
    if let Some(status) = status(frame, at) {
        return Some(Untagged::Status(status));
    }
    let first = word(frame, at);
    let name = String::from_utf8_lossy(first).to_ascii_uppercase();
    let rest = (at + first.len()).min(frame.len());
    if let Ok(number) = name.parse::<u32>() {
        let word = String::from_utf8_lossy(word(frame, rest + 1)).to_ascii_uppercase();
        return match word.as_str() {
            "EXISTS" => Some(Untagged::Exists(number)),
            "RECENT" => Some(Untagged::Recent(number)),
            "EXPUNGE" => Some(Untagged::Expunge(number)),
            "FETCH" => {
                let values = Reader::new(frame, rest + 1 + word.len()).all()?;
                Some(Untagged::Fetch { number, items: fetch::items(values.first()?) })
            }
            _ => None,
        };
    }
    let values = Reader::new(frame, rest).all()?;
    match name.as_str() {
        "CAPABILITY" => {
            Some(Untagged::Capability(values.iter().filter_map(Value::string).collect()))
        }
        "ENABLED" => Some(Untagged::Enabled(values.iter().filter_map(Value::string).collect())),
        "FLAGS" => Some(Untagged::Flags(values.first()?.strings())),
        "LIST" => Some(Untagged::List(list(&values, names)?)),
        "LSUB" => Some(Untagged::Lsub(list(&values, names)?)),
        "SEARCH" => Some(search(&values)),
        "ESEARCH" => Some(Untagged::ExtendedSearch(extended_search(&values))),
        "STATUS" => mailbox_status(&values, names),
        "NAMESPACE" => {
            let read = |index| namespaces(values.get(index), names);
            Some(Untagged::Namespace([read(0), read(1), read(2)]))
        }
        "ID" => {
            let pairs = values.first()?.list().chunks(2);
            let pair = |pair: &[Value]| Some((pair.first()?.string()?, pair.get(1)?.string()));
            Some(Untagged::Id(pairs.filter_map(pair).collect()))
        }
        _ => None,
    }
}

fn mailbox_name(value: &Value, names: NameForm) -> Option<String> {
    // A mailbox may be called `NIL`: the atom is a name here.
    let text = match value {
        Value::Atom(text) | Value::Text(text) => text,
        Value::List(_) => return None,
    };
    let plain = || String::from_utf8_lossy(text).into_owned();
    match names {
        NameForm::Utf8 => Some(plain()),
        NameForm::Utf7 => Some(utf7::decode(text).unwrap_or_else(|_| plain())),
    }
}

fn separator(value: Option<&Value>) -> Option<char> {
    value.and_then(Value::string).and_then(|text| text.chars().next())
}

fn list(values: &[Value], names: NameForm) -> Option<ListEntry> {
    let [attributes, between, name, extended @ ..] = values else { return None };
    let mut entry = ListEntry {
        attributes: attributes.strings(),
        separator: separator(Some(between)),
        name: mailbox_name(name, names)?,
        ..ListEntry::default()
    };
    for pair in extended.first().map(Value::list).unwrap_or_default().chunks(2) {
        let [name, value] = pair else { continue };
        match name.string().unwrap_or_default().to_ascii_uppercase().as_str() {
            "CHILDINFO" => entry.child_info = value.strings(),
            "OLDNAME" => {
                entry.old_name = value.list().first().and_then(|value| mailbox_name(value, names));
            }
            _ => {}
        }
    }
    Some(entry)
}

fn namespaces(value: Option<&Value>, names: NameForm) -> Vec<NamespaceEntry> {
    let entry = |value: &Value| {
        let prefix = mailbox_name(value.list().first()?, names)?;
        Some(NamespaceEntry { prefix, separator: separator(value.list().get(1)) })
    };
    value.map(Value::list).unwrap_or_default().iter().filter_map(entry).collect()
}

fn mailbox_status(values: &[Value], names: NameForm) -> Option<Untagged> {
    let [name, told, ..] = values else { return None };
    let item = |pair: &[Value]| {
        let name = pair.first()?.string()?.to_ascii_uppercase();
        Some((StatusItem::of_name(&name)?, pair.get(1)?.number()?))
    };
    let items = told.list().chunks(2).filter_map(item).collect();
    Some(Untagged::MailboxStatus { mailbox: mailbox_name(name, names)?, items })
}

fn search(values: &[Value]) -> Untagged {
    let numbers = values.iter().filter_map(Value::number).filter_map(|n| u32::try_from(n).ok());
    let numbers = numbers.collect();
    let mod_seq = values.last().and_then(|last| last.list().get(1)).and_then(Value::number);
    Untagged::Search { numbers, mod_seq: mod_seq.map(ModSeq) }
}

fn extended_search(values: &[Value]) -> ExtendedSearch {
    let mut found = ExtendedSearch::default();
    let mut values = values.iter();
    while let Some(value) = values.next() {
        if let Value::List(correlator) = value {
            found.tag = correlator.get(1).and_then(Value::string);
            continue;
        }
        let name = value.string().unwrap_or_default().to_ascii_uppercase();
        if name == "UID" {
            found.uid = true;
            continue;
        }
        let Some(value) = values.next() else { break };
        let small = value.number().and_then(|number| u32::try_from(number).ok());
        match name.as_str() {
            "MIN" => found.min = small,
            "MAX" => found.max = small,
            "COUNT" => found.count = small,
            "ALL" => found.all = value.text().and_then(|text| SequenceSet::parse(&text).ok()),
            "MODSEQ" => found.mod_seq = value.number().map(ModSeq),
            _ => {}
        }
    }
    found
}
