//! Typed DNS look-ups, each with its DNSSEC status.
