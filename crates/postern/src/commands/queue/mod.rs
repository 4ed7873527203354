//! `postern queue`: looking at messages and working with them.

mod access;
mod table;

use std::path::Path;

use postern_admin::{Change, Hold, Listing, Message};
use postern_mail::QueueId;

use self::access::Access;
use crate::{
    cli::{Format, List, QueueAction, Which},
    failure::{Exit, Failure},
    load::whereabouts,
    output,
};

/// How many messages are asked for at once.
const PAGE: usize = 100;

pub(crate) fn run(config: &Path, action: &QueueAction) -> Result<Exit, Failure> {
    let whereabouts = whereabouts(config)?;
    super::wait_for(async {
        let queue = Access::open(&whereabouts).await?;
        match action {
            QueueAction::List(list) => self::list(&queue, list).await?,
            QueueAction::Show { id, format } => show(&queue, *id, *format).await?,
            QueueAction::Retry { which } => retry(&queue, which).await?,
            QueueAction::Hold { ids, reason } => {
                let reason = reason.clone();
                change(&queue, ids, &Change::Hold { reason }, "held").await?;
            }
            QueueAction::Release { ids } => {
                change(&queue, ids, &Change::Release, "released").await?;
            }
            QueueAction::Remove { ids } => change(&queue, ids, &Change::Remove, "removed").await?,
        }
        Ok(Exit::Fine)
    })
}

/// Prints page by page: a queue may be larger than memory.
async fn list(queue: &Access, list: &List) -> Result<(), Failure> {
    let messages = Messages::new(queue, listing(list));
    if list.format.json {
        list_for_programs(messages).await
    } else {
        list_for_people(messages).await
    }
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

fn listing(list: &List) -> Listing {
    Listing {
        hold: match (list.held, list.free) {
            (true, _) => Some(Hold::Held),
            (false, true) => Some(Hold::Free),
            (false, false) => None,
        },
        recipient_domain: list.to_domain.clone(),
        sender_domain: list.from_domain.clone(),
        after: None,
        limit: list.limit,
    }
}

async fn show(queue: &Access, id: QueueId, format: Format) -> Result<(), Failure> {
    let mut message = queue.show(id, 0).await?;
    while let Some(from) = message.next_recipient {
        let part = queue.show(id, from).await?;
        message.recipients.extend(part.recipients);
        message.next_recipient = part.next_recipient;
    }
    if format.json {
        output::print_json(&message)
    } else {
        output::print(table::show(&message))
    }
}

async fn retry(queue: &Access, which: &[Which]) -> Result<(), Failure> {
    if which.contains(&Which::All) {
        return retry_all(queue).await;
    }
    let one = |which: &Which| match which {
        Which::All => None,
        Which::One(id) => Some(*id),
    };
    let ids: Vec<_> = which.iter().filter_map(one).collect();
    change(queue, &ids, &Change::Retry, "due now").await
}

async fn retry_all(queue: &Access) -> Result<(), Failure> {
    let free = Listing {
        hold: Some(Hold::Free),
        ..Listing::default()
    };
    let mut messages = Messages::new(queue, free);
    let mut due = 0;
    while let Some(page) = messages.next().await? {
        for message in page {
            due += u64::from(queue.change_if_there(message.id, &Change::Retry).await?);
        }
    }
    output::print(format_args!("{due} messages are due now\n"))
}

/// Does the same to each message. The first that is not there ends it.
async fn change(
    queue: &Access,
    ids: &[QueueId],
    change: &Change,
    done: &str,
) -> Result<(), Failure> {
    for id in ids {
        queue.change(*id, change).await?;
        output::print(format_args!("{id} {done}\n"))?;
    }
    Ok(())
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
