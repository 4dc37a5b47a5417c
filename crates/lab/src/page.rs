//! The page's server: the files of `web/`, the events of the running network,
//! runs of scenarios, and the web sites of the lab in a normal browser.
//!
//! ```text
//!   browser ──► guard ──► files (web/, strict CSP)
//!                 │   ├──► api     status, world, messages, actions, faults
//!                 │   ├──► stream  live events (server-sent)
//!                 │   ├──► runs    a scenario on a thread of its own, as a log
//!                 │   └──► export  pcapng, JSON lines, Mermaid
//!                 └─────► proxy    NAME.localhost → port 80 of that host
//! ```

mod answer;
mod api;
mod export;
mod faults;
mod files;
mod guard;
mod layout;
mod proxy;
mod runs;
mod stream;
mod tape;
mod views;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::{Router, serve};
use capa7_net::{Host, TcpListener, TcpStream};

use crate::course::Station;
use crate::lab::Lab;
use crate::story::{HostEntry, HostTable};
use crate::world::Tier;

pub use layout::{HostView, Map, TierView};
pub use views::{FieldView, MessageView};

/// The page of one process.
#[derive(Clone, Debug)]
pub struct Page(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    live: Option<Live>,
    runs: runs::Runs,
    /// The course, measured when somebody first asks.
    course: OnceLock<Arc<Vec<Station>>>,
    /// The machine that the page itself runs on: its threads and tasks.
    machine: Host,
}

/// The running lab that a page shows.
#[derive(Debug)]
pub struct Live {
    lab: Lab,
    mode: &'static str,
    name: String,
    tape: Mutex<tape::Tape>,
    faults: faults::Board,
}

impl Live {
    /// A running lab: `mode` is `sealed`, `loopback` or `virtual`, `name` the
    /// one that other commands find it by.
    #[must_use]
    pub fn new(lab: Lab, mode: &'static str, name: &str) -> Self {
        let tape = Mutex::new(tape::Tape::default());
        Self { lab, mode, name: name.to_owned(), tape, faults: faults::Board::default() }
    }

    /// The tape, with everything told that was recorded so far.
    fn told(&self) -> MutexGuard<'_, tape::Tape> {
        let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        tape.catch_up(self.lab.network().capture());
        tape
    }

    /// Who is who at this moment: hosts join while programs run.
    fn hosts(&self) -> HostTable {
        let mut hosts = self.lab.hosts().clone();
        let known = hosts.entries().len();
        for host in self.lab.network().hosts().into_iter().skip(known) {
            hosts.push(HostEntry {
                name: host.name().to_owned(),
                addresses: host.addresses().to_vec(),
                region: host.region().to_owned(),
                site: None,
                tier: Tier::Client,
                person: None,
            });
        }
        hosts
    }
}

impl Page {
    /// A page that runs scenarios and, when there is one, shows a running lab.
    /// `machine` is where its threads come from.
    #[must_use]
    pub fn new(machine: Host, live: Option<Live>) -> Self {
        let (runs, course) = (runs::Runs::default(), OnceLock::new());
        Self(Arc::new(Inner { live, runs, course, machine }))
    }

    /// Answers browsers until the future is dropped.
    ///
    /// # Errors
    /// When the listener fails for good.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        serve(Door { listener, machine: self.0.machine.clone() }, self.router()).await
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/api/status", get(api::status))
            .route("/api/world", get(api::world))
            .route("/api/events", get(stream::events))
            .route("/api/message/{id}", get(api::message))
            .route("/api/filter", get(api::filter))
            .route("/api/do", post(api::act))
            .route("/api/faults", get(faults::list).post(faults::add))
            .route("/api/faults/{id}", delete(faults::remove))
            .route("/api/scenarios", get(runs::scenarios))
            .route("/api/runs", post(runs::run))
            .route("/api/runs/{run}/message/{id}", get(runs::message))
            .route("/api/course", get(runs::course))
            .route("/api/export/{kind}", get(export::export))
            .fallback(file)
            .layer(middleware::from_fn_with_state(self.clone(), admit))
            .with_state(self.clone())
    }

    fn live(&self) -> Result<&Live, answer::Refused> {
        self.0.live.as_ref().ok_or_else(|| {
            answer::Refused::missing("no lab runs behind this page; choose a scenario instead")
        })
    }
}

/// Everything that is no interface is a file.
async fn file(request: Request) -> Response<Body> {
    files::serve(request.uri().path(), request.headers())
}

/// Lets a request in, sends it on to a host of the lab, or turns it down.
async fn admit(State(page): State<Page>, request: Request, next: Next) -> Response<Body> {
    let refuse = |refusal: &guard::Refusal| files::plain(refusal.status(), &refusal.to_string());
    match guard::site(&request) {
        Ok(guard::Site::Page) => {}
        Ok(guard::Site::Host(name)) => return visit(&page, &name, request).await,
        Err(refusal) => return refuse(&refusal),
    }
    if let Err(refusal) = guard::may_change(&request) {
        return refuse(&refusal);
    }
    let mut response = next.run(request).await;
    files::protect(response.headers_mut());
    response
}

/// A web site of the lab, asked for from its first client.
async fn visit(page: &Page, name: &str, request: Request) -> Response<Body> {
    let live = match page.live() {
        Ok(live) => live,
        Err(refused) => return refused.into_response(),
    };
    let world = live.lab.world();
    let site = world.meant(name).and_then(|host| Some((host, *host.addresses.first()?)));
    let Some((site, address)) = site else {
        let text = format!("`{name}` is no host of this lab: the map's table lists all");
        return answer::Refused::missing(text).into_response();
    };
    let client = world.hosts.iter().find(|host| host.tier == Tier::Client);
    let visitor = client.and_then(|client| live.lab.network().host(&client.name));
    let Some(visitor) = visitor else {
        return answer::Refused::missing("this lab has no client to ask from").into_response();
    };
    let visitor = visitor.in_room(capa7_dissect::Room::Http);
    proxy::forward(&visitor, &site.public_name, address, request).await
}

/// The page's listener, in the form that axum takes.
struct Door {
    listener: TcpListener,
    machine: Host,
}

impl serve::Listener for Door {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(stream) => {
                    let peer = stream.peer_addr();
                    return (stream, peer);
                }
                Err(error) => {
                    // Out of descriptors: others close theirs meanwhile.
                    tracing::warn!(%error, "the page cannot accept a connection");
                    self.machine.sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.listener.local_addr())
    }
}

const ACCEPT_AGAIN: std::time::Duration = std::time::Duration::from_millis(200);
