//! The criteria for certificates.

use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{
    Criterion, Finding, Standing,
    report::{Report, list},
};
use crate::{
    CertificateSignature, PeerChain, PublicKey, certificate::weak_signature,
    pkix::MOST_INTERMEDIATES,
};

/// What is to be said of a chain: the leaf, and what came with it as far as a path may reach.
pub(super) fn findings(report: &Report, chain: &PeerChain) -> Vec<Finding> {
    let Ok((_, leaf)) = X509Certificate::from_der(chain.leaf()) else {
        let unreadable = report
            .keys(Criterion::LeafKey, &[chain.key()])
            .standing(Standing::NotMet);
        let found = "the certificate cannot be read".to_owned();
        return vec![Finding {
            found,
            ..unreadable
        }];
    };
    let mut findings = vec![
        report.keys(Criterion::LeafKey, &[chain.key()]),
        signatures(report, Criterion::LeafSignature, &[&leaf]),
    ];
    let others = chain.intermediates().iter().take(MOST_INTERMEDIATES);
    let others = others.map(|der| X509Certificate::from_der(der));
    let others: Vec<_> = others.filter_map(|read| Some(read.ok()?.1)).collect();
    if !others.is_empty() {
        let keys: Vec<_> = others
            .iter()
            .map(|other| PublicKey::of(other.public_key()))
            .collect();
        findings.push(report.keys(Criterion::ChainKeys, &keys));
        let others: Vec<_> = others.iter().collect();
        findings.push(signatures(report, Criterion::ChainSignatures, &others));
    }
    findings
}

/// The worst of the signatures that issuers made. What signed itself is left out: nobody relies
/// on such a signature.
fn signatures(
    report: &Report,
    criterion: Criterion,
    certificates: &[&X509Certificate<'_>],
) -> Finding {
    let issued = certificates
        .iter()
        .filter(|one| one.subject().as_raw() != one.issuer().as_raw());
    let read: Vec<_> = issued
        .map(|one| (CertificateSignature::of(one), name(one)))
        .collect();
    let bounds = report.bounds();
    let demanded = list(bounds.certificate_signatures());
    if read.is_empty() {
        let found = "signed by nobody but themselves";
        let finding = report.finding(criterion, found, demanded);
        return finding.standing(Standing::NotApplicable);
    }
    let within = read.iter().all(|(signature, _)| {
        signature.is_some_and(|signature| bounds.certificate_signatures.contains(&signature))
    });
    let found = list(read.iter().map(|(_, name)| name));
    report.finding(criterion, found, demanded).unless(within)
}

/// What to call a certificate's signature.
fn name(certificate: &X509Certificate<'_>) -> String {
    let oid = certificate.signature_algorithm.algorithm.to_string();
    match CertificateSignature::of(certificate) {
        Some(signature) => signature.to_string(),
        None => weak_signature(&oid).map_or_else(|| format!("algorithm {oid}"), str::to_owned),
    }
}
