//! Streams between the parts of one program.

use std::io::ErrorKind;

use capa7_net::{Cause, HostConfig, NetworkConfig, Place, Stream, VirtualNetwork, passage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Goal: whoever has the passage speaks with its listener, both see the other's
/// end, and nothing of it is recorded or has a port.
#[test]
fn a_passage_carries_streams_and_opens_no_port() {
    let net = VirtualNetwork::new(NetworkConfig::default());
    let config = HostConfig { name: "one".to_owned(), ..HostConfig::default() };
    let host = net.network().add_host(config).unwrap();
    net.run(async move {
        let (way, listener) = passage();
        assert_eq!(listener.local_addr().port(), 0);
        let place = Place::Within(way);
        let serving = host.spawn("server", async move {
            for _ in 0..3 {
                let mut stream = listener.accept().await.unwrap();
                let mut asked = Vec::new();
                stream.read_to_end(&mut asked).await.unwrap();
                asked.reverse();
                stream.write_all(&asked).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        for size in [0, 5, 200_000] {
            let mut stream = Stream::from(host.connect(&place, Cause::NONE).await.unwrap());
            assert_eq!((stream.peer_addr().port(), stream.connection()), (0, None));
            let asked: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[0]).collect();
            stream.write_all(&asked).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            answer.reverse();
            assert_eq!(answer, asked);
        }
        serving.await.unwrap();
        let gone = host.connect(&place, Cause::NONE).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(host.capture().since(Cause::NONE, 10).len(), 0);
    })
    .unwrap();
}
