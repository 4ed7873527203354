//! Counts on disk, whatever is counted: a directory with a file per day, entries in lines with
//! checksums ([`mod@file`]), and the writing of what has changed every few seconds ([`Kept`]).
//!
//! Two things are kept like this, the [`ledger`](crate::ledger) and the
//! [book](crate::dmarc::AggregateBook) of judged mail. What holds for their files is said there.

pub(crate) mod book;
pub(crate) mod day;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod files;
mod kept;
pub(crate) mod text;
pub(crate) mod word;

pub(crate) use kept::{Counts, FLUSH_EVERY, Kept, Lines};
