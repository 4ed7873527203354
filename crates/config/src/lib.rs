//! The configuration file: TOML to checked settings.
