//! Master files: any text is a zone or a list of errors; a zone written out reads the same.
#![no_main]

use capa7_dns_proto::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| fuzzing::zone_files(text));
