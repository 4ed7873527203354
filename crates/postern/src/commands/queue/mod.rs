//! `postern queue`: looking at messages and working with them.

mod access;
mod change;
mod frozen;
mod overview;
mod table;
mod which;

use std::path::Path;

use postern_admin::{Change, Listing, Message};
use postern_mail::QueueId;

use self::{
    access::Access,
    change::{Doing, change, remove},
    which::{Meant, listing, meant},
};
use crate::{
    cli::{ChangeMany, HoldMany, List, QueueAction, Show, Which},
    failure::{Exit, Failure},
    load::whereabouts,
    output,
};

/// How many messages are asked for at once.
const PAGE: usize = 100;

pub(crate) fn run(config: &Path, action: &QueueAction) -> Result<Exit, Failure> {
    check(action)?;
    let whereabouts = whereabouts(config)?;
    super::wait_for(async {
        let queue = &Access::open(config, &whereabouts).await?;
        match action {
            QueueAction::List(asked) => list(queue, asked).await,
            QueueAction::Show(asked) => show(queue, asked).await,
            QueueAction::Retry(asked) => {
                change(queue, asked.meant()?, &asked.doing(Change::Retry)).await
            }
            QueueAction::Hold(asked) => change(queue, asked.meant()?, &asked.doing()).await,
            QueueAction::Release(asked) => {
                change(queue, asked.meant()?, &asked.doing(Change::Release)).await
            }
            QueueAction::Remove(asked) => {
                let doing = asked.change.doing(Change::Remove);
                remove(queue, asked.change.meant()?, asked.yes, &doing).await
            }
            QueueAction::Flush(asked) => frozen::flush(queue, asked).await,
            QueueAction::Freeze(asked) => frozen::freeze(queue, asked).await,
            QueueAction::Thaw(asked) => frozen::thaw(queue, asked).await,
            QueueAction::Frozen(format) => frozen::frozen(queue, *format).await,
            QueueAction::Summary(asked) => overview::summary(queue, asked).await,
            QueueAction::Destinations(format) => overview::destinations(queue, *format).await,
        }
    })
}

/// Whether what was asked means something, before any file is looked at.
fn check(action: &QueueAction) -> Result<(), Failure> {
    let meant = match action {
        QueueAction::Show(asked) => asked.meant(),
        QueueAction::Retry(asked) | QueueAction::Release(asked) => asked.meant(),
        QueueAction::Hold(asked) => asked.meant(),
        QueueAction::Remove(asked) => asked.change.meant(),
        QueueAction::List(_)
        | QueueAction::Flush(_)
        | QueueAction::Freeze(_)
        | QueueAction::Thaw(_)
        | QueueAction::Frozen(_)
        | QueueAction::Summary(_)
        | QueueAction::Destinations(_) => return Ok(()),
    };
    meant.map(drop)
}

impl Show {
    fn meant(&self) -> Result<Meant, Failure> {
        let ids: Vec<_> = self.ids.iter().copied().map(Which::One).collect();
        meant(&ids, &self.only, self.said.text.as_ref())
    }
}

impl ChangeMany {
    fn meant(&self) -> Result<Meant, Failure> {
        meant(&self.which, &self.only, self.said.text.as_ref())
    }

    fn doing(&self, change: Change) -> Doing {
        Doing {
            change,
            dry_run: self.dry_run,
            format: self.format,
        }
    }
}

impl HoldMany {
    fn meant(&self) -> Result<Meant, Failure> {
        meant(&self.which, &self.only, self.text.as_ref())
    }

    fn doing(&self) -> Doing {
        let reason = self.reason.clone();
        Doing {
            change: Change::Hold { reason },
            dry_run: self.dry_run,
            format: self.format,
        }
    }
}

/// Prints page by page: a queue may be larger than memory.
async fn list(queue: &Access, asked: &List) -> Result<Exit, Failure> {
    let listing = Listing {
        limit: asked.limit,
        ..listing(&asked.only, asked.said.text.as_ref())
    };
    let messages = Messages::new(queue, listing);
    if asked.format.json {
        list_for_programs(messages).await?;
    } else {
        list_for_people(messages).await?;
    }
    Ok(Exit::Fine)
}

/// One object, however many pages it takes.
async fn list_for_programs(mut messages: Messages<'_>) -> Result<(), Failure> {
    let mut separator = "{\"messages\": [\n";
    while let Some(page) = messages.next().await? {
        for message in &page {
            output::print(separator)?;
            output::print_json(message)?;
            separator = ",";
        }
    }
    let begun = separator == ",";
    output::print(if begun {
        "]}\n"
    } else {
        "{\"messages\": []}\n"
    })
}

async fn list_for_people(mut messages: Messages<'_>) -> Result<(), Failure> {
    let mut listed = 0;
    while let Some(page) = messages.next().await? {
        listed += page.len();
        if !page.is_empty() {
            output::print(table::list(&page))?;
        }
    }
    output::print(match listed {
        0 => "no messages\n".to_owned(),
        1 => "1 message\n".to_owned(),
        many => format!("{many} messages\n"),
    })
}

/// Shows messages one after the other. One that is named by its id is told alone.
async fn show(queue: &Access, asked: &Show) -> Result<Exit, Failure> {
    let listing = match asked.meant()? {
        Meant::Like(listing) => listing,
        Meant::Ids(ids) => {
            for (at, id) in ids.iter().enumerate() {
                let message = whole(queue, *id).await?;
                match (asked.format.json, at) {
                    (true, _) => output::print_json(&message)?,
                    (false, 0) => output::print(table::show(&message))?,
                    (false, _) => output::print(format_args!("\n{}", table::show(&message)))?,
                }
            }
            return Ok(Exit::Fine);
        }
    };
    let mut messages = Messages::new(queue, listing);
    let mut shown = 0;
    while let Some(page) = messages.next().await? {
        for found in page {
            let Some(message) = whole_if_there(queue, found.id).await? else {
                continue;
            };
            if asked.format.json {
                output::print_json(&message)?;
            } else {
                let lead = if shown == 0 { "" } else { "\n" };
                output::print(format_args!("{lead}{}", table::show(&message)))?;
            }
            shown += 1;
        }
    }
    if shown == 0 && !asked.format.json {
        output::print("no messages\n")?;
    }
    Ok(Exit::Fine)
}

/// A message with all its recipients.
async fn whole(queue: &Access, id: QueueId) -> Result<Message, Failure> {
    let mut message = queue.show(id, 0).await?;
    while let Some(from) = message.next_recipient {
        let part = queue.show(id, from).await?;
        message.recipients.extend(part.recipients);
        message.next_recipient = part.next_recipient;
    }
    Ok(message)
}

/// A listed message may have left the queue since.
async fn whole_if_there(queue: &Access, id: QueueId) -> Result<Option<Message>, Failure> {
    match whole(queue, id).await {
        Ok(message) => Ok(Some(message)),
        Err(failure) if failure.is_negative() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The messages of a listing, page by page.
struct Messages<'a> {
    queue: &'a Access,
    /// What to ask for next; nothing once all has been seen.
    listing: Option<Listing>,
}

impl<'a> Messages<'a> {
    fn new(queue: &'a Access, listing: Listing) -> Self {
        Self {
            queue,
            listing: Some(listing),
        }
    }

    async fn next(&mut self) -> Result<Option<Vec<Message>>, Failure> {
        let Some(mut listing) = self.listing.take() else {
            return Ok(None);
        };
        let wanted = listing.limit;
        if wanted == Some(0) {
            return Ok(None);
        }
        listing.limit = Some(wanted.map_or(PAGE, |wanted| wanted.min(PAGE)));
        let page = self.queue.list(&listing).await?;
        if let Some(after) = page.next {
            listing.after = Some(after);
            listing.limit = wanted.map(|wanted| wanted.saturating_sub(page.messages.len()));
            self.listing = Some(listing);
        }
        Ok(Some(page.messages))
    }
}
