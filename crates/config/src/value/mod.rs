//! How single values are written: durations, sizes, addresses, names, files.

mod duration;
mod kinds;
mod moment;
mod rate;
mod size;
mod unit;
mod url;

pub(crate) use duration::Duration;
pub(crate) use kinds::{
    ANY_PATTERN, BOOLEAN, CHANNEL, COUNT, DOMAIN, DURATION, FILE, MAILBOX, MOMENT, NAME, NETWORK,
    NEXT_HOP, PATTERN, SENTENCE, SERVER, SIZE, SOCKET, SPKI_PIN, domain, mailbox, name,
    not_a_choice, path,
};
pub use rate::Rate;
pub use size::ByteSize;
pub(crate) use url::url;
