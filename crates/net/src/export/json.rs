//! One event, one line.

use std::fmt::Write;

use serde_json::Value;

use crate::capture::Event;
use crate::network::Network;

/// An event as one line of JSON, without the line's end: its fields as in
/// [`Event`], and for what travels the hosts' names and the bytes in hexadecimal.
#[must_use]
pub fn json_line(network: &Network, event: &Event) -> String {
    let Ok(Value::Object(mut line)) = serde_json::to_value(event) else {
        return String::new();
    };
    if let Some(packet) = event.packet() {
        let name = |id| network.host_by_id(id).map(|host| Value::from(host.name()));
        for (field, id) in [("from_name", packet.from_host), ("to_name", packet.to_host)] {
            line.insert(field.to_owned(), id.and_then(name).unwrap_or(Value::Null));
        }
        line.insert("bytes".to_owned(), hexadecimal(&packet.bytes).into());
    }
    Value::Object(line).to_string()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
