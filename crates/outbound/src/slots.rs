//! Room for so many things at a time.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room for so many things at a time, as the configuration says, which may change.
#[derive(Debug)]
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    total: Mutex<usize>,
}

/// Room for one. Dropped, it is free again.
pub(crate) type Slot = OwnedSemaphorePermit;

impl Default for Slots {
    fn default() -> Self {
        Self {
            free: Arc::new(Semaphore::new(0)),
            total: Mutex::default(),
        }
    }
}

impl Slots {
    /// Makes the room as large as it is to be, and never nothing. It shrinks by what is free:
    /// to be called again for the rest.
    pub(crate) fn fit(&self, wanted: usize) {
        let wanted = wanted.clamp(1, Semaphore::MAX_PERMITS);
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted >= *total {
            self.free.add_permits(wanted - *total);
            *total = wanted;
        } else {
            *total -= self.free.forget_permits(*total - wanted);
        }
    }

    /// How many slots are free.
    pub(crate) fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// A slot, if one is free.
    pub(crate) fn try_take(&self) -> Option<Slot> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    /// A slot as soon as one is free. Who waits longest is served first.
    pub(crate) async fn take(&self) -> Option<Slot> {
        // The semaphore is never closed.
        Arc::clone(&self.free).acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_grows_at_once_and_shrinks_as_it_empties() {
        let slots = Slots::default();
        assert!(slots.try_take().is_none());
        slots.fit(3);
        let taken: Vec<_> = (0..3).map_while(|_| slots.try_take()).collect();
        assert_eq!(taken.len(), 3);
        slots.fit(1);
        assert!(slots.try_take().is_none());
        drop(taken);
        slots.fit(1);
        assert_eq!(slots.free(), 1);
        slots.fit(0);
        assert_eq!(slots.free(), 1, "there is always room for one");
    }
}
