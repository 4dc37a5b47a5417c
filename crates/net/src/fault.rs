//! What can be broken: links, connections, single messages.

/// The faults of a network. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Faults;
