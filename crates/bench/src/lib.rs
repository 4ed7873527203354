//! What a message costs: load, sink and measurement, for Postern and its peers side by side.

pub mod comparison;
pub mod corpus;
pub mod document;
mod ends;
pub mod generator;
pub mod growth;
pub mod instructions;
pub mod ledger;
pub mod measure;
mod nothing;
mod plot;
pub mod postern;
pub mod rivals;
pub mod run;
pub mod sink;
pub mod subject;
pub mod targets;
pub mod workload;

use postern_tests::fault::Fault;
use subject::{Subject, SubjectName};

/// All subjects: the mail systems in the order of the table, and nothing.
pub fn subjects() -> Vec<Box<dyn Subject>> {
    let mut all: Vec<Box<dyn Subject>> = vec![Box::new(postern::ThisPostern)];
    all.extend(rivals::all());
    all.push(Box::new(nothing::Nothing));
    all
}

/// The subject of this name.
pub fn subject(name: SubjectName) -> Result<Box<dyn Subject>, Fault> {
    let mut all = subjects().into_iter();
    all.find(|subject| subject.name() == name)
        .ok_or_else(|| Fault::Unexpected(format!("nothing here starts {name}")))
}
