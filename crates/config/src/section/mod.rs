//! The sections of the file: each with its keys, what they mean, and what is held against them.

pub(crate) mod admin;
pub(crate) mod alias;
pub(crate) mod authentication;
pub(crate) mod break_glass;
pub(crate) mod certificate;
pub(crate) mod delivery;
pub(crate) mod deny;
pub(crate) mod dkim;
pub(crate) mod dns;
pub(crate) mod domain;
mod floor;
pub(crate) mod limits;
pub(crate) mod listener;
pub(crate) mod log;
pub(crate) mod mta_sts;
mod named_file;
pub(crate) mod partner;
pub(crate) mod publish;
pub(crate) mod queue;
pub(crate) mod reports;
pub(crate) mod revocation;
pub(crate) mod route;
pub(crate) mod spool;
pub(crate) mod srs;
pub(crate) mod tls;
pub(crate) mod trust;

use crate::schema::Located;

/// The elements of a list whose places no longer matter; none when it was not written.
fn values<T>(list: Option<Vec<Located<T>>>) -> Vec<T> {
    let list = list.into_iter().flatten();
    list.map(|element| element.value).collect()
}
