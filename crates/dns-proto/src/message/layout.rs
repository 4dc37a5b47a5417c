//! What the data of each known record type is made of.
//!
//! One table serves reading (names are decompressed), writing (names of the old types are
//! compressed) and dissecting (each part is a field with its name).

use crate::RecordType;

/// One part of a record's data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// The field's name in filters.
    pub(crate) name: &'static str,
    /// Its form.
    pub(crate) kind: PartKind,
}

/// The form of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartKind {
    /// One octet.
    U8,
    /// A number of two octets.
    U16,
    /// A number of four octets.
    U32,
    /// A length of time in four octets.
    Seconds,
    /// A record type.
    TypeCode,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A name that is written without compression (RFC 3597 §4).
    Name,
    /// A name of a type of RFC 1035, which may be compressed.
    CompressibleName,
    /// A character string: a length octet and its text.
    Text,
    /// One or more character strings up to the end.
    Texts,
    /// A length octet and octets written in hexadecimal.
    LengthHex,
    /// So many octets.
    Octets(usize),
    /// Octets up to the end, written in hexadecimal.
    Hex,
    /// Octets up to the end, written in base 64.
    Base64,
    /// Text up to the end.
    RestText,
    /// A bitmap of types up to the end (RFC 4034 §4.1.2).
    TypeBitmap,
    /// Service parameters up to the end (RFC 9460 §2.2).
    ServiceParameters,
}

const fn part(name: &'static str, kind: PartKind) -> Part {
    Part { name, kind }
}

/// The parts of a type's data; unknown types are one run of octets (RFC 3597 §2).
#[expect(clippy::too_many_lines, reason = "a table with a row per record type")]
pub(crate) fn layout(rtype: RecordType) -> &'static [Part] {
    use PartKind::{
        Base64, CompressibleName, Hex, Ipv4, Ipv6, LengthHex, Name, Octets, RestText, Seconds,
        ServiceParameters, Text, Texts, TypeBitmap, TypeCode, U8, U16, U32,
    };
    match rtype {
        RecordType::A => const { &[part("address", Ipv4)] },
        RecordType::AAAA => const { &[part("address", Ipv6)] },
        RecordType::NS
        | RecordType::CNAME
        | RecordType::PTR
        | RecordType::MD
        | RecordType::MF
        | RecordType::MB
        | RecordType::MG
        | RecordType::MR => const { &[part("target", CompressibleName)] },
        RecordType::DNAME => const { &[part("target", Name)] },
        RecordType::SOA => {
            const {
                &[
                    part("mname", CompressibleName),
                    part("rname", CompressibleName),
                    part("serial", U32),
                    part("refresh", Seconds),
                    part("retry", Seconds),
                    part("expire", Seconds),
                    part("minimum", Seconds),
                ]
            }
        }
        RecordType::MX => const { &[part("preference", U16), part("target", CompressibleName)] },
        RecordType::RT | RecordType::KX | RecordType::LP => {
            const { &[part("preference", U16), part("target", Name)] }
        }
        RecordType::AFSDB => const { &[part("subtype", U16), part("target", Name)] },
        RecordType::MINFO => {
            const { &[part("rmailbx", CompressibleName), part("emailbx", CompressibleName)] }
        }
        RecordType::RP => const { &[part("mbox", Name), part("txt", Name)] },
        RecordType::PX => {
            const { &[part("preference", U16), part("map822", Name), part("mapx400", Name)] }
        }
        RecordType::TXT | RecordType::SPF | RecordType::ISDN => const { &[part("text", Texts)] },
        RecordType::HINFO => const { &[part("cpu", Text), part("os", Text)] },
        RecordType::X25 => const { &[part("psdn_address", Text)] },
        RecordType::SRV => {
            const {
                &[
                    part("priority", U16),
                    part("weight", U16),
                    part("port", U16),
                    part("target", Name),
                ]
            }
        }
        RecordType::NAPTR => {
            const {
                &[
                    part("order", U16),
                    part("preference", U16),
                    part("flags", Text),
                    part("services", Text),
                    part("regexp", Text),
                    part("replacement", Name),
                ]
            }
        }
        RecordType::DS | RecordType::CDS => {
            const {
                &[
                    part("key_tag", U16),
                    part("algorithm", U8),
                    part("digest_type", U8),
                    part("digest", Hex),
                ]
            }
        }
        RecordType::DNSKEY | RecordType::CDNSKEY | RecordType::KEY => {
            const {
                &[
                    part("flags", U16),
                    part("protocol", U8),
                    part("algorithm", U8),
                    part("public_key", Base64),
                ]
            }
        }
        RecordType::RRSIG | RecordType::SIG => {
            const {
                &[
                    part("type_covered", TypeCode),
                    part("algorithm", U8),
                    part("labels", U8),
                    part("original_ttl", Seconds),
                    part("expiration", U32),
                    part("inception", U32),
                    part("key_tag", U16),
                    part("signer", Name),
                    part("signature", Base64),
                ]
            }
        }
        RecordType::NSEC => const { &[part("next_name", Name), part("types", TypeBitmap)] },
        RecordType::NXT => const { &[part("next_name", Name), part("types", Hex)] },
        RecordType::NSEC3 => {
            const {
                &[
                    part("hash_algorithm", U8),
                    part("flags", U8),
                    part("iterations", U16),
                    part("salt", LengthHex),
                    part("next_hash", LengthHex),
                    part("types", TypeBitmap),
                ]
            }
        }
        RecordType::NSEC3PARAM => {
            const {
                &[
                    part("hash_algorithm", U8),
                    part("flags", U8),
                    part("iterations", U16),
                    part("salt", LengthHex),
                ]
            }
        }
        RecordType::TLSA | RecordType::SMIMEA => {
            const {
                &[
                    part("usage", U8),
                    part("selector", U8),
                    part("matching_type", U8),
                    part("association", Hex),
                ]
            }
        }
        RecordType::SSHFP => {
            const { &[part("algorithm", U8), part("hash_type", U8), part("fingerprint", Hex)] }
        }
        RecordType::CERT => {
            const {
                &[
                    part("certificate_type", U16),
                    part("key_tag", U16),
                    part("algorithm", U8),
                    part("certificate", Base64),
                ]
            }
        }
        RecordType::CAA => {
            const { &[part("flags", U8), part("tag", Text), part("value", RestText)] }
        }
        RecordType::URI => {
            const { &[part("priority", U16), part("weight", U16), part("target", RestText)] }
        }
        RecordType::SVCB | RecordType::HTTPS => {
            const {
                &[
                    part("priority", U16),
                    part("target", Name),
                    part("parameters", ServiceParameters),
                ]
            }
        }
        RecordType::CSYNC => {
            const { &[part("serial", U32), part("flags", U16), part("types", TypeBitmap)] }
        }
        RecordType::ZONEMD => {
            const {
                &[
                    part("serial", U32),
                    part("scheme", U8),
                    part("algorithm", U8),
                    part("digest", Hex),
                ]
            }
        }
        RecordType::DHCID => const { &[part("identifier", Base64)] },
        RecordType::OPENPGPKEY => const { &[part("public_key", Base64)] },
        RecordType::L32 => const { &[part("preference", U16), part("locator", Ipv4)] },
        RecordType::NID | RecordType::L64 => {
            const { &[part("preference", U16), part("locator", Octets(8))] }
        }
        RecordType::LOC => const { &[part("location", Octets(16))] },
        RecordType::EUI48 => const { &[part("address", Octets(6))] },
        RecordType::EUI64 => const { &[part("address", Octets(8))] },
        _ => const { &[part("data", Hex)] },
    }
}
