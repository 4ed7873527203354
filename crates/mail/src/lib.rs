//! The vocabulary of mail: domains, mailboxes, paths, envelopes, replies, queue ids.
