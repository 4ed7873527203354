//! What our domains should publish in the DNS, and whether they do.
