//! One record, evaluated by mail-auth from what is known of its terms.
//!
//! In place of names the record holds the numbers of its terms, see [`super::record`], and so the
//! questions of mail-auth are `3.` for the third term's name, `3.1.` for the first host of its MX
//! records. They come in the order of evaluation, and this is the order of the numbers. What is
//! answered to a question that is not known does not matter: of the questions of one run only the
//! first that is not known is believed in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mail_auth::{
    DnssecStatus, MX, Parameters, RecordSet, SpfResult, Txt,
    common::parse::TxtRecordParser,
    spf::{Spf, verify::SpfParameters},
};

use crate::answers::library::{Known, at_once, library};

/// What is known for one record.
pub(super) struct Answers {
    txt: Known<Txt>,
    mx: Known<RecordSet<MX>>,
    ipv4: Known<RecordSet<Ipv4Addr>>,
    ipv6: Known<RecordSet<Ipv6Addr>>,
}

/// What mail-auth wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question {
    /// The number of a term.
    pub(super) term: usize,
    /// The number of one of its MX hosts.
    pub(super) host: Option<usize>,
}

impl Answers {
    pub(super) fn new() -> Self {
        Self {
            txt: Known::txt(),
            mx: Known::new(records(Vec::new())),
            ipv4: Known::new(records(Vec::new())),
            ipv6: Known::new(records(Vec::new())),
        }
    }

    /// What mail-auth makes of this record of `domain` for `client`; `None` where it makes
    /// nothing of it.
    pub(super) fn evaluate(
        &mut self,
        record: &str,
        domain: &str,
        client: IpAddr,
    ) -> Option<SpfResult> {
        self.txt.learn(domain, Spf::parse(record.as_bytes()).into());
        // Who sends is of no matter here: macros are expanded elsewhere.
        let asked = SpfParameters::new(client, domain, domain, domain, "");
        let asked = Parameters::new(asked)
            .with_txt_cache(&self.txt)
            .with_mx_cache(&self.mx)
            .with_ipv4_cache(&self.ipv4)
            .with_ipv6_cache(&self.ipv6);
        Some(at_once(library()?.check_host(asked))?.result())
    }

    /// The first question since this was last called to which there is no answer.
    pub(super) fn missing(&self) -> Option<Question> {
        fn unknown<V: Clone>(known: &Known<V>) -> impl Iterator<Item = Question> {
            let asked = known.take_asked().into_iter();
            asked.filter_map(|name| match known.knows(&name) {
                true => None,
                false => Question::read(&name),
            })
        }
        let of_addresses = unknown(&self.ipv4).chain(unknown(&self.ipv6));
        let all = unknown(&self.txt)
            .chain(unknown(&self.mx))
            .chain(of_addresses);
        all.min()
    }

    /// Notes the addresses of a name; those of the other family are of no matter.
    pub(super) fn learn_addresses(&mut self, question: Question, addresses: &[IpAddr]) {
        let name = question.name();
        let ipv4 = addresses.iter().filter_map(|it| match it {
            IpAddr::V4(it) => Some(*it),
            IpAddr::V6(_) => None,
        });
        let ipv6 = addresses.iter().filter_map(|it| match it {
            IpAddr::V4(_) => None,
            IpAddr::V6(it) => Some(*it),
        });
        self.ipv4.learn(&name, records(ipv4.collect()));
        self.ipv6.learn(&name, records(ipv6.collect()));
    }

    /// Notes that a term has so many MX hosts.
    pub(super) fn learn_hosts(&mut self, term: usize, number: usize) {
        let of_host = |host| Question {
            term,
            host: Some(host),
        };
        let hosts = (0..number).map(|host| of_host(host).name().into());
        let hosts = MX {
            exchanges: hosts.collect(),
            preference: 0,
        };
        let name = Question { term, host: None }.name();
        self.mx.learn(&name, records(vec![hosts]));
    }

    /// Notes what the record says to which a term leads: the qualifier of its result.
    pub(super) fn learn_record(&mut self, term: usize, qualifier: char) {
        let record = Spf::parse(format!("v=spf1 {qualifier}all").as_bytes());
        let name = Question { term, host: None }.name();
        self.txt.learn(&name, record.into());
    }
}

impl Question {
    fn name(self) -> String {
        match self.host {
            Some(host) => format!("{}.{host}.", self.term),
            None => format!("{}.", self.term),
        }
    }

    fn read(name: &str) -> Option<Self> {
        let name = name.strip_suffix('.')?;
        let (term, host) = match name.split_once('.') {
            Some((term, host)) => (term, Some(host.parse().ok()?)),
            None => (name, None),
        };
        let term = term.parse().ok()?;
        Some(Self { term, host })
    }
}

fn records<T>(records: Vec<T>) -> RecordSet<T> {
    RecordSet {
        rrset: records.into(),
        dnssec_status: DnssecStatus::Indeterminate,
    }
}
