//! Detectors: each notices one way in which behaviour leaves its baseline.
//!
//! A detector is one file below this one and one line in [`DETECTORS`].

use bailiwick_model::{AccessRequest, Verdict};

/// Notices one thing.
#[derive(Clone, Copy, Debug)]
pub struct Detector {
    /// Its code, such as `D-004`.
    pub code: &'static str,
    /// What it notices, in a few words.
    pub title: &'static str,
    /// Looks at one request.
    pub run: fn(&AccessRequest) -> Option<Verdict>,
}

/// What a detector noticed, and what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftFinding {
    /// The detector's code.
    pub detector: &'static str,
    /// What it asks for.
    pub verdict: Verdict,
}

/// Every detector that runs. None is built yet; the judgement asks them all the same.
pub const DETECTORS: &[Detector] = &[];

/// Asks every one of `detectors` about `request`.
pub fn detect(detectors: &[Detector], request: &AccessRequest) -> Vec<DriftFinding> {
    detectors
        .iter()
        .filter_map(|it| {
            (it.run)(request).map(|verdict| DriftFinding { detector: it.code, verdict })
        })
        .collect()
}
