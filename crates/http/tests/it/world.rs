//! A server and a client with 10 ms between them.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use capa7_http::client::{Client, ClientConfig, Server as Target};
use capa7_http::message::{Piece, Request, Response};
use capa7_http::server::{Server, ServerConfig};
use capa7_http_proto::status::Status;
use capa7_net::{Host, HostConfig, LinkConfig, NetworkConfig, VirtualNetwork};
use tokio::sync::mpsc;

pub(crate) const ADDRESS: &str = "10.0.0.1:80";

pub(crate) struct World {
    pub(crate) network: VirtualNetwork,
    pub(crate) server: Host,
    pub(crate) client: Host,
}

impl World {
    pub(crate) fn new() -> Self {
        let network = VirtualNetwork::new(NetworkConfig::default());
        let host = |name: &str, address: [u8; 4]| {
            let link = LinkConfig { latency_ns: 5_000_000, ..LinkConfig::default() };
            let (up, down) = (link.clone(), link);
            let addresses = vec![address.into()];
            let config =
                HostConfig { name: name.to_owned(), addresses, up, down, ..HostConfig::default() };
            network.network().add_host(config).unwrap()
        };
        let (server, client) = (host("www", [10, 0, 0, 1]), host("andrea", [10, 0, 0, 2]));
        Self { server, client, network }
    }

    pub(crate) fn start(&self, config: ServerConfig) -> Server {
        let listener = self.server.listen_tcp(address()).unwrap();
        let host = self.server.clone();
        Server::start(&self.server, listener, config, move |request| answer(host.clone(), request))
    }

    pub(crate) fn run<F: Future>(&self, work: F) -> F::Output {
        self.network.run(work).unwrap()
    }

    pub(crate) fn http(&self) -> Client {
        Client::new(&self.client, ClientConfig::default())
    }
}

pub(crate) fn address() -> SocketAddr {
    ADDRESS.parse().unwrap()
}

pub(crate) fn target() -> Target {
    Target { address: address(), name: "www.umass.edu".to_owned() }
}

/// `/echo` gives back the body, `/slow` takes a second, `/events` has three
/// events a second apart.
pub(crate) async fn answer(host: Host, request: Request) -> Response {
    match request.head.path() {
        "/echo" => Response::content(Status::OK, "application/octet-stream", request.body),
        "/slow" => {
            host.sleep(Duration::from_secs(1)).await;
            Response::text(Status::OK, "slow")
        }
        "/events" => {
            let (sender, pieces) = mpsc::channel(4);
            let clock = host.clone();
            host.spawn("events", async move {
                for count in 1..=3 {
                    clock.sleep(Duration::from_secs(1)).await;
                    let bytes = Bytes::from(format!("data: {count}\n\n"));
                    if sender.send(Piece { bytes, cause: request.cause }).await.is_err() {
                        return;
                    }
                }
            })
            .detach();
            Response::events(pieces)
        }
        "/" => Response::text(Status::OK, "hello"),
        _ => Response::text(Status::NOT_FOUND, "no such thing"),
    }
}
