//! Which address mail is really for, and in whose name it is sent on: aliases, domains that have
//! another name, and the Sender Rewriting Scheme.
