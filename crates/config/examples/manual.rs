//! Writes `config/postern.toml` and `docs/configuration.md` anew from the declarations of the
//! keys. Run it after changing a declaration: `cargo run -p postern-config --example manual`.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::write(root.join("config/postern.toml"), postern_config::sample())?;
    fs::write(
        root.join("docs/configuration.md"),
        postern_config::reference(),
    )
}
