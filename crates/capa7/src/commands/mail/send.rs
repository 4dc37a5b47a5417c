//! `capa7 mail send`: a user agent that hands one message to a server (course M1).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use capa7_mail::agent::{
    Letter, SendError, SendRequest, Server, Service, compose, first, from_file, send,
};
use capa7_mail::smtp::connection::ClientSettings;
use capa7_mail_proto::address::Address;
use capa7_mail_proto::envelope::Envelope;
use capa7_mail_proto::message::compose::Person;
use capa7_mail_proto::smtp::client::{Credentials, Outcome};
use capa7_net::{Cause, Host, Room, terminal};
use clap::Args;

use super::server::{ServerArguments, failed, tell_trying};
use super::tls::{TlsArguments, read};
use crate::output;

/// What the command line says.
#[derive(Debug, Args)]
pub(crate) struct SendArguments {
    #[command(flatten)]
    server: ServerArguments,
    /// The sender's address; of a --message by default its From
    #[arg(long, value_name = "ADDRESS", required_unless_present = "message")]
    from: Option<Address>,
    /// Recipients; of a --message by default its To, Cc and Bcc
    #[arg(long, value_name = "ADDRESS", num_args = 1.., required_unless_present = "message")]
    to: Vec<Address>,
    /// The subject
    #[arg(long, value_name = "TEXT", default_value = "", conflicts_with = "message")]
    subject: String,
    /// What the message says
    #[arg(long, value_name = "TEXT", default_value = "", conflicts_with = "message")]
    text: String,
    /// A whole message to send as it is, header first
    #[arg(long, value_name = "FILE")]
    message: Option<PathBuf>,
    /// Log in as this user; the password is asked for, or read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    tls: TlsArguments,
}

/// Sends; 1 when a recipient was not taken.
pub(crate) fn run(arguments: &SendArguments) -> Result<ExitCode> {
    let credentials = arguments.user.as_ref().map(|user| log_in(arguments, user)).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let host = Host::machine(Room::Mail);
        let (envelope, message) = message(&host, arguments)?;
        let own = arguments.user.clone().filter(|user| user.contains('@'));
        let own = own.or_else(|| Some(envelope.from.0.as_ref()?.to_string()));
        let own = own.unwrap_or_default();
        let tls = arguments.tls.client(&host)?;
        let service = Service::Submission;
        let servers = arguments.server.find(&host, service, &arguments.tls, &own).await?;
        let sending = async |server: &Server, at: SocketAddr| {
            let settings = ClientSettings {
                helo: "localhost".to_owned(),
                tls: tls.at(server),
                credentials: credentials.clone(),
                chunking: true,
            };
            let (envelope, message) = (envelope.clone(), message.clone());
            let connect_time = arguments.server.connect_time();
            let request = SendRequest { server: at, settings, connect_time, envelope, message };
            send(&host, request, Cause::NONE).await
        };
        let sent = first(&servers, sending, SendError::is_unreachable, tell_trying);
        let (outcomes, _) = sent.await.map_err(failed)?;
        let mut code = ExitCode::SUCCESS;
        for one in outcomes {
            let words = match one.outcome {
                Outcome::Delivered(reply) => {
                    output::line(&format!("{}: {reply}", one.address));
                    continue;
                }
                Outcome::Deferred(reason) => format!("not now: {}", reason.reply()),
                Outcome::Failed(reason) => format!("refused: {}", reason.reply()),
            };
            code = ExitCode::FAILURE;
            output::tell(&format!("{}: {words}", one.address));
        }
        Ok(code)
    })
}

fn log_in(arguments: &SendArguments, user: &str) -> Result<Credentials> {
    let password = terminal::ask_secret(&format!("password of {user}"))
        .context("no password: type one, or give it as a line")?;
    let in_clear = arguments.tls.is_clear();
    Ok(Credentials { user: user.to_owned(), password, in_clear })
}

fn message(host: &Host, arguments: &SendArguments) -> Result<(Envelope, Bytes)> {
    if let Some(file) = &arguments.message {
        let bytes = read(file)?;
        return Ok(from_file(&bytes, arguments.from.clone(), arguments.to.clone())?);
    }
    let Some(from) = arguments.from.clone() else { bail!("nobody sends it: add --from") };
    let letter = Letter {
        from: Person::new(from),
        to: arguments.to.iter().cloned().map(Person::new).collect(),
        cc: Vec::new(),
        bcc: Vec::new(),
        subject: arguments.subject.clone(),
        text: arguments.text.clone(),
        attachments: Vec::new(),
    };
    Ok(compose(host, letter)?)
}
