//! What the rounds measured, by name, and which of it is printed.

use std::collections::BTreeMap;

use crate::{figures::Spread, peers};

/// The names of the metrics, in the order in which they are explained.
const METRICS: [&str; 13] = [
    "cpu_us_per_call",
    "cpu_us_per_call_1",
    "cpu_us_per_call_64",
    "overhead_p50_us",
    "overhead_p99_us",
    "fdatasync_p50_us",
    "calls_per_s_64",
    "direct_calls_per_s_64",
    "rss_idle_mib",
    "first_verdict_ms",
    "binary_mib",
    "ledger_appends_per_s_64",
    "ledger_ratio_raw_file",
];

/// What is printed of each peer, its name behind each.
const OF_A_PEER: [&str; 7] = [
    "cpu_ratio",
    "calls_ratio",
    "overhead_p50_ratio",
    "overhead_p99_ratio",
    "rss_ratio",
    "start_ratio",
    "concurrency",
];

/// What the rounds measured, by name; some of it only explains a metric.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    runs: BTreeMap<String, Vec<f64>>,
}

impl Measured {
    /// Adds one run of what `name` stands for.
    pub(crate) fn add(&mut self, name: &str, number: f64) {
        self.runs.entry(name.to_owned()).or_default().push(number);
    }

    /// Adds a ratio; one over nothing says nothing.
    pub(crate) fn add_ratio(&mut self, name: &str, above: f64, below: f64) {
        if 0.0 < below {
            self.add(name, above / below);
        }
    }

    /// Gives every run of what `name` stands for.
    pub(crate) fn runs(&self, name: &str) -> &[f64] {
        self.runs.get(name).map_or(&[], Vec::as_slice)
    }

    /// Gives the latest run, where there was one.
    pub(crate) fn latest(&self, name: &str) -> Option<f64> {
        self.runs(name).last().copied()
    }

    /// Forgets what was measured under `name`.
    pub(crate) fn forget(&mut self, name: &str) {
        self.runs.remove(name);
    }

    /// Forgets all that was measured of a peer.
    pub(crate) fn forget_peer(&mut self, peer: &str) {
        let end = of_peer("", peer);
        self.runs.retain(|name, _| !name.ends_with(&end));
    }

    fn spread(&self, name: &str) -> Option<Spread> {
        Spread::of(self.runs(name))
    }

    /// Processor time of a call: the costlier of one connection and many.
    pub(crate) fn costlier(&mut self) {
        let pair = ["cpu_us_per_call_1", "cpu_us_per_call_64"];
        self.choose("cpu_us_per_call", pair, |alone, many| alone < many);
    }

    /// How many times our processor time of a call a peer takes: the lesser of one connection and
    /// many.
    pub(crate) fn lesser(&mut self, peer: &str) {
        let [alone, many] = ["cpu_ratio_1", "cpu_ratio_many"].map(|it| of_peer(it, peer));
        let name = of_peer("cpu_ratio", peer);
        self.choose(&name, [&alone, &many], |alone, many| many < alone);
    }

    /// Takes the runs of one of a pair as those of `name`: `second` is asked with both medians.
    fn choose(&mut self, name: &str, [a, b]: [&str; 2], second: fn(f64, f64) -> bool) {
        let (Some(of_a), Some(of_b)) = (self.spread(a), self.spread(b)) else { return };
        let chosen = if second(of_a.median, of_b.median) { b } else { a };
        self.runs.insert(name.to_owned(), self.runs(chosen).to_vec());
    }

    /// Gives all there is, metrics and what explains them.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, Spread)> {
        self.runs.iter().filter_map(|(name, runs)| Some((name.as_str(), Spread::of(runs)?)))
    }

    /// Gives the metrics, those that were measured.
    pub(crate) fn metrics(&self) -> Vec<(String, Spread)> {
        let ours = METRICS.iter().map(|it| (*it).to_owned());
        let theirs = peers::NAMES.iter().flat_map(|peer| OF_A_PEER.map(|it| of_peer(it, peer)));
        let named = ours.chain(theirs);
        named.filter_map(|name| self.spread(&name).map(|spread| (name, spread))).collect()
    }
}

/// Names what is measured of a peer.
pub(crate) fn of_peer(name: &str, peer: &str) -> String {
    format!("{name}_{peer}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_are_the_contracts_and_each_is_printed_once_it_is_measured() {
        let mut measured = Measured::default();
        assert!(measured.metrics().is_empty());
        for name in METRICS {
            measured.add(name, 1.0);
        }
        measured.add("raw_file_appends_per_s_64", 2.0);
        let metrics = measured.metrics();
        let names: Vec<&str> = metrics.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, METRICS);
    }

    #[test]
    fn a_peer_that_is_left_out_leaves_nothing_behind() {
        let mut measured = Measured::default();
        for peer in peers::NAMES {
            measured.add(&of_peer("cpu_ratio", peer), 2.0);
            measured.add(&of_peer("cpu_us_per_call_1", peer), 2.0);
        }
        measured.add("calls_per_s_64", 1.0);
        measured.forget_peer("hangar");
        let left: Vec<&str> = measured.all().map(|(name, _)| name).collect();
        let of_the_other = ["cpu_ratio_contextforge", "cpu_us_per_call_1_contextforge"];
        assert_eq!(left, [&["calls_per_s_64"], &of_the_other[..]].concat());
        let metrics = measured.metrics();
        let names: Vec<&str> = metrics.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["calls_per_s_64", "cpu_ratio_contextforge"]);
    }

    #[test]
    fn a_call_costs_what_it_costs_where_it_costs_more() {
        let mut measured = Measured::default();
        for (alone, many) in [(1.0, 4.0), (5.0, 4.5), (9.0, 20.0)] {
            measured.add("cpu_us_per_call_1", alone);
            measured.add("cpu_us_per_call_64", many);
        }
        measured.costlier();
        assert_eq!(measured.spread("cpu_us_per_call").map(|it| it.median), Some(5.0));
    }

    #[test]
    fn a_peer_costs_as_many_times_more_as_it_does_where_that_is_less() {
        let mut measured = Measured::default();
        for (alone, many) in [(90.0, 200.0), (80.0, 10.0), (70.0, 300.0)] {
            measured.add("cpu_ratio_1_hangar", alone);
            measured.add("cpu_ratio_many_hangar", many);
        }
        measured.lesser("hangar");
        assert_eq!(measured.spread("cpu_ratio_hangar").map(|it| it.median), Some(80.0));
        measured.lesser("contextforge");
        assert_eq!(measured.spread("cpu_ratio_contextforge"), None);
    }

    #[test]
    fn a_ratio_over_nothing_is_none() {
        let mut measured = Measured::default();
        measured.add_ratio("a", 3.0, 0.0);
        measured.add_ratio("a", 3.0, -1.0);
        assert_eq!(measured.latest("a"), None);
        measured.add_ratio("a", 3.0, 2.0);
        assert_eq!(measured.latest("a"), Some(1.5));
    }
}
