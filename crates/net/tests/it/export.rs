//! The record as other programs read it.

use std::path::{Path, PathBuf};
use std::process::Command;

use capa7_net::export::{json_line, write_pcapng};
use capa7_net::{Cause, LinkConfig, Note, Room, VirtualNetwork};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::house::{at, latency, pair};

/// A query for `www.urosario.edu.co A`, RFC 1035 §4.1.
fn query() -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in ["www", "urosario", "edu", "co"] {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

/// A datagram, a stream that carries the same query, one that is refused, one
/// that is reset, and a note.
fn busy() -> VirtualNetwork {
    let (net, one, two) = pair(1, &latency(5));
    net.run(async {
        let socket = two.bind_udp(at(2, 53)).unwrap();
        let from = one.bind_udp(at(1, 0)).unwrap();
        let sent = from.send_to(query(), at(2, 53), Cause::NONE).await.unwrap();
        socket.recv_from().await.unwrap();
        two.note(Note::new(Room::Dns, "seen", "a note").because(sent));

        let listener = two.listen_tcp(at(2, 53)).unwrap();
        let mut client = one.connect_tcp(at(2, 53), Cause::NONE).await.unwrap();
        let mut server = listener.accept().await.unwrap();
        let size = u16::try_from(query().len()).unwrap().to_be_bytes();
        client.write_all(&[&size[..], &query()].concat()).await.unwrap();
        client.shutdown().await.unwrap();
        let mut got = Vec::new();
        server.read_to_end(&mut got).await.unwrap();
        server.write_all(&[&size[..], &query()].concat()).await.unwrap();
        drop(server);
        client.read_to_end(&mut got).await.unwrap();

        assert!(one.connect_tcp(at(2, 80), Cause::NONE).await.is_err());
        let mut client = one.connect_tcp(at(2, 53), Cause::NONE).await.unwrap();
        drop(listener.accept().await.unwrap());
        client.write_all(b"x").await.unwrap();
        one.sleep(std::time::Duration::from_secs(1)).await;
    })
    .unwrap();
    net
}

fn stored(net: &VirtualNetwork, name: &str) -> PathBuf {
    let file = write_pcapng(net.network(), Vec::new(), |event| {
        Some(format!("message {}: one sentence, señora", event.id.0))
    })
    .unwrap();
    let path = std::env::temp_dir().join(format!("capa7-{}-{name}.pcapng", std::process::id()));
    std::fs::write(&path, file).unwrap();
    path
}

fn tshark(program: &Path, file: &Path, arguments: &[&str]) -> Vec<String> {
    let out = Command::new(program)
        .args(["-r", file.to_str().unwrap()])
        .args(["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"])
        .args(["-o", "tcp.check_checksum:TRUE"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn tshark_reads_every_packet_and_sees_names_streams_and_sentences() {
    let Some(program) = capa7_peers::need("tshark") else { return };
    let file = stored(&busy(), "busy");
    let see = |arguments: &[&str]| tshark(&program, &file, arguments);
    let none: [String; 0] = [];

    let bad = "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 \
               || tcp.checksum.status == 0 || tcp.analysis.flags";
    assert_eq!(see(&["-Y", bad]), none, "no packet is malformed, wrong or out of place");

    let names = see(&["-Y", "dns", "-T", "fields", "-e", "dns.qry.name"]);
    assert_eq!(names, ["www.urosario.edu.co"; 3], "once by UDP, twice by TCP");

    let hosts = see(&["-Nn", "-c", "1", "-T", "fields", "-e", "ip.src_host", "-e", "ip.dst_host"]);
    assert_eq!(hosts, ["one\ttwo"]);

    let stamps = see(&["-c", "1", "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.comment"]);
    assert!(stamps[0].contains("one sentence, señora"), "{stamps:?}");

    let flags = see(&["-Y", "tcp.stream == 0", "-T", "fields", "-e", "tcp.flags.str"]);
    let flags: Vec<String> = flags.iter().map(|line| line.replace('·', "")).collect();
    assert_eq!(flags, ["S", "AS", "A", "AP", "AF", "AP", "AF"]);
    let refused = see(&["-Y", "tcp.stream == 1", "-T", "fields", "-e", "tcp.flags.str"]);
    assert_eq!(refused.len(), 2);
    assert!(refused[1].contains('R'), "{refused:?}");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_line_of_json_has_the_moment_the_hosts_and_the_bytes() {
    let (net, one, two) = pair(1, &LinkConfig::default());
    net.run(async {
        let _socket = two.bind_udp(at(2, 53)).unwrap();
        let from = one.in_room(Room::Dns).bind_udp(at(1, 5353)).unwrap();
        from.send_to(&b"\x01\xff"[..], at(2, 53), Cause(9)).await.unwrap();
        one.sleep(std::time::Duration::from_millis(1)).await;
        one.note(Note::new(Room::Dns, "cached", "it lives for an hour").with("ttl", 3600));
    })
    .unwrap();
    let events = net.network().capture().since(Cause::NONE, 10);
    let lines: Vec<serde_json::Value> = events
        .iter()
        .map(|event| serde_json::from_str(&json_line(net.network(), event)).unwrap())
        .collect();
    let sent = &lines[0];
    assert_eq!(
        (&sent["id"], &sent["at"], &sent["type"]),
        (&1.into(), &0.into(), &"datagram".into())
    );
    assert_eq!((&sent["from_name"], &sent["to_name"]), (&"one".into(), &"two".into()));
    assert_eq!((&sent["room"], &sent["bytes"]), (&"dns".into(), &"01ff".into()));
    assert_eq!((&sent["to"], &sent["causes"]["first"]), (&"10.0.0.2:53".into(), &9.into()));
    assert_eq!((&lines[1]["type"], &lines[1]["fate"]), (&"fate".into(), &"delivered".into()));
    assert_eq!(lines[2]["note"]["data"]["ttl"], 3600);
}
