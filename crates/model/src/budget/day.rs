//! How much all tasks of one identity and template may use in a day, together.

use serde::{Deserialize, Serialize};

use super::{Budget, Spend};
use crate::{Calendar, Timestamp};

/// What the tasks of one identity and template may use in one day, however many there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayBudget {
    /// How much.
    pub limit: Budget,
    /// Whose zone says when a day begins; none is UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
}

impl DayBudget {
    /// Says which day `now` belongs to.
    pub fn day(&self, now: Timestamp) -> Day {
        Day(self.calendar.as_ref().map_or_else(|| now.utc_day(), |it| it.day(now)))
    }
}

/// One day, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i64);

/// What was used on the latest day that anything was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayAccount {
    day: Day,
    spent: Spend,
}

impl DayAccount {
    /// Gives what was used on `day`. A day that is over never comes back: whoever still counts it
    /// meets the one after.
    pub fn spent_on(&self, day: Day) -> Spend {
        if self.day < day { Spend::default() } else { self.spent }
    }

    /// Takes `cost` on `day`.
    pub fn take(&mut self, day: Day, cost: Spend) {
        *self = Self { spent: self.spent_on(day).plus(cost), day: self.day.max(day) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Spend {
        Spend { calls: 1, bytes_out: 3 }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_begins_with_nothing_and_never_comes_back() {
        let mut account = DayAccount::default();
        account.take(Day(7), one());
        account.take(Day(7), one());
        assert_eq!(account.spent_on(Day(7)), Spend { calls: 2, bytes_out: 6 });
        assert_eq!(account.spent_on(Day(8)), Spend::default());
        account.take(Day(8), one());
        assert_eq!(account.spent_on(Day(7)), one(), "yesterday is over");
        account.take(Day(7), one());
        assert_eq!(account.spent_on(Day(8)), Spend { calls: 2, bytes_out: 6 });
    }

    #[test]
    fn a_day_is_the_zones_of_the_calendar_or_of_utc() {
        let limit = Budget::default();
        let utc = DayBudget { limit, calendar: None };
        let calendar = "Mon-Sun 00:00-24:00 Europe/Berlin".parse().ok();
        let berlin = DayBudget { limit, calendar };
        let (evening, night) = (at("2026-11-23T22:59:00Z"), at("2026-11-23T23:01:00Z"));
        assert_eq!(utc.day(evening), utc.day(night));
        assert!(berlin.day(evening) < berlin.day(night));
        assert_eq!(berlin.day(evening), utc.day(evening));
        assert!(utc.day(night) < utc.day(at("2026-11-24T00:00:00Z")));
    }
}
