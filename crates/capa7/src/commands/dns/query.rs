//! `capa7 dns query`: ask a server, or follow the names from the root.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use capa7_dissect::{Cause, Room};
use capa7_dns::{ResolverTask, StubError, StubOptions};
use capa7_dns_proto::hints::Hints;
use capa7_dns_proto::message::{Edns, Message, Question};
use capa7_dns_proto::present::{ReplyDocument, message_text};
use capa7_dns_proto::resolve::{ResolverConfig, ResolverNote};
use capa7_dns_proto::{Name, Rcode, RecordType};
use capa7_net::{Host, Time};
use clap::Args;

use super::resolve::read_hints;
use super::servers::{DNS_PORT, parse_server, stub};
use crate::output;

/// What the command line says.
#[derive(Debug, Args)]
pub(crate) struct QueryArguments {
    /// Name, and in any order a type (A otherwise) and a server:
    /// `www.urosario.edu.co MX @198.41.0.4`; without a server the machine's own
    #[arg(required = true, value_name = "NAME [TYPE] [@SERVER[:PORT]]", num_args = 1..=3)]
    words: Vec<String>,
    /// Follow the names from the root and tell every step
    #[arg(long)]
    trace: bool,
    /// Names and addresses of root servers for --trace, as a zone file
    #[arg(long, value_name = "FILE", requires = "trace")]
    hints: Option<PathBuf>,
    /// Ask for signatures too
    #[arg(long)]
    dnssec: bool,
    /// Ask over TCP
    #[arg(long)]
    tcp: bool,
    /// Do not ask the server to resolve
    #[arg(long)]
    no_recursion: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What is asked of whom.
#[derive(Debug)]
struct Asked {
    name: Name,
    rtype: RecordType,
    server: Option<SocketAddr>,
}

/// Asks; 0 for NOERROR, 1 for another answer or none.
pub(crate) fn run(arguments: &QueryArguments) -> Result<ExitCode> {
    let asked = understand(&arguments.words)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let host = Host::machine(Room::Dns);
        if arguments.trace {
            trace(&host, &asked, arguments).await
        } else {
            ask(&host, &asked, arguments).await
        }
    })
}

fn understand(words: &[String]) -> Result<Asked> {
    let (mut name, mut rtype, mut server) = (None, None, None);
    for word in words {
        if let Some(text) = word.strip_prefix('@') {
            server = Some(parse_server(text).map_err(anyhow::Error::msg)?);
        } else if name.is_none() {
            name = Some(Name::parse(word).with_context(|| format!("`{word}` is not a name"))?);
        } else {
            rtype = Some(word.parse::<RecordType>().with_context(|| {
                format!("`{word}` is not a record type; write A, MX, TYPE65280, …")
            })?);
        }
    }
    let name = name.context("no name to ask for")?;
    Ok(Asked { name, rtype: rtype.unwrap_or(RecordType::A), server })
}

async fn ask(host: &Host, asked: &Asked, arguments: &QueryArguments) -> Result<ExitCode> {
    let options = StubOptions {
        recursion_desired: !arguments.no_recursion,
        dnssec: arguments.dnssec,
        tcp: arguments.tcp,
        ..StubOptions::default()
    };
    let client = stub(host, asked.server)?.with_options(options);
    match client.query(&asked.name, asked.rtype, Cause::NONE).await {
        Ok(reply) => show(&reply.message, &reply.server.to_string(), reply.took, arguments.json),
        Err(error @ StubError::NoAnswer { .. }) => {
            output::complain(&error.into());
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}

/// Resolves in this process and tells every decision as it is taken.
async fn trace(host: &Host, asked: &Asked, arguments: &QueryArguments) -> Result<ExitCode> {
    let mut config = ResolverConfig::default();
    if let Some(path) = &arguments.hints {
        config.hints = read_hints(path)?;
    }
    if let Some(server) = asked.server {
        if server.port() != DNS_PORT && arguments.hints.is_some() {
            bail!("--hints and @SERVER both say where to begin: give one of them");
        }
        config.hints = Hints { servers: vec![(Name::root(), vec![server.ip()])] };
        config.server_port = server.port();
    }
    // A machine without a way for IPv6 would only wait.
    config.ipv6 = false;
    let begin = host.now();
    let told = !arguments.json;
    let observer = move |at: Time, note: &ResolverNote| {
        if told && let Some((_, sentence)) = note.meaning().into_iter().find(|(l, _)| *l == "en") {
            let after = at.since(begin).as_secs_f64() * 1e3;
            output::line(&format!("{after:9.1} ms  {sentence}"));
        }
    };
    let (_resolver, resolving) = ResolverTask::start(host, config, Some(Box::new(observer)));
    let mut query = Message::query(0, Question::new(asked.name.clone(), asked.rtype));
    query.header.rd = true;
    query.edns = Some(Edns { dnssec_ok: arguments.dnssec, ..Edns::default() });
    let (octets, _) = resolving.ask(query.write()?.into(), Cause::NONE).await?;
    let reply = Message::parse(&octets)?;
    if told {
        output::line("");
    }
    show(&reply, "this program", host.now().since(begin), arguments.json)
}

fn show(reply: &Message, server: &str, took: Duration, json: bool) -> Result<ExitCode> {
    let time_ms = took.as_secs_f64() * 1e3;
    if json {
        output::document(&ReplyDocument::new(reply, server, time_ms))?;
    } else {
        output::line(message_text(reply).trim_end());
        output::line(&format!(";; answered by {server} in {time_ms:.1} ms"));
    }
    let is_success = reply.header.rcode == Rcode::NOERROR;
    Ok(if is_success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_a_type_and_a_server_are_told_apart() {
        let check = |line: &str, name: &str, rtype: RecordType, server: Option<&str>| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let asked = understand(&words).expect("understood");
            assert_eq!(asked.name.to_string(), name, "{line}");
            assert_eq!(asked.rtype, rtype, "{line}");
            assert_eq!(
                asked.server,
                server.map(|text| text.parse().expect("an address")),
                "{line}"
            );
        };
        check("www.example", "www.example.", RecordType::A, None);
        check("www.example mx", "www.example.", RecordType::MX, None);
        check("@::1 mx aaaa", "mx.", RecordType::AAAA, Some("[::1]:53"));
        check("www @127.0.0.1:5300", "www.", RecordType::A, Some("127.0.0.1:5300"));
    }

    #[test]
    fn what_is_no_type_or_server_is_told() {
        for line in ["www.example NOTYPE", "www @example.org", "@1.2.3.4"] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert!(understand(&words).is_err(), "{line}");
        }
    }
}
