//! Servers that do odd things, which a sender must survive.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use capa7_net::{Host, Task, TcpStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What a server does instead of the usual answer.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// Says this, with CR LF at the end of every line.
    Say(&'static str),
    /// Says this and closes.
    SayAndClose(&'static str),
    /// Closes without a word.
    Close,
    /// Says an octet of this each minute.
    Drip(&'static str),
    /// Says this, and nothing more whatever comes.
    SayAndFreeze(&'static str),
}

/// Where a session is when a line comes.
#[derive(Clone, Debug, Default)]
pub(crate) struct At {
    /// The number of the session, from 1.
    pub(crate) session: usize,
    /// Messages that this session took.
    pub(crate) messages: usize,
    /// Recipients that this transaction took.
    pub(crate) recipients: usize,
    /// The message so far.
    pub(crate) text: String,
}

/// Decides what is odd: a command, a line of a message, or its final dot.
pub(crate) type Rule = fn(&At, &str) -> Option<Deed>;

/// What was taken: the session, the recipients, the message.
pub(crate) type Taken = (usize, Vec<String>, String);

/// An odd server.
pub(crate) struct Odd {
    taken: Arc<Mutex<Vec<Taken>>>,
    sessions: Arc<Mutex<usize>>,
    _task: Task<()>,
}

impl Odd {
    pub(crate) fn start(host: &Host, port: u16, rule: Rule) -> Self {
        let listener = host.listen_tcp((host.addresses()[0], port).into()).unwrap();
        let (taken, sessions) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let (kept, counted, on) = (Arc::clone(&taken), Arc::clone(&sessions), host.clone());
        let task = host.spawn("odd server", async move {
            let mut running = Vec::new();
            while let Ok(stream) = listener.accept().await {
                let session = {
                    let mut sessions = counted.lock().unwrap();
                    *sessions += 1;
                    *sessions
                };
                let serving = serve(on.clone(), stream, rule, session, Arc::clone(&kept));
                running.push(on.spawn("odd session", serving));
            }
        });
        Self { taken, sessions, _task: task }
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    pub(crate) fn sessions(&self) -> usize {
        *self.sessions.lock().unwrap()
    }
}

async fn serve(
    host: Host,
    mut stream: TcpStream,
    rule: Rule,
    session: usize,
    taken: Arc<Mutex<Vec<Taken>>>,
) {
    let mut at = At { session, ..At::default() };
    let (mut held, mut to, mut is_text) = (String::new(), Vec::new(), false);
    let greeting = rule(&at, "").unwrap_or(Deed::Say("220 odd.example"));
    if !act(&host, &mut stream, greeting).await {
        return;
    }
    loop {
        let Some((line, rest)) = held.split_once("\r\n") else {
            let mut buffer = [0; 4_096];
            match stream.read(&mut buffer).await {
                Ok(count @ 1..) => held.push_str(str::from_utf8(&buffer[..count]).unwrap()),
                _ => return,
            }
            continue;
        };
        let (line, rest) = (line.to_owned(), rest.to_owned());
        held = rest;
        let deed = rule(&at, &line);
        let verb: String = line.chars().take(4).collect();
        let usual = match (is_text, &*line, &*verb) {
            (true, ".", _) => {
                is_text = false;
                let text = std::mem::take(&mut at.text);
                taken.lock().unwrap().push((session, std::mem::take(&mut to), text));
                (at.messages, at.recipients) = (at.messages + 1, 0);
                Some(Deed::Say("250 2.0.0 kept"))
            }
            (true, ..) => {
                at.text = format!("{}{line}\n", at.text);
                None
            }
            (false, _, "EHLO") => Some(Deed::Say("250-odd.example\r\n250 PIPELINING")),
            (false, _, "RCPT") => {
                if deed.is_none() {
                    at.recipients += 1;
                    to.push(line.clone());
                }
                Some(Deed::Say("250 ok"))
            }
            (false, _, "MAIL" | "RSET") => {
                at.recipients = 0;
                to.clear();
                Some(Deed::Say("250 ok"))
            }
            (false, _, "DATA") if deed.is_none() => {
                is_text = true;
                Some(Deed::Say("354 go on"))
            }
            (false, _, "QUIT") => Some(Deed::SayAndClose("221 bye")),
            _ => Some(Deed::Say("500 what?")),
        };
        if let Some(deed) = deed.or(usual)
            && !act(&host, &mut stream, deed).await
        {
            return;
        }
    }
}

/// Does it; whether the session goes on.
async fn act(host: &Host, stream: &mut TcpStream, deed: Deed) -> bool {
    let say = |text: &str| format!("{text}\r\n").into_bytes();
    match deed {
        Deed::Say(text) => stream.write_all(&say(text)).await.is_ok(),
        Deed::SayAndClose(text) => {
            let _ = stream.write_all(&say(text)).await;
            let _ = stream.shutdown().await;
            false
        }
        Deed::Close => false,
        Deed::Drip(text) => {
            for octet in say(text) {
                host.sleep(Duration::from_secs(60)).await;
                if stream.write_all(&[octet]).await.is_err() {
                    return false;
                }
            }
            true
        }
        Deed::SayAndFreeze(text) => {
            let _ = stream.write_all(&say(text)).await;
            host.sleep(Duration::from_secs(86_400)).await;
            false
        }
    }
}
