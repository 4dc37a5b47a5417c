//! What a connection costs that only waits.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use capa7_net::{Host, Room};

use super::imap_load::Client;
use super::servers;
use crate::table::say;

/// Opens ten thousand connections that wait in `IDLE`; the memory of each.
pub(super) fn measure(folder: &Path) -> Result<String> {
    let server = servers::capa7_imap(folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (before, after) = runtime.block_on(async {
        let host = Host::machine(Room::Mail);
        let mut waiting = Vec::new();
        let first = Client::login(&host, server.port, "u0").await?;
        let before = server.memory_kib();
        for index in 0..CONNECTIONS {
            let mut client = Client::login(&host, server.port, &format!("u{}", index % 4)).await?;
            client.command("SELECT INBOX").await?;
            client.idle().await?;
            waiting.push(client);
        }
        let after = server.memory_kib();
        drop((waiting, first));
        anyhow::Ok((before, after))
    })?;
    let each = f64::from(u32::try_from(after.saturating_sub(before))?) / f64::from(CONNECTIONS);
    say(&format!("{CONNECTIONS} idle connections: {each:.1} KiB each"));
    let verdict = if each <= KIB_MAX { "met" } else { "**missed**" };
    let mut text = String::new();
    writeln!(
        text,
        "{CONNECTIONS} IMAP connections, logged in, INBOX selected, waiting in IDLE: \
         {each:.1} KiB each (at most {KIB_MAX} KiB: {verdict}); the server grew from {before} to \
         {after} KiB.\n"
    )?;
    Ok(text)
}

const CONNECTIONS: u32 = 10_000;
const KIB_MAX: f64 = 64.0;
