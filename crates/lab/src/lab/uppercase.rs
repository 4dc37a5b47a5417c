//! The uppercase servers of the course on hosts of the lab: started with the
//! world, or when a scenario says so (course K1, K2).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use capa7_dissect::Cause;
use capa7_net::{Host, Task};
use capa7_sockets::tcp_server::TcpServer;
use capa7_sockets::udp_server::UdpServer;
use capa7_sockets::{PORT, Tell};

use super::{Lab, LabError, Outcome};
use crate::scenario::Program;
use crate::text::Bilingual;
use crate::world::{SocketService, WorldHost};

/// The running uppercase servers, by host, transport and port. A server ends
/// with its tasks, of which it has one per address.
#[derive(Debug, Default)]
pub(super) struct UppercaseServers(Mutex<BTreeMap<Key, Vec<Task<()>>>>);

type Key = (String, SocketService, u16);

impl UppercaseServers {
    /// Starts what the world's hosts serve from the beginning.
    pub(super) fn start_all(&self, hosts: &[(&WorldHost, &Host)]) -> Result<(), LabError> {
        for (described, host) in hosts {
            for service in &described.services.sockets {
                self.start(host, *service, PORT)?;
            }
        }
        Ok(())
    }

    /// Starts one server; a running one is replaced.
    fn start(&self, host: &Host, over: SocketService, port: u16) -> Result<(), LabError> {
        let key = (host.name().to_owned(), over, port);
        self.stop(&key);
        let tasks = host.addresses().iter().filter(|address| address.is_ipv4());
        let tasks = tasks.map(|address| task(host, over, SocketAddr::new(*address, port)));
        let tasks = tasks.collect::<Result<Vec<_>, _>>()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, tasks);
        Ok(())
    }

    /// Takes away all servers of a host, to be ended.
    fn take_all(&self, host: &str) -> Vec<Task<()>> {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<Key> = servers.keys().filter(|key| key.0 == host).cloned().collect();
        keys.iter().filter_map(|key| servers.remove(key)).flatten().collect()
    }

    /// Ends a server; whether there was one.
    fn stop(&self, key: &Key) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key).is_some()
    }
}

/// A task that serves at one address until it is dropped.
fn task(host: &Host, over: SocketService, at: SocketAddr) -> Result<Task<()>, LabError> {
    let failed = |error: capa7_net::startup::DoorError| LabError::Service {
        host: host.name().to_owned(),
        service: "the uppercase server",
        problem: error.to_string(),
    };
    // The servers note what they do; nobody sits in front of them.
    let tell: Tell = Arc::new(|_| {});
    Ok(match over {
        SocketService::Udp => {
            let server = UdpServer::bind(host, at).map_err(failed)?;
            host.spawn("udp-server", async move {
                let Err(error) = server.run(tell).await;
                tracing::debug!(%error, %at, "the UDP server ended");
            })
        }
        SocketService::Tcp => {
            let server = TcpServer::bind(host, at).map_err(failed)?;
            host.spawn("tcp-server", async move {
                let Err(error) = server.run(tell).await;
                tracing::debug!(%error, %at, "the TCP server ended");
            })
        }
    })
}

impl Lab {
    /// Ends our own uppercase servers on a host, because a program of a
    /// student's is to be that host instead (course K3). Other services stay.
    /// Says whether there were any.
    pub async fn make_room(&self, host: &Host) -> bool {
        let tasks = self.shared.uppercase.take_all(host.name());
        if tasks.is_empty() {
            return false;
        }
        let name = host.name();
        let text = Bilingual::new(
            format!("{name} makes room for a program"),
            format!("{name} hace lugar a un programa"),
        );
        self.note_action(host, text);
        for task in tasks {
            task.abort();
            // Its sockets are closed when it has ended.
            let _ended = task.await;
        }
        true
    }

    /// Starts an uppercase server on a host.
    pub(super) fn start_program(&self, program: &Program) -> Result<(Cause, Outcome), LabError> {
        let (described, host) = self.host(program.host.get_ref())?;
        let Program { over, port, .. } = program;
        let (name, over_name) = (&described.name, over.name());
        let text = Bilingual::new(
            format!("{name} starts its {over_name} server"),
            format!("{name} inicia su servidor {over_name}"),
        );
        let event = self.note_action(&host, text);
        self.shared.uppercase.start(&host, *over, *port)?;
        Ok((event, Outcome::Done))
    }

    /// Ends an uppercase server on a host.
    pub(super) fn stop_program(&self, program: &Program) -> Result<(Cause, Outcome), LabError> {
        let (described, host) = self.host(program.host.get_ref())?;
        let Program { over, port, .. } = program;
        let (name, over_name) = (&described.name, over.name());
        let text = Bilingual::new(
            format!("{name} ends its {over_name} server"),
            format!("{name} termina su servidor {over_name}"),
        );
        let event = self.note_action(&host, text);
        let key = (host.name().to_owned(), *over, *port);
        let outcome = match self.shared.uppercase.stop(&key) {
            true => Outcome::Done,
            false => Outcome::failed(format!("no {} server runs at port {port}", over.name())),
        };
        Ok((event, outcome))
    }
}

impl SocketService {
    /// The transport's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}
