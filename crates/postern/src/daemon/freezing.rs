//! What operators have frozen, in force and on disk.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use postern_admin::{
    FreezeOrder, FreezeTrouble, Freezer, Frozen, PartnerDomains, Timestamp, Whose,
};
use postern_mail::DomainPattern;
use postern_outbound::Outbound;
use tokio::task;

use crate::freezer::{FreezerFile, add, entries, take};

/// Freezes and thaws, and remembers it.
#[derive(Debug)]
pub(super) struct Freezing {
    file: FreezerFile,
    outbound: Outbound,
    known: Mutex<Freezer>,
    /// Held while the file is written, so that it never lacks what another request froze.
    writing: tokio::sync::Mutex<()>,
}

impl Freezing {
    /// Freezes what was frozen when the daemon ended. Reads a file, and so blocks for a moment;
    /// it must come before delivery begins.
    pub(super) fn begin(directory: &Path, outbound: Outbound) -> Self {
        let file = FreezerFile::below(directory);
        let known = file.read();
        if let Some(trouble) = &known.trouble {
            tracing::error!("{trouble}");
        }
        for frozen in &known.frozen {
            outbound.freeze(in_force(frozen));
        }
        if !known.frozen.is_empty() {
            let entries = known.frozen.len();
            tracing::warn!(entries, "mail for some domains is frozen, as it was");
        }
        Self {
            file,
            outbound,
            known: Mutex::new(known),
            writing: tokio::sync::Mutex::default(),
        }
    }

    /// All that is frozen.
    pub(super) fn all(&self) -> Freezer {
        self.known().clone()
    }

    /// What was frozen by this very pattern.
    pub(super) fn by(&self, domain: &DomainPattern) -> Option<Frozen> {
        let known = self.known();
        known.frozen.iter().find(|it| it.domain == *domain).cloned()
    }

    /// Freezes; `partner` are the domains of the partner that the order names.
    pub(super) async fn freeze(
        &self,
        order: &FreezeOrder,
        partner: Option<PartnerDomains>,
        now: Timestamp,
    ) -> Result<Freezer, FreezeTrouble> {
        let new = entries(order, partner, now).map_err(FreezeTrouble::BadOrder)?;
        let _only_one = self.writing.lock().await;
        let mut all = self.known().frozen.clone();
        add(&mut all, &new);
        self.write(&all).await?;
        for frozen in &new {
            tracing::warn!(domain = %frozen.domain, reason = %frozen.reason, "mail is frozen");
            self.outbound.freeze(in_force(frozen));
        }
        Ok(self.replace(all, new))
    }

    /// Thaws.
    pub(super) async fn thaw(&self, whose: &Whose) -> Result<Freezer, FreezeTrouble> {
        let _only_one = self.writing.lock().await;
        let mut all = self.known().frozen.clone();
        let thawed = take(&mut all, whose);
        if !thawed.is_empty() {
            self.write(&all).await?;
        }
        for frozen in &thawed {
            tracing::warn!(domain = %frozen.domain, "mail has thawed");
            self.outbound.thaw(&frozen.domain);
        }
        Ok(self.replace(all, thawed))
    }

    fn replace(&self, all: Vec<Frozen>, changed: Vec<Frozen>) -> Freezer {
        let mut known = self.known();
        known.frozen = all;
        Freezer {
            frozen: changed,
            trouble: known.trouble.clone(),
        }
    }

    async fn write(&self, all: &[Frozen]) -> Result<(), FreezeTrouble> {
        let (file, all) = (self.file.clone(), all.to_vec());
        let written = task::spawn_blocking(move || file.write(&all)).await;
        let failed = |why: &dyn std::fmt::Display| {
            FreezeTrouble::Failed(format!("what is frozen cannot be written down: {why}"))
        };
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(failed(&error)),
            Err(error) => Err(failed(&error)),
        }
    }

    /// A panic in between leaves nothing half changed.
    fn known(&self) -> MutexGuard<'_, Freezer> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_force(frozen: &Frozen) -> postern_outbound::Frozen {
    postern_outbound::Frozen {
        domain: frozen.domain.clone(),
        reason: frozen.reason.clone(),
        since: frozen.since.system_time(),
    }
}
