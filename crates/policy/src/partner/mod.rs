//! A partner: whom we know, and what a connection with them must prove, in both directions.

mod check;
mod name;
mod terms;
mod words;

use std::sync::Arc;

use postern_mail::{Domain, DomainMap, DomainPattern, Mailbox, NextHop};
use postern_tls::Profile;

pub use check::PartnerError;
pub use name::{PartnerName, PartnerNameError};
pub use terms::{
    CertificateName, ClientUsage, Dane, Direction, Exclusivity, IdentityTerms, InboundTerms,
    OutboundTerms,
};

use self::words::RulesInWords;
use crate::Stage;

/// A partner whose rules have been checked: they say what they mean, and nothing in them would
/// be passed over.
///
/// ```
/// use postern_policy::{ChannelLevel, InboundTerms, OutboundTerms, Partner, Stage};
///
/// let partner = Partner::builder("Ministry of Examples".parse()?, Stage::Enforce)
///     .domain("ministry.example".parse()?)
///     .domain("*.ministry.example".parse()?)
///     .outbound(OutboundTerms::requiring(ChannelLevel::Authenticated))
///     .inbound(InboundTerms::requiring(ChannelLevel::Encrypted))
///     .build();
/// assert!(partner.is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Partner {
    name: PartnerName,
    domains: Vec<DomainPattern>,
    exceptions: DomainMap<DomainPattern>,
    except: Vec<DomainPattern>,
    stage: Stage,
    profile: Option<&'static Profile>,
    contact: Option<Mailbox>,
    outbound: OutboundTerms,
    inbound: InboundTerms,
    in_words: RulesInWords,
}

impl Partner {
    /// Begins a partner that nothing is demanded of yet.
    pub fn builder(name: PartnerName, stage: Stage) -> PartnerBuilder {
        PartnerBuilder(Self {
            name,
            stage,
            domains: Vec::new(),
            exceptions: DomainMap::new(),
            except: Vec::new(),
            profile: None,
            contact: None,
            outbound: OutboundTerms::requiring(crate::ChannelLevel::Any),
            inbound: InboundTerms::requiring(crate::ChannelLevel::Any),
            in_words: RulesInWords::none(),
        })
    }

    /// What the partner is called.
    pub fn name(&self) -> &PartnerName {
        &self.name
    }

    /// The domains that are the partner's.
    pub fn domains(&self) -> &[DomainPattern] {
        &self.domains
    }

    /// The domains that are not the partner's although its patterns match them.
    pub fn except(&self) -> &[DomainPattern] {
        &self.except
    }

    /// The exception that `domain` is.
    pub(crate) fn exception(&self, domain: &Domain) -> Option<&DomainPattern> {
        self.exceptions.find(domain)
    }

    /// How far the partner's rules have been rolled out.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The crypto profile for connections with the partner, where it is not the general one.
    pub fn profile(&self) -> Option<&'static Profile> {
        self.profile
    }

    /// Whom to ask there.
    pub fn contact(&self) -> Option<&Mailbox> {
        self.contact.as_ref()
    }

    /// What is demanded of connections to the partner.
    pub fn outbound(&self) -> &OutboundTerms {
        &self.outbound
    }

    /// What is demanded of connections from the partner.
    pub fn inbound(&self) -> &InboundTerms {
        &self.inbound
    }

    /// What the rule of one direction demands, in words: the same words for the same demands, in
    /// whatever order they were written, so that what was measured under one rule is not taken
    /// for what another would do. The stage is no part of it, nor are domains: where no name is
    /// given they stand in for it, and come and go without making another rule. What `[tls]` says
    /// of everybody is no part of it either.
    pub fn rule_in_words(&self, direction: Direction) -> &Arc<str> {
        self.in_words.get(direction)
    }

    /// The fixed next hops of the partner; none where routes and MX records decide.
    pub fn next_hops(&self) -> &[NextHop] {
        &self.outbound.hosts
    }
}

/// A partner in the making.
#[derive(Debug, Clone)]
#[must_use = "a partner that is not built is not checked"]
pub struct PartnerBuilder(Partner);

impl PartnerBuilder {
    /// Adds domains that are the partner's.
    pub fn domain(mut self, pattern: DomainPattern) -> Self {
        self.0.domains.push(pattern);
        self
    }

    /// Takes out domains that its patterns match, and that are not the partner's.
    pub fn except(mut self, pattern: DomainPattern) -> Self {
        self.0.exceptions.insert(pattern.clone(), pattern.clone());
        self.0.except.push(pattern);
        self
    }

    /// Sets the crypto profile.
    pub fn profile(mut self, profile: &'static Profile) -> Self {
        self.0.profile = Some(profile);
        self
    }

    /// Sets whom to ask there.
    pub fn contact(mut self, contact: Mailbox) -> Self {
        self.0.contact = Some(contact);
        self
    }

    /// Sets what is demanded of connections to the partner.
    pub fn outbound(mut self, terms: OutboundTerms) -> Self {
        self.0.outbound = terms;
        self
    }

    /// Sets what is demanded of connections from the partner.
    pub fn inbound(mut self, terms: InboundTerms) -> Self {
        self.0.inbound = terms;
        self
    }

    /// The partner, checked.
    ///
    /// # Errors
    /// Everything that is wrong at once, each with the key it stands at.
    pub fn build(mut self) -> Result<Partner, Vec<PartnerError>> {
        let errors = check::check(&self.0);
        if errors.is_empty() {
            self.0.in_words = RulesInWords::of(&self.0);
            Ok(self.0)
        } else {
            Err(errors)
        }
    }
}

#[cfg(test)]
mod tests;
