//! What a message costs: load, sink and measurement, for Postern and its peers side by side.

pub mod rivals;
pub mod subject;
pub mod workload;
