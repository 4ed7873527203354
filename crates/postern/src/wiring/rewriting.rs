//! `[[alias]]` and `[[rewrite]]`: which addresses stand for others.

use std::sync::Arc;

use postern_config::{AliasAddress, Settings};
use postern_rewriting::{Alias, Aliased, Renaming, Rewriting, Srs};

/// What is rewritten.
pub(super) fn rewriting(written: &Settings, srs: Option<&Arc<Srs>>) -> Rewriting {
    let aliases = written.aliases.iter().map(|alias| Alias {
        address: match &alias.address {
            AliasAddress::Mailbox(mailbox) => Aliased::Mailbox(mailbox.clone()),
            AliasAddress::AllOf(domain) => Aliased::Rest(domain.clone()),
        },
        to: alias.to.clone(),
    });
    let renamings = written.rewrites.iter().map(|rewrite| Renaming {
        domain: rewrite.domain.clone(),
        to: rewrite.to.clone(),
    });
    Rewriting::new(aliases, renamings, srs.cloned())
}
