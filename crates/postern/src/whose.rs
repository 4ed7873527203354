//! Which domains are a partner's, where an operator names one.

use postern_admin::PartnerDomains;
use postern_mail::{Domain, DomainPattern};
use postern_policy::{PartnerName, Policy};

/// The domains of the partner of this name, if there is one.
///
/// A more specific pattern counts first (see [`postern_mail::DomainMap`]), so what belongs to
/// somebody else below a wildcard of the partner is an exception like those that are written.
pub(crate) fn partner_domains(policy: &Policy, name: &str) -> Option<PartnerDomains> {
    let name: PartnerName = name.parse().ok()?;
    let partner = policy.partner(&name)?;
    let others = policy.partners().filter(|it| *it.name() != name);
    let theirs = others.flat_map(|it| it.domains());
    let theirs = theirs.filter(|pattern| lies_below_one_of(pattern, partner.domains()));
    Some(PartnerDomains {
        domains: partner.domains().to_vec(),
        except: partner.except().iter().chain(theirs).cloned().collect(),
    })
}

fn lies_below_one_of(pattern: &DomainPattern, all: &[DomainPattern]) -> bool {
    let top: &Domain = match pattern {
        DomainPattern::Exact(domain) | DomainPattern::Below(domain) => domain,
        DomainPattern::Any => return false,
    };
    all.iter().any(|one| one.matches(top))
}
