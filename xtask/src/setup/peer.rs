//! The outside programs that tests, benchmarks and the lab's examples use.

/// One outside program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The name by which it is run, or that of a Perl module (`Net::SSLeay`)
    /// which such a program uses where it is there.
    pub(crate) name: &'static str,
    /// The Debian package that has it.
    pub(crate) package: &'static str,
    /// What it is for.
    pub(crate) why: &'static str,
}

impl Peer {
    /// Whether it is installed.
    pub(crate) fn is_here(&self) -> bool {
        if self.name.contains("::") {
            return capa7_peers::has_perl_module(self.name);
        }
        capa7_peers::find(self.name).is_some()
    }
}

/// Every peer, in the order in which a reader meets them.
pub(crate) const PEERS: [Peer; 21] = [
    peer("dig", "bind9-dnsutils", "stock queries against our name servers"),
    peer("tshark", "tshark", "an independent reading of our captures"),
    peer("python3", "python3", "student programs that run inside the lab"),
    peer("nc", "netcat-openbsd", "protocols typed by hand"),
    peer("curl", "curl", "a stock client of the page and of lab web sites"),
    peer("setpriv", "util-linux", "sealed tests as an unprivileged user"),
    peer("chromium", "chromium", "the page in a real browser"),
    peer("node", "nodejs", "the page's tests and type check"),
    peer("npm", "npm", "the packages of the page's tests"),
    peer("swaks", "swaks", "a stock client of mail servers, with log-in and TLS"),
    peer("Net::SSLeay", "libnet-ssleay-perl", "swaks within TLS"),
    peer("postfix", "postfix", "a mail server at the other end; smtp-source, smtp-sink"),
    peer("dovecot", "dovecot-imapd", "a mailbox server at the other end"),
    peer("doveconf", "dovecot-pop3d", "the same, by POP3"),
    peer("openssl", "openssl", "certificates for tests, made by another's hand"),
    peer("mbsync", "isync", "mailboxes synchronised both ways"),
    peer("mutt", "mutt", "a reader of mail on a terminal"),
    peer("tmux", "tmux", "a terminal for programs that want one"),
    peer("knotd", "knot", "the name server that benchmarks compare with"),
    peer("nsd", "nsd", "the name server that benchmarks compare with"),
    peer("dnsperf", "dnsperf", "the load of benchmarks"),
];

const fn peer(name: &'static str, package: &'static str, why: &'static str) -> Peer {
    Peer { name, package, why }
}
