//! Authoritative DNS beside Knot, NSD and a bare echo: CPU per query, load, memory.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::processes::{CLIENT_CORE, Server, find, pause};
use crate::queries;
use crate::table::{median, publish, say};

/// Measures all servers in alternating rounds, prints the table and writes it
/// to `docs/benchmarks.md`.
pub(crate) fn run(rounds: u32, seconds: u32) -> Result<()> {
    for program in ["knotd", "nsd", "dnsperf", "dig", "cc", "taskset"] {
        find(program).with_context(|| {
            format!("{program} is missing: `cargo xtask setup` installs it (cc: a C compiler)")
        })?;
    }
    let folder = std::env::temp_dir().join(format!("capa7-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = measure(&folder, rounds, seconds);
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn measure(folder: &Path, rounds: u32, seconds: u32) -> Result<()> {
    say(&format!("a zone of {NAMES} names; {rounds} rounds of {seconds} s per server"));
    queries::write(folder, NAMES, QUERIES)?;
    let servers =
        [start_capa7(folder)?, start_knot(folder)?, start_nsd(folder)?, start_echo(folder)?];
    let memory: Vec<u64> = servers.iter().map(Server::memory_kib).collect();
    let mut rows: Vec<Vec<f64>> = vec![Vec::new(); servers.len()];
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); servers.len()];
    for round in 0..rounds {
        // Each round begins with another server, so that none has the best place.
        for step in 0..servers.len() {
            let index = (step + usize::try_from(round)?) % servers.len();
            let (micros, rate) = one_round(&servers[index], folder, seconds)?;
            rows[index].push(micros);
            rates[index].push(rate);
        }
        say(&format!("round {} of {rounds}", round + 1));
    }
    report(&servers, &rows, &rates, &memory, load_seconds(folder)?, rounds, seconds)
}

/// Server CPU in microseconds per query, and queries per second.
fn one_round(server: &Server, folder: &Path, seconds: u32) -> Result<(f64, f64)> {
    server.pin();
    let before = server.cpu_ticks();
    let output = Command::new("taskset")
        .args(["-c", CLIENT_CORE, "dnsperf", "-s", "127.0.0.1", "-p", &server.port.to_string()])
        .args(["-l", &seconds.to_string(), "-c", "4", "-q", "64", "-t", "1", "-d"])
        .arg(folder.join("queries.txt"))
        .output()?;
    let used = server.cpu_ticks() - before;
    let text = String::from_utf8_lossy(&output.stdout);
    let figure = |label: &str| -> Result<f64> {
        let line = text.lines().find(|line| line.contains(label));
        let word = line.and_then(|line| line.split(':').nth(1)?.split_whitespace().next());
        let word = word.with_context(|| format!("dnsperf did not say \"{label}\": {text}"))?;
        Ok(word.parse()?)
    };
    let done = figure("Queries completed")?;
    if done < 1.0 {
        bail!("{} answered nothing", server.name);
    }
    #[expect(clippy::cast_precision_loss, reason = "ticks of a few seconds")]
    let micros = used as f64 * MICROS_PER_TICK / done;
    Ok((micros, figure("Queries per second")?))
}

fn report(
    servers: &[Server],
    rows: &[Vec<f64>],
    rates: &[Vec<f64>],
    memory: &[u64],
    load: f64,
    rounds: u32,
    seconds: u32,
) -> Result<()> {
    let medians: Vec<f64> = rows.iter().map(|row| median(row)).collect();
    let ours = medians[0];
    let best_peer = medians[1].min(medians[2]);
    let echo = medians[3];
    let bound = (0.85 * best_peer).max(1.12 * echo);
    let mut text = String::from("## DNS, authoritative, UDP, one worker\n\n");
    writeln!(
        text,
        "`cargo xtask bench dns {rounds} {seconds}`: {NAMES} names, {rounds} alternating rounds of \
         {seconds} s each, medians, server and dnsperf on different cores. The echo receives and \
         sends back in batches without looking.\n"
    )?;
    text.push_str(
        "| server | CPU µs per query | × echo | queries/s | memory MiB |\n|---|---|---|---|---|\n",
    );
    for (index, server) in servers.iter().enumerate() {
        writeln!(
            text,
            "| {} | {:.3} | {:.2} | {:.0} | {:.1} |",
            server.name,
            medians[index],
            medians[index] / echo,
            median(&rates[index]),
            f64::from(u32::try_from(memory[index])?) / 1024.0,
        )?;
    }
    let verdict = if ours <= bound { "met" } else { "missed" };
    writeln!(
        text,
        "\nBound: max(0.85 × the better peer, 1.12 × echo) = {bound:.3} µs; ours {ours:.3} µs: \
         **{verdict}**. {NAMES} names are loaded in {load:.2} s.\n"
    )?;
    say(&text);
    publish("bench dns", &text)
}

/// Seconds that our server said it took to read and compile the zone.
fn load_seconds(folder: &Path) -> Result<f64> {
    let log = std::fs::read_to_string(folder.join("capa7.log"))?;
    let said = log.lines().find_map(|line| line.split("loaded in ").nth(1));
    let word = said.and_then(|rest| rest.split_whitespace().next());
    Ok(word.context("capa7 did not say how long it loaded")?.parse()?)
}

fn answers(port: u16) -> bool {
    let output = Command::new("dig")
        .args(["@127.0.0.1", "-p", &port.to_string(), "+time=1", "+tries=1", "bench.test", "SOA"])
        .stderr(Stdio::null())
        .output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("ANSWER: 1"))
}

fn start_capa7(folder: &Path) -> Result<Server> {
    let program = crate::processes::capa7()?;
    let zone = folder.join("bench.zone");
    let command = [
        &program.to_string_lossy(),
        "dns",
        "serve",
        "--zone",
        &zone.to_string_lossy(),
        "--listen",
        "127.0.0.1:15301",
        "--workers",
        "1",
    ];
    Server::start("capa7", 15301, &command, &folder.join("capa7.log"), answers)
}

fn start_knot(folder: &Path) -> Result<Server> {
    let data = folder.join("knot");
    std::fs::create_dir_all(&data)?;
    let conf = folder.join("knot.conf");
    std::fs::write(
        &conf,
        format!(
            "server:\n  listen: 127.0.0.1@15302\n  rundir: {data}\n  udp-workers: 1\n  \
             tcp-workers: 1\n  background-workers: 1\ndatabase:\n  storage: {data}\n\
             template:\n  - id: default\n    storage: {folder}\n    file: \"%s.zone\"\n    \
             zonefile-sync: -1\n    journal-content: none\nzone:\n  - domain: bench.test\n    \
             file: bench.zone\n",
            data = data.display(),
            folder = folder.display()
        ),
    )?;
    let program = find("knotd").context("knotd")?;
    let command = [program.as_str(), "-c", &conf.to_string_lossy()];
    Server::start("knot", 15302, &command, &folder.join("knot.log"), answers)
}

fn start_nsd(folder: &Path) -> Result<Server> {
    let conf = folder.join("nsd.conf");
    let path = folder.display();
    std::fs::write(
        &conf,
        format!(
            "server:\n  ip-address: 127.0.0.1@15303\n  server-count: 1\n  username: \"\"\n  \
             chroot: \"\"\n  zonesdir: {path}\n  pidfile: {path}/nsd.pid\n  xfrdfile: \"\"\n  \
             zonelistfile: {path}/nsd.list\n  xfrdir: {path}\n  database: \"\"\n  \
             rrl-ratelimit: 0\n  rrl-whitelist-ratelimit: 0\nremote-control:\n  \
             control-enable: no\nzone:\n  name: bench.test\n  zonefile: bench.zone\n"
        ),
    )?;
    let program = find("nsd").context("nsd")?;
    let command = [program.as_str(), "-d", "-c", &conf.to_string_lossy()];
    Server::start("nsd", 15303, &command, &folder.join("nsd.log"), answers)
}

fn start_echo(folder: &Path) -> Result<Server> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("udp_echo.c");
    let program = folder.join("udp_echo");
    let built = Command::new("cc").arg("-O2").arg("-o").arg(&program).arg(source).status()?;
    if !built.success() {
        bail!("cc could not build udp_echo.c");
    }
    let command = [&program.to_string_lossy(), "15304"];
    Server::start("echo", 15304, &command, &folder.join("echo.log"), |_| {
        pause();
        pause();
        true
    })
}

const NAMES: u32 = 100_000;
const QUERIES: u32 = 200_000;
/// The kernel's clock has 100 ticks a second on every Linux that Rust targets.
const MICROS_PER_TICK: f64 = 10_000.0;
