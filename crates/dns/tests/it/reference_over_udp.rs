//! Our answers beside those of other name servers, through a socket of this machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use capa7_dns::{Authoritative, AuthoritativeConfig};
use capa7_dns_proto::zone::ZoneSet;
use capa7_net::{Cause, Host, Room, UdpSocket};

#[path = "../../../dns-proto/tests/it/reference_cases.rs"]
mod reference_cases;

/// How long the own machine may take to answer a datagram.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn answers_over_udp_are_those_on_which_two_reference_servers_agree() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let host = Host::machine(Room::Dns);
    let zones = Arc::new(ArcSwap::from_pointee(ZoneSet::new([]).unwrap()));
    let (server, at) = serve(&host, &zones);
    let client = host.bind_udp(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).unwrap();
    let there = reference_cases::all_are_met(|case, query| {
        zones.store(Arc::clone(case));
        runtime.block_on(exchange(&host, &client, at, query))
    });
    assert!(server.is_serving());
    if !there {
        capa7_peers::skip("the reference answers of other name servers");
    }
}

/// A server at a port that is free for datagrams and streams alike.
fn serve(host: &Host, zones: &Arc<ArcSwap<ZoneSet>>) -> (Authoritative, SocketAddr) {
    for _ in 0..100 {
        let free = host.bind_udp(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).unwrap();
        let at = free.local_addr();
        drop(free);
        let config = AuthoritativeConfig {
            listen: vec![at],
            settings: reference_cases::settings(),
            ..AuthoritativeConfig::default()
        };
        if let Ok(server) = Authoritative::start(host, Arc::clone(zones), &config) {
            return (server, at);
        }
    }
    panic!("no free port in a hundred");
}

async fn exchange(
    host: &Host,
    client: &UdpSocket,
    server: SocketAddr,
    query: &[u8],
) -> Result<Vec<u8>, String> {
    client.send_to(query.to_vec(), server, Cause::NONE).await.map_err(|e| e.to_string())?;
    let reply = host.timeout(PATIENCE, client.recv_from()).await;
    let reply = reply.map_err(|_| "no reply in time")?.map_err(|error| error.to_string())?;
    Ok(reply.bytes.to_vec())
}
