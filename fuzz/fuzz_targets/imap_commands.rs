//! IMAP commands: any octets are frames within bounds, and commands or errors.
#![no_main]

use capa7_mail_proto::imap::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| fuzzing::commands(octets));
