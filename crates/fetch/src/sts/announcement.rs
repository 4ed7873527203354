//! What a domain says in DNS (RFC 8461 §3.1), and the way from there to the policy (§3.3).

use std::time::Duration;

use postern_dns::{LookupError, Name};
use postern_mail::Domain;
use postern_policy::{
    StsId, StsPolicy, StsRecord,
    mta_sts::{LONGEST_POLICY, StsPolicyError},
};
use postern_tls::WebError;

use super::{StsTrouble, StsTroubleKind};
use crate::http::{FetchError, HttpClient, Media, Targets, Terms, Wanted, WebUrl};

/// How long a policy host has for all of it (RFC 8461 §3.3 suggests one minute).
const FETCH: Duration = Duration::from_secs(60);

/// What the record at a domain comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Announcement {
    /// A policy, called this for now.
    Policy(StsId),
    /// None.
    Nothing,
    /// That cannot be told.
    Unclear(StsTrouble),
}

/// Looks the record up.
pub(super) async fn announcement(http: &HttpClient, domain: &Domain) -> Announcement {
    // A name that is too long for DNS has no records.
    let Ok(owner) = format!("_mta-sts.{domain}").parse::<Name>() else {
        return Announcement::Nothing;
    };
    let texts = match http.dns().txt(&owner).await {
        Ok(answer) => answer.records,
        Err(LookupError::NoSuchDomain(_) | LookupError::NoData(_)) => return Announcement::Nothing,
        Err(LookupError::Temporary(failure)) => {
            return Announcement::Unclear(StsTrouble::new(StsTroubleKind::Dns, &failure));
        }
    };
    match StsRecord::among(&texts) {
        Ok(Some(record)) => Announcement::Policy(record.id().clone()),
        Ok(None) => Announcement::Nothing,
        Err(error) => Announcement::Unclear(StsTrouble::new(StsTroubleKind::Invalid, &error)),
    }
}

/// Fetches the policy of a domain.
pub(super) async fn policy(
    http: &HttpClient,
    domain: &Domain,
    port: u16,
    targets: Targets,
) -> Result<StsPolicy, StsTrouble> {
    let url = WebUrl::of_policy(domain, port).ok_or_else(|| {
        StsTrouble::new(
            StsTroubleKind::Fetch,
            &"the policy host has no possible name",
        )
    })?;
    let terms = Terms {
        time: FETCH,
        octets: LONGEST_POLICY,
        media: Media::PlainText,
        answer: Wanted::Document,
        targets,
    };
    let text = http.get(&url, &terms).await.map_err(StsTrouble::from)?;
    StsPolicy::parse(&text).map_err(StsTrouble::from)
}

impl StsTrouble {
    pub(super) fn new(kind: StsTroubleKind, text: &impl ToString) -> Self {
        Self {
            kind,
            text: text.to_string(),
        }
    }
}

impl From<FetchError> for StsTrouble {
    fn from(error: FetchError) -> Self {
        let kind = match &error {
            FetchError::Tls(WebError::NotAuthenticated(_)) => StsTroubleKind::WebPki,
            FetchError::Tls(WebError::Handshake(_))
            | FetchError::Lookup(_)
            | FetchError::PrivateTarget(_)
            | FetchError::NotSecure
            | FetchError::Connection { .. }
            | FetchError::TimedOut(_)
            | FetchError::Redirect(_)
            | FetchError::Status(_)
            | FetchError::ContentType(_)
            | FetchError::Encoding(_)
            | FetchError::TooLong(_)
            | FetchError::Broken(_) => StsTroubleKind::Fetch,
        };
        Self::new(kind, &error)
    }
}

impl From<StsPolicyError> for StsTrouble {
    fn from(error: StsPolicyError) -> Self {
        Self::new(StsTroubleKind::Invalid, &error)
    }
}
