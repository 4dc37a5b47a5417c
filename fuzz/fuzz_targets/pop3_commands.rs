//! POP3 command lines: any line is a command or an error.
#![no_main]

use capa7_mail_proto::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| fuzzing::pop3_commands(octets));
