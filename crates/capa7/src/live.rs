//! A network on kernel sockets: chosen, entered, and given its wire.
//!
//! ```text
//!   one thread:   choose (doctor tries in a child) ─▶ enter the namespace
//!   many threads: network ─▶ lab ─▶ wire to exec'ed programs
//! ```

use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, bail};
use capa7_lab::lab::{Lab, network_config};
use capa7_lab::world::World;
use capa7_net::Network;
use capa7_net::doctor::{self, Mode};
use capa7_net::loopback::LowPorts;
use capa7_net::namespace::House;
use capa7_net::startup::Confinement;
use capa7_net::wire::Wire;
use clap::ValueEnum;

/// Which network the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum NetChoice {
    /// The best that this machine permits
    #[default]
    Auto,
    /// A network namespace of its own: true addresses and ports
    Sealed,
    /// One address of 127.0.0.0/8 per host
    Loopback,
}

/// How a live network will run; decided before the process has a second thread.
#[derive(Debug)]
pub(crate) struct LivePlan {
    pub(crate) mode: Mode,
    wire: bool,
    house: Arc<OnceLock<Arc<House>>>,
}

/// A running lab on kernel sockets.
#[derive(Debug)]
pub(crate) struct LiveLab {
    pub(crate) mode: Mode,
    pub(crate) lab: Lab,
    /// The way to exec'ed programs; none in loopback mode and on machines
    /// without veth.
    pub(crate) wire: Option<Wire>,
    house: Option<Arc<House>>,
}

impl LivePlan {
    /// Finds out how to run. To be called with one thread: it forks.
    pub(crate) fn choose(choice: NetChoice) -> Result<Self> {
        let report = doctor::examine();
        let mode = match (choice, report.mode) {
            (NetChoice::Auto | NetChoice::Sealed, Mode::Sealed) => Mode::Sealed,
            (NetChoice::Auto, Mode::Loopback) | (NetChoice::Loopback, _) => Mode::Loopback,
            (NetChoice::Sealed, _) => bail!(
                "this machine permits no sealed network: {}; `--net loopback` works without",
                report.reasons.join("; ")
            ),
            (NetChoice::Auto, Mode::Virtual) => bail!(
                "this machine permits neither a sealed nor a loopback network: {}; \
                 `capa7 run` works without sockets",
                report.reasons.join("; ")
            ),
        };
        let wire = mode == Mode::Sealed && report.wire;
        Ok(Self { mode, wire, house: Arc::default() })
    }

    /// What is done before the first thread.
    pub(crate) fn confinement(&self) -> Confinement {
        if self.mode != Mode::Sealed {
            return Confinement::Nothing;
        }
        let place = Arc::clone(&self.house);
        Confinement::Namespace(Box::new(move || {
            let house = House::enter().map_err(std::io::Error::other)?;
            drop(place.set(Arc::new(house)));
            Ok(())
        }))
    }

    /// The network for a world, inside the runtime.
    pub(crate) fn network(&self, world: &World, seed: u64) -> Network {
        let config = network_config(world, seed, CAPTURE_BYTES);
        match self.mode {
            Mode::Sealed => Network::sealed(config),
            Mode::Loopback | Mode::Virtual => Network::loopback(config, LowPorts::probe()),
        }
    }

    /// Starts the world's hosts and, when there can be one, the wire.
    pub(crate) async fn start(&self, world: World, seed: u64) -> Result<LiveLab> {
        let world = if self.mode == Mode::Sealed { world } else { world.in_loopback() };
        let network = self.network(&world, seed);
        let lab = Lab::start(&network, &world).await?;
        self.attach(&network, lab)
    }

    /// A lab that runs already, with the wire to programs where there can be one.
    pub(crate) fn attach(&self, network: &Network, lab: Lab) -> Result<LiveLab> {
        let house = self.house.get().cloned();
        let wire = match (&house, self.wire) {
            (Some(house), true) => Some(
                Wire::start(network, Arc::clone(house))
                    .context("the wire to exec'ed programs did not start")?,
            ),
            _ => None,
        };
        Ok(LiveLab { mode: self.mode, lab, wire, house })
    }
}

impl LiveLab {
    /// The namespace that the servers are in, in sealed mode.
    pub(crate) fn house(&self) -> Option<&House> {
        self.house.as_deref()
    }

    /// The mode's name for people.
    pub(crate) const fn mode_name(&self) -> &'static str {
        match self.mode {
            Mode::Sealed => "sealed",
            Mode::Loopback => "loopback",
            Mode::Virtual => "virtual",
        }
    }
}

/// Bytes of events that a live lab remembers.
const CAPTURE_BYTES: usize = 64 << 20;
