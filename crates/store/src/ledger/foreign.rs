//! The files of a ledger as foreign bytes: each is read as at a start, and as by a query.

use std::path::Path;

use bailiwick_model::Digest;

use super::{
    encode::{self, Outline},
    layout::{HEADER, Header},
    sidecar::{self, Wanted},
    survey,
    window::Window,
};

/// A segment, behind whose header anything may follow.
pub(crate) fn segment(bytes: &[u8], path: &Path) {
    let Ok(header) = bytes.get(..HEADER).map_or(Err("short"), Header::read) else { return };
    let Ok(Some(window)) = Window::open(path, Window::SHORT) else { return };
    let mut seen = 0_u64;
    let surveyed = survey::of_window(window, &header, &mut |_, _, _| {
        seen = seen.saturating_add(1);
        None
    });
    if let Ok(survey) = surveyed {
        let kept = u64::try_from(survey.index.places.len()).unwrap_or(u64::MAX);
        assert!(kept <= seen, "the index holds more records than were read");
    }
}

/// The index of a sealed segment.
pub(crate) fn index(path: &Path) {
    let Ok(Some(summary)) = sidecar::read(path, 1) else { return };
    let lease = Wanted::Lease(1, summary.times.0);
    for wanted in [Wanted::Task(0), lease, Wanted::Decision(u64::MAX), Wanted::Landmarks] {
        let _found = sidecar::find(path, &summary, wanted);
    }
}

/// The body of a record. What can be read whole has the outline that was kept beside it.
pub(crate) fn record(bytes: &[u8]) {
    let outline = Outline::of(1, 1, bytes);
    if let Ok(record) = encode::decode(1, 1, bytes) {
        assert_eq!(outline, Some(Outline::whole(&record)), "an outline of something else");
    }
}

/// Gives `bytes` the digest that an index ends with: it keeps out damage, not a writer who knows
/// how it is made.
pub(crate) fn with_digest(bytes: &[u8]) -> Vec<u8> {
    [bytes, Digest::of(bytes).as_bytes().as_slice()].concat()
}
