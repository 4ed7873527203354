//! `[mta-sts]`: the policies of others, and our own.

mod serving;

use std::net::SocketAddr;

use postern_mail::{Domain, Host};
use postern_policy::{HostPattern, StsMode, StsPolicy};
use postern_tls::ProfileName;

use super::{certificate::Certificates, domain};
use crate::{
    schema::{Key, Kind, Located, Notes, Occurs, Reported, Scalar, Section, Table},
    value::{BOOLEAN, DURATION, Duration, NAME, SOCKET, not_a_choice},
};

/// What is done with the MTA-STS policies of others, and which is ours (RFC 8461).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MtaSts {
    /// Whether the policies that recipients' domains publish count.
    pub honour: HonourSts,
    /// What is served to those who send to us.
    pub serving: Option<StsServing>,
}

/// Whether the policies that recipients' domains publish count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HonourSts {
    /// They are looked for, and what they demand is demanded.
    Yes,
    /// Nobody looks for them.
    No,
}

/// What holds of TLS where our own policy is served. It does not follow `tls.profile`, which is
/// about mail: senders that cannot fetch our policy do not protect mail to us.
pub const WEB_PROFILE: ProfileName = ProfileName::Intermediate;

/// Our own policy, and where it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StsServing {
    /// Where it is served over HTTPS.
    pub https: SocketAddr,
    /// Where whoever comes over HTTP is sent to HTTPS.
    pub http: Option<SocketAddr>,
    /// The policy, which is the same for all domains.
    pub policy: StsPolicy,
    /// The domains that it is the policy of. There is at least one.
    pub domains: Vec<Domain>,
    /// The `[[tls.certificate]]` that is shown; where none is given, all of them are there, and
    /// each handshake chooses by the name that it asks for.
    pub certificate: Option<String>,
}

/// What was written; whatever is not right was told and is absent.
pub(crate) struct Written {
    honour: Result<Located<bool>, Reported>,
    pub(crate) https: Result<Option<Located<SocketAddr>>, Reported>,
    pub(crate) http: Result<Option<Located<SocketAddr>>, Reported>,
    mode: Result<Option<Located<StsMode>>, Reported>,
    mx: Result<Option<Vec<Located<HostPattern>>>, Reported>,
    max_age: Result<Option<Located<Duration>>, Reported>,
    certificate: Result<Option<Located<String>>, Reported>,
}

/// What our own policy has to agree with, as far as it is right by itself.
pub(crate) struct Surroundings<'s> {
    pub(crate) hostname: Option<&'s Domain>,
    pub(crate) domains: &'s [domain::Written<'s>],
    pub(crate) certificates: Option<&'s Certificates>,
}

static MODES: Kind<StsMode> = Kind {
    name: "choice",
    right: "\"enforce\", \"testing\" or \"none\"",
    scalar: Scalar::Text(|text| text.parse().map_err(|_| not_a_choice(text))),
};

static HOSTS: Kind<HostPattern> = Kind {
    name: "host pattern",
    right: "a host name such as \"mx1.example.org\", or \"*.example.org\" for those one label \
            below",
    scalar: Scalar::Text(|text| match text.parse() {
        Ok(HostPattern::Exact(Host::Literal(_))) => Err(format!("{text:?} is an address")),
        Ok(pattern) => Ok(pattern),
        Err(error) => Err(format!("{text:?} is refused: {error}")),
    }),
};

static HONOUR: Key<bool> = Key::defaulted(
    "honour",
    &BOOLEAN,
    "true",
    "Whether the policies that recipients' domains publish count. They add to what is demanded \
     of a delivery and never take away from it.",
);

static HTTPS: Key<SocketAddr> = Key::optional(
    "https",
    &SOCKET,
    "no policy of ours is served over HTTPS",
    r#""0.0.0.0:443""#,
    "Address and port where our own policy is served over HTTPS, for every `[[domain]]` that is \
     given by name: as `https://mta-sts.DOMAIN/.well-known/mta-sts.txt`. The DNS must lead there, \
     and say so in a TXT record at `_mta-sts.DOMAIN`: `v=STSv1; id=1;`, with another id each time \
     the policy changes. `postern dns records` prints both.",
);

static HTTP: Key<SocketAddr> = Key::optional(
    "http",
    &SOCKET,
    "nobody listens there",
    r#""0.0.0.0:80""#,
    "Beside `https`: address and port where whoever comes over HTTP is sent to HTTPS. Senders \
     need no such thing, people who look with a browser may. The policy itself is served over \
     HTTPS alone.",
);

static MODE: Key<StsMode> = Key::optional(
    "mode",
    &MODES,
    "must be given where a policy is served",
    r#""testing""#,
    "What our policy asks of senders when a connection to us fails it. `testing`: deliver and \
     report; begin with this. `enforce`: do not deliver. `none`: as if there were no policy, which \
     is how one is taken back (RFC 8461 §8.3).",
);

static MX: Key<HostPattern> = Key::optional(
    "mx",
    &HOSTS,
    "`hostname`, and nobody with mode `none`",
    r#"["mx1.example.org", "mx2.example.org"]"#,
    "The hosts that our MX records may name: each by name, or `*.example.org` for those one label \
     below (RFC 8461 §4.1). Each must show a certificate for its name that public authorities \
     vouch for.",
)
.list();

static MAX_AGE: Key<Duration> = Key::optional(
    "max-age",
    &DURATION,
    "`1w`",
    r#""1w""#,
    "For how long senders may hold us to the policy without fetching it anew. Weeks, once it is \
     known to work (RFC 8461 §10.2). At most 52w.",
)
.bounded(|age| {
    let longest = Duration::from_days(52 * 7);
    match *age <= longest {
        true => Ok(()),
        false => Err(format!("{age} is more than {longest}")),
    }
});

static CERTIFICATE: Key<String> = Key::optional(
    "certificate",
    &NAME,
    "whichever of ours is for the name that is asked for",
    r#""default""#,
    "The certificate that `https` shows: the name of a `[[tls.certificate]]`. It must be for \
     `mta-sts.DOMAIN`, for every domain. It is shown within the profile `intermediate`, whatever \
     `tls.profile` demands of mail.",
);

pub(crate) static MTA_STS: Section = Section {
    name: "mta-sts",
    occurs: Occurs::Once,
    doc: "MTA-STS (RFC 8461): the policies that others publish, which say that mail to them needs \
          TLS with an authenticated host, and our own.",
    keys: &[
        &HONOUR.entry,
        &HTTPS.entry,
        &HTTP.entry,
        &MODE.entry,
        &MX.entry,
        &MAX_AGE.entry,
        &CERTIFICATE.entry,
    ],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> Written {
    Written {
        honour: table.one(&HONOUR),
        https: table.maybe(&HTTPS),
        http: table.maybe(&HTTP),
        mode: table.maybe(&MODE),
        mx: table.maybe_many(&MX),
        max_age: table.maybe(&MAX_AGE),
        certificate: table.maybe(&CERTIFICATE),
    }
}

impl Written {
    /// Where it listens.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Located<SocketAddr>> {
        let places = [&self.https, &self.http].into_iter();
        places.filter_map(|place| place.as_ref().ok()?.as_ref())
    }

    pub(crate) fn check(
        self,
        table: &Table<'_>,
        around: &Surroundings<'_>,
    ) -> Result<MtaSts, Reported> {
        let honour = self.honour.as_ref().map_err(|reported| *reported);
        let honour = honour.map(|honour| check_honour(table.notes(), honour));
        let serving = self.serving(table, around);
        Ok(MtaSts {
            honour: honour?,
            serving: serving?,
        })
    }
}

fn check_honour(notes: &Notes<'_>, honour: &Located<bool>) -> HonourSts {
    if honour.value {
        return HonourSts::Yes;
    }
    notes.warn(
        &honour.spot,
        "mail travels in clear to domains whose policies ask for TLS",
        "write true; TLS-Required: No is for the messages that cannot wait",
    );
    HonourSts::No
}
