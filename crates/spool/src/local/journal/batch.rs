//! The form of fjall's journal, as far as checking it needs.
//!
//! ```text
//! batch = start item* end
//! start = 1 | count 4 | sequence number 8
//! item  = 2 | type 1 | compression 1 | keyspace 8 | key length 2
//!           | value length 4 | stored length 4 | key | value
//!       | 4 | keyspace 8
//! end   = 3 | XXH3-64 of the items 8 | "FJL" 3
//! ```
//!
//! Numbers are little-endian; type 0 is a value, 1 and 2 a removal; nothing is compressed, since
//! this program is built without compression. After the last batch the file is zero up to its
//! end: the engine makes it 64 MiB long beforehand.

use postern_mail::QueueId;
use xxhash_rust::xxh3::xxh3_64;

/// Where in a batch its sequence number stands.
pub(crate) const SEQUENCE: usize = 5;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const TRAILER: [u8; 4] = *b"FJL\x03";

/// A batch that is whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) length: usize,
    pub(crate) sequence: u64,
    /// The ids under which something was removed, in any table.
    pub(crate) removed: Vec<QueueId>,
}

/// What stands where no whole batch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remainder {
    /// Nothing: the journal ends here.
    Nothing,
    /// The beginning of a batch whose end was never written. A crash leaves this; nobody was
    /// told that the batch was durable.
    CutShort,
    /// Something else: what was written is not what is there.
    Damage,
}

/// Reads a batch that begins with `octets`. `None` unless it is whole.
pub(crate) fn batch(octets: &[u8]) -> Option<Batch> {
    let (count, sequence, items) = start(octets)?;
    let mut rest = items;
    let mut removed = Vec::new();
    for _ in 0..count {
        let (item, behind) = item(rest)?;
        removed.extend(item.removed);
        rest = behind;
    }
    let checked = items.get(..items.len() - rest.len())?;
    let rest = end(rest, checked)?;
    Some(Batch {
        length: octets.len() - rest.len(),
        sequence,
        removed,
    })
}

/// Judges what stands where no whole batch begins.
pub(crate) fn remainder(octets: &[u8]) -> Remainder {
    if octets.iter().all(|octet| *octet == 0) {
        return Remainder::Nothing;
    }
    // The engine hands the items to the system with one call and their end with the next, so a crash
    // may come between the two. Damage in an acknowledged batch leaves its end, or something else
    // behind all of its items. Power may fail so that the end is on disk and the middle is not; then
    // nobody was told, and taking it for damage only makes a needless report.
    let damage = match start(octets).and_then(|(count, _, items)| behind_items(count, items)) {
        Some(rest) => rest.iter().any(|octet| *octet != 0),
        None => octets.windows(TRAILER.len()).any(|four| four == TRAILER),
    };
    match damage {
        true => Remainder::Damage,
        false => Remainder::CutShort,
    }
}

/// What follows the items. `None` unless all are there.
fn behind_items(count: u32, items: &[u8]) -> Option<&[u8]> {
    (0..count).try_fold(items, |rest, _| Some(item(rest)?.1))
}

fn start(octets: &[u8]) -> Option<(u32, u64, &[u8])> {
    let (tag, rest) = octets.split_first()?;
    let (count, rest) = rest.split_first_chunk()?;
    let (sequence, rest) = rest.split_first_chunk()?;
    let count = u32::from_le_bytes(*count);
    (*tag == START && count > 0).then_some((count, u64::from_le_bytes(*sequence), rest))
}

struct Item {
    removed: Option<QueueId>,
}

fn item(octets: &[u8]) -> Option<(Item, &[u8])> {
    let (tag, rest) = octets.split_first()?;
    match *tag {
        CLEAR => {
            let (_keyspace, rest) = rest.split_first_chunk::<8>()?;
            Some((Item { removed: None }, rest))
        }
        ITEM => entry(rest),
        _ => None,
    }
}

fn entry(octets: &[u8]) -> Option<(Item, &[u8])> {
    let ([kind, compression], rest) = octets.split_first_chunk()?;
    let (_keyspace, rest) = rest.split_first_chunk::<8>()?;
    let (key_length, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (stored_length, rest) = rest.split_first_chunk::<4>()?;
    if *kind > 2 || *compression != 0 || length != stored_length {
        return None;
    }
    let (key, rest) = rest.split_at_checked(u16::from_le_bytes(*key_length).into())?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (_value, rest) = rest.split_at_checked(length)?;
    let id = key.try_into().ok().map(QueueId::from_octets);
    let removed = id.filter(|_| *kind != 0);
    Some((Item { removed }, rest))
}

fn end<'a>(octets: &'a [u8], checked: &[u8]) -> Option<&'a [u8]> {
    let (tag, rest) = octets.split_first()?;
    let (checksum, rest) = rest.split_first_chunk()?;
    let (trailer, rest) = rest.split_first_chunk()?;
    let whole =
        *tag == END && *trailer == TRAILER && u64::from_le_bytes(*checksum) == xxh3_64(checked);
    whole.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch of one removal.
    fn whole() -> Vec<u8> {
        let mut items = vec![ITEM, 1, 0];
        items.extend(1_u64.to_le_bytes());
        items.extend([2, 0]);
        items.extend([0; 8]);
        items.extend(b"id");
        let mut octets = vec![START];
        octets.extend(1_u32.to_le_bytes());
        octets.extend(7_u64.to_le_bytes());
        octets.extend(&items);
        octets.push(END);
        octets.extend(xxh3_64(&items).to_le_bytes());
        octets.extend(TRAILER);
        octets
    }

    #[track_caller]
    fn check(octets: &[u8], expected: Remainder) {
        assert_eq!(remainder(octets), expected);
        let with_zeros = [octets, &[0; 64]].concat();
        assert_eq!(remainder(&with_zeros), expected, "before zeros");
    }

    #[test]
    fn a_batch_that_a_crash_cut_short_is_no_damage() {
        let whole = whole();
        let end = whole.len() - 1 - 8 - TRAILER.len();
        assert_eq!(batch(&whole).map(|batch| batch.length), Some(whole.len()));
        check(&[], Remainder::Nothing);
        check(&whole[..1], Remainder::CutShort);
        check(&whole[..end - 1], Remainder::CutShort);
        // All of its items, and the engine had not come to its end.
        check(&whole[..end], Remainder::CutShort);
    }

    #[test]
    fn a_batch_with_its_end_or_something_else_behind_its_items_is_damaged() {
        let whole = whole();
        let end = whole.len() - 1 - 8 - TRAILER.len();
        for at in [5 + 8 + 1, end - 1, end, end + 3, whole.len() - 1] {
            let mut rotten = whole.clone();
            rotten[at] ^= 0x55;
            assert_eq!(batch(&rotten).map(|batch| batch.length), None);
            check(&rotten, Remainder::Damage);
        }
        check(&[&whole[..end], b"?"].concat(), Remainder::Damage);
    }
}
