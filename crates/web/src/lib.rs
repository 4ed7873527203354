//! What Postern serves to the web: its own MTA-STS policy.
