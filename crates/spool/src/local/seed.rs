//! The secret that seals this queue's records: made once, kept twice.
//!
//! Each file holds eight octets and their XXH3-64. Two files, since without the seed a damaged
//! store could not be searched for its records.

use std::{io, path::Path};

use xxhash_rust::xxh3::xxh3_64;

use super::{
    home::{Home, write_whole},
    ids::random,
    record::Seed,
};
use crate::{OpenError, error::OnFile};

/// Reads the seed, or makes one where there is none that is whole. One that cannot be read may be whole:
/// records sealed with another would not be found again.
pub(crate) fn load(home: &Home) -> Result<Seed, OpenError> {
    let files = [home.seed(), home.second_seed()];
    let [first, second] = &files;
    let seeds = [read(first)?, read(second)?];
    let seed = seeds.iter().flatten().next().copied();
    let seed = seed.unwrap_or_else(|| Seed(random()));
    for (path, found) in files.iter().zip(seeds) {
        if found != Some(seed) {
            write_whole(path, &form(seed)).while_opening("write", path)?;
        }
    }
    Ok(seed)
}

fn form(seed: Seed) -> [u8; 16] {
    let octets = seed.0.to_le_bytes();
    let mut form = [0; 16];
    let both = octets.into_iter().chain(xxh3_64(&octets).to_le_bytes());
    form.iter_mut().zip(both).for_each(|(to, from)| *to = from);
    form
}

fn read(path: &Path) -> Result<Option<Seed>, OpenError> {
    match std::fs::read(path) {
        Ok(octets) => Ok(parse(&octets)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).while_opening("read", path),
    }
}

fn parse(octets: &[u8]) -> Option<Seed> {
    let seed = Seed(u64::from_le_bytes(*octets.first_chunk()?));
    (form(seed) == *octets).then_some(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_outlives_the_loss_of_either_file() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::prepare(directory.path()).unwrap();
        let seed = load(&home).unwrap();
        assert!(load(&home).unwrap() == seed);
        std::fs::write(home.seed(), b"rot").unwrap();
        assert!(load(&home).unwrap() == seed);
        std::fs::remove_file(home.second_seed()).unwrap();
        assert!(load(&home).unwrap() == seed);
    }
}
