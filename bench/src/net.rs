//! The virtual network at size: a thousand hosts exchange a million datagrams.
//!
//! Each host has an access link with a rate, latency and loss, an echo service,
//! and a client that asks other hosts and waits for each answer. Everything is
//! recorded and goes into the run's digest, as in a scenario.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use capa7_net::{Cause, Host, HostConfig, LinkConfig, NetworkConfig, VirtualNetwork};
use rand::Rng as _;

use crate::table::{publish, say};

/// Hosts in the network.
const HOSTS: u32 = 1000;
/// Datagrams, questions and answers together.
const DATAGRAMS: u32 = 1_000_000;
/// Payload of each.
const BYTES: usize = 64;
/// What the documentation promises.
const SECONDS_MAX: f64 = 5.0;
const MEBIBYTES_MAX: f64 = 200.0;

/// Runs once and prints the figures.
///
/// # Errors
/// When the network stalls, or the machine does not tell its memory.
pub(crate) fn run() -> Result<()> {
    let start = processor_time()?;
    let net = VirtualNetwork::new(NetworkConfig::default());
    let hosts = hosts(&net)?;
    let answered = net.run(exchange(&hosts))?;
    let took = (processor_time()? - start).as_secs_f64();
    let memory = peak_mebibytes()?;
    let capture = net.network().capture();
    let sent = capture.next_id().0 / 2;
    let exchanged = format!(
        "{HOSTS} hosts exchanged {sent} datagrams in {took:.2} s of one processor \
         ({:.2} µs each; at most {SECONDS_MAX} s), {answered} questions answered, \
         {:.1} virtual seconds, {memory:.0} MiB at most in use (at most {MEBIBYTES_MAX} MiB)",
        took * 1e6 / f64::from(DATAGRAMS),
        net.network().now().as_secs_f64(),
    );
    say(&exchanged);
    publish(
        "bench net",
        &format!("## The virtual network\n\n`cargo xtask bench net`: {exchanged}.\n\n"),
    )?;
    let digest = net.network().digest();
    say(&format!("digest {:02x}{:02x}{:02x}{:02x}…", digest[0], digest[1], digest[2], digest[3]));
    ensure!(took <= SECONDS_MAX && memory <= MEBIBYTES_MAX, "slower or larger than promised");
    Ok(())
}

fn hosts(net: &VirtualNetwork) -> Result<Vec<Host>> {
    let link = LinkConfig {
        rate_bps: 12_500_000,
        latency_ns: 5_000_000,
        jitter_ns: 500_000,
        loss: 0.001,
        ..LinkConfig::default()
    };
    (0..HOSTS)
        .map(|number| {
            let config = HostConfig {
                name: format!("host {number}"),
                addresses: vec![address(number).ip()],
                up: link.clone(),
                down: link.clone(),
                ..HostConfig::default()
            };
            Ok(net.network().add_host(config)?)
        })
        .collect()
}

/// Where a host's echo service is.
fn address(number: u32) -> SocketAddr {
    let ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + number);
    SocketAddr::new(IpAddr::V4(ip), 7)
}

async fn exchange(hosts: &[Host]) -> u32 {
    let mut clients = Vec::new();
    for (number, host) in (0..).zip(hosts) {
        let Ok(service) = host.bind_udp(address(number)) else { continue };
        let echo = async move {
            while let Ok(got) = service.recv_from().await {
                let _ = service.send_to(got.bytes, got.from, got.cause).await;
            }
        };
        host.spawn("echo", echo).detach();
        clients.push(host.spawn("client", ask(host.clone())));
    }
    let mut answered = 0;
    for client in clients {
        answered += client.await.unwrap_or(0);
    }
    answered
}

async fn ask(host: Host) -> u32 {
    let mut rng = host.rng();
    let Ok(socket) = host.bind_udp(SocketAddr::from(([0, 0, 0, 0], 0))) else { return 0 };
    let mut answered = 0;
    for _ in 0..DATAGRAMS / HOSTS / 2 {
        let to = address(rng.random_range(0..HOSTS));
        let _ = socket.send_to(vec![7; BYTES], to, Cause::NONE).await;
        let limit = Duration::from_millis(100);
        answered += u32::from(host.timeout(limit, socket.recv_from()).await.is_ok());
    }
    answered
}

/// The processor time that this process had so far. The network runs on one
/// thread and never waits, so on a free machine this is the time that passes.
fn processor_time() -> Result<Duration> {
    let status = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanos = status.split_whitespace().next().context("an empty /proc/self/schedstat")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

/// The most memory that this process ever had: VmHWM.
fn peak_mebibytes() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: f64 = kibibytes.context("no VmHWM in /proc/self/status")?.trim().parse()?;
    Ok(kibibytes / 1024.0)
}
