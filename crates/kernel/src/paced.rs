//! How often a task did what a rate bounds.

use std::collections::{BTreeMap, VecDeque};

use bailiwick_model::{Rate, Timestamp};

/// The latest calls that each rate counts, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paced(BTreeMap<String, VecDeque<Timestamp>>);

impl Paced {
    /// How many calls of one rate are remembered; no rate allows more in its time.
    pub const MOST: usize = 10_000;

    /// Takes note of a call that counts under the rate of this name.
    pub fn take(&mut self, name: &str, at: Timestamp) {
        let calls = self.0.entry(name.to_owned()).or_default();
        calls.push_back(at);
        if Self::MOST < calls.len() {
            calls.pop_front();
        }
    }

    /// Says whether one more call keeps `rate`.
    pub fn keeps(&self, rate: &Rate, now: Timestamp) -> bool {
        let counts = |at: &&Timestamp| now < at.after(rate.per);
        let calls = self.0.get(&rate.name);
        let count = calls.map_or(0, |it| it.iter().rev().take_while(counts).count());
        u64::try_from(count).is_ok_and(|it| it < rate.calls)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Law 12.
        #[test]
        fn no_span_of_time_ever_holds_one_call_more_than_its_rate_allows(
            calls in 0_u64..4,
            per in 1_u64..20,
            pauses in prop::collection::vec(0_i64..6, 0..60),
        ) {
            let rate = Rate { name: "r".to_owned(), calls, per: Duration::from_secs(per) };
            let (mut paced, mut now, mut made) = (Paced::default(), 0_i64, Vec::new());
            for pause in pauses {
                now = now.saturating_add(pause);
                let at = Timestamp::from_millis(now.saturating_mul(1000));
                let window = |it: &&i64| now.saturating_sub(**it) < i64::try_from(per).unwrap();
                let before = made.iter().filter(window).count();
                let keeps = paced.keeps(&rate, at);
                prop_assert_eq!(keeps, u64::try_from(before).unwrap() < calls);
                if keeps {
                    paced.take("r", at);
                    made.push(now);
                }
            }
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut paced = Paced::default();
        for second in 0..20_000 {
            paced.take("r", Timestamp::from_millis(second));
        }
        assert_eq!(paced.0["r"].len(), Paced::MOST);
    }
}
