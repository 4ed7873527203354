//! A zone in memory, for tests and for the demonstration that needs no name server. How it is
//! written down is in [`text`].

pub(crate) mod text;

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use async_trait::async_trait;

use crate::{
    Addresses, Answer, Caa, Cause, Denial, Dns, Failure, LookupError, Mx, Name, Proof, Tlsa,
    chain::Way,
};

/// Answers from a text instead of from the network. Failures and proofs are part of the data.
///
/// ```text
/// zone  = *( line "\n" )
/// line  = [ "$PROOF" ( "secure" / "insecure" / "indeterminate" ) / "$TTL" seconds / entry ]
///         [ ";" comment ]
/// entry = name "MX" preference name
///       / name ( "A" / "AAAA" ) address
///       / name "TXT" text                      ; the rest of the line
///       / name "TLSA" usage selector matching hex
///       / name ( "PTR" / "CNAME" ) name
///       / name "CAA" ( "0" / "128" ) tag value ; the rest of the line
///       / name [ type ] "FAIL" cause           ; one type of record, or all of them
///       / name [ type ] "NONE"                 ; no such records, or no such name
/// cause = "timeout" / "servfail" / "refused" / "bogus" / "network" / "malformed"
///       / "excessive"
/// ```
/// A word that begins with a semicolon begins a comment.
///
/// `$PROOF` and `$TTL` count for the lines behind them; before the first one an answer is
/// `indeterminate` and valid for an hour. Whatever has no entry is denied, and the denial is as
/// well proven as the nearest entry at or above the name, so a zone denies as it answers. `NONE`
/// denies with a proof of its own.
#[derive(Debug, Clone, Default)]
pub struct FixedZone {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    name: Name,
    data: Data,
    proof: Proof,
    ttl: Duration,
}

#[derive(Debug, Clone)]
enum Data {
    Mx(Mx),
    Address(IpAddr),
    Txt(Vec<u8>),
    Tlsa(Tlsa),
    Ptr(Name),
    Caa(Caa),
    Alias(Name),
    Failure(Option<Kind>, Cause),
    Nothing(Option<Kind>),
}

impl Data {
    /// Whether this is there, rather than a word about what is not.
    fn is_record(&self) -> bool {
        !matches!(self, Self::Failure(..) | Self::Nothing(_))
    }
}

/// The types of records that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mx,
    A,
    Aaaa,
    Txt,
    Tlsa,
    Ptr,
    Caa,
}

impl FixedZone {
    fn find<T>(
        &self,
        name: &Name,
        kind: Kind,
        read: impl Fn(&Data) -> Option<T>,
    ) -> Result<Answer<T>, LookupError> {
        let mut way = Way::from(name);
        loop {
            self.check_failure(way.here(), kind)?;
            let here = || self.entries.iter().filter(|e| e.name == *way.here());
            if let Some(denial) = self.denied(&way, kind) {
                return Err(denial);
            }
            let (records, limits): (Vec<_>, Vec<_>) = here()
                .filter_map(|entry| Some((read(&entry.data)?, (entry.proof, entry.ttl))))
                .unzip();
            if !records.is_empty() {
                let (proofs, ttls): (Vec<_>, Vec<_>) = limits.into_iter().unzip();
                let worst = proofs.into_iter().fold(Proof::Secure, Proof::min);
                let shortest = ttls.into_iter().min().unwrap_or_default();
                let (canonical, aliases, proof) = way.end(worst);
                let now = Instant::now();
                return Ok(Answer {
                    records,
                    proof,
                    received: Some(now),
                    valid_until: now + shortest,
                    canonical,
                    aliases,
                });
            }
            let alias = here().find_map(|entry| match &entry.data {
                Data::Alias(target) => Some((target.clone(), entry.proof)),
                _ => None,
            });
            let Some((target, proof)) = alias else {
                return Err(self.missing(way));
            };
            way.follow(target, proof)
                .map_err(|cause| failure(name, kind, cause))?;
        }
    }

    fn check_failure(&self, name: &Name, asked: Kind) -> Result<(), Failure> {
        let fails = self.entries.iter().find_map(|entry| match entry.data {
            Data::Failure(kind, cause)
                if entry.name == *name && kind.is_none_or(|kind| kind == asked) =>
            {
                Some(cause)
            }
            _ => None,
        });
        fails.map_or(Ok(()), |cause| Err(failure(name, asked, cause)))
    }

    /// What a `NONE` says about the name that the way has come to.
    fn denied(&self, way: &Way, asked: Kind) -> Option<LookupError> {
        self.entries.iter().find_map(|entry| match entry.data {
            Data::Nothing(kind)
                if entry.name == *way.here() && kind.is_none_or(|kind| kind == asked) =>
            {
                Some(denial(way.clone(), kind.is_some(), entry.proof))
            }
            _ => None,
        })
    }

    fn missing(&self, way: Way) -> LookupError {
        let mut records = self.entries.iter().filter(|entry| entry.data.is_record());
        let exists = records.any(|entry| way.here().holds(&entry.name));
        let proof = self.proof_near(way.here());
        denial(way, exists, proof)
    }

    fn proof_near(&self, name: &Name) -> Proof {
        let mut holder = name.clone();
        loop {
            if let Some(entry) = self.entries.iter().find(|entry| entry.name == holder) {
                return entry.proof;
            }
            if holder.is_root() {
                return Proof::Indeterminate;
            }
            holder = holder.parent();
        }
    }
}

fn denial(way: Way, exists: bool, proof: Proof) -> LookupError {
    let (name, aliases, proof) = way.end(proof);
    let denial = Denial {
        name,
        proof,
        received: Some(Instant::now()),
        aliases: aliases.into(),
    };
    if exists {
        LookupError::NoData(denial)
    } else {
        LookupError::NoSuchDomain(denial)
    }
}

fn failure(name: &Name, kind: Kind, cause: Cause) -> Failure {
    let kind = match kind {
        Kind::Mx => "MX",
        Kind::A => "A",
        Kind::Aaaa => "AAAA",
        Kind::Txt => "TXT",
        Kind::Tlsa => "TLSA",
        Kind::Ptr => "PTR",
        Kind::Caa => "CAA",
    };
    Failure {
        cause,
        text: format!("{kind} of {name}"),
    }
}

#[async_trait]
impl Dns for FixedZone {
    async fn mx(&self, name: &Name) -> Result<Answer<Mx>, LookupError> {
        self.find(name, Kind::Mx, |data| match data {
            Data::Mx(mx) => Some(mx.clone()),
            _ => None,
        })
    }

    async fn addresses(&self, name: &Name) -> Addresses {
        let ipv4 = self.find(name, Kind::A, |data| match data {
            Data::Address(IpAddr::V4(address)) => Some(*address),
            _ => None,
        });
        let ipv6 = self.find(name, Kind::Aaaa, |data| match data {
            Data::Address(IpAddr::V6(address)) => Some(*address),
            _ => None,
        });
        Addresses { ipv4, ipv6 }
    }

    async fn txt(&self, name: &Name) -> Result<Answer<Vec<u8>>, LookupError> {
        self.find(name, Kind::Txt, |data| match data {
            Data::Txt(text) => Some(text.clone()),
            _ => None,
        })
    }

    async fn tlsa(&self, name: &Name) -> Result<Answer<Tlsa>, LookupError> {
        self.find(name, Kind::Tlsa, |data| match data {
            Data::Tlsa(tlsa) => Some(tlsa.clone()),
            _ => None,
        })
    }

    async fn ptr(&self, address: IpAddr) -> Result<Answer<Name>, LookupError> {
        self.find(&Name::reverse(address), Kind::Ptr, |data| match data {
            Data::Ptr(name) => Some(name.clone()),
            _ => None,
        })
    }

    async fn caa(&self, name: &Name) -> Result<Answer<Caa>, LookupError> {
        self.find(name, Kind::Caa, |data| match data {
            Data::Caa(caa) => Some(caa.clone()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MOST_ALIASES;

    const ZONE: &str = "
        $PROOF secure
        example.org             MX    10 mx.example.org   ; the one host
        example.org             MX    20 .
        mx.example.org          A     192.0.2.1
        mx.example.org          AAAA  2001:db8::1
        _25._tcp.mx.example.org TLSA  3 1 1 00ff7F
        example.org             TXT   v=STSv1; id=1 ; not this
        1.2.0.192.in-addr.arpa  PTR   mx.example.org
        example.org             CAA   128 Issue ca.example; account=1
        $PROOF insecure
        alias.example           CNAME mx.example.org
        nowhere.example         CNAME absent.example
        circle.example          CNAME round.example
        round.example           CNAME circle.example
        broken.example          FAIL  servfail
        half.example            AAAA  FAIL timeout
        half.example            A     192.0.2.2
    ";

    fn zone() -> FixedZone {
        ZONE.parse().unwrap()
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn every_type_is_answered() {
        let mx = zone().mx(&name("EXAMPLE.org.")).await.unwrap();
        assert_eq!(mx.records.len(), 2);
        assert!(mx.records[1].exchange.is_root());
        assert_eq!(mx.proof, Proof::Secure);
        let txt = zone().txt(&name("example.org")).await.unwrap();
        assert_eq!(txt.records, [b"v=STSv1; id=1".to_vec()]);
        let owner = name("mx.example.org").tlsa_owner(25).unwrap();
        let tlsa = zone().tlsa(&owner).await.unwrap();
        assert_eq!(tlsa.records[0].association, [0x00, 0xff, 0x7f]);
        let ptr = zone().ptr("192.0.2.1".parse().unwrap()).await.unwrap();
        assert_eq!(ptr.records, [name("mx.example.org")]);
        let caa = zone().caa(&name("example.org")).await.unwrap();
        let issue = Caa {
            critical: true,
            tag: "issue".to_owned(),
            value: b"ca.example; account=1".to_vec(),
        };
        assert_eq!(caa.records, [issue]);
        let both = zone().addresses(&name("mx.example.org")).await;
        assert_eq!(both.combined().unwrap().records.len(), 2);
    }

    #[tokio::test]
    async fn an_alias_lowers_the_proof_and_is_shown() {
        let answer = zone().addresses(&name("alias.example")).await.ipv4.unwrap();
        assert_eq!(answer.proof, Proof::Insecure);
        assert_eq!(answer.canonical, name("mx.example.org"));
        assert_eq!(answer.aliases[0].proof, Proof::Insecure);
    }

    #[tokio::test]
    async fn what_is_missing_is_told_apart_from_what_fails() {
        let secure = zone().txt(&name("mx.example.org")).await.unwrap_err();
        assert!(matches!(&secure, LookupError::NoData(d) if d.proof == Proof::Secure));
        let between = zone().txt(&name("_tcp.mx.example.org")).await.unwrap_err();
        assert!(matches!(&between, LookupError::NoData(_)), "{between}");
        let absent = zone().mx(&name("nowhere.example")).await.unwrap_err();
        assert!(
            matches!(&absent, LookupError::NoSuchDomain(d) if d.name == name("absent.example"))
        );
        for (asked, cause) in [
            ("broken.example", Cause::ServerFailure),
            ("circle.example", Cause::Aliases),
        ] {
            let error = zone().mx(&name(asked)).await.unwrap_err();
            assert!(
                matches!(&error, LookupError::Temporary(f) if f.cause == cause),
                "{error}"
            );
        }
        let half = zone().addresses(&name("half.example")).await;
        assert!(half.ipv4.is_ok() && matches!(half.ipv6, Err(LookupError::Temporary(_))));
    }

    #[tokio::test]
    async fn denials_and_times_can_be_written_down() {
        let zone: FixedZone = "
            $PROOF secure
            $TTL 60
            example.org      MX   10 mx.example.org
            mx.example.org   A    192.0.2.1
            $PROOF insecure
            mx.example.org   TLSA NONE
            gone.example.org NONE
        "
        .parse()
        .unwrap();
        let now = Instant::now();
        let mx = zone.mx(&name("example.org")).await.unwrap();
        assert_eq!(mx.ttl(mx.received.unwrap()), Duration::from_secs(60));
        assert!(mx.received.is_some_and(|it| now <= it));
        let tlsa = zone.tlsa(&name("mx.example.org")).await.unwrap_err();
        assert!(matches!(&tlsa, LookupError::NoData(d) if d.proof == Proof::Insecure));
        let txt = zone.txt(&name("mx.example.org")).await.unwrap_err();
        assert_eq!(txt.proof(), Some(Proof::Secure));
        let gone = zone.mx(&name("gone.example.org")).await.unwrap_err();
        assert!(matches!(&gone, LookupError::NoSuchDomain(d) if d.proof == Proof::Insecure));
    }

    #[tokio::test]
    async fn a_chain_of_aliases_has_a_bound() {
        let chain = |length: usize| -> FixedZone {
            let mut text: String = (0..length)
                .map(|n| format!("n{n}.example CNAME n{}.example\n", n + 1))
                .collect();
            text.push_str(&format!("n{length}.example TXT end"));
            text.parse().unwrap()
        };
        assert!(chain(MOST_ALIASES).txt(&name("n0.example")).await.is_ok());
        let error = chain(MOST_ALIASES + 1)
            .txt(&name("n0.example"))
            .await
            .unwrap_err();
        assert!(matches!(error, LookupError::Temporary(f) if f.cause == Cause::Aliases));
    }
}
