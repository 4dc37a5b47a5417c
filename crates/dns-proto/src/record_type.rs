//! The numbers of a message: record types, classes, response codes and opcodes.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A word that is neither a known mnemonic nor its generic form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{word}` is not a known {what}; an unknown one is written {generic} and its number")]
pub struct UnknownMnemonic {
    /// The word as given.
    pub word: String,
    /// What was looked for, such as `record type`.
    pub what: &'static str,
    /// The prefix of the generic form, such as `TYPE`.
    pub generic: &'static str,
}

/// Defines a number with named values, `Display` and `FromStr` in both directions.
macro_rules! numbers {
    (
        $(#[$doc:meta])* $type:ident($int:ty), $what:literal, $generic:literal,
        $( $(#[$value_doc:meta])* $constant:ident = $value:literal $text:literal, )*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub $int);

        impl $type {
            $( $(#[$value_doc])* pub const $constant: Self = Self($value); )*

            /// The mnemonic, if the number has one.
            pub fn mnemonic(self) -> Option<&'static str> {
                match self.0 {
                    $( $value => Some($text), )*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.mnemonic() {
                    Some(text) => f.pad(text),
                    None => f.pad(&format!("{}{}", $generic, self.0)),
                }
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $type {
            type Err = UnknownMnemonic;

            fn from_str(word: &str) -> Result<Self, UnknownMnemonic> {
                $( if word.eq_ignore_ascii_case($text) { return Ok(Self($value)); } )*
                let number = word
                    .get(..$generic.len())
                    .filter(|prefix| prefix.eq_ignore_ascii_case($generic))
                    .and_then(|_| word.get($generic.len()..))
                    .filter(|digits| digits.bytes().all(|octet| octet.is_ascii_digit()))
                    .and_then(|digits| digits.parse().ok());
                number.map(Self).ok_or_else(|| UnknownMnemonic {
                    word: word.to_owned(),
                    what: $what,
                    generic: $generic,
                })
            }
        }
    };
}

numbers! {
    /// The type of a record or of a question (RFC 1035 §3.2.2, §3.2.3).
    ///
    /// A number without a mnemonic is written `TYPE65280` (RFC 3597 §5).
    RecordType(u16), "record type", "TYPE",
    /// IPv4 address, RFC 1035 §3.4.1.
    A = 1 "A",
    /// Name server, RFC 1035 §3.3.11.
    NS = 2 "NS",
    /// Mail destination, obsolete, RFC 1035 §3.3.4.
    MD = 3 "MD",
    /// Mail forwarder, obsolete, RFC 1035 §3.3.5.
    MF = 4 "MF",
    /// Canonical name of an alias, RFC 1035 §3.3.1.
    CNAME = 5 "CNAME",
    /// Start of a zone, RFC 1035 §3.3.13.
    SOA = 6 "SOA",
    /// Mailbox, RFC 1035 §3.3.3.
    MB = 7 "MB",
    /// Mail group member, RFC 1035 §3.3.6.
    MG = 8 "MG",
    /// Mail rename, RFC 1035 §3.3.8.
    MR = 9 "MR",
    /// Null record, RFC 1035 §3.3.10.
    NULL = 10 "NULL",
    /// Well-known services, RFC 1035 §3.4.2.
    WKS = 11 "WKS",
    /// Pointer, RFC 1035 §3.3.12.
    PTR = 12 "PTR",
    /// Host information, RFC 1035 §3.3.2.
    HINFO = 13 "HINFO",
    /// Mailbox information, RFC 1035 §3.3.7.
    MINFO = 14 "MINFO",
    /// Mail exchange, RFC 1035 §3.3.9.
    MX = 15 "MX",
    /// Text, RFC 1035 §3.3.14.
    TXT = 16 "TXT",
    /// Responsible person, RFC 1183 §2.2.
    RP = 17 "RP",
    /// AFS database, RFC 1183 §1.
    AFSDB = 18 "AFSDB",
    /// X.25 address, RFC 1183 §3.1.
    X25 = 19 "X25",
    /// ISDN address, RFC 1183 §3.2.
    ISDN = 20 "ISDN",
    /// Route through, RFC 1183 §3.3.
    RT = 21 "RT",
    /// Network service access point, RFC 1706 §5.
    NSAP = 22 "NSAP",
    /// Signature, RFC 2535 §4.
    SIG = 24 "SIG",
    /// Key, RFC 2535 §3.
    KEY = 25 "KEY",
    /// Mail mapping of X.400, RFC 2163 §4.
    PX = 26 "PX",
    /// IPv6 address, RFC 3596 §2.1.
    AAAA = 28 "AAAA",
    /// Location, RFC 1876 §2.
    LOC = 29 "LOC",
    /// Next name, obsolete, RFC 2535 §5.
    NXT = 30 "NXT",
    /// Service, RFC 2782.
    SRV = 33 "SRV",
    /// Naming authority pointer, RFC 3403 §4.
    NAPTR = 35 "NAPTR",
    /// Key exchanger, RFC 2230 §3.
    KX = 36 "KX",
    /// Certificate, RFC 4398 §2.
    CERT = 37 "CERT",
    /// IPv6 address in parts, historic, RFC 2874 §3.
    A6 = 38 "A6",
    /// Redirection of a subtree, RFC 6672 §2.
    DNAME = 39 "DNAME",
    /// Options of a message, RFC 6891 §6.1.
    OPT = 41 "OPT",
    /// Address prefixes, RFC 3123 §4.
    APL = 42 "APL",
    /// Delegation signer, RFC 4034 §5.
    DS = 43 "DS",
    /// Fingerprint of an SSH key, RFC 4255 §3.
    SSHFP = 44 "SSHFP",
    /// IPsec key, RFC 4025 §2.
    IPSECKEY = 45 "IPSECKEY",
    /// Signature of a record set, RFC 4034 §3.
    RRSIG = 46 "RRSIG",
    /// Next name, RFC 4034 §4.
    NSEC = 47 "NSEC",
    /// Key of a zone, RFC 4034 §2.
    DNSKEY = 48 "DNSKEY",
    /// DHCP identifier, RFC 4701 §3.
    DHCID = 49 "DHCID",
    /// Next hashed name, RFC 5155 §3.
    NSEC3 = 50 "NSEC3",
    /// Parameters of hashed names, RFC 5155 §4.
    NSEC3PARAM = 51 "NSEC3PARAM",
    /// Certificate association of a TLS service, RFC 6698 §2.
    TLSA = 52 "TLSA",
    /// Certificate association of a mail user, RFC 8162 §2.
    SMIMEA = 53 "SMIMEA",
    /// Host identity, RFC 8005 §5.
    HIP = 55 "HIP",
    /// Child's copy of DS, RFC 7344 §3.1.
    CDS = 59 "CDS",
    /// Child's copy of DNSKEY, RFC 7344 §3.2.
    CDNSKEY = 60 "CDNSKEY",
    /// OpenPGP key, RFC 7929 §2.
    OPENPGPKEY = 61 "OPENPGPKEY",
    /// Child-to-parent synchronisation, RFC 7477 §2.
    CSYNC = 62 "CSYNC",
    /// Digest of a zone, RFC 8976 §2.
    ZONEMD = 63 "ZONEMD",
    /// Service binding, RFC 9460 §2.
    SVCB = 64 "SVCB",
    /// Service binding of HTTP, RFC 9460 §9.
    HTTPS = 65 "HTTPS",
    /// Sender policy, obsolete, RFC 7208 §3.1.
    SPF = 99 "SPF",
    /// Node identifier, RFC 6742 §2.1.
    NID = 104 "NID",
    /// 32-bit locator, RFC 6742 §2.2.
    L32 = 105 "L32",
    /// 64-bit locator, RFC 6742 §2.3.
    L64 = 106 "L64",
    /// Locator pointer, RFC 6742 §2.4.
    LP = 107 "LP",
    /// 48-bit hardware address, RFC 7043 §3.
    EUI48 = 108 "EUI48",
    /// 64-bit hardware address, RFC 7043 §4.
    EUI64 = 109 "EUI64",
    /// Transaction key, RFC 2930 §2.
    TKEY = 249 "TKEY",
    /// Transaction signature, RFC 8945 §4.2.
    TSIG = 250 "TSIG",
    /// Question for the changes of a zone, RFC 1995 §3.
    IXFR = 251 "IXFR",
    /// Question for a whole zone, RFC 5936 §2.
    AXFR = 252 "AXFR",
    /// Question for mailbox records, obsolete, RFC 1035 §3.2.3.
    MAILB = 253 "MAILB",
    /// Question for mail agents, obsolete, RFC 1035 §3.2.3.
    MAILA = 254 "MAILA",
    /// Question for records of any type, RFC 1035 §3.2.3 and RFC 8482.
    ANY = 255 "ANY",
    /// Uniform resource identifier, RFC 7553 §4.
    URI = 256 "URI",
    /// Certification authority authorization, RFC 8659 §4.
    CAA = 257 "CAA",
}

impl RecordType {
    /// Whether this number can only stand in a question or is not data of a zone
    /// (RFC 6895 §3.1): OPT and 249 to 255.
    pub fn is_meta(self) -> bool {
        self == Self::OPT || (249..=255).contains(&self.0)
    }
}

numbers! {
    /// The class of a record or question (RFC 1035 §3.2.4, §3.2.5).
    RecordClass(u16), "class", "CLASS",
    /// The Internet.
    IN = 1 "IN",
    /// Chaosnet; today questions about the server itself.
    CH = 3 "CH",
    /// Hesiod.
    HS = 4 "HS",
    /// No class, in updates (RFC 2136 §2.4).
    NONE = 254 "NONE",
    /// Any class, in questions.
    ANY = 255 "ANY",
}

numbers! {
    /// A response code, with the upper bits that EDNS adds (RFC 1035 §4.1.1, RFC 6891 §6.1.3).
    Rcode(u16), "response code", "RCODE",
    /// No error.
    NOERROR = 0 "NOERROR",
    /// The query could not be read.
    FORMERR = 1 "FORMERR",
    /// The server failed.
    SERVFAIL = 2 "SERVFAIL",
    /// The name does not exist.
    NXDOMAIN = 3 "NXDOMAIN",
    /// The kind of query is not implemented.
    NOTIMP = 4 "NOTIMP",
    /// The server does not want to answer.
    REFUSED = 5 "REFUSED",
    /// A name exists that should not, RFC 2136 §2.2 and RFC 6672 §2.2.
    YXDOMAIN = 6 "YXDOMAIN",
    /// A record set exists that should not, RFC 2136 §2.2.
    YXRRSET = 7 "YXRRSET",
    /// A record set that should exist does not, RFC 2136 §2.2.
    NXRRSET = 8 "NXRRSET",
    /// Not authoritative or not authorised, RFC 2136 §2.2.
    NOTAUTH = 9 "NOTAUTH",
    /// A name is not within the zone, RFC 2136 §2.2.
    NOTZONE = 10 "NOTZONE",
    /// EDNS version not supported, RFC 6891 §9.
    BADVERS = 16 "BADVERS",
    /// Bad or missing server cookie, RFC 7873 §8.
    BADCOOKIE = 23 "BADCOOKIE",
}

numbers! {
    /// The kind of a query (RFC 1035 §4.1.1), four bits.
    Opcode(u8), "opcode", "OPCODE",
    /// A standard query.
    QUERY = 0 "QUERY",
    /// An inverse query, obsolete (RFC 3425).
    IQUERY = 1 "IQUERY",
    /// A question about the server's status.
    STATUS = 2 "STATUS",
    /// A zone has changed, RFC 1996.
    NOTIFY = 4 "NOTIFY",
    /// A change of a zone, RFC 2136.
    UPDATE = 5 "UPDATE",
    /// Stateful operations, RFC 8490.
    DSO = 6 "DSO",
}

macro_rules! serde_as_text {
    ($($type:ident)*) => { $(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )* };
}

serde_as_text!(RecordType RecordClass Rcode Opcode);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_and_read_back() {
        for number in 0..=u16::MAX {
            let kind = RecordType(number);
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(format!("TYPE{number}").parse(), Ok(kind));
        }
    }

    #[test]
    fn an_unknown_type_has_its_generic_form() {
        // RFC 3597 §5.
        assert_eq!(RecordType(65280).to_string(), "TYPE65280");
        assert_eq!("class32".parse(), Ok(RecordClass(32)));
        assert_eq!("aaaa".parse(), Ok(RecordType::AAAA));
        for word in ["TYPE65536", "TYPE", "TYPE-1", "TYPE+1", "QQ", ""] {
            assert!(word.parse::<RecordType>().is_err(), "{word}");
        }
    }
}
