//! What happened, in a form that people and checks can read.
//!
//! ```text
//!   capa7_net::Event ──Teller──► EventView ──► filter, checks, page
//!                                   │
//!                 ladder · tree of causes · Mermaid · JSON lines
//! ```

mod hosts;
mod ladder;
mod mermaid;
mod spanish;
mod teller;
mod tree;
mod uppercase;
mod view;
mod words;

pub use hosts::{HostEntry, HostTable};
pub use ladder::{LadderOptions, ladder};
pub use mermaid::mermaid;
pub use teller::{Detail, Teller, decode_message, detail, field_bytes, fold_fates, tell_all};
pub use tree::{CauseTree, tree_text};
pub use view::{EventType, EventView, Fields, json_line, run_line};
