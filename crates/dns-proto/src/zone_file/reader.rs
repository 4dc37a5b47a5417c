//! Entries of a master file: directives and records (RFC 1035 §5.1, RFC 2308 §4).

use std::fmt;

use crate::rdata::{RdataFault, parse_seconds, scan_rdata};
use crate::{Name, RecordClass, RecordType};

use super::generate::{Generate, substitute};
use super::tokens::{Indent, Token, TokenError, Tokenizer, Words};
use super::{
    ERRORS_MAX, FILE_OCTETS_MAX, INCLUDE_DEPTH_MAX, Place, Problem, ZoneFile, ZoneFileError,
    ZoneFileErrors,
};

/// Gives the text of an included file, or says why it cannot.
///
/// The argument is the path as it is written after `$INCLUDE`; the caller decides to which
/// folder it is relative and which paths it allows.
pub type IncludeLoader<'a> = dyn FnMut(&str) -> Result<Vec<u8>, String> + 'a;

/// What the reader is told beside the text.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// The zone's name; by default the owner of the SOA record.
    pub origin: Option<Name>,
    /// Most records that one `$GENERATE` may make.
    pub generate_records_max: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { origin: None, generate_records_max: GENERATE_RECORDS_MAX }
    }
}

pub(super) fn read(
    name: &str,
    text: &[u8],
    options: &ReadOptions,
    load: &mut IncludeLoader<'_>,
) -> Result<ZoneFile, ZoneFileErrors> {
    let mut reader = Reader { options, load, zone: ZoneFile::new(), errors: Vec::new() };
    let origin = options.origin.clone().or_else(|| find_apex(text));
    reader.file(name, text, Scope::new(origin), 0);
    let Reader { mut zone, mut errors, .. } = reader;
    if errors.is_empty()
        && let Err(error) = check_apex(&zone, options)
    {
        errors.push(error);
    }
    if !errors.is_empty() {
        return Err(ZoneFileErrors(errors));
    }
    zone.records.shrink_to_fit();
    zone.data.shrink_to_fit();
    Ok(zone)
}

fn check_apex(zone: &ZoneFile, options: &ReadOptions) -> Result<(), ZoneFileError> {
    let soa = zone.records().find(|record| record.record_type == RecordType::SOA);
    match (soa, &options.origin) {
        (Some(soa), Some(wanted)) if soa.owner != wanted => Err(ZoneFileError {
            file: soa.position.file.to_owned(),
            line: soa.position.line,
            column: soa.position.column,
            problem: Problem::WrongApex { found: soa.owner.clone(), wanted: wanted.clone() },
        }),
        _ => Ok(()),
    }
}

/// Looks ahead for an SOA record with an absolute owner: it names the origin when nothing
/// else does.
fn find_apex(text: &[u8]) -> Option<Name> {
    let mut tokenizer = Tokenizer::new(text);
    let mut tokens = Vec::new();
    let mut owner = None;
    loop {
        match tokenizer.next_entry(&mut tokens) {
            Ok(None) => return None,
            Err(_) => tokenizer.recover(),
            Ok(Some(indent)) => {
                let words = Words { text, tokens: &tokens };
                if words.raw(0)?.eq_ignore_ascii_case(b"$ORIGIN") {
                    return None;
                }
                if indent == Indent::None {
                    owner = words.name(0, None).ok();
                }
                let first = usize::from(indent == Indent::None);
                let is_soa = |word| words.raw(word).is_some_and(|w| w.eq_ignore_ascii_case(b"SOA"));
                if (first..first + 3).any(is_soa) {
                    return owner;
                }
            }
        }
    }
}

/// What an entry inherits from those before it; an included file gets a copy.
#[derive(Clone, Debug)]
struct Scope {
    origin: Option<Name>,
    owner: Option<Name>,
    /// The `$TTL` (RFC 2308 §4).
    default_ttl: Option<u32>,
    /// The TTL of the record before (RFC 1035 §5.1).
    last_ttl: Option<u32>,
}

impl Scope {
    fn new(origin: Option<Name>) -> Self {
        Self { origin, owner: None, default_ttl: None, last_ttl: None }
    }
}

/// A fault at a word of an entry.
struct EntryFault {
    word: usize,
    problem: Problem,
}

impl From<RdataFault> for EntryFault {
    fn from(fault: RdataFault) -> Self {
        Self { word: fault.word, problem: fault.problem }
    }
}

fn at<T, E: Into<Problem>>(word: usize, result: Result<T, E>) -> Result<T, EntryFault> {
    result.map_err(|problem| EntryFault { word, problem: problem.into() })
}

struct Reader<'a, 'b> {
    options: &'a ReadOptions,
    load: &'a mut IncludeLoader<'b>,
    zone: ZoneFile,
    errors: Vec<ZoneFileError>,
}

impl fmt::Debug for Reader<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("errors", &self.errors).finish_non_exhaustive()
    }
}

/// The file that is being read, for positions and nesting.
#[derive(Clone, Copy)]
struct Current {
    index: u16,
    depth: usize,
}

impl Reader<'_, '_> {
    fn file(&mut self, name: &str, text: &[u8], mut scope: Scope, depth: usize) {
        if text.len() > FILE_OCTETS_MAX {
            self.fail(name, 1, 1, Problem::FileTooLarge);
            return;
        }
        let index = match self.zone.file_index(name) {
            Ok(index) => index,
            Err(problem) => return self.fail(name, 1, 1, problem),
        };
        let current = Current { index, depth };
        let mut tokenizer = Tokenizer::new(text);
        let mut tokens = Vec::new();
        let mut data = Vec::new();
        while self.errors.len() < ERRORS_MAX {
            match tokenizer.next_entry(&mut tokens) {
                Ok(None) => return,
                Err(TokenError { line, column, problem }) => {
                    self.fail(name, line, column, problem);
                    tokenizer.recover();
                }
                Ok(Some(indent)) => {
                    let words = Words { text, tokens: &tokens };
                    if let Err(fault) = self.entry(words, indent, &mut scope, current, &mut data) {
                        let (line, column) = place_of(&tokens, fault.word);
                        self.fail(name, line, column, fault.problem);
                    }
                }
            }
        }
    }

    fn fail(&mut self, name: &str, line: u32, column: u32, problem: Problem) {
        self.errors.push(ZoneFileError { file: name.to_owned(), line, column, problem });
    }

    fn entry(
        &mut self,
        words: Words<'_>,
        indent: Indent,
        scope: &mut Scope,
        current: Current,
        data: &mut Vec<u8>,
    ) -> Result<(), EntryFault> {
        if indent == Indent::None && words.raw(0).is_some_and(|word| word.starts_with(b"$")) {
            return self.directive(words, scope, current);
        }
        let (line, column) = place_of(words.tokens, 0);
        let place = Place { file: current.index, line, column };
        self.record(words, indent, scope, place, data)
    }

    fn directive(
        &mut self,
        words: Words<'_>,
        scope: &mut Scope,
        current: Current,
    ) -> Result<(), EntryFault> {
        let word = String::from_utf8_lossy(words.raw(0).unwrap_or(&[])).into_owned();
        match word.to_ascii_uppercase().as_str() {
            "$ORIGIN" => {
                expect_end(words, 2)?;
                scope.origin = Some(at(1, words.name(1, scope.origin.as_ref()))?);
                Ok(())
            }
            "$TTL" => {
                expect_end(words, 2)?;
                scope.default_ttl = Some(ttl(words, 1)?);
                Ok(())
            }
            "$INCLUDE" => self.include(words, scope, current),
            "$GENERATE" => self.generate(words, scope, current),
            _ => Err(EntryFault { word: 0, problem: Problem::UnknownDirective(word) }),
        }
    }

    /// `$INCLUDE path [origin]`: the origin and the owner of this file stay as they were
    /// (RFC 1035 §5.1).
    fn include(
        &mut self,
        words: Words<'_>,
        scope: &Scope,
        current: Current,
    ) -> Result<(), EntryFault> {
        expect_end(words, 3)?;
        let mut path = Vec::new();
        at(1, words.octets(1, &mut path))?;
        let path = String::from_utf8_lossy(&path).into_owned();
        let mut inner = scope.clone();
        if words.tokens.len() > 2 {
            inner.origin = Some(at(2, words.name(2, scope.origin.as_ref()))?);
        }
        if current.depth + 1 >= INCLUDE_DEPTH_MAX {
            return Err(EntryFault { word: 1, problem: Problem::IncludeTooDeep });
        }
        match (self.load)(&path) {
            Ok(text) => {
                self.file(&path, &text, inner, current.depth + 1);
                Ok(())
            }
            Err(reason) => Err(EntryFault { word: 1, problem: Problem::Include { path, reason } }),
        }
    }

    /// `$GENERATE range owner [ttl] [class] type data`: the entry once per number.
    fn generate(
        &mut self,
        words: Words<'_>,
        scope: &mut Scope,
        current: Current,
    ) -> Result<(), EntryFault> {
        let most = self.options.generate_records_max;
        let range = at(1, Generate::parse(words.text(1).unwrap_or(""), most))?;
        let (line, column) = place_of(words.tokens, 0);
        let place = Place { file: current.index, line, column };
        let (mut text, mut tokens, mut data) = (Vec::new(), Vec::new(), Vec::new());
        for number in range {
            text.clear();
            for word in 2..words.tokens.len() {
                let raw = words.raw(word).unwrap_or(&[]);
                at(word, substitute(raw, number, &mut text))?;
                text.push(b' ');
            }
            let mut tokenizer = Tokenizer::new(&text);
            let read = tokenizer.next_entry(&mut tokens);
            at(2, read.map_err(|fault| fault.problem))?;
            let made = Words { text: &text, tokens: &tokens };
            self.record(made, Indent::None, scope, place, &mut data)
                .map_err(|fault| EntryFault { word: fault.word + 2, ..fault })?;
        }
        Ok(())
    }

    /// `[owner] [ttl] [class] type data`, TTL and class in either order.
    fn record(
        &mut self,
        words: Words<'_>,
        indent: Indent,
        scope: &mut Scope,
        place: Place,
        data: &mut Vec<u8>,
    ) -> Result<(), EntryFault> {
        let mut next = 0;
        if indent == Indent::None {
            scope.owner = Some(at(0, words.name(0, scope.origin.as_ref()))?);
            next = 1;
        }
        let owner = scope.owner.clone();
        let owner = owner.ok_or(EntryFault { word: 0, problem: Problem::NoOwner })?;
        let mut stated_ttl = None;
        let mut class = None;
        let record_type = loop {
            let word = words.text(next);
            let word = word.ok_or(EntryFault { word: next, problem: Problem::MissingType })?;
            if stated_ttl.is_none() && word.starts_with(|first: char| first.is_ascii_digit()) {
                stated_ttl = Some(ttl(words, next)?);
            } else if class.is_none()
                && let Ok(found) = word.parse::<RecordClass>()
                && found != RecordClass::ANY
            {
                class = Some(found);
            } else {
                break at(next, word.parse::<RecordType>())?;
            }
            next += 1;
        };
        if class.is_some_and(|class| class != RecordClass::IN) {
            let problem = Problem::ForeignClass(class.unwrap_or(RecordClass::IN).to_string());
            return Err(EntryFault { word: next - 1, problem });
        }
        if record_type.is_meta() {
            let problem = Problem::MetaType(record_type.to_string());
            return Err(EntryFault { word: next, problem });
        }
        let first = next + 1;
        data.clear();
        scan_rdata(record_type, words.from(first), scope.origin.as_ref(), data)
            .map_err(|fault| EntryFault { word: fault.word + first, problem: fault.problem })?;
        let ttl = stated_ttl.or(scope.default_ttl).or(scope.last_ttl).or_else(|| {
            // Before RFC 2308 §4 an SOA record without a TTL took its own minimum.
            let minimum = data.last_chunk::<4>().filter(|_| record_type == RecordType::SOA)?;
            Some(u32::from_be_bytes(*minimum)).filter(|ttl| *ttl <= TTL_MAX)
        });
        let ttl = ttl.ok_or(EntryFault { word: next, problem: Problem::NoTtl })?;
        scope.last_ttl = Some(ttl);
        at(0, self.zone.store(owner, record_type, ttl, data, place))
    }
}

/// The place of a word; that of the last one when the word is missing.
fn place_of(tokens: &[Token], word: usize) -> (u32, u32) {
    let token = tokens.get(word).or_else(|| tokens.last());
    token.map_or((1, 1), |token| (token.line, token.column))
}

fn expect_end(words: Words<'_>, most: usize) -> Result<(), EntryFault> {
    if words.tokens.len() < 2 {
        return Err(EntryFault { word: 0, problem: Problem::MissingWord });
    }
    if words.tokens.len() > most {
        return Err(EntryFault { word: most, problem: Problem::ExtraWord });
    }
    Ok(())
}

fn ttl(words: Words<'_>, word: usize) -> Result<u32, EntryFault> {
    let text = words.text(word);
    let seconds = text.and_then(parse_seconds).filter(|seconds| *seconds <= TTL_MAX);
    seconds.ok_or_else(|| {
        let problem = Problem::BadTtl(text.unwrap_or("").to_owned());
        EntryFault { word, problem }
    })
}

/// Largest TTL (RFC 2181 §8).
const TTL_MAX: u32 = i32::MAX as u32;
/// Most records of one `$GENERATE`: a whole IPv4 /12 of reverse names.
const GENERATE_RECORDS_MAX: u64 = 1 << 20;
