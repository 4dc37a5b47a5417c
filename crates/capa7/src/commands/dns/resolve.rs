//! `capa7 dns resolve`: a resolver for one's own networks.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use capa7_dissect::{Cause, Room};
use capa7_dns::{AddressBlock, RecursiveConfig, RecursiveServer};
use capa7_dns_proto::hints::Hints;
use capa7_dns_proto::message::{Rdata, Record};
use capa7_dns_proto::resolve::{Notes, ResolverConfig};
use capa7_net::Host;
use capa7_net::startup::{self, Confinement, TcpDoor, UdpDoor, User};
use clap::Args;

use crate::output;

/// What the command line says.
#[derive(Debug, Args)]
pub(crate) struct ResolveArguments {
    /// Address and port to listen on, UDP and TCP
    #[arg(long, value_name = "ADDR:PORT", required = true, num_args = 1..)]
    listen: Vec<SocketAddr>,
    /// Who may ask; without it one's own networks: loopback, private, link-local
    #[arg(long, value_name = "CIDR", num_args = 1..)]
    allow: Vec<AddressBlock>,
    /// Names and addresses of root servers, a zone file with NS and A records
    #[arg(long, value_name = "FILE")]
    hints: Option<PathBuf>,
    /// User to become once the sockets are open
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// Resolves until SIGTERM or SIGINT. SIGHUP forgets what was learned.
pub(crate) fn run(arguments: ResolveArguments) -> Result<ExitCode> {
    startup::start(
        || arguments.hints.as_deref().map(read_hints).transpose(),
        |_| open(&arguments.listen),
        |_| match &arguments.user {
            Some(user) => Ok(Confinement::User(User::named(user)?)),
            None => Ok(Confinement::Nothing),
        },
        |hints, doors| work(hints, doors, &arguments),
    )?;
    Ok(ExitCode::SUCCESS)
}

fn open(listen: &[SocketAddr]) -> Result<Vec<(UdpDoor, TcpDoor)>> {
    listen.iter().map(|&at| Ok((UdpDoor::open(at)?, TcpDoor::open(at)?))).collect()
}

async fn work(
    hints: Option<Hints>,
    doors: Vec<(UdpDoor, TcpDoor)>,
    arguments: &ResolveArguments,
) -> Result<()> {
    let host = Host::machine(Room::Dns);
    let mut signals = host.signals()?;
    let mut resolver = ResolverConfig { notes: Notes::Silent, ..ResolverConfig::default() };
    if let Some(hints) = hints {
        resolver.hints = hints;
    }
    let mut config = RecursiveConfig { resolver, ..RecursiveConfig::default() };
    if !arguments.allow.is_empty() {
        config.allow.clone_from(&arguments.allow);
    }
    let mut sockets = Vec::new();
    for (datagrams, streams) in doors {
        sockets.push((host.adopt_udp(datagrams)?, host.adopt(streams)?));
    }
    let server = RecursiveServer::start_on(&host, sockets, config, None);
    server.resolving().prime(Cause::NONE).await?;
    for at in &arguments.listen {
        output::tell(&format!("resolving on {at}, UDP and TCP"));
    }
    while signals.next().await == capa7_net::signals::Signal::Reload {
        server.resolving().look(|machine, _| machine.clear()).await?;
        output::tell("forgot everything learned");
    }
    output::tell("stopped");
    Ok(())
}

/// Root servers from a file like the one that IANA publishes.
pub(crate) fn read_hints(path: &Path) -> Result<Hints> {
    let text = std::fs::read(path).with_context(|| {
        format!("cannot read {}: check its name and who may read it", path.display())
    })?;
    let options = capa7_dns_proto::zone_file::ReadOptions {
        origin: Some(capa7_dns_proto::Name::root()),
        ..Default::default()
    };
    let name = path.to_string_lossy();
    let zone = capa7_dns_proto::zone_file::ZoneFile::read(&name, &text, &options, &mut |_| {
        Err("a file of hints includes no others".to_owned())
    })?;
    let records: Vec<Record> = zone
        .records()
        .map(|record| {
            let rdata = Rdata::from_wire(record.data);
            Record::new(record.owner.clone(), record.record_type, record.ttl, rdata)
        })
        .collect();
    Hints::from_records(&records).with_context(|| {
        format!(
            "{} names no root server: it needs NS records of `.` and their addresses",
            path.display()
        )
    })
}
