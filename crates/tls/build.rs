//! Reads the versions of the TLS libraries out of `Cargo.lock`, for `postern version`.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let lock = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../Cargo.lock");
    let text = fs::read_to_string(&lock)?;
    for package in ["rustls", "rustls-webpki", "aws-lc-rs"] {
        let version = locked(&text, package)
            .ok_or_else(|| format!("{} has no version of {package}", lock.display()))?;
        let variable = package.to_uppercase().replace('-', "_");
        emit(&format!("rustc-env=POSTERN_{variable}_VERSION={version}"))?;
    }
    emit(&format!("rerun-if-changed={}", lock.display()))
}

fn emit(instruction: &str) -> Result<(), Box<dyn Error>> {
    use std::io::Write as _;
    writeln!(std::io::stdout(), "cargo::{instruction}")?;
    Ok(())
}

/// The version behind `name = "PACKAGE"`.
fn locked<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let mut lines = lock.lines();
    lines.find(|line| *line == format!("name = \"{package}\""))?;
    let version = lines.next()?.strip_prefix("version = \"")?;
    version.strip_suffix('"')
}
