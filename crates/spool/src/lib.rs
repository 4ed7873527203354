//! The durable queue: what waits, until when, for whom.
