//! The page of help beside the filter's line.

use crate::text::Bilingual;

/// One entry: what one writes, and what it does.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct HelpLine {
    /// What one writes.
    pub example: &'static str,
    /// What passes.
    pub meaning: Bilingual,
}

/// The language by examples, from the plain to the less plain.
#[must_use]
pub fn help() -> Vec<HelpLine> {
    LINES
        .iter()
        .map(|(example, en, es)| HelpLine { example, meaning: Bilingual::new(*en, *es) })
        .collect()
}

const LINES: [(&str, &str, &str); 21] = [
    ("dns", "everything of one room: dns, sockets, lab", "todo lo de una sala: dns, sockets, lab"),
    (
        "message",
        "only one type: message, connection, note, fate",
        "solo un tipo: message, connection, note, fate",
    ),
    ("udp", "only this transport: udp, tcp", "solo este transporte: udp, tcp"),
    (
        "to:root",
        "towards a tier: root, tld, authoritative, resolver, server, client",
        "hacia un nivel: root, tld, authoritative, resolver, server, client",
    ),
    (
        "from:carlos",
        "sent by a host: its name, a part of the name up to a dot, its person, site, region",
        "enviado por un equipo: su nombre, su primera etiqueta, su persona, sitio o región",
    ),
    (
        "host:umass.edu",
        "sent or received by a host in this domain",
        "enviado o recibido por un equipo de este dominio",
    ),
    (
        "ip:128.119.0.0/16",
        "an address, address:port or network at either end",
        "una dirección, dirección:puerto o red en cualquiera de los extremos",
    ),
    ("port:12000", "a port at either end", "un puerto en cualquiera de los extremos"),
    (
        "qname~\"urosario\"",
        "a field contains the text; case does not count",
        "un campo contiene el texto; da igual mayúscula o minúscula",
    ),
    (
        "qtype==MX",
        "a field equals the value: as a name, or as a number",
        "un campo es igual al valor: como nombre o como número",
    ),
    (
        "qtype!=A",
        "no such field equals the value (also when there is none)",
        "ningún campo así es igual al valor (tampoco si no hay campo)",
    ),
    (
        "ttl<=60",
        "a number is compared: < <= > >=; durations such as 2m too",
        "se compara un número: < <= > >=; también duraciones como 2m",
    ),
    ("#answer==3", "how often a field is there", "cuántas veces está un campo"),
    ("answer.address#1==10.0.0.1", "the first of several fields", "el primero de varios campos"),
    (
        "source==10.0.0.1:53",
        "the address and port of the sender; destination of the receiver",
        "la dirección y el puerto de quien envía; destination, los de quien recibe",
    ),
    (
        "answer.ttl>0",
        "only the fields within one part of the message",
        "solo los campos de una parte del mensaje",
    ),
    (
        "aa",
        "a flag that is set, or a field that is there",
        "un indicador activo, o un campo presente",
    ),
    (
        "lost",
        "by fate: delivered, lost, duplicated, corrupted; fate:queue for the reason",
        "por su destino: delivered, lost, duplicated, corrupted; fate:queue para el motivo",
    ),
    (
        "kind:cached",
        "notes of one kind: cached, answered_from_cache, referral…",
        "notas de una clase: cached, answered_from_cache, referral…",
    ),
    (
        "size>512 && at<2s",
        "size in bytes and time since the beginning",
        "tamaño en bytes y tiempo desde el comienzo",
    ),
    ("!(to:tld || to:root)", "and &&, or ||, not !, parentheses", "y &&, o ||, no !, paréntesis"),
];
