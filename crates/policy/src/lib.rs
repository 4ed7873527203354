//! The partner table, the requirement and its algebra, and the permit to deliver.
