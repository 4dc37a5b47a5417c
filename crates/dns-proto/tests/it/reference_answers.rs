//! Our answers beside those of other name servers, in process.

use capa7_dns_proto::answer::{AnswerContext, Transport, answer};

use crate::reference_cases;

#[test]
fn answers_are_those_on_which_two_reference_servers_agree() {
    let mut context = AnswerContext::new(reference_cases::settings());
    let there = reference_cases::all_are_met(|zones, query| {
        let mut out = [0; 1232];
        let reply = answer(zones, query, Transport::Datagram, &mut out, &mut context);
        Ok(out[..reply.ok_or("no reply")?.octets].to_vec())
    });
    if !there {
        capa7_peers::skip("the reference answers of other name servers");
    }
}
