//! `[partner.inbound]`: what connections that bring a partner's mail must prove.

use postern_policy::{ChannelLevel, ClientUsage, Exclusivity, InboundTerms};

use super::{Loaders, identity, nothing_required};
use crate::{
    schema::{Key, Located, Occurs, Reported, Section, Table},
    value::BOOLEAN,
};

/// What was written for the way in.
pub(super) struct Written {
    identity: identity::Written,
    exclusive: Result<Located<bool>, Reported>,
    server_auth: Result<Option<Located<bool>>, Reported>,
}

static KEYS: identity::Keys = identity::Keys::new(
    "What a connection must be before mail from the partner's domains is accepted over it. \
     `any`: nothing. `encrypted`: TLS. `authenticated`: TLS with a client certificate that \
     proves to be the partner's.",
    [
        "none; `authenticated` needs `names` or `spki-pins`",
        r#"["out.ministry.example"]"#,
        "The names of which the client's certificate must show one, among its subject \
         alternative names (RFC 9525).",
    ],
    "The keys of which the client must hold one, whoever has signed its certificate. Together \
     with `names` both must hold.",
);

static EXCLUSIVE: Key<bool> = Key::defaulted(
    "exclusive",
    &BOOLEAN,
    "false",
    "Whether the partner's certificate may bring mail from the partner's domains only.",
);

static SERVER_AUTH: Key<bool> = Key::optional(
    "server-auth-certificates",
    &BOOLEAN,
    "true when the partner is identified by `names`",
    "true",
    "Whether a certificate that is made for servers passes for a client's. Public authorities no \
     longer issue any for clients.",
);

pub(super) static INBOUND: Section = Section {
    name: "inbound",
    occurs: Occurs::Once,
    doc: "What connections that bring the partner's mail must prove. When it is absent, nothing \
          is required.",
    keys: &[
        &KEYS.require.entry,
        &KEYS.names.entry,
        &KEYS.pins.entry,
        &KEYS.trust.entry,
        &KEYS.revocation.crl.entry,
        &KEYS.revocation.unknown.entry,
        &EXCLUSIVE.entry,
        &SERVER_AUTH.entry,
    ],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(super) fn read(table: &Table<'_>) -> Written {
    Written {
        identity: KEYS.read(table),
        exclusive: table.one(&EXCLUSIVE),
        server_auth: table.maybe(&SERVER_AUTH),
    }
}

impl Written {
    /// The terms that this means.
    pub(super) fn check(
        self,
        table: &Table<'_>,
        loaders: &Loaders<'_>,
    ) -> Result<InboundTerms, Reported> {
        if !table.is_written() {
            nothing_required(table, "from");
            return Ok(InboundTerms::requiring(ChannelLevel::Any));
        }
        let anonymous = self.identity.names == Ok(None) && self.identity.pins == Ok(None);
        let (require, identity) = self.identity.check(loaders)?;
        if anonymous && require.requires_authenticated_peer() {
            // The policy would take the partner's domains for names. Nobody gets certificates
            // for sending hosts in those names, so it is rather a name that was forgotten.
            table.notes().error(
                table.spot(),
                "\"authenticated\" does not say as whom",
                "give names or spki-pins, or write require = \"encrypted\"",
            );
        }
        Ok(InboundTerms {
            require,
            identity,
            usage: self.server_auth?.map(|accept| match accept.value {
                true => ClientUsage::AcceptServerAuth,
                false => ClientUsage::ClientAuthOnly,
            }),
            exclusive: match self.exclusive?.value {
                true => Exclusivity::Exclusive,
                false => Exclusivity::Shared,
            },
        })
    }
}
