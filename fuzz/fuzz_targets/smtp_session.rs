//! Sessions: whatever a client sends, a message is taken only at its true end.
#![no_main]

use capa7_mail_proto::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| fuzzing::smtp_session(octets));
