//! Parameters of MAIL and RCPT (RFC 5321 §4.1.2).

use postern_mail::{BodyType, EnvelopeId, Notify, OriginalRecipient, Return};

use super::{CommandError, decimal};

/// What stands behind a path: keywords with and without values, each at most once.
///
/// Each `take_` removes one parameter and interprets it; what [`Parameters::finish`] still finds
/// is not ours to know.
#[derive(Debug)]
pub(super) struct Parameters<'a>(Vec<(&'a str, Option<&'a str>)>);

impl<'a> Parameters<'a> {
    /// ```abnf
    /// Mail-parameters = esmtp-param *(SP esmtp-param)          ; RFC 5321 §4.1.2
    /// esmtp-param     = esmtp-keyword ["=" esmtp-value]
    /// esmtp-keyword   = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
    /// esmtp-value     = 1*(%d33-60 / %d62-126)                 ; and UTF8-non-ascii, RFC 6531
    /// ```
    pub(super) fn parse(text: &'a str) -> Result<Self, CommandError> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let text = text.strip_prefix(' ').ok_or(CommandError::Parameter)?;
        text.split(' ')
            .map(parameter)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The value of a parameter, which is then gone.
    fn take(&mut self, keyword: &'static str) -> Result<Option<Option<&'a str>>, CommandError> {
        let is_meant = |(name, _): &(&str, _)| name.eq_ignore_ascii_case(keyword);
        let Some(at) = self.0.iter().position(is_meant) else {
            return Ok(None);
        };
        let (_, value) = self.0.swap_remove(at);
        if self.0.iter().any(is_meant) {
            return Err(CommandError::Duplicate(keyword));
        }
        Ok(Some(value))
    }

    /// A parameter that makes no sense without a value.
    fn take_value<T>(
        &mut self,
        keyword: &'static str,
        interpret: impl FnOnce(&str) -> Result<T, CommandError>,
    ) -> Result<Option<T>, CommandError> {
        match self.take(keyword)? {
            None => Ok(None),
            Some(None) => Err(CommandError::Value(keyword)),
            Some(Some(value)) => interpret(value).map(Some),
        }
    }

    /// A parameter that takes no value: whether it was given.
    fn take_flag(&mut self, keyword: &'static str) -> Result<bool, CommandError> {
        match self.take(keyword)? {
            None => Ok(false),
            Some(None) => Ok(true),
            Some(Some(_)) => Err(CommandError::Value(keyword)),
        }
    }

    /// `SIZE=1*20DIGIT` (RFC 1870 §3).
    pub(super) fn take_size(&mut self) -> Result<Option<u64>, CommandError> {
        self.take_value("SIZE", |value| {
            decimal(value).ok_or(CommandError::Value("SIZE"))
        })
    }

    /// `BODY=7BIT`, `BODY=8BITMIME` (RFC 6152 §2). Silence means 7BIT.
    pub(super) fn take_body(&mut self) -> Result<BodyType, CommandError> {
        let body = self.take_value("BODY", |value| {
            [
                BodyType::SevenBit,
                BodyType::EightBitMime,
                BodyType::BinaryMime,
            ]
            .into_iter()
            .find(|body| value.eq_ignore_ascii_case(body.as_str()))
            .ok_or(CommandError::Value("BODY"))
        })?;
        match body {
            Some(BodyType::BinaryMime) => Err(CommandError::BinaryMime),
            Some(body @ (BodyType::SevenBit | BodyType::EightBitMime)) => Ok(body),
            None => Ok(BodyType::default()),
        }
    }

    /// `SMTPUTF8`, which takes no value (RFC 6531 §3.4).
    pub(super) fn take_smtputf8(&mut self) -> Result<bool, CommandError> {
        self.take_flag("SMTPUTF8")
    }

    /// `REQUIRETLS`, which takes no value (RFC 8689 §2).
    pub(super) fn take_requiretls(&mut self) -> Result<bool, CommandError> {
        self.take_flag("REQUIRETLS")
    }

    /// `RET=FULL`, `RET=HDRS` (RFC 3461 §4.3).
    pub(super) fn take_ret(&mut self) -> Result<Option<Return>, CommandError> {
        self.take_value("RET", |value| {
            [Return::Full, Return::Headers]
                .into_iter()
                .find(|ret| value.eq_ignore_ascii_case(ret.as_str()))
                .ok_or(CommandError::Value("RET"))
        })
    }

    /// `ENVID=xtext` (RFC 3461 §4.4).
    pub(super) fn take_envid(&mut self) -> Result<Option<EnvelopeId>, CommandError> {
        self.take_value("ENVID", |value| {
            EnvelopeId::from_xtext(value).map_err(|why| CommandError::Dsn("ENVID", why))
        })
    }

    /// `NOTIFY=NEVER`, or a list of events (RFC 3461 §4.1).
    pub(super) fn take_notify(&mut self) -> Result<Option<Notify>, CommandError> {
        self.take_value("NOTIFY", |value| {
            value
                .parse()
                .map_err(|why| CommandError::Dsn("NOTIFY", why))
        })
    }

    /// `ORCPT=addr-type;xtext` (RFC 3461 §4.2).
    pub(super) fn take_orcpt(&mut self) -> Result<Option<OriginalRecipient>, CommandError> {
        self.take_value("ORCPT", |value| {
            OriginalRecipient::from_xtext(value).map_err(|why| CommandError::Dsn("ORCPT", why))
        })
    }

    /// Refuses what nobody took: RFC 5321 §4.1.1.11 forbids to ignore it.
    pub(super) fn finish(self) -> Result<(), CommandError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(CommandError::ParameterNotRecognised)
        }
    }
}

fn parameter(text: &str) -> Result<(&str, Option<&str>), CommandError> {
    let (keyword, value) = match text.split_once('=') {
        None => (text, None),
        Some((keyword, value)) => (keyword, Some(value)),
    };
    let keyword_is_good = keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
        && keyword
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || c == b'-');
    let value_is_good = value.is_none_or(|value| {
        !value.is_empty()
            && value
                .chars()
                .all(|c| c != '=' && c != ' ' && !c.is_control())
    });
    if keyword_is_good && value_is_good {
        Ok((keyword, value))
    } else {
        Err(CommandError::Parameter)
    }
}
