//! TLS over virtual and real streams.

use std::io::ErrorKind;
use std::net::SocketAddr;

use capa7_net::capture::{Fate, Layer, What};
use capa7_net::tls::Authority;
use capa7_net::{Cause, Host, Network, VirtualNetwork};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::house::{at, latency, pair};
use crate::loopback;

const NAME: &str = "www.urosario.edu.co";

/// A question and its answer over TLS; the client's name for the server may be
/// wrong.
async fn talk(network: &Network, one: &Host, two: &Host, to: SocketAddr, name: &str) -> TalkResult {
    let authority = Authority::new(network).unwrap();
    let server = authority.server(&[NAME], &["echo"]).unwrap();
    let client = authority.client(&["echo"]).unwrap();
    let listener = two.listen_tcp(to).unwrap();
    let serving = two.spawn("server", async move {
        let mut stream = server.accept(listener.accept().await.unwrap()).await?;
        let mut buffer = [0; 64];
        let length = stream.read(&mut buffer).await?;
        stream.set_write_cause(stream.read_cause());
        stream.write_all(&buffer[..length].to_ascii_uppercase()).await?;
        stream.shutdown().await?;
        stream.read(&mut buffer).await
    });
    let tcp = one.connect_tcp(to, Cause::NONE).await?;
    let mut stream = client.connect(name, tcp).await?;
    assert_eq!((stream.protocol(), stream.version()), (Some(&b"echo"[..]), Some("TLSv1_3")));
    stream.write_all(b"secret question").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    assert_eq!(answer, b"SECRET QUESTION");
    let answered = stream.read_cause();
    stream.shutdown().await?;
    drop(stream);
    assert_eq!(serving.await.unwrap()?, 0);
    Ok((answered, authority.key_log()))
}

type TalkResult = std::io::Result<(Cause, String)>;

/// What the record shows of a talk: plaintext once each with its cause and fate,
/// and nothing of it in the records on the wire.
fn check_record(network: &Network, answered: Cause, key_log: &str) {
    let events = network.capture().since(Cause::NONE, usize::MAX);
    let mut plain = Vec::new();
    for event in &events {
        let What::Chunk { layer, packet, offset, .. } = &event.what else { continue };
        match layer {
            Layer::Plaintext => plain.push((event, packet, *offset)),
            Layer::Clear => panic!("bytes outside of TLS: {event:?}"),
            Layer::Sealed => {
                let secret = |window: &[u8]| window.eq_ignore_ascii_case(b"secret");
                assert!(!packet.bytes.windows(6).any(secret));
            }
        }
    }
    let [(question, asked, 0), (answer, replied, 0)] = plain[..] else { panic!("{plain:?}") };
    assert_eq!(&asked.bytes[..], b"secret question");
    assert_eq!(&replied.bytes[..], b"SECRET QUESTION");
    assert_eq!((asked.from, asked.to_host), (replied.to, replied.from_host));
    assert_eq!((answer.causes.first, answer.id), (question.id, answered));
    for chunk in [question.id, answer.id] {
        assert_eq!(network.capture().fate(chunk).unwrap().1, Fate::Delivered);
    }
    for label in ["CLIENT_TRAFFIC_SECRET_0", "SERVER_HANDSHAKE_TRAFFIC_SECRET"] {
        assert!(key_log.lines().any(|line| line.starts_with(label)), "{key_log}");
    }
}

fn virtual_talk(seed: u64) -> (VirtualNetwork, Cause, String) {
    let (net, one, two) = pair(seed, &latency(10));
    let network = net.network().clone();
    let (answered, keys) = net.run(talk(&network, &one, &two, at(2, 443), NAME)).unwrap().unwrap();
    (net, answered, keys)
}

#[test]
fn a_virtual_talk_is_secret_on_the_wire_and_open_in_the_record() {
    let (net, answered, keys) = virtual_talk(1);
    check_record(net.network(), answered, &keys);
}

#[test]
fn two_runs_with_one_seed_have_one_digest_though_their_records_differ() {
    let ((one, _, one_keys), (two, _, two_keys)) = (virtual_talk(7), virtual_talk(7));
    assert_ne!(one_keys, two_keys);
    assert_eq!(one.network().digest(), two.network().digest());
}

#[test]
fn an_authority_follows_from_its_seed() {
    let pem = |seed| {
        let (net, ..) = pair(seed, &latency(1));
        Authority::new(net.network()).unwrap().certificate_pem().to_owned()
    };
    assert_eq!(pem(3), pem(3));
    assert_ne!(pem(3), pem(4));
}

#[test]
fn a_server_with_another_name_is_not_believed() {
    let (net, one, two) = pair(1, &latency(10));
    let network = net.network().clone();
    let talk = talk(&network, &one, &two, at(2, 443), "www.umass.edu");
    let error = net.run(talk).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().contains("not valid for name"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_talk_over_kernel_sockets_is_recorded_the_same_way() {
    let network = loopback::lab();
    let one = loopback::host(&network, "one", "127.40.0.1", "bogota");
    let two = loopback::host(&network, "two", "127.40.0.2", "lima");
    let to = loopback::at(&two, 443);
    let (answered, keys) = talk(&network, &one, &two, to, NAME).await.unwrap();
    check_record(&network, answered, &keys);
}
