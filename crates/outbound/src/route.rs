//! Which way a recipient's mail goes: by configuration first, by MX records else.

use std::sync::Arc;

use postern_mail::{Domain, DomainMap, DomainPattern, ForwardPath, Host, NextHop};
use postern_policy::{DeliveryPlan, RouteFloor};

use crate::PaceOverride;

/// Next hops that the configuration names for some domains, in the order of preference.
#[derive(Debug, Clone)]
pub struct Route {
    /// Where to hand over; the first that answers takes the mail.
    pub next_hops: Vec<NextHop>,
    /// What every channel on this route must prove at least.
    pub floor: Option<RouteFloor>,
    /// Whether what comes from others is sent on in their name.
    pub senders: Senders,
    /// How fast each destination on this route is given mail.
    pub pace: PaceOverride,
}

/// In whose name mail from others goes the way it goes (RFC 7208 §2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Senders {
    /// In theirs: the next hop is one of ours, and knows that it hears it from us.
    Kept,
    /// In ours, by SRS where it is configured: the next hop may ask whether we may speak for them.
    Rewritten,
}

/// All configured routes.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    own: DomainMap<Arc<Route>>,
    outward: DomainMap<Arc<Route>>,
    postmaster: Option<Domain>,
}

impl Routes {
    /// Gives a domain that we accept mail for its next hop; it goes before every other route.
    pub fn add_own(&mut self, domain: DomainPattern, route: Route) {
        self.own.insert(domain, Arc::new(route));
    }

    /// Gives the mail for other domains a next hop.
    pub fn add_outward(&mut self, domain: DomainPattern, route: Route) {
        self.outward.insert(domain, Arc::new(route));
    }

    /// Names the domain whose postmaster gets what is for `<Postmaster>` without a domain
    /// (RFC 5321 §4.5.1).
    pub fn set_postmaster_domain(&mut self, domain: Domain) {
        self.postmaster = Some(domain);
    }

    /// The way for one recipient.
    ///
    /// # Errors
    /// The recipient is the bare `<Postmaster>`, and there is no domain of ours.
    pub fn way(&self, forward_path: &ForwardPath) -> Result<Way, NoWay> {
        let destination = match forward_path {
            ForwardPath::Postmaster => self.postmaster.clone().map(Host::Domain).ok_or(NoWay)?,
            ForwardPath::Mailbox(mailbox) => mailbox.host().clone(),
        };
        Ok(self.way_to(destination))
    }

    /// The way for mail to a destination.
    pub fn way_to(&self, destination: Host) -> Way {
        let route = destination
            .domain()
            .and_then(|domain| self.route_of(domain))
            .cloned();
        Way {
            destination,
            route,
            detour: None,
        }
    }

    fn route_of(&self, domain: &Domain) -> Option<&Arc<Route>> {
        self.own.find(domain).or_else(|| self.outward.find(domain))
    }
}

/// The way for a recipient: what it is for, and which route the configuration gives it. Without
/// a route MX records name the next hop (RFC 5321 §5.1).
#[derive(Debug, Clone)]
pub struct Way {
    /// What the mail is for: the domain whose policy counts, or an address literal.
    pub destination: Host,
    /// What the configuration says of it, if anything.
    pub route: Option<Arc<Route>>,
    /// Where it goes instead: to the next hops for suspicious mail. What the destination demands
    /// of channels holds there as well.
    pub detour: Option<Vec<NextHop>>,
}

impl Way {
    /// The next hops that the configuration fixes: the partner's before the route's.
    pub fn fixed_hops<'a>(&'a self, plan: &'a DeliveryPlan) -> &'a [NextHop] {
        if let Some(detour) = &self.detour {
            return detour;
        }
        match (plan.next_hops(), &self.route) {
            ([], Some(route)) => &route.next_hops,
            ([], None) => &[],
            (hops, _) => hops,
        }
    }

    /// In whose name mail from others goes this way.
    pub fn senders(&self) -> Senders {
        match (&self.detour, &self.route) {
            (Some(_), _) => Senders::Kept,
            (None, Some(route)) => route.senders,
            (None, None) => Senders::Rewritten,
        }
    }

    /// What the route demands of its channels.
    pub fn floor(&self) -> Option<&RouteFloor> {
        self.route.as_ref()?.floor.as_ref()
    }
}

/// A recipient without a domain, and no domain of ours to fall back on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no domain of ours is configured whose postmaster could get this mail")]
pub struct NoWay;

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes {
        let route = |hop: &str| Route {
            next_hops: vec![hop.parse().unwrap()],
            floor: None,
            senders: Senders::Kept,
            pace: PaceOverride::default(),
        };
        let mut routes = Routes::default();
        routes.add_own("own.example".parse().unwrap(), route("inside.example"));
        routes.add_outward(
            "*.partner.example".parse().unwrap(),
            route("gateway.example"),
        );
        routes
    }

    #[track_caller]
    fn check(routes: &Routes, forward_path: &str, expected: &str) {
        let (forward_path, _) = ForwardPath::parse_prefix(forward_path).unwrap();
        let found = match routes.way(&forward_path) {
            Ok(Way {
                route: Some(route), ..
            }) => route.next_hops[0].to_string(),
            Ok(Way {
                destination,
                route: None,
                ..
            }) => format!("MX of {destination}"),
            Err(NoWay) => "no way".to_owned(),
        };
        assert_eq!(found, expected, "{forward_path}");
    }

    #[test]
    fn the_configuration_goes_before_mx_records() {
        check(&routes(), "<a@own.example>", "inside.example:25");
        check(&routes(), "<a@sub.own.example>", "MX of sub.own.example");
        check(&routes(), "<a@mx.partner.example>", "gateway.example:25");
        check(
            &routes(),
            "<a@elsewhere.example>",
            "MX of elsewhere.example",
        );
        check(&routes(), "<a@[192.0.2.1]>", "MX of [192.0.2.1]");
    }

    #[test]
    fn own_domains_go_before_a_route_for_everything() {
        let mut routes = routes();
        let smarthost = Route {
            next_hops: vec!["smarthost.example".parse().unwrap()],
            floor: None,
            senders: Senders::Rewritten,
            pace: PaceOverride::default(),
        };
        routes.add_outward(DomainPattern::Any, smarthost);
        check(&routes, "<a@own.example>", "inside.example:25");
        check(&routes, "<a@elsewhere.example>", "smarthost.example:25");
    }

    #[test]
    fn the_bare_postmaster_is_at_the_first_domain_of_ours() {
        let mut routes = routes();
        check(&routes, "<Postmaster>", "no way");
        routes.set_postmaster_domain("own.example".parse().unwrap());
        check(&routes, "<Postmaster>", "inside.example:25");
    }
}
