//! The language in which people and checks pick events:
//! `dns && qname~"urosario" && to:root`.
//!
//! ```text
//!   expression = conjunction *( "||" conjunction )
//!   conjunction = term *( "&&" term )
//!   term       = "!" term | "(" expression ")" | scope | comparison | word
//!   scope      = ( "from" | "to" | "host" | "ip" | "port" | "kind" | "fate"
//!                | "room" | "type" ) ":" value
//!   comparison = name ( "==" | "!=" | "~" | "!~" | "<" | "<=" | ">" | ">=" ) value
//!   word       = a room, a type, `udp`, `tcp`, `lost`, `malformed`, or a
//!                field that is there and is neither 0 nor false
//! ```
//!
//! An empty filter lets everything pass. `a != b` is `!(a == b)`, so that it
//! also holds where there is no `a`.

mod evaluate;
mod help;
mod parse;
mod token;

use crate::story::{EventView, HostTable};
use crate::text::Bilingual;

pub(crate) use evaluate::values as values_of;
pub use help::{HelpLine, help};
pub use parse::FilterError;

/// A filter that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    text: String,
    root: Node,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// With the column and what was expected there.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Ok(Self { text: text.to_owned(), root: parse::parse(text)? })
    }

    /// Whether the event passes.
    #[must_use]
    pub fn matches(&self, event: &EventView, hosts: &HostTable) -> bool {
        evaluate::evaluate(&self.root, event, hosts)
    }

    /// Whether only messages of streams can pass, as far as the filter itself
    /// says so: `tcp`, `mail`, `http`.
    #[must_use]
    pub(crate) fn wants_streams(&self) -> bool {
        wants_streams(&self.root)
    }

    /// The filter as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn wants_streams(node: &Node) -> bool {
    match node {
        Node::And(nodes) => nodes.iter().any(wants_streams),
        Node::Or(nodes) => !nodes.is_empty() && nodes.iter().all(wants_streams),
        Node::Word(word) | Node::Scope(Scope::Room, word) => STREAMS.contains(&word.as_str()),
        Node::Everything | Node::Not(_) | Node::Scope(..) | Node::Compare { .. } => false,
    }
}

/// The transport, and the rooms whose messages travel over nothing else.
const STREAMS: [&str; 3] = ["tcp", "mail", "http"];

/// The parsed expression.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Everything,
    Or(Vec<Self>),
    And(Vec<Self>),
    Not(Box<Self>),
    Scope(Scope, String),
    Compare { name: String, operator: Operator, value: String },
    Word(String),
}

/// What stands before a colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    From,
    To,
    Host,
    Ip,
    Port,
    Kind,
    Fate,
    Room,
    Type,
}

const SCOPES: [(&str, Scope); 9] = [
    ("from", Scope::From),
    ("to", Scope::To),
    ("host", Scope::Host),
    ("ip", Scope::Ip),
    ("port", Scope::Port),
    ("kind", Scope::Kind),
    ("fate", Scope::Fate),
    ("room", Scope::Room),
    ("type", Scope::Type),
];

/// How a field is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Contains,
    ContainsNot,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// What is wrong with a filter, in both languages.
pub(crate) fn problem(en: impl Into<String>, es: impl Into<String>) -> Bilingual {
    Bilingual::new(en, es)
}

#[cfg(test)]
mod tests;
