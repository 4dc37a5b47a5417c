//! Messages: octets to message to octets, whole and cut, and the fields of the dissector.
#![no_main]

use capa7_dns_proto::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| fuzzing::messages(octets));
