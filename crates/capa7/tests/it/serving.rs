//! A running server: its zones change under it, and it ends when it is told.

use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use crate::program::{Folder, PATIENCE, Running, Server, ZONE};

/// The octets of a query for `www.example.test`, A.
fn query(id: u16) -> Vec<u8> {
    let mut octets = id.to_be_bytes().to_vec();
    octets.extend_from_slice(b"\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00");
    octets.extend_from_slice(b"\x03www\x07example\x04test\x00\x00\x01\x00\x01");
    octets
}

/// A client that keeps some queries on their way and counts what comes back.
struct Stream {
    socket: UdpSocket,
    sent: usize,
    /// The last octet of each address that was answered, in order.
    seen: Vec<u8>,
}

impl Stream {
    const ON_THEIR_WAY: usize = 32;

    fn to(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, sent: 0, seen: Vec::new() }
    }

    fn ask(&mut self) {
        self.socket.send(&query(u16::try_from(self.sent % (1 << 16)).unwrap())).unwrap();
        self.sent += 1;
        if self.sent - self.seen.len() >= Self::ON_THEIR_WAY {
            self.take();
        }
    }

    fn take(&mut self) {
        let mut reply = [0; 512];
        let length = self.socket.recv(&mut reply).expect("no query is lost");
        assert_eq!(reply[3] & 0xf, 0, "NOERROR");
        assert_eq!(u16::from_be_bytes([reply[6], reply[7]]), 1, "one address");
        // The address is the last of the answer; no EDNS was asked for.
        self.seen.push(reply[length - 1]);
    }

    /// Asks until `done`, and what is on its way then.
    fn until(&mut self, mut done: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < deadline, "it never comes");
            self.ask();
        }
        while self.seen.len() < self.sent {
            self.take();
        }
    }
}

#[test]
fn a_reload_loses_no_query_and_a_bad_zone_leaves_the_good_one() {
    let folder = Folder::new();
    folder.write("a.zone", ZONE);
    let mut server = Server::start(&folder, &["a.zone"], &["--workers", "2"]);
    let mut stream = Stream::to(server.at);
    stream.until(|stream| stream.sent >= 500);
    assert!(stream.seen.iter().all(|last| *last == 3));

    folder.write("a.zone", ZONE.replace("192.0.2.3", "192.0.2.33"));
    server.running.signal("HUP");
    stream.until(|stream| stream.seen.last() == Some(&33));
    let changes = stream.seen.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes >= 1);
    server.running.wait_for("loaded again");

    folder.write("a.zone", format!("{}www IN A 1.2.3\n", ZONE.replace("192.0.2.3", "192.0.2.34")));
    server.running.signal("HUP");
    let running = &mut server.running;
    stream.until(|_| running.has_said("the zones stay as they were"));
    stream.until(|stream| stream.seen.len() % 500 == 0);
    assert!(server.running.said.contains("a.zone:13:10: "), "{}", server.running.said);
    assert_eq!(stream.seen.last(), Some(&33), "the good zone");

    folder.write("a.zone", ZONE.replace("192.0.2.3", "192.0.2.35"));
    server.running.signal("HUP");
    stream.until(|stream| stream.seen.last() == Some(&35));
}

// RFC 1035 §4.1.1: what cannot be interpreted gets FORMERR, what is no query
// nothing, and everything else goes on.
#[test]
fn malformed_and_random_datagrams_do_not_end_service() {
    let folder = Folder::new();
    folder.write("a.zone", ZONE);
    let mut server = Server::start(&folder, &["a.zone"], &["--workers", "2"]);
    let mut stream = Stream::to(server.at);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.at).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    // A name that points at itself.
    let header = b"\x41\x41\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00";
    let pointer = [&header[..], b"\xc0\x0c\x00\x01\x00\x01"].concat();
    socket.send(&pointer).unwrap();
    let mut reply = [0; 512];
    let length = socket.recv(&mut reply).expect("an error reply");
    assert!(length >= 12 && reply[..2] == [0x41, 0x41] && reply[2] & 0x80 != 0);
    assert_eq!(reply[3] & 0xf, 1, "FORMERR");
    // Numbers by a congruence (Lehmer), the same in each run.
    let mut number = 1_u64;
    let mut next = || {
        number = number * 48_271 % 0x7fff_ffff;
        number.to_le_bytes()[1]
    };
    for round in 0..10_000_u16 {
        let mut octets = query(round);
        let (place, octet) = (usize::from(next()), next());
        match round % 3 {
            0 => octets.truncate(place % octets.len()),
            1 => octets = (0..place * 2).map(|_| next()).collect(),
            _ => {
                let place = place % octets.len();
                octets[place] = octet;
            }
        }
        socket.send(&octets).unwrap();
        if round % 50 == 0 {
            // Waits for an answer, so that the kernel need not drop anything.
            let so_far = stream.sent;
            stream.until(|stream| stream.sent > so_far);
        }
    }
    stream.until(|stream| stream.sent >= 500);
    assert!(stream.seen.iter().all(|last| *last == 3));
    assert!(!server.running.has_said("ended"), "{}", server.running.said);
}

#[test]
fn a_server_that_is_told_to_end_says_so_and_exits_with_0() {
    let folder = Folder::new();
    folder.write("a.zone", ZONE);
    for signal in ["TERM", "INT"] {
        let server = Server::start(&folder, &["a.zone"], &[]);
        let mut stream = Stream::to(server.at);
        stream.until(|stream| stream.sent >= 10);
        server.running.signal(signal);
        let (status, said) = server.running.ended();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(said.ends_with("capa7: stopped\n"), "{said}");
    }
    // The port is free for the next one at once.
    let server = Server::start(&folder, &["a.zone"], &[]);
    server.running.signal("TERM");
    let next = Running::start(&mut folder.capa7(&[
        "dns",
        "serve",
        "--zone",
        "a.zone",
        "--listen",
        &server.at.to_string(),
    ]));
    drop(server);
    drop(next);
}

#[test]
fn a_resolver_starts_forgets_and_ends_when_it_is_told() {
    let folder = Folder::new();
    folder.write("hints", ". 86400 IN NS ns.root.\nns.root. 86400 IN A 127.0.0.91\n");
    let at = format!("127.0.0.1:{}", capa7_peers::free_port());
    let words = ["dns", "resolve", "--listen", &at, "--hints", "hints"];
    let mut resolver = Running::start(&mut folder.capa7(&words));
    resolver.wait_for("resolving on");
    resolver.signal("HUP");
    resolver.wait_for("forgot everything learned");
    // What a resolver knows by itself (RFC 6761 §6.3).
    let words = ["dns", "query", "localhost", &format!("@{at}"), "--json"];
    assert_eq!(folder.run(&words).json()["answer"][0]["data"], "127.0.0.1");
    resolver.signal("TERM");
    let (status, said) = resolver.ended();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn the_uppercase_programs_answer_each_other() {
    let folder = Folder::new();
    for kind in ["udp", "tcp"] {
        let port = capa7_peers::free_port().to_string();
        let listen = format!("127.0.0.1:{port}");
        let server = format!("{kind}-server");
        let mut running =
            Running::start(&mut folder.capa7(&["sockets", &server, "--listen", &listen]));
        running.wait_for("ready");
        let client = format!("{kind}-client");
        let words = ["sockets", &client, "127.0.0.1", "--port", &port, "hola,", "año"];
        assert_eq!(folder.run(&words).text(), "HOLA, AÑO\n");
        running.wait_for("127.0.0.1:");
        running.signal("TERM");
        assert_eq!(running.ended().0.code(), Some(0));
    }
}
