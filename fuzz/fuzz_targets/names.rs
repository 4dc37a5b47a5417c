//! Names: octets to name to text to name, and text to name to octets.
#![no_main]

use capa7_dns_proto::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| fuzzing::names(octets));
