//! How often within a time: `600/m`.

use std::{fmt, num::NonZeroU32, str::FromStr, time};

/// The spans that something is counted over, the longest first, with their seconds.
const SPANS: [(&str, u64); 4] = [("d", 24 * 60 * 60), ("h", 60 * 60), ("m", 60), ("s", 1)];

/// So many messages within a span of time, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub messages: NonZeroU32,
    /// Within which time.
    pub per: time::Duration,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, span) = text
            .split_once('/')
            .ok_or_else(|| format!("{text:?} does not say in which time"))?;
        // `parse` alone would take a sign.
        let digits = number.bytes().all(|octet| octet.is_ascii_digit());
        let number = number.parse::<u32>().ok().filter(|_| digits);
        let messages = number
            .and_then(NonZeroU32::new)
            .ok_or_else(|| format!("{text:?} does not begin with a number from 1 to 4294967295"))?;
        let seconds = SPANS
            .iter()
            .find_map(|(name, seconds)| (*name == span).then_some(*seconds))
            .ok_or_else(|| format!("{text:?} has the unknown unit {span:?}"))?;
        Ok(Self {
            messages,
            per: time::Duration::from_secs(seconds),
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.per.as_secs();
        let named = SPANS.iter().find(|(_, span)| *span == seconds);
        match named {
            Some((name, _)) => write!(f, "{}/{name}", self.messages),
            None => write!(f, "{}/{seconds}s", self.messages),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(u32, u64), &str>) {
        let read = text.parse::<Rate>();
        let read = read.map(|rate| (rate.messages.get(), rate.per.as_secs()));
        assert_eq!(read, expected.map_err(str::to_owned));
    }

    #[test]
    fn rates_say_how_many_in_which_time() {
        check("600/m", Ok((600, 60)));
        check("1/s", Ok((1, 1)));
        check("20000/d", Ok((20_000, 86_400)));
        check("5/h", Ok((5, 3600)));
        check("600", Err(r#""600" does not say in which time"#));
        check(
            "0/m",
            Err(r#""0/m" does not begin with a number from 1 to 4294967295"#),
        );
        check(
            "+6/m",
            Err(r#""+6/m" does not begin with a number from 1 to 4294967295"#),
        );
        check(
            "/m",
            Err(r#""/m" does not begin with a number from 1 to 4294967295"#),
        );
        check("6/5m", Err(r#""6/5m" has the unknown unit "5m""#));
        check("6/w", Err(r#""6/w" has the unknown unit "w""#));
    }

    proptest! {
        #[test]
        fn parsing_what_was_printed_is_the_identity(
            messages in 1..=u32::MAX,
            span in prop::sample::select(&SPANS),
        ) {
            let rate = Rate {
                messages: NonZeroU32::new(messages).unwrap(),
                per: time::Duration::from_secs(span.1),
            };
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }
    }
}
