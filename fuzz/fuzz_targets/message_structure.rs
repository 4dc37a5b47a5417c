//! Mail messages: parts that nest, and everything that is told of them.
#![no_main]

use capa7_mail_proto::message::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| fuzzing::message_structure(octets));
