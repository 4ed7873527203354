//! Crypto profiles, certificates, the STARTTLS upgrade and the evidence of a channel.
