//! Whom the recipients of a transaction stand for.
//!
//! What the client names is looked up at RCPT, so that it hears of trouble while it can be told
//! about one recipient. The envelope that the session keeps has the recipients as they were named;
//! those behind them take their places when the message is handed to the queue.

use std::{
    collections::{HashMap, HashSet},
    time::SystemTime,
};

use postern_mail::{Envelope, ForwardPath, OriginalRecipient, Recipient, Reply};
use postern_rewriting::{How, RewriteError, Rewritten};

use super::transaction::Transaction;
use crate::admission;

/// How many addresses may stand behind the recipients of one message. Some hundred octets of the
/// queue's memory and disk go with each.
const MOST: usize = 10_000;

/// Who stands behind recipients that do not stand for themselves alone.
#[derive(Debug, Default)]
pub(super) struct StandIns {
    behind: HashMap<ForwardPath, Vec<ForwardPath>>,
    total: usize,
}

impl Transaction {
    /// Whether the message may go to this recipient as well.
    pub(super) fn admit(&mut self, path: &ForwardPath, now: SystemTime) -> Result<(), Reply> {
        let domains = &self.situation.domains;
        let may_go = || admission::rcpt(path, self.reach, domains);
        let found = match self.situation.rewriting.recipient(path, now) {
            Ok(found) => found,
            Err(error @ RewriteError::Srs(_)) => return Err(admission::nobody_behind(&error)),
            Err(error) => {
                may_go()?;
                tracing::error!(forward_path = %path, %error, "an alias leads nowhere");
                return Err(admission::nobody_behind(&error));
            }
        };
        match found.how {
            How::AsItWas => return may_go(),
            How::Aliased => may_go()?,
            How::Returned => admission::returned(&self.mail.reverse_path, self.reach)?,
        }
        self.stand_ins.note(path, found)
    }
}

impl StandIns {
    fn note(&mut self, path: &ForwardPath, found: Rewritten) -> Result<(), Reply> {
        if self.behind.contains_key(path) {
            return Ok(());
        }
        let total = self.total.saturating_add(found.to.len());
        if total > MOST {
            return Err(admission::too_many_behind());
        }
        self.total = total;
        self.behind.insert(path.clone(), found.to);
        Ok(())
    }

    /// The envelope with those who stand behind its recipients. Nobody gets a second copy because
    /// he stands behind two of them.
    pub(super) fn expand(&self, mut envelope: Envelope) -> Envelope {
        if self.behind.is_empty() {
            return envelope;
        }
        let mut known = HashSet::new();
        let named = std::mem::take(&mut envelope.recipients);
        envelope.recipients = named
            .into_iter()
            .flat_map(|recipient| self.behind_one(recipient))
            .filter(|recipient| known.insert(recipient.forward_path.clone()))
            .collect();
        envelope.smtputf8 |= envelope.recipients.iter().any(|recipient| {
            let mailbox = recipient.forward_path.mailbox();
            mailbox.is_some_and(postern_mail::Mailbox::needs_smtputf8)
        });
        envelope
    }

    /// What the sender wants to hear of a recipient holds for those behind it as well, and they
    /// keep the name under which the sender knows them (RFC 3461 §4.2, §5.2.7).
    fn behind_one(&self, recipient: Recipient) -> Vec<Recipient> {
        let Some(behind) = self.behind.get(&recipient.forward_path) else {
            return vec![recipient];
        };
        let named = recipient.forward_path.mailbox();
        let original = recipient
            .original
            .clone()
            .or_else(|| named.map(OriginalRecipient::from));
        let behind = behind.iter().map(|path| Recipient {
            forward_path: path.clone(),
            notify: recipient.notify,
            original: original.clone(),
        });
        behind.collect()
    }
}

#[cfg(test)]
mod tests {
    use postern_mail::{BodyType, ReversePath, TlsWish};

    use super::*;

    fn path(text: &str) -> ForwardPath {
        ForwardPath::parse_prefix(&format!("<{text}>")).unwrap().0
    }

    fn stand_ins(behind: &[(&str, &[&str])]) -> StandIns {
        let mut stand_ins = StandIns::default();
        for (named, to) in behind {
            let found = Rewritten {
                to: to.iter().map(|to| path(to)).collect(),
                how: How::Aliased,
            };
            stand_ins.note(&path(named), found).unwrap();
        }
        stand_ins
    }

    fn envelope(recipients: Vec<Recipient>) -> Envelope {
        Envelope {
            reverse_path: ReversePath::Null,
            recipients,
            body: BodyType::SevenBit,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            tls_wish: TlsWish::Unstated,
        }
    }

    #[test]
    fn those_behind_take_the_place_of_the_one_who_was_named() {
        let team = stand_ins(&[("team@own.example", &["jo@own.example", "mo@x.example"])]);
        let named = ["mo@x.example", "team@own.example", "Team@own.example"];
        let named = named.map(|named| path(named).into()).to_vec();
        let expanded = team.expand(envelope(named)).recipients;
        let shown: Vec<_> = expanded
            .iter()
            .map(|it| {
                let original = it.original.as_ref().map(OriginalRecipient::to_xtext);
                (it.forward_path.to_string(), original.unwrap_or_default())
            })
            .collect();
        let expected = [
            ("<mo@x.example>", ""),
            ("<jo@own.example>", "rfc822;team@own.example"),
            ("<Team@own.example>", ""),
        ];
        assert_eq!(shown, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn what_the_client_says_of_a_recipient_holds_for_those_behind() {
        let original = OriginalRecipient::from_xtext("rfc822;first@a.example").unwrap();
        let named = Recipient {
            forward_path: path("team@own.example"),
            notify: Some("NEVER".parse().unwrap()),
            original: Some(original),
        };
        let team = stand_ins(&[("team@own.example", &["j\u{f6}@own.example"])]);
        let expanded = team.expand(envelope(vec![named.clone()]));
        assert!(expanded.smtputf8);
        let expected = Recipient {
            forward_path: path("j\u{f6}@own.example"),
            ..named
        };
        assert_eq!(expanded.recipients, [expected]);
    }

    #[test]
    fn only_so_many_may_stand_behind_a_message() {
        let many: Vec<_> = (0..1000).map(|at| format!("u{at}@own.example")).collect();
        let many: Vec<_> = many.iter().map(|it| path(it)).collect();
        let mut stand_ins = StandIns::default();
        let mut note = |at: usize| {
            let found = Rewritten {
                to: many.clone(),
                how: How::Aliased,
            };
            stand_ins.note(&path(&format!("list{at}@own.example")), found)
        };
        assert!((0..10).all(|at| note(at).is_ok()));
        let refused = note(10).unwrap_err();
        assert_eq!(refused.status(), Some("4.5.3".parse().unwrap()));
        assert!(note(3).is_ok(), "who is known costs nothing");
    }
}
