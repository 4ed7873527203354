//! What is decided about the transactions of one session, and where their content goes.

use std::{net::IpAddr, sync::Arc, time::SystemTime};

use bytes::Bytes;
use postern_mail::{AddressLiteral, EnhancedStatusCode, Host, Reply, ReplyCode};
use postern_policy::{Consequence, InboundVerdict, MailClaim};
use postern_smtp::{
    command::{MailCommand, RcptCommand},
    server::{Abandoned, Answer, Question, ServerSession},
};
use postern_spool::SpoolError;
use postern_tls::{Evidence, NotSecured};
use rustls_pki_types::UnixTime;

use super::{
    Visit,
    author::{self, Author},
    journal, judgement,
    recipients::StandIns,
    transaction::{Intake, Transaction},
};
use crate::{
    accounts::{self, Visitor},
    admission,
    budget::Good,
    header_watch::HeaderWatch,
    received::Received,
};

/// Answers the questions of one session.
#[derive(Debug)]
pub(super) struct Reception<'a> {
    pub(super) visit: &'a Visit,
    evidence: Option<Evidence>,
    pub(super) transaction: Option<Transaction>,
    pub(super) messages: u64,
}

impl<'a> Reception<'a> {
    pub(super) fn new(visit: &'a Visit) -> Self {
        Self {
            visit,
            evidence: None,
            transaction: None,
            messages: 0,
        }
    }

    /// Takes note of what the channel is from now on. Of what was before, nothing stays.
    pub(super) fn begin_over(&mut self, evidence: Option<&Evidence>) {
        self.give_up();
        self.evidence = evidence.cloned();
    }

    /// How much of a content that is on its way in is likely to come: what was announced for it,
    /// and where nothing was, or more has come, as much again as there is.
    pub(super) fn content_to_come(&self) -> Option<u64> {
        let transaction = self.transaction.as_ref()?;
        let so_far = transaction.intake.as_ref()?.writer.octets();
        let announced = transaction.mail.size.unwrap_or(0);
        let missing = announced.saturating_sub(so_far);
        Some(if missing > 0 { missing } else { so_far })
    }

    /// Answers a question of the session.
    pub(super) async fn answer(&mut self, question: Question, session: &ServerSession) -> Answer {
        let answer = match question {
            Question::Mail(mail) => self.mail(mail, session).await,
            Question::Rcpt(rcpt) => self.rcpt(&rcpt),
            Question::Content => self.open(session).await,
            // The conversation has it weighed and kept, and looks after the client meanwhile.
            Question::Message(_) => Err(out_of_order()),
        };
        answer.map_err(|reply| self.refusal(reply)).into()
    }

    /// Takes the next piece of content. Once this has refused, the session swallows the rest.
    pub(super) async fn take(&mut self, octets: Bytes) -> Result<(), Reply> {
        let intake = self.transaction.as_mut().and_then(|it| it.intake.as_mut());
        let intake = intake.ok_or_else(out_of_order)?;
        let trouble = match intake.header.inspect(&octets) {
            Err(fault) => admission::header_trouble(fault),
            Ok(()) => {
                if let Some(signing) = &mut intake.signing {
                    signing.write(octets.clone()).await;
                }
                match intake.writer.write(octets).await {
                    Ok(()) => return Ok(()),
                    Err(error) => self.queue_trouble(&error),
                }
            }
        };
        if let Some(transaction) = self.transaction.take() {
            journal::content_refused(&transaction, &trouble);
        }
        Err(self.refusal(trouble))
    }

    /// Throws away the content so far, because the session does not want it.
    pub(super) fn abandon(&mut self, why: Abandoned) {
        if let Some(transaction) = self.transaction.take() {
            self.visit.shared.figures.refused.up();
            journal::abandoned(&transaction, why);
        }
    }

    /// Ends reception, and says how many messages were accepted.
    pub(super) fn end(mut self) -> u64 {
        self.give_up();
        self.messages
    }

    /// A transaction that is still open comes to nothing.
    fn give_up(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            journal::given_up(&transaction);
        }
    }

    async fn mail(&mut self, mail: MailCommand, session: &ServerSession) -> Result<(), Reply> {
        self.give_up();
        let transaction = self.judge(mail, session)?;
        let room = self
            .visit
            .shared
            .spool
            .admit(transaction.mail.size.unwrap_or(0));
        if let Err(error) = &room {
            self.visit.shared.tell_of_queue_trouble(error);
        }
        let consequence = transaction.verdict.consequence();
        if let Consequence::Refuse(_) = consequence {
            self.account_for([&transaction.verdict]);
        }
        let path = &transaction.mail.reverse_path;
        let mut decision = admission::mail(path, transaction.reach, consequence, room);
        if decision.is_ok() {
            decision = self.spend(Good::Message, &transaction);
        }
        if decision.is_ok() {
            decision = Box::pin(judgement::sender(&transaction)).await;
        }
        match &decision {
            Ok(()) => self.transaction = Some(transaction),
            Err(reply) => journal::mail_refused(&transaction, reply),
        }
        decision
    }

    /// What the newest settings say of a transaction.
    fn judge(&self, mail: MailCommand, session: &ServerSession) -> Result<Transaction, Reply> {
        let Visit {
            shared,
            peer,
            number,
            ..
        } = self.visit;
        let situation = shared.situation.load_full();
        let door = situation.door(*number).ok_or_else(out_of_order)?;
        let hello = session.hello().map(|hello| hello.name().clone());
        let helo = hello.unwrap_or_else(|| literal(peer.ip()));
        let claim = MailClaim {
            reverse_path: &mail.reverse_path,
            helo: helo.domain(),
        };
        let security = self.evidence.as_ref().ok_or(&NotSecured::NotUsed);
        let floor = door.floor.as_ref();
        let verdict = situation
            .policy
            .judge_mail(&claim, floor, security, UnixTime::now());
        journal::findings(&mail.reverse_path, None, &verdict);
        Ok(Transaction {
            reach: door.listener.role.reach(peer.ip()),
            helo,
            stand_ins: StandIns::default(),
            intake: None,
            door: Arc::clone(door),
            situation: Arc::clone(&situation),
            verdict,
            mail,
        })
    }

    fn rcpt(&mut self, rcpt: &RcptCommand) -> Result<(), Reply> {
        let transaction = self.transaction.as_ref().ok_or_else(out_of_order)?;
        let spent = self.spend(Good::Recipient, transaction);
        let transaction = self.transaction.as_mut().ok_or_else(out_of_order)?;
        let path = &rcpt.recipient.forward_path;
        let admitted = spent.and_then(|()| transaction.admit(path, SystemTime::now()));
        admitted.inspect_err(|reply| journal::rcpt_refused(transaction, path, reply))
    }

    /// Finds a place for content, and puts our field on top.
    async fn open(&mut self, session: &ServerSession) -> Result<(), Reply> {
        let transaction = self.transaction.as_ref().ok_or_else(out_of_order)?;
        let envelope = session.envelope().ok_or_else(out_of_order)?;
        let spool = &self.visit.shared.spool;
        let id = spool.reserve_id();
        let received = Received {
            helo: &transaction.helo,
            client: self.visit.peer.ip(),
            basis: transaction.verdict.basis(),
            hostname: &transaction.situation.hostname,
            with: session.transmission_type(),
            id: id.queue_id(),
            recipients: &envelope.recipients,
            at: SystemTime::now(),
        }
        .field();
        let mut writer = spool.content();
        let opened = match spool.admit(transaction.mail.size.unwrap_or(0)) {
            Ok(()) => writer.write(received.clone()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = opened {
            let reply = self.queue_trouble(&error);
            journal::content_refused(transaction, &reply);
            return Err(reply);
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.intake = Some(Intake {
                id,
                writer,
                header: HeaderWatch::default(),
                received,
                signing: transaction.begin_signing(SystemTime::now()),
            });
        }
        Ok(())
    }

    /// The partners whose authors the message names, and what the policy says.
    pub(super) fn authors(&self, transaction: &Transaction, header: &HeaderWatch) -> Vec<Author> {
        let evidence = self.evidence.as_ref();
        let authors = author::of(header, transaction, evidence, UnixTime::now());
        for author in &authors {
            let path = &transaction.mail.reverse_path;
            journal::findings(path, Some(&author.domain), &author.verdict);
        }
        authors
    }

    pub(super) fn account_for_all(&self, transaction: &Transaction, authors: &[Author]) {
        let of_authors = authors.iter().map(|author| &author.verdict);
        self.account_for([&transaction.verdict].into_iter().chain(of_authors));
    }

    fn account_for<'v>(&'v self, verdicts: impl IntoIterator<Item = &'v InboundVerdict>) {
        let visitor = Visitor {
            client: self.visit.peer.ip().to_canonical(),
            evidence: self.evidence.as_ref(),
            at: SystemTime::now(),
        };
        for attempt in accounts::of_message(verdicts, &visitor) {
            self.visit.shared.accounts.record(&attempt);
        }
    }

    pub(super) fn queue_trouble(&self, error: &SpoolError) -> Reply {
        self.visit.shared.tell_of_queue_trouble(error);
        admission::queue_trouble(error)
    }

    /// A refusal as it is said: with the session's name, so that a postmaster on the other side
    /// can ask about it.
    pub(super) fn refusal(&self, reply: Reply) -> Reply {
        self.visit.shared.figures.refused.up();
        self.visit.note_refusal(&reply);
        reply.with_line(format!("Session {}", self.visit.session))
    }
}

/// For what the session does not let happen, such as RCPT without MAIL: nothing is promised.
pub(super) fn out_of_order() -> Reply {
    Reply::new(ReplyCode::LOCAL_ERROR, "Local error, try again later")
        .with_status(EnhancedStatusCode::transient(3, 0))
}

fn literal(address: IpAddr) -> Host {
    Host::Literal(AddressLiteral::new(address.to_canonical()))
}
