//! The policy from outside: its laws, its verdicts, its permits, its words.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect should stop at that line"
)]

mod algebra;
mod compile_fail;
mod decisions;
mod exceptions;
mod explanation;
mod inbound;
mod judgement;
mod model;
mod network;
mod outbound;
mod peers;
mod policies;
mod published;
mod scale;
mod supremacy;
