//! The fields of EDNS options and service parameters.

use std::ops::Range;

use capa7_dissect::Field;

use crate::dissect::fields::{hex, text};
use crate::message::{EdnsOption, ExtendedError, ParseError, Reader};

/// What stands in the class and TTL of an OPT record (RFC 6891 §6.1.2); `at` is where its type
/// begins.
pub(super) fn opt_fields(class: u16, ttl: u32, at: usize) -> Vec<Field> {
    let [extended_rcode, version, high, low] = ttl.to_be_bytes();
    let dnssec_ok = if high & 0x80 != 0 { "1" } else { "0" };
    let children = vec![Field::new("do", dnssec_ok, at + 6..at + 7).with_source("RFC 3225 §3")];
    let flags = format!("0x{:04x}", u16::from_be_bytes([high, low]));
    let source = "RFC 6891 §6.1.3";
    vec![
        Field::new("udp_payload_size", class.to_string(), at + 2..at + 4)
            .with_source("RFC 6891 §6.2.3"),
        Field::new("extended_rcode", extended_rcode.to_string(), at + 4..at + 5)
            .with_source(source),
        Field::new("version", version.to_string(), at + 5..at + 6).with_source(source),
        Field::new("edns_flags", flags, at + 6..at + 8).with_source(source).with_children(children),
    ]
}

/// The options in the data of an OPT record.
pub(super) fn options(octets: &[u8], bytes: Range<usize>) -> Result<Vec<Field>, ParseError> {
    let mut reader = Reader::new_at(octets, bytes.start);
    let mut fields = Vec::new();
    while reader.at() < bytes.end {
        let start = reader.at();
        let code = reader.u16("OPT option")?;
        let length = reader.u16("OPT option")?;
        let data = reader.take(usize::from(length), "OPT option")?;
        if reader.at() > bytes.end {
            return Err(ParseError::OptionLength { offset: start, code });
        }
        let option = EdnsOption::parse(code, data);
        let mut children = vec![
            Field::new("option_code", code.to_string(), start..start + 2),
            Field::new("option_length", length.to_string(), start + 2..start + 4),
        ];
        children.extend(option_data(&option, start + 4, data));
        let field = Field::new(EdnsOption::name_of(code), option_text(&option), start..reader.at());
        fields.push(field.with_source(option_source(&option)).with_children(children));
    }
    Ok(fields)
}

fn option_text(option: &EdnsOption) -> String {
    match option {
        EdnsOption::Nsid(data) if data.is_empty() => "which server are you?".to_owned(),
        EdnsOption::Nsid(data) => text(data),
        EdnsOption::Cookie { client, server } if server.is_empty() => hex(client),
        EdnsOption::Cookie { client, server } => format!("{} {}", hex(client), hex(server)),
        EdnsOption::ExtendedError(error) => {
            let name = ExtendedError::name(error.code).unwrap_or("unassigned");
            match error.text.as_str() {
                "" => format!("{} ({name})", error.code),
                text => format!("{} ({name}): {text}", error.code),
            }
        }
        EdnsOption::ClientSubnet { address, source_prefix, scope_prefix } => {
            format!("{address}/{source_prefix}, holds for /{scope_prefix}")
        }
        EdnsOption::TcpKeepalive(None) => "asked for".to_owned(),
        EdnsOption::TcpKeepalive(Some(time)) => format!("{} ms", u32::from(*time) * 100),
        EdnsOption::Padding(data) => format!("{} octets", data.len()),
        EdnsOption::Other { data, .. } => hex(data),
    }
}

fn option_data(option: &EdnsOption, at: usize, data: &[u8]) -> Vec<Field> {
    let part =
        |name, value: String, from: usize, to: usize| Field::new(name, value, at + from..at + to);
    let end = data.len();
    match option {
        _ if data.is_empty() => Vec::new(),
        EdnsOption::Cookie { client, server } => {
            let mut parts = vec![part("client_cookie", hex(client), 0, 8)];
            if !server.is_empty() {
                parts.push(part("server_cookie", hex(server), 8, end));
            }
            parts
        }
        EdnsOption::ExtendedError(error) => {
            let mut parts = vec![part("info_code", error.code.to_string(), 0, 2)];
            if !error.text.is_empty() {
                parts.push(part("extra_text", error.text.clone(), 2, end));
            }
            parts
        }
        EdnsOption::ClientSubnet { address, source_prefix, scope_prefix } => {
            let family = if address.is_ipv4() { "1 (IPv4)" } else { "2 (IPv6)" };
            let mut parts = vec![
                part("family", family.to_owned(), 0, 2),
                part("source_prefix", source_prefix.to_string(), 2, 3),
                part("scope_prefix", scope_prefix.to_string(), 3, 4),
            ];
            if end > 4 {
                parts.push(part("address", address.to_string(), 4, end));
            }
            parts
        }
        EdnsOption::Nsid(_) => vec![part("nsid_data", text(data), 0, end)],
        EdnsOption::TcpKeepalive(_) | EdnsOption::Padding(_) | EdnsOption::Other { .. } => {
            vec![part("option_data", hex(data), 0, end)]
        }
    }
}

const fn option_source(option: &EdnsOption) -> &'static str {
    match option {
        EdnsOption::Nsid(_) => "RFC 5001 §2.3",
        EdnsOption::Cookie { .. } => "RFC 7873 §4",
        EdnsOption::ExtendedError(_) => "RFC 8914 §2",
        EdnsOption::ClientSubnet { .. } => "RFC 7871 §6",
        EdnsOption::TcpKeepalive(_) => "RFC 7828 §3.1",
        EdnsOption::Padding(_) => "RFC 7830 §3",
        EdnsOption::Other { .. } => "RFC 6891 §6.1.2",
    }
}

/// The parameters of an SVCB or HTTPS record (RFC 9460 §2.2); `at` is where they begin.
pub(super) fn service_parameters(octets: &[u8], at: usize) -> Vec<Field> {
    let mut reader = Reader::new(octets);
    let mut fields = Vec::new();
    while reader.remaining() > 0 {
        let start = reader.at();
        let (Ok(key), Ok(length)) = (reader.u16(""), reader.u16("")) else { break };
        let Ok(value) = reader.take(usize::from(length), "") else { break };
        let name = match key {
            0 => "mandatory",
            1 => "alpn",
            2 => "no_default_alpn",
            3 => "port",
            4 => "ipv4hint",
            5 => "ech",
            6 => "ipv6hint",
            _ => "parameter",
        };
        fields.push(Field::new(name, hex(value), at + start..at + reader.at()));
    }
    fields
}
