//! `SEARCH` (RFC 9051 §6.4.4, RFC 4731, RFC 7162 §3.1.5).

use std::num::NonZeroU32;

use super::run::Run;
use super::selected::{Expunges, Selected};
use super::{Session, State};
use crate::imap::command::Numbering;
use crate::imap::response::{ExtendedSearch, Status, StatusText};
use crate::imap::search::{SearchCommand, SearchKey, SearchReturn};
use crate::imap::sequence::{MessageSet, SequenceSet};
use crate::imap::store::{Found, StoreRequest};
use crate::mailbox::{ModSeq, Uid};

/// A `SEARCH` under way.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) tag: String,
    pub(super) command: SearchCommand,
}

impl Session {
    pub(super) fn search(&mut self, tag: String, mut command: SearchCommand) {
        self.dialect.condstore |= command.key.has_mod_seq();
        // RFC 9051 §6.4.4: with IMAP4rev2 the answer is always ESEARCH.
        if self.dialect.rev2 && command.returns.is_none() {
            command.returns = Some(vec![SearchReturn::All]);
        }
        let State::Selected(selected) = &self.state else { return };
        let mailbox = selected.id;
        let Some(key) = resolve(&command.key, selected) else {
            let bad = StatusText::new(Status::Bad, "there is no message with that number");
            self.refuse(Some(&tag), &bad);
            return;
        };
        let request = StoreRequest::Search { mailbox, key };
        self.ask(request, Run::Search(Box::new(Search { tag, command })));
    }

    pub(super) fn forget_saved(&mut self, search: &Search) {
        let saves = search
            .command
            .returns
            .as_ref()
            .is_some_and(|returns| returns.contains(&SearchReturn::Save));
        if let State::Selected(selected) = &mut self.state
            && saves
        {
            selected.saved = SequenceSet::default();
        }
    }

    pub(super) fn on_found(&mut self, search: &Search, found: &[Found]) {
        let State::Selected(selected) = &mut self.state else { return };
        let SearchCommand { numbering, returns, key } = &search.command;
        // What the client does not know yet is not found either.
        let found: Vec<(u32, Found)> = found
            .iter()
            .filter_map(|found| selected.view.number_of(found.uid).map(|number| (number, *found)))
            .collect();
        let number = |(number, found): &(u32, Found)| match numbering {
            Numbering::Sequence => *number,
            Numbering::Uid => found.uid.0.get(),
        };
        let has_mod_seq = key.has_mod_seq();
        match returns {
            None => {
                let numbers: Vec<u32> = found.iter().map(number).collect();
                let mod_seq = highest(&found).filter(|_| has_mod_seq);
                self.out.writer().search(&numbers, mod_seq);
            }
            Some(returns) => {
                let asks = |wanted| returns.contains(&wanted);
                let ends: Vec<(u32, Found)> = [
                    found.first().filter(|_| asks(SearchReturn::Min)),
                    found.last().filter(|_| asks(SearchReturn::Max)),
                ]
                .into_iter()
                .flatten()
                .copied()
                .collect();
                let tells_all = asks(SearchReturn::All) || asks(SearchReturn::Count);
                // With MIN or MAX alone only these count, for the modseq and
                // for `$` (RFC 7162 §3.1.10, RFC 9051 §6.4.4.1).
                let counted = if ends.is_empty() || tells_all { &found } else { &ends };
                if asks(SearchReturn::Save) {
                    let mut uids: Vec<NonZeroU32> =
                        counted.iter().map(|(_, found)| found.uid.0).collect();
                    uids.dedup();
                    selected.saved = SequenceSet::of(uids);
                }
                let numbers = found.iter().map(number).filter_map(NonZeroU32::new);
                let only_saves = returns.iter().all(|wanted| *wanted == SearchReturn::Save);
                if !only_saves {
                    let answer = ExtendedSearch {
                        tag: Some(search.tag.clone()),
                        uid: *numbering == Numbering::Uid,
                        min: found.first().filter(|_| asks(SearchReturn::Min)).map(number),
                        max: found.last().filter(|_| asks(SearchReturn::Max)).map(number),
                        all: asks(SearchReturn::All).then(|| SequenceSet::of(numbers)),
                        count: asks(SearchReturn::Count)
                            .then(|| u32::try_from(found.len()).unwrap_or(u32::MAX)),
                        mod_seq: highest(counted).filter(|_| has_mod_seq),
                    };
                    self.out.writer().extended_search(&answer);
                }
            }
        }
        let status = StatusText::new(Status::Ok, "SEARCH completed");
        self.finish(search.tag.clone(), status, Expunges::from(*numbering));
    }
}

fn highest(found: &[(u32, Found)]) -> Option<ModSeq> {
    found.iter().map(|(_, found)| found.mod_seq).max()
}

/// The key with identifiers for numbers; none when a number is not in use.
fn resolve(key: &SearchKey, selected: &Selected) -> Option<SearchKey> {
    let uids = |uids: Vec<Uid>| {
        let set = SequenceSet::of(uids.into_iter().map(|uid| uid.0));
        SearchKey::Uids(MessageSet::Numbers(set))
    };
    Some(match key {
        SearchKey::Numbers(set) => uids(selected.uids_of(set, Numbering::Sequence)?),
        SearchKey::Uids(set) => uids(selected.uids_of(set, Numbering::Uid)?),
        SearchKey::And(keys) => {
            let keys: Option<Vec<SearchKey>> =
                keys.iter().map(|key| resolve(key, selected)).collect();
            SearchKey::And(keys?)
        }
        SearchKey::Or(one, other) => {
            let (one, other) = (resolve(one, selected)?, resolve(other, selected)?);
            SearchKey::Or(Box::new(one), Box::new(other))
        }
        SearchKey::Not(key) => SearchKey::Not(Box::new(resolve(key, selected)?)),
        key => key.clone(),
    })
}
