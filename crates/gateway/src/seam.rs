//! Where tests have the gateway break: in a build for debugging, the place that `BAILIWICK_BREAK`
//! names panics, once. A release has none of it.

/// Passes a place.
#[cfg(not(debug_assertions))]
pub const fn pass(_place: &str) {}

/// Passes a place.
///
/// # Panics
///
/// The first time, where the environment names the place.
#[cfg(debug_assertions)]
pub fn pass(place: &str) {
    use std::sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    };
    static NAMED: LazyLock<Option<String>> =
        LazyLock::new(|| std::env::var("BAILIWICK_BREAK").ok());
    static BROKEN: AtomicBool = AtomicBool::new(false);
    let breaks = NAMED.as_deref() == Some(place) && !BROKEN.swap(true, Ordering::AcqRel);
    // What a panic says may hold a caller's secret: nobody may read it.
    assert!(!breaks, "ghp_0123456789abcdefghijklmnopqrstuvwxAB at {place}");
}
