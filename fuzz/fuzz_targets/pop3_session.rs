//! POP3 sessions: what goes was marked, and goes at QUIT; all of it is explained.
#![no_main]

use capa7_mail_proto::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| fuzzing::pop3_session(octets));
