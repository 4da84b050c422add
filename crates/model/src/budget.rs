//! How much one task may use, and what a call uses of it.

mod day;

use serde::{Deserialize, Serialize};

pub use day::{Day, DayAccount, DayBudget};

/// What a task may use in all; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Calls.
    pub calls: Option<u64>,
    /// Bytes of arguments that are sent.
    pub bytes_out: Option<u64>,
}

/// What was used, or is about to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    /// Calls.
    pub calls: u64,
    /// Bytes of arguments that are sent.
    pub bytes_out: u64,
}

impl Spend {
    /// Adds two amounts; at the end of numbers it stays there, which no budget covers.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(more.calls),
            bytes_out: self.bytes_out.saturating_add(more.bytes_out),
        }
    }
}

impl Budget {
    /// Says whether `used` stays within the budget.
    pub fn covers(&self, used: Spend) -> bool {
        self.calls.is_none_or(|limit| used.calls <= limit)
            && self.bytes_out.is_none_or(|limit| used.bytes_out <= limit)
    }

    /// Gives what is left after `used`.
    #[must_use]
    pub fn less(&self, used: Spend) -> Self {
        Self {
            calls: self.calls.map(|limit| limit.saturating_sub(used.calls)),
            bytes_out: self.bytes_out.map(|limit| limit.saturating_sub(used.bytes_out)),
        }
    }

    /// Gives the smaller of each limit.
    #[must_use]
    pub fn and(&self, other: Self) -> Self {
        Self {
            calls: smaller(self.calls, other.calls),
            bytes_out: smaller(self.bytes_out, other.bytes_out),
        }
    }
}

fn smaller(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (limit, None) | (None, limit) => limit,
    }
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};

    use super::*;

    fn budget() -> impl Strategy<Value = Budget> {
        let limit = || option::of(prop_oneof![0_u64..5, any::<u64>()]);
        (limit(), limit()).prop_map(|(calls, bytes_out)| Budget { calls, bytes_out })
    }

    fn spend() -> impl Strategy<Value = Spend> {
        let amount = || prop_oneof![0_u64..5, any::<u64>()];
        (amount(), amount()).prop_map(|(calls, bytes_out)| Spend { calls, bytes_out })
    }

    proptest! {
        #[test]
        fn the_smaller_of_two_budgets_covers_what_both_cover(
            one in budget(),
            other in budget(),
            used in spend(),
        ) {
            let both = one.covers(used) && other.covers(used);
            prop_assert_eq!(one.and(other).covers(used), both);
            prop_assert_eq!(one.and(other), other.and(one));
        }

        #[test]
        fn what_is_left_covers_exactly_what_the_whole_still_covers(
            budget in budget(),
            used in spend(),
            more in (0_u64..5, 0_u64..5),
        ) {
            let more = Spend { calls: more.0, bytes_out: more.1 };
            let fits = budget.covers(used) && used.calls <= u64::MAX - 5 && used.bytes_out <= u64::MAX - 5;
            prop_assume!(fits);
            prop_assert_eq!(budget.less(used).covers(more), budget.covers(used.plus(more)));
        }
    }

    #[test]
    fn amounts_stay_at_the_end_of_numbers() {
        let all = Spend { calls: u64::MAX, bytes_out: 1 };
        assert_eq!(all.plus(all), Spend { calls: u64::MAX, bytes_out: 2 });
    }
}
