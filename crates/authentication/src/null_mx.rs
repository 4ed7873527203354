//! Domains that take no mail, and therefore write none that could be answered (RFC 7505).

use postern_mail::Domain;

use crate::answers::{self, Missing, Questions};

/// Whether a domain refuses all mail by a null MX (RFC 7505 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullMx {
    /// It does; mail from it may be refused as well (RFC 7505 §4.2).
    Yes,
    /// It does not.
    No,
    /// It could not be found out.
    Unknown,
}

/// Asks for the hosts of a domain. A null MX stands alone: with others beside it, it is a
/// mistake, and the domain takes mail (RFC 7505 §3).
pub(crate) async fn ask(questions: &Questions, domain: &Domain) -> NullMx {
    let Ok(name) = answers::name(domain.as_str()) else {
        return NullMx::No;
    };
    match questions.mx(&name).await.as_deref() {
        Ok([only]) if only.exchange.is_root() => NullMx::Yes,
        Ok(_) | Err(Missing::NoSuchName | Missing::NoData) => NullMx::No,
        Err(Missing::Unknown(_)) => NullMx::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use postern_dns::FixedZone;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_null_mx_stands_alone() {
        let zone: FixedZone = "
            null.example    MX 0 .
            mail.example    MX 0 mx.mail.example
            both.example    MX 0 .
            both.example    MX 5 mx.mail.example
            host.example    A  192.0.2.1
            broken.example  FAIL servfail
        "
        .parse()
        .unwrap();
        for (domain, expected) in [
            ("null.example", NullMx::Yes),
            ("mail.example", NullMx::No),
            ("both.example", NullMx::No),
            ("host.example", NullMx::No),
            ("absent.example", NullMx::No),
            ("broken.example", NullMx::Unknown),
        ] {
            let deadline = Instant::now() + Duration::from_secs(60);
            let questions = Questions::new(Arc::new(zone.clone()), 100, deadline);
            assert_eq!(
                ask(&questions, &domain.parse().unwrap()).await,
                expected,
                "{domain}"
            );
        }
    }
}
