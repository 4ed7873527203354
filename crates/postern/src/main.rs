//! Postern, a mail transfer agent that enforces authenticated TLS with partners.
//!
//! This is the binary: it reads the command line, loads the configuration, and gives each of the
//! other crates its part of it. It has no rules of its own: what a channel must prove is decided
//! by `postern-policy`, where mail goes by `postern-outbound`, what is taken by
//! `postern-inbound`, and what a configuration means by `postern-config`.
//!
//! | question | module |
//! |---|---|
//! | what can be asked for? | [`cli`] |
//! | how is it answered? | [`commands`], one file for each |
//! | what happens between start and end of the daemon? | [`daemon`] |
//! | how does it look with neighbours around it? | [`demo`] |
//! | what is frozen, and whose is it? | [`freezer`], [`whose`] |
//! | which setting becomes which argument? | [`wiring`] |
//! | what does the daemon give up before it listens? | [`sandbox`] |
//! | what is printed, and how does a failure look? | [`output`], [`words`], [`failure`] |
//!
//! Left out: `import` and `evidence`, which come with later versions.

mod certificates;
mod cli;
mod commands;
mod daemon;
mod demo;
mod failure;
mod freezer;
mod load;
mod output;
mod sandbox;
mod signing_keys;
mod whose;
mod wiring;
mod words;

use std::process::ExitCode;

use clap::Parser as _;
use tikv_jemallocator::Jemalloc;

/// A message is taken by one thread, written by a second and let go by a third. With the allocator
/// of the C library they wait for each other's locks: a fifth of the processor time of a message.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let line = cli::CommandLine::parse();
    let exit = commands::run(line).unwrap_or_else(|failure| failure.tell());
    exit.into()
}
