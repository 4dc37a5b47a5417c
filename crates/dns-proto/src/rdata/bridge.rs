//! Record data that the `domain` crate reads: its scanner over the words of our entries.

use domain::base::iana::Rtype;
use domain::base::rdata::ComposeRecordData;
use domain::base::scan::{
    ConvertSymbols, EntrySymbol, Scanner, ScannerError, Symbol as DomainSymbol,
};
use domain::base::{CharStr, Name as DomainName};
use domain::dep::octseq::str::Str;
use domain::rdata::ZoneRecordData;

use crate::zone_file::Problem;
use crate::zone_file::tokens::{Symbols, Words};
use crate::{Name, RecordType};

use super::RdataFault;

/// Whether the type has a syntax that is left to the `domain` crate.
pub(super) fn is_bridged(record_type: RecordType) -> bool {
    matches!(
        record_type,
        RecordType::CAA
            | RecordType::CDS
            | RecordType::CDNSKEY
            | RecordType::DNSKEY
            | RecordType::DS
            | RecordType::RRSIG
            | RecordType::NSEC
            | RecordType::NSEC3
            | RecordType::NSEC3PARAM
            | RecordType::IPSECKEY
            | RecordType::NAPTR
            | RecordType::OPENPGPKEY
            | RecordType::SSHFP
            | RecordType::SVCB
            | RecordType::HTTPS
            | RecordType::TLSA
            | RecordType::ZONEMD
    )
}

pub(super) fn scan(
    record_type: RecordType,
    words: Words<'_>,
    origin: Option<&Name>,
    out: &mut Vec<u8>,
) -> Result<(), RdataFault> {
    let mut scanner = WordScanner { words, origin, next: 0 };
    let rtype = Rtype::from_int(record_type.0);
    let data = ZoneRecordData::<Vec<u8>, DomainName<Vec<u8>>>::scan(rtype, &mut scanner);
    let read = scanner.next;
    match data {
        Ok(_) if read < words.tokens.len() => {
            Err(RdataFault { word: read, problem: Problem::ExtraWord })
        }
        Ok(data) => match data.compose_rdata(out) {
            Ok(()) => Ok(()),
            Err(never) => match never {},
        },
        Err(ScanFault::Missing) => Err(RdataFault { word: read, problem: Problem::MissingWord }),
        Err(ScanFault::Problem(problem)) => {
            Err(RdataFault { word: read.saturating_sub(1), problem })
        }
    }
}

/// What the scanner can say: our own problem, or a sentence of the `domain` crate.
#[derive(Debug)]
enum ScanFault {
    Missing,
    Problem(Problem),
}

impl std::fmt::Display for ScanFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("the line ends too early"),
            Self::Problem(problem) => problem.fmt(f),
        }
    }
}

impl std::error::Error for ScanFault {}

impl ScannerError for ScanFault {
    fn custom(message: &'static str) -> Self {
        Self::Problem(Problem::RecordData(message.to_owned()))
    }

    fn end_of_entry() -> Self {
        Self::Missing
    }

    fn short_buf() -> Self {
        Self::Problem(Problem::DataTooLong)
    }

    fn trailing_tokens() -> Self {
        Self::Problem(Problem::ExtraWord)
    }
}

impl From<Problem> for ScanFault {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::MissingWord => Self::Missing,
            problem => Self::Problem(problem),
        }
    }
}

struct WordScanner<'a> {
    words: Words<'a>,
    origin: Option<&'a Name>,
    next: usize,
}

impl WordScanner<'_> {
    /// Feeds the symbols of the next word.
    fn feed<F>(&mut self, mut op: F) -> Result<(), ScanFault>
    where
        F: FnMut(DomainSymbol) -> Result<(), ScanFault>,
    {
        let raw = self.words.raw(self.next).ok_or(ScanFault::Missing)?;
        self.next += 1;
        for symbol in Symbols::new(raw) {
            let symbol = symbol.map_err(Problem::from)?;
            let printable = (0x20..0x7f).contains(&symbol.octet);
            op(match symbol.octet {
                octet if printable && !symbol.escaped => DomainSymbol::Char(char::from(octet)),
                octet if printable => DomainSymbol::SimpleEscape(octet),
                octet => DomainSymbol::DecimalEscape(octet),
            })?;
        }
        Ok(())
    }
}

impl Scanner for WordScanner<'_> {
    type Octets = Vec<u8>;
    type OctetsBuilder = Vec<u8>;
    type Name = DomainName<Vec<u8>>;
    type Error = ScanFault;

    fn has_space(&self) -> bool {
        false
    }

    fn continues(&mut self) -> bool {
        self.next < self.words.tokens.len()
    }

    fn scan_symbols<F>(&mut self, op: F) -> Result<(), ScanFault>
    where
        F: FnMut(DomainSymbol) -> Result<(), ScanFault>,
    {
        self.feed(op)
    }

    fn scan_entry_symbols<F>(&mut self, mut op: F) -> Result<(), ScanFault>
    where
        F: FnMut(EntrySymbol) -> Result<(), ScanFault>,
    {
        while self.continues() {
            self.feed(|symbol| op(symbol.into()))?;
            op(EntrySymbol::EndOfToken)?;
        }
        Ok(())
    }

    fn convert_token<C: ConvertSymbols<DomainSymbol, ScanFault>>(
        &mut self,
        mut convert: C,
    ) -> Result<Vec<u8>, ScanFault> {
        let mut octets = Vec::new();
        self.feed(|symbol| {
            octets.extend_from_slice(convert.process_symbol(symbol)?.unwrap_or(&[]));
            Ok(())
        })?;
        octets.extend_from_slice(convert.process_tail()?.unwrap_or(&[]));
        Ok(octets)
    }

    fn convert_entry<C: ConvertSymbols<EntrySymbol, ScanFault>>(
        &mut self,
        mut convert: C,
    ) -> Result<Vec<u8>, ScanFault> {
        let mut octets = Vec::new();
        while self.continues() {
            self.feed(|symbol| {
                octets.extend_from_slice(convert.process_symbol(symbol.into())?.unwrap_or(&[]));
                Ok(())
            })?;
        }
        octets.extend_from_slice(convert.process_tail()?.unwrap_or(&[]));
        Ok(octets)
    }

    fn scan_octets(&mut self) -> Result<Vec<u8>, ScanFault> {
        let mut octets = Vec::new();
        self.words.octets(self.next, &mut octets)?;
        self.next += 1;
        Ok(octets)
    }

    /// Our words already hold quoted parts, so this is an ordinary word.
    fn scan_svcb_octets(&mut self) -> Result<Vec<u8>, ScanFault> {
        self.scan_octets()
    }

    fn scan_ascii_str<F, T>(&mut self, op: F) -> Result<T, ScanFault>
    where
        F: FnOnce(&str) -> Result<T, ScanFault>,
    {
        let octets = self.scan_octets()?;
        match std::str::from_utf8(&octets) {
            Ok(text) if text.is_ascii() => op(text),
            _ => Err(ScanFault::custom("characters outside ASCII; escape them as \\DDD")),
        }
    }

    fn scan_name(&mut self) -> Result<DomainName<Vec<u8>>, ScanFault> {
        let name = self.words.name(self.next, self.origin)?;
        self.next += 1;
        DomainName::from_octets(name.as_wire().to_vec())
            .map_err(|_| ScanFault::custom("a name that breaks the rules of RFC 1035"))
    }

    fn scan_charstr(&mut self) -> Result<CharStr<Vec<u8>>, ScanFault> {
        let octets = self.scan_octets()?;
        CharStr::from_octets(octets).map_err(|_| Problem::StringTooLong.into())
    }

    fn scan_string(&mut self) -> Result<Str<Vec<u8>>, ScanFault> {
        let octets = self.scan_octets()?;
        Str::from_utf8(octets).map_err(|_| ScanFault::custom("text that is not UTF-8"))
    }

    fn scan_charstr_entry(&mut self) -> Result<Vec<u8>, ScanFault> {
        let mut octets = Vec::new();
        while self.continues() {
            let text = self.scan_charstr()?;
            octets.push(u8::try_from(text.len()).map_err(|_| Problem::StringTooLong)?);
            octets.extend_from_slice(text.as_ref());
        }
        Ok(octets)
    }

    fn scan_opt_unknown_marker(&mut self) -> Result<bool, ScanFault> {
        // The generic form was taken before.
        Ok(false)
    }

    fn octets_builder(&mut self) -> Result<Vec<u8>, ScanFault> {
        Ok(Vec::new())
    }
}
