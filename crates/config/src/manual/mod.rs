//! The annotated sample and the reference, made from the declarations of the keys.

mod profiles;
mod reference;
mod sample;
mod wrap;

pub(crate) use reference::reference;
pub(crate) use sample::sample;
