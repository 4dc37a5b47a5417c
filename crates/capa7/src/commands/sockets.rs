//! `capa7 sockets …`: the uppercase programs of the course.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use capa7_net::{Cause, Host, Room};
use capa7_sockets::tcp_server::TcpServer;
use capa7_sockets::udp_server::UdpServer;
use capa7_sockets::{PORT, Tell, tcp_client, udp_client};
use clap::{Args, Subcommand};

use crate::output;

/// The uppercase programs of the course over UDP and TCP.
#[derive(Debug, Subcommand)]
pub(crate) enum SocketsCommand {
    /// Answer each datagram in capitals
    UdpServer(ServerArguments),
    /// Answer each connection in capitals
    TcpServer(ServerArguments),
    /// Send a text in one datagram and print the answer
    UdpClient(ClientArguments),
    /// Send a text over a connection and print the answer
    TcpClient(ClientArguments),
}

/// Where a server listens.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// Address and port
    #[arg(long, value_name = "ADDR:PORT", default_value_t = DEFAULT_LISTEN)]
    listen: SocketAddr,
}

/// Whom a client asks what.
#[derive(Debug, Args)]
pub(crate) struct ClientArguments {
    /// Name or address of the server
    host: String,
    /// Its port
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// How many seconds to wait for the answer
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    patience: f64,
    /// What to say; without it, standard input (one line of a terminal)
    text: Vec<String>,
}

/// Runs one of them.
pub(crate) fn run(command: &SocketsCommand) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let host = Host::machine(Room::Sockets);
        match command {
            SocketsCommand::UdpServer(server) => {
                let bound = UdpServer::bind(&host, server.listen)?;
                until_stopped(&host, bound.run(teller(server.listen, "UDP"))).await
            }
            SocketsCommand::TcpServer(server) => {
                let bound = TcpServer::bind(&host, server.listen)?;
                until_stopped(&host, bound.run(teller(server.listen, "TCP"))).await
            }
            SocketsCommand::UdpClient(client) => {
                let (server, text, patience) = prepare(client)?;
                print(&udp_client::ask(&host, server, &text, patience, Cause::NONE).await?)
            }
            SocketsCommand::TcpClient(client) => {
                let (server, text, patience) = prepare(client)?;
                print(&tcp_client::ask(&host, server, &text, patience, Cause::NONE).await?)
            }
        }
    })
}

fn teller(at: SocketAddr, transport: &str) -> Tell {
    output::tell(&format!("the server is ready to receive on {at}, {transport}"));
    Arc::new(|line: &str| output::tell(line))
}

async fn until_stopped<T>(
    host: &Host,
    serve: impl Future<Output = std::io::Result<T>>,
) -> Result<ExitCode> {
    let mut signals = host.signals()?;
    tokio::select! {
        biased;
        _ = signals.next() => Ok(ExitCode::SUCCESS),
        ended = serve => match ended {
            Ok(_) => Ok(ExitCode::SUCCESS),
            Err(error) => Err(error).context("the server's socket failed"),
        },
    }
}

fn prepare(client: &ClientArguments) -> Result<(SocketAddr, Vec<u8>, Duration)> {
    let patience = Duration::try_from_secs_f64(client.patience)
        .context("--patience is a number of seconds, such as 2.5")?;
    let server = find(&client.host, client.port)?;
    let text = if client.text.is_empty() { read_text()? } else { client.text.join(" ").into() };
    Ok((server, text, patience))
}

/// The server's address, by the machine's own way of finding names: inside a
/// lab that is the lab's files and resolver.
#[expect(clippy::disallowed_methods, reason = "the user names a host of the user's own network")]
fn find(host: &str, port: u16) -> Result<SocketAddr> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, port));
    }
    let found = (host, port).to_socket_addrs().map(|mut addresses| addresses.next());
    found.ok().flatten().with_context(|| {
        format!("no address for `{host}`: check the name, or write the address itself")
    })
}

fn read_text() -> Result<Vec<u8>> {
    let mut input = std::io::stdin().lock();
    let mut text = Vec::new();
    if std::io::stdin().is_terminal() {
        output::tell("write a sentence in lower case");
        input.read_until(b'\n', &mut text)?;
        while text.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            text.pop();
        }
    } else {
        input.read_to_end(&mut text)?;
    }
    Ok(text)
}

fn print(answer: &[u8]) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    out.write_all(answer)?;
    if !answer.ends_with(b"\n") {
        out.write_all(b"\n")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Loopback: an uppercase server is for exercises, not for the Internet.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT);
