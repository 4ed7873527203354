//! The permit to deliver: a judged channel, and the only way to write mail to one.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use postern_mail::Host;
use postern_tls::{Channel, Evidence, NotSecured, Released};
use rustls_pki_types::UnixTime;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use crate::{
    Basis, HostPlan, Mismatch, Partner, PartnerName, Policy, Refusal, Source, Stage,
    policy::Generation,
};

/// The right to hand mail to a next hop over the channel that this permit owns.
///
/// [`Policy::authorize`] makes one from a channel that was proven to meet a plan, and nobody else
/// makes one at all. It cannot be cloned, defaulted or read from anywhere, and the channel does
/// not come out of it again, so what was proven of one connection cannot be used on another.
///
/// For the next message on a kept connection it is spent by [`Permit::rejudge`], which gives one
/// for that message or none.
#[must_use = "a permit that is dropped delivers nothing"]
#[derive(Debug)]
pub struct Permit<S> {
    stream: Released<S>,
    grant: Grant,
}

/// What was proven, for what.
#[derive(Debug)]
struct Grant {
    destination: Host,
    partner: Option<PartnerName>,
    host: Host,
    basis: Basis,
    shadow: Option<Shadow>,
}

/// What the rules that are judged without being in force would have said: the measure of
/// readiness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// The partner whose rule is among them, where the destination is one's, and at what stage
    /// that is.
    pub partner: Option<(PartnerName, Stage)>,
    /// What they would have said.
    pub outcome: Result<Basis, Refusal>,
}

/// A channel that may not carry mail, and why. All that can still be said over it is `QUIT`.
#[must_use = "the refusal is why the message waits"]
#[derive(Debug)]
pub struct Refused<S> {
    refusal: Refusal,
    stream: Released<S>,
}

impl Policy {
    /// Decides whether the delivery of `plan` may use `channel`, which leads to its next hop.
    ///
    /// # Errors
    /// The channel does not meet what is in force, or the plan is one of an older policy.
    pub fn authorize<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        plan: &HostPlan,
        channel: Channel<S>,
        now: UnixTime,
    ) -> Result<Permit<S>, Refused<S>> {
        let granted = grant(self.generation, plan, channel.security(), now);
        let stream = channel.release();
        match granted {
            Ok(grant) => Ok(Permit { stream, grant }),
            Err(refusal) => Err(Refused { refusal, stream }),
        }
    }
}

impl<S> Permit<S> {
    /// Judges the channel for the delivery of another plan, in full and at a new time, whatever
    /// was proven before: the policy may have changed, and certificates expire.
    ///
    /// # Errors
    /// The channel does not meet what is in force now, or leads to another host than the plan
    /// is for.
    pub fn rejudge(
        self,
        policy: &Policy,
        plan: &HostPlan,
        now: UnixTime,
    ) -> Result<Self, Refused<S>> {
        let Self { stream, grant: old } = self;
        let granted = if *plan.host() == old.host {
            grant(policy.generation, plan, stream.security(), now)
        } else {
            Err(elsewhere(&old.host))
        };
        match granted {
            Ok(grant) => Ok(Self { stream, grant }),
            Err(refusal) => Err(Refused { refusal, stream }),
        }
    }

    /// Where mail may go with this permit: the destination of the plan it was given for.
    pub fn destination(&self) -> &Host {
        &self.grant.destination
    }

    /// The partner whose rule was judged.
    pub fn partner(&self) -> Option<&PartnerName> {
        self.grant.partner.as_ref()
    }

    /// The next hop at the other end.
    pub fn host(&self) -> &Host {
        &self.grant.host
    }

    /// On what basis it was given, by the rules in force alone.
    pub fn basis(&self) -> &Basis {
        &self.grant.basis
    }

    /// The most that was proven of the peer, be it for a rule that is not in force: the verdict to
    /// record of a delivery. Whether the channel may be used does not hang on it.
    pub fn proven(&self) -> &Basis {
        match self.shadow().map(|shadow| &shadow.outcome) {
            Some(Ok(basis @ Basis::Authenticated { .. })) => basis,
            Some(Ok(Basis::Plain(_) | Basis::Encrypted(_)) | Err(_)) | None => self.basis(),
        }
    }

    /// What the rules that are not in force would have said, where there are any.
    pub fn shadow(&self) -> Option<&Shadow> {
        self.grant.shadow.as_ref()
    }

    /// What the handshake proved, unless the channel is plain.
    pub fn evidence(&self) -> Option<&Evidence> {
        self.stream.security().ok()
    }
}

impl<S> Refused<S> {
    /// Why the channel may not carry mail.
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Refused<S> {
    /// Takes leave (RFC 3207 §4.1) and closes the connection, without waiting for an answer.
    ///
    /// # Errors
    /// The connection failed before that.
    pub async fn quit(mut self) -> io::Result<()> {
        self.stream.write_all(b"QUIT\r\n").await?;
        self.stream.flush().await?;
        self.stream.shutdown().await
    }
}

/// The one place where a channel is found good enough to carry mail.
fn grant(
    generation: Generation,
    plan: &HostPlan,
    security: Result<&Evidence, &NotSecured>,
    now: UnixTime,
) -> Result<Grant, Refusal> {
    plan.check(generation, now)?;
    let basis = plan.judge(security, now)?;
    let is_measured = |partner: &&Partner| {
        let source = Source::PartnerRule(partner.name().clone());
        plan.delivery().measured(&source).is_some()
    };
    let shadow = plan.measures_more().then(|| Shadow {
        partner: plan
            .partner()
            .filter(is_measured)
            .map(|partner| (partner.name().clone(), partner.stage())),
        outcome: plan.judge_in_full(security, now),
    });
    Ok(Grant {
        destination: plan.destination().clone(),
        partner: plan.partner().map(|partner| partner.name().clone()),
        host: plan.host().clone(),
        basis,
        shadow,
    })
}

/// A plan for one host does not judge a channel to another.
fn elsewhere(host: &Host) -> Refusal {
    let demand = "a plan for the host at the other end";
    Refusal::new(Mismatch::Host(host.clone()), demand, vec![Source::Default])
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Permit<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Permit<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
