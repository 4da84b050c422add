//! What several runs measured, by name, and how it is told.

use std::time::Duration;

use anyhow::Context as _;

use crate::{
    figures::{Spread, percentile},
    tell,
};

/// The parts of all measurements that are told, in thousandths, and how their names end.
const SHARES: [(&str, usize); 3] = [("p50", 500), ("p99", 990), ("max", 1000)];

/// Figures by name, one for each run.
#[derive(Debug, Default)]
pub(crate) struct Rows(Vec<(String, Vec<f64>)>);

impl Rows {
    /// Adds a figure of one run.
    pub(crate) fn add(&mut self, name: &str, figure: f64) {
        match self.0.iter_mut().find(|it| it.0 == name) {
            Some((_, runs)) => runs.push(figure),
            None => self.0.push((name.to_owned(), vec![figure])),
        }
    }

    /// Adds what half, nearly all and all of one run's measurements do not exceed, in milliseconds where
    /// the name ends so, and else in microseconds.
    pub(crate) fn add_shares(&mut self, name: &str, measured: &[Duration]) -> anyhow::Result<()> {
        for (end, permille) in SHARES {
            self.add(&format!("{name}_{end}"), share(name, measured, permille)?);
        }
        Ok(())
    }

    /// Adds what half of one run's measurements do not exceed.
    pub(crate) fn add_middle(&mut self, name: &str, measured: &[Duration]) -> anyhow::Result<()> {
        self.add(&format!("{name}_p50"), share(name, measured, 500)?);
        Ok(())
    }

    /// Says on standard error how far the runs lay apart, and gives the metrics.
    pub(crate) fn told(self) -> anyhow::Result<Vec<(String, Spread)>> {
        let spread = |(name, runs): (String, Vec<f64>)| {
            let spread = Spread::of(&runs).context("nothing was measured")?;
            tell(&format!("    {name}: {spread}"));
            Ok((name, spread))
        };
        self.0.into_iter().map(spread).collect()
    }
}

fn share(name: &str, measured: &[Duration], permille: usize) -> anyhow::Result<f64> {
    let micros = percentile(measured, permille);
    let micros = micros.with_context(|| format!("nothing was measured of `{name}`"))?;
    Ok(if name.ends_with("_ms") { micros / 1000.0 } else { micros })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_adds_its_shares_in_the_unit_of_the_name() {
        let measured: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        let mut rows = Rows::default();
        for _ in 0..2 {
            rows.add_shares("a_ms", &measured).unwrap();
            rows.add_middle("b_us", &measured).unwrap();
        }
        let told: Vec<_> = rows.0.iter().map(|(name, it)| (name.as_str(), it.clone())).collect();
        let wanted = [
            ("a_ms_p50", vec![100.0; 2]),
            ("a_ms_p99", vec![198.0; 2]),
            ("a_ms_max", vec![200.0; 2]),
            ("b_us_p50", vec![100_000.0; 2]),
        ];
        assert_eq!(told, wanted);
    }

    #[test]
    fn where_nothing_was_measured_there_is_no_figure() {
        assert!(Rows::default().add_shares("a_ms", &[]).is_err());
    }
}
