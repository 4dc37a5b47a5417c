//! A webmail gateway in front of any mail server, all in clear on this machine:
//! `webmail LISTEN IMAP SUBMISSION DOMAIN`, each an address with a port but the
//! last. It ends with its standard input.
#![allow(clippy::print_stdout, reason = "the program tells where it listens")]

use std::env;
use std::error::Error;
use std::net::SocketAddr;

use capa7_dissect::Room;
use capa7_mail::webmail::{Webmail, WebmailConfig};
use capa7_net::Host;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [listen, imap, submission, domain] = arguments.as_slice() else {
        return Err("webmail LISTEN IMAP SUBMISSION DOMAIN".into());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let host = Host::machine(Room::Http);
        let (imap, submission): (SocketAddr, SocketAddr) = (imap.parse()?, submission.parse()?);
        let config = WebmailConfig::new(listen.parse()?, imap, submission, domain);
        let webmail = Webmail::start(&host, config)?;
        println!("http://{}", webmail.address());
        host.blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await?;
        webmail.stop().await;
        Ok(())
    })
}
