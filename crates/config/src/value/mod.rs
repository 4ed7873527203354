//! How single values are written: durations, sizes, addresses, names, files.

mod duration;
mod kinds;
mod size;
mod unit;

pub(crate) use duration::Duration;
pub(crate) use kinds::{
    ANY_PATTERN, BOOLEAN, CHANNEL, COUNT, DOMAIN, DURATION, FILE, NAME, NETWORK, NEXT_HOP, PATTERN,
    SERVER, SIZE, SOCKET, name, not_a_choice, path,
};
pub use size::ByteSize;
