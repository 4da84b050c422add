//! Figures out of many measurements: percentiles, medians, and how far they lie apart.

use std::{fmt, time::Duration};

use serde_json::{Map, Number, Value};

/// What several runs measured of one thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// The one in the middle.
    pub(crate) median: f64,
    min: f64,
    max: f64,
    runs: usize,
}

impl Spread {
    /// Looks at the runs; none where there were no runs.
    pub(crate) fn of(runs: &[f64]) -> Option<Self> {
        let mut sorted = runs.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let upper = *sorted.get(sorted.len() / 2)?;
        let lower = *sorted.get(sorted.len().saturating_sub(1) / 2)?;
        Some(Self { median: f64::midpoint(lower, upper), min, max, runs: sorted.len() })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, min, max] = [self.median, self.min, self.max].map(shortened);
        write!(out, "{median} ({min}–{max}, {} runs)", self.runs)
    }
}

/// Gives the smallest measurement that `permille` of all do not exceed, in microseconds.
pub(crate) fn percentile(measured: &[Duration], permille: usize) -> Option<f64> {
    let mut sorted = measured.to_vec();
    sorted.sort();
    let rank = sorted.len().saturating_mul(permille).div_ceil(1000).max(1);
    sorted.get(rank.saturating_sub(1)).copied().map(micros)
}

/// Gives a length of time in microseconds.
pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Gives how often something happened in a second.
pub(crate) fn per_second(count: u32, within: Duration) -> f64 {
    f64::from(count) / within.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// Leaves out digits that say nothing: three are enough for small numbers, units for large ones.
fn shortened(number: f64) -> f64 {
    let unit = match number.abs() {
        it if it >= 100.0 => 1.0,
        it if it >= 10.0 => 10.0,
        it if it >= 1.0 => 100.0,
        _ => 1000.0,
    };
    (number * unit).round() / unit
}

/// Gives the metrics as an object that holds numbers and nothing else.
pub(crate) fn object(metrics: &[(String, Spread)]) -> Option<Value> {
    let one = |(name, spread): &(String, Spread)| {
        let number = Number::from_f64(shortened(spread.median))?;
        Some((name.clone(), Value::Number(number)))
    };
    metrics.iter().map(one).collect::<Option<Map<String, Value>>>().map(Value::Object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(runs: &[f64]) -> Spread {
        Spread::of(runs).unwrap()
    }

    #[test]
    fn the_median_is_the_middle_and_the_ends_are_shown() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]).to_string(), "2 (1–3, 3 runs)");
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]).to_string(), "2.5 (1–4, 4 runs)");
        assert_eq!(spread(&[7.0]).to_string(), "7 (7–7, 1 runs)");
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn a_percentile_is_one_of_the_measurements() {
        let measured: Vec<Duration> = (1..=200).rev().map(Duration::from_micros).collect();
        let at = |permille| percentile(&measured, permille).unwrap().round().to_string();
        assert_eq!([0, 500, 990, 1000].map(at), ["1", "100", "198", "200"]);
        assert_eq!(percentile(&[], 500), None);
    }

    #[test]
    fn digits_that_say_nothing_are_left_out() {
        let numbers = [1234.56, 123.4, 12.34, 1.234, 0.1234, -0.5, 0.0];
        let wanted = ["1235", "123", "12.3", "1.23", "0.123", "-0.5", "0"];
        assert_eq!(numbers.map(|it| shortened(it).to_string()), wanted);
    }

    #[test]
    fn the_object_holds_numbers_and_nothing_else() {
        let metrics = [("b".into(), spread(&[1.5])), ("a".into(), spread(&[150.2, 2.0, 300.0]))];
        assert_eq!(object(&metrics).unwrap(), serde_json::json!({"a": 150.0, "b": 1.5}));
    }

    #[test]
    fn what_is_not_a_number_is_not_printed() {
        assert_eq!(object(&[("ratio".into(), spread(&[f64::NAN]))]), None);
        assert_eq!(object(&[("ratio".into(), spread(&[f64::INFINITY]))]), None);
    }

    #[test]
    fn rates_and_times_are_in_their_units() {
        assert!((per_second(500, Duration::from_millis(250)) - 2000.0).abs() < 1e-6);
        assert!((micros(Duration::from_nanos(1500)) - 1.5).abs() < 1e-9);
    }
}
