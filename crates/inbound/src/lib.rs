//! Listeners, admission and the receiving shell.

mod accept;
mod admission;
mod census;
mod drain;
mod header_watch;
mod inbound;
mod received;
mod session;
mod settings;
mod shared;
mod situation;

pub use inbound::{BindError, Control, Drained, Inbound};
pub use settings::{Limits, Listener, Role, Settings, TlsMode};
pub use situation::{Replaced, TlsFault};
