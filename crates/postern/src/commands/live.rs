//! What a delivery goes by, put together in this process for `explain` and `probe`: the same
//! settings, policy, resolver and certificates as the daemon's, but nothing that it keeps is
//! touched.
//!
//! Of the daemon's MTA-STS cache the policy of the destination is copied to a directory that goes
//! with the command; what is fetched meanwhile goes there too. Where the cache cannot be read,
//! the policy is fetched.

use std::{fs, path::Path, sync::Arc};

use postern_config::{HonourSts, Settings};
use postern_dns::Resolver;
use postern_fetch::{MtaSts, NoSts, StsPolicies, StsSettings};
use postern_mail::{Domain, ForwardPath, TlsWish};
use postern_outbound::{Situation, survey::Question};
use tempfile::TempDir;

use crate::{
    failure::Failure,
    wiring::{self, Wiring},
};

/// A delivery that is thought of.
pub(super) struct Live {
    pub(super) situation: Arc<Situation>,
    pub(super) question: Question,
    /// It goes with this.
    _cache: TempDir,
}

impl Live {
    /// Mail to `path`. It must be called on a runtime.
    pub(super) fn new(
        settings: Settings,
        path: &ForwardPath,
        wish: TlsWish,
    ) -> Result<Self, Failure> {
        // Where a listener has a port of the system's choice, nobody knows it here.
        let bound: Vec<_> = settings.listeners.iter().map(|it| it.address).collect();
        let wiring = Wiring::from(settings);
        let way = wiring.delivery.routes.way(path);
        let way = way.map_err(|error| Failure::new(path, &error))?;
        let resolver = Resolver::new(&wiring.dns);
        let resolver = resolver.map_err(|error| Failure::new("the resolver", &error))?;
        let resolver = Arc::new(resolver);
        let cache = tempfile::tempdir();
        let cache = cache.map_err(|error| Failure::new("a directory for a moment", &error))?;
        if let Some(domain) = way.destination.domain() {
            copy_policy(&wiring.spool.path.join("sts"), domain, cache.path());
        }
        let sts = policies(&wiring, &resolver, cache.path())?;
        let situation = wiring::situation(&wiring, &bound, resolver, sts);
        Ok(Self {
            situation: Arc::new(situation),
            question: Question { way, wish },
            _cache: cache,
        })
    }
}

/// Each policy is in a file of its domain's name. What is no policy is found out when the copy
/// is read.
fn copy_policy(from: &Path, domain: &Domain, to: &Path) {
    let name = domain.as_str();
    // Without it the policy is fetched.
    let _ = fs::copy(from.join(name), to.join(name));
}

fn policies(
    wiring: &Wiring,
    resolver: &Arc<Resolver>,
    cache: &Path,
) -> Result<Arc<dyn StsPolicies>, Failure> {
    if wiring.honour == HonourSts::No {
        return Ok(Arc::new(NoSts));
    }
    let dns = Arc::clone(resolver) as _;
    let http = wiring::http_client(dns, wiring.trust())?;
    let settings = StsSettings {
        targets: wiring.targets,
        ..StsSettings::new(cache)
    };
    let opened = MtaSts::open(http, settings);
    Ok(Arc::new(
        opened.map_err(|error| Failure::new("MTA-STS", &error))?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_policy_of_the_destination_is_copied() {
        let [from, to] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        for name in ["a.example", "b.example"] {
            fs::write(from.path().join(name), name).unwrap();
        }
        for domain in ["a.example", "c.example"] {
            copy_policy(from.path(), &domain.parse().unwrap(), to.path());
        }
        let names = |directory: &TempDir| {
            let entries = fs::read_dir(directory.path()).unwrap();
            let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(&to), ["a.example"]);
        assert_eq!(names(&from), ["a.example", "b.example"]);
    }
}
