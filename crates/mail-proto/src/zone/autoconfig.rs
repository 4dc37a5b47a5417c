//! The document by which a client sets itself up: `config-v1.1.xml`, as
//! Thunderbird and others ask for it.

use std::fmt::Write as _;

use super::MailServices;

impl MailServices {
    /// The document for `http://autoconfig.DOMAIN/mail/config-v1.1.xml` and
    /// `http://DOMAIN/.well-known/autoconfig/mail/config-v1.1.xml`.
    #[must_use]
    pub fn autoconfig_xml(&self) -> String {
        let domain = escaped(&self.domain);
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <clientConfig version=\"1.1\">\n  \
             <emailProvider id=\"{domain}\">\n    \
             <domain>{domain}</domain>\n    \
             <displayName>{domain}</displayName>\n    \
             <displayShortName>{domain}</displayShortName>\n"
        );
        let ports = &self.ports;
        // The client takes the first that works: TLS from the first byte,
        // IMAP before POP3 (RFC 8314 §3, RFC 6186 §3.4).
        let incoming = [
            ("imap", ports.imaps, Begin::Tls),
            ("imap", ports.imap, self.clear()),
            ("pop3", ports.pop3s, Begin::Tls),
            ("pop3", ports.pop3, self.clear()),
        ];
        for (kind, port, begin) in incoming {
            self.server(&mut text, "incomingServer", kind, port, begin);
        }
        let outgoing =
            [("smtp", ports.submissions, Begin::Tls), ("smtp", ports.submission, self.clear())];
        for (kind, port, begin) in outgoing {
            self.server(&mut text, "outgoingServer", kind, port, begin);
        }
        text.push_str("  </emailProvider>\n</clientConfig>\n");
        text
    }

    const fn clear(&self) -> Begin {
        if self.ports.starttls { Begin::StartTls } else { Begin::Clear }
    }

    fn server(&self, text: &mut String, tag: &str, kind: &str, port: Option<u16>, begin: Begin) {
        let Some(port) = port else { return };
        let host = escaped(&self.host);
        let socket = begin.word();
        let _ = write!(
            text,
            "    <{tag} type=\"{kind}\">\n      \
             <hostname>{host}</hostname>\n      \
             <port>{port}</port>\n      \
             <socketType>{socket}</socketType>\n      \
             <authentication>password-cleartext</authentication>\n      \
             <username>%EMAILADDRESS%</username>\n    \
             </{tag}>\n"
        );
    }
}

/// How a connection begins.
#[derive(Clone, Copy, Debug)]
enum Begin {
    Tls,
    StartTls,
    Clear,
}

impl Begin {
    /// The document's word.
    const fn word(self) -> &'static str {
        match self {
            Self::Tls => "SSL",
            Self::StartTls => "STARTTLS",
            Self::Clear => "plain",
        }
    }
}

/// Names are of letters, digits, dots and hyphens; what else a caller gives
/// must not become markup (XML 1.0 §2.4).
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::ClientPorts;
    use super::*;

    fn services(ports: ClientPorts) -> MailServices {
        MailServices {
            domain: "urosario.edu.co".to_owned(),
            host: "mail.urosario.edu.co".to_owned(),
            addresses: Vec::new(),
            ports,
            autoconfig: true,
            ttl: 3_600,
        }
    }

    // RFC 8314 §3: implicit TLS before STARTTLS before nothing.
    #[test]
    fn the_document_names_what_is_offered_in_the_order_of_preference() {
        let ports = ClientPorts {
            submission: Some(587),
            imaps: Some(993),
            imap: Some(143),
            starttls: true,
            ..ClientPorts::default()
        };
        let text = services(ports).autoconfig_xml();
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in {text}"));
        assert!(at("<port>993</port>\n      <socketType>SSL<") < at("<port>143</port>"));
        assert!(at("<port>143</port>\n      <socketType>STARTTLS<") < at("<port>587</port>"));
        assert!(!text.contains("pop3"), "{text}");
        let clear = ClientPorts { imap: Some(143), ..ClientPorts::default() };
        assert!(services(clear).autoconfig_xml().contains("<socketType>plain<"));
    }

    #[test]
    fn a_name_never_becomes_markup() {
        let mut odd = services(ClientPorts::default());
        odd.domain = "a\"><b>&".to_owned();
        let text = odd.autoconfig_xml();
        assert!(text.contains("<domain>a&quot;&gt;&lt;b&gt;&amp;</domain>"), "{text}");
    }
}
