//! Days of the Gregorian calendar, as text.

/// What is wrong with a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// It is not `YYYY-MM-DD`.
    Form,
    /// There is no such month.
    Month,
    /// The month has not so many days.
    Day {
        /// How many it has.
        days: i8,
    },
}

/// Checks `YYYY-MM-DD`.
pub(super) fn parse(text: &str) -> Result<(), Problem> {
    let parts: Vec<_> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return Err(Problem::Form) };
    let digits = |part: &str, length: usize| {
        (part.len() == length && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<i16>().ok())
            .flatten()
    };
    let parsed = digits(year, 4).zip(digits(month, 2)).zip(digits(day, 2));
    let Some(((year, month), day)) = parsed else { return Err(Problem::Form) };
    let month = i8::try_from(month).map_err(|_| Problem::Month)?;
    let first = jiff::civil::Date::new(year, month, 1).map_err(|_| Problem::Month)?;
    let days = first.days_in_month();
    if day < 1 || day > i16::from(days) { Err(Problem::Day { days }) } else { Ok(()) }
}
