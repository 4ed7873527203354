//! Plans and permits.

use postern_mail::Host;
use postern_policy::{
    ChannelLevel, DeliveryPlan, HostPlan, IdentityTerms, Label, Mismatch, OutboundTerms, Partner,
    Permit, Policy, PolicyError, Refused, RouteFloor, RouteFloorError, Stage, Verdict,
};
use postern_tls::{NotSecured, Profile, ProfileName, RevocationCheck, UnknownStatus};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use crate::{
    peers::{self, now},
    policies::{self, ministry, names},
};

fn host(text: &str) -> Host {
    text.parse().unwrap()
}

fn authenticated(names_: &[&str]) -> OutboundTerms {
    OutboundTerms {
        identity: names(names_),
        ..OutboundTerms::requiring(ChannelLevel::Authenticated)
    }
}

fn enforced() -> Policy {
    policies::outbound(Stage::Enforce, authenticated(&["mx1.ministry.example"]))
}

fn plan(policy: &Policy) -> DeliveryPlan {
    policies::plan(policy, &host("ministry.example"), None)
}

fn at_mx1(plan: &DeliveryPlan) -> HostPlan {
    policies::at(plan, &host("mx1.ministry.example"))
}

async fn authorize(
    policy: &Policy,
    plan: &DeliveryPlan,
    server: &str,
) -> Result<Permit<DuplexStream>, Refused<DuplexStream>> {
    let (channel, _) = peers::channel(server).await;
    policy.authorize(
        &policies::at(plan, &host("mx1.ministry.example")),
        channel,
        now(),
    )
}

#[tokio::test]
async fn a_permit_carries_mail_and_says_on_what_basis() {
    let policy = enforced();
    let (channel, mut server) = peers::channel("right").await;
    let host = host("mx1.ministry.example");
    let mut permit = policy
        .authorize(&policies::at(&plan(&policy), &host), channel, now())
        .unwrap();
    let basis = permit.basis().to_string();
    assert!(
        basis.starts_with("authenticated as mx1.ministry.example by ministry.pem, TLSv1.3 TLS_"),
        "{basis}"
    );
    assert_eq!(
        permit.basis().peer_identity().as_deref(),
        Some("mx1.ministry.example")
    );
    assert_eq!(permit.partner().unwrap().as_str(), "Ministry of Examples");
    assert_eq!(permit.destination().to_string(), "ministry.example");
    assert_eq!(permit.host(), &host);
    assert!(permit.shadow().is_none());

    permit.write_all(b"MAIL FROM:<>\r\n").await.unwrap();
    permit.flush().await.unwrap();
    let mut read = [0; 14];
    server.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"MAIL FROM:<>\r\n");
    server.write_all(b"250 ok\r\n").await.unwrap();
    server.flush().await.unwrap();
    let mut read = [0; 8];
    permit.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"250 ok\r\n");
}

#[tokio::test]
async fn a_refused_channel_says_quit_and_nothing_else() {
    let policy = enforced();
    for (server, status, text) in [
        (
            "other name",
            "4.7.5",
            "the certificate is not for mx1.ministry.example; it is for mx.",
        ),
        (
            "self-signed",
            "4.7.5",
            "the certificate of O=Postern tests, CN=mx1.ministry.example is",
        ),
        (
            "expired, right key",
            "4.7.5",
            "the certificate expired on 20",
        ),
    ] {
        let (channel, mut end) = peers::channel(server).await;
        let host = host("mx1.ministry.example");
        let refused = policy
            .authorize(&policies::at(&plan(&policy), &host), channel, now())
            .unwrap_err();
        assert_eq!(refused.refusal().status().to_string(), status);
        assert!(
            refused.refusal().to_string().starts_with(text),
            "{}",
            refused.refusal()
        );
        refused.quit().await.unwrap();
        let mut said = Vec::new();
        end.read_to_end(&mut said).await.unwrap();
        assert_eq!(said, b"QUIT\r\n");
    }
}

#[tokio::test]
async fn there_is_no_plaintext_to_an_enforced_partner() {
    for level in [ChannelLevel::Encrypted, ChannelLevel::Authenticated] {
        let policy = policies::outbound(Stage::Enforce, OutboundTerms::requiring(level));
        let (channel, mut end) = peers::plain_channel(NotSecured::NotOffered);
        let host = host("mx1.ministry.example");
        let refused = policy
            .authorize(&policies::at(&plan(&policy), &host), channel, now())
            .unwrap_err();
        assert_eq!(refused.refusal().status().to_string(), "4.7.10");
        assert_eq!(refused.refusal().final_status().to_string(), "5.7.10");
        let text = refused.refusal().to_string();
        assert!(
            text.starts_with("the channel is plain: the peer does not offer STARTTLS; partner "),
            "{text}"
        );
        refused.quit().await.unwrap();
        let mut said = Vec::new();
        end.read_to_end(&mut said).await.unwrap();
        assert_eq!(said, b"QUIT\r\n");
    }
}

#[tokio::test]
async fn strangers_are_met_with_what_they_have() {
    let policy = enforced();
    let plan = policies::plan(&policy, &host("stranger.test"), None);
    let (channel, _end) = peers::plain_channel(NotSecured::NotOffered);
    let permit = policy
        .authorize(
            &policies::at(&plan, &host("mx.stranger.test")),
            channel,
            now(),
        )
        .unwrap();
    assert_eq!(
        permit.basis().to_string(),
        "plain (the peer does not offer STARTTLS)"
    );
    let permit = authorize(&policy, &plan, "self-signed").await.unwrap();
    let basis = permit.basis().to_string();
    assert!(
        basis.starts_with("encrypted (unauthenticated), TLSv1.3 TLS_"),
        "{basis}"
    );
    assert!(permit.evidence().is_some());
}

/// A forged MX record leads to a host with a sound certificate of its own (threats: a name taken
/// from unsigned DNS).
#[tokio::test]
async fn the_name_of_an_mx_host_authenticates_nobody() {
    let terms = OutboundTerms::requiring(ChannelLevel::Authenticated);
    let policy = policies::outbound(Stage::Enforce, terms);
    let plan = plan(&policy);
    let (channel, _) = peers::channel("other name").await;
    let refused = policy
        .authorize(&policies::at(&plan, &host("mx.evil.test")), channel, now())
        .unwrap_err();
    let text = refused.refusal().to_string();
    assert!(
        text.starts_with("the certificate is not for ministry.example; it is for"),
        "{text}"
    );
}

#[test]
fn without_names_the_identity_is_that_of_fixed_hosts_else_of_the_destination() {
    let identity = |hosts: &[&str], to: &str| {
        let terms = OutboundTerms {
            hosts: hosts.iter().map(|hop| hop.parse().unwrap()).collect(),
            ..OutboundTerms::requiring(ChannelLevel::Authenticated)
        };
        let policy = policies::outbound(Stage::Enforce, terms);
        let plan = policies::plan(&policy, &host(to), None);
        plan.enforced().identity().unwrap().to_string()
    };
    let by = " by ministry.pem";
    assert_eq!(
        identity(&[], "ministry.example"),
        format!("ministry.example{by}")
    );
    assert_eq!(
        identity(&[], "a.ministry.example"),
        format!("a.ministry.example{by}")
    );
    assert_eq!(
        identity(&["gw.example:25"], "a.ministry.example"),
        format!("gw.example{by}")
    );
    assert_eq!(
        identity(&["192.0.2.1:25"], "ministry.example"),
        format!("ministry.example{by}")
    );
}

/// Otherwise what one domain's certificate lacks would be told of mail for the other.
#[test]
fn domains_of_a_partner_share_connections_where_these_prove_the_same() {
    let share = |identity: IdentityTerms| {
        let terms = OutboundTerms {
            identity,
            hosts: vec!["192.0.2.1:25".parse().unwrap()],
            ..OutboundTerms::requiring(ChannelLevel::Authenticated)
        };
        let policy = policies::outbound(Stage::Observe, terms);
        let key = |to| policies::plan(&policy, &host(to), None).pool_key();
        key("ministry.example") == key("a.ministry.example")
    };
    assert!(share(names(&["gw.ministry.example"])));
    assert!(share(policies::pins()));
    assert!(!share(IdentityTerms::default()));
}

#[tokio::test]
async fn fixed_hosts_are_the_only_ones() {
    let terms = OutboundTerms {
        hosts: vec!["mx1.ministry.example:2525".parse().unwrap()],
        ..authenticated(&["mx1.ministry.example"])
    };
    let policy = policies::outbound(Stage::Enforce, terms);
    let plan = plan(&policy);
    assert_eq!(plan.next_hops()[0].to_string(), "mx1.ministry.example:2525");
    assert!(at_mx1(&plan).judge_host().is_ok());
    let (channel, _) = peers::channel("right").await;
    let refused = policy
        .authorize(
            &policies::at(&plan, &host("mx2.ministry.example")),
            channel,
            now(),
        )
        .unwrap_err();
    assert_eq!(
        refused.refusal().to_string(),
        "the next hop is mx2.ministry.example; partner Ministry of Examples demands a next hop \
         among mx1.ministry.example"
    );
    assert_eq!(refused.refusal().status().to_string(), "4.7.0");
}

#[tokio::test]
async fn a_permit_is_judged_anew_for_every_message() {
    let policy = enforced();
    let plan = plan(&policy);
    let permit = authorize(&policy, &plan, "right").await.unwrap();
    let permit = permit.rejudge(&policy, &at_mx1(&plan), now()).unwrap();

    // Certificates expire on kept connections too.
    let in_a_year = rustls_pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(
        now().as_secs() + 365 * 24 * 60 * 60,
    ));
    let refused = permit
        .rejudge(&policy, &at_mx1(&plan), in_a_year)
        .unwrap_err();
    assert!(
        refused
            .refusal()
            .to_string()
            .starts_with("the certificate expired on ")
    );
}

#[tokio::test]
async fn a_permit_is_bound_to_one_destination_until_judged_for_another() {
    let policy = enforced();
    let to_stranger = policies::plan(&policy, &host("stranger.test"), None);
    let permit = authorize(&policy, &to_stranger, "self-signed")
        .await
        .unwrap();
    assert_eq!(permit.destination(), &host("stranger.test"));
    assert_ne!(to_stranger.pool_key(), plan(&policy).pool_key());
    let refused = permit
        .rejudge(&policy, &at_mx1(&plan(&policy)), now())
        .unwrap_err();
    assert!(refused.refusal().to_string().contains("is self-signed"));

    let permit = authorize(&policy, &plan(&policy), "right").await.unwrap();
    let permit = permit
        .rejudge(&policy, &at_mx1(&to_stranger), now())
        .unwrap();
    assert_eq!(permit.basis().verdict(), Verdict::Encrypted);
    assert_eq!(permit.destination(), &host("stranger.test"));
}

#[tokio::test]
async fn a_new_policy_makes_old_permits_and_plans_stale() {
    let old = policies::policy(vec![]);
    let old_plan = plan(&old);
    let permit = authorize(&old, &old_plan, "other name").await.unwrap();
    let new = enforced();

    // The old plan knows nothing of the partner: it is refused, whatever the channel.
    let refused = authorize(&new, &old_plan, "right").await.unwrap_err();
    assert_eq!(refused.refusal().mismatch(), &Mismatch::StalePlan);
    let (channel, _end) = peers::plain_channel(NotSecured::NotOffered);
    assert!(
        new.authorize(
            &policies::at(&old_plan, &host("mx1.ministry.example")),
            channel,
            now()
        )
        .is_err()
    );

    // The old permit is judged in full by the new rule.
    let refused = permit
        .rejudge(&new, &at_mx1(&plan(&new)), now())
        .unwrap_err();
    assert!(
        refused
            .refusal()
            .to_string()
            .starts_with("the certificate is not for mx1.")
    );
}

#[tokio::test]
async fn before_enforcement_the_rule_is_judged_and_stops_nothing() {
    for stage in [Stage::Observe, Stage::Warn] {
        let policy = policies::outbound(stage, authenticated(&["mx1.ministry.example"]));
        let permit = authorize(&policy, &plan(&policy), "other authority")
            .await
            .unwrap();
        let shadow = permit.shadow().unwrap();
        assert_eq!(
            shadow.partner,
            Some(("Ministry of Examples".parse().unwrap(), stage))
        );
        let refusal = shadow.outcome.as_ref().unwrap_err().to_string();
        assert!(
            refusal.contains("which is not among the trusted (ministry.pem)"),
            "{refusal}"
        );
        assert_eq!(permit.basis().verdict(), Verdict::Encrypted);
        assert_eq!(permit.proven(), permit.basis());

        let permit = authorize(&policy, &plan(&policy), "right").await.unwrap();
        let ready = permit.shadow().unwrap().outcome.as_ref().unwrap();
        assert_eq!(ready.verdict(), Verdict::Authenticated);
        assert_eq!(permit.basis().verdict(), Verdict::Encrypted);
        assert_eq!(permit.proven(), ready);
    }
}

#[tokio::test]
async fn the_floor_of_a_route_holds_below_a_stage() {
    let floor =
        |level| RouteFloor::new(Label::new("*"), level, IdentityTerms::default(), &[]).unwrap();
    let policy = policies::outbound(Stage::Observe, authenticated(&["mx1.ministry.example"]));
    let to = host("ministry.example");
    let plan = policies::plan(&policy, &to, Some(&floor(ChannelLevel::Encrypted)));
    let (channel, _end) = peers::plain_channel(NotSecured::NotOffered);
    let refused = policy
        .authorize(&policies::at(&plan, &to), channel, now())
        .unwrap_err();
    assert!(
        refused
            .refusal()
            .to_string()
            .ends_with("; route * demands an encrypted channel")
    );

    // Authenticated over MX records: against the domain that mail is for. An address literal
    // has none, and is nobody that could be authenticated.
    let authenticated = floor(ChannelLevel::Authenticated);
    let literal = host("[192.0.2.1]");
    let plan = policies::plan(&policy, &literal, Some(&authenticated));
    let (channel, _) = peers::channel("right").await;
    let refused = policy
        .authorize(&policies::at(&plan, &literal), channel, now())
        .unwrap_err();
    assert_eq!(refused.refusal().mismatch(), &Mismatch::Nameless);
}

#[test]
fn the_floor_of_a_route_says_as_whom() {
    let next_hops = |text: &str| vec![text.parse().unwrap()];
    let floor = |level, terms, hops: &[_]| RouteFloor::new(Label::new("*"), level, terms, hops);
    let (any, authenticated) = (ChannelLevel::Any, ChannelLevel::Authenticated);
    let none = IdentityTerms::default;

    let smarthost = next_hops("smarthost.example:587");
    let route = floor(authenticated, none(), &smarthost).unwrap();
    let plan = policies::plan(
        &policies::policy(vec![]),
        &host("stranger.test"),
        Some(&route),
    );
    assert_eq!(
        plan.enforced().identity().unwrap().to_string(),
        "smarthost.example by ministry.pem"
    );
    let error = floor(authenticated, none(), &next_hops("192.0.2.1:25")).unwrap_err();
    assert_eq!(error, RouteFloorError::NoIdentity);
    let error = floor(any, names(&["a.example"]), &smarthost).unwrap_err();
    assert_eq!(error, RouteFloorError::IdentityUnused);
    assert!(floor(authenticated, policies::pins(), &next_hops("192.0.2.1:25")).is_ok());
    let listed = |terms| IdentityTerms {
        revocation: Some(RevocationCheck::new([], UnknownStatus::Refuse)),
        ..terms
    };
    assert!(floor(authenticated, listed(none()), &smarthost).is_ok());
    for (level, terms) in [(any, none()), (authenticated, policies::pins())] {
        let error = floor(level, listed(terms), &smarthost).unwrap_err();
        assert_eq!(error, RouteFloorError::IdentityUnused);
    }
}

#[test]
fn partners_do_not_share_names_or_domains() {
    let partner = |name: &str, domain: &str| {
        Partner::builder(name.parse().unwrap(), Stage::Enforce)
            .domain(domain.parse().unwrap())
            .build()
            .unwrap()
    };
    let partners = vec![
        partner("A", "*.a.example"),
        partner("B", "*.A.example"),
        partner("A", "other.example"),
        partner("C", "sub.a.example"),
    ];
    let errors = Policy::new(policies::defaults(), partners).unwrap_err();
    let told: Vec<_> = errors
        .iter()
        .map(|error| format!("{} {}: {error}", error.partner(), error.key()))
        .collect();
    assert_eq!(
        told,
        [
            "B domains: *.a.example is a domain of partner A already",
            "A name: another partner is called A",
        ]
    );
}

#[test]
fn the_most_specific_partner_is_found() {
    let bank = Partner::builder("Bank".parse().unwrap(), Stage::Enforce)
        .domain("*.bank.ministry.example".parse().unwrap())
        .build()
        .unwrap();
    let policy = policies::policy(vec![ministry(Stage::Enforce).build().unwrap(), bank]);
    let of = |domain: &str| {
        let partner = policy.partner_of(&domain.parse().unwrap());
        partner.map(|partner| partner.name().as_str().to_owned())
    };
    assert_eq!(of("a.bank.ministry.example").as_deref(), Some("Bank"));
    assert_eq!(
        of("bank.ministry.example").as_deref(),
        Some("Ministry of Examples")
    );
    assert_eq!(of("ministry.example.test"), None);
}

#[test]
fn profiles_that_exclude_each_other_are_found_at_once() {
    let mut defaults = policies::defaults();
    defaults.profile = Profile::named(ProfileName::Modern);
    let partner = ministry(Stage::Enforce)
        .profile(Profile::named(ProfileName::SuiteB128))
        .outbound(OutboundTerms::requiring(ChannelLevel::Encrypted))
        .build()
        .unwrap();
    let errors = Policy::new(defaults, vec![partner]).unwrap_err();
    assert!(matches!(errors[..], [PolicyError::ProfilesExclude { .. }]));
    assert_eq!(
        errors[0].to_string(),
        "profile suite-b-128 allows nothing that [tls] profile modern allows: no protocol \
         version is left"
    );
}

/// A profile is judged on what was negotiated, not trusted to have been offered.
#[tokio::test]
async fn a_channel_outside_of_the_profile_is_refused() {
    let partner = ministry(Stage::Enforce)
        .profile(Profile::named(ProfileName::SuiteB128))
        .outbound(authenticated(&["mx1.ministry.example"]))
        .build()
        .unwrap();
    let policy = policies::policy(vec![partner]);
    let refused = authorize(&policy, &plan(&policy), "right")
        .await
        .unwrap_err();
    assert_eq!(
        refused.refusal().to_string(),
        "protocol version: TLSv1.3 was used, allowed is TLSv1.2; partner Ministry of Examples \
         demands profile suite-b-128"
    );
    assert_eq!(refused.refusal().status().to_string(), "4.7.5");
}
