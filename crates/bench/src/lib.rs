//! What a message costs: load, sink and measurement, for Postern and its peers side by side.

pub mod corpus;
mod ends;
pub mod generator;
pub mod ledger;
pub mod measure;
pub mod postern;
pub mod rivals;
pub mod run;
pub mod sink;
pub mod subject;
pub mod workload;

use postern_tests::fault::Fault;
use subject::{Subject, SubjectName};

/// All subjects, in the order of the table.
pub fn subjects() -> Vec<Box<dyn Subject>> {
    let mut all: Vec<Box<dyn Subject>> = vec![Box::new(postern::ThisPostern)];
    all.extend(rivals::all());
    all
}

/// The subject of this name.
pub fn subject(name: SubjectName) -> Result<Box<dyn Subject>, Fault> {
    let mut all = subjects().into_iter();
    all.find(|subject| subject.name() == name)
        .ok_or_else(|| Fault::Unexpected(format!("nothing here starts {name}")))
}
