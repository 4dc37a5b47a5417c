//! `capa7 run`: scenarios to their end, judged.

mod files;
mod programs;

use std::path::PathBuf;
use std::process::ExitCode;

use capa7_lab::lab::{Lab, LabError};
use capa7_lab::run::{
    Addresses, Format, RunOptions, RunReport, Skipped, json_document, run_on, run_virtual,
    text_report,
};
use capa7_lab::scenario::Scenario;
use capa7_lab::text::Language;
use capa7_net::doctor::Mode;
use capa7_net::exec;
use capa7_net::signals::{self, Stop};
use capa7_net::startup::{self, Confinement};
use clap::{Args, ValueEnum};

use self::files::Files;
use crate::live::{LivePlan, NetChoice};
use crate::output;

/// What `capa7 run` is told.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// A scenario's id, a folder or scenario.toml, or `all`
    #[arg(value_name = "ID|DIR|all")]
    what: String,
    /// Where it runs
    #[arg(long, value_enum, default_value_t = Net::Virtual)]
    net: Net,
    /// Instead of the scenario's own seed
    #[arg(long)]
    seed: Option<u64>,
    /// Language of the report: en or es
    #[arg(long, default_value = "en")]
    lang: Language,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Write a JUnit document
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write every event as a line of JSON
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Write the packets for Wireshark
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Break something on purpose: one of the scenario's sabotages
    #[arg(long = "break", value_name = "SABOTAGE")]
    break_with: Option<String>,
    /// Show decisions between the messages
    #[arg(long)]
    notes: bool,
}

/// Where scenarios run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Net {
    /// In memory, in virtual time, the same each time
    Virtual,
    /// On kernel sockets in a network of its own
    Sealed,
    /// On kernel sockets in 127.0.0.0/8
    Loopback,
}

/// Runs and reports; exit code 1 when a check fails.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let scenarios = match args.what.as_str() {
        "all" => {
            Scenario::all().iter().map(|id| Scenario::carried(id)).collect::<Result<_, _>>()?
        }
        what => vec![Scenario::named(what)?],
    };
    // What cannot be written is told before the work, not after it.
    let files = Files::open(args, scenarios.len())?;
    let options = RunOptions {
        seed: args.seed,
        break_with: args.break_with.clone(),
        ..RunOptions::default()
    };
    let judged = match args.net {
        Net::Virtual => signals::in_reach(|stop| {
            let options = RunOptions { stop, ..options };
            run_in_memory(&scenarios, &options, |report| show(args, report, scenarios.len()))
        })??,
        Net::Sealed | Net::Loopback => {
            let sealed = args.net == Net::Sealed;
            let choice = if sealed { NetChoice::Sealed } else { NetChoice::Loopback };
            let is_asked = |scenario: &&Scenario| scenario.live || args.what != "all";
            let (asked, slow): (Vec<_>, Vec<_>) = scenarios.iter().partition(is_asked);
            let slow: Vec<Skipped> = slow.into_iter().map(|one| skip(one, TAKES_LONG)).collect();
            let scenarios: Vec<Scenario> = asked.into_iter().cloned().collect();
            let told = |report: &RunReport| show(args, report, scenarios.len());
            let mut judged = run_live(choice, &scenarios, &options, told)?;
            judged.skipped.splice(0..0, slow);
            judged
        }
    };
    let Judged { reports, skipped } = &judged;
    files.write(reports, skipped, args.lang)?;
    if args.json {
        output::document(&json_document(reports, skipped))?;
    }
    if reports.is_empty() {
        // Nothing was judged; why has been told.
        return Ok(ExitCode::from(2));
    }
    Ok(ExitCode::from(u8::from(!reports.iter().all(RunReport::passed))))
}

/// What became of the scenarios that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Those that ran.
    pub(crate) reports: Vec<RunReport>,
    /// Those that did not, and why.
    pub(crate) skipped: Vec<Skipped>,
}

/// Runs in virtual time, one scenario after the other; `told` gets each report
/// when its scenario has ended.
fn run_in_memory(
    scenarios: &[Scenario],
    options: &RunOptions,
    told: impl Fn(&RunReport),
) -> anyhow::Result<Judged> {
    let mut judged = Judged::default();
    for scenario in scenarios {
        if scenario.needs_programs() {
            judged.skipped.push(skip(scenario, NEEDS_PROGRAMS));
            continue;
        }
        let report = run_virtual(scenario, options)?;
        told(&report);
        judged.reports.push(report);
    }
    Ok(judged)
}

/// Runs on kernel sockets, one scenario after the other; `told` gets each
/// report when its scenario has ended.
pub(crate) fn run_live(
    choice: NetChoice,
    scenarios: &[Scenario],
    options: &RunOptions,
    told: impl Fn(&RunReport),
) -> anyhow::Result<Judged> {
    let plan = LivePlan::choose(choice)?;
    let confinement = with_children(plan.confinement());
    startup::start(
        || Ok(()),
        |()| Ok(()),
        |()| Ok(confinement),
        |(), ()| async {
            let options = RunOptions { stop: Stop::watch()?, ..options.clone() };
            let mut judged = Judged::default();
            for scenario in scenarios {
                if let Some(why) = unsuited(scenario, plan.mode) {
                    judged.skipped.push(skip(scenario, why));
                    continue;
                }
                let report = one_live(&plan, scenario, &options).await?;
                told(&report);
                judged.reports.push(report);
            }
            Ok(judged)
        },
    )
}

/// The confinement, and the programs that a scenario runs may enter its hosts.
fn with_children(confinement: Confinement) -> Confinement {
    match confinement {
        Confinement::Namespace(enter) => Confinement::Namespace(Box::new(move || {
            enter()?;
            exec::let_children_enter()
        })),
        other => other,
    }
}

async fn one_live(
    plan: &LivePlan,
    scenario: &Scenario,
    options: &RunOptions,
) -> anyhow::Result<RunReport> {
    let addresses = match plan.mode {
        Mode::Sealed => Addresses::True,
        Mode::Loopback | Mode::Virtual => Addresses::Loopback,
    };
    let network = plan.network(&scenario.world, options.seed.unwrap_or(scenario.seed));
    let mut offer = None;
    let prepare = |lab: &Lab| {
        if scenario.needs_programs() {
            let made = programs::offer(plan, &network, lab, scenario);
            offer = Some(made.map_err(|error| LabError::Bad(format!("{error:#}")))?);
        }
        Ok(())
    };
    let report = run_on(&network, addresses, scenario, options, prepare).await;
    drop(offer);
    // The next scenario has the same addresses.
    if !network.close().await {
        tracing::debug!(scenario = scenario.id, "some sockets are still open");
    }
    Ok(report?)
}

/// Why a scenario does not hold in a mode.
fn unsuited(scenario: &Scenario, mode: Mode) -> Option<&'static str> {
    match mode {
        Mode::Sealed => None,
        Mode::Loopback | Mode::Virtual if scenario.needs_programs() => Some(NEEDS_PROGRAMS),
        Mode::Loopback if scenario.true_addresses => Some(NAMES_ADDRESSES),
        Mode::Loopback | Mode::Virtual => None,
    }
}

/// Names a scenario that is not run here, and why.
fn skip(scenario: &Scenario, why: &str) -> Skipped {
    output::tell(&format!("skipped: {} {why}", scenario.id));
    Skipped { id: scenario.id.clone(), why: why.to_owned() }
}

/// Prints a report as soon as its scenario has ended.
fn show(args: &RunArgs, report: &RunReport, scenarios: usize) {
    if args.json {
        return;
    }
    let format = Format {
        language: args.lang,
        width: (scenarios == 1).then(output::width),
        notes: args.notes,
    };
    output::line(&text_report(report, format));
}

const NEEDS_PROGRAMS: &str = "runs programs of this machine: add --net sealed";
const NAMES_ADDRESSES: &str = "names hosts by their true addresses, which loopback mode moves: \
                               add --net sealed, or leave --net away";
const TAKES_LONG: &str = "may take days of real time: leave --net away, or name it alone";
