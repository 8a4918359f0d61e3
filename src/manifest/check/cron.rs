//! Time tables of cron: five fields, and the names that stand for some of them.

/// Least and greatest of minute, hour, day of the month, month and day of the week; and names for the last two.
const FIELDS: [(u8, u8, &[&str]); 5] = [
    (0, 59, &[]),
    (0, 23, &[]),
    (1, 31, &[]),
    (1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    (0, 7, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

/// Whether `text` is a time table. Source: Kubernetes' `CronJob`, which takes Vixie cron's form.
pub(super) fn is_cron(text: &str) -> bool {
    if let Some(name) = text.strip_prefix('@') {
        return matches!(
            name,
            "hourly" | "daily" | "midnight" | "weekly" | "monthly" | "yearly" | "annually"
        );
    }
    let fields: Vec<_> = text.split_ascii_whitespace().collect();
    fields.len() == FIELDS.len()
        && fields.iter().zip(FIELDS).all(|(field, (min, max, names))| {
            field.split(',').all(|item| is_item(item, |value| number(value, min, max, names)))
        })
}

/// `*`, `n`, `n-m`, each with `/step` or not.
fn is_item(item: &str, number: impl Fn(&str) -> Option<u8>) -> bool {
    let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
    let step = step.is_none_or(|step| is_digits(step) && step.parse::<u8>().is_ok_and(|step| step > 0));
    let range = match range.split_once('-') {
        Some((from, to)) => number(from).zip(number(to)).is_some_and(|(from, to)| from <= to),
        None => matches!(range, "*" | "?") || number(range).is_some(),
    };
    step && range
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn number(text: &str, min: u8, max: u8, names: &[&str]) -> Option<u8> {
    if is_digits(text) {
        return text.parse().ok().filter(|value| (min..=max).contains(value));
    }
    let at = names.iter().position(|name| name.eq_ignore_ascii_case(text))?;
    u8::try_from(at).ok().map(|at| at + min)
}
