//! A whole number followed by its unit, which durations and sizes have in common.

/// Units by name with what one of each is worth, the greatest first.
pub(super) type Units = [(&'static str, u64)];

/// The value of `text`, which is a number and one of `units`; the error says what is wrong.
pub(super) fn parse(text: &str, units: &Units) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(format!("{text:?} does not begin with a number"));
    }
    if unit.is_empty() {
        return Err(format!("{text:?} has no unit"));
    }
    let worth = units
        .iter()
        .find_map(|(name, worth)| (*name == unit).then_some(*worth))
        .ok_or_else(|| format!("{text:?} has the unknown unit {unit:?}"))?;
    let number = number.parse::<u64>().ok();
    number
        .and_then(|number| number.checked_mul(worth))
        .ok_or_else(|| format!("{text:?} is too great"))
}

/// The value with the greatest unit that leaves a whole number.
pub(super) fn print(value: u64, units: &Units) -> String {
    units
        .iter()
        .find(|(_, worth)| value >= *worth && value.is_multiple_of(*worth))
        .map_or_else(
            // Nothing but zero is smaller than the least unit, which is one.
            || format!("0{}", units.last().map_or("", |(name, _)| name)),
            |(name, worth)| format!("{}{name}", value / worth),
        )
}
