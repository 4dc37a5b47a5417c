//! Answers: any query gets a well-formed reply or none.
#![no_main]

use capa7_dns_proto::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| fuzzing::answers(octets));
