//! How `send` and `fetch` make their connection private.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use capa7_mail::smtp::connection::TlsUse;
use capa7_net::Host;
use capa7_net::tls::TrustedRoots;
use clap::{Args, ValueEnum};

/// What the command line says.
#[derive(Debug, Args)]
pub(super) struct TlsArguments {
    /// Whether and how TLS is used
    #[arg(long, value_enum, default_value_t = TlsChoice::Starttls)]
    tls: TlsChoice,
    /// The name in the server's certificate; its address otherwise
    #[arg(long, value_name = "NAME")]
    tls_name: Option<String>,
    /// Authorities to trust, in PEM
    #[arg(long, value_name = "FILE", default_value = "/etc/ssl/certs/ca-certificates.crt")]
    tls_roots: PathBuf,
}

/// How TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TlsChoice {
    /// Not at all; a password is then told in clear
    Never,
    /// By a command of the protocol, or nothing is said
    Starttls,
    /// From the first byte
    Implicit,
}

impl TlsArguments {
    /// Whether a password may be told in clear.
    pub(super) fn is_clear(&self) -> bool {
        self.tls == TlsChoice::Never
    }

    /// With whom TLS is begun.
    pub(super) fn choice(&self, host: &Host, server: SocketAddr) -> Result<TlsUse> {
        if self.is_clear() {
            return Ok(TlsUse::Never);
        }
        let file = &self.tls_roots;
        let roots = TrustedRoots::from_pem(&read(file)?)
            .with_context(|| format!("{} has no authorities to trust", file.display()))?;
        let client = roots.client(&host.network())?;
        let name = self.tls_name.clone().unwrap_or_else(|| server.ip().to_string());
        Ok(match self.tls {
            TlsChoice::Implicit => TlsUse::Implicit { client, name },
            TlsChoice::Starttls | TlsChoice::Never => TlsUse::Required { client, name },
        })
    }
}

/// A file that the command line names.
pub(super) fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| {
        format!("cannot read {}: check its name and who may read it", file.display())
    })
}
