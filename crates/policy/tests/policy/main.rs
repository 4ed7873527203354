//! The policy from outside: its laws, its verdicts, its permits, its words.

mod algebra;
mod compile_fail;
mod explanation;
mod inbound;
mod judgement;
mod outbound;
mod peers;
mod policies;
mod scale;
