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
pub(crate) mod pace;
pub(crate) mod partner;
pub(crate) mod publish;
pub(crate) mod queue;
pub(crate) mod reports;
pub(crate) mod revocation;
pub(crate) mod route;
pub(crate) mod service;
pub(crate) mod spool;
pub(crate) mod srs;
pub(crate) mod tls;
pub(crate) mod trust;

use std::net::IpAddr;

use postern_mail::Network;

use crate::schema::Located;

/// The elements of a list whose places no longer matter; none when it was not written.
fn values<T>(list: Option<Vec<Located<T>>>) -> Vec<T> {
    let list = list.into_iter().flatten();
    list.map(|element| element.value).collect()
}

/// Beyond what registries give to one organisation: an IPv4 range beyond /8, an IPv6 range
/// beyond /20.
fn is_public_and_wide(network: &Network) -> bool {
    match network.address() {
        IpAddr::V4(_) => network.prefix() < 8,
        IpAddr::V6(address) => network.prefix() < 20 && !address.is_unique_local(),
    }
}
