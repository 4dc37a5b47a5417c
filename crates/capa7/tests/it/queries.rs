//! `capa7 dns query` and `check` with a server of ours.

use serde_json::json;

use crate::program::{Folder, Running, Server, ZONE};

fn served() -> (Folder, Server, String) {
    let folder = Folder::new();
    folder.write("a.zone", ZONE);
    let server = Server::start(&folder, &["a.zone"], &[]);
    let at = format!("@{}", server.at);
    (folder, server, at)
}

#[test]
fn the_document_of_a_query_has_the_names_of_the_contract() {
    let (folder, server, at) = served();
    let mut document = folder.run(&["dns", "query", "www.example.test", &at, "--json"]).json();
    let names: Vec<_> = document.as_object().unwrap().keys().cloned().collect();
    for name in ["rcode", "flags", "answer", "authority", "additional", "server", "time_ms"] {
        assert!(names.iter().any(|one| one == name), "{name} in {names:?}");
    }
    assert_eq!(document["rcode"], "NOERROR");
    assert_eq!(document["server"], server.at.to_string());
    assert!(document["time_ms"].as_f64().unwrap() >= 0.0);
    let flags = document["flags"].take();
    assert!(flags.as_array().unwrap().contains(&json!("aa")), "{flags}");
    assert_eq!(
        document["answer"],
        json!([{
            "name": "www.example.test.", "ttl": 300, "class": "IN", "type": "A",
            "data": "192.0.2.3",
        }])
    );
}

#[test]
fn a_name_that_does_not_exist_is_exit_code_1_with_its_reply() {
    let (folder, _server, at) = served();
    let said = folder.run(&["dns", "query", "nosuch.example.test", &at, "--json"]);
    assert_eq!(said.code, Some(1));
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(document["rcode"], "NXDOMAIN");
    assert_eq!(document["authority"][0]["type"], "SOA");
    let text = folder.run(&["dns", "query", "nosuch.example.test", &at]);
    assert!(text.out.contains("NXDOMAIN"), "{}", text.out);
}

#[test]
fn types_and_streams_are_asked_for_by_name() {
    let (folder, _server, at) = served();
    let ask = |words: &[&str]| folder.run(&[&["dns", "query"], words, &[&at, "--json"]].concat());
    let answer = |words: &[&str]| ask(words).json()["answer"].clone();
    assert_eq!(answer(&["example.test", "MX"])[0]["data"], "10 mail.example.test.");
    assert_eq!(answer(&["www.example.test", "aaaa"])[0]["data"], "2001:db8::3");
    assert_eq!(answer(&["alias.example.test"]).as_array().unwrap().len(), 2);
    // TC in the datagram, then the whole set by a stream (RFC 7766 §5).
    let big = answer(&["big.example.test", "TXT"]);
    assert_eq!(big.as_array().unwrap().len(), 200);
    assert_eq!(answer(&["www.example.test", "--tcp"])[0]["data"], "192.0.2.3");
}

#[test]
fn a_server_that_does_not_answer_is_exit_code_1_with_its_address() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = format!("@{}", socket.local_addr().unwrap());
    let said = Folder::new().run(&["dns", "query", "www.example.test", &at]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains(&at[1..]) && said.err.contains("did not answer"), "{}", said.err);
}

#[test]
fn good_zone_files_pass_and_are_counted() {
    let folder = Folder::new();
    folder.write("zones/a.zone", format!("{ZONE}$INCLUDE more\n"));
    // RFC 1035 §5.1: an include is found beside the file that names it.
    folder.write("zones/more", "extra IN A 192.0.2.9\n");
    let text = folder.run(&["dns", "check", "zones/a.zone"]).text();
    assert!(text.contains("zone example.test. has 210 records"), "{text}");
}

#[test]
fn a_zone_that_is_well_formed_and_wrong_is_told() {
    let folder = Folder::new();
    let wrong = format!("{ZONE}two IN CNAME www\ntwo IN A 192.0.2.7\n@ IN NS nowhere\n");
    folder.write("a.zone", wrong);
    let said = folder.run(&["dns", "check", "a.zone"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.out.contains("a.zone:13:") || said.out.contains("a.zone:14:"), "{said:?}");
    assert!(said.out.contains("nowhere"), "{said:?}");
}

/// The root's and the organisation's servers on two addresses of this machine.
#[test]
fn a_trace_tells_who_was_asked_and_what_they_answered() {
    let folder = Folder::new();
    let port = capa7_peers::free_port();
    folder.write(
        "root.zone",
        ". 86400 IN SOA ns.root. admin.root. 1 1800 900 604800 86400\n\
         . 86400 IN NS ns.root.\nns.root. 86400 IN A 127.0.0.81\n\
         test. 86400 IN NS ns.test.\nns.test. 86400 IN A 127.0.0.82\n",
    );
    folder.write(
        "test.zone",
        "test. 300 IN SOA ns.test. admin.test. 1 1800 900 604800 300\n\
         test. 300 IN NS ns.test.\nns.test. 300 IN A 127.0.0.82\nwww.test. 300 IN A 192.0.2.80\n",
    );
    let start = |zone: &str, address: &str| {
        let listen = format!("{address}:{port}");
        let words = ["dns", "serve", "--zone", zone, "--listen", &listen];
        let mut running = Running::start(&mut folder.capa7(&words));
        running.wait_for("listening on");
        running
    };
    let _servers = [start("root.zone", "127.0.0.81"), start("test.zone", "127.0.0.82")];
    let at = format!("@127.0.0.81:{port}");
    let text = folder.run(&["dns", "query", "www.test", &at, "--trace"]).text();
    let root = text.find("127.0.0.81").expect("the root was asked");
    let test = text.find("127.0.0.82").expect("test's server was asked");
    assert!(root < test, "{text}");
    assert!(text.contains("192.0.2.80"), "{text}");
    let json = folder.run(&["dns", "query", "www.test", &at, "--trace", "--json"]).json();
    assert_eq!(json["answer"][0]["data"], "192.0.2.80");
}
