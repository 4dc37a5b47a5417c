//! Which server `send` and `fetch` speak with.
//!
//! ```text
//!   --server NAME[:PORT] ──▶ A, AAAA
//!   the user's domain ──▶ SRV ──▶ A, AAAA      without --server
//! ```

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result};
use capa7_mail::agent::{Server, ServerName, Service, Tried, Trying, named, of_domain};
use capa7_net::Host;
use clap::Args;

use super::tls::TlsArguments;
use crate::commands::dns::servers::{parse_server, stub};
use crate::output;

/// What the command line says.
#[derive(Debug, Args)]
pub(super) struct ServerArguments {
    /// The server, with a port where it is not the usual one; without this, the
    /// one that the user's own domain names in its SRV records
    #[arg(long, value_name = "NAME[:PORT]")]
    server: Option<ServerName>,
    /// The name server that is asked for names; the machine's own by default
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = parse_server)]
    resolver: Option<SocketAddr>,
    /// How long one address of the server may take to accept the connection, in
    /// seconds; then the next one is tried
    #[arg(long, value_name = "SECONDS", default_value_t = CONNECT_TIMEOUT_S,
          value_parser = clap::value_parser!(u64).range(1..=CONNECT_TIMEOUT_S_MAX))]
    connect_timeout: u64,
}

impl ServerArguments {
    /// How long one address may take to accept the connection.
    pub(super) const fn connect_time(&self) -> Duration {
        Duration::from_secs(self.connect_timeout)
    }

    /// The servers to try, in order; `user` is an address at the domain that is
    /// asked when no server is named.
    pub(super) async fn find(
        &self,
        host: &Host,
        service: Service,
        tls: &TlsArguments,
        user: &str,
    ) -> Result<Vec<Server>> {
        if let Some(server) = &self.server {
            // An address needs no resolver, and a machine may have none.
            let at = if server.needs_lookup() { self.resolver } else { Some(NOBODY) };
            let begins = tls.begins(server.port());
            return Ok(named(&stub(host, at)?, server, service, begins).await?);
        }
        let (_, domain) = user.rsplit_once('@').with_context(|| {
            format!("`{user}` has no domain whose server could be found: add --server")
        })?;
        let stub = stub(host, self.resolver)?;
        let found = of_domain(host, &stub, domain, service, tls.begins(None)).await;
        found.with_context(|| format!("cannot find the server of {domain}: add --server"))
    }
}

/// Tells somebody at a terminal who is tried, and who was of no use.
pub(super) fn tell_trying<E: Display>(trying: Trying<'_, E>) {
    output::tell_who_waits(&match trying {
        Trying::Begins(server, at) if server.name == at.ip().to_string() => format!("trying {at}"),
        Trying::Begins(server, at) => format!("trying {} at {at}", server.name),
        Trying::Failed(at, error) => format!("{at}: {error}"),
    });
}

/// What went wrong with the servers, and what can be done.
pub(super) fn failed<E: std::error::Error + Send + Sync + 'static>(
    tried: Tried<E>,
) -> anyhow::Error {
    match tried {
        Tried::Unreached(unreached) => anyhow::Error::new(unreached)
            .context("no server: check --server with its port, and --tls"),
        Tried::Ended(at, error) => {
            let advice = "check the port, --tls, user and password";
            anyhow::Error::new(error).context(format!("cannot work with {at}: {advice}"))
        }
    }
}

/// Somebody waits for it. Three lost SYN packets fit in: kernels repeat them after 1, 3
/// and 7 s.
const CONNECT_TIMEOUT_S: u64 = 10;
/// Kernels give up by themselves long before.
const CONNECT_TIMEOUT_S_MAX: u64 = 3_600;
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
