//! The lab of these tests: a small world, its control socket, its programs'
//! way in.

use std::ffi::OsString;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use capa7_net::capture::What;
use capa7_net::control::{Answer, Listener};
use capa7_net::exec::{self, Place};
use capa7_net::fault::{
    ConnectionAction, ConnectionRule, Forgery, Matcher, MessageAction, MessageRule,
};
use capa7_net::namespace::House;
use capa7_net::publish::{Publication, Published};
use capa7_net::wire::Wire;
use capa7_net::{Cause, Host, HostConfig, LinkConfig, Network, NetworkConfig, Room};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One-way latency between the regions `near` and `far`.
pub(crate) const FAR: Duration = Duration::from_millis(20);
/// Name, address, region. The first two run services of the lab itself.
const HOSTS: [(&str, &str, &str); 8] = [
    ("echo.example", "198.41.0.4", "near"),
    ("resolver.example", "10.1.0.53", "near"),
    ("a.example", "10.1.0.1", "near"),
    ("b.example", "10.2.0.1", "far"),
    ("c.example", "10.1.0.3", "near"),
    ("outside.example", "10.1.0.9", "far"),
    ("six.example", "2001:db8::6", "near"),
    ("seven.example", "2001:db8::7", "far"),
];
/// Before a host's name: a program of it that shares the house.
pub(crate) const SHARED: &str = "shared:";
/// Bytes per second of a connection whose rate is limited.
pub(crate) const LIMIT_BPS: u64 = 50_000;
/// What every name resolves to in this world.
pub(crate) const EVERYTHING: [u8; 4] = [198, 41, 0, 4];

/// Runs the lab until its input ends.
pub(crate) fn run() {
    let control = Listener::open("t").unwrap();
    let publication: Publication = "127.0.0.1:0=echo.example:7".parse().unwrap();
    let published = publication.open().unwrap();
    let at = published.what().at;
    let house = Arc::new(House::enter().unwrap());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let network = {
        let _context = runtime.enter();
        Network::sealed(NetworkConfig {
            regions: vec![("near".into(), "far".into(), FAR)],
            ..NetworkConfig::default()
        })
    };
    for (name, address, region) in HOSTS {
        let config = HostConfig {
            name: name.into(),
            addresses: vec![address.parse().unwrap()],
            region: region.into(),
            ..HostConfig::default()
        };
        network.add_host(config).unwrap();
    }
    let wire = Arc::new(Wire::start(&network, house).unwrap());
    runtime.spawn(echo(network.host("echo.example").unwrap()));
    runtime.spawn(echo_streams(network.host("echo.example").unwrap()));
    runtime.spawn(publish(published, &network));
    runtime.spawn(resolve(network.host("resolver.example").unwrap()));
    let lab = Arc::new((network, wire));
    runtime.spawn(control.serve(move |request| {
        let lab = Arc::clone(&lab);
        async move { answer(&lab.0, &lab.1, &request).await }
    }));
    println!("ready {at}");
    let _end = std::io::stdin().read_to_end(&mut Vec::new());
    runtime.shutdown_background();
}

/// Becomes a program as a host of the lab.
pub(crate) fn exec(words: &[OsString]) -> ExitCode {
    let (host, command) = words.split_first().unwrap();
    let host = host.to_str().filter(|host| !host.is_empty());
    let error = exec::become_program(None, host, None, command, |warning| eprintln!("{warning}"));
    eprintln!("{error}");
    ExitCode::from(error.exit_code())
}

async fn echo(host: Host) {
    let socket = host.in_room(Room::Sockets).bind_udp("0.0.0.0:7".parse().unwrap()).unwrap();
    loop {
        let datagram = socket.recv_from().await.unwrap();
        let sent = socket.send_to(datagram.bytes, datagram.from, datagram.cause).await;
        if let Err(error) = sent {
            eprintln!("echo: {error}");
        }
    }
}

async fn echo_streams(host: Host) {
    let listener = host.in_room(Room::Sockets).listen_tcp("0.0.0.0:7".parse().unwrap()).unwrap();
    loop {
        let mut stream = listener.accept().await.unwrap();
        let echo = async move {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                stream.set_write_cause(stream.read_cause());
                let _gone = stream.write_all(&buffer[..length]).await;
            }
        };
        host.spawn("echo", echo).detach();
    }
}

/// Lets programs of the machine use the echo.
fn publish(published: Published, network: &Network) -> impl Future<Output = ()> + use<> {
    let client = network.host("outside.example").unwrap();
    let service = network.host(&published.what().host).unwrap();
    let to = SocketAddr::new(service.addresses()[0], published.what().port);
    async move { published.relay(client, to).await.unwrap() }
}

/// Opens a connection from the house to a program; what it answers.
async fn dial(host: &Host, to: &str) -> Result<Answer, String> {
    let asked = async {
        let mut stream = host.connect_tcp(to.parse().unwrap(), Cause::NONE).await?;
        stream.write_all(b"from the house").await?;
        stream.shutdown().await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        std::io::Result::Ok(text)
    };
    let text = asked.await.unwrap_or_else(|error| format!("{:?}", error.kind()));
    Ok(Answer::new(text.into()))
}

/// Answers each question with one address: RFC 1035 §4.
async fn resolve(host: Host) {
    let socket = host.in_room(Room::Dns).bind_udp("0.0.0.0:53".parse().unwrap()).unwrap();
    loop {
        let query = socket.recv_from().await.unwrap();
        let Some(answer) = address_answer(&query.bytes) else { continue };
        socket.send_to(answer, query.from, query.cause).await.unwrap();
    }
}

fn address_answer(query: &[u8]) -> Option<Vec<u8>> {
    let name_end = 12 + query.get(12..)?.iter().position(|byte| *byte == 0)? + 1;
    let question = query.get(12..name_end + 4)?;
    let is_a = question.get(question.len() - 4..)? == [0, 1, 0, 1];
    let mut answer = query.get(..2)?.to_vec();
    // A response with recursion, one question, one answer or none.
    answer.extend_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
    answer.extend_from_slice(question);
    if is_a {
        answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend_from_slice(&EVERYTHING);
    }
    Some(answer)
}

async fn answer(network: &Network, wire: &Wire, request: &Value) -> Result<Answer, String> {
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    match text("do").unwrap_or_default() {
        exec::VERB => place(network, wire, text("as").unwrap_or("a.example")),
        "events" => Ok(Answer::new(events(network))),
        "access" => {
            let host = known(network, text("host").unwrap_or_default())?;
            let link: LinkConfig = serde_json::from_value(request["link"].clone())
                .map_err(|error| error.to_string())?;
            network.set_access(host.id(), link.clone(), link).map_err(|error| error.to_string())?;
            Ok(Answer::default())
        }
        "dial" => {
            let host = known(network, text("host").unwrap_or_default())?;
            dial(&host, text("to").unwrap_or_default()).await
        }
        "release" => {
            let faults = network.faults();
            let released: usize = faults.list().iter().map(|rule| faults.release(rule.id)).sum();
            Ok(Answer::new(released.into()))
        }
        "break" => {
            break_something(network, text("how").unwrap_or_default());
            Ok(Answer::default())
        }
        other => Err(format!("there is no verb {other:?}")),
    }
}

fn known(network: &Network, name: &str) -> Result<Host, String> {
    let names = || network.hosts().iter().map(|host| host.name().to_owned()).collect::<Vec<_>>();
    let unknown = || format!("there is no host named {name:?}; hosts: {}", names().join(", "));
    network.host(name).ok_or_else(unknown)
}

fn place(network: &Network, wire: &Wire, name: &str) -> Result<Answer, String> {
    if let Some(name) = name.strip_prefix(SHARED) {
        return shared_place(&known(network, name)?, wire.house());
    }
    let host = known(network, name)?;
    let net = wire.attach(&host).map_err(|error| error.to_string())?;
    let server: IpAddr = "198.41.0.4".parse().unwrap();
    let place = Place {
        host: name.into(),
        addresses: host.addresses().to_vec(),
        resolvers: vec!["10.1.0.53".parse().unwrap()],
        names: vec![(server, "servername".into())],
        authority_pem: "-----BEGIN CERTIFICATE-----\n".into(),
        ..Place::default()
    };
    use std::os::fd::AsFd;
    place.answer(net.as_fd(), wire.house().user()).map_err(|error| error.to_string())
}

/// A place in the house itself, as on a machine without veth pairs.
fn shared_place(host: &Host, house: &House) -> Result<Answer, String> {
    let Some(IpAddr::V4(own)) = host.addresses().first() else { return Err("no IPv4".into()) };
    house.set_default_source(*own).map_err(|error| error.to_string())?;
    let place = Place {
        host: host.name().into(),
        addresses: host.addresses().to_vec(),
        warning: Some("shared".into()),
        ..Place::default()
    };
    place.answer(house.net(), house.user()).map_err(|error| error.to_string())
}

fn events(network: &Network) -> Value {
    let events = network.capture().since(Cause::NONE, usize::MAX);
    let with_text = events.iter().map(|event| {
        let mut value = serde_json::to_value(event).unwrap();
        if let What::Datagram(packet) | What::Chunk { packet, .. } = &event.what {
            value["length"] = packet.bytes.len().into();
            let start = packet.bytes.get(..64).unwrap_or(&packet.bytes);
            value["text"] = String::from_utf8_lossy(start).into();
        }
        value
    });
    with_text.collect()
}

/// The faults that the tests ask for; all are for messages from a.example.
fn break_something(network: &Network, how: &str) {
    let from = network.host("a.example").map(|host| host.id());
    let matcher = Matcher { from, count: Some(1), ..Matcher::default() };
    let message = |action| MessageRule { text: how.into(), matcher: matcher.clone(), action };
    let connection = |action| ConnectionRule { text: how.into(), matcher: matcher.clone(), action };
    let faults = network.faults();
    match how {
        "drop" => faults.add_message(message(MessageAction::Drop)),
        "replace" => faults.add_message(message(MessageAction::Replace(Arc::new(|view| {
            Some(Bytes::from(view.packet.bytes.to_ascii_uppercase()))
        })))),
        "forge" => faults.add_message(message(MessageAction::Forge(Arc::new(|view| {
            let (from, to) = (view.packet.to, view.packet.from);
            let bytes = Bytes::from_static(b"forged");
            vec![Forgery { from, to, bytes, after: Duration::from_millis(1) }]
        })))),
        "duplicate" => faults.add_message(message(MessageAction::Duplicate(2))),
        "delay" => faults.add_message(message(MessageAction::Delay(FAR))),
        "hold" => faults.add_message(message(MessageAction::Hold)),
        "silence" => faults.add_connection(connection(ConnectionAction::Silence)),
        "limit" => faults.add_connection(connection(ConnectionAction::LimitRate(LIMIT_BPS))),
        "slow_close" => faults.add_connection(connection(ConnectionAction::SlowClose(FAR))),
        "refuse" => faults.add_connection(connection(ConnectionAction::Refuse)),
        "reset" => faults.add_connection(connection(ConnectionAction::ResetAfter(4))),
        other => panic!("no fault {other:?}"),
    };
}
