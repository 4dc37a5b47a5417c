//! Why something was decided, in Spanish. What the standards name stays as it is;
//! the sentences of our own are few, and each has its pair here.
//!
//! A note that brings its own Spanish (`reason_es` among its facts) needs none.

/// The reason of a note in Spanish; none when it is not known here.
pub(super) fn reason(english: &str) -> Option<String> {
    REASONS.iter().find_map(|pair| turned(english, *pair))
}

/// The second text of a pair with what stands in the holes of the first; none
/// when the first does not fit.
fn turned(text: &str, (from, into): (&str, &str)) -> Option<String> {
    let mut parts = from.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut held = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        // The last hole holds all that is left before the end.
        let at = match parts.peek() {
            None if part.is_empty() => rest.len(),
            None => {
                rest.len().checked_sub(part.len()).filter(|at| rest.get(*at..) == Some(part))?
            }
            Some(_) => rest.find(part)?,
        };
        held.push(rest.get(..at)?);
        rest = rest.get(at + part.len()..)?;
    }
    if !rest.is_empty() || held.iter().any(|part| part.is_empty()) {
        return None;
    }
    let mut held = held.into_iter();
    let mut words = into.split("{}");
    let mut turned = words.next()?.to_owned();
    for word in words {
        turned.push_str(held.next()?);
        turned.push_str(word);
    }
    Some(turned)
}

/// The first that fits holds; a hole is never empty.
const REASONS: [(&str, &str); 43] = [
    ("the message is on the disk, so 250 is true", "el mensaje está en el disco: 250 es verdad"),
    ("the message waits for its turn", "el mensaje espera su turno"),
    ("its turn has come", "le llegó el turno"),
    ("not this time: it is tried again", "esta vez no: se intentará de nuevo"),
    ("the next hop has the message", "el siguiente destino tiene el mensaje"),
    ("it takes long: the sender is told once", "se demora: se le avisa una vez a quien lo envió"),
    ("the message is in the mailbox", "el mensaje está en el buzón"),
    ("it cannot arrive, and the sender is told", "no puede llegar, y se le avisa a quien lo envió"),
    (
        "it cannot arrive; it is a notification, and about those nobody is told",
        "no puede llegar; es un aviso, y de los avisos no se le avisa a nadie",
    ),
    (
        "it cannot arrive; the sender does not want to know",
        "no puede llegar; quien lo envió no quiere saberlo",
    ),
    ("{} logged in", "{} inició sesión"),
    ("{} is answered {} by order", "a {} se responde {} por encargo"),
    ("{} was created", "se creó {}"),
    ("{} was deleted", "se borró {}"),
    ("{} was renamed", "se llama ahora {}"),
    ("{} was subscribed", "se suscribió {}"),
    ("{} was unsubscribed", "se canceló la suscripción de {}"),
    ("message {} has the flags {}", "el mensaje {} tiene las marcas {}"),
    ("message {} is gone from {}", "el mensaje {} ya no está en {}"),
    ("message {} is in {}", "el mensaje {} está en {}"),
    ("the host was switched off", "el equipo se apagó"),
    ("the host was switched on", "el equipo se encendió"),
    ("the host's access link changed", "cambió el enlace de acceso del equipo"),
    ("the way between two regions changed", "cambió el camino entre dos regiones"),
    (
        "a program outside of the lab came in through {}",
        "un programa de fuera del laboratorio entró por {}",
    ),
    ("{} sent {} bytes", "{} envió {} bytes"),
    ("the zone {} has changed", "la zona {} cambió"),
    ("{} is held by {}", "{} es de {}"),
    ("lost: {}", "perdido: {}"),
    ("delayed: {}", "demorado: {}"),
    ("sent twice: {}", "enviado dos veces: {}"),
    ("changed: {}", "cambiado: {}"),
    ("forged: {}", "falsificado: {}"),
    ("refused: {}", "rechazado: {}"),
    ("connections to {} are reset", "las conexiones a {} se reinician"),
    ("{} is registered already; choose another name", "{} ya está registrado; elija otro nombre"),
    ("{} is not a name directly below {}", "{} no es un nombre directamente bajo {}"),
    (
        "{} may have letters, digits and hyphens, with no hyphen first or last",
        "{} puede tener letras, cifras y guiones, pero no un guion al principio ni al final",
    ),
    ("{} is given twice", "{} se da dos veces"),
    (
        "{} is not inside the domain, so it is given without an address",
        "{} no está dentro del dominio: se da sin dirección",
    ),
    (
        "{} is inside the domain, so it needs an address",
        "{} está dentro del dominio: necesita una dirección",
    ),
    ("{} cannot be the address of a server", "{} no puede ser la dirección de un servidor"),
    ("the primary server of {} answered {}", "el servidor primario de {} respondió {}"),
];

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn what_stands_in_the_holes_stays() {
        let flags = reason("message 12 has the flags [\"\\\\Seen\"]").unwrap();
        assert_eq!(flags, "el mensaje 12 tiene las marcas [\"\\\\Seen\"]");
        assert_eq!(
            reason("message 3 is gone from Work").unwrap(),
            "el mensaje 3 ya no está en Work"
        );
        assert_eq!(
            reason("RCPT is answered 451 by order").unwrap(),
            "a RCPT se responde 451 por encargo"
        );
        assert_eq!(reason("its turn has come, or not"), None);
        assert_eq!(reason(" logged in"), None);
    }
}
