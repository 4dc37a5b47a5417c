//! A message as one or two sentences, in English and Spanish.

use crate::dissect::summary::{Kind, plain, short};
use crate::message::{ExtendedError, Message, ParseError, Question, Record};
use crate::{Opcode, Rcode, RecordType};

/// A text in both languages.
#[derive(Clone, Debug, Default)]
struct Both {
    en: String,
    es: String,
}

/// Formats the same values into an English and a Spanish sentence.
macro_rules! both {
    ($en:literal, $es:literal $(, $name:ident = $value:expr)* $(,)?) => {{
        $( let $name = $value; )*
        Both { en: format!($en), es: format!($es) }
    }};
}

impl Both {
    fn then(mut self, other: &Self) -> Self {
        self.en.push_str(&other.en);
        self.es.push_str(&other.es);
        self
    }

    fn pairs(self) -> Vec<(&'static str, String)> {
        vec![("en", self.en), ("es", self.es)]
    }
}

/// What a message says, in plain words.
pub(super) fn meaning(message: &Message) -> Vec<(&'static str, String)> {
    let Some(question) = message.questions.first() else {
        return both!("It asks nothing.", "No pregunta nada.").pairs();
    };
    if message.header.opcode == Opcode::UPDATE {
        return update(message, question).pairs();
    }
    if message.header.opcode != Opcode::QUERY {
        let (opcode, name) = (message.header.opcode, plain(&question.name));
        return both!(
            "A message of kind {opcode} about {name}.",
            "Un mensaje de clase {opcode} sobre {name}.",
        )
        .pairs();
    }
    let said = if message.header.qr {
        speaker(message).then(&reply(message, question))
    } else {
        query(message, question)
    };
    said.pairs()
}

/// An update of a zone, or its reply (RFC 2136).
fn update(message: &Message, zone: &Question) -> Both {
    let (zone, rcode) = (plain(&zone.name), message.header.rcode);
    if message.header.qr && rcode == Rcode::NOERROR {
        return both!("The zone {zone} is changed.", "La zona {zone} queda cambiada.");
    }
    if message.header.qr {
        return both!(
            "The zone {zone} stays as it is: {rcode}.",
            "La zona {zone} queda como está: {rcode}.",
        );
    }
    let (required, changes) = (message.answers.len(), message.authorities.len());
    both!(
        "Change the zone {zone}: {changes} records, if {required} conditions hold.",
        "Cambie la zona {zone}: {changes} registros, si se cumplen {required} condiciones.",
    )
}

/// What a message says that cannot be read.
pub(super) fn broken(error: &ParseError) -> Vec<(&'static str, String)> {
    both!("This is no valid DNS message: {error}.", "No es un mensaje DNS válido: {error}.",)
        .pairs()
}

fn query(message: &Message, question: &Question) -> Both {
    let Both { en, es } = subject(question);
    if message.header.rd {
        both!(
            "What is {en}? Find it for me, whoever has to be asked.",
            "¿Cuál es {es}? Averígüelo por mí, pregunte a quien haga falta.",
        )
    } else {
        both!(
            "What is {en}? If you do not know, who is closer to it?",
            "¿Cuál es {es}? Si no lo sabe, ¿quién está más cerca?",
        )
    }
}

/// Who speaks.
fn speaker(message: &Message) -> Both {
    if message.header.aa {
        both!("The authoritative server says: ", "El servidor autoritativo dice: ")
    } else if message.header.ra {
        both!("The resolver says: ", "El servidor local dice: ")
    } else {
        both!("The server says: ", "El servidor dice: ")
    }
}

fn reply(message: &Message, question: &Question) -> Both {
    if message.header.tc {
        return both!(
            "the answer does not fit a datagram; ask again over TCP.",
            "la respuesta no cabe en un datagrama; pregunte de nuevo por TCP.",
        );
    }
    let name = plain(&question.name);
    match message.header.rcode {
        Rcode::NOERROR => {}
        Rcode::NXDOMAIN => {
            return both!("{name} does not exist.", "{name} no existe.", name = &name)
                .then(&keep_absence(message));
        }
        rcode => return error(message, rcode, question),
    }
    match Kind::of(message) {
        Kind::Answer(records) => answer(message, question, &records),
        Kind::Referral(records) => referral(&records),
        Kind::Nothing => {
            let kind = question.qtype;
            both!("{name} has no data of type {kind}.", "{name} no tiene datos de tipo {kind}.",)
                .then(&keep_absence(message))
        }
    }
}

/// What is asked for, so that it fits after "What is".
fn subject(question: &Question) -> Both {
    let name = plain(&question.name);
    match question.qtype {
        RecordType::A => both!("the IPv4 address of {name}", "la dirección IPv4 de {name}"),
        RecordType::AAAA => both!("the IPv6 address of {name}", "la dirección IPv6 de {name}"),
        RecordType::MX => {
            both!("the mail server of {name}", "el servidor de correo de {name}")
        }
        RecordType::NS => {
            both!("the name server of {name}", "el servidor de nombres de {name}")
        }
        RecordType::CNAME => {
            both!("the canonical name of {name}", "el nombre canónico de {name}")
        }
        RecordType::PTR => {
            both!("the host name of {name}", "el nombre de la máquina de {name}")
        }
        RecordType::SOA => {
            both!("the start of authority of {name}", "el inicio de autoridad de {name}")
        }
        RecordType::TXT => both!("the text of {name}", "el texto de {name}"),
        kind => both!("the {kind} data of {name}", "el dato {kind} de {name}"),
    }
}

fn answer(message: &Message, question: &Question, records: &[&Record]) -> Both {
    let Some(first) = records.first() else { return Both::default() };
    let owner = plain(&first.name);
    let values: Vec<String> = records.iter().take(VALUES_MAX).map(|record| short(record)).collect();
    let more = records.len() - values.len();
    let list = |and: &str, others: &str| {
        let mut values = values.clone();
        if more > 0 {
            values.push(format!("{more} {others}"));
        }
        match values.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} {and} {last}", rest.join(", ")),
            _ => values.join(""),
        }
    };
    let (en, es) = (list("and", "more"), list("y", "más"));
    let alias = match message.answers.first() {
        Some(record) if record.rtype == RecordType::CNAME && record.name != first.name => {
            let name = plain(&question.name);
            both!(
                "{name} is another name for {owner}; ",
                "{name} es otro nombre de {owner}; ",
                owner = &owner,
            )
        }
        _ => Both::default(),
    };
    let said = match first.rtype {
        RecordType::A | RecordType::AAAA => {
            both!("{owner} is at {en}.", "{owner} está en {es}.")
        }
        RecordType::MX => {
            both!("mail for {owner} goes to {en}.", "el correo de {owner} va a {es}.")
        }
        RecordType::NS => both!("{owner} is served by {en}.", "a {owner} lo sirven {es}."),
        RecordType::CNAME => {
            both!("{owner} is another name for {en}.", "{owner} es otro nombre de {es}.",)
        }
        RecordType::PTR => both!("{owner} is {en}.", "{owner} es {es}."),
        kind => both!("{kind} of {owner} is {en}.", "{kind} de {owner} es {es}."),
    };
    let ttl = message.answers.iter().map(|record| record.ttl).min().unwrap_or_default();
    alias.then(&said).then(&keep(ttl))
}

fn referral(records: &[&Record]) -> Both {
    let Some(first) = records.first() else { return Both::default() };
    let zone = if first.name.is_root() { "the root".to_owned() } else { plain(&first.name) };
    let server = first.ns().map(|server| plain(&server)).unwrap_or_default();
    let more = records.len() - 1;
    let said = match more {
        0 => both!(
            "I do not know; ask {server}, the server of {zone}.",
            "no lo sé; pregunte a {server}, el servidor de {zone}.",
        ),
        _ => both!(
            "I do not know; ask {server} or {more} more servers of {zone}.",
            "no lo sé; pregunte a {server} o a {more} servidores más de {zone}.",
        ),
    };
    said.then(&keep(first.ttl))
}

fn error(message: &Message, rcode: Rcode, question: &Question) -> Both {
    let name = plain(&question.name);
    let said = match rcode {
        Rcode::SERVFAIL => both!("{name} could not be looked up.", "no se pudo averiguar {name}.",),
        Rcode::REFUSED => {
            both!("I do not answer this question to you.", "a usted no le respondo esta pregunta.",)
        }
        Rcode::FORMERR => both!("I cannot read the question.", "no puedo leer la pregunta.",),
        Rcode::NOTIMP => both!(
            "I cannot answer questions of this kind.",
            "no sé responder preguntas de esta clase.",
        ),
        other => both!("{other} about {name}.", "{other} sobre {name}."),
    };
    let reason = message.edns.iter().flat_map(|edns| edns.extended_errors()).next();
    match reason {
        Some(ExtendedError { code, text }) => {
            let what = ExtendedError::name(*code).unwrap_or("unassigned");
            let colon = if text.is_empty() { "" } else { ": " };
            said.then(&both!(
                " Reason {code}, {what}{colon}{text}.",
                " Motivo {code}, {what}{colon}{text}.",
            ))
        }
        None => said,
    }
}

fn keep_absence(message: &Message) -> Both {
    let soa = message.authorities.iter().find_map(|record| Some((record.ttl, record.soa()?)));
    match soa {
        // RFC 2308 §5.
        Some((ttl, soa)) => keep(ttl.min(soa.minimum)),
        None => Both::default(),
    }
}

fn keep(ttl: u32) -> Both {
    if ttl == 0 {
        return both!(" Do not keep this.", " No lo guarde.");
    }
    let Both { en, es } = span(ttl);
    both!(" Keep this for {en}.", " Guárdelo {es}.")
}

/// A span of time in its largest whole unit.
fn span(seconds: u32) -> Both {
    let units = [
        (86_400, ("a day", "un día"), ("days", "días")),
        (3600, ("an hour", "una hora"), ("hours", "horas")),
        (60, ("a minute", "un minuto"), ("minutes", "minutos")),
        (1, ("a second", "un segundo"), ("seconds", "segundos")),
    ];
    for (unit, (one_en, one_es), (many_en, many_es)) in units {
        let count = seconds / unit;
        if seconds == unit {
            return Both { en: one_en.to_owned(), es: one_es.to_owned() };
        }
        if count > 0 && seconds.is_multiple_of(unit) {
            return both!("{count} {many_en}", "{count} {many_es}");
        }
    }
    Both::default()
}

/// Values named in a sentence.
const VALUES_MAX: usize = 4;
