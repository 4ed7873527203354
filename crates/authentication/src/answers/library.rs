//! mail-auth as a function of answers.
//!
//! mail-auth looks into caches before it asks a resolver. The caches here know what our own
//! [`Dns`](postern_dns::Dns) has answered. To any other question they answer that it failed, and
//! remember that it was asked: whoever evaluates asks it then, with our bounds, and evaluates
//! again. The resolver of mail-auth has no servers and is never asked; an evaluation that wanted
//! to wait for it would come to nothing, see [`at_once`].

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::{Hash, Hasher},
    pin::pin,
    sync::{LazyLock, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::Instant,
};

use mail_auth::{
    DnsError, Error, MessageAuthenticator, ResolverCache, Txt,
    hickory_resolver::config::{ResolverConfig, ResolverOpts},
};

static LIBRARY: LazyLock<Option<MessageAuthenticator>> = LazyLock::new(|| {
    let nobody = ResolverConfig::from_name_servers(Vec::new());
    MessageAuthenticator::new(nobody, ResolverOpts::default()).ok()
});

/// mail-auth, with nobody to ask. There is none where its resolver cannot be made; nothing can be
/// verified then.
pub(crate) fn library() -> Option<&'static MessageAuthenticator> {
    LIBRARY.as_ref()
}

/// The output of an evaluation that has all its answers and so waits for nothing; `None` where it
/// waits nevertheless, for a resolver that cannot answer.
pub(crate) fn at_once<T>(evaluation: impl Future<Output = T>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(evaluation).poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// What is known of one type of records, by names in lower case with a dot at their end.
pub(crate) struct Known<V> {
    answers: HashMap<Box<str>, V>,
    unknown: V,
    asked: Mutex<Vec<Box<str>>>,
}

impl<V: Clone> Known<V> {
    /// Nothing is known yet. Questions get the answer `unknown` until there is a better one.
    pub(crate) fn new(unknown: V) -> Self {
        Self {
            answers: HashMap::new(),
            unknown,
            asked: Mutex::default(),
        }
    }

    /// Notes an answer.
    pub(crate) fn learn(&mut self, name: &str, answer: V) {
        self.answers.insert(key(name), answer);
    }

    /// The names that were asked for since this was last called, in their order, known or not.
    pub(crate) fn take_asked(&self) -> Vec<Box<str>> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether there is an answer for this name.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.answers.contains_key(name)
    }
}

/// A name as mail-auth asks for it.
fn key(name: &str) -> Box<str> {
    let mut name = name.to_lowercase();
    if !name.ends_with('.') {
        name.push('.');
    }
    name.into()
}

impl Known<Txt> {
    /// TXT records, none of which is known yet.
    pub(crate) fn txt() -> Self {
        Self::new(unknown("it was not asked for"))
    }
}

/// A TXT record that could not be got, and why.
pub(crate) fn unknown(why: &str) -> Txt {
    Txt::Error(Error::Dns(DnsError::Resolver(why.to_owned())))
}

impl<V: Clone> ResolverCache<Box<str>, V> for Known<V> {
    fn get<Q>(&self, name: &Q) -> Option<V>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push(Text::of(name));
        let known = self.answers.get(name).unwrap_or(&self.unknown);
        Some(known.clone())
    }

    fn remove<Q>(&self, _: &Q) -> Option<V>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    /// Nothing comes from a resolver, so there is nothing to keep.
    fn insert(&self, _: Box<str>, _: V, _: Instant) {}
}

/// The octets that a value gives to a hasher. A cache is asked with a key of any type that its
/// names can be borrowed as, which is `str`; of such a type nothing is known but that it can be
/// hashed, and as its hash is that of the text, this is the way to the text.
#[derive(Default)]
struct Text(Vec<u8>);

impl Text {
    fn of<Q: Hash + ?Sized>(name: &Q) -> Box<str> {
        let mut text = Self::default();
        name.hash(&mut text);
        // The hash of a text ends with an octet that no text has.
        let octets = text.0.strip_suffix(&[0xff]).unwrap_or(&text.0);
        String::from_utf8_lossy(octets).into()
    }
}

impl Hasher for Text {
    fn write(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[test]
    fn questions_are_answered_or_noted() {
        let mut known = Known::new(0);
        known.learn("A.example", 1);
        assert_eq!(known.get("a.example."), Some(1));
        assert_eq!(known.get("b.example."), Some(0));
        assert!(known.knows("a.example.") && !known.knows("b.example."));
        assert_eq!(
            known.take_asked(),
            ["a.example.".into(), "b.example.".into()]
        );
        assert!(known.take_asked().is_empty());
    }

    #[test]
    fn the_library_has_nobody_to_ask() {
        let library = library().unwrap();
        let known = Known::txt();
        let record = at_once(library.txt_lookup::<mail_auth::spf::Spf>("a.example.", Some(&known)));
        let failure = record.unwrap().unwrap_err();
        assert!(
            matches!(failure, Error::Dns(DnsError::Resolver(_))),
            "{failure}"
        );
        assert_eq!(known.take_asked(), ["a.example.".into()]);
    }

    #[test]
    fn nobody_waits() {
        assert_eq!(at_once(async { 1 }), Some(1));
        assert_eq!(at_once(pending::<()>()), None);
    }
}
