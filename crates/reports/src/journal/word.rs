//! Words that are the same in code, in text and in JSON.

/// Defines an enum whose words are those of the RFC, in text and in JSON.
macro_rules! words {
    (
        $(#[$meta:meta])*
        $name:ident, not = $error:literal { $($(#[$of_variant:meta])* $variant:ident = $word:literal,)* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum $name {
            $($(#[$of_variant])* $variant,)*
        }

        impl $name {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::journal::word::UnknownWord;

            fn from_str(text: &str) -> Result<Self, $crate::journal::word::UnknownWord> {
                let known = Self::ALL.iter().copied().find(|it| it.as_str() == text);
                known.ok_or($crate::journal::word::UnknownWord($error))
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::journal::word::UnknownWord;

            fn try_from(text: String) -> Result<Self, $crate::journal::word::UnknownWord> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(it: $name) -> Self {
                it.as_str().to_owned()
            }
        }
    };
}
pub(crate) use words;

/// A word that is none of those expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not {0}")]
pub struct UnknownWord(pub(crate) &'static str);
