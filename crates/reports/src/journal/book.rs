//! Entries in memory, and which of them the file does not have yet.

use std::{collections::BTreeMap, io, ops::RangeInclusive};

use serde::Serialize;

use super::file;

/// Entries by their keys. Each entry holds its own key, so an entry is all that is written.
#[derive(Debug)]
pub(crate) struct Book<K, V> {
    entries: BTreeMap<K, Kept<V>>,
    dirty: bool,
}

#[derive(Debug)]
struct Kept<V> {
    value: V,
    dirty: bool,
}

impl<K, V> Default for Book<K, V> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            dirty: false,
        }
    }
}

impl<K: Ord, V: Serialize> Book<K, V> {
    /// Takes over an entry out of a file. A later one with the same key takes its place.
    pub(crate) fn load(&mut self, key: K, value: V) {
        self.entries.insert(
            key,
            Kept {
                value,
                dirty: false,
            },
        );
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|it| &it.value)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values().map(|it| &it.value)
    }

    /// The entries with these keys.
    pub(crate) fn range(&self, keys: RangeInclusive<K>) -> impl Iterator<Item = &V> {
        self.entries.range(keys).map(|(_, it)| &it.value)
    }

    /// The entry to be changed; it will be written with the next flush.
    pub(crate) fn change(&mut self, key: K, new: impl FnOnce() -> V) -> &mut V {
        self.dirty = true;
        let kept = self.entries.entry(key).or_insert_with(|| Kept {
            value: new(),
            dirty: true,
        });
        kept.dirty = true;
        &mut kept.value
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.entries.retain(|_, it| keep(&it.value));
    }

    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// The lines to be written: of all entries for a new file, else of what has changed. Whoever
    /// takes them must write them, or have all of them written later.
    pub(crate) fn take_lines(&mut self, all: bool) -> io::Result<Vec<u8>> {
        let mut lines = Vec::new();
        for it in self.entries.values_mut().filter(|it| all || it.dirty) {
            file::line(&it.value, &mut lines)?;
            it.dirty = false;
        }
        self.dirty = false;
        Ok(lines)
    }
}
