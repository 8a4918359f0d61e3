//! Quantities of Kubernetes and lengths of time, as exact numbers.

/// Thousand-millionths, the smallest unit of a quantity (`n`).
pub(super) const NANO: i128 = 1_000_000_000;
/// Digits of a quantity's number at most, so that every product fits `i128`.
const DIGITS_MAX: usize = 18;

/// A quantity in thousand-millionths of its unit; nothing if it is not one, is negative, or is far beyond any machine.
/// Source: Kubernetes API, `resource.Quantity`.
pub(super) fn quantity(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let is_number = !digits.is_empty() && digits.len() <= DIGITS_MAX && !fraction.contains('.');
    if !is_number {
        return None;
    }
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let amount = digits.parse::<i128>().ok()?.checked_mul(unit(suffix)?)?;
    // Rounded up, as Kubernetes does.
    Some((amount + scale - 1) / scale)
}

/// A suffix in thousand-millionths.
fn unit(suffix: &str) -> Option<i128> {
    const KIBI: i128 = 1 << 10;
    Some(match suffix {
        "n" => 1,
        "u" => 1_000,
        "m" => 1_000_000,
        "" => NANO,
        "k" => 1_000 * NANO,
        "M" => 1_000_000 * NANO,
        "G" => 1_000_000_000 * NANO,
        "T" => 1_000_000_000_000 * NANO,
        "P" => 1_000_000_000_000_000 * NANO,
        "Ki" => KIBI * NANO,
        "Mi" => KIBI.pow(2) * NANO,
        "Gi" => KIBI.pow(3) * NANO,
        "Ti" => KIBI.pow(4) * NANO,
        "Pi" => KIBI.pow(5) * NANO,
        _ => {
            let power: u32 = suffix.strip_prefix(['e', 'E'])?.parse().ok().filter(|power| *power <= 15)?;
            10_i128.pow(power) * NANO
        }
    })
}

/// Suffixes that one may have meant, for did-you-mean.
pub(super) const SUFFIXES: &[&str] = &["m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"];

/// A length of time in milliseconds: numbers with units (`ms`, `s`, `m`, `h`, `d`), the larger units first. Nothing if
/// it is not one or is longer than a year.
pub(super) fn milliseconds(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 5] =
        [("ms", 1.0), ("s", 1_000.0), ("m", 60_000.0), ("h", 3_600_000.0), ("d", 86_400_000.0)];
    const YEAR_MS: f64 = 366.0 * 86_400_000.0;
    let (mut rest, mut sum, mut last) = (text, 0.0, f64::INFINITY);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (suffix, after) = after.split_at(letters);
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == suffix)?;
        if *unit >= last || number.len() > DIGITS_MAX || !number.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        sum += number.parse::<f64>().ok()? * unit;
        (rest, last) = (after, *unit);
    }
    (!text.is_empty() && sum <= YEAR_MS).then_some(sum)
}
