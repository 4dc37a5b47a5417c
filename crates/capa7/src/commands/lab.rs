//! `capa7 lab`: a private internet on this machine, until Ctrl-C.

pub(crate) mod control;
mod exec;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use capa7_dissect::Room;
use capa7_lab::page::{Live, Page};
use capa7_lab::world::World;
use capa7_net::control::{DEFAULT_NAME, Listener};
use capa7_net::doctor::Mode;
use capa7_net::publish::{Publication, Published};
use capa7_net::startup::{self, TcpDoor};
use capa7_net::stopwatch::StopWatch;
use capa7_net::{Host, Task, doctor};
use clap::{Args, Subcommand};

use crate::live::{LiveLab, LivePlan, NetChoice};
use crate::output;

/// What `capa7 lab` is told.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct LabArguments {
    #[command(subcommand)]
    command: Option<LabCommand>,
    /// World to run: a folder or its world.toml; the default world otherwise
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Where the page is
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:7777")]
    http: SocketAddr,
    /// How the network is made; `capa7 lab doctor` tells what is possible
    #[arg(long, value_enum, default_value_t = NetChoice::Auto)]
    net: NetChoice,
    /// Let programs outside reach a lab service: 127.0.0.1:1053=ns1.umass.edu:53
    #[arg(long, value_name = "ADDR=HOST:PORT")]
    publish: Vec<Publication>,
    /// Name by which other commands find this lab
    #[arg(long, default_value = "lab")]
    name: String,
    /// Seed of the links' chances
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// Write every packet to a file that Wireshark opens
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// No page
    #[arg(long)]
    no_page: bool,
}

#[derive(Debug, Subcommand)]
enum LabCommand {
    /// Run any program as a host of the running lab
    Exec(exec::ExecArguments),
    /// Capture of the running lab, live: to a file, or `-` for a pipe to Wireshark
    Pcap(control::PcapArguments),
    /// Which mode this machine gets, and why
    Doctor {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

/// What is opened while the process is still outside.
struct Doors {
    page: Option<TcpDoor>,
    control: Listener,
    published: Vec<Published>,
}

/// Runs the lab, or what concerns a running one.
pub(crate) fn run(arguments: LabArguments) -> Result<ExitCode> {
    match arguments.command {
        Some(LabCommand::Exec(arguments)) => Ok(exec::run(&arguments)),
        Some(LabCommand::Pcap(arguments)) => control::pcap(&arguments),
        Some(LabCommand::Doctor { json }) => examine(json),
        None => start(arguments),
    }
}

fn examine(json: bool) -> Result<ExitCode> {
    let report = doctor::examine();
    if json {
        output::document(&report)?;
    } else {
        output::line(&format!(
            "mode: {}",
            serde_json::to_value(report.mode)?.as_str().unwrap_or("")
        ));
        for reason in &report.reasons {
            output::line(&format!("  {reason}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn start(arguments: LabArguments) -> Result<ExitCode> {
    let watch = StopWatch::start();
    let plan = LivePlan::choose(arguments.net)?;
    let confinement = plan.confinement();
    startup::start(
        || match &arguments.world {
            Some(path) => World::from_path(path).map_err(anyhow::Error::from),
            None => World::carried(DEFAULT_WORLD).map_err(anyhow::Error::from),
        },
        |_| open(&arguments),
        |_| Ok(confinement),
        |world, doors| work(plan, world, doors, &arguments, watch),
    )?;
    Ok(ExitCode::SUCCESS)
}

fn open(arguments: &LabArguments) -> Result<Doors> {
    let control = Listener::open(&arguments.name)?;
    let page = if arguments.no_page { None } else { Some(TcpDoor::open(arguments.http)?) };
    let published = arguments.publish.iter().cloned().map(Publication::open);
    Ok(Doors { page, control, published: published.collect::<Result<_, _>>()? })
}

async fn work(
    plan: LivePlan,
    world: World,
    doors: Doors,
    arguments: &LabArguments,
    watch: StopWatch,
) -> Result<()> {
    let machine = Host::machine(Room::Lab);
    let mut signals = machine.signals()?;
    let live = Arc::new(plan.start(world, arguments.seed).await?);
    let mut tasks: Vec<Task<()>> = Vec::new();
    let control = Arc::new(control::Control::new(Arc::clone(&live)));
    tasks.push(machine.spawn("control", control::serve(control, doors.control)));
    for published in doors.published {
        tasks.push(publish(&live, &machine, published)?);
    }
    if let Some(path) = &arguments.pcap {
        let file = std::fs::File::create(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        tasks.push(machine.spawn("pcap", control::record(Arc::clone(&live), file)));
    }
    let page_at = match doors.page {
        Some(door) => Some(serve_page(&live, &machine, door, &arguments.name, &mut tasks)?),
        None => None,
    };
    welcome(&live, page_at, arguments, watch);
    // The lab has nothing to read again: any signal ends it.
    signals.next().await;
    live.lab.network().end_tasks();
    Ok(())
}

fn serve_page(
    live: &Arc<LiveLab>,
    machine: &Host,
    door: TcpDoor,
    name: &str,
    tasks: &mut Vec<Task<()>>,
) -> Result<SocketAddr> {
    let at = door.local_addr()?;
    let listener = machine.adopt(door)?;
    let page =
        Page::new(machine.clone(), Some(Live::new(live.lab.clone(), live.mode_name(), name)));
    tasks.push(machine.spawn("page", async move {
        if let Err(error) = page.serve(listener).await {
            tracing::error!(%error, "the page ended");
        }
    }));
    Ok(at)
}

fn publish(live: &Arc<LiveLab>, machine: &Host, published: Published) -> Result<Task<()>> {
    let what = published.what().clone();
    let world = live.lab.world();
    let to = world.meant(&what.host).with_context(|| {
        format!(
            "no host {} in this world: --publish names one, as the page's table does",
            what.host
        )
    })?;
    let address = *to.addresses.first().context("the published host has no address")?;
    let client = control::relay_host(live, &what)?;
    Ok(machine.spawn("publish", async move {
        if let Err(error) = published.relay(client, SocketAddr::new(address, what.port)).await {
            tracing::error!(%error, at = %what.at, "the publication ended");
        }
    }))
}

fn welcome(
    live: &LiveLab,
    page_at: Option<SocketAddr>,
    arguments: &LabArguments,
    watch: StopWatch,
) {
    let mut text = format!(
        "{} internet with {} hosts, up in {:.2} s",
        live.mode_name(),
        live.lab.hosts().entries().len(),
        watch.elapsed().as_secs_f64()
    );
    if let Some(at) = page_at {
        text.push_str(&format!("\n  look at it     http://{at}/"));
    }
    text.push_str(&format!("\n  ask it         {}", how_to_ask(live, &arguments.name)));
    for publication in &arguments.publish {
        let Publication { at, host, port } = publication;
        text.push_str(&format!("\n  published      {at} is {host}:{port}"));
    }
    match (live.mode, live.wire.is_some()) {
        (Mode::Sealed, true) => {}
        (Mode::Sealed, false) => text.push_str(
            "\n  but            no veth pairs here: programs outside share one host and are not \
             slowed",
        ),
        (Mode::Loopback | Mode::Virtual, _) => text.push_str(
            "\n  but            in loopback mode programs outside are no hosts of their own, and \
             what they say to each other is not seen",
        ),
    }
    text.push_str("\n  end it         Ctrl-C");
    output::line(&text);
}

/// A command that asks the lab something.
fn how_to_ask(live: &LiveLab, lab: &str) -> String {
    let which = if lab == DEFAULT_NAME { String::new() } else { format!("--name {lab} ") };
    let exec = format!("capa7 lab exec {which}-- dig www.urosario.edu.co");
    if live.mode == Mode::Sealed {
        return exec;
    }
    let name = live.lab.resolvers().keys().next();
    let address = name.and_then(|name| live.lab.network().host(name)?.addresses().first().copied());
    address.map_or(exec, |address| {
        let at = live.lab.network().on_machine(SocketAddr::new(address, DNS_PORT));
        format!("dig @{} -p {} www.urosario.edu.co", at.ip(), at.port())
    })
}

const DNS_PORT: u16 = 53;
const DEFAULT_WORLD: &str = "internet";
