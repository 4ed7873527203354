//! The queue, through the running daemon or, where none runs, directly.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use postern_admin::{
    Change, ChangeOrder, Changed, Client, ClientError, Destinations, FreezeOrder, Freezer, Listing,
    Message, Page, PartnerDomains, Queue, Summary, Whose,
};
use postern_config::Whereabouts;
use postern_mail::QueueId;
use postern_spool::{LocalSpool, SpoolError};
use tokio::time::Instant;

use crate::{
    failure::Failure,
    freezer::{FreezerFile, add, entries, take},
    load::load_to_start,
    whose::partner_domains,
    wiring,
};

/// How long one part of a long change takes, as the daemon has it.
const CHANGING: Duration = Duration::from_secs(1);

/// A way to the queue.
#[derive(Debug)]
pub(super) enum Access {
    /// The daemon has it.
    Daemon(Client),
    /// Nobody else has it; we do until we are done.
    Directly(Directly),
}

/// A queue that no daemon has.
#[derive(Debug)]
pub(super) struct Directly {
    queue: Queue,
    freezer: FreezerFile,
    /// Read only where a partner is named: it may have errors elsewhere.
    config: PathBuf,
}

impl Access {
    /// Asks the daemon, and opens the queue when there is none. The queue's lock makes sure that
    /// there really is none.
    pub(super) async fn open(config: &Path, whereabouts: &Whereabouts) -> Result<Self, Failure> {
        let client = Client::new(&whereabouts.admin.socket);
        match client.status().await {
            Ok(_) => Ok(Self::Daemon(client)),
            Err(error @ ClientError::NotRunning { .. }) => {
                open_directly(config, whereabouts).map_err(|failure| failure.after(&error))
            }
            Err(error) => Err(Failure::new("the queue", &error)),
        }
    }

    pub(super) async fn list(&self, listing: &Listing) -> Result<Page, Failure> {
        match self {
            Self::Daemon(client) => client.list(listing).await.map_err(|error| refused(&error)),
            Self::Directly(direct) => {
                let partner = direct.partner_of(listing.partner.as_deref())?;
                let page = direct.queue.list(listing, partner).await;
                page.map_err(|error| failed(&error))
            }
        }
    }

    pub(super) async fn show(&self, id: QueueId, from: usize) -> Result<Message, Failure> {
        match self {
            Self::Daemon(client) => client.show(id, from).await.map_err(|error| refused(&error)),
            Self::Directly(direct) => {
                let message = direct.queue.show(id, from).await;
                message.map_err(|error| failed(&error))
            }
        }
    }

    pub(super) async fn change(&self, id: QueueId, change: &Change) -> Result<(), Failure> {
        match self {
            Self::Daemon(client) => {
                let changed = client.change(id, change).await;
                changed.map_err(|error| refused(&error))
            }
            Self::Directly(direct) => {
                let changed = direct.queue.change(id, change).await;
                changed.map_err(|error| failed(&error))
            }
        }
    }

    /// Carries out a part of an order.
    pub(super) async fn change_all(&self, order: &ChangeOrder) -> Result<Changed, Failure> {
        match self {
            Self::Daemon(client) => {
                let changed = client.change_all(order).await;
                changed.map_err(|error| refused(&error))
            }
            Self::Directly(direct) => {
                let partner = direct.partner_of(order.which.partner.as_deref())?;
                let until = Instant::now() + CHANGING;
                let changed = direct.queue.change_all(order, partner, until).await;
                changed.map_err(|error| failed(&error))
            }
        }
    }

    pub(super) async fn summary(&self) -> Result<Summary, Failure> {
        match self {
            Self::Daemon(client) => client.summary().await.map_err(|error| refused(&error)),
            Self::Directly(direct) => Ok(direct.queue.summary()),
        }
    }

    pub(super) async fn destinations(&self) -> Result<Destinations, Failure> {
        match self {
            Self::Daemon(client) => client.destinations().await.map_err(|error| refused(&error)),
            Self::Directly(_) => Err(not_running("no mail is under way")),
        }
    }

    pub(super) async fn frozen(&self) -> Result<Freezer, Failure> {
        match self {
            Self::Daemon(client) => client.frozen().await.map_err(|error| refused(&error)),
            Self::Directly(direct) => Ok(direct.freezer.read()),
        }
    }

    pub(super) async fn freeze(&self, order: &FreezeOrder) -> Result<Freezer, Failure> {
        match self {
            Self::Daemon(client) => client.freeze(order).await.map_err(|error| refused(&error)),
            Self::Directly(direct) => direct.freeze(order),
        }
    }

    pub(super) async fn thaw(&self, whose: Whose) -> Result<Freezer, Failure> {
        match self {
            Self::Daemon(client) => client.thaw(whose).await.map_err(|error| refused(&error)),
            Self::Directly(direct) => direct.thaw(&whose),
        }
    }

    pub(super) async fn flush(&self, whose: Whose) -> Result<(), Failure> {
        match self {
            Self::Daemon(client) => client.flush(whose).await.map_err(|error| refused(&error)),
            Self::Directly(_) => Err(not_running(
                "`postern queue retry` makes mail due at the next start",
            )),
        }
    }
}

impl Directly {
    /// The domains of the partner that is named, if one is.
    fn partner_of(&self, name: Option<&str>) -> Result<Option<PartnerDomains>, Failure> {
        let Some(name) = name else {
            return Ok(None);
        };
        let policy = load_to_start(&self.config)?.settings.policy;
        let found = partner_domains(&policy, name);
        let nobody = || Failure::plain(format_args!("there is no partner {name:?}")).negative();
        found.map(Some).ok_or_else(nobody)
    }

    fn freeze(&self, order: &FreezeOrder) -> Result<Freezer, Failure> {
        let partner = match &order.whose {
            Whose::Partner(name) => self.partner_of(Some(name))?,
            Whose::Domain(_) | Whose::All => None,
        };
        let new = entries(order, partner, SystemTime::now().into());
        let new = new.map_err(|why| Failure::plain(why).usage())?;
        let mut all = self.freezer.read().frozen;
        add(&mut all, &new);
        self.remember(&all, new)
    }

    fn thaw(&self, whose: &Whose) -> Result<Freezer, Failure> {
        let mut all = self.freezer.read().frozen;
        let thawed = take(&mut all, whose);
        self.remember(&all, thawed)
    }

    fn remember(
        &self,
        all: &[postern_admin::Frozen],
        changed: Vec<postern_admin::Frozen>,
    ) -> Result<Freezer, Failure> {
        let written = self.freezer.write(all);
        written.map_err(|error| Failure::new("what is frozen", &error))?;
        Ok(Freezer {
            frozen: changed,
            trouble: None,
        })
    }
}

fn not_running(instead: &str) -> Failure {
    Failure::plain(format_args!("postern is not running: {instead}"))
}

fn open_directly(config: &Path, whereabouts: &Whereabouts) -> Result<Access, Failure> {
    let path = &whereabouts.spool.path;
    check_owner(path)?;
    let opened = LocalSpool::open(&wiring::spool(&whereabouts.spool));
    let opened = opened.map_err(|error| Failure::new("the queue", &error))?;
    Ok(Access::Directly(Directly {
        queue: Queue::new(Arc::new(opened.spool)),
        freezer: FreezerFile::below(path),
        config: config.to_owned(),
    }))
}

/// Opening a queue may write files. Those of another user would keep the daemon out, and a queue
/// that was never there should not appear because somebody looked.
fn check_owner(path: &Path) -> Result<(), Failure> {
    let metadata = path.metadata();
    let metadata = metadata.map_err(|error| {
        Failure::new(
            format_args!("there is no queue at {}", path.display()),
            &error,
        )
    })?;
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner == user {
        return Ok(());
    }
    Err(Failure::plain(format_args!(
        "the queue {} belongs to user {owner}, and this is user {user}: run it as that user",
        path.display()
    )))
}

fn refused(error: &ClientError) -> Failure {
    let failure = Failure::new("the queue", error);
    match error {
        ClientError::NoSuchMessage(_) | ClientError::NoSuchPartner(_) => failure.negative(),
        ClientError::BadRequest(_) => failure.usage(),
        ClientError::NotRunning { .. }
        | ClientError::NotPermitted(_)
        | ClientError::Connection { .. }
        | ClientError::TimedOut(_)
        | ClientError::NotUnderstood { .. }
        | ClientError::NoSuchReport(_)
        | ClientError::Refused(_) => failure,
    }
}

fn failed(error: &SpoolError) -> Failure {
    let failure = Failure::new("the queue", error);
    match error {
        SpoolError::Unknown(_) => failure.negative(),
        SpoolError::Full { .. }
        | SpoolError::Poisoned(_)
        | SpoolError::File { .. }
        | SpoolError::Damaged(_)
        | SpoolError::NoRecipients
        | SpoolError::Closed => failure,
    }
}
