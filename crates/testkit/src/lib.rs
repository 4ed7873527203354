//! For tests only: a certificate authority, in-memory handshakes, scripted peers.
