//! What the letters of the demonstration say.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use mail_builder::headers::date::Date;

use super::story::Letter;

impl Letter {
    /// The content of the letter. It has a line that begins with a dot, since those are what a
    /// careless relay changes (RFC 5321 §4.5.2).
    pub(super) fn content(self) -> Bytes {
        let Self { from, to } = self;
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let date = Date::from(since.map_or(0, |elapsed| elapsed.as_secs())).to_rfc822();
        let id = format!("demo.{}", to.replace('@', "."));
        format!(
            "From: <{from}>\r\n\
             To: <{to}>\r\n\
             Subject: How safely does this travel?\r\n\
             Date: {date}\r\n\
             Message-ID: <{id}@{}>\r\n\
             \r\n\
             That depends on what the other side can prove.\r\n\
             .This line begins with a dot, and has to arrive with it.\r\n",
            from.rsplit('@').next().unwrap_or(from),
        )
        .into()
    }

    /// The reverse-path, as logs and mailboxes have it.
    pub(super) fn reverse_path(self) -> String {
        format!("<{}>", self.from)
    }

    /// The forward-path, as logs and mailboxes have it.
    pub(super) fn forward_path(self) -> String {
        format!("<{}>", self.to)
    }
}
