//! What the rounds measured, by name, and which of it is printed.

use std::collections::BTreeMap;

use crate::figures::Spread;

/// The names of the metrics, in the order in which they are explained.
const METRICS: [&str; 17] = [
    "authzen_rps8_1k",
    "authzen_rps64_1k",
    "authzen_rps64_ratio_cerbos_1k",
    "authzen_rps64_ratio_cerbos_10k",
    "authzen_cpu_ratio_cerbos_1k",
    "slowdown_1k_10k",
    "decide_cpu_us_10k",
    "eval_cpu_us_10k",
    "ratio_cedar_1k",
    "ratio_cedar_10k",
    "batch100_ratio",
    "tools_list_cold_ms",
    "tools_list_cached_ms",
    "load_10k_ratio_cerbos",
    "one_policy_change_ms",
    "rss_mib_10k",
    "cerbos_rss_mib_10k",
];

/// What the rounds measured, by name; some of it only explains a metric.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    runs: BTreeMap<String, Vec<f64>>,
}

impl Measured {
    /// Adds one run of what `name` stands for.
    pub(crate) fn add(&mut self, name: impl Into<String>, number: f64) {
        self.runs.entry(name.into()).or_default().push(number);
    }

    /// Adds how many times `below` the first is; over nothing it says nothing.
    pub(crate) fn add_ratio(&mut self, name: impl Into<String>, above: f64, below: f64) {
        if 0.0 < below {
            self.add(name, above / below);
        }
    }

    /// Gives the median of what `name` stands for, once it was measured.
    pub(crate) fn median(&self, name: &str) -> Option<f64> {
        Spread::of(self.runs.get(name)?).map(|it| it.median)
    }

    /// Gives all there is, metrics and what explains them.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, Spread)> {
        self.runs.iter().filter_map(|(name, runs)| Some((name.as_str(), Spread::of(runs)?)))
    }

    /// Gives the metrics, those that were measured.
    pub(crate) fn metrics(&self) -> Vec<(String, Spread)> {
        let spread = |name: &str| Spread::of(self.runs.get(name)?);
        METRICS.iter().filter_map(|it| Some(((*it).to_owned(), spread(it)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_are_the_contracts_and_each_is_printed_once_it_is_measured() {
        let mut measured = Measured::default();
        assert!(measured.metrics().is_empty());
        measured.add("compile_ms_10k", 3.0);
        for name in METRICS {
            measured.add(name, 1.0);
        }
        let metrics = measured.metrics();
        let names: Vec<&str> = metrics.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, METRICS);
        assert_eq!(measured.all().count(), METRICS.len() + 1);
    }

    #[test]
    fn a_ratio_over_nothing_is_none() {
        let mut measured = Measured::default();
        measured.add_ratio("ratio_cedar_1k", 1.0, 0.0);
        assert!(measured.metrics().is_empty());
    }
}
