//! Delivery from a real queue over real sockets to neighbours on loopback.

mod neighbour;
mod world;

mod notices;
mod opportunistic;
mod partner;
mod reuse;
