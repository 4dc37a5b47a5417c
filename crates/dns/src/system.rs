//! The name servers that this machine's own stub asks: resolv.conf(5).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The name servers of `/etc/resolv.conf`, in the order in which they are asked.
///
/// # Errors
/// When the file cannot be read. A file that is not there names none.
pub fn system_servers() -> io::Result<Vec<SocketAddr>> {
    match std::fs::read_to_string(RESOLV_CONF) {
        Ok(text) => Ok(servers_of(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(servers_of("")),
        Err(error) => Err(io::Error::new(error.kind(), format!("{RESOLV_CONF}: {error}"))),
    }
}

/// The servers that the text of a resolv.conf names; the machine itself when it names
/// none. An address with a scope (`fe80::1%eth0`) is left out.
fn servers_of(text: &str) -> Vec<SocketAddr> {
    let words = text.lines().map(str::split_whitespace);
    let named = words.filter_map(|mut words| {
        let address = words.next().filter(|word| *word == "nameserver").and(words.next());
        address?.parse::<IpAddr>().ok()
    });
    let mut servers: Vec<SocketAddr> =
        named.take(SERVERS_MAX).map(|address| SocketAddr::new(address, DNS_PORT)).collect();
    if servers.is_empty() {
        servers.push(SocketAddr::from((Ipv4Addr::LOCALHOST, DNS_PORT)));
    }
    servers
}

/// More are not asked: MAXNS.
const SERVERS_MAX: usize = 3;
/// RFC 1035 §4.2.
const DNS_PORT: u16 = 53;
const RESOLV_CONF: &str = "/etc/resolv.conf";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let servers: Vec<String> = servers_of(text).iter().map(SocketAddr::to_string).collect();
        assert_eq!(servers, expected, "{text:?}");
    }

    #[test]
    fn the_first_three_name_servers_count_in_their_order() {
        let text = "# made by hand\nsearch example.org\nnameserver 192.0.2.1\n \tnameserver\t\
                    2001:db8::1 # comment\n;nameserver 192.0.2.9\nnameserver 192.0.2.2\n\
                    nameserver 192.0.2.3\n";
        check(text, &["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.2:53"]);
    }

    #[test]
    fn what_is_no_address_is_left_out_and_nobody_means_the_machine_itself() {
        check("nameservers 192.0.2.1\nnameserver fe80::1%eth0\nnameserver\n", &["127.0.0.1:53"]);
        check("", &["127.0.0.1:53"]);
    }
}
