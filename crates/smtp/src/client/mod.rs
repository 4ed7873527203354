//! The sending end: what a client says before and after its channel was judged.
