//! The record for other programs: pcapng for Wireshark, JSON lines for scripts.
//!
//! Both writers take one event after the other, so that a running lab can feed
//! them as it goes.

mod frame;
mod json;
mod pcapng;

pub use json::json_line;
pub use pcapng::{PcapngWriter, write_pcapng};
