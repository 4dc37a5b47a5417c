//! Faults by click in the running lab: applied, listed, mended.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::{Path, State};
use capa7_net::capture::HostId;
use capa7_net::link::LinkConfig;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, Refused, in_words_of_scenarios};
use super::{Live, Page};
use crate::lab::Breakage;
use crate::scenario::Fault;

/// The faults that were made from the page and are in force.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<Faults>);

#[derive(Debug, Default)]
struct Faults {
    last: u64,
    active: BTreeMap<u64, Active>,
}

#[derive(Debug)]
struct Active {
    /// As it was asked for, which the page shows again.
    told: Value,
    /// To how many messages it applies; none is without end.
    count: Option<u64>,
    mend: Mend,
}

/// What undoes a fault.
#[derive(Debug)]
enum Mend {
    Broken(Breakage),
    Revive(HostId),
    Link { host: HostId, up: Box<LinkConfig>, down: Box<LinkConfig> },
    Nothing,
}

/// A fault in the words of scenarios, with what the page remembers of it.
#[derive(Debug, Deserialize)]
pub(super) struct FaultRequest {
    fault: Value,
    /// Shown again by the page: the kind of the button, the host.
    #[serde(default)]
    shown: Value,
}

/// A fault in force.
#[derive(Debug, Serialize)]
pub(super) struct FaultView {
    id: u64,
    shown: Value,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Faults> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) async fn list(State(page): State<Page>) -> Answer<Value> {
    let live = page.live()?;
    let mut faults = live.faults.lock();
    // A rule that applied as often as it should is no longer there.
    faults.active.retain(|_, fault| match &fault.mend {
        Mend::Broken(broken) => live.lab.is_broken(broken, fault.count),
        _ => true,
    });
    let list: Vec<FaultView> = faults
        .active
        .iter()
        .map(|(id, fault)| FaultView { id: *id, shown: fault.told.clone() })
        .collect();
    Ok(Json(json!({ "faults": list })))
}

pub(super) async fn add(
    State(page): State<Page>,
    Json(request): Json<FaultRequest>,
) -> Answer<Value> {
    let live = page.live()?;
    let fault: Fault = in_words_of_scenarios(&request.fault)?;
    let mut faults = live.faults.lock();
    if faults.active.len() >= FAULTS_MAX {
        return Err(Refused::bad("too many faults at once: mend some first"));
    }
    let before = before(live, &fault);
    let broken = live.lab.break_with(&fault).map_err(Refused::bad)?;
    let mend = broken.map_or(before, Mend::Broken);
    faults.last += 1;
    let id = faults.last;
    faults.active.insert(id, Active { told: request.shown, count: count(&request.fault), mend });
    Ok(Json(json!({ "id": id })))
}

pub(super) async fn remove(State(page): State<Page>, Path(id): Path<u64>) -> Answer<Value> {
    let live = page.live()?;
    let found = live.faults.lock().active.remove(&id);
    let Some(Active { mend, .. }) = found else {
        return Err(Refused::missing("this fault is mended already"));
    };
    let network = live.lab.network();
    match mend {
        Mend::Broken(broken) => live.lab.mend(&broken),
        Mend::Revive(host) => network.set_host_down(host, false),
        Mend::Link { host, up, down } => {
            network.set_access(host, *up, *down).map_err(Refused::bad)?;
        }
        Mend::Nothing => {}
    }
    Ok(Json(json!({})))
}

/// The `count` of a fault such as `{"drop": {"of": …, "count": 1}}`.
fn count(fault: &Value) -> Option<u64> {
    fault.as_object()?.values().next()?.get("count")?.as_u64()
}

/// How things are before the fault, for what is no rule.
fn before(live: &Live, fault: &Fault) -> Mend {
    let world = live.lab.world();
    let id = |word: &str| Some(live.lab.network().host(&world.meant(word)?.name)?.id());
    let found = match fault {
        Fault::Down(word) => id(word.get_ref()).map(Mend::Revive),
        Fault::Link(change) => id(change.host.get_ref()).and_then(|host| {
            let access = live.lab.network().access(host)?;
            Some(Mend::Link { host, up: Box::new(access.up), down: Box::new(access.down) })
        }),
        _ => None,
    };
    found.unwrap_or(Mend::Nothing)
}

/// More would not be seen on the page.
const FAULTS_MAX: usize = 64;
