//! IMAP sessions: whatever a client says, its session answers in whole lines and reads on.
#![no_main]

use capa7_mail_proto::imap::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| fuzzing::session(octets));
