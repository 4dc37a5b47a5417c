//! Many queries from many hosts, at fixed times.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use capa7_dissect::{Cause, Room};
use capa7_dns::{StubClient, StubOptions};
use capa7_dns_proto::{Name, Rcode};
use capa7_net::Task;

use super::{Lab, LabError, LoadResult, Outcome};
use crate::scenario::Load;
use crate::text::Bilingual;

#[derive(Debug, Default)]
struct Tally {
    answered: AtomicU64,
    waited_ns: AtomicU64,
}

impl Lab {
    /// Sends the queries at their times, whether or not earlier ones are
    /// answered, and waits for all.
    pub(super) async fn load(&self, load: &Load) -> Result<(Cause, Outcome), LabError> {
        let server = load.server.as_ref().map(|word| word.get_ref().as_str());
        let mut stubs = Vec::new();
        for word in &load.from {
            for described in self.world().group(word.get_ref()) {
                let (_, host) = self.host(&described.name)?;
                let at = self.name_server(described, server)?;
                let options = StubOptions {
                    tries: load.tries.unwrap_or(StubOptions::default().tries),
                    ..StubOptions::default()
                };
                let stub = StubClient::new(host.in_room(Room::Dns), at).with_options(options);
                stubs.push((host, stub));
            }
        }
        let mut names = Vec::with_capacity(load.names.len());
        for name in &load.names {
            let bad = |error| LabError::Bad(format!("`{}`: {error}", name.get_ref()));
            names.push(Name::parse(name.get_ref()).map_err(bad)?);
        }
        let Some((first, _)) = stubs.first() else {
            return Err(LabError::Bad("a load needs a host that asks".to_owned()));
        };
        let clock = first.clone();
        let (queries, hosts) = (load.count, stubs.len());
        let text = Bilingual::new(
            format!("{queries} queries from {hosts} hosts"),
            format!("{queries} consultas desde {hosts} equipos"),
        );
        let event = self.note_action(&clock, text);
        let shares = shares(names.len(), load.skew);
        let start = point_of(self.network().seed());
        let tally = Arc::new(Tally::default());
        let mut tasks = Vec::new();
        let begin = clock.now();
        for number in 0..load.count {
            clock.sleep_until(begin + load.every.0 * number).await;
            let turn = usize::try_from(number).unwrap_or(0) % stubs.len();
            let Some((host, stub)) = stubs.get(turn).cloned() else { break };
            let point = (start + f64::from(number) * TURN).fract();
            let Some(name) = pick(&names, &shares, point).cloned() else { break };
            let (tally, record_type) = (Arc::clone(&tally), load.record_type);
            if tasks.len() >= TASKS_KEPT {
                // One that is done keeps its memory as long as it is held.
                tasks.retain(|task: &Task<()>| !task.is_finished());
            }
            tasks.push(host.clone().spawn("load", async move {
                let begin = host.now();
                if let Ok(reply) = stub.query(&name, record_type, event).await
                    && matches!(reply.message.header.rcode, Rcode::NOERROR | Rcode::NXDOMAIN)
                {
                    let waited = host.now().since(begin).as_nanos();
                    let waited = u64::try_from(waited).unwrap_or(u64::MAX);
                    tally.answered.fetch_add(1, Ordering::Relaxed);
                    tally.waited_ns.fetch_add(waited, Ordering::Relaxed);
                }
            }));
        }
        for task in tasks {
            // A task of a host that ended counts as a query without answer.
            let _ended = task.await;
        }
        Ok((
            event,
            Outcome::Load(LoadResult {
                asked: u64::from(load.count),
                answered: tally.answered.load(Ordering::Relaxed),
                waited_ns: tally.waited_ns.load(Ordering::Relaxed),
            }),
        ))
    }
}

/// Queries under way of which nobody asks whether they are done.
const TASKS_KEPT: usize = 256;

/// The running sums of the names' shares: the k-th name is asked for in
/// proportion to k^-skew.
#[expect(clippy::cast_precision_loss, reason = "as many names as a file lists")]
fn shares(names: usize, skew: f64) -> Vec<f64> {
    let mut sum = 0.0;
    let mut add = |rank: usize| {
        sum += ((rank + 1) as f64).powf(-skew);
        sum
    };
    (0..names).map(&mut add).collect()
}

/// The name at a point between 0 and 1 of the shares.
fn pick<'a>(names: &'a [Name], shares: &[f64], point: f64) -> Option<&'a Name> {
    let at = point * shares.last()?;
    names.get(shares.partition_point(|share| *share <= at).min(names.len() - 1))
}

/// Where the names of a run begin, between 0 and 1.
fn point_of(seed: u64) -> f64 {
    let low = u32::try_from(seed % u64::from(u32::MAX)).unwrap_or(0);
    (f64::from(low) * TURN).fract()
}

/// The golden section: its multiples fill the space between 0 and 1 evenly, so
/// that each name has its share, and two loads with one list of names ask the
/// same questions in the same order.
const TURN: f64 = 0.618_033_988_749_894_9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skew_of_one_asks_for_the_first_name_twice_as_often_as_for_the_second() {
        let names = [Name::parse("a").unwrap(), Name::parse("b").unwrap()];
        let shares = shares(2, 1.0);
        let firsts =
            (0..300).filter(|k| pick(&names, &shares, f64::from(*k) / 300.0) == names.first());
        assert_eq!(firsts.count(), 200);
    }
}
