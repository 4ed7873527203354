//! Reads a table of the file by the declarations of its keys, and notes every problem.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Key, Notes, Presence, Reported, Section, Spot, all, nearest, scalar::named};

/// A value and where it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) spot: Spot,
}

/// A table that is being read as `section`.
///
/// Each reading returns [`Reported`] when the value is missing or wrong, after noting it. The
/// custom is to read all keys of a section first and to look at the results afterwards, so that
/// one wrong key does not hide the next.
pub(crate) struct Table<'a> {
    notes: &'a Notes<'a>,
    root: &'static Section,
    section: &'static Section,
    spot: Spot,
    entries: Option<&'a DeTable<'a>>,
}

impl<'a> Table<'a> {
    /// The whole file.
    pub(crate) fn root(
        notes: &'a Notes<'a>,
        section: &'static Section,
        entries: &'a DeTable<'a>,
    ) -> Self {
        let spot = Spot {
            key: String::new(),
            offset: 0,
        };
        let table = Self {
            notes,
            root: section,
            section,
            spot,
            entries: Some(entries),
        };
        table.refuse_unknown_names();
        table
    }

    /// A table within this one.
    fn inner(
        &self,
        section: &'static Section,
        spot: Spot,
        entries: Option<&'a DeTable<'a>>,
    ) -> Self {
        let table = Self {
            notes: self.notes,
            root: self.root,
            section,
            spot,
            entries,
        };
        table.refuse_unknown_names();
        table
    }

    /// Where problems are noted.
    pub(crate) fn notes(&self) -> &'a Notes<'a> {
        self.notes
    }

    /// Where the table stands.
    pub(crate) fn spot(&self) -> &Spot {
        &self.spot
    }

    /// Whether the section is written at all.
    pub(crate) fn is_written(&self) -> bool {
        self.entries.is_some()
    }

    /// Whether anything is written for `name`.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.entries
            .is_some_and(|entries| entries.contains_key(name))
    }

    /// The value of a key that is required or has a default.
    pub(crate) fn one<T>(&self, key: &Key<T>) -> Result<Located<T>, Reported> {
        self.maybe(key)?.ok_or_else(|| self.missing(key))
    }

    /// The value of a key whose absence has a meaning.
    pub(crate) fn maybe<T>(&self, key: &Key<T>) -> Result<Option<Located<T>>, Reported> {
        self.with_value(key, |value, spot| self.scalar(key, value, spot))
    }

    /// The values of a list that is required or has a default; there is at least one.
    pub(crate) fn many<T>(&self, key: &Key<T>) -> Result<Vec<Located<T>>, Reported> {
        self.maybe_many(key)?.ok_or_else(|| self.missing(key))
    }

    /// The values of a list whose absence has a meaning; if present there is at least one.
    pub(crate) fn maybe_many<T>(&self, key: &Key<T>) -> Result<Option<Vec<Located<T>>>, Reported> {
        let mut list = self.with_value(key, |value, spot| self.list(key, value, &spot))?;
        if self.written(key.entry.name).is_none() {
            // The default's elements stand in the text of the default.
            for element in list.iter_mut().flatten() {
                element.spot = self.spot_of(key.entry.name);
            }
        }
        Ok(list)
    }

    /// A section that may stand once; its keys have their defaults when it is absent.
    pub(crate) fn section(&self, section: &'static Section) -> Result<Table<'a>, Reported> {
        let Some((spot, value)) = self.written(section.name) else {
            let mut spot = self.spot_of(section.name);
            spot.offset = self.spot.offset;
            return Ok(self.inner(section, spot, None));
        };
        match value.get_ref() {
            DeValue::Table(entries) => {
                let offset = offset_of(value).unwrap_or(spot.offset);
                let spot = Spot { offset, ..spot };
                Ok(self.inner(section, spot, Some(entries)))
            }
            DeValue::Array(_) => {
                let right = format!("write [{}], with single brackets, and once", spot.key);
                Err(self.notes.error(&spot, "is a list of tables", right))
            }
            other => {
                let wrong = format!("is {}", named(other));
                let right = format!("write a table that begins with [{}]", spot.key);
                Err(self.notes.error(&spot, wrong, right))
            }
        }
    }

    /// The occurrences of a section that may stand several times, in order.
    pub(crate) fn sections(&self, section: &'static Section) -> Vec<Table<'a>> {
        let Some((spot, value)) = self.written(section.name) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            let wrong = match value.get_ref() {
                DeValue::Table(_) => "is written with single brackets".to_owned(),
                other => format!("is {}", named(other)),
            };
            let right = format!("write [[{}]], with double brackets, for each one", spot.key);
            self.notes.error(&spot, wrong, right);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            let offset = offset_of(item).unwrap_or(spot.offset);
            let key = spot.key.clone();
            let spot = Spot { key, offset };
            match item.get_ref() {
                DeValue::Table(entries) => {
                    tables.push(self.inner(section, spot, Some(entries)));
                }
                other => {
                    let right = format!("write [[{}]] and its keys below", spot.key);
                    let wrong = format!("holds {}", named(other));
                    self.notes.error(&spot, wrong, right);
                }
            }
        }
        tables
    }

    /// The table with what `read` makes of it, for what is checked later.
    pub(crate) fn with<W>(self, read: impl Fn(&Self) -> W) -> (Self, W) {
        let written = read(&self);
        (self, written)
    }

    /// Where `name` of this table would be spoken of.
    pub(crate) fn spot_of(&self, name: &str) -> Spot {
        let key = if self.spot.key.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.spot.key)
        };
        let offset = self.spot.offset;
        Spot { key, offset }
    }

    /// Where the key at `path`, which is relative to this table, stands; as far as it is written.
    pub(crate) fn spot_of_path(&self, path: &str) -> Spot {
        let mut spot = self.spot_of(path);
        let mut entries = self.entries;
        for name in path.split('.') {
            let Some((key, value)) = entries.and_then(|entries| entries.get_key_value(name)) else {
                break;
            };
            spot.offset = key.span().start;
            entries = value.get_ref().as_table();
        }
        spot
    }

    /// The value that is written for `name`, and where its key stands.
    fn written(&self, name: &str) -> Option<(Spot, &'a Spanned<DeValue<'a>>)> {
        let (key, value) = self.entries?.get_key_value(name)?;
        let mut spot = self.spot_of(name);
        spot.offset = key.span().start;
        Some((spot, value))
    }

    /// Hands the written value, or else the default, to `read`.
    fn with_value<T, R>(
        &self,
        key: &Key<T>,
        read: impl Fn(&DeValue<'_>, Spot) -> Result<R, Reported>,
    ) -> Result<Option<R>, Reported> {
        if let Some((spot, value)) = self.written(key.entry.name) {
            let offset = offset_of(value).unwrap_or(spot.offset);
            return read(value.get_ref(), Spot { offset, ..spot }).map(Some);
        }
        let Presence::Default(text) = key.entry.presence else {
            return Ok(None);
        };
        let spot = self.spot_of(key.entry.name);
        match DeValue::parse(text) {
            Ok(value) => read(value.get_ref(), spot).map(Some),
            // A test reads every default, so this is never told to anyone.
            Err(error) => Err(self
                .notes
                .error(&spot, error.message(), "the default is at fault")),
        }
    }

    fn list<T>(
        &self,
        key: &Key<T>,
        value: &DeValue<'_>,
        spot: &Spot,
    ) -> Result<Vec<Located<T>>, Reported> {
        let DeValue::Array(items) = value else {
            let wrong = format!("is {}", named(value));
            let right = format!("write a list in brackets, each element {}", key.kind.right);
            return Err(self.notes.error(spot, wrong, right));
        };
        if items.is_empty() {
            let right = format!("write at least one element, {}", key.kind.right);
            return Err(self.notes.error(spot, "is an empty list", right));
        }
        all(items.iter().map(|item| {
            let offset = offset_of(item).unwrap_or(spot.offset);
            let path = spot.key.clone();
            self.scalar(key, item.get_ref(), Spot { key: path, offset })
        }))
    }

    fn scalar<T>(
        &self,
        key: &Key<T>,
        value: &DeValue<'_>,
        spot: Spot,
    ) -> Result<Located<T>, Reported> {
        let value = key.kind.read(value).map_err(|wrong| {
            let right = format!("write {}", key.kind.right);
            self.notes.error(&spot, wrong, right)
        })?;
        (key.check)(&value)
            .map_err(|wrong| self.notes.error(&spot, wrong, "stay within these bounds"))?;
        Ok(Located { value, spot })
    }

    fn missing<T>(&self, key: &Key<T>) -> Reported {
        let spot = self.spot_of(key.entry.name);
        let list = if key.entry.list { "a list of " } else { "" };
        let right = format!("write {} = … with {list}{}", key.entry.name, key.kind.right);
        self.notes.error(&spot, "is missing", right)
    }

    fn refuse_unknown_names(&self) {
        for (key, _) in self.entries.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if self.section.names().any(|known| known == name) {
                continue;
            }
            let mut spot = self.spot_of(name);
            spot.offset = key.span().start;
            if self.section.not_yet.contains(&name) {
                let right = "this version cannot do it, remove the key";
                self.notes.error(&spot, "is not yet available", right);
                continue;
            }
            self.notes
                .error(&spot, "is not a known key", self.suggestion(name));
        }
    }

    /// What was probably meant by a name that is not known here: a key of another section, since
    /// a heading ends the one before it, or a key that is spelt otherwise.
    fn suggestion(&self, name: &str) -> String {
        let mut homes = Vec::new();
        self.root.homes("", name, &mut homes);
        if let [home] = homes.as_slice() {
            return format!("it belongs {home}");
        }
        match nearest(name, self.section.names()) {
            Some(known) => format!("did you mean {known:?}?"),
            None => {
                let known: Vec<_> = self.section.names().collect();
                format!("known here are: {}", known.join(", "))
            }
        }
    }
}

/// Where a value begins; what has no place of its own spans nothing.
fn offset_of(value: &Spanned<DeValue<'_>>) -> Option<usize> {
    let span = value.span();
    (!span.is_empty()).then_some(span.start)
}
