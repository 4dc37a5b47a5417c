//! What commands ask and replies say, in English and Spanish.

use super::Status;
use super::asked::Asked;

/// A sentence in both languages, and the section that it stands on.
pub(super) struct Said {
    pub(super) text: Vec<(&'static str, String)>,
    pub(super) source: &'static str,
}

fn said(source: &'static str, en: &str, es: &str) -> Said {
    Said { text: vec![("en", en.to_owned()), ("es", es.to_owned())], source }
}

/// What a command asks.
pub(super) fn command(asked: Asked) -> Said {
    let (source, en, es) = match asked {
        Asked::Capabilities => ("RFC 2449 §5", "What can you do?", "¿Qué sabe hacer?"),
        Asked::User => ("RFC 1939 §7", "This is my name.", "Este es mi nombre."),
        Asked::Pass => ("RFC 1939 §7", "This is my password.", "Esta es mi contraseña."),
        Asked::Apop => (
            "RFC 1939 §7",
            "I prove that I know the password without telling it.",
            "Pruebo que sé la contraseña sin decirla.",
        ),
        Asked::LogIn => ("RFC 5034 §4", "Let me prove who I am.", "Permítame probar quién soy."),
        Asked::Mechanisms => (
            "RFC 5034 §4",
            "In which ways can I prove who I am?",
            "¿De qué maneras puedo probar quién soy?",
        ),
        Asked::Stls => (
            "RFC 2595 §4",
            "Let us go on within TLS, where nobody can listen.",
            "Sigamos dentro de TLS, donde nadie puede escuchar.",
        ),
        Asked::Stat => (
            "RFC 1939 §5",
            "How many messages are there, and how large are they together?",
            "¿Cuántos mensajes hay y cuánto ocupan en total?",
        ),
        Asked::Sizes => {
            ("RFC 1939 §5", "How large is each message?", "¿Cuánto ocupa cada mensaje?")
        }
        Asked::Size => ("RFC 1939 §5", "How large is this message?", "¿Cuánto ocupa este mensaje?"),
        Asked::Names => (
            "RFC 1939 §7",
            "What is the lasting name of each message? So I see which are new to me.",
            "¿Cuál es el nombre duradero de cada mensaje? Así veo cuáles son nuevos para mí.",
        ),
        Asked::Name => (
            "RFC 1939 §7",
            "What is the lasting name of this message?",
            "¿Cuál es el nombre duradero de este mensaje?",
        ),
        Asked::Retrieve => {
            ("RFC 1939 §5", "Give me this whole message.", "Deme este mensaje completo.")
        }
        Asked::Top => (
            "RFC 1939 §7",
            "Give me the header of this message and so many lines of its body.",
            "Deme la cabecera de este mensaje y tantas líneas de su cuerpo.",
        ),
        Asked::Delete => (
            "RFC 1939 §5",
            "Mark this message: it is to go when I say QUIT.",
            "Marque este mensaje: debe irse cuando yo diga QUIT.",
        ),
        Asked::Reset => ("RFC 1939 §5", "Take all marks back.", "Quite todas las marcas."),
        Asked::Noop => ("RFC 1939 §5", "Are you still there?", "¿Sigue ahí?"),
        Asked::Quit => (
            "RFC 1939 §6",
            "That is all: remove what is marked, and let us close.",
            "Eso es todo: quite lo marcado y cerremos.",
        ),
        Asked::Connection | Asked::Other => (
            "RFC 1939 §3",
            "The client says a word of its own.",
            "El cliente dice una palabra propia.",
        ),
    };
    said(source, en, es)
}

/// A step of a log-in.
pub(super) fn response() -> Said {
    said("RFC 5034 §4", "A step of the log-in.", "Un paso de la identificación.")
}

/// What a reply says to what was asked.
pub(super) fn reply(asked: Asked, status: Status, code: String) -> Said {
    match status {
        Status::Ok => accepted(asked),
        Status::Error => refused(asked, &code),
        Status::Challenge => said(
            "RFC 5034 §4",
            "The log-in goes on: your turn.",
            "La identificación sigue: su turno.",
        ),
        Status::Strange => {
            said("RFC 1939 §3", "This is no reply of POP3.", "Esto no es una respuesta de POP3.")
        }
    }
}

fn accepted(asked: Asked) -> Said {
    let (source, en, es) = match asked {
        Asked::Connection => ("RFC 1939 §4", "The server is ready.", "El servidor está listo."),
        Asked::Capabilities => {
            ("RFC 2449 §5", "This is what I can do.", "Esto es lo que sé hacer.")
        }
        Asked::User => ("RFC 1939 §7", "And the password?", "¿Y la contraseña?"),
        Asked::Pass | Asked::Apop => (
            "RFC 1939 §4",
            "The log-in succeeded: the mailbox is this session's alone.",
            "La identificación tuvo éxito: el buzón es solo de esta sesión.",
        ),
        Asked::LogIn => (
            "RFC 5034 §4",
            "The log-in succeeded: the mailbox is this session's alone.",
            "La identificación tuvo éxito: el buzón es solo de esta sesión.",
        ),
        Asked::Mechanisms => ("RFC 5034 §4", "In these ways.", "De estas maneras."),
        Asked::Stls => ("RFC 2595 §4", "Good: TLS begins here.", "Bien: aquí empieza TLS."),
        Asked::Stat => (
            "RFC 1939 §5",
            "So many messages, and so many octets in all.",
            "Tantos mensajes y tantos octetos en total.",
        ),
        Asked::Sizes | Asked::Size => (
            "RFC 1939 §5",
            "The number of each message, and its size in octets.",
            "El número de cada mensaje y su tamaño en octetos.",
        ),
        Asked::Names | Asked::Name => (
            "RFC 1939 §7",
            "The number of each message, and a name that it keeps in all sessions.",
            "El número de cada mensaje y un nombre que conserva en todas las sesiones.",
        ),
        Asked::Retrieve => (
            "RFC 1939 §5",
            "The message; a line with one dot ends it. The server keeps it until it is deleted.",
            "El mensaje; lo termina una línea con un punto. El servidor lo guarda hasta borrarlo.",
        ),
        Asked::Top => (
            "RFC 1939 §7",
            "Here is the beginning of the message; a line with one dot ends it.",
            "Aquí está el comienzo del mensaje; una línea con un punto lo termina.",
        ),
        Asked::Delete => (
            "RFC 1939 §5",
            "The message is marked; it is still there.",
            "El mensaje está marcado; todavía está ahí.",
        ),
        Asked::Reset => ("RFC 1939 §5", "No message is marked.", "Ningún mensaje está marcado."),
        Asked::Quit => {
            ("RFC 1939 §6", "What was marked is gone; good bye.", "Lo marcado ya no está; adiós.")
        }
        Asked::Noop | Asked::Other => ("RFC 1939 §3", "Done.", "Hecho."),
    };
    said(source, en, es)
}

fn refused(asked: Asked, code: &str) -> Said {
    let (source, en, es) = match (code, asked) {
        ("IN-USE", _) => (
            "RFC 2449 §8.1.1",
            "No: another session has the mailbox.",
            "No: otra sesión tiene el buzón.",
        ),
        ("LOGIN-DELAY", _) => (
            "RFC 2449 §8.1.1",
            "No: you come again too soon.",
            "No: vuelve usted demasiado pronto.",
        ),
        ("AUTH", _) => (
            "RFC 3206 §4",
            "No: name and password do not fit, or may not be told here.",
            "No: el nombre y la contraseña no corresponden, o no se pueden decir aquí.",
        ),
        ("SYS/TEMP", _) => (
            "RFC 3206 §4",
            "Something failed at the server; try again later.",
            "Algo falló en el servidor; inténtelo más tarde.",
        ),
        ("SYS/PERM", _) => (
            "RFC 3206 §4",
            "Something failed at the server; to try again does not help.",
            "Algo falló en el servidor; intentarlo otra vez no ayuda.",
        ),
        (_, Asked::Pass | Asked::LogIn | Asked::Apop) => (
            "RFC 1939 §4",
            "No: name and password do not fit.",
            "No: el nombre y la contraseña no corresponden.",
        ),
        (_, Asked::Retrieve | Asked::Top | Asked::Delete | Asked::Size | Asked::Name) => {
            ("RFC 1939 §5", "No: there is no such message.", "No: no hay tal mensaje.")
        }
        (_, Asked::Quit) => (
            "RFC 1939 §6",
            "Some marked messages could not be removed.",
            "Algunos mensajes marcados no se pudieron quitar.",
        ),
        _ => ("RFC 1939 §3", "No.", "No."),
    };
    said(source, en, es)
}

/// More of a long reply.
pub(super) fn rest() -> Said {
    said("RFC 1939 §3", "A part of a long reply.", "Una parte de una respuesta larga.")
}

/// Octets that were not seen.
pub(super) fn missing() -> Said {
    said("RFC 1939 §3", "A piece of the stream was not seen.", "No se vio un trozo del flujo.")
}
