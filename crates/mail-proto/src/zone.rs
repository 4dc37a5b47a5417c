//! What a domain's zone says of its mail, from the services that are there.
//!
//! ```text
//!   urosario.edu.co.                    MX   10 mail.urosario.edu.co.      who takes mail
//!   urosario.edu.co.                    TXT  "v=spf1 mx -all"              who sends it
//!   mail.urosario.edu.co.               A    198.51.100.25
//!   _submissions._tcp.urosario.edu.co.  SRV  0 1 465 mail.urosario.edu.co. where clients send
//!   _imaps._tcp.urosario.edu.co.        SRV  0 1 993 mail.urosario.edu.co. where they read
//!   _pop3._tcp.urosario.edu.co.         SRV  0 0 0 .                       not offered
//!   autoconfig.urosario.edu.co.         CNAME mail.urosario.edu.co.        in one document
//! ```
//! The records are lines of a master file (RFC 1035 §5.1) with absolute names,
//! each with what it is for.

mod autoconfig;

use std::fmt;
use std::fmt::Write as _;
use std::net::IpAddr;

/// The mail services of one domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServices {
    /// The domain, ASCII form, without a dot at its end.
    pub domain: String,
    /// The host that takes its mail, likewise.
    pub host: String,
    /// The host's addresses; only used when the host's name is in the domain.
    pub addresses: Vec<IpAddr>,
    /// The ports that clients are told of.
    pub ports: ClientPorts,
    /// Whether the host answers autoconfig requests over HTTP.
    pub autoconfig: bool,
    /// How long others may keep the records, in seconds.
    pub ttl: u32,
}

/// Where clients find each service; none where it is not offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientPorts {
    /// Submission within TLS from the first byte; usually 465.
    pub submissions: Option<u16>,
    /// Submission that begins in clear; usually 587.
    pub submission: Option<u16>,
    /// IMAP within TLS; usually 993.
    pub imaps: Option<u16>,
    /// IMAP that begins in clear; usually 143.
    pub imap: Option<u16>,
    /// POP3 within TLS; usually 995.
    pub pop3s: Option<u16>,
    /// POP3 that begins in clear; usually 110.
    pub pop3: Option<u16>,
    /// Whether services that begin in clear can begin TLS.
    pub starttls: bool,
}

/// One record of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRecord {
    /// The absolute name, with its last dot.
    pub owner: String,
    /// Seconds.
    pub ttl: u32,
    /// The type's name: `MX`.
    pub record_type: &'static str,
    /// The data as a master file has them.
    pub data: String,
    /// What it is for, in one sentence with its source.
    pub purpose: &'static str,
}

impl MailServices {
    /// The records, in the order in which a reader wants them.
    #[must_use]
    pub fn records(&self) -> Vec<ServiceRecord> {
        let mut records = vec![
            // RFC 5321 §5.1; RFC 1035 §3.3.9.
            self.record(&self.domain, "MX", format!("10 {}.", self.host), MX),
            // RFC 7208 §3, §5.4: the hosts of the MX records send, nobody else does.
            self.record(&self.domain, "TXT", "\"v=spf1 mx -all\"".to_owned(), SPF),
        ];
        if self.host_is_within() {
            for address in &self.addresses {
                let record_type = if address.is_ipv4() { "A" } else { "AAAA" };
                records.push(self.record(&self.host, record_type, address.to_string(), ADDRESS));
            }
            if self.host != self.domain {
                // RFC 7208 §2.3: the name in HELO is checked too.
                let spf = "\"v=spf1 a -all\"".to_owned();
                records.push(self.record(&self.host, "TXT", spf, HELO_SPF));
            }
        }
        for (label, port, priority, purpose) in self.srv() {
            let owner = format!("{label}._tcp.{}", self.domain);
            // RFC 6186 §3.4: a target of `.` says that the service is not offered.
            let data = port
                .map_or("0 0 0 .".to_owned(), |port| format!("{priority} 1 {port} {}.", self.host));
            let purpose = if port.is_some() { purpose } else { NOT_OFFERED };
            records.push(self.record(&owner, "SRV", data, purpose));
        }
        if self.autoconfig {
            let owner = format!("autoconfig.{}", self.domain);
            records.push(self.record(&owner, "CNAME", format!("{}.", self.host), AUTOCONFIG));
        }
        records
    }

    /// The records as a part of a master file, to be included in the domain's
    /// zone.
    #[must_use]
    pub fn master_file(&self) -> String {
        let mut text = format!("; Mail of {}, to be included in its zone:\n", self.domain);
        let _ = writeln!(text, ";   $INCLUDE {}.records", self.domain);
        for record in self.records() {
            let _ = write!(text, "\n; {}\n{record}\n", record.purpose);
        }
        text
    }

    /// Label, port, priority, purpose. TLS from the first byte comes first
    /// (RFC 8314 §5.1), IMAP before POP3 (RFC 6186 §3.4).
    fn srv(&self) -> [(&'static str, Option<u16>, u16, &'static str); 6] {
        let ports = &self.ports;
        [
            ("_submissions", ports.submissions, 0, SUBMISSIONS),
            ("_submission", ports.submission, 10, SUBMISSION),
            ("_imaps", ports.imaps, 0, IMAPS),
            ("_imap", ports.imap, 10, IMAP),
            ("_pop3s", ports.pop3s, 20, POP3S),
            ("_pop3", ports.pop3, 30, POP3),
        ]
    }

    fn host_is_within(&self) -> bool {
        let before = self.host.strip_suffix(&self.domain);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    }

    fn record(
        &self,
        owner: &str,
        record_type: &'static str,
        data: String,
        purpose: &'static str,
    ) -> ServiceRecord {
        ServiceRecord { owner: format!("{owner}."), ttl: self.ttl, record_type, data, purpose }
    }
}

impl fmt::Display for ServiceRecord {
    /// One line of a master file.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} IN {} {}", self.owner, self.ttl, self.record_type, self.data)
    }
}

const MX: &str = "who takes mail for the domain (RFC 5321 section 5.1)";
const SPF: &str = "only the hosts above send mail of the domain (RFC 7208)";
const HELO_SPF: &str = "the host sends under its own name too (RFC 7208 section 2.3)";
const ADDRESS: &str = "where that host is";
const SUBMISSIONS: &str = "clients send here, within TLS (RFC 8314 section 5.1)";
const SUBMISSION: &str = "clients send here, in clear until STARTTLS (RFC 6186 section 3.1)";
const IMAPS: &str = "clients read here by IMAP, within TLS (RFC 6186 section 3.2)";
const IMAP: &str = "clients read here by IMAP, in clear until STARTTLS (RFC 6186 section 3.2)";
const POP3S: &str = "clients fetch here by POP3, within TLS (RFC 6186 section 3.3)";
const POP3: &str = "clients fetch here by POP3, in clear until STLS (RFC 6186 section 3.3)";
const NOT_OFFERED: &str = "not offered (RFC 6186 section 3.4)";
const AUTOCONFIG: &str = "the same for clients that ask by HTTP: /mail/config-v1.1.xml";

#[cfg(test)]
mod tests {
    use super::*;

    fn services() -> MailServices {
        MailServices {
            domain: "urosario.edu.co".to_owned(),
            host: "mail.urosario.edu.co".to_owned(),
            addresses: vec![[198, 51, 100, 25].into(), "2001:db8::25".parse().expect("an address")],
            ports: ClientPorts {
                submissions: Some(465),
                submission: Some(587),
                imaps: Some(993),
                imap: Some(143),
                pop3s: Some(995),
                pop3: None,
                starttls: true,
            },
            autoconfig: true,
            ttl: 3_600,
        }
    }

    fn lines(services: &MailServices) -> Vec<String> {
        services.records().iter().map(ToString::to_string).collect()
    }

    // RFC 5321 §5.1, RFC 7208 §3, RFC 6186 §3, RFC 8314 §5.1.
    #[test]
    fn each_service_has_its_record_and_each_missing_one_says_so() {
        let host = "mail.urosario.edu.co.";
        let expected = [
            format!("urosario.edu.co. 3600 IN MX 10 {host}"),
            "urosario.edu.co. 3600 IN TXT \"v=spf1 mx -all\"".to_owned(),
            format!("{host} 3600 IN A 198.51.100.25"),
            format!("{host} 3600 IN AAAA 2001:db8::25"),
            format!("{host} 3600 IN TXT \"v=spf1 a -all\""),
            format!("_submissions._tcp.urosario.edu.co. 3600 IN SRV 0 1 465 {host}"),
            format!("_submission._tcp.urosario.edu.co. 3600 IN SRV 10 1 587 {host}"),
            format!("_imaps._tcp.urosario.edu.co. 3600 IN SRV 0 1 993 {host}"),
            format!("_imap._tcp.urosario.edu.co. 3600 IN SRV 10 1 143 {host}"),
            format!("_pop3s._tcp.urosario.edu.co. 3600 IN SRV 20 1 995 {host}"),
            "_pop3._tcp.urosario.edu.co. 3600 IN SRV 0 0 0 .".to_owned(),
            format!("autoconfig.urosario.edu.co. 3600 IN CNAME {host}"),
        ];
        assert_eq!(lines(&services()), expected);
    }

    // RFC 1034 §4.2.1: a zone has data of its own names only.
    #[test]
    fn a_host_of_another_domain_gets_no_address_here() {
        let mut other = services();
        other.domain = "rosario.test".to_owned();
        let text = other.master_file();
        assert!(text.contains("rosario.test. 3600 IN MX 10 mail.urosario.edu.co."), "{text}");
        assert!(!text.contains("198.51.100.25"), "{text}");
        // A name that only ends with the same letters is another one.
        other.domain = "io.edu.co".to_owned();
        assert!(!other.master_file().contains("198.51.100.25"));
    }

    #[test]
    fn every_record_of_the_file_says_what_it_is_for() {
        let text = services().master_file();
        let records = text.lines().filter(|line| line.contains(" IN ")).count();
        assert_eq!(records, 12);
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("; ")).count(), records + 1 + 1);
    }
}
