//! Decisions as sentences, in English and Spanish.

use crate::resolve::{
    BudgetBound, ChoiceReason, FailureReason, IgnoreReason, RefusalReason, ResolverNote, TcpReason,
};

impl ResolverNote {
    /// The kind, as in JSON: `answered_from_cache`, `referral`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AnsweredFromCache { .. } => "answered_from_cache",
            Self::AnsweredLocally { .. } => "answered_locally",
            Self::Deduplicated { .. } => "deduplicated",
            Self::Refused { .. } => "refused",
            Self::Expired { .. } => "expired",
            Self::Primed { .. } => "primed",
            Self::ChoseServer { .. } => "chose_server",
            Self::Asked { .. } => "asked",
            Self::LookingUpServer { .. } => "looking_up_server",
            Self::Referral { .. } => "referral",
            Self::Cached { .. } => "cached",
            Self::CachedAbsence { .. } => "cached_absence",
            Self::Alias { .. } => "alias",
            Self::OutOfZone { .. } => "out_of_zone",
            Self::Ignored { .. } => "ignored",
            Self::Lame { .. } => "lame",
            Self::ServerFailed { .. } => "server_failed",
            Self::NoReply { .. } => "no_reply",
            Self::TcpFallback { .. } => "tcp_fallback",
            Self::WithoutEdns { .. } => "without_edns",
            Self::WholeNameInstead { .. } => "whole_name_instead",
            Self::BudgetExceeded { .. } => "budget_exceeded",
            Self::Failed { .. } => "failed",
        }
    }

    /// The decision and its reason, as pairs (language, sentence): `en`, `es`.
    pub fn meaning(&self) -> Vec<(&'static str, String)> {
        vec![("en", self.english()), ("es", self.spanish())]
    }

    #[expect(clippy::too_many_lines, reason = "a table with a sentence per kind")]
    fn english(&self) -> String {
        match self {
            Self::AnsweredFromCache { name, rtype, seconds_left } => {
                format!("{rtype} of {name:#} answered from the cache, {seconds_left} s left.")
            }
            Self::AnsweredLocally { name, .. } => {
                format!("{name:#} is answered without asking anybody.")
            }
            Self::Deduplicated { name, rtype, clients } => format!(
                "{rtype} of {name:#} is looked up already: one search serves {clients} clients."
            ),
            Self::Refused { rcode, reason } => {
                format!("Turned down with {rcode} because {}.", refusal(*reason).0)
            }
            Self::Expired { name, rtype } => {
                format!("What was known about {rtype} of {name:#} has expired.")
            }
            Self::Primed { servers, addresses, ttl_s } => format!(
                "The root names {servers} servers with {addresses} addresses; kept for {ttl_s} s."
            ),
            Self::ChoseServer { zone, server, address, candidates, reason, .. } => format!(
                "Chose {server:#} ({address}) of the {candidates} for {zone:#}: {}.",
                choice(*reason).0
            ),
            Self::Asked { name, rtype, server, joined: false } => {
                format!("Asked {server:#}: {rtype} of {name:#}?")
            }
            Self::Asked { name, rtype, server, joined: true } => format!(
                "{server:#} is being asked for {rtype} of {name:#} already; its reply serves both."
            ),
            Self::LookingUpServer { server, zone } => {
                format!("The address of {server:#}, a server of {zone:#}, has to be found first.")
            }
            Self::Referral { from, zone, servers, glue, ttl_s } => format!(
                "{from:#} refers to {zone:#}: {} servers, {glue} usable addresses, for {ttl_s} s.",
                servers.len()
            ),
            Self::Cached { name, rtype, ttl_s, .. } => {
                format!("{rtype} of {name:#} is kept for {ttl_s} s.")
            }
            Self::CachedAbsence { name, rtype: Some(rtype), ttl_s, .. } => {
                format!("That {name:#} has no {rtype} is kept for {ttl_s} s.")
            }
            Self::CachedAbsence { name, rtype: None, ttl_s, .. } => {
                format!("That {name:#} does not exist is kept for {ttl_s} s.")
            }
            Self::Alias { name, target } => {
                format!("{name:#} is an alias; its canonical name is {target:#}.")
            }
            Self::OutOfZone { name, records, zone, server } => format!(
                "{records} records thrown away, the first about {name:#}: {server:#} was asked \
                 about {zone:#} and has no say beyond it."
            ),
            Self::Ignored { from, reason } => {
                format!("A reply from {from:#} was not believed: {}.", ignored(*reason).0)
            }
            Self::Lame { zone, server } => {
                format!("{server:#} is no authority for {zone:#}, though it was named as one.")
            }
            Self::ServerFailed { zone, server, rcode: Some(rcode) } => {
                format!("{server:#} answered {rcode} about {zone:#}; another server is tried.")
            }
            Self::ServerFailed { zone, server, rcode: None } => {
                format!("{server:#} sent nothing usable about {zone:#}; another server is tried.")
            }
            Self::NoReply { server, unreachable: true, .. } => {
                format!("{server:#} cannot be reached.")
            }
            Self::NoReply { server, waited_ms, unreachable: false } => {
                format!("No reply from {server:#} within {waited_ms} ms.")
            }
            Self::TcpFallback { server, reason } => {
                format!("{server:#} is asked again over TCP because {}.", tcp(*reason).0)
            }
            Self::WithoutEdns { server } => {
                format!("{server:#} does not know EDNS and is asked without.")
            }
            Self::WholeNameInstead { name } => {
                format!("The servers fail on the shortened name; they are asked for {name:#}.")
            }
            Self::BudgetExceeded { name, rtype, bound } => {
                format!("{rtype} of {name:#} is given up: {}.", budget(*bound).0)
            }
            Self::Failed { name, rtype, reason } => {
                format!("{rtype} of {name:#} could not be found: {}.", failure(*reason).0)
            }
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table with a sentence per kind")]
    fn spanish(&self) -> String {
        match self {
            Self::AnsweredFromCache { name, rtype, seconds_left } => {
                format!(
                    "{rtype} de {name:#} respondido desde la caché; le quedan {seconds_left} s."
                )
            }
            Self::AnsweredLocally { name, .. } => {
                format!("{name:#} se responde sin preguntar a nadie.")
            }
            Self::Deduplicated { name, rtype, clients } => format!(
                "{rtype} de {name:#} ya se está buscando: una búsqueda sirve a {clients} clientes."
            ),
            Self::Refused { rcode, reason } => {
                format!("Rechazada con {rcode} porque {}.", refusal(*reason).1)
            }
            Self::Expired { name, rtype } => {
                format!("Lo que se sabía de {rtype} de {name:#} ha caducado.")
            }
            Self::Primed { servers, addresses, ttl_s } => format!(
                "La raíz nombra {servers} servidores con {addresses} direcciones; se guarda \
                 {ttl_s} s."
            ),
            Self::ChoseServer { zone, server, address, candidates, reason, .. } => format!(
                "Elegido {server:#} ({address}) entre los {candidates} de {zone:#}: {}.",
                choice(*reason).1
            ),
            Self::Asked { name, rtype, server, joined: false } => {
                format!("Se preguntó a {server:#}: ¿{rtype} de {name:#}?")
            }
            Self::Asked { name, rtype, server, joined: true } => format!(
                "Ya se está preguntando a {server:#} por {rtype} de {name:#}; su respuesta sirve a \
                 ambos."
            ),
            Self::LookingUpServer { server, zone } => {
                format!("Antes hay que hallar la dirección de {server:#}, servidor de {zone:#}.")
            }
            Self::Referral { from, zone, servers, glue, ttl_s } => format!(
                "{from:#} remite a {zone:#}: {} servidores, {glue} direcciones útiles; se guarda \
                 {ttl_s} s.",
                servers.len()
            ),
            Self::Cached { name, rtype, ttl_s, .. } => {
                format!("{rtype} de {name:#} se guarda {ttl_s} s.")
            }
            Self::CachedAbsence { name, rtype: Some(rtype), ttl_s, .. } => {
                format!("Que {name:#} no tiene {rtype} se guarda {ttl_s} s.")
            }
            Self::CachedAbsence { name, rtype: None, ttl_s, .. } => {
                format!("Que {name:#} no existe se guarda {ttl_s} s.")
            }
            Self::Alias { name, target } => {
                format!("{name:#} es un alias; su nombre canónico es {target:#}.")
            }
            Self::OutOfZone { name, records, zone, server } => format!(
                "{records} registros descartados, el primero sobre {name:#}: a {server:#} se le \
                 preguntó por {zone:#} y no tiene voz fuera de ahí."
            ),
            Self::Ignored { from, reason } => {
                format!("No se creyó una respuesta de {from:#}: {}.", ignored(*reason).1)
            }
            Self::Lame { zone, server } => {
                format!("{server:#} no es autoridad de {zone:#}, aunque así se lo nombró.")
            }
            Self::ServerFailed { zone, server, rcode: Some(rcode) } => {
                format!("{server:#} respondió {rcode} sobre {zone:#}; se prueba otro servidor.")
            }
            Self::ServerFailed { zone, server, rcode: None } => {
                format!("{server:#} no envió nada útil sobre {zone:#}; se prueba otro servidor.")
            }
            Self::NoReply { server, unreachable: true, .. } => {
                format!("No se puede llegar a {server:#}.")
            }
            Self::NoReply { server, waited_ms, unreachable: false } => {
                format!("{server:#} no respondió en {waited_ms} ms.")
            }
            Self::TcpFallback { server, reason } => {
                format!("Se pregunta de nuevo a {server:#} por TCP porque {}.", tcp(*reason).1)
            }
            Self::WithoutEdns { server } => {
                format!("{server:#} no conoce EDNS y se le pregunta sin él.")
            }
            Self::WholeNameInstead { name } => {
                format!("Los servidores fallan con el nombre abreviado; se pregunta por {name:#}.")
            }
            Self::BudgetExceeded { name, rtype, bound } => {
                format!("Se abandona {rtype} de {name:#}: {}.", budget(*bound).1)
            }
            Self::Failed { name, rtype, reason } => {
                format!("No se pudo hallar {rtype} de {name:#}: {}.", failure(*reason).1)
            }
        }
    }
}

/// Reasons as pairs: English, Spanish.
type Pair = (&'static str, &'static str);

const fn refusal(reason: RefusalReason) -> Pair {
    match reason {
        RefusalReason::Malformed => ("it could not be read", "no se pudo leer"),
        RefusalReason::Opcode => ("only queries are answered", "solo se responden consultas"),
        RefusalReason::Class => {
            ("only the Internet's class is known", "solo se conoce la clase de Internet")
        }
        RefusalReason::QueryType => {
            ("its type is no data of a name", "su tipo no es un dato de un nombre")
        }
        RefusalReason::EdnsVersion => {
            ("its version of EDNS is unknown", "su versión de EDNS es desconocida")
        }
        RefusalReason::NoRecursion => (
            "it does not want recursion and nothing is known",
            "no quiere recursión y nada se sabe",
        ),
        RefusalReason::Overload => {
            ("too many questions are being worked on", "hay demasiadas preguntas en curso")
        }
    }
}

const fn choice(reason: ChoiceReason) -> Pair {
    match reason {
        ChoiceReason::Only => ("there is no other", "no hay otro"),
        ChoiceReason::Fastest => ("it has answered fastest so far", "ha sido el más rápido"),
        ChoiceReason::Untried => ("it was never asked before", "nunca se le había preguntado"),
        ChoiceReason::Exploring => {
            ("to see whether it got faster", "para ver si se ha vuelto más rápido")
        }
        ChoiceReason::Next => ("the better ones failed", "los mejores fallaron"),
    }
}

const fn ignored(reason: IgnoreReason) -> Pair {
    match reason {
        IgnoreReason::NotAsked => ("nothing was asked there", "nada se preguntó allí"),
        IgnoreReason::WrongSource => {
            ("another address or port was asked", "se preguntó a otra dirección o puerto")
        }
        IgnoreReason::WrongId => {
            ("its identifier is not the query's", "su identificador no es el de la consulta")
        }
        IgnoreReason::NotAReply => ("it is not a reply", "no es una respuesta"),
        IgnoreReason::WrongQuestion => ("it repeats another question", "repite otra pregunta"),
        IgnoreReason::Unreadable => ("it cannot be read", "no se puede leer"),
    }
}

const fn tcp(reason: TcpReason) -> Pair {
    match reason {
        TcpReason::Truncated => ("its reply was cut", "su respuesta estaba cortada"),
        TcpReason::FalseReplies => {
            ("too many false replies came", "llegaron demasiadas respuestas falsas")
        }
    }
}

const fn budget(bound: BudgetBound) -> Pair {
    match bound {
        BudgetBound::Queries => ("it takes too many queries", "exige demasiadas consultas"),
        BudgetBound::Octets => {
            ("its servers answer with too much", "sus servidores responden demasiado")
        }
        BudgetBound::Time => ("its time is up", "se acabó su tiempo"),
        BudgetBound::ServerNames => {
            ("too many names of servers had to be found", "había que hallar demasiados servidores")
        }
        BudgetBound::Aliases => ("it has too many aliases", "tiene demasiados alias"),
    }
}

const fn failure(reason: FailureReason) -> Pair {
    match reason {
        FailureReason::NoAuthority => (
            "no server of the zone gave a usable answer",
            "ningún servidor de la zona dio una respuesta útil",
        ),
        FailureReason::Network => {
            ("no server of the zone replied", "ningún servidor de la zona respondió")
        }
        FailureReason::NoServerAddress => (
            "no address was found for any server of the zone",
            "no se halló la dirección de ningún servidor de la zona",
        ),
        FailureReason::CachedFailure => ("it failed a moment ago", "falló hace un momento"),
        FailureReason::AliasLoop => ("its aliases form a loop", "sus alias forman un ciclo"),
        FailureReason::Budget(bound) => budget(bound),
    }
}
