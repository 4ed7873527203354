//! Who wrote a message that a stranger brings, what is done about it, and what is said of it in
//! its header.
//!
//! Content is verified as it came, and what follows is decided by the listener: see [`policy`].
//! What was found out goes on top of the header, and fields that claim to be ours are taken out of
//! it (RFC 8601 §5); everything else stays octet for octet.

mod head;
mod policy;
mod reading;

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use postern_authentication::{
    ArcChain, AuthenticationResults, Letter, NoRoom, NullMx, SenderStanding, Unsealed, Unsigned,
    Verdict, received_spf_field, without_forged,
};
use postern_mail::Reply;
use postern_spool::{BounceTo, Content, SpoolError};
use tokio::time::timeout;

pub(super) use self::policy::Decision;
use self::{
    policy::{Voucher, decide},
    reading::Whole,
};
use super::{
    author::Author,
    journal,
    transaction::{Transaction, spoken_for},
};
use crate::{
    Authentication, Judgement, Quarantine, admission, deferrals::Patience, settings::Reach,
    shared::Shared,
};

/// How long it may take to find out whether the sender's domain takes mail. The client waits for
/// its reply to MAIL for five minutes (RFC 5321 §4.5.3.2.2), but every message waits for this.
const SENDER: Duration = Duration::from_secs(5);

/// A message whose author was looked for.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) decision: Decision,
    /// Its header as it came.
    pub(super) header: Bytes,
    /// What we say of it on top, without our `Received` field.
    fields: Vec<u8>,
}

/// A transaction of a stranger whose content has come in.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) shared: &'a Shared,
    pub(super) client: IpAddr,
    pub(super) transaction: &'a Transaction,
    /// The partners whose authors it names, beside the one whose domain it is sent from.
    pub(super) authors: &'a [Author],
    pub(super) authentication: &'a Authentication,
    /// Our `Received` field, which stands above the content.
    pub(super) received: &'a Bytes,
}

impl Case<'_> {
    /// Finds out who wrote the message, decides, and writes down what is to be said.
    pub(super) async fn judge(&self, content: &Content) -> Result<Judged, SpoolError> {
        let ours = self.received.len();
        let header = reading::header(content, ours).await?;
        let verifier = &self.authentication.verifier;
        let whole = reading::whole(content, ours, verifier).await?;
        let verdict = match &whole {
            Ok(whole) => verifier.verify(&self.letter(&whole.pieces)).await,
            Err(why) => {
                let header = std::slice::from_ref(&header);
                verifier.verify_header(&self.letter(header), *why).await
            }
        };
        let decision = self.decide(&verdict, whole.as_ref().err().copied());
        let mut fields = self.results(&verdict);
        if let Decision::Suspect { .. } = &decision {
            fields.extend(head::quarantine_field(&verdict));
        }
        if let Ok(whole) = whole
            && admission_of(&decision, &verdict).is_none()
        {
            fields.extend(self.seal(whole, &verdict).await);
        }
        Ok(Judged {
            verdict,
            decision,
            header,
            fields,
        })
    }

    /// The content with what is said of it on top, and without fields that claim to be ours.
    pub(super) async fn with_head(
        &self,
        content: Content,
        judged: &Judged,
    ) -> Result<Content, SpoolError> {
        let chain = ArcChain::from(&judged.verdict.arc);
        let id = &self.authentication.authserv_id;
        let kept = without_forged(&judged.header, id, chain);
        head::replace(
            content,
            &judged.fields,
            self.received,
            &judged.header,
            &kept,
        )
        .await
    }

    /// The content of a message whose author nobody looked for, without fields that claim to be
    /// ours.
    pub(super) async fn without_forged(&self, content: Content) -> Result<Content, SpoolError> {
        let header = reading::header(&content, self.received.len()).await?;
        let id = &self.authentication.authserv_id;
        let kept = without_forged(&header, id, ArcChain::Invalid);
        head::replace(content, &[], self.received, &header, &kept).await
    }

    fn letter<'l>(&'l self, pieces: &'l [Bytes]) -> Letter<'l> {
        Letter {
            client: self.client,
            helo: &self.transaction.helo,
            reverse_path: &self.transaction.mail.reverse_path,
            hostname: &self.transaction.situation.hostname,
            content: pieces,
        }
    }

    fn decide(&self, verdict: &Verdict, no_room: Option<NoRoom>) -> Decision {
        let judgement = self.transaction.door.listener.judgement;
        decide(
            verdict.disposition(),
            judgement,
            self.voucher(verdict),
            || {
                match (verdict.author.domain(), no_room) {
                    // What is too large now will be so later.
                    (None, _) | (_, Some(NoRoom::TooLarge)) => Patience::Enough,
                    (Some(author), Some(NoRoom::Busy) | None) => {
                        let limit = self.authentication.temperror_limit;
                        let deferrals = &self.shared.deferrals;
                        deferrals.patience(self.client, author, limit, Instant::now())
                    }
                }
            },
        )
    }

    /// Whether the channel speaks for the author, which DNS records are no substitute for: a
    /// partner's own gateway, with the partner's certificate, need not be in its SPF record.
    fn voucher(&self, verdict: &Verdict) -> Voucher {
        let policy = &self.transaction.situation.policy;
        let author = verdict.author.domain();
        let Some(partner) = author.and_then(|author| policy.partner_of(author)) else {
            return Voucher::None;
        };
        let of_authors = self.authors.iter().map(|author| &author.verdict);
        let mut proven = [&self.transaction.verdict]
            .into_iter()
            .chain(of_authors)
            .filter_map(spoken_for);
        match proven.any(|it| it.name() == partner.name()) {
            true => Voucher::Channel,
            false => Voucher::None,
        }
    }

    fn results(&self, verdict: &Verdict) -> Vec<u8> {
        let results = AuthenticationResults::new(&self.authentication.authserv_id, verdict);
        let mut fields = results.field().to_vec();
        if self.authentication.received_spf {
            fields.extend(received_spf_field(&self.letter(&[]), verdict));
        }
        fields
    }

    /// An ARC set, where we seal and can. Whoever gets the message without it does not see that
    /// we found it good, and is none the worse off for that.
    async fn seal(&self, whole: Whole, verdict: &Verdict) -> Bytes {
        let Some(sealer) = self.authentication.sealer.clone() else {
            return Bytes::new();
        };
        let (verdict, id) = (verdict.clone(), self.authentication.authserv_id.clone());
        let sealed = tokio::task::spawn_blocking(move || sealer.seal(&whole.pieces, &verdict, &id));
        let interrupted = Unsealed::Unsigned(Unsigned::Interrupted);
        sealed
            .await
            .unwrap_or(Err(interrupted))
            .unwrap_or_else(|why| {
                journal::not_sealed(&why);
                Bytes::new()
            })
    }
}

impl Judged {
    /// What the client is told, where the message is not taken.
    pub(super) fn objection(&self) -> Option<Reply> {
        admission_of(&self.decision, &self.verdict)
    }

    /// Who hears of a failure. A reverse-path that was not used by its owner is nobody's to be
    /// told (RFC 5321 §6.2).
    pub(super) fn bounce_to(&self) -> BounceTo {
        match self.verdict.standing() {
            SenderStanding::Proven | SenderStanding::Unknown => BounceTo::Sender,
            SenderStanding::Forged => {
                let spf = self.verdict.spf();
                BounceTo::Nobody(format!(
                    "the reverse-path is not to be believed: SPF for {} is {}, DMARC is {}",
                    spf.domain, spf.result, self.verdict.dmarc.result
                ))
            }
        }
    }

    /// Why it is held, and why it goes where suspicious mail goes, where it does.
    pub(super) fn suspicion(&self) -> (Option<String>, Option<String>) {
        match &self.decision {
            Decision::Suspect { way, reason } => match way {
                Quarantine::Mark => (None, None),
                Quarantine::Hold => (Some(reason.clone()), None),
                Quarantine::Redirect => (None, Some(reason.clone())),
            },
            Decision::Take
            | Decision::LetBe(_)
            | Decision::Refuse { .. }
            | Decision::NoAuthor { .. }
            | Decision::PutOff { .. } => (None, None),
        }
    }
}

fn admission_of(decision: &Decision, verdict: &Verdict) -> Option<Reply> {
    match decision {
        Decision::Take | Decision::LetBe(_) | Decision::Suspect { .. } => None,
        Decision::Refuse { reason } => Some(admission::unauthenticated(reason)),
        Decision::NoAuthor { reason } => Some(admission::no_author(reason)),
        Decision::PutOff { reason } => Some(admission::put_off(verdict.spf().result, reason)),
    }
}

/// Whether a stranger may send mail that nobody could answer: its domain says that it takes none
/// (RFC 7505 §4.2). What cannot be found out soon is no reason to refuse, and a partner that proves
/// who it is may have its notifications sent from such a domain.
pub(super) async fn sender(transaction: &Transaction) -> Result<(), Reply> {
    let (Some(authentication), Some(domain), Reach::OwnDomains, true) = (
        &transaction.situation.authentication,
        transaction.mail.reverse_path.domain(),
        transaction.reach,
        refuses(transaction.door.listener.judgement) && !transaction.proves_its_sender(),
    ) else {
        return Ok(());
    };
    match timeout(SENDER, authentication.verifier.refuses_mail(domain)).await {
        Ok(NullMx::Yes) => Err(admission::null_mx(domain)),
        Ok(NullMx::No | NullMx::Unknown) | Err(_) => Ok(()),
    }
}

/// Whether strangers' mail may be refused because of who wrote it.
fn refuses(judgement: Judgement) -> bool {
    match judgement {
        Judgement::Off | Judgement::Mark => false,
        Judgement::Enforce(_) => true,
    }
}

/// Whether anybody asks who wrote what strangers bring to this listener.
pub(super) fn asks(judgement: Judgement) -> bool {
    match judgement {
        Judgement::Off => false,
        Judgement::Mark | Judgement::Enforce(_) => true,
    }
}
