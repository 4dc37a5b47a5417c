//! From words and signs to an expression.

use std::fmt;

use super::token::{Kind, Token, tokens};
use super::{Node, SCOPES, problem};
use crate::text::{Bilingual, Language};

/// A filter that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Where, from 1.
    pub column: usize,
    /// What is wrong and what to do.
    pub problem: Bilingual,
}

impl FilterError {
    pub(super) fn new(column: usize, problem: Bilingual) -> Self {
        Self { column, problem }
    }

    /// The error as a sentence with its column.
    #[must_use]
    pub fn in_language(&self, language: Language) -> String {
        let word = match language {
            Language::En => "column",
            Language::Es => "columna",
        };
        format!("{word} {}: {}", self.column, self.problem.in_language(language))
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.in_language(Language::En))
    }
}

impl std::error::Error for FilterError {}

pub(super) fn parse(text: &str) -> Result<Node, FilterError> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(Node::Everything);
    }
    let end = text.chars().count() + 1;
    let mut parser = Parser { tokens: &tokens, end };
    let node = parser.expression(0)?;
    match parser.tokens.first() {
        None => Ok(node),
        Some(token) => {
            let en = "the filter goes on here: join its parts with && or ||";
            let es = "el filtro sigue aquí: una sus partes con && o ||";
            Err(FilterError::new(token.column, problem(en, es)))
        }
    }
}

/// Deepest nesting of parentheses and negations.
const DEPTH_MAX: usize = 32;

struct Parser<'a> {
    tokens: &'a [Token],
    end: usize,
}

impl Parser<'_> {
    fn column(&self) -> usize {
        self.tokens.first().map_or(self.end, |token| token.column)
    }

    fn next(&mut self) -> Option<Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first.clone())
    }

    fn takes(&mut self, kind: &Kind) -> bool {
        let takes = self.tokens.first().is_some_and(|token| token.kind == *kind);
        if takes {
            self.next();
        }
        takes
    }

    fn expression(&mut self, depth: usize) -> Result<Node, FilterError> {
        let mut parts = vec![self.conjunction(depth)?];
        while self.takes(&Kind::Or) {
            parts.push(self.conjunction(depth)?);
        }
        Ok(single_or(parts, Node::Or))
    }

    fn conjunction(&mut self, depth: usize) -> Result<Node, FilterError> {
        let mut parts = vec![self.term(depth)?];
        while self.takes(&Kind::And) {
            parts.push(self.term(depth)?);
        }
        Ok(single_or(parts, Node::And))
    }

    fn term(&mut self, depth: usize) -> Result<Node, FilterError> {
        let column = self.column();
        if depth > DEPTH_MAX {
            let text = problem("nested too deeply", "anidado con demasiada profundidad");
            return Err(FilterError::new(column, text));
        }
        let expected = || {
            let en = "a room, a field or a scope is missing here, such as dns, qname or to:";
            let es = "aquí falta una sala, un campo o un ámbito, como dns, qname o to:";
            FilterError::new(column, problem(en, es))
        };
        match self.next().ok_or_else(expected)?.kind {
            Kind::Not => Ok(Node::Not(Box::new(self.term(depth + 1)?))),
            Kind::Open => {
                let inner = self.expression(depth + 1)?;
                if self.takes(&Kind::Close) {
                    return Ok(inner);
                }
                let text = problem("`)` is missing here", "aquí falta `)`");
                Err(FilterError::new(self.column(), text))
            }
            Kind::Word(word) => self.after_word(word, column),
            _ => Err(expected()),
        }
    }

    fn after_word(&mut self, word: String, column: usize) -> Result<Node, FilterError> {
        if let Some(Token { kind: Kind::Operator(operator), .. }) = self.tokens.first() {
            let operator = *operator;
            self.next();
            let value = self.value()?;
            return Ok(Node::Compare { name: word, operator, value });
        }
        let Some((scope, value)) = word.split_once(':') else { return Ok(Node::Word(word)) };
        let Some((_, scope)) = SCOPES.iter().find(|(name, _)| *name == scope) else {
            let known: Vec<&str> = SCOPES.iter().map(|(name, _)| *name).collect();
            let known = known.join(": ");
            let en = format!("`{scope}:` is no scope; there are {known}:");
            let es = format!("`{scope}:` no es un ámbito; hay {known}:");
            return Err(FilterError::new(column, problem(en, es)));
        };
        let value = if value.is_empty() { self.value()? } else { value.to_owned() };
        Ok(Node::Scope(*scope, value))
    }

    fn value(&mut self) -> Result<String, FilterError> {
        let column = self.column();
        match self.next().map(|token| token.kind) {
            Some(Kind::Word(value) | Kind::Quoted(value)) => Ok(value),
            _ => {
                let text = problem("a value is missing here", "aquí falta un valor");
                Err(FilterError::new(column, text))
            }
        }
    }
}

fn single_or(mut parts: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Node {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}
