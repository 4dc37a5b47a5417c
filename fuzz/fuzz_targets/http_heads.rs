//! HTTP: heads to bytes and back, bodies whole and in pieces, the dissector.
#![no_main]

use capa7_http_proto::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzzing::http_heads(bytes));
