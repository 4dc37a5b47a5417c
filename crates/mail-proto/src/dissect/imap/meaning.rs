//! What commands ask and responses say, in English and Spanish.

/// A sentence in both languages, and the section that it stands on.
pub(super) struct Said {
    pub(super) text: Vec<(&'static str, String)>,
    pub(super) source: &'static str,
}

fn said(source: &'static str, en: impl Into<String>, es: impl Into<String>) -> Said {
    Said { text: vec![("en", en.into()), ("es", es.into())], source }
}

/// What a command asks.
#[expect(clippy::too_many_lines, reason = "a table of all commands")]
pub(super) fn command(command: &str, is_uid: bool) -> Said {
    let (source, en, es) = match command {
        "CAPABILITY" => ("RFC 9051 §6.1.1", "What can you do?", "¿Qué sabe hacer?"),
        "NOOP" | "CHECK" => ("RFC 9051 §6.1.2", "Is there anything new?", "¿Hay algo nuevo?"),
        "LOGOUT" => ("RFC 9051 §6.1.3", "That is all; let us close.", "Eso es todo; cerremos."),
        "ID" => ("RFC 2971 §3.1", "Which program are you?", "¿Qué programa es usted?"),
        "STARTTLS" => (
            "RFC 9051 §6.2.1",
            "Let us go on within TLS, where nobody can listen.",
            "Sigamos dentro de TLS, donde nadie puede escuchar.",
        ),
        "AUTHENTICATE" => {
            ("RFC 9051 §6.2.2", "Let me prove who I am.", "Permítame probar quién soy.")
        }
        "LOGIN" => (
            "RFC 9051 §6.2.3",
            "This is my name and my password.",
            "Este es mi nombre y mi contraseña.",
        ),
        "ENABLE" => ("RFC 9051 §6.3.1", "Turn these extensions on.", "Active estas extensiones."),
        "SELECT" => ("RFC 9051 §6.3.2", "Open this mailbox.", "Abra este buzón."),
        "EXAMINE" => {
            ("RFC 9051 §6.3.3", "Open this mailbox, only to read.", "Abra este buzón, solo a leer.")
        }
        "CREATE" => ("RFC 9051 §6.3.4", "Make a new mailbox.", "Cree un buzón nuevo."),
        "DELETE" => ("RFC 9051 §6.3.5", "Remove this mailbox.", "Elimine este buzón."),
        "RENAME" => ("RFC 9051 §6.3.6", "Rename this mailbox.", "Cambie el nombre de este buzón."),
        "SUBSCRIBE" => ("RFC 9051 §6.3.7", "I follow this mailbox.", "Sigo este buzón."),
        "UNSUBSCRIBE" => {
            ("RFC 9051 §6.3.8", "I follow this mailbox no more.", "Ya no sigo este buzón.")
        }
        "LIST" | "LSUB" => ("RFC 9051 §6.3.9", "Which mailboxes are there?", "¿Qué buzones hay?"),
        "NAMESPACE" => {
            ("RFC 9051 §6.3.10", "Where do mailboxes begin?", "¿Dónde empiezan los buzones?")
        }
        "STATUS" => (
            "RFC 9051 §6.3.11",
            "How many messages has this mailbox?",
            "¿Cuántos mensajes tiene este buzón?",
        ),
        "APPEND" => (
            "RFC 9051 §6.3.12",
            "Put this message into the mailbox.",
            "Guarde este mensaje en el buzón.",
        ),
        "IDLE" => (
            "RFC 9051 §6.3.13",
            "I wait: tell me by yourself what is new.",
            "Espero: avíseme usted mismo de lo nuevo.",
        ),
        "CLOSE" => (
            "RFC 9051 §6.4.1",
            "Close the mailbox and remove what is marked deleted.",
            "Cierre el buzón y elimine lo marcado como borrado.",
        ),
        "UNSELECT" => ("RFC 9051 §6.4.2", "Close the mailbox.", "Cierre el buzón."),
        "EXPUNGE" => (
            "RFC 9051 §6.4.3",
            "Remove for good what is marked deleted.",
            "Elimine para siempre lo marcado como borrado.",
        ),
        "SEARCH" => ("RFC 9051 §6.4.4", "Which messages are like this?", "¿Qué mensajes son así?"),
        "FETCH" => {
            ("RFC 9051 §6.4.5", "Give me this of the messages.", "Deme esto de los mensajes.")
        }
        "STORE" => {
            ("RFC 9051 §6.4.6", "Change the messages' flags.", "Cambie las marcas de los mensajes.")
        }
        "COPY" => {
            ("RFC 9051 §6.4.7", "Copy the messages there.", "Copie los mensajes a ese buzón.")
        }
        "MOVE" => {
            ("RFC 9051 §6.4.8", "Move the messages there.", "Mueva los mensajes a ese buzón.")
        }
        _ => (
            "RFC 9051 §6",
            "A command that the standard does not have.",
            "Una orden que el estándar no tiene.",
        ),
    };
    if is_uid {
        let en = format!("{en} They are named by their lasting numbers.");
        return said(source, en, format!("{es} Se nombran por sus números permanentes."));
    }
    said(source, en, es)
}

/// A tagged response: what became of a command.
pub(super) fn answered(status: &str, asked: &str) -> Said {
    let (en, es) = match (status, asked) {
        ("OK", "LOGIN" | "AUTHENTICATE") => {
            ("The log-in succeeded.", "La identificación tuvo éxito.")
        }
        ("NO", "LOGIN" | "AUTHENTICATE") => {
            ("Name and password do not fit.", "El nombre y la contraseña no corresponden.")
        }
        ("OK", "STARTTLS") => ("Good: TLS begins here.", "Bien: aquí empieza TLS."),
        ("OK", "SELECT" | "EXAMINE") => ("The mailbox is open.", "El buzón está abierto."),
        ("OK", "APPEND") => ("The message is kept.", "El mensaje está guardado."),
        ("OK", _) => ("Done.", "Hecho."),
        ("NO", _) => ("Understood, but it cannot be done.", "Entendido, pero no se puede hacer."),
        _ => ("The server does not understand this.", "El servidor no entiende esto."),
    };
    said("RFC 9051 §7.1", en, es)
}

/// A status that answers no command.
pub(super) fn state(status: &str) -> Said {
    let (source, en, es) = match status {
        "OK" => ("RFC 9051 §7.1.1", "For your information.", "Para su información."),
        "NO" => ("RFC 9051 §7.1.2", "A warning.", "Una advertencia."),
        "BAD" => ("RFC 9051 §7.1.3", "Something was wrong.", "Algo estuvo mal."),
        "BYE" => (
            "RFC 9051 §7.1.5",
            "The server says goodbye and closes.",
            "El servidor se despide y cierra.",
        ),
        _ => ("RFC 9051 §7.1.4", "You are logged in already.", "Usted ya está identificado."),
    };
    said(source, en, es)
}

/// Data that the server tells.
pub(super) fn untagged(kind: &str, number: &str) -> Said {
    let (source, en, es) = match kind {
        "EXISTS" => {
            let en = format!("The mailbox has {number} messages.");
            return said("RFC 9051 §7.4.1", en, format!("El buzón tiene {number} mensajes."));
        }
        "EXPUNGE" => {
            let en = format!("Message {number} is gone; those after it move up.");
            let es = format!("El mensaje {number} ya no está; los siguientes suben un lugar.");
            return said("RFC 9051 §7.5.1", en, es);
        }
        "FETCH" => {
            let es = format!("Esto es el mensaje {number}.");
            return said("RFC 9051 §7.5.2", format!("This is message {number}."), es);
        }
        "RECENT" => ("RFC 3501 §7.3.2", "So many are new.", "Tantos son nuevos."),
        "CAPABILITY" => ("RFC 9051 §7.2.2", "This is what I can do.", "Esto es lo que sé hacer."),
        "ENABLED" => ("RFC 9051 §7.2.1", "These are turned on.", "Estas quedan activas."),
        "LIST" | "LSUB" => ("RFC 9051 §7.3.1", "There is this mailbox.", "Hay este buzón."),
        "NAMESPACE" => ("RFC 9051 §7.3.2", "Mailboxes begin here.", "Los buzones empiezan aquí."),
        "STATUS" => ("RFC 9051 §7.3.3", "So is this mailbox.", "Así está este buzón."),
        "ESEARCH" | "SEARCH" => {
            ("RFC 9051 §7.3.4", "These messages were found.", "Se hallaron estos mensajes.")
        }
        "FLAGS" => {
            ("RFC 9051 §7.3.5", "Messages can have these flags.", "Hay estas marcas de mensajes.")
        }
        _ => ("RFC 9051 §7", "The server tells something.", "El servidor cuenta algo."),
    };
    said(source, en, es)
}

pub(super) fn continuation(asked: &str) -> Said {
    let (en, es) = match asked {
        "AUTHENTICATE" => ("The log-in goes on: your turn.", "La identificación sigue: su turno."),
        "IDLE" => ("I shall tell what is new.", "Avisaré de lo nuevo."),
        _ => ("Send the rest.", "Envíe el resto."),
    };
    said("RFC 9051 §7.6", en, es)
}

pub(super) fn credentials() -> Said {
    said("RFC 9051 §6.2.2", "A step of the log-in.", "Un paso de la identificación.")
}

pub(super) fn done() -> Said {
    said("RFC 9051 §6.3.13", "I wait no longer.", "Ya no espero.")
}

pub(super) fn part() -> Said {
    said("RFC 9051 §4.3", "A part of a long message.", "Una parte de un mensaje largo.")
}

pub(super) fn strange() -> Said {
    said("RFC 9051 §7", "This is no response of IMAP.", "Esto no es una respuesta de IMAP.")
}

pub(super) fn missing() -> Said {
    said("RFC 9051 §2.1", "A piece of the stream was not seen.", "No se vio un trozo del flujo.")
}
