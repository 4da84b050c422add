//! Days and hours, past midnight and across clock changes.
#![expect(clippy::arithmetic_side_effects, reason = "the numbers of a test are small")]

use proptest::prelude::*;

use super::*;

fn calendar(text: &str) -> Calendar {
    text.parse().unwrap()
}

#[track_caller]
fn check(text: &str, inside: &[&str], outside: &[&str]) {
    let calendar = calendar(text);
    for (moments, expected) in [(inside, true), (outside, false)] {
        for moment in moments {
            let now = moment.parse().unwrap();
            assert_eq!(calendar.contains(now), expected, "`{text}` at {moment}");
        }
    }
}

#[test]
fn office_hours_follow_the_zones_clock() {
    check(
        "Mon-Fri 06:00-22:00 Europe/Berlin",
        &["2026-11-23T05:00:00Z", "2026-11-23T20:59:59.999Z", "2026-07-06T04:00:00Z"],
        &[
            "2026-11-23T04:59:59.999Z",
            "2026-11-23T21:00:00Z",
            "2026-11-22T12:00:00Z",
            "2026-07-06T20:00:00Z",
        ],
    );
}

#[test]
fn an_hour_that_the_clock_skips_never_comes() {
    // On 2026-03-29 Berlin goes from 02:00 to 03:00 at 01:00 UTC.
    check(
        "Sun 02:00-03:00 Europe/Berlin",
        &["2026-03-22T01:30:00Z", "2026-04-05T00:30:00Z"],
        &["2026-03-29T00:59:59.999Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"],
    );
}

#[test]
fn an_hour_that_the_clock_repeats_comes_twice() {
    // On 2026-10-25 Berlin goes from 03:00 back to 02:00 at 01:00 UTC.
    check(
        "Sun 02:00-03:00 Europe/Berlin",
        &[
            "2026-10-25T00:00:00Z",
            "2026-10-25T00:59:59Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T01:59:59Z",
        ],
        &["2026-10-24T23:59:59Z", "2026-10-25T02:00:00Z"],
    );
}

#[test]
fn hours_past_midnight_belong_to_the_day_they_start_on() {
    check(
        "Fri 22:00-06:00 UTC",
        &["2026-11-27T22:00:00Z", "2026-11-28T00:00:00Z", "2026-11-28T05:59:59Z"],
        &[
            "2026-11-27T05:00:00Z",
            "2026-11-27T21:59:59Z",
            "2026-11-28T06:00:00Z",
            "2026-11-28T22:00:00Z",
        ],
    );
    check("Sun 23:00-01:00 UTC", &["2026-11-23T00:30:00Z"], &["2026-11-22T00:30:00Z"]);
}

#[test]
fn days_may_run_over_the_end_of_the_week_and_be_listed() {
    check(
        "Fri-Mon 09:00-10:00 UTC",
        &[
            "2026-11-27T09:00:00Z",
            "2026-11-28T09:00:00Z",
            "2026-11-29T09:00:00Z",
            "2026-11-30T09:00:00Z",
        ],
        &["2026-11-24T09:00:00Z", "2026-11-26T09:00:00Z"],
    );
    check(
        "Mon,Wed,Sat-Sun 09:00-10:00 UTC",
        &["2026-11-23T09:00:00Z", "2026-11-25T09:00:00Z", "2026-11-29T09:59:59Z"],
        &["2026-11-24T09:00:00Z", "2026-11-27T09:00:00Z"],
    );
}

#[test]
fn a_whole_day_ends_at_24_00() {
    check(
        "Tue 00:00-24:00 UTC",
        &["2026-11-24T00:00:00Z", "2026-11-24T23:59:59.999Z"],
        &["2026-11-23T23:59:59.999Z", "2026-11-25T00:00:00Z"],
    );
    check("Tue 00:00-00:00 UTC", &["2026-11-24T12:00:00Z"], &["2026-11-25T00:00:00Z"]);
}

#[test]
fn what_is_not_a_calendar_is_refused_with_the_part_that_is_wrong() {
    for (text, why) in [
        ("", "three parts"),
        ("Mon 09:00-10:00", "three parts"),
        ("Mon 09:00-10:00 UTC now", "three parts"),
        ("Monday 09:00-10:00 UTC", "`Monday` is not days"),
        ("mon 09:00-10:00 UTC", "`mon` is not days"),
        ("Mon- 09:00-10:00 UTC", "is not days"),
        ("Mon,,Tue 09:00-10:00 UTC", "is not days"),
        ("Mon 9:00-10:00 UTC", "is not hours"),
        ("Mon 09:60-10:00 UTC", "is not hours"),
        ("Mon 09:00-24:01 UTC", "is not hours"),
        ("Mon 09:00-25:00 UTC", "is not hours"),
        ("Mon 09.00-10.00 UTC", "is not hours"),
        ("Mon +9:00-10:00 UTC", "is not hours"),
        ("Mon 09:00-10:00 Mars/Olympus", "`Mars/Olympus` is no time zone"),
    ] {
        let error = text.parse::<Calendar>().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

proptest! {
    /// In UTC, days and minutes can be counted without a calendar.
    #[test]
    fn in_utc_it_agrees_with_counting(
        millis in -4_000_000_000_000_i64..8_000_000_000_000,
        day in 0_usize..7,
        from in 0_i64..1440,
        to in 0_i64..=1440,
    ) {
        let hours = |it: i64| format!("{:02}:{:02}", it / 60, it % 60);
        let calendar = calendar(&format!("{} {}-{} UTC", DAYS[day], hours(from), hours(to)));
        // 1970-01-01 was a Thursday; weeks are counted from the Monday before.
        let minute = (millis + 3 * 86_400_000).div_euclid(60_000).rem_euclid(7 * 1440);
        let start = i64::try_from(day).unwrap() * 1440 + from;
        let length = if from < to { to - from } else { to + 1440 - from };
        let expected = (minute - start).rem_euclid(7 * 1440) < length;
        prop_assert_eq!(calendar.contains(Timestamp::from_millis(millis)), expected);
    }

    #[test]
    fn it_is_written_as_it_was_read(text in "(Mon|Fri-Mon|Sat,Sun) 0[0-9]:[0-5][0-9]-1[0-9]:00 (UTC|Europe/Berlin)") {
        let calendar = calendar(&text);
        prop_assert_eq!(calendar.to_string(), text.clone());
        let written = serde_json::to_string(&calendar).unwrap();
        prop_assert_eq!(serde_json::from_str::<Calendar>(&written).unwrap(), calendar);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), millis in any::<i64>()) {
        if let Ok(calendar) = text.parse::<Calendar>() {
            let _ = calendar.contains(Timestamp::from_millis(millis));
        }
    }
}
