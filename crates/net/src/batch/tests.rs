#![allow(clippy::disallowed_methods, reason = "the other side is the system's own")]

use std::thread;

use super::*;

/// Serves `batch` on a thread, runs `client`, stops, and returns what it gave.
fn with_server<T>(
    batch: &UdpBatch,
    answer: impl FnMut(&[u8], SocketAddr, &mut [u8]) -> Option<usize> + Send,
    client: impl FnOnce(SocketAddr) -> T,
) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let worker = scope.spawn(|| batch.serve(&stop, answer));
        let seen = client(batch.local_addr());
        stop.store(true, Ordering::Relaxed);
        worker.join().expect("the worker does not panic").expect("the socket works");
        seen
    })
}

fn client(to: SocketAddr) -> UdpSocket {
    let local = if to.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(local).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    socket
}

fn shout(input: &[u8], _: SocketAddr, output: &mut [u8]) -> Option<usize> {
    output[..input.len()].copy_from_slice(input);
    output[..input.len()].make_ascii_uppercase();
    Some(input.len())
}

// A full batch and more, each answer goes to the client that asked.
#[test]
fn each_client_gets_the_answer_to_its_own_question() {
    let batch = UdpBatch::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    with_server(&batch, shout, |server| {
        let clients: Vec<_> = (0..200).map(|_| client(server)).collect();
        for (number, client) in clients.iter().enumerate() {
            client.send_to(format!("client {number}").as_bytes(), server).unwrap();
        }
        for (number, client) in clients.iter().enumerate() {
            let mut buffer = [0; 64];
            let (length, from) = client.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], format!("CLIENT {number}").as_bytes());
            assert_eq!(from, server);
        }
    });
    assert_eq!(batch.count().received.load(Ordering::Relaxed), 200);
    assert_eq!(batch.count().sent.load(Ordering::Relaxed), 200);
}

// Silence in the middle of a batch must not shift the answers after it.
#[test]
fn silence_for_one_is_no_silence_for_the_next() {
    let batch = UdpBatch::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let quiet = |input: &[u8], from: SocketAddr, output: &mut [u8]| {
        if input.starts_with(b"hush") { None } else { shout(input, from, output) }
    };
    with_server(&batch, quiet, |server| {
        let client = client(server);
        for text in ["hush 1", "one", "hush 2", "two"] {
            client.send_to(text.as_bytes(), server).unwrap();
        }
        let mut buffer = [0; 64];
        for expect in ["ONE", "TWO"] {
            let (length, _) = client.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], expect.as_bytes());
        }
    });
}

// RFC 2181 §4.1: the answer's source is the address that the query was sent to.
#[test]
fn a_wildcard_socket_answers_from_the_address_that_was_asked() {
    let batch = UdpBatch::bind("0.0.0.0:0".parse().unwrap()).unwrap();
    with_server(&batch, shout, |server| {
        for address in ["127.0.0.1", "127.1.2.3", "127.9.9.9"] {
            let asked = SocketAddr::new(address.parse().unwrap(), server.port());
            let client = client(asked);
            client.send_to(b"who", asked).unwrap();
            let mut buffer = [0; 8];
            let (length, from) = client.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..length], from), (&b"WHO"[..], asked));
        }
    });
}

#[test]
fn version_six_addresses_are_served_too() {
    for bind in ["[::1]:0", "[::]:0"] {
        let Ok(batch) = UdpBatch::bind(bind.parse().unwrap()) else {
            return; // a machine without IPv6
        };
        with_server(&batch, shout, |server| {
            let asked = SocketAddr::new("::1".parse().unwrap(), server.port());
            let client = client(asked);
            client.send_to(b"six", asked).unwrap();
            let mut buffer = [0; 8];
            let (length, from) = client.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..length], from), (&b"SIX"[..], asked));
        });
    }
}

#[test]
fn a_datagram_that_is_too_long_is_counted_and_the_next_answered() {
    let batch = UdpBatch::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    with_server(&batch, shout, |server| {
        let client = client(server);
        client.send_to(&vec![b'x'; INPUT_BYTES + 1], server).unwrap();
        client.send_to(&vec![b'y'; INPUT_BYTES], server).unwrap();
        let mut buffer = vec![0; INPUT_BYTES + 1];
        let (length, _) = client.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], &vec![b'Y'; INPUT_BYTES][..]);
    });
    assert_eq!(batch.count().too_long.load(Ordering::Relaxed), 1);
}

// The kernel spreads by the clients' ports: 64 clients reach both workers with
// a probability of 1 - 2^-63.
#[test]
fn a_group_shares_one_port() {
    let group = UdpBatch::bind_group("127.0.0.1:0".parse().unwrap(), 2).unwrap();
    let [first, second] = &group[..] else { panic!("two were asked for") };
    assert_eq!(first.local_addr(), second.local_addr());
    with_server(first, shout, |_| {
        with_server(second, shout, |server| {
            for _ in 0..64 {
                let client = client(server);
                client.send_to(b"x", server).unwrap();
                client.recv_from(&mut [0; 8]).unwrap();
            }
        });
    });
    let received = |batch: &UdpBatch| batch.count().received.load(Ordering::Relaxed);
    assert!(received(first) > 0 && received(second) > 0);
    assert_eq!(received(first) + received(second), 64);
}

#[test]
fn a_port_is_not_shared_unless_asked() {
    let batch = UdpBatch::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let again = UdpBatch::bind(batch.local_addr()).unwrap_err();
    assert_eq!(again.kind(), io::ErrorKind::AddrInUse);
}
