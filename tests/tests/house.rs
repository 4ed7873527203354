//! Laws of the house: what `docs/architecture.md` says does not exist is looked for here.
//!
//! Each law is a function from what was found to the list of its violations, so that a test can also
//! show that a violation is noticed.

#[cfg(test)]
#[path = "house/dependencies.rs"]
mod dependencies;
#[cfg(test)]
#[path = "house/documents.rs"]
mod documents;
#[cfg(test)]
#[path = "house/files.rs"]
mod files;
#[cfg(test)]
#[path = "house/internet_threats.rs"]
mod internet_threats;
#[cfg(test)]
#[path = "house/queue_threats.rs"]
mod queue_threats;
#[cfg(test)]
#[path = "house/sources.rs"]
mod sources;
#[cfg(test)]
#[path = "house/threats.rs"]
mod threats;

/// Fails with all violations of `law`, one a line.
#[cfg(test)]
#[track_caller]
fn check(law: &str, violations: &[String]) {
    assert!(
        violations.is_empty(),
        "{law}:\n  {}",
        violations.join("\n  ")
    );
}
