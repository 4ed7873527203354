//! Authorities and certificates for one test.

use std::sync::Arc;

use postern_mail::Domain;
use postern_policy::{
    ChannelLevel, Defaults, Exclusivity, IdentityTerms, InboundTerms, Partner, Policy, Stage,
};
use postern_testkit::{Authority, Identity, Leaf};
use postern_tls::{
    CertificateFiles, CertificateStore, Profile, ProfileName, RevocationCheck, TrustAnchors,
};
use rustls_pki_types::UnixTime;
use tempfile::TempDir;

/// Who vouches for whom.
pub(crate) struct Pki {
    pub(crate) directory: TempDir,
    /// Vouches for us.
    pub(crate) public: Authority,
    /// Vouches for the partners.
    pub(crate) ministry: Authority,
}

impl Pki {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            public: Authority::new("Public CA"),
            ministry: Authority::new("Ministry CA"),
        }
    }

    /// Our own certificates.
    pub(crate) fn certificates(&self) -> Arc<CertificateStore> {
        let identity = self.public.issue(&Leaf::named("mx.own.example"));
        let files = identity.write(self.directory.path(), "own");
        let files = CertificateFiles {
            name: "default".to_owned(),
            chain: files.chain,
            key: files.key,
            ocsp: None,
        };
        Arc::new(CertificateStore::load(&[files], UnixTime::now()).unwrap())
    }

    fn anchors(&self) -> TrustAnchors {
        let path = self.directory.path().join("ministry-ca.pem");
        self.ministry.write(&path);
        TrustAnchors::from_file(&path).unwrap()
    }

    /// The certificate of a client of a partner.
    pub(crate) fn client(&self, name: &str) -> Identity {
        self.ministry.issue(&Leaf::named(name))
    }

    /// A partner `NAME` with the domain `NAME.example`, whose clients are `out.NAME.example`.
    pub(crate) fn partner(&self, name: &str, stage: Stage, exclusive: Exclusivity) -> Partner {
        self.partner_checking(name, stage, exclusive, None)
    }

    /// The same, whose certificates may be revoked.
    pub(crate) fn partner_checking(
        &self,
        name: &str,
        stage: Stage,
        exclusive: Exclusivity,
        revocation: Option<RevocationCheck>,
    ) -> Partner {
        let terms = InboundTerms {
            identity: IdentityTerms {
                names: vec![domain(&format!("out.{name}.example")).into()],
                trust: Some(self.anchors()),
                revocation,
                ..IdentityTerms::default()
            },
            exclusive,
            ..InboundTerms::requiring(ChannelLevel::Authenticated)
        };
        Partner::builder(name.parse().unwrap(), stage)
            .domain(format!("{name}.example").parse().unwrap())
            .inbound(terms)
            .build()
            .unwrap()
    }
}

fn domain(name: &str) -> Domain {
    name.parse().unwrap()
}

/// A policy with these partners.
pub(crate) fn policy(partners: Vec<Partner>) -> Arc<Policy> {
    Arc::new(plain_policy(partners))
}

/// The same, to be changed further.
pub(crate) fn plain_policy(partners: Vec<Partner>) -> Policy {
    let defaults = Defaults {
        profile: Profile::named(ProfileName::Intermediate),
        trust: TrustAnchors::public(),
    };
    Policy::new(defaults, partners).unwrap()
}
