//! How keys are declared, so that each is written down once.
//!
//! A declaration holds a key's name, how its value is written, its default, its text and what
//! the sample shows for it. The reader ([`Table`]) works from it, and so do the annotated sample
//! and the reference ([`crate::manual`]): a key that is documented is read, and one that is read
//! is documented.

mod nearest;
mod notes;
mod reader;
mod scalar;
mod syntax;

pub(crate) use nearest::nearest;
pub(crate) use notes::{Notes, Purpose, Reported, Spot, all};
pub(crate) use reader::{Located, Table};
pub(crate) use syntax::document;

/// How a single value is written.
pub(crate) struct Kind<T: 'static> {
    /// What the reference calls it: `duration`.
    pub(crate) name: &'static str,
    /// What would be right, after "write": `a duration such as "5m"`.
    pub(crate) right: &'static str,
    /// From TOML's value to ours.
    pub(crate) scalar: Scalar<T>,
}

/// The TOML type of a value, and how it becomes ours; the error says what is wrong with it.
pub(crate) enum Scalar<T: 'static> {
    Text(fn(&str) -> Result<T, String>),
    Integer(fn(u64) -> Result<T, String>),
    Boolean(fn(bool) -> T),
}

/// What holds when a key is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It must be.
    Required,
    /// This value, as it would be written.
    Default(&'static str),
    /// What the reference says for it: `the system's servers`.
    Absent(&'static str),
}

/// What the sample shows for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The key with this value.
    Live(&'static str),
    /// The key with this value, as a comment.
    Comment(&'static str),
    /// The default, as a comment.
    Default,
    /// Nothing here: the example that ends the section shows it, because it would not go with
    /// the values shown before.
    InExample,
}

/// What is known of a key whatever the type of its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) list: bool,
    pub(crate) presence: Presence,
    pub(crate) shown: Shown,
    pub(crate) doc: &'static str,
}

/// A key whose values become `T`s.
pub(crate) struct Key<T: 'static> {
    pub(crate) entry: Entry,
    kind: &'static Kind<T>,
    check: fn(&T) -> Result<(), String>,
}

impl<T> Key<T> {
    /// A key that must be written; the sample shows it with `shown`.
    pub(crate) const fn required(
        name: &'static str,
        kind: &'static Kind<T>,
        shown: &'static str,
        doc: &'static str,
    ) -> Self {
        Self::new(name, kind, Presence::Required, Shown::Live(shown), doc)
    }

    /// A key with a default.
    pub(crate) const fn defaulted(
        name: &'static str,
        kind: &'static Kind<T>,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self::new(name, kind, Presence::Default(default), Shown::Default, doc)
    }

    /// A key whose absence means `absent`; the sample shows it as a comment with `shown`.
    pub(crate) const fn optional(
        name: &'static str,
        kind: &'static Kind<T>,
        absent: &'static str,
        shown: &'static str,
        doc: &'static str,
    ) -> Self {
        let presence = Presence::Absent(absent);
        Self::new(name, kind, presence, Shown::Comment(shown), doc)
    }

    const fn new(
        name: &'static str,
        kind: &'static Kind<T>,
        presence: Presence,
        shown: Shown,
        doc: &'static str,
    ) -> Self {
        let entry = Entry {
            name,
            kind: kind.name,
            list: false,
            presence,
            shown,
            doc,
        };
        Self {
            entry,
            kind,
            check: |_| Ok(()),
        }
    }

    /// The key takes a list of such values.
    pub(crate) const fn list(mut self) -> Self {
        self.entry.list = true;
        self
    }

    /// What the sample shows instead of what the constructor says.
    pub(crate) const fn shown(mut self, shown: Shown) -> Self {
        self.entry.shown = shown;
        self
    }

    /// Each value must lie within bounds, which `check` states when it does not.
    pub(crate) const fn bounded(mut self, check: fn(&T) -> Result<(), String>) -> Self {
        self.check = check;
        self
    }
}

/// How often a section may stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occurs {
    /// `[section]`
    Once,
    /// `[[section]]`
    Often,
}

/// A table of the file and the keys it may hold.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) occurs: Occurs,
    /// What the section is for; the sample and the reference begin with it.
    pub(crate) doc: &'static str,
    pub(crate) keys: &'static [&'static Entry],
    pub(crate) sections: &'static [&'static Section],
    /// Names that a later version will know. They are refused by name, because an
    /// administrator who wrote one believes that it does something.
    pub(crate) not_yet: &'static [&'static str],
    /// Whether the sample shows the whole section as a comment.
    pub(crate) commented: bool,
    /// A further example for the sample, as a comment.
    pub(crate) example: Option<&'static str>,
}

impl Section {
    /// The names of everything that may stand in this section.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        let keys = self.keys.iter().map(|entry| entry.name);
        keys.chain(self.sections.iter().map(|section| section.name))
    }

    /// The path of this section below `parent`.
    pub(crate) fn path(&self, parent: &str) -> String {
        match parent {
            "" => self.name.to_owned(),
            parent => format!("{parent}.{}", self.name),
        }
    }

    /// `[path]`, or `[[path]]` where it may stand several times.
    pub(crate) fn heading(&self, path: &str) -> String {
        match self.occurs {
            Occurs::Once => format!("[{path}]"),
            Occurs::Often => format!("[[{path}]]"),
        }
    }

    /// Adds where a key of this name belongs, in this section and in those within it.
    fn homes(&self, parent: &str, name: &str, homes: &mut Vec<String>) {
        let path = self.path(parent);
        if self.keys.iter().any(|entry| entry.name == name) {
            homes.push(match path.as_str() {
                "" => "to the top of the file, before the first heading".to_owned(),
                path => format!("below {}", self.heading(path)),
            });
        }
        for section in self.sections {
            section.homes(&path, name, homes);
        }
    }
}
