//! The programs of other people: plain standard library, run inside the lab.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "not ours, so to say")]

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// How long a program waits for what should come.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a program waits to be sure that nothing comes.
const SILENCE: Duration = Duration::from_millis(300);

pub(crate) fn run(words: &[OsString]) {
    let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap()).collect();
    match words.as_slice() {
        ["ask", verb, arguments] => crate::outside::ask(verb, arguments),
        ["udp-serve", at] => udp_serve(at),
        ["udp-ask", to, text] => println!("{}", udp_ask(to, text.as_bytes())),
        ["udp-ask-long", to, bytes] => {
            println!("{}", udp_ask(to, &vec![b'x'; bytes.parse().unwrap()]).len());
        }
        ["udp-round-trip", to] => {
            let begin = Instant::now();
            udp_ask(to, b"ping");
            println!("{}", begin.elapsed().as_micros());
        }
        ["tcp-serve", at] => tcp_serve(at),
        ["tcp-ask", to, text] => println!("{}", tcp_ask(to, text)),
        ["tcp-round-trip", to] => {
            let mut stream = TcpStream::connect(to).unwrap();
            let begin = Instant::now();
            stream.write_all(b"ping").unwrap();
            stream.read_exact(&mut [0; 4]).unwrap();
            println!("{}", begin.elapsed().as_micros());
        }
        ["dial", to] => {
            let to: SocketAddr = to.parse().unwrap();
            match TcpStream::connect_timeout(&to, PATIENCE) {
                Ok(_) => println!("connected"),
                Err(error) => println!("{:?}", error.kind()),
            }
        }
        ["dial-briefly", to] => {
            let outcome = TcpStream::connect_timeout(&to.parse().unwrap(), SILENCE);
            println!("{:?}", outcome.map(|_| ()).map_err(|error| error.kind()));
        }
        ["udp-count", to, wanted] => println!("{}", udp_count(to, wanted.parse().unwrap())),
        ["tcp-close", to] => {
            let begin = Instant::now();
            tcp_ask(to, "");
            println!("{}", begin.elapsed().as_micros());
        }
        ["tcp-bulk", to, bytes] => {
            let begin = Instant::now();
            let text = "x".repeat(bytes.parse().unwrap());
            assert_eq!(tcp_ask(to, &text), text);
            println!("{}", begin.elapsed().as_micros());
        }
        ["interfaces"] => interfaces(),
        other => panic!("no program {other:?}"),
    }
}

/// Answers every datagram with its bytes.
fn udp_serve(at: &str) {
    let socket = UdpSocket::bind(at).unwrap();
    println!("serving");
    let mut buffer = vec![0; 65_536];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        socket.send_to(&buffer[..length], from).unwrap();
    }
}

/// The first answer from there, or what came instead.
fn udp_ask(to: &str, bytes: &[u8]) -> String {
    let to: SocketAddr = to.parse().unwrap();
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(if bytes == b"lost" { SILENCE } else { PATIENCE })).unwrap();
    socket.send(bytes).unwrap();
    let mut buffer = vec![0; 65_536];
    match receive(&socket, &mut buffer) {
        Ok(length) => String::from_utf8_lossy(&buffer[..length]).into_owned(),
        Err(error) if error.kind() == ErrorKind::WouldBlock => "nothing".into(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

/// Receives, also when the process is stopped meanwhile and goes on: with a timeout Linux
/// interrupts it then (signal(7)).
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match socket.recv(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// How many answers one question gets: of so many, and then of more.
fn udp_count(to: &str, wanted: usize) -> usize {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect(to).unwrap();
    socket.send(b"how many?").unwrap();
    let received = |patience| {
        socket.set_read_timeout(Some(patience)).unwrap();
        receive(&socket, &mut [0; 64]).ok()
    };
    let came = (0..wanted).map_while(|_| received(PATIENCE)).count();
    came + std::iter::from_fn(|| received(SILENCE)).count()
}

/// Answers every connection with its bytes, one connection after the other.
fn tcp_serve(at: &str) {
    let listener = TcpListener::bind(at).unwrap();
    println!("serving");
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            let _gone = stream.write_all(&buffer[..length]);
        }
    }
}

fn tcp_ask(to: &str, text: &str) -> String {
    let asked = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(to)?;
        stream.write_all(text.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    asked().unwrap_or_else(|error| format!("{:?}", error.kind()))
}

/// The names of the network interfaces here.
fn interfaces() {
    let text = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let names = text.lines().filter_map(|line| line.split_once(':').map(|(name, _)| name.trim()));
    println!("{}", names.collect::<Vec<_>>().join(" "));
}
