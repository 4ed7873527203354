use std::{
    sync::{LazyLock, atomic::AtomicBool, atomic::Ordering},
    thread,
};

use postern_testkit::{Authority, Identity, Leaf, RevocationList, Validity, crl_pem};
use proptest::prelude::*;
use rustls_pki_types::UnixTime;

use super::*;
use crate::{
    CertificateUsage, ChainFault, PeerChain, Possession, ProfileName, SeenCertificate, Whose,
    pkix::{self, Demand, Wildcards},
    testing::{anchors, bounds, now},
};

use UnknownStatus::{Accept, Refuse};

fn leaf() -> Leaf {
    Leaf::named("mx.mal.test")
}

/// What stands for an authority, the one below it and a host of that one.
struct Ministry {
    root: Authority,
    issuing: Authority,
    host: Identity,
}

impl Ministry {
    fn new() -> Self {
        let root = Authority::new("Root");
        let issuing = root.intermediate("Issuing");
        let host = issuing.issue(&leaf());
        Self {
            root,
            issuing,
            host,
        }
    }

    /// Holds the host against lists, each of which is a source of its own, called 0, 1 and so on.
    fn status(&self, lists: &[Vec<u8>], unknown: UnknownStatus) -> Judged {
        self.judge(&check_of(lists, unknown))
    }

    fn judge(&self, check: &RevocationCheck) -> Judged {
        judge(&self.root, &self.host, check)
    }
}

type Judged = Result<RevocationStatus, ChainFault>;

fn check_of(lists: &[Vec<u8>], unknown: UnknownStatus) -> RevocationCheck {
    let sources = lists.iter().enumerate().map(|(at, list)| {
        let source = CrlSource::new(at.to_string());
        source.replace(list, now()).unwrap();
        Arc::new(source)
    });
    RevocationCheck::new(sources, unknown)
}

fn judge(root: &Authority, host: &Identity, check: &RevocationCheck) -> Judged {
    let chain = PeerChain::new(host.chain(), Possession::Proven, None).unwrap();
    let demand = Demand {
        usage: CertificateUsage::ServerAuth,
        anchors: &anchors(root),
        names: &[],
        wildcards: Wildcards::Forbidden,
        bounds: bounds(ProfileName::Intermediate),
        revocation: Some(check),
    };
    pkix::verify(&chain, &demand, now()).map(|verified| verified.revocation)
}

fn list(number: u64) -> RevocationList {
    RevocationList::numbered(number)
}

/// A verdict in words: `good`, why it is refused, or `accepted: ` and why it is not known.
#[track_caller]
fn check(judged: &Judged, expected: &str) {
    let text = match judged {
        Ok(RevocationStatus::Good) => "good".to_owned(),
        Ok(RevocationStatus::NotChecked) => "not checked".to_owned(),
        Ok(RevocationStatus::Unknown(gap)) => format!("accepted: {gap}"),
        Err(fault) => fault.to_string(),
    };
    assert!(text.starts_with(expected), "{text}");
}

const UNKNOWN: &str = "it is not known whether the certificate was revoked: ";

/// Silence is refused, or accepted with the same reason.
#[track_caller]
fn check_unknown(ministry: &Ministry, lists: &[Vec<u8>], reason: &str) {
    check(
        &ministry.status(lists, Refuse),
        &format!("{UNKNOWN}{reason}"),
    );
    check(
        &ministry.status(lists, Accept),
        &format!("accepted: {reason}"),
    );
}

/// Whatever else is not known, what is listed is refused.
#[track_caller]
fn check_revoked(ministry: &Ministry, lists: &[Vec<u8>], whose: Whose) {
    for unknown in [Refuse, Accept] {
        let judged = ministry.status(lists, unknown);
        let found = match &judged {
            Err(ChainFault::Revoked { whose, .. }) => *whose,
            other => panic!("{other:?}"),
        };
        assert_eq!(found, whose);
    }
}

#[test]
fn every_certificate_below_the_anchor_is_looked_up() {
    let ministry = Ministry::new();
    let Ministry {
        root,
        issuing,
        host,
    } = &ministry;
    let (above, below) = (root.crl(&list(1)), issuing.crl(&list(1)));
    let leaf_revoked = issuing.crl(&list(1).revoking(host.leaf()));
    let issuer_revoked = root.crl(&list(1).revoking(issuing.certificate()));
    check(
        &ministry.status(&[above.clone(), below.clone()], Refuse),
        "good",
    );
    check_revoked(
        &ministry,
        &[above.clone(), leaf_revoked.clone()],
        Whose::Leaf,
    );
    check_revoked(
        &ministry,
        &[issuer_revoked.clone(), below.clone()],
        Whose::Issuer,
    );
    check_revoked(&ministry, &[leaf_revoked], Whose::Leaf);
    check_revoked(&ministry, &[issuer_revoked], Whose::Issuer);
    check_unknown(
        &ministry,
        &[above],
        "there is no revocation list of O=Postern tests, CN=Issuing",
    );
    check_unknown(
        &ministry,
        &[below],
        "there is no revocation list of O=Postern tests, CN=Root",
    );
    check_unknown(&ministry, &[], "there is no revocation list of");
}

#[test]
fn another_path_may_be_good() {
    let root = Authority::new("Root");
    let first = root.intermediate("Issuing");
    let second = first.certified_again(&root);
    let host = first.issue(&leaf());
    let below = first.crl(&list(1));
    let revoking = |revoked: &[&Authority]| {
        let all = revoked.iter().fold(list(1), |list, authority| {
            list.revoking(authority.certificate())
        });
        check_of(&[root.crl(&all), below.clone()], Refuse)
    };
    for (near, far) in [(&first, &second), (&second, &first)] {
        let chain = [host.leaf(), near.certificate(), far.certificate()].map(Clone::clone);
        let host = Identity::of(chain.to_vec(), host.key());
        check(&judge(&root, &host, &revoking(&[])), "good");
        check(&judge(&root, &host, &revoking(&[near])), "good");
        check(
            &judge(&root, &host, &revoking(&[near, far])),
            "the certificate of an issuing authority, serial",
        );
    }
}

#[test]
fn what_was_revoked_is_named() {
    let root = Authority::new("Root");
    let host = root.issue(&leaf().serial(&[0x0a, 0xbc]));
    let check = check_of(&[root.crl(&list(1).revoking(host.leaf()))], Refuse);
    assert_eq!(
        judge(&root, &host, &check).unwrap_err().to_string(),
        "the certificate, serial 0abc, was revoked on 2023-11-14 22:13 UTC"
    );
    let other = root.issue(&leaf().serial(&[0x0a, 0xbd]));
    assert_eq!(judge(&root, &other, &check), Ok(RevocationStatus::Good));
}

#[test]
fn a_source_that_gave_nothing_yet_is_named() {
    let ministry = Ministry::new();
    let check = RevocationCheck::new([Arc::new(CrlSource::new("ministry.crl"))], Refuse);
    self::check(
        &ministry.judge(&check),
        &format!(
            "{UNKNOWN}there is no revocation list of O=Postern tests, CN=Issuing; nothing has \
             been loaded from ministry.crl"
        ),
    );
}

#[test]
fn a_list_that_ran_out_shows_nothing_to_be_good() {
    let ministry = Ministry::new();
    let Ministry {
        root,
        issuing,
        host,
    } = &ministry;
    let old = || list(1).validity(Validity::Expired);
    let above = root.crl(&list(1));
    check_unknown(
        &ministry,
        &[above.clone(), issuing.crl(&old())],
        "the revocation list of O=Postern tests, CN=Issuing (1) ran out on 20",
    );
    check_unknown(
        &ministry,
        &[root.crl(&old()), issuing.crl(&list(1))],
        "the revocation list of O=Postern tests, CN=Root (0) ran out on 20",
    );
    let revoking = issuing.crl(&old().revoking(host.leaf()));
    check_revoked(&ministry, &[above, revoking.clone()], Whose::Leaf);
    check_revoked(&ministry, &[root.crl(&old()), revoking], Whose::Leaf);
}

#[test]
fn a_list_by_another_key_says_nothing() {
    let ministry = Ministry::new();
    let Ministry {
        root,
        issuing,
        host,
    } = &ministry;
    let other = Authority::new("Issuing");
    let (above, below) = (root.crl(&list(1)), issuing.crl(&list(1)));
    for forged in [list(9), list(9).revoking(host.leaf())] {
        let forged = other.crl(&forged);
        check_unknown(
            &ministry,
            &[above.clone(), forged.clone()],
            "the revocation list that claims to be of O=Postern tests, CN=Issuing (1) is not by \
             its key: its signature is wrong",
        );
        // Beside a true one it changes nothing, however new it claims to be.
        let both = [above.clone(), forged.clone(), below.clone()];
        check(&ministry.status(&both, Refuse), "good");
        let revoking = issuing.crl(&list(1).revoking(host.leaf()));
        check_revoked(&ministry, &[above.clone(), revoking, forged], Whose::Leaf);
    }
    check_unknown(
        &ministry,
        &[above, Authority::new("Unrelated").crl(&list(1))],
        "there is no revocation list of O=Postern tests, CN=Issuing",
    );
}

/// An authority that certified its new key with its old one: both have one name, and a list by
/// the one does not verify under the other.
#[test]
fn who_is_listed_is_revoked_though_the_authority_changed_its_key() {
    let old = Authority::new("Root");
    let new = old.intermediate("Root");
    let host = new.issue(&leaf());
    for unknown in [Refuse, Accept] {
        let lists = [new.crl(&list(1).revoking(host.leaf()))];
        let judged = judge(&old, &host, &check_of(&lists, unknown));
        check(&judged, "the certificate, serial");
    }
}

#[test]
fn an_authority_must_be_allowed_to_sign_lists() {
    let root = Authority::new("Root");
    let issuing = root.intermediate_without_lists("Issuing");
    let host = issuing.issue(&leaf());
    let lists = check_of(&[root.crl(&list(1)), issuing.crl(&list(1))], Refuse);
    check(
        &judge(&root, &host, &lists),
        &format!(
            "{UNKNOWN}the revocation list that claims to be of O=Postern tests, CN=Issuing (1) is \
             not by its key: the issuer may not sign revocation lists"
        ),
    );
}

#[test]
fn lists_are_about_their_scope() {
    const HERE: &str = "http://here.test/a.crl";
    let root = Authority::new("Root");
    let host = root.issue(&leaf().lists_at(HERE));
    let check_all = |lists: &[Vec<u8>], expected: &str| {
        check(&judge(&root, &host, &check_of(lists, Refuse)), expected);
    };
    let out_of_scope =
        format!("{UNKNOWN}a revocation list of O=Postern tests, CN=Root or of one above it is not");
    check_all(&[root.crl(&list(1))], "good");
    check_all(&[root.crl(&list(1).at(HERE))], "good");
    check_all(
        &[root.crl(&list(1).at("http://there.test/b.crl"))],
        &out_of_scope,
    );
    check_all(
        &[root.crl(&list(1).only_of_authorities(HERE))],
        &out_of_scope,
    );
    let revoking = root.crl(&list(1).at(HERE).revoking(host.leaf()));
    let elsewhere = root.crl(&list(9).at("http://there.test/b.crl"));
    check_all(&[elsewhere, revoking], "the certificate, serial");
}

#[test]
fn the_newest_list_that_verifies_counts() {
    let ministry = Ministry::new();
    let Ministry {
        root,
        issuing,
        host,
    } = &ministry;
    let above = root.crl(&list(1));
    let on_hold = |number| issuing.crl(&list(number).revoking(host.leaf()));
    let free = |number| issuing.crl(&list(number));
    let released = [above.clone(), on_hold(1), free(2)];
    check(&ministry.status(&released, Refuse), "good");
    check_revoked(&ministry, &[above, free(1), on_hold(2)], Whose::Leaf);
}

#[test]
fn several_lists_may_be_in_one_file() {
    let ministry = Ministry::new();
    let (above, below) = (ministry.root.crl(&list(7)), ministry.issuing.crl(&list(8)));
    let source = Arc::new(CrlSource::new("all.pem"));
    let text = format!("Both of them:\n{}{}", crl_pem(&above), crl_pem(&below));
    assert_eq!(source.facts(), None);
    let facts = source.replace(text.as_bytes(), now()).unwrap();
    assert_eq!(source.facts(), Some(facts.clone()));
    assert_eq!(source.all_facts().len(), 2);
    assert!(!facts.is_expired(now()));
    let text = facts.to_string();
    assert!(text.starts_with("O=Postern tests, CN="), "{text}");
    assert!(
        text.contains(", number 0") && text.contains(", next due 20"),
        "{text}"
    );
    let check = RevocationCheck::new([source], Refuse);
    self::check(&ministry.judge(&check), "good");
}

#[test]
fn what_is_no_list_is_refused_by_its_fault() {
    let root = Authority::new("Root");
    let sound = root.crl(&list(1));
    let mut cut = sound.clone();
    cut.truncate(100);
    let many = crl_pem(&sound).repeat(33);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "there is no revocation list in it"),
        (
            b"<html>404</html>".to_vec(),
            "there is no revocation list in it",
        ),
        (root.pem().into_bytes(), "there is no revocation list in it"),
        (
            root.certificate().to_vec(),
            "revocation list 1 cannot be used: it is no revocation",
        ),
        (
            cut,
            "revocation list 1 cannot be used: it is no revocation list",
        ),
        (
            [&sound[..], &sound[..]].concat(),
            "revocation list 1 cannot be used: TrailingData",
        ),
        (
            format!("{}{}", crl_pem(&sound), crl_pem(b"none")).into_bytes(),
            "revocation list 2 cannot be used: it is no revocation list",
        ),
        (
            root.crl(&list(1).delta()),
            "revocation list 1 cannot be used: it is a delta list",
        ),
        (
            root.crl(&list(1).indirect()),
            "revocation list 1 cannot be used: it is an indirect list",
        ),
        (
            root.crl(&list(1).validity(Validity::NotYet)),
            "the revocation list was issued on 20",
        ),
        (many.into_bytes(), "there are more than 32 revocation lists"),
        (
            vec![0x30; 10 * 1024 * 1024 + 1],
            "10485761 octets are too many",
        ),
    ];
    let source = CrlSource::new("a.crl");
    source.replace(&sound, now()).unwrap();
    for (octets, expected) in cases {
        let text = source.replace(&octets, now()).unwrap_err().to_string();
        assert!(text.starts_with(expected), "{text}");
        assert_eq!(source.all_facts().len(), 1, "what was held stays");
    }
}

#[test]
fn a_list_is_not_replaced_by_an_older_one() {
    let root = Authority::new("Root");
    let source = CrlSource::new("a.crl");
    let replace = |list: RevocationList| source.replace(&root.crl(&list), now());
    replace(list(5)).unwrap();
    replace(list(5)).unwrap();
    for older in [list(4), list(4).minute(9), list(6).minute(3)] {
        let text = replace(older).unwrap_err().to_string();
        assert!(
            text.starts_with("the revocation list is older than the one held: O=Postern tests"),
            "{text}"
        );
    }
    // A list for another scope is no successor.
    replace(list(1).only_of_authorities("http://here.test/a.crl")).unwrap();
    replace(list(6)).unwrap();
}

#[test]
fn a_forged_list_neither_frees_nor_blocks() {
    let ministry = Ministry::new();
    let Ministry {
        root,
        issuing,
        host,
    } = &ministry;
    let source = Arc::new(CrlSource::new("http://issuing.test/a.crl"));
    let above = Arc::new(CrlSource::new("root.crl"));
    above.replace(&root.crl(&list(1)), now()).unwrap();
    let check = RevocationCheck::new([above, Arc::clone(&source)], Accept);
    let replace = |by: &Authority, list: RevocationList| source.replace(&by.crl(&list), now());
    let forger = Authority::new("Issuing");
    let revoked = "the certificate, serial";

    replace(issuing, list(3).revoking(host.leaf())).unwrap();
    self::check(&ministry.judge(&check), revoked);
    // The true list has verified, so it outlives the forged one that came in its place.
    replace(&forger, list(1000)).unwrap();
    self::check(&ministry.judge(&check), revoked);
    // The forged one has failed to verify, so it keeps no true one away.
    replace(issuing, list(4)).unwrap();
    self::check(&ministry.judge(&check), "good");
    let fifth = issuing.crl(&list(5));
    source.replace(&fifth, now()).unwrap();
    assert_eq!(source.all_facts().len(), 2, "4 stays until 5 has verified");
    self::check(&ministry.judge(&check), "good");
    source.replace(&fifth, now()).unwrap();
    assert_eq!(source.all_facts().len(), 1);
    // What has verified is not doubted for having a forged twin of the same age.
    replace(&forger, list(5)).unwrap();
    self::check(&ministry.judge(&check), "good");
    let older = replace(issuing, list(2));
    assert!(matches!(older, Err(CrlError::Older { .. })), "{older:?}");
}

/// After a restart nothing is proven, and the first thing to be fetched may be forged.
#[test]
fn a_forged_list_that_comes_before_any_judgement_frees_nobody() {
    let Ministry {
        root,
        issuing,
        host,
    } = Ministry::new();
    let above = Arc::new(CrlSource::new("root.crl"));
    above.replace(&root.crl(&list(1)), now()).unwrap();
    let source = Arc::new(CrlSource::new("http://issuing.test/a.crl"));
    let check = RevocationCheck::new([above, Arc::clone(&source)], Accept);
    let revoking = issuing.crl(&list(3).revoking(host.leaf()));
    source.replace(&revoking, now()).unwrap();
    let forger = Authority::new("Issuing");
    for number in 1000..1010 {
        source.replace(&forger.crl(&list(number)), now()).unwrap();
        let scoped = list(1).at(format!("http://{number}.test/a.crl"));
        source.replace(&forger.crl(&scoped), now()).unwrap();
        assert!(source.all_facts().len() <= 2);
    }
    // Nor does a forged one keep the successor away, or let in what is older.
    source.replace(&forger.crl(&list(1010)), now()).unwrap();
    let older = source.replace(&issuing.crl(&list(2)), now());
    assert!(matches!(older, Err(CrlError::Older { .. })), "{older:?}");
    self::check(&judge(&root, &host, &check), "the certificate, serial");
    assert!(source.is_doubted());
    source.replace(&issuing.crl(&list(4)), now()).unwrap();
    self::check(&judge(&root, &host, &check), "good");
    assert!(!source.is_doubted());
}

#[test]
fn a_list_with_a_scope_is_proven_like_any_other() {
    let root = Authority::new("Root");
    let host = root.issue(&leaf());
    let source = Arc::new(CrlSource::new("http://root.test/a.crl"));
    let check = RevocationCheck::new([Arc::clone(&source)], Refuse);
    for number in 1..6 {
        let scoped = list(number).at("http://root.test/a.crl");
        source.replace(&root.crl(&scoped), now()).unwrap();
        self::check(&judge(&root, &host, &check), "good");
        assert!(source.all_facts().len() <= 2, "its predecessor at most");
    }
}

/// ecdsa-with-SHA224, which nobody verifies, in the place of ecdsa-with-SHA256 (RFC 5758 §3.2).
fn signed_as_nobody_should(mut list: Vec<u8>) -> Vec<u8> {
    let sha256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let places = (0..list.len()).filter(|at| list[*at..].starts_with(&sha256));
    let places: Vec<_> = places.collect();
    assert_eq!(places.len(), 2, "inside and outside of what is signed");
    for at in places {
        list[at + 7] = 1;
    }
    list
}

#[test]
fn a_list_by_an_algorithm_that_is_not_allowed_blocks_nothing() {
    let root = Authority::new("Root");
    let host = root.issue(&leaf());
    let source = Arc::new(CrlSource::new("http://root.test/a.crl"));
    let check = RevocationCheck::new([Arc::clone(&source)], Accept);
    let forged = signed_as_nobody_should(root.crl(&list(1000)));
    source.replace(&forged, now()).unwrap();
    self::check(
        &judge(&root, &host, &check),
        "accepted: the revocation list that claims to be of O=Postern tests, CN=Root",
    );
    let revoking = root.crl(&list(2).revoking(host.leaf()));
    source.replace(&revoking, now()).unwrap();
    self::check(&judge(&root, &host, &check), "the certificate, serial");
}

#[test]
fn a_source_knows_how_its_lists_stand() {
    let root = Authority::new("Root");
    let host = root.issue(&leaf());
    let source = Arc::new(CrlSource::new("http://root.test/a.crl"));
    let check = RevocationCheck::new([Arc::clone(&source)], Refuse);
    let (first, forged) = (root.crl(&list(1)), Authority::new("Root").crl(&list(2)));
    for list in [&first, &forged] {
        source.replace(list, now()).unwrap();
    }
    let standings = || [&first, &forged].map(|list| source.standing_of(list));
    assert_eq!(standings(), [CrlStanding::Untried; 2]);
    self::check(&judge(&root, &host, &check), "good");
    assert_eq!(standings(), [CrlStanding::Proven, CrlStanding::Doubted]);
    let both = crl_pem(&first) + &crl_pem(&forged);
    let standing = source.standing_of(both.as_bytes());
    assert_eq!(standing, CrlStanding::Doubted, "the worst of them");
    let standing = source.standing_of(b"nonsense");
    assert_eq!(standing, CrlStanding::Untried);
}

#[test]
fn what_is_kept_beside_its_successor_does_not_pile_up() {
    let root = Authority::new("Root");
    let host = root.issue(&leaf());
    let source = Arc::new(CrlSource::new("http://root.test/a.crl"));
    let check = RevocationCheck::new([Arc::clone(&source)], Refuse);
    for number in 1..20 {
        source.replace(&root.crl(&list(number)), now()).unwrap();
        self::check(&judge(&root, &host, &check), "good");
        // For a place of its own each time, so none of them is the successor of another.
        let elsewhere = list(number).at(format!("http://{number}.test/a.crl"));
        let forged = Authority::new("Root").crl(&elsewhere);
        source.replace(&forged, now()).unwrap();
        self::check(&judge(&root, &host, &check), "good");
        assert!(source.all_facts().len() <= 2);
    }
}

#[test]
fn a_list_is_replaced_under_a_thousand_judgements() {
    let root = Authority::new("Root");
    let host = root.issue(&leaf());
    let source = Arc::new(CrlSource::new("a.crl"));
    source.replace(&root.crl(&list(1)), now()).unwrap();
    let check = RevocationCheck::new([Arc::clone(&source)], Refuse);
    let revoked = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250 {
                    let told = revoked.load(Ordering::SeqCst);
                    match judge(&root, &host, &check) {
                        Ok(RevocationStatus::Good) => assert!(!told, "a revocation was missed"),
                        Err(ChainFault::Revoked { .. }) => {}
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
        for number in 2..20 {
            source.replace(&root.crl(&list(number)), now()).unwrap();
        }
        let last = root.crl(&list(20).revoking(host.leaf()));
        source.replace(&last, now()).unwrap();
        revoked.store(true, Ordering::SeqCst);
    });
    self::check(&judge(&root, &host, &check), "the certificate, serial");
}

#[test]
fn checks_are_equal_by_their_sources_and_their_strictness() {
    let sources = |labels: &[&str]| -> Vec<_> {
        labels
            .iter()
            .map(|label| Arc::new(CrlSource::new(*label)))
            .collect()
    };
    let ab = RevocationCheck::new(sources(&["a", "b"]), Refuse);
    assert_eq!(ab, RevocationCheck::new(sources(&["b", "a"]), Refuse));
    assert_ne!(ab, RevocationCheck::new(sources(&["a", "b"]), Accept));
    assert_ne!(ab, RevocationCheck::new(sources(&["a"]), Refuse));
    assert_eq!(
        ab.to_string(),
        "not revoked by a or b, refused where they do not say"
    );
}

#[test]
fn a_denylist_sees_what_no_path_could_use() {
    use postern_testkit::{Key, Oddity};
    let root = Authority::new("Root");
    let issuing = root.intermediate("Issuing");
    let serial = [0x00, 0xd4, 0x3a];
    for leaf in [
        leaf().serial(&serial),
        leaf().serial(&serial).key(Key::Ed25519),
        leaf().serial(&serial).oddity(Oddity::Version1),
        leaf().serial(&serial).oddity(Oddity::Rsa1024),
    ] {
        let host = issuing.issue(&leaf);
        let mut sent = host.chain().to_vec();
        sent.push(b"no certificate".to_vec().into());
        let stolen = Possession::Unproven("unsigned".to_owned());
        let chain = PeerChain::new(&sent, stolen, None).unwrap();
        let seen: &[SeenCertificate] = chain.certificates_seen();
        let [host, authority] = seen else {
            panic!("{seen:?}");
        };
        assert_eq!(host.serial, "d4:3a".parse().unwrap());
        assert_eq!(host.issuer, "O=Postern tests, CN=Issuing");
        assert_eq!(Some(host.spki_pin), chain.spki_pin());
        assert_eq!(authority.issuer, "O=Postern tests, CN=Root");
        sent.extend((0..500).map(|_| root.certificate().clone()));
        let long = PeerChain::new(&sent, Possession::Proven, None).unwrap();
        assert!(long.certificates_seen().len() <= 7);
    }
}

proptest! {
    /// A list with some octets changed and some cut off is taken or not; nothing panics, and
    /// nothing that was changed makes a certificate good.
    #[test]
    fn spoilt_lists_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..8),
        cut in 0..40_usize,
    ) {
        static SOUND: LazyLock<(Authority, Identity, Vec<u8>)> = LazyLock::new(|| {
            let root = Authority::new("Root");
            let host = root.issue(&leaf());
            let list = root.crl(&list(1).revoking(host.leaf()));
            (root, host, list)
        });
        let (root, host, sound) = &*SOUND;
        let mut octets = sound.clone();
        for (at, by) in changes {
            let at = at.index(octets.len());
            octets[at] ^= by;
        }
        octets.truncate(octets.len() - cut);
        prop_assume!(octets != *sound);
        let source = Arc::new(CrlSource::new("spoilt"));
        let taken = source.replace(&octets, UnixTime::now());
        let judged = judge(root, host, &RevocationCheck::new([source], Refuse));
        prop_assert!(judged.is_err(), "{:?} {:?}", taken, judged);
    }
}
