//! Labs sealed off from the machine, with stock programs in them.
