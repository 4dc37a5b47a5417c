//! POP3 servers: whatever one says, our client keeps within what came.
#![no_main]

use capa7_mail_proto::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| fuzzing::pop3_replies(octets));
