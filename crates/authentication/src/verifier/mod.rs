//! The verification of one message: what is asked, in which order, and until when.

#[cfg(test)]
mod tests;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use postern_dns::Dns;
use postern_mail::{Domain, Host, Network, ReversePath};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    Author, Letter, NoRoom, NullMx, Override, Share, Verdict, VerifierSettings,
    answers::Questions,
    arc::{ArcOutcome, ArcResult},
    authors,
    crypto::{Checks, Shown},
    dkim::key::{self, Keys},
    dmarc::{self, Evidence, Records},
    iprev,
    memory::Memory,
    message::Message,
    null_mx,
    spf::{self, SpfOutcome},
};

/// Verifies messages, one call each; shared by all sessions.
#[derive(Debug)]
pub struct Verifier {
    dns: Arc<dyn Dns>,
    settings: VerifierSettings,
    memory: Memory,
}

impl Verifier {
    /// A verifier that asks `dns`.
    pub fn new(dns: Arc<dyn Dns>, settings: VerifierSettings) -> Self {
        Self {
            dns,
            memory: Memory::new(settings.memory),
            settings,
        }
    }

    /// Leave to hold a message of so many octets in memory for [`Verifier::verify`]: to be got
    /// before content is read from a file. Waits for other messages no longer than verification
    /// may take.
    ///
    /// # Errors
    /// There is no room for the message. What can be said of it all the same,
    /// [`Verifier::verify_header`] says.
    pub async fn reserve(&self, octets: u64) -> Result<Share, NoRoom> {
        self.memory.share(octets, self.settings.time).await
    }

    /// What can be found out about a message. It takes no longer than the time of the settings,
    /// whatever the DNS does: what is not known by then is a `temperror`.
    pub async fn verify(&self, letter: &Letter<'_>) -> Verdict {
        let message = Message::new(letter.content);
        if !self.memory.can_hold(message.length()) {
            return self.verify_header(letter, NoRoom::TooLarge).await;
        }
        self.judge(letter, message, None).await
    }

    /// The same for a message whose body cannot be had, for the reason given: of its content the
    /// header is enough. Its signatures are `temperror`.
    pub async fn verify_header(&self, letter: &Letter<'_>, why: NoRoom) -> Verdict {
        self.judge(letter, Message::new(letter.content), Some(why))
            .await
    }

    /// SPF for what a client calls itself, and for a reverse-path that is not null: all that can
    /// be said of a message that cannot be read.
    pub async fn verify_sender(
        &self,
        client: IpAddr,
        helo: &Host,
        reverse_path: &ReversePath,
        hostname: &Domain,
    ) -> (SpfOutcome, Option<SpfOutcome>) {
        // Our name is asked for by explanations alone (`%{r}`), which are not got.
        let _: &Domain = hostname;
        let shares = self.shares(&Time::of(&self.settings), 0);
        tokio::join!(
            spf::helo(&shares.helo, client, helo),
            spf::mail_from(&shares.mail_from, client, helo, reverse_path),
        )
    }

    /// Whether a domain takes no mail at all, so that nobody there can have written.
    pub async fn refuses_mail(&self, domain: &Domain) -> NullMx {
        let time = Time::of(&self.settings);
        null_mx::ask(&self.questions(1, &time), domain).await
    }

    async fn judge(
        &self,
        letter: &Letter<'_>,
        message: Message,
        bodyless: Option<NoRoom>,
    ) -> Verdict {
        let now = SystemTime::now();
        let time = Time::of(&self.settings);
        let author = authors::author(message.header());
        let checks = Checks::new(
            message,
            author.domain().cloned(),
            self.settings.signatures,
            now,
        );
        let (of_signatures, of_chain) = match bodyless {
            Some(_) => (Vec::new(), Vec::new()),
            None => checks.keys(),
        };
        let shares = self.shares(&time, of_signatures.len());
        let (helo, mail_from, iprev, mut keys, keys_of_chain, records) = tokio::join!(
            spf::helo(&shares.helo, letter.client, letter.helo),
            spf::mail_from(
                &shares.mail_from,
                letter.client,
                letter.helo,
                letter.reverse_path
            ),
            iprev::check(&shares.helo, letter.client),
            keys(of_signatures, &shares.signatures),
            keys(of_chain, &shares.chain),
            walk(&shares.dmarc, &author),
        );
        keys.extend(keys_of_chain);
        let Shown { dkim, arc } = match bodyless {
            Some(why) => checks.unchecked(&why.to_string()),
            None => checks.run(keys, time.end).await,
        };
        let evidence = Evidence {
            author: &author,
            spf: mail_from.as_ref().unwrap_or(&helo),
            dkim: &dkim,
        };
        let dmarc = dmarc::judge(&shares.dmarc, evidence, records).await;
        Verdict {
            overridden: self.overriding(letter.client, &arc),
            client: letter.client,
            iprev,
            helo,
            mail_from,
            dkim,
            arc,
            dmarc,
            author,
        }
    }

    fn overriding(&self, client: IpAddr, arc: &ArcOutcome) -> Option<Override> {
        let mut networks = self.settings.trusted_forwarders.iter();
        let network: Option<&Network> = networks.find(|it| it.contains(client));
        if let Some(network) = network {
            return Some(Override::TrustedForwarder(*network));
        }
        let sealer = arc.sealer.as_ref()?;
        let says_so = arc.result == ArcResult::Pass && arc.claims_dmarc_pass;
        (says_so && self.settings.trusted_sealers.contains(sealer))
            .then(|| Override::TrustedSealer(sealer.clone()))
    }

    /// Every signature has its one question. Of the rest, a fifth is for the name of the client,
    /// as much for the author domain and for a chain, and two fifths for the reverse-path, whose
    /// records may be the most.
    fn shares(&self, time: &Time, signatures: usize) -> Shares {
        let fifth = self.settings.queries.saturating_sub(signatures) / 5;
        Shares {
            helo: self.questions(fifth, time),
            mail_from: self.questions(2 * fifth, time),
            signatures: self.questions(signatures, time),
            chain: self.questions(fifth, time),
            dmarc: self.questions(fifth, time),
        }
    }

    fn questions(&self, number: usize, time: &Time) -> Questions {
        Questions::new(Arc::clone(&self.dns), number, time.of_questions)
    }
}

/// The questions for one message, divided: whoever writes to us has the say over some of them,
/// and must not use up those that speak for somebody else.
struct Shares {
    helo: Questions,
    mail_from: Questions,
    signatures: Questions,
    chain: Questions,
    dmarc: Questions,
}

/// Gets keys, all at once.
async fn keys(names: Vec<String>, questions: &Questions) -> Keys {
    let mut asked = JoinSet::new();
    for name in names {
        let questions = questions.clone();
        asked.spawn(async move {
            let key = key::get(&questions, &name).await;
            (name, key)
        });
    }
    let mut keys = Keys::new();
    while let Some(answered) = asked.join_next().await {
        keys.extend(answered);
    }
    keys
}

async fn walk(questions: &Questions, author: &Author) -> Option<Records> {
    Some(Records::walk(questions, author.domain()?).await)
}

/// Until when a verification may go on.
struct Time {
    of_questions: Instant,
    end: Instant,
}

impl Time {
    /// A tenth is kept for the signatures, whose keys may come at the last moment.
    fn of(settings: &VerifierSettings) -> Self {
        let end = Instant::now() + settings.time.min(Duration::from_secs(3600));
        Self {
            of_questions: end - settings.time.min(Duration::from_secs(3600)) / 10,
            end,
        }
    }
}
