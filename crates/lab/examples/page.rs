//! A page of its own: the default world in 127.0.0.0/8 and its page, without the
//! command line around it. `cargo run -p capa7-lab --example page -- 127.0.0.1:7777`

use std::process::ExitCode;

use capa7_dissect::Room;
use capa7_lab::lab::{Lab, network_config};
use capa7_lab::page::{Live, Page};
use capa7_lab::world::World;
use capa7_net::loopback::LowPorts;
use capa7_net::startup::{Confinement, TcpDoor, start};
use capa7_net::{Host, Network};

const SEED: u64 = 7;
const CAPTURE_BYTES: usize = 64 << 20;

fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7777".to_owned());
    match run(&address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(address: &str) -> anyhow::Result<()> {
    let at = address.parse()?;
    start(
        || anyhow::Ok(World::carried("internet")?.in_loopback()),
        |_| Ok(TcpDoor::open(at)?),
        |_| Ok(Confinement::Nothing),
        async |world, door| {
            let network =
                Network::loopback(network_config(&world, SEED, CAPTURE_BYTES), LowPorts::probe());
            let lab = Lab::start(&network, &world).await?;
            let machine = Host::machine(Room::Http);
            let listener = machine.adopt(door)?;
            Page::new(machine, Some(Live::new(lab, "loopback", "page"))).serve(listener).await?;
            Ok(())
        },
    )
}
