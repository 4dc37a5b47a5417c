//! How `send` and `fetch` make their connection private.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use capa7_mail::agent::{Begin, Server};
use capa7_mail::smtp::connection::TlsUse;
use capa7_net::Host;
use capa7_net::tls::{TlsClient, TrustedRoots};
use clap::{Args, ValueEnum};

/// What the command line says.
#[derive(Debug, Args)]
pub(super) struct TlsArguments {
    /// Whether and how TLS is used; by default from the first byte at ports 465,
    /// 993 and 995 or where the server takes it, else by a command
    #[arg(long, value_enum)]
    tls: Option<TlsChoice>,
    /// The name in the server's certificate; that of --server otherwise
    #[arg(long, value_name = "NAME")]
    tls_name: Option<String>,
    /// Authorities to trust, in PEM; otherwise those of SSL_CERT_FILE, as in a
    /// lab, or of the machine
    #[arg(long, value_name = "FILE")]
    tls_roots: Option<PathBuf>,
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
        self.tls == Some(TlsChoice::Never)
    }

    /// How connections may begin, in the order of preference.
    pub(super) const fn begins(&self, port: Option<u16>) -> &'static [Begin] {
        match (self.tls, port) {
            (Some(TlsChoice::Implicit), _) | (None, Some(465 | 993 | 995)) => &[Begin::Tls],
            (Some(TlsChoice::Starttls | TlsChoice::Never), _) | (None, Some(_)) => &[Begin::Clear],
            // RFC 8314 §5.1: rather from the first byte.
            (None, None) => &[Begin::Tls, Begin::Clear],
        }
    }

    /// With whom TLS is begun: each server is to have its own name.
    pub(super) fn client(&self, host: &Host) -> Result<TlsStart> {
        if self.is_clear() {
            return Ok(TlsStart::Never);
        }
        let of_environment = || std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
        let file = self.tls_roots.clone().or_else(of_environment);
        let file = &file.unwrap_or_else(|| PathBuf::from(MACHINE_ROOTS));
        let roots = TrustedRoots::from_pem(&read(file)?)
            .with_context(|| format!("{} has no authorities to trust", file.display()))?;
        let client = roots.client(&host.network())?;
        Ok(TlsStart::With { client, name: self.tls_name.clone() })
    }
}

/// Whom to trust.
pub(super) enum TlsStart {
    Never,
    With { client: TlsClient, name: Option<String> },
}

impl TlsStart {
    /// What a connection to this server does.
    pub(super) fn at(&self, server: &Server) -> TlsUse {
        let Self::With { client, name } = self else { return TlsUse::Never };
        let client = client.clone();
        let name = name.clone().unwrap_or_else(|| server.name.clone());
        match server.begin {
            Begin::Tls => TlsUse::Implicit { client, name },
            Begin::Clear => TlsUse::Required { client, name },
        }
    }
}

/// A file that the command line names.
pub(super) fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| {
        format!("cannot read {}: check its name and who may read it", file.display())
    })
}

/// The authorities that Debian's machines trust.
const MACHINE_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";
