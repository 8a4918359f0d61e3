use super::*;
use crate::lang::eval::Meter;
use proptest::prelude::*;

fn answer(name: &str, args: &[&str]) -> String {
    let args = args.iter().map(|arg| Value::from(*arg)).collect();
    match super::super::find(name).unwrap().call(args, &Meter::default()) {
        Ok(value) => {
            value.as_str().map_or_else(|| super::super::json::encode(&value).unwrap(), str::to_owned)
        }
        Err(error) => error.to_string(),
    }
}

/// The answers are Terraform's (1.11.4), the words of the errors ours.
#[test]
fn durations_are_added() {
    for (time, duration, expected) in [
        ("2017-11-22T00:00:00Z", "1h30m10.5s", "2017-11-22T01:30:10Z"),
        ("2017-11-22T00:00:00.9Z", "100ms", "2017-11-22T00:00:01Z"),
        ("2017-11-22T00:00:00Z", "-1ns", "2017-11-21T23:59:59Z"),
        ("2017-11-22T00:00:00Z", "+1us", "2017-11-22T00:00:00Z"),
        ("2017-11-22T00:00:00Z", "0", "2017-11-22T00:00:00Z"),
        ("2017-11-22T00:00:00Z", ".5h", "2017-11-22T00:30:00Z"),
        ("2017-11-22T00:00:00Z", "1.h", "2017-11-22T01:00:00Z"),
        ("2017-11-22T00:00:00+00:00", "1h", "2017-11-22T01:00:00Z"),
        ("2017-11-22T00:00:00-05:30", "1h", "2017-11-22T01:00:00-05:30"),
        ("2016-02-28T23:59:59Z", "1s", "2016-02-29T00:00:00Z"),
        ("1900-02-28T23:59:59Z", "1s", "1900-03-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "1s", "10000-01-01T00:00:00Z"),
        ("0000-01-01T00:00:00Z", "-1s", "-0001-12-31T23:59:59Z"),
        ("2017-11-22T00:00:00Z", "2562047h47m16.854775807s", "2310-03-03T23:47:16Z"),
    ] {
        assert_eq!(answer("timeadd", &[time, duration]), expected, "{time} {duration}");
    }
    for duration in ["", "1", "h", "1d", "-", "1h-1m", "1 h", "3000000h", ".", ".s", "1..5h"] {
        let said = answer("timeadd", &["2017-11-22T00:00:00Z", duration]);
        assert!(said.starts_with("it is not a duration"), "{duration} {said}");
    }
}

#[test]
fn dates_are_written_as_their_form_says() {
    for (form, expected) in [
        ("YYYY YY M MM MMM MMMM D DD EEE EEEE", "2006 06 1 01 Jan January 2 02 Mon Monday"),
        ("h hh H HH AA aa m mm s ss", "15 15 3 03 PM pm 4 04 5 05"),
        ("Z ZZZ ZZZZ ZZZZZ", "-07:00 -0700 -0700 -07:00"),
        ("''", "'"),
        ("'it''s' hh", "it's 15"),
        ("'h'h", "h15"),
        ("é.hh", "é.15"),
        ("", ""),
        ("YYY", "`YYY` stands for no part of a date: it would be `YY` or `YYYY`"),
        ("x", "`x` stands for no part of a date; put text between single quotes"),
        ("'x", "a quote is opened and not closed"),
        ("hh'", "a quote is opened and not closed"),
    ] {
        assert_eq!(answer("formatdate", &[form, "2006-01-02T15:04:05-07:00"]), expected, "{form}");
    }
    assert_eq!(answer("formatdate", &["Z ZZZ ZZZZ ZZZZZ", "2006-01-02T00:04:05Z"]), "Z UTC +0000 +00:00");
    assert_eq!(answer("formatdate", &["H AA", "2006-01-02T00:04:05Z"]), "12 AM");
}

#[test]
fn what_is_no_timestamp_says_why() {
    for (time, expected) in [
        ("", "the year has 4 digits, from 0000 to 9999, and here is the end"),
        ("2017-13-22T00:00:00Z", "the month has 2 digits, from 01 to 12, and here is `13`"),
        ("2017-02-29T00:00:00Z", "the day of month has 2 digits, from 01 to 28, and here is `29`"),
        ("2017-02-28T24:00:00Z", "the hour has 2 digits, from 00 to 23, and here is `24`"),
        ("2017-02-28T1:00:00Z", "the hour has 2 digits, from 00 to 23, and here is `1:`"),
        ("2017-02-28T01:00:60Z", "the second has 2 digits, from 00 to 59, and here is `60`"),
        ("2017-02-28T01:00:00", "`Z` or an offset such as `+02:00` is missing at its end"),
        ("2017-02-28T01:00:00z", "`Z` or an offset such as `+02:00` is missing at its end"),
        ("2017-02-28T01:00:00Zx", "there is more after it: `x`"),
        ("2017-02-28T01:00:00+24:00", "the hour of the offset has 2 digits, from 00 to 23, and here is `24`"),
    ] {
        let expected = format!("it is not a timestamp of RFC 3339: {expected}");
        assert_eq!(answer("formatdate", &["hh", time]), expected, "{time}");
    }
    let said = answer("formatdate", &["hh", "2017-02-28 01:00:00Z"]);
    assert!(said.ends_with("`T` is missing before ` 01:00:00Z`"), "{said}");
}

#[test]
fn instants_are_compared_whatever_their_offset() {
    for (first, second, expected) in [
        ("2017-11-22T00:00:00Z", "2017-11-22T02:00:00+02:00", "0"),
        ("2017-11-22T1:00:00Z", "2017-11-22T00:59:59,5Z", "1"),
        ("2017-11-22T01:00:00+24:60", "2017-11-22T01:00:00Z", "-1"),
        ("2017-11-22T00:00:00.1Z", "2017-11-22T00:00:00Z", "1"),
        ("2017-11-22T00:00:00Z", "2017-11-22T00:00:00-00:01", "-1"),
    ] {
        assert_eq!(answer("timecmp", &[first, second]), expected, "{first} {second}");
    }
}

proptest! {
    #[test]
    fn a_date_is_the_day_that_it_was_made_of(day in -5_000_000_i64..5_000_000) {
        let (year, month, of_month) = date(day);
        prop_assert_eq!(days(year, month, of_month), day);
        prop_assert!((1..=12).contains(&month) && (1..=days_in(year, month)).contains(&of_month));
    }

    #[test]
    fn what_is_written_is_read_again(seconds in -62_000_000_000_i64..250_000_000_000) {
        let written = Timestamp::utc(seconds).to_string();
        prop_assert_eq!(Timestamp::parse(&written), Ok(Timestamp::utc(seconds)));
    }
}
