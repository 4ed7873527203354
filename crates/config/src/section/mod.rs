//! The sections of the file: each with its keys, what they mean, and what is held against them.

pub(crate) mod admin;
pub(crate) mod break_glass;
pub(crate) mod certificate;
pub(crate) mod delivery;
pub(crate) mod deny;
pub(crate) mod dns;
pub(crate) mod domain;
mod floor;
pub(crate) mod limits;
pub(crate) mod listener;
pub(crate) mod log;
pub(crate) mod mta_sts;
pub(crate) mod partner;
pub(crate) mod queue;
pub(crate) mod revocation;
pub(crate) mod route;
pub(crate) mod spool;
pub(crate) mod tls;
pub(crate) mod trust;
