//! One seed, one run.

use std::process::Command;
use std::time::Duration;

use capa7_net::{Cause, Host, LinkConfig, Note, Room, VirtualNetwork};
use rand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::house::{at, host, network};

/// Everything that can be random happens here: lossy links, ports, pauses,
/// streams, notes.
fn lively(seed: u64) -> VirtualNetwork {
    let link = LinkConfig {
        rate_bps: 1_000_000,
        latency_ns: 3_000_000,
        jitter_ns: 2_000_000,
        loss: 0.05,
        duplicate: 0.05,
        reorder: 0.05,
        corrupt: 0.05,
        queue_bytes: 20_000,
        cut: false,
    };
    let net = network(seed);
    let hosts: Vec<Host> =
        (1..=8).map(|number| host(&net, &format!("host {number}"), number, &link)).collect();
    net.run(async {
        let mut tasks = Vec::new();
        for (number, host) in hosts.iter().enumerate() {
            serve(host, at(u8::try_from(number + 1).unwrap(), 7));
            tasks.push(host.spawn("talk", talk(host.clone())));
        }
        for task in tasks {
            task.await.unwrap();
        }
    })
    .unwrap();
    net
}

fn serve(host: &Host, on: std::net::SocketAddr) {
    let (udp, tcp) = (host.bind_udp(on).unwrap(), host.listen_tcp(on).unwrap());
    host.spawn("udp echo", async move {
        while let Ok(got) = udp.recv_from().await {
            udp.send_to(got.bytes, got.from, got.cause).await.unwrap();
        }
    })
    .detach();
    let inner = host.clone();
    host.spawn("tcp echo", async move {
        while let Ok(mut stream) = tcp.accept().await {
            inner
                .spawn("stream", async move {
                    let mut bytes = Vec::new();
                    if stream.read_to_end(&mut bytes).await.is_ok() {
                        let _ = stream.write_all(&bytes).await;
                    }
                })
                .detach();
        }
    })
    .detach();
}

async fn talk(host: Host) {
    let mut rng = host.rng();
    let socket = host.bind_udp("0.0.0.0:0".parse().unwrap()).unwrap();
    for round in 0..20 {
        let to = at(rng.random_range(1..=8), 7);
        let size = rng.random_range(1..2000);
        let sent = socket.send_to(vec![round; size], to, Cause::NONE).await.unwrap();
        let answer = host.timeout(Duration::from_millis(50), socket.recv_from()).await;
        host.note(
            Note::new(Room::Other, "round", "a round of talk")
                .with("answered", answer.is_ok())
                .because(sent),
        );
        if round % 5 == 0
            && let Ok(mut stream) = host.connect_tcp(to, sent).await
        {
            stream.write_all(&vec![round; size * 10]).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut back = Vec::new();
            stream.read_to_end(&mut back).await.unwrap();
            assert_eq!(back.len(), size * 10);
        }
    }
}

fn digest(seed: u64) -> String {
    lively(seed).network().digest().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn two_runs_with_one_seed_have_one_digest_and_two_seeds_have_two() {
    let first = digest(1);
    assert_eq!(digest(1), first);
    assert_ne!(digest(2), first);
}

#[test]
fn a_run_inside_a_tokio_runtime_has_the_same_digest() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(async { digest(1) }), digest(1));
}

#[test]
fn two_processes_with_one_seed_have_one_digest() {
    const MARK: &str = "digest of seed 7: ";
    let own = digest(7);
    if std::env::var_os(CHILD).is_some() {
        println!("{MARK}{own}");
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "determinism::two_processes_with_one_seed_have_one_digest",
            "--exact",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout).into_owned();
    let theirs = told.lines().find_map(|line| line.split_once(MARK)).map(|(_, digest)| digest);
    assert_eq!(theirs, Some(own.as_str()), "{told}");
}

const CHILD: &str = "CAPA7_TEST_CHILD";
