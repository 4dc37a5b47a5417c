//! What one answer costs on this machine (course D13). It is the only figure
//! that is not the same in every run.

use capa7_dissect::Room;
use capa7_dns_proto::answer::{AnswerContext, Transport, answer};
use capa7_dns_proto::message::{Message, Question};
use capa7_dns_proto::zone::{Zone, ZoneSet};
use capa7_net::Host;

use crate::world::WorldZone;

/// Nanoseconds per query when the answering function is asked for the zone's
/// own names, in turn, on one core.
pub(super) fn nanos_per_query(zone: &WorldZone, queries: u32) -> Option<f64> {
    let mut asked = Vec::new();
    for record in zone.records.records() {
        let question = Question::new(record.owner.clone(), record.record_type);
        asked.push(Message::query(1, question).write().ok()?);
    }
    let zones = ZoneSet::single(Zone::compile(&zone.records).ok()?.into());
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    runtime.block_on(async {
        let host = Host::machine(Room::Dns);
        let mut context = AnswerContext::default();
        let mut out = vec![0; ANSWER_OCTETS];
        let begin = host.now();
        let mut answered: u32 = 0;
        for query in asked.iter().cycle().take(usize::try_from(queries).ok()?) {
            let reply = answer(&zones, query, Transport::Datagram, &mut out, &mut context);
            answered += u32::from(reply.is_some());
        }
        let nanos = host.now().since(begin).as_nanos();
        let nanos = f64::from(u32::try_from(nanos / u128::from(answered.max(1))).ok()?);
        (answered == queries && queries > 0).then_some(nanos)
    })
}

const ANSWER_OCTETS: usize = 65_535;
