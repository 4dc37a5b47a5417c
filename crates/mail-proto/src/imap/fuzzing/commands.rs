//! Claims about a client's stream: where commands end, and what they ask.

use crate::imap::client::{ClientCommand, NameForm, SearchForm};
use crate::imap::command::{AppendPart, Command, CommandError, Numbering, Report};
use crate::imap::fetch::FetchRequest;
use crate::imap::frame::{Frame, FrameLimits, Framer, LineKind, line_literal};
use crate::imap::names::Names;
use crate::imap::search::{SearchCommand, SearchReturn};
use crate::imap::sequence::MessageSet;

/// Any octets are frames that hold no more than their bounds, whatever pieces
/// they come in; literals are counted, whatever they hold; every frame is a
/// command or an error; a command that our client can write reads the same.
pub fn commands(octets: &[u8]) {
    let whole = frames(octets, octets.len().max(1));
    for piece in [1, 5] {
        assert_eq!(frames(octets, piece), whole, "pieces do not matter");
    }
    let plain = whole.iter().take_while(|it| matches!(it, Frame::Command(_) | Frame::Literal(_)));
    let found: Vec<&[u8]> = plain.filter_map(command_octets).collect();
    let counted = counted(octets);
    assert!(counted.starts_with(&found), "{found:?} of {counted:?}");
    for command in whole.iter().filter_map(command_octets) {
        for names in [Names::ModifiedUtf7, Names::Utf8] {
            let parsed = Command::parse(command, names);
            assert!(parsed.tag.is_some() || parsed.command.is_err());
            parsed.command.iter().for_each(|command| reads_the_same(command, names));
        }
        let begin = [command, b"\r\n"].concat();
        if let Some((tag, _)) = AppendPart::parse_begin(&begin, Names::Utf8) {
            assert!(!tag.is_empty());
        }
    }
}

fn command_octets(frame: &Frame) -> Option<&[u8]> {
    if let Frame::Command(octets) = frame { Some(octets) } else { None }
}

fn frames(octets: &[u8], piece: usize) -> Vec<Frame> {
    let limits = FrameLimits {
        line_octets_max: 512,
        literal_octets_max: 256,
        literals_max: 4,
        command_octets_max: 1_024,
    };
    let mut framer = Framer::new(limits);
    let mut found = Vec::new();
    for octets in octets.chunks(piece) {
        framer.push(octets);
        while let Some(frame) = framer.next(LineKind::Command) {
            let is_refused = matches!(frame, Frame::Literal(_)) && framer.hold().is_err();
            if let Frame::Command(command) = &frame {
                assert!(command.len() <= limits.command_octets_max);
            }
            // How much of a line that is too long is known depends on pieces.
            let is_long = matches!(frame, Frame::TooLong(_));
            found.push(if is_long { Frame::TooLong(Vec::new()) } else { frame });
            if is_refused {
                framer.refuse();
                found.push(Frame::TooLong(Vec::new()));
            }
        }
        assert!(framer.command().len() <= limits.command_octets_max);
    }
    found
}

/// The commands of a stream of which nothing is refused (RFC 9051 §4.3).
fn counted(octets: &[u8]) -> Vec<&[u8]> {
    let (mut commands, mut start, mut line) = (Vec::new(), 0, 0);
    while let Some(rest) = octets.get(line..)
        && let Some(long) = rest.iter().position(|byte| *byte == b'\n')
    {
        let end = line + long + 1;
        match line_literal(octets.get(line..end).unwrap_or_default()) {
            Some(literal) => {
                line = end.saturating_add(usize::try_from(literal.size).unwrap_or(usize::MAX));
            }
            None => {
                commands.push(octets.get(start..end.saturating_sub(2)).unwrap_or_default());
                (start, line) = (end, end);
            }
        }
    }
    commands
}

/// What our client writes is what our server reads: the two were not made from
/// one table.
fn reads_the_same(command: &Command, names: Names) {
    let Some((written, expected)) = rewritten(command) else { return };
    let form = match names {
        Names::ModifiedUtf7 => NameForm::Utf7,
        Names::Utf8 => NameForm::Utf8,
    };
    let octets = [b"a ".as_slice(), &written.octets(form)].concat();
    let again = Command::parse(&octets, names).command;
    // A search has one more level of parentheses than before.
    if again != Err(CommandError::SearchTooComplex) {
        let shown = String::from_utf8_lossy(&octets);
        assert_eq!(again, Ok(expected), "{shown:?}");
    }
}

/// The command as our client has it, and what the server is to read.
fn rewritten(command: &Command) -> Option<(ClientCommand, Command)> {
    let numbering = Numbering::Uid;
    Some(match command.clone() {
        Command::Select { mailbox, access, .. } => {
            let condstore = crate::imap::command::Condstore::Unsaid;
            let written = ClientCommand::Select { mailbox: mailbox.to_string(), access };
            (written, Command::Select { mailbox, access, condstore })
        }
        Command::Delete(name) => (ClientCommand::Delete(name.to_string()), Command::Delete(name)),
        Command::Subscribe(name) => {
            (ClientCommand::Subscribe(name.to_string()), Command::Subscribe(name))
        }
        Command::Rename { from, to } => {
            let written = ClientCommand::Rename { from: from.to_string(), to: to.to_string() };
            (written, Command::Rename { from, to })
        }
        Command::Create { mailbox, special_use } if special_use.len() < 2 => {
            let written = ClientCommand::Create {
                mailbox: mailbox.to_string(),
                special_use: special_use.first().copied(),
            };
            (written, Command::Create { mailbox, special_use })
        }
        Command::Status { mailbox, items } => {
            let written =
                ClientCommand::Status { mailbox: mailbox.to_string(), items: items.clone() };
            (written, Command::Status { mailbox, items })
        }
        Command::Search(SearchCommand { key, .. }) => {
            let written = ClientCommand::UidSearch { key: key.clone(), form: SearchForm::Extended };
            let returns = Some(vec![SearchReturn::All]);
            (written, Command::Search(SearchCommand { numbering, returns, key }))
        }
        Command::Fetch { messages: MessageSet::Numbers(uids), request, .. } => {
            let items = request.items;
            let written = ClientCommand::UidFetch { uids: uids.clone(), items: items.clone() };
            let request = FetchRequest { items, changed_since: None };
            (written, Command::Fetch { messages: MessageSet::Numbers(uids), numbering, request })
        }
        Command::Store { messages: MessageSet::Numbers(uids), change, .. } => {
            let written = ClientCommand::UidStore { uids: uids.clone(), change: change.clone() };
            let messages = MessageSet::Numbers(uids);
            let (report, unchanged_since) = (Report::Silent, None);
            (written, Command::Store { messages, numbering, change, report, unchanged_since })
        }
        Command::UidExpunge(MessageSet::Numbers(uids)) => (
            ClientCommand::UidExpunge(uids.clone()),
            Command::UidExpunge(MessageSet::Numbers(uids)),
        ),
        _ => return None,
    })
}
