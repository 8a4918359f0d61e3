//! Points in time as RFC 3339 writes them: `formatdate`, `timeadd`, `timecmp`.
//!
//! Goes in: timestamps and durations as text. Comes out: the same, and dates in other forms. Never happens: a clock other
//! than the caller's.

use super::string::string;
use super::{Function, Param, argument, number_result, string_result, text};
use crate::lang::value::{Type, Value};
use std::fmt::Write as _;

const NANOS_PER_SECOND: i128 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "plantimestamp",
        &[],
        "The time at which the plan was begun, in UTC: the same in all of a plan and when it is applied.",
        string_result,
        |_, call| Ok(time_or_unknown(call.outside.planned_at())),
    ),
    Function::new(
        "timestamp",
        &[],
        "The time now, in UTC. It is not known before a plan is applied, and each time another.",
        string_result,
        |_, call| Ok(time_or_unknown(call.outside.now())),
    ),
    Function::new(
        "formatdate",
        &[Param::string("format"), Param::string("time")],
        "A timestamp in another form: `YYYY`, `MM`, `DD`, `hh`, `mm`, `ss` and others stand for its parts, text stands between single quotes.",
        string_result,
        |args, _| {
            let time = Timestamp::parse(text(args, 1)).map_err(|why| argument(1, why))?;
            format(text(args, 0), &time).map(|text| string(&text)).map_err(|why| argument(0, why))
        },
    ),
    Function::new(
        "timeadd",
        &[Param::string("timestamp"), Param::string("duration")],
        "The timestamp that lies a duration, such as `1h30m` or `-10s`, after another.",
        string_result,
        |args, _| {
            let time = Timestamp::parse(text(args, 0)).map_err(|why| argument(0, why))?;
            let duration = duration(text(args, 1)).ok_or_else(|| {
                argument(
                    1,
                    "it is not a duration, such as `1h30m`; units are `h`, `m`, `s`, `ms`, `us` and `ns`",
                )
            })?;
            Ok(string(&time.after(duration).to_string()))
        },
    ),
    Function::new(
        "timecmp",
        &[Param::string("timestamp_a"), Param::string("timestamp_b")],
        "-1, 0 or 1: whether a timestamp lies before another, is the same instant, or lies after it.",
        number_result,
        |args, _| {
            let first = Timestamp::parse_loosely(text(args, 0)).map_err(|why| argument(0, why))?;
            let second = Timestamp::parse_loosely(text(args, 1)).map_err(|why| argument(1, why))?;
            Ok(Value::from(first.nanos.cmp(&second.nanos) as i64))
        },
    ),
];

/// An instant, and the offset with which it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timestamp {
    /// Nanoseconds since 1970.
    nanos: i128,
    /// Seconds east of Greenwich.
    offset: i64,
}

fn time_or_unknown(seconds: Option<i64>) -> Value {
    let written = seconds.map(|seconds| string(&Timestamp::utc(seconds).to_string()));
    written.unwrap_or_else(|| Value::unknown(Type::String))
}

/// What a clock on a wall shows.
struct Civil {
    year: i64,
    month: usize,
    day: i64,
    /// From 0, Sunday.
    weekday: usize,
    hour: i64,
    minute: i64,
    second: i64,
}

impl Timestamp {
    /// Exactly as RFC 3339 has it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Self::read(text, false)
    }

    /// As Go reads it, which takes an hour of one digit and a comma before the fraction.
    fn parse_loosely(text: &str) -> Result<Self, String> {
        Self::read(text, true)
    }

    fn read(text: &str, loosely: bool) -> Result<Self, String> {
        let mut reader = Reader { rest: text };
        let year = reader.number("year", 4, 0, 9999)?;
        reader.sign('-')?;
        let month = reader.number("month", 2, 1, 12)?;
        reader.sign('-')?;
        let day = reader.number("day of month", 2, 1, days_in(year, month))?;
        reader.sign('T')?;
        let one_digit = loosely && reader.rest.as_bytes().get(1) == Some(&b':');
        let hour = reader.number("hour", if one_digit { 1 } else { 2 }, 0, 23)?;
        reader.sign(':')?;
        let minute = reader.number("minute", 2, 0, 59)?;
        reader.sign(':')?;
        let second = reader.number("second", 2, 0, 59)?;
        let fraction = reader.fraction(loosely);
        let offset = reader.offset(loosely)?;
        if !reader.rest.is_empty() {
            return Err(format!(
                "it is not a timestamp of RFC 3339: there is more after it: `{}`",
                reader.rest
            ));
        }
        let seconds = days(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset;
        Ok(Self { nanos: i128::from(seconds) * NANOS_PER_SECOND + i128::from(fraction), offset })
    }

    /// An instant in UTC.
    pub(super) fn utc(seconds: i64) -> Self {
        Self { nanos: i128::from(seconds) * NANOS_PER_SECOND, offset: 0 }
    }

    fn after(self, nanos: i64) -> Self {
        Self { nanos: self.nanos + i128::from(nanos), ..self }
    }

    fn civil(&self) -> Civil {
        let seconds = i64::try_from(self.nanos.div_euclid(NANOS_PER_SECOND)).unwrap_or(0) + self.offset;
        let (day, second) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
        let (year, month, day_of_month) = date(day);
        Civil {
            year,
            month: usize::try_from(month).unwrap_or(1),
            day: day_of_month,
            // The first day of 1970 was a Thursday.
            weekday: usize::try_from((day + 4).rem_euclid(7)).unwrap_or(0),
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
        }
    }

    fn offset_text(&self, separator: &str) -> String {
        let minutes = self.offset.abs() / 60;
        let sign = if self.offset < 0 { '-' } else { '+' };
        format!("{sign}{:02}{separator}{:02}", minutes / 60, minutes % 60)
    }
}

/// As RFC 3339 has it, without fractions of a second.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = self.civil();
        let sign = if at.year < 0 { "-" } else { "" };
        write!(f, "{sign}{:04}-{:02}-{:02}", at.year.abs(), at.month, at.day)?;
        write!(f, "T{:02}:{:02}:{:02}", at.hour, at.minute, at.second)?;
        if self.offset == 0 { f.write_str("Z") } else { f.write_str(&self.offset_text(":")) }
    }
}

/// Days from 1970 to a date.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of month of a day since 1970: [`days`] the other way round.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// What is left of a timestamp.
struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn number(&mut self, what: &str, digits: usize, least: i64, most: i64) -> Result<i64, String> {
        let wrong = || {
            let found: String = self.rest.chars().take(digits).collect();
            let found = if found.is_empty() { "the end".to_owned() } else { format!("`{found}`") };
            format!(
                "it is not a timestamp of RFC 3339: the {what} has {digits} digits, from {least:0digits$} to {most:0digits$}, and here is {found}"
            )
        };
        let number =
            self.rest.get(..digits).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        let number =
            number.and_then(|number| number.parse().ok()).filter(|number| (least..=most).contains(number));
        let number = number.ok_or_else(wrong)?;
        self.rest = self.rest.get(digits..).unwrap_or("");
        Ok(number)
    }

    fn sign(&mut self, sign: char) -> Result<(), String> {
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(format!(
                "it is not a timestamp of RFC 3339, such as `2017-11-22T00:00:00Z`: `{sign}` is missing before `{}`",
                self.rest.chars().take(20).collect::<String>()
            )),
        }
    }

    /// Nanoseconds; digits beyond them do not count.
    fn fraction(&mut self, loosely: bool) -> i64 {
        let point = |c: char| c == '.' || (loosely && c == ',');
        let Some(digits) =
            self.rest.strip_prefix(point).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        else {
            return 0;
        };
        let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (digits, rest) = digits.split_at(length);
        self.rest = rest;
        digits
            .chars()
            .chain(std::iter::repeat('0'))
            .take(9)
            .fold(0, |nanos, digit| nanos * 10 + i64::from(digit.to_digit(10).unwrap_or(0)))
    }

    fn offset(&mut self, loosely: bool) -> Result<i64, String> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let sign = match self.rest.as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Err(
                "it is not a timestamp of RFC 3339: `Z` or an offset such as `+02:00` is missing at its end"
                    .to_owned(),
            ),
        };
        self.rest = self.rest.get(1..).unwrap_or("");
        // Go takes an offset of 24 hours, too.
        let most = i64::from(loosely);
        let hours = self.number("hour of the offset", 2, 0, 23 + most)?;
        self.sign(':')?;
        let minutes = self.number("minute of the offset", 2, 0, 59 + most)?;
        Ok(sign * (hours * 3600 + minutes * 60))
    }
}

/// Nanoseconds of a duration such as `-1h30m10.5s`, as Go's `ParseDuration` reads it; nothing if it is none or does not
/// fit into 64 bits (292 years).
fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i128 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => NANOS_PER_SECOND,
            "m" => 60 * NANOS_PER_SECOND,
            "h" => 3600 * NANOS_PER_SECOND,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        if !whole.is_empty() {
            total += i128::from(whole.parse::<i64>().ok()?).checked_mul(unit)?;
        }
        // Digits after the eighteenth are less than a nanosecond of any unit.
        let fraction = fraction.get(..fraction.len().min(18)).unwrap_or("");
        if !fraction.is_empty() {
            let scale = 10_i128.pow(u32::try_from(fraction.len()).unwrap_or(0));
            total += fraction.parse::<i128>().ok()? * unit / scale;
        }
        if total > i128::from(i64::MAX) + i128::from(negative) {
            return None;
        }
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A timestamp in the form that letters describe, each standing as often as its meaning has it.
fn format(form: &str, time: &Timestamp) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = form;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix('\'') {
            rest = quoted(after, &mut out)?;
            continue;
        }
        let length = if first.is_ascii_alphabetic() {
            rest.find(|c| c != first).unwrap_or(rest.len())
        } else {
            rest.find(|c: char| c == '\'' || c.is_ascii_alphabetic()).unwrap_or(rest.len())
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        if first.is_ascii_alphabetic() { verb(token, time, &mut out)? } else { out.push_str(token) }
    }
    Ok(out)
}

/// Text up to the closing quote; two quotes are one. Gives what follows.
fn quoted<'f>(mut rest: &'f str, out: &mut String) -> Result<&'f str, String> {
    if let Some(after) = rest.strip_prefix('\'') {
        out.push('\'');
        return Ok(after);
    }
    loop {
        let (text, after) = rest.split_once('\'').ok_or("a quote is opened and not closed")?;
        out.push_str(text);
        match after.strip_prefix('\'') {
            Some(after) => {
                out.push('\'');
                rest = after;
            }
            None => return Ok(after),
        }
    }
}

fn verb(token: &str, time: &Timestamp, out: &mut String) -> Result<(), String> {
    let at = time.civil();
    let name = |names: &[&'static str], index: usize| names.get(index).copied().unwrap_or("");
    let hour = if at.hour % 12 == 0 { 12 } else { at.hour % 12 };
    let half = if at.hour < 12 { "AM" } else { "PM" };
    let month = name(&MONTHS, at.month - 1);
    let weekday = name(&WEEKDAYS, at.weekday);
    let written = match token {
        "YY" => write!(out, "{:02}", at.year % 100),
        "YYYY" => write!(out, "{:04}", at.year),
        "M" => write!(out, "{}", at.month),
        "MM" => write!(out, "{:02}", at.month),
        "MMM" => write!(out, "{}", month.get(..3).unwrap_or("")),
        "MMMM" => write!(out, "{month}"),
        "D" => write!(out, "{}", at.day),
        "DD" => write!(out, "{:02}", at.day),
        "EEE" => write!(out, "{}", weekday.get(..3).unwrap_or("")),
        "EEEE" => write!(out, "{weekday}"),
        "h" => write!(out, "{}", at.hour),
        "hh" => write!(out, "{:02}", at.hour),
        "H" => write!(out, "{hour}"),
        "HH" => write!(out, "{hour:02}"),
        "AA" => write!(out, "{half}"),
        "aa" => write!(out, "{}", half.to_ascii_lowercase()),
        "m" => write!(out, "{}", at.minute),
        "mm" => write!(out, "{:02}", at.minute),
        "s" => write!(out, "{}", at.second),
        "ss" => write!(out, "{:02}", at.second),
        "Z" if time.offset == 0 => write!(out, "Z"),
        "ZZZ" if time.offset == 0 => write!(out, "UTC"),
        "ZZZ" | "ZZZZ" => write!(out, "{}", time.offset_text("")),
        "Z" | "ZZZZZ" => write!(out, "{}", time.offset_text(":")),
        _ => return Err(not_a_verb(token)),
    };
    written.map_err(|error| error.to_string())
}

fn not_a_verb(token: &str) -> String {
    let forms = match token.chars().next() {
        Some('Y') => "`YY` or `YYYY`",
        Some('M') => "`M`, `MM`, `MMM` or `MMMM`",
        Some('D') => "`D` or `DD`",
        Some('E') => "`EEE` or `EEEE`",
        Some('h') => "`h` or `hh`",
        Some('H') => "`H` or `HH`",
        Some('A') => "`AA`",
        Some('a') => "`aa`",
        Some('m') => "`m` or `mm`",
        Some('s') => "`s` or `ss`",
        Some('Z') => "`Z`, `ZZZ`, `ZZZZ` or `ZZZZZ`",
        _ => return format!("`{token}` stands for no part of a date; put text between single quotes"),
    };
    format!("`{token}` stands for no part of a date: it would be {forms}")
}

#[cfg(test)]
mod tests;
