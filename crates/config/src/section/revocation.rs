//! `crl` and `crl-unknown`: who says which certificates have been taken back.

use std::{cell::RefCell, collections::BTreeMap, collections::BTreeSet, sync::Arc};

use postern_tls::{CrlError, CrlSource, RevocationCheck, UnknownStatus};
use rustls_pki_types::UnixTime;

use crate::{
    crl::{CrlPlace, CrlRegistry},
    file::{self, FileFault, Secrecy},
    schema::{Key, Kind, Located, Notes, Purpose, Reported, Scalar, Table, all},
    value::{self, not_a_choice, url},
};

/// The declarations of the keys that one direction has for it.
pub(super) struct Keys {
    pub(super) crl: Key<CrlPlace>,
    pub(super) unknown: Key<UnknownStatus>,
}

/// What was written for one direction; whatever is not right was told and is absent.
pub(super) struct Written {
    pub(super) crl: Result<Option<Vec<Located<CrlPlace>>>, Reported>,
    unknown: Result<Option<Located<UnknownStatus>>, Reported>,
}

static PLACES: Kind<CrlPlace> = Kind {
    name: "revocation list",
    right: "the path of a file with revocation lists in PEM or one in DER, or the http or https \
            URL of one",
    scalar: Scalar::Text(|text| match text.split_once("://") {
        Some(_) => url(text).map(CrlPlace::Url),
        None => value::path(text).map(CrlPlace::File),
    }),
};

static UNKNOWN: Kind<UnknownStatus> = Kind {
    name: "choice",
    right: "\"refuse\" or \"accept\"",
    scalar: Scalar::Text(|text| match text {
        "refuse" => Ok(UnknownStatus::Refuse),
        "accept" => Ok(UnknownStatus::Accept),
        other => Err(not_a_choice(other)),
    }),
};

impl Keys {
    pub(super) const fn new() -> Self {
        Self {
            crl: Key::optional(
                "crl",
                &PLACES,
                "revocation is not looked at",
                r#"["ministry.crl"]"#,
                "The revocation lists (RFC 5280 §5) of the authorities in `trust` and of those \
                 below them: files, which are read again when they change, or http and https \
                 URLs, which are fetched at the start and well before each list runs out \
                 (`postern check` fetches nothing). Every certificate on the path must be covered \
                 by a list that is current and does not name it.",
            )
            .list(),
            unknown: Key::optional(
                "crl-unknown",
                &UNKNOWN,
                "`refuse`",
                r#""refuse""#,
                "What follows when no current list speaks about a certificate, because it ran \
                 out, or could not be fetched, or is by somebody else. `refuse`: the partner is \
                 not authenticated. `accept`: it is, and logs say that its status is not known. \
                 What is listed is refused in either case.",
            ),
        }
    }

    pub(super) fn read(&self, table: &Table<'_>) -> Written {
        Written {
            crl: table.maybe_many(&self.crl),
            unknown: table.maybe(&self.unknown),
        }
    }
}

impl Written {
    /// The check that this means.
    pub(super) fn check(self, lists: &CrlLoader<'_>) -> Result<Option<RevocationCheck>, Reported> {
        let sources = self.crl.and_then(|places| {
            let loaded = places.map(|places| lists.load(&places));
            loaded.transpose()
        });
        let unknown = self.unknown?;
        let Some(sources) = sources? else {
            return match unknown {
                None => Ok(None),
                Some(unknown) => Err(lists.notes.error(
                    &unknown.spot,
                    "has an effect only beside crl",
                    "give the revocation lists as crl, or remove the key",
                )),
            };
        };
        let unknown = unknown.map_or(UnknownStatus::Refuse, |unknown| unknown.value);
        Ok(Some(RevocationCheck::new(sources, unknown)))
    }
}

/// Loads revocation lists; what many partners name is read once and shared.
pub(crate) struct CrlLoader<'n> {
    notes: &'n Notes<'n>,
    loaded: RefCell<BTreeMap<CrlPlace, Loaded>>,
}

/// A source, and what is to be said of it wherever it is named.
#[derive(Clone)]
struct Loaded {
    source: Result<Arc<CrlSource>, Fault>,
    unwise: Option<Fault>,
}

#[derive(Clone)]
struct Fault {
    wrong: String,
    right: &'static str,
}

impl<'n> CrlLoader<'n> {
    pub(crate) fn new(notes: &'n Notes<'n>) -> Self {
        Self {
            notes,
            loaded: RefCell::default(),
        }
    }

    /// Every list that was loaded.
    pub(crate) fn registry(self) -> CrlRegistry {
        let loaded = self.loaded.into_inner().into_iter();
        loaded
            .filter_map(|(place, loaded)| Some((place, loaded.source.ok()?)))
            .collect()
    }

    fn load(&self, places: &[Located<CrlPlace>]) -> Result<Vec<Arc<CrlSource>>, Reported> {
        let mut seen = BTreeSet::new();
        all(places.iter().map(|written| {
            let place = resolved(self.notes, &written.value);
            if !seen.insert(place.clone()) {
                let wrong = format!("{} stands there twice", label(&written.value));
                return Err(self
                    .notes
                    .error(&written.spot, wrong, "keep one of the two"));
            }
            let loaded = self.one(&written.value, place);
            if let Some(Fault { wrong, right }) = loaded.unwise {
                self.notes.warn(&written.spot, wrong, right);
            }
            let told = |fault: Fault| self.notes.error(&written.spot, fault.wrong, fault.right);
            loaded.source.map_err(told)
        }))
    }

    fn one(&self, written: &CrlPlace, place: CrlPlace) -> Loaded {
        let mut loaded = self.loaded.borrow_mut();
        let loaded = loaded
            .entry(place)
            .or_insert_with_key(|place| load(self.notes, written, place));
        loaded.clone()
    }
}

/// The place, wherever we are.
fn resolved(notes: &Notes<'_>, written: &CrlPlace) -> CrlPlace {
    match written {
        CrlPlace::File(path) => CrlPlace::File(notes.resolve(path)),
        CrlPlace::Url(url) => CrlPlace::Url(url.clone()),
    }
}

/// What reasons and reports call the list.
fn label(written: &CrlPlace) -> String {
    match written {
        CrlPlace::File(path) => path.display().to_string(),
        CrlPlace::Url(url) => url.clone(),
    }
}

/// The source of `place`, with what a file has in it now. What a URL gives is left to whoever
/// runs: reading a configuration asks nobody.
fn load(notes: &Notes<'_>, written: &CrlPlace, place: &CrlPlace) -> Loaded {
    let before = match notes.purpose() {
        Purpose::Reload(registry) => registry.find(place).cloned(),
        Purpose::Check | Purpose::Start => None,
    };
    let source = before.unwrap_or_else(|| Arc::new(CrlSource::new(label(written))));
    let CrlPlace::File(path) = place else {
        return Loaded::fine(source);
    };
    let octets = match file::octets(path, Secrecy::Public) {
        Ok(octets) => octets,
        Err(fault) => {
            let wrong = format!("{} {fault}", path.display());
            return match (fault, notes.purpose()) {
                // It may come any moment. Until then the rule does what it says without a list;
                // whoever has to add a [[deny]] in haste is not kept from it.
                (fault @ FileFault::Io(_), Purpose::Start | Purpose::Reload(_)) => {
                    Loaded::unwise(source, wrong, fault.right())
                }
                (fault, _) => Loaded::refused(wrong, fault.right()),
            };
        }
    };
    let now = UnixTime::now();
    match source.replace(&octets, now) {
        Ok(facts) if facts.is_expired(now) => {
            let wrong = format!(
                "{}: the revocation list of {} ran out on {}",
                path.display(),
                facts.issuer,
                facts.next_update
            );
            let right = "have the authority's current one fetched";
            match notes.purpose() {
                Purpose::Check => Loaded::refused(wrong, right),
                // The rule does what it says with a list that ran out; other mail goes on, and
                // so does whoever comes to mend this.
                Purpose::Start | Purpose::Reload(_) => Loaded::unwise(source, wrong, right),
            }
        }
        Ok(_) => Loaded::fine(source),
        // Only on reload is there one to be older than, and that one stays in force.
        Err(error @ CrlError::Older { .. }) => {
            let wrong = format!("{}: {error}", path.display());
            Loaded::unwise(source, wrong, "have the authority's current one fetched")
        }
        Err(error) => Loaded::refused(format!("{}: {error}", path.display()), remedy(&error)),
    }
}

fn remedy(error: &CrlError) -> &'static str {
    match error {
        CrlError::TooLarge { .. } | CrlError::TooMany => "give the lists in files of their own",
        CrlError::NoList | CrlError::Malformed { .. } | CrlError::Older { .. } => {
            "give a file of complete revocation lists, in PEM, or of one in DER"
        }
        CrlError::NotYet { .. } => "set the clock of this host, or wait",
    }
}

impl Loaded {
    fn fine(source: Arc<CrlSource>) -> Self {
        let source = Ok(source);
        Self {
            source,
            unwise: None,
        }
    }

    fn unwise(source: Arc<CrlSource>, wrong: String, right: &'static str) -> Self {
        Self {
            source: Ok(source),
            unwise: Some(Fault { wrong, right }),
        }
    }

    fn refused(wrong: String, right: &'static str) -> Self {
        Self {
            source: Err(Fault { wrong, right }),
            unwise: None,
        }
    }
}
