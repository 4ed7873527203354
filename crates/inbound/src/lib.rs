//! Listeners, admission and the receiving shell.
