//! The control interface of a running daemon.
