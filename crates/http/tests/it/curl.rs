//! curl as a client of our server.

use std::net::SocketAddr;
use std::process::Command;

use capa7_dissect::Room;
use capa7_http::server::{Server, ServerConfig};
use capa7_net::Host;

use crate::world::answer;

#[test]
fn curl_posts_a_large_body_and_reuses_its_connection() {
    let Some(curl) = capa7_peers::need("curl") else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let output = runtime.block_on(async {
        let host = Host::machine(Room::Http);
        let listener = host.listen_tcp(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let config = ServerConfig { body_bytes_max: 4 << 20, ..ServerConfig::default() };
        let own = host.clone();
        let server = Server::start(&host, listener, config, move |r| answer(own.clone(), r));
        let base = format!("http://{}", server.address());
        let output = host
            .blocking(move || {
                let body = "x".repeat(2 << 20);
                let folder = tempfile::tempdir().unwrap();
                let file = folder.path().join("body");
                std::fs::write(&file, &body).unwrap();
                Command::new(curl)
                    .args(["-sS", "--max-time", "120", "--noproxy", "*", "-o", "/dev/null"])
                    .args(["-w", "%{http_code} %{size_download} %{num_connects}\n"])
                    .arg("--data-binary")
                    .arg(format!("@{}", file.display()))
                    .arg(format!("{base}/echo"))
                    .args(["--next", "-sS", "--noproxy", "*", "-o", "/dev/null"])
                    .args(["-w", "%{http_code} %{size_download} %{num_connects}\n"])
                    .arg(format!("{base}/"))
                    .output()
                    .unwrap()
            })
            .await;
        server.stop().await;
        output
    });
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text, "200 2097152 1\n200 6 0\n", "{}", String::from_utf8_lossy(&output.stderr));
}
