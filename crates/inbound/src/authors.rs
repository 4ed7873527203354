//! Whose domains the `From` field of a message names.

pub(crate) use postern_authentication::authors::domains;
