//! A plain IMAP client that measures: it appends and fetches and checks that
//! each command was answered `OK`.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result, bail, ensure};
use capa7_net::stopwatch::StopWatch;
use capa7_net::{Cause, Host, Room, TcpStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::processes::Server;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(super) enum Load {
    /// `APPEND` of one message after the other.
    Append,
    /// `UID FETCH n BODY.PEEK[]`, one message a command.
    FetchEach,
    /// `UID FETCH 1:* BODY.PEEK[]`, the whole mailbox by one command.
    FetchAll,
}

impl Load {
    /// In an order in which each finds what it needs.
    pub(super) const ALL: [Self; 3] = [Self::Append, Self::FetchEach, Self::FetchAll];

    /// For the table.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Append => "APPEND, 4 KB",
            Self::FetchEach => "FETCH, one message a command",
            Self::FetchAll => "FETCH, a mailbox by one command",
        }
    }
}

/// Messages per second of four clients, each with an account of its own.
pub(super) fn rate(server: &Server, load: Load) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let host = Host::machine(Room::Mail);
        let mut clients = Vec::new();
        for index in 0..CLIENTS {
            let mut client = Client::login(&host, server.port, &format!("u{index}")).await?;
            client.fill(load).await?;
            clients.push(client);
        }
        let watch = StopWatch::start();
        let mut tasks = Vec::new();
        for mut client in clients {
            tasks.push(host.spawn("imap load", async move { client.run(load).await }));
        }
        let mut messages = 0;
        for task in tasks {
            messages += task.await.context("a client ended early")??;
        }
        Ok(f64::from(messages) / watch.elapsed().as_secs_f64())
    })
}

/// One connection, logged in.
#[derive(Debug)]
pub(super) struct Client {
    stream: TcpStream,
    /// What was read and not used.
    buffer: Vec<u8>,
    number: u32,
}

impl Client {
    /// Connects and logs in with any password that the server takes.
    pub(super) async fn login(host: &Host, port: u16, user: &str) -> Result<Self> {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = host.connect_tcp(to, Cause::NONE).await.context("connecting")?;
        let mut client = Self { stream, buffer: Vec::new(), number: 0 };
        client.line_of(b"* OK").await?;
        client.command(&format!("LOGIN {user}@bench.test {user}")).await?;
        Ok(client)
    }

    /// Makes sure that there is something to fetch, and selects it.
    async fn fill(&mut self, load: Load) -> Result<()> {
        if matches!(load, Load::Append) {
            return Ok(());
        }
        self.command("SELECT INBOX").await.map(drop)
    }

    /// Does the load; how many messages it moved.
    async fn run(&mut self, load: Load) -> Result<u32> {
        match load {
            Load::Append => {
                let message = message();
                for _ in 0..APPENDS {
                    self.append(&message).await?;
                }
                Ok(APPENDS)
            }
            Load::FetchEach => {
                for index in 0..FETCHES {
                    let number = 1 + index % APPENDS;
                    let read = self.command(&format!("FETCH {number} BODY.PEEK[]")).await?;
                    ensure!(read > MESSAGE_BYTES, "a message came back too short: {read} bytes");
                }
                Ok(FETCHES)
            }
            Load::FetchAll => {
                for _ in 0..ROUNDS_OF_ALL {
                    let read = self.command(&format!("FETCH 1:{APPENDS} BODY.PEEK[]")).await?;
                    let least = MESSAGE_BYTES * usize::try_from(APPENDS)?;
                    ensure!(read > least, "the mailbox came back too short: {read} bytes");
                }
                Ok(ROUNDS_OF_ALL * APPENDS)
            }
        }
    }

    async fn append(&mut self, message: &[u8]) -> Result<()> {
        self.number += 1;
        let tag = format!("a{}", self.number);
        let head = format!("{tag} APPEND INBOX {{{}}}\r\n", message.len());
        self.stream.write_all(head.as_bytes()).await?;
        self.line_of(b"+").await?;
        self.stream.write_all(message).await?;
        self.stream.write_all(b"\r\n").await?;
        self.answered(&tag).await.map(drop)
    }

    /// Sends a command and waits for its `OK`; the bytes before it.
    pub(super) async fn command(&mut self, text: &str) -> Result<usize> {
        self.number += 1;
        let tag = format!("a{}", self.number);
        self.stream.write_all(format!("{tag} {text}\r\n").as_bytes()).await?;
        self.answered(&tag).await
    }

    /// Begins to wait for news.
    pub(super) async fn idle(&mut self) -> Result<()> {
        self.stream.write_all(b"idle IDLE\r\n").await?;
        self.line_of(b"+").await
    }

    /// Reads past a line that begins so.
    async fn line_of(&mut self, begin: &[u8]) -> Result<()> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                if line.starts_with(begin) {
                    return Ok(());
                }
                continue;
            }
            self.read().await?;
        }
    }

    /// Reads to the tagged reply; literals cannot hold it, because the message
    /// of this benchmark does not.
    async fn answered(&mut self, tag: &str) -> Result<usize> {
        let begin = format!("{tag} ");
        let mut seen = 0;
        let mut looked = 0;
        loop {
            while let Some(end) = find(&self.buffer, looked) {
                let line = self.buffer.get(looked..end).unwrap_or_default();
                if line.starts_with(begin.as_bytes()) {
                    let status = line.get(begin.len()..begin.len() + 2);
                    if status != Some(b"OK") {
                        bail!("the server said {}", String::from_utf8_lossy(line));
                    }
                    seen += looked;
                    self.buffer.drain(..end + 2);
                    return Ok(seen);
                }
                looked = end + 2;
            }
            self.buffer.drain(..looked);
            seen += looked;
            looked = 0;
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<()> {
        self.buffer.reserve(READ_BYTES);
        let count = self.stream.read_buf(&mut self.buffer).await?;
        ensure!(count > 0, "the server closed the connection");
        Ok(())
    }
}

/// Where the line that begins at `from` ends.
fn find(buffer: &[u8], from: usize) -> Option<usize> {
    let rest = buffer.get(from..)?;
    let mut at = 0;
    while let Some(step) = rest.get(at..)?.iter().position(|byte| *byte == b'\r') {
        if rest.get(at + step + 1) == Some(&b'\n') {
            return Some(from + at + step);
        }
        at += step + 1;
    }
    None
}

/// A message of 4 KB in lines of 72 bytes.
fn message() -> Vec<u8> {
    let mut text = b"From: a@bench.test\r\nTo: b@bench.test\r\nSubject: bench\r\n\r\n".to_vec();
    while text.len() < MESSAGE_BYTES {
        text.extend_from_slice(&[b'x'; 70]);
        text.extend_from_slice(b"\r\n");
    }
    text
}

const CLIENTS: u32 = 4;
const APPENDS: u32 = 500;
const FETCHES: u32 = 2_000;
const ROUNDS_OF_ALL: u32 = 4;
const MESSAGE_BYTES: usize = 4_096;
const READ_BYTES: usize = 64 * 1024;
