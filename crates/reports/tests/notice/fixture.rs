//! A message, and what became of it.

use std::time::{Duration, SystemTime};

use postern_mail::{
    Domain, EnhancedStatusCode, Envelope, EnvelopeId, ForwardPath, Notify, OriginalRecipient,
    QueueId, Recipient, Reply, ReplyCode, Return, ReversePath, TlsWish,
};
use postern_reports::{Action, Cause, Content, Facts, Notice, RecipientFact, notice};

/// 2026-11-23T10:00:00Z.
const ARRIVED: u64 = 1_795_428_000;

pub(crate) fn at(minutes: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(ARRIVED + 60 * minutes)
}

/// Everything a notice is made from, to be changed at will.
pub(crate) struct Message {
    pub(crate) reporter: Domain,
    pub(crate) envelope: Envelope,
    pub(crate) content: Vec<u8>,
    pub(crate) is_whole: bool,
}

pub(crate) fn message(recipients: &[&str]) -> Message {
    let recipient = |path: &&str| Recipient::from(ForwardPath::parse_prefix(path).unwrap().0);
    Message {
        reporter: "mx1.example.com".parse().unwrap(),
        envelope: Envelope {
            reverse_path: ReversePath::parse_prefix("<alice@example.com>").unwrap().0,
            recipients: recipients.iter().map(recipient).collect(),
            body: Default::default(),
            smtputf8: false,
            ret: None,
            envelope_id: None,
            tls_wish: TlsWish::Unstated,
        },
        content: b"Received: from client.example.com by mx1.example.com\r\n\
            From: Alice <alice@example.com>\r\n\
            To: Carol <carol@ivory.example>\r\n\
            Subject: the plan\r\n\
            Message-ID: <plan.1@example.com>\r\n\
            \r\n\
            Dear Carol, this is confidential.\r\n"
            .to_vec(),
        is_whole: true,
    }
}

impl Message {
    pub(crate) fn notify(mut self, parameter: &str) -> Self {
        let notify: Notify = parameter.parse().unwrap();
        for recipient in &mut self.envelope.recipients {
            recipient.notify = Some(notify);
        }
        self
    }

    pub(crate) fn original(mut self, xtext: &str) -> Self {
        for recipient in &mut self.envelope.recipients {
            recipient.original = Some(OriginalRecipient::from_xtext(xtext).unwrap());
        }
        self
    }

    pub(crate) fn envelope_id(mut self, xtext: &str) -> Self {
        self.envelope.envelope_id = Some(EnvelopeId::from_xtext(xtext).unwrap());
        self
    }

    pub(crate) fn ret(mut self, ret: Return) -> Self {
        self.envelope.ret = Some(ret);
        self
    }

    pub(crate) fn wish(mut self, tls_wish: TlsWish) -> Self {
        self.envelope.tls_wish = tls_wish;
        self
    }

    pub(crate) fn content(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.content = content.into();
        self
    }

    pub(crate) fn from(mut self, reverse_path: &str) -> Self {
        self.envelope.reverse_path = ReversePath::parse_prefix(reverse_path).unwrap().0;
        self
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            reporter: &self.reporter,
            id: QueueId::new(ARRIVED * 1000, 7),
            envelope: &self.envelope,
            arrived: at(0),
            now: at(16),
            content: if self.is_whole {
                Content::Whole(&self.content)
            } else {
                Content::Start(&self.content)
            },
        }
    }

    /// The notice, with the fact that `tell` makes of each recipient.
    pub(crate) fn try_report<'a>(
        &'a self,
        tell: impl Fn(&'a Recipient) -> RecipientFact<'a>,
    ) -> Option<Notice> {
        let told: Vec<_> = self.envelope.recipients.iter().map(tell).collect();
        notice(&self.facts(), &told)
    }

    pub(crate) fn report<'a>(
        &'a self,
        tell: impl Fn(&'a Recipient) -> RecipientFact<'a>,
    ) -> Notice {
        self.try_report(tell).unwrap()
    }

    /// The notice that a host refused everybody.
    pub(crate) fn refused(&self) -> Notice {
        self.report(|recipient| fact(recipient, Action::Failed, "5.1.1", refusal()))
    }
}

pub(crate) fn fact<'a>(
    recipient: &'a Recipient,
    action: Action,
    status: &str,
    cause: Cause<'a>,
) -> RecipientFact<'a> {
    RecipientFact {
        recipient,
        action,
        status: status.parse().unwrap(),
        cause,
        last_attempt: Some(at(15)),
    }
}

pub(crate) fn refusal() -> Cause<'static> {
    static REPLY: std::sync::LazyLock<Reply> = std::sync::LazyLock::new(|| {
        Reply::new(ReplyCode::UNAVAILABLE, "No such user here")
            .with_line("See https://ivory.example/help")
            .with_status(EnhancedStatusCode::permanent(1, 1))
    });
    Cause::Reply {
        host: "mx.ivory.example",
        reply: &REPLY,
    }
}

pub(crate) const DELAYED: fn() -> Action = || Action::Delayed { until: at(7200) };
