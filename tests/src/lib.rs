//! The harness of the whole-daemon tests.
