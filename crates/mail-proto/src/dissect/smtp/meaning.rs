//! What lines and codes say, in English and Spanish.

use super::Asked;
use crate::smtp::command::{Command, CommandError, RecipientPath};

/// A sentence in both languages, and the section that it stands on.
pub(super) struct Said {
    pub(super) text: Vec<(&'static str, String)>,
    pub(super) source: &'static str,
}

fn said(source: &'static str, en: impl Into<String>, es: impl Into<String>) -> Said {
    Said { text: vec![("en", en.into()), ("es", es.into())], source }
}

pub(super) fn command(parsed: &Result<Command, CommandError>) -> Said {
    let command = match parsed {
        Ok(command) => command,
        Err(error) => {
            return said(
                "RFC 5321 §4.1",
                format!("The server will not understand this: {error}."),
                format!("El servidor no entenderá esto: {error}."),
            );
        }
    };
    match command {
        Command::Helo(name) | Command::Ehlo(name) => {
            said("RFC 5321 §4.1.1.1", format!("Hello, I am {name}."), format!("Hola, soy {name}."))
        }
        Command::Mail(from, _) if from.0.is_none() => said(
            "RFC 5321 §4.1.1.2",
            "A notification follows: if it fails, nobody is told.",
            "Sigue una notificación: si falla, no se avisa a nadie.",
        ),
        Command::Mail(from, _) => said(
            "RFC 5321 §4.1.1.2",
            format!("A message from {from} follows; failures are told to that address."),
            format!("Sigue un mensaje de {from}; los fallos se avisan a esa dirección."),
        ),
        Command::Rcpt(to, _) => {
            let to = match to {
                RecipientPath::Postmaster => "<postmaster>".to_owned(),
                RecipientPath::Path(path) => path.to_string(),
            };
            let (en, es) = (format!("It is for {to}."), format!("Es para {to}."));
            said("RFC 5321 §4.1.1.3", en, es)
        }
        Command::Data => said(
            "RFC 5321 §4.1.1.4",
            "May I send the message itself?",
            "¿Puedo enviar el mensaje mismo?",
        ),
        Command::Bdat(chunk) => {
            let octets = chunk.octets;
            said(
                "RFC 3030 §2",
                format!("{octets} octets of the message follow at once."),
                format!("Siguen de inmediato {octets} octetos del mensaje."),
            )
        }
        other => simple(other),
    }
}

/// Commands that carry nothing.
fn simple(command: &Command) -> Said {
    match command {
        Command::Reset => {
            said("RFC 5321 §4.1.1.5", "Forget what was begun.", "Olvide lo empezado.")
        }
        Command::Noop => said("RFC 5321 §4.1.1.9", "Are you still there?", "¿Sigue ahí?"),
        Command::Quit => {
            said("RFC 5321 §4.1.1.10", "That is all; let us close.", "Eso es todo; cerremos.")
        }
        Command::Verify(_) => {
            said("RFC 5321 §4.1.1.6", "Does this user exist?", "¿Existe este usuario?")
        }
        Command::Expand(_) => {
            said("RFC 5321 §4.1.1.7", "Who is on this list?", "¿Quién está en esta lista?")
        }
        Command::Help => said("RFC 5321 §4.1.1.8", "What can you do?", "¿Qué sabe hacer?"),
        Command::StartTls => said(
            "RFC 3207 §4",
            "Let us go on within TLS, where nobody can listen.",
            "Sigamos dentro de TLS, donde nadie puede escuchar.",
        ),
        _ => said("RFC 4954 §4", "Let me prove who I am.", "Permítame probar quién soy."),
    }
}

pub(super) fn response() -> Said {
    said("RFC 4954 §4", "A step of the log-in.", "Un paso de la identificación.")
}

pub(super) fn message(is_whole: bool) -> Said {
    if is_whole {
        return said(
            "RFC 5321 §4.1.1.4",
            "The message: header, empty line, body; a line with one dot ends it.",
            "El mensaje: cabecera, línea vacía, cuerpo; una línea con un punto lo termina.",
        );
    }
    said("RFC 5321 §4.1.1.4", "A part of a long message.", "Una parte de un mensaje largo.")
}

pub(super) fn chunk() -> Said {
    said(
        "RFC 3030 §2",
        "The announced octets of the message; no dot ends them.",
        "Los octetos anunciados del mensaje; ningún punto los termina.",
    )
}

pub(super) fn missing() -> Said {
    said("RFC 5321 §3.1", "A piece of the stream was not seen.", "No se vio un trozo del flujo.")
}

pub(super) fn reply(code: Option<u16>, asked: Asked) -> Said {
    let Some(code) = code else {
        return said(
            "RFC 5321 §4.2",
            "This is no reply of SMTP.",
            "Esto no es una respuesta de SMTP.",
        );
    };
    if code == 250 {
        return done(asked);
    }
    let (en, es) = match (code, asked) {
        (220, Asked::StartTls) => ("Good: TLS begins here.", "Bien: aquí empieza TLS."),
        (220, _) => ("The server is ready.", "El servidor está listo."),
        (221, _) => ("The server says goodbye and closes.", "El servidor se despide y cierra."),
        (235, _) => ("The log-in succeeded.", "La identificación tuvo éxito."),
        (252, _) => (
            "It does not say who exists, but would try to deliver.",
            "No dice quién existe, pero intentaría entregar.",
        ),
        (334, _) => ("The log-in goes on: your turn.", "La identificación sigue: su turno."),
        (354, _) => (
            "Send the message; end it with a line that has only a dot.",
            "Envíe el mensaje; termínelo con una línea que solo tenga un punto.",
        ),
        (421, _) => {
            ("The server closes; try again later.", "El servidor cierra; inténtelo más tarde.")
        }
        (450, _) => (
            "The mailbox cannot be reached at this time; try again later.",
            "El buzón no está disponible ahora; inténtelo más tarde.",
        ),
        (451, _) => (
            "Something failed at the server; try again later.",
            "Algo falló en el servidor; inténtelo más tarde.",
        ),
        (452, _) => (
            "Too much at once: no room, or too many recipients; try again later.",
            "Demasiado a la vez: sin espacio o demasiados destinatarios; inténtelo más tarde.",
        ),
        (454, _) => (
            "TLS or log-in are not possible at this time.",
            "TLS o la identificación no son posibles ahora.",
        ),
        _ => return refused(code),
    };
    said("RFC 5321 §4.2.3", en, es)
}

/// 250, by what was asked.
fn done(asked: Asked) -> Said {
    let (en, es) = match asked {
        Asked::Hello => (
            "Hello; these are the extensions that I offer.",
            "Hola; estas son las extensiones que ofrezco.",
        ),
        Asked::Mail => ("The sender is accepted.", "Se acepta el remitente."),
        Asked::Recipient => ("The recipient is accepted.", "Se acepta el destinatario."),
        Asked::Message | Asked::Data => (
            "The server has the message: from here on it answers for it.",
            "El servidor tiene el mensaje: desde aquí responde por él.",
        ),
        Asked::Reset => ("Forgotten; begin anew.", "Olvidado; empiece de nuevo."),
        _ => ("Done.", "Hecho."),
    };
    said("RFC 5321 §4.2.3", en, es)
}

/// 5xx: the same will not work later.
fn refused(code: u16) -> Said {
    let (en, es) = match code {
        500 => ("The server does not understand the line.", "El servidor no entiende la línea."),
        501 | 555 => (
            "The command is known, but not what follows it.",
            "Conoce la orden, pero no lo que la sigue.",
        ),
        502 | 504 => ("The server does not offer this.", "El servidor no ofrece esto."),
        503 => ("Not in this order.", "No en este orden."),
        530 => ("Log in first.", "Identifíquese primero."),
        535 => ("Name and password do not fit.", "El nombre y la contraseña no corresponden."),
        538 => (
            "Begin TLS first: the password would be read by others.",
            "Empiece TLS primero: otros leerían la contraseña.",
        ),
        550 => (
            "No: there is no such mailbox, or it may not be used.",
            "No: no existe ese buzón, o no se permite usarlo.",
        ),
        551 => ("The user is not of this server.", "El usuario no es de este servidor."),
        552 => ("The message is too large.", "El mensaje es demasiado grande."),
        553 => ("The address is not acceptable.", "La dirección no es aceptable."),
        554 => ("Refused, for good.", "Rechazado, definitivamente."),
        400..=499 => ("Not this time; try again later.", "Ahora no; inténtelo más tarde."),
        200..=399 => ("Done.", "Hecho."),
        _ => ("No; do not try the same again.", "No; no intente lo mismo otra vez."),
    };
    said("RFC 5321 §4.2.3", en, es)
}
