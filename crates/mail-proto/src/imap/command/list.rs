//! `LIST` and `LSUB` (RFC 9051 §6.3.9, RFC 3501 §6.3.9).

use crate::imap::command::lexer::Lexer;
use crate::imap::command::parse::{CommandError, Parse, status_items};
use crate::imap::command::{Command, ListCommand, ListForm, ListReturn, ListSelection};
use crate::imap::names::Names;

pub(super) fn list(lexer: &mut Lexer<'_>, names: Names) -> Parse<ListCommand> {
    let mut command = ListCommand::default();
    if lexer.peek() == Some(b'(') {
        command.form = ListForm::Extended;
        command.selection = selection(lexer)?;
        lexer.space()?;
    }
    command.reference = decoded(&lexer.astring()?, names)?;
    lexer.space()?;
    if lexer.peek() == Some(b'(') {
        command.form = ListForm::Extended;
        let patterns = lexer.list(Lexer::list_mailbox)?;
        if patterns.len() > PATTERNS_MAX {
            return Err(lexer.expected("at most 100 patterns").into());
        }
        for pattern in patterns {
            command.patterns.push(decoded(&pattern, names)?);
        }
    } else {
        command.patterns.push(decoded(&lexer.list_mailbox()?, names)?);
    }
    if lexer.eat_word(" RETURN ") {
        command.form = ListForm::Extended;
        command.returns = lexer.list(returned)?;
    }
    Ok(command)
}

pub(super) fn lsub(lexer: &mut Lexer<'_>, names: Names) -> Parse<Command> {
    let reference = decoded(&lexer.astring()?, names)?;
    lexer.space()?;
    Ok(Command::Lsub { reference, pattern: decoded(&lexer.list_mailbox()?, names)? })
}

fn selection(lexer: &mut Lexer<'_>) -> Parse<Vec<ListSelection>> {
    let start = lexer.clone();
    let options: Vec<ListSelection> = lexer.list(|lexer| {
        Ok::<_, CommandError>(match lexer.keyword("a selection option")?.as_str() {
            "SUBSCRIBED" => ListSelection::Subscribed,
            "REMOTE" => ListSelection::Remote,
            "RECURSIVEMATCH" => ListSelection::RecursiveMatch,
            "SPECIAL-USE" => ListSelection::SpecialUse,
            _ => return Err(lexer.expected("a known selection option").into()),
        })
    })?;
    // RECURSIVEMATCH says how another option is meant; alone, or with REMOTE
    // only, it says nothing (RFC 9051 §6.3.9.1).
    let has = |option| options.contains(&option);
    let means_something = has(ListSelection::Subscribed) || has(ListSelection::SpecialUse);
    if has(ListSelection::RecursiveMatch) && !means_something {
        return Err(start.expected("an option that RECURSIVEMATCH extends").into());
    }
    Ok(options)
}

fn returned(lexer: &mut Lexer<'_>) -> Parse<ListReturn> {
    Ok(match lexer.keyword("a return option")?.as_str() {
        "SUBSCRIBED" => ListReturn::Subscribed,
        "CHILDREN" => ListReturn::Children,
        "SPECIAL-USE" => ListReturn::SpecialUse,
        "STATUS" => {
            lexer.space()?;
            ListReturn::Status(status_items(lexer)?)
        }
        _ => return Err(lexer.expected("a known return option").into()),
    })
}

fn decoded(octets: &[u8], names: Names) -> Parse<String> {
    names.decode(octets).map_err(|error| CommandError::Name(error.to_string()))
}

/// Patterns that one command may have.
const PATTERNS_MAX: usize = 100;
