//! Writes `docs/profiles.md` anew from the profiles. Run it after changing one:
//! `cargo run -p postern-tls --example profiles`.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::write(
        root.join("docs/profiles.md"),
        postern_tls::profiles_reference(),
    )
}
